"""Backups: the real copying of an installation beside its server, in a process of its own that others interrupt.

Only what goes through the ports is simulated: the log is followed, the tenants' files and the keys are copied. That the copy is
verified, sealed by a manifest and put in place are matters of real files, and are tested with those.
"""

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from contextvars import Context
from pathlib import Path
from typing import Any

import apsw

from osteon.adapters.commitlog import Retired
from osteon.adapters.sqlite import Connections, Settings
from osteon.app import backup
from osteon.model import OsteonError, TenantId
from osteon.ports.disk import Disk, File, Lock
from osteon.ports.keyring import Keyring
from tests.simulation.disk import Inode, Platter, SimDisk
from tests.simulation.loop import SimLoop
from tests.simulation.machine import Machine, SharedConnections, SimEntropy
from tests.simulation.patching import Patch, patched
from tests.simulation.world import Killed

__all__ = ["Backup"]

KEYS, INSTALLATION = "keys", "keys/installation.key"
_DATA = Path("data")
_ATTEMPTS = 3
_STEPS = 12


class Backup:
    """A backup that is made, from `begun` on, until it is `whole` or its process ends."""

    def __init__(self, machine: Machine, open_files: Callable[[], SharedConnections | None]) -> None:
        """Begins; `open_files` gives the connections of whoever serves now, as a file has one connection only."""
        self._machine = machine
        self._world = machine.world
        self._open_files = open_files
        self._loop: SimLoop = machine.loop("backup")
        self._draws = self._world.stream("backup")
        self._folder = f"backup-{self._world.number()}"
        self._undisturbed = 0
        self.process = self._loop.process
        self.begun = self._world.steps
        self.whole = False
        # A context of its own, as others have their turns in the middle of it.
        self._loop.call_soon(self._work, context=Context())

    def image(self, platter: Platter) -> Platter:
        """A disk that has nothing but the backup, and the installation's key."""
        restored = Platter(self._world)
        names = {
            name.removeprefix(f"{self._folder}/"): inode
            for name, inode in platter.durable_names.items()
            if name.startswith(f"{self._folder}/")
        }
        for name, inode in {**names, INSTALLATION: platter.names[INSTALLATION]}.items():
            copy = Inode(self._world.number(), name)
            copy.cache, copy.durable = bytearray(inode.durable), bytearray(inode.durable)
            restored.names[name] = restored.durable_names[name] = copy
            for folder in (str(each) for each in Path(name).parents):
                restored.folders["" if folder == "." else folder] = None
        return restored

    def _work(self) -> None:
        world = self._world
        world.say(self.process.name, "begins")
        try:
            for _ in range(_ATTEMPTS):
                try:
                    self._copy()
                    break
                except (Retired, FileNotFoundError):
                    world.hit("backup overtaken")
                    self._folder = f"backup-{world.number()}"
            else:
                return
        except (OSError, apsw.Error, OsteonError, SystemError) as fault:
            # The last: what a VFS in Python raises while a copy is closed comes out as that.
            if self.process.dead:
                raise Killed from None
            world.hit("backup failed")
            world.say(self.process.name, "fails: {}: {}", type(fault).__name__, fault)
            return
        self.whole = True
        world.hit("backup made")
        world.say(self.process.name, "is whole")

    def _copy(self) -> None:
        with self._simulated():
            copy: Any = vars(backup)["_copy"]
            copy(_DATA, Path(self._folder), self._key(), _told, None)
        source, target = self._disk(_DATA), self._disk(self._folder)
        target.make_folder(KEYS)
        for name in source.names(KEYS):
            if name.endswith(".key") and f"{KEYS}/{name}" != INSTALLATION:
                _copy_file(source, target, f"{KEYS}/{name}")
        target.sync_folder(KEYS)

    @contextmanager
    def _simulated(self) -> Generator[None]:
        """Has the copying use the simulated disk; what stands beside a history are heads, which nobody makes here."""
        patches = [
            Patch(backup, "SystemDisk", self._disk),
            Patch(backup, "SystemEntropy", lambda: SimEntropy("backup")),
            Patch(backup, "Connections", self._connections),
            Patch(backup, "_copy_beside", _nothing),
        ]
        with patched(patches):
            yield

    def _disk(self, folder: "Path | str") -> Disk:
        prefix = "" if folder == _DATA else f"{folder}/"
        return _Disturbed(SimDisk(self._machine.platter), prefix, self._disturb)

    def _connections(self, disk: Disk, folder: str, keyring: Keyring, settings: Settings) -> "_Copying":
        settings = Settings(writable=True, vfs=self._machine.vfs_name, encrypted=False, exclusive=True)
        connections = SharedConnections(disk, "" if folder == str(_DATA) else folder, keyring, settings)
        self._machine.kept(connections)
        return _Copying(connections, self)

    def _key(self) -> bytes:
        return bytes(self._machine.platter.names[INSTALLATION].cache)

    def _disturb(self) -> None:
        """Lets others have some turns; it may be killed in one of them."""
        world = self._world
        turns = self._draws.below(_STEPS)
        if turns and not self._undisturbed:
            until = world.steps + turns
            world.run(lambda: world.steps >= until or self.process.dead or bool(world.broken), 1.0)
            world.current = self.process
            world.running(self.process)
            if self.process.dead or world.over:
                raise Killed

    def copied(self, tenant: TenantId, own: SharedConnections, to: Connections, told: Any) -> bool:
        """Copies a tenant's file as it is at this moment: the simulated file has one connection, so nobody interrupts."""
        self._disturb()
        self._undisturbed += 1
        try:
            return (self._open_files() or own).copy(tenant, to, told)
        finally:
            # Whoever serves next opens the file anew.
            own.lose()
            self._undisturbed -= 1


