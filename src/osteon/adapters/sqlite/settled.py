"""How large each tenant's file was when it was last settled.

The log may have given up since what the file holds, so nothing else could tell that the file was lost. It never becomes smaller.
"""

import msgspec

from osteon.adapters.sqlite.connections import Connections
from osteon.model import TenantId
from osteon.ports.disk import Disk, put_file
from osteon.ports.filing import LostFile

__all__ = ["SETTLED", "SettledFiles"]

SETTLED = "settled"
_SIZES = msgspec.json.Decoder(dict[TenantId, int])


class SettledFiles:
    """Remembers the sizes in a file of the data folder."""

    def __init__(self, disk: Disk, connections: Connections) -> None:
        """Looks at the files below `connections`."""
        self._disk = disk
        self._connections = connections
        self._sizes: dict[TenantId, int] = {}

    def expect(self) -> None:
        """Looks whether each file is as large as it was.

        Raises:
            LostFile: One is gone, or smaller.
        """
        self._sizes = self._read()
        for tenant, size in self._sizes.items():
            found = self._connections.size(tenant)
            if found < size:
                raise LostFile(tenant, found, size)

    def remember(self) -> None:
        """Every tenant's file is on the platter as it is now."""
        sizes = {tenant: self._connections.size(tenant) for tenant in self._connections.tenants()}
        if sizes != self._sizes:
            put_file(self._disk, SETTLED, msgspec.json.encode(sizes))
            self._sizes = sizes

    def _read(self) -> dict[TenantId, int]:
        try:
            file = self._disk.open(SETTLED)
        except FileNotFoundError:
            return {}
        try:
            return _SIZES.decode(file.read(0, file.size()))
        except msgspec.DecodeError:
            # It only ever tells of a loss; broken, it tells of none, and is written anew.
            return {}
        finally:
            file.close()
