"""Peer L driven: Granian with the program in `apps/limit.py`."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import processes
from benchmarks.environment import peers_python
from benchmarks.errors import Missing
from benchmarks.load.wrk import Known, Load
from benchmarks.peers import NOTES_EACH, PEOPLE, Kind, Place, Serving, Verification
from benchmarks.peers.notes import Caller, ask
from benchmarks.wire import fresh, reached

APPS = Path(__file__).with_name("apps")


class Limit:
    """Peer L: what HTTP and JSON alone allow, with nothing decided, checked or stored."""

    name = "L"
    remarks: Sequence[str] = ()

    def __init__(self, place: Place) -> None:
        """Name the peer; nothing runs yet.

        Raises:
            Unfit: Its requirements are missing.
        """
        self._place = place
        self._python = peers_python()
        # Tokens are as long as real ones, so that requests weigh the same; nobody reads them.
        self._callers = [Caller("acme.localhost", "t" * 400, fresh()) for _ in range(PEOPLE)]
        self._notes = [Known(caller, fresh()) for caller in range(PEOPLE) for _ in range(NOTES_EACH)]

    @contextmanager
    def serving(self) -> Generator[Serving]:
        """Serve; there is no data."""
        port, output = processes.free_port(), self._place.folder / "limit"
        command = [str(self._python), "-m", "granian", "limit:app", "--working-dir", str(APPS), "--port", str(port)]
        command += ["--interface", "asginl", "--loop", "uvloop", "--workers", "1", "--runtime-threads", "1"]
        command += ["--log-level", "warning"]
        with processes.running(command, core=self._place.cores.server, output=output) as process:
            processes.until(lambda: reached(port, ask(Kind.LIST, self._callers[0])), process, output=output, seconds=30)
            yield Serving(port, process.pid)

    def load(self, kind: Kind) -> Load:
        """Give what the load generator sends."""
        asks = [ask(kind, caller) for caller in self._callers]
        return Load(asks, self._notes if kind in {Kind.RENAME, Kind.GET} else (), writes=kind.writes)

    def acknowledged(self, kind: Kind, bodies: Sequence[bytes]) -> None:
        """Forget the answers: there is no store to hold them against."""

    def catch_up(self, serving: Serving) -> None:
        """Return at once: there is nothing to catch up with."""

    def first_command(self) -> float:
        """Refuse: it has no store that could be empty."""
        reason = "Peer L has no store."
        raise Missing(reason)

    def verify(self) -> Verification | None:
        """Give nothing: it stores nothing."""
        return None