class _Copying:
    """As much of `Connections` as copying needs."""

    def __init__(self, connections: SharedConnections, making: Backup) -> None:
        self._connections, self._making = connections, making
        self.tenants = connections.tenants
        self.close = connections.close

    def copy(self, tenant: TenantId, to: "_Copying", copied: Callable[[int, int], None]) -> bool:
        return self._making.copied(tenant, self._connections, to._connections, copied)


class _Disturbed:
    """A folder of a disk; before each operation others have their turns."""

    def __init__(self, disk: SimDisk, prefix: str, disturb: Callable[[], None]) -> None:
        self._disk, self._prefix, self._disturb = disk, prefix, disturb

    def create(self, path: str) -> File:
        self._disturb()
        return self._disk.create(self._prefix + path)

    def open(self, path: str, *, writable: bool = False) -> File:
        self._disturb()
        return self._disk.open(self._prefix + path, writable=writable)

    def names(self, folder: str) -> list[str]:
        self._disturb()
        return self._disk.names(self._prefix + folder)

    def make_folder(self, path: str) -> None:
        self._disk.make_folder(self._prefix + path)

    def rename(self, path: str, other: str) -> None:
        self._disk.rename(self._prefix + path, self._prefix + other)

    def remove(self, path: str) -> None:
        self._disk.remove(self._prefix + path)

    def sync_folder(self, folder: str) -> None:
        self._disturb()
        self._disk.sync_folder(self._prefix + folder)

    def lock(self, path: str) -> Lock:
        return self._disk.lock(self._prefix + path)


def _nothing(data: Path, to: Path, tenant: TenantId) -> None:
    """In place of `_copy_beside`."""


def _told(what: str, count: int) -> None:
    """Nobody waits for the backup."""


def _copy_file(source: Disk, target: Disk, path: str) -> None:
    with closing(source.open(path)) as file:
        content = file.read(0, file.size())
    with closing(target.create(path)) as file:
        file.write(0, content)
        file.sync()
