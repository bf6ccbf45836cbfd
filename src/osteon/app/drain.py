"""The drain as a process of its own: reads the commit log behind the server and files what it finds.

It is told what to do in lines of JSON on its standard input, the keys among them (never by argument or environment), answers in
lines on its standard output, and ends when its input does.

    in   {"product", "data", "installation"}        once
    out  {"standing": Standing}                     where a view stands, at any time: before the answer to what moved it
    out  {"revised": true}                          once, before anything is drained: all other views follow
    in   {"durable": [segment, offset, batch]}      drain up to there
    out  {"drained": batch, "done"}                 filed up to there
    in   {"step": true}                             bring some view further that is behind, or some snapshot
    out  {"stepped": more}                          whether there is more to do
    in   {"start": view, "tenant": id or null}      have a stopped view go on, in one tenant or all
    in   {"rebuild": view, "tenant": id or null}    make a view's rows again
    out  {"taken": n}                               in how many tenants, or of how many entities
    in   {"states": [[tenant, type, entity], …]}    make snapshots of entities, in steps
    in   {"settle": true}                           bring what is filed to stable storage
    out  {"settled": n}                             segments before n may go; 0 when it did not work out this time
    out  {"failed": reason}                         it ends
"""

import base64
import contextlib
import gc
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import msgspec
import structlog

from osteon.adapters.commitlog import KnownPlace
from osteon.adapters.commitlog.journal import LogTail
from osteon.adapters.keyfile.keyring import KeyfileKeyring
from osteon.adapters.sqlite import Connections, Settings, SqliteFiling, SqliteSnapshots
from osteon.adapters.system.clock import SystemClock
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.app.logs import configure_logs
from osteon.app.products import load_product
from osteon.domain import Product
from osteon.engine import DeclaredViews, FoldFailed, Projection, SnapshotMaker, States, tables
from osteon.model import OsteonError, TenantId
from osteon.ports.disk import Disk
from osteon.ports.filing import Filing, ViewChanged
from osteon.ports.keyring import Keyring
from osteon.ports.snapshots import Snapshots
from osteon.ports.views import Standing

__all__ = ["DrainWork", "main"]

_CHUNK = 2000
_LOG_EVERY = 20_000
_STATES = {"rebuilding": "a view is being made again", "catching-up": "a view is catching up"}


def main() -> int:
    """Runs a drain until its input ends; the exit status."""
    # The terminal sends its signals to the whole group; the drain ends by its pipe, behind the server.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    configure_logs()
    with open(0, "rb", closefd=False) as told, open(1, "wb", 0, closefd=False) as said:
        server = _Server(told, said)
        try:
            _run(server)
        except BrokenPipeError:
            # A server that died takes no more answers, and the next one starts a drain of its own.
            return 0
        except Exception as fault:  # noqa: BLE001  # whatever it is, the server is to know
            return _failed(server, fault)
    return 0


class _Server:
    """Whoever tells the drain what to do, and hears of it."""

    def __init__(self, told: BinaryIO, said: BinaryIO) -> None:
        self.lines: Iterator[dict[str, Any]] = map(msgspec.json.decode, told)
        self._said = said

    def hear(self, what: dict[str, Any]) -> None:
        self._said.write(msgspec.json.encode(what) + b"\n")


def _failed(server: _Server, fault: Exception) -> int:
    if isinstance(fault, FoldFailed) or not isinstance(fault, OsteonError):
        structlog.get_logger("osteon.drain").error("the drain failed", exc_info=fault)
    with contextlib.suppress(BrokenPipeError):
        server.hear({"failed": str(fault) if isinstance(fault, OsteonError) else f"{type(fault).__name__}: {fault}"})
    return 1


def _run(server: _Server) -> None:
    first = next(server.lines, None)
    if first is None:
        # The server ended before there was anything to do.
        return
    product = load_product(first["product"])
    disk = SystemDisk(first["data"])
    keyring = KeyfileKeyring(disk, SystemEntropy(), base64.b64decode(first["installation"]))
    connections = Connections(disk, first["data"], keyring, Settings(writable=True))
    filing, snapshots = SqliteFiling(connections, tables(product)), SqliteSnapshots(connections)
    work = DrainWork(product, disk, filing, snapshots, keyring, server.hear, SystemClock().monotonic)
    work.begin()
    _spare_the_collector()
    for line in server.lines:
        work.hear(line)
    work.close()


def _spare_the_collector() -> None:
    """Tells the garbage collector to leave alone what stays, and to look less often at batches, which hold no cycles."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class DrainWork:
    """What a drain does with each line that it is told, whichever process it runs in."""

    def __init__(
        self,
        product: Product,
        disk: Disk,
        filing: Filing,
        snapshots: Snapshots,
        keyring: Keyring,
        say: Callable[[dict[str, Any]], None],
        monotonic: Callable[[], float],
    ) -> None:
        """Puts a drain together.

        Args:
            product: Whose views are filled.
            disk: The data folder, where the log is.
            filing: Where entries and rows are filed.
            snapshots: Where snapshots of entities are kept.
            keyring: Opens records.
            say: Answers.
            monotonic: Tells seconds, for the rate of work.
        """
        self._filing = filing
        self._say = say
        self._declared = DeclaredViews(disk, tables(product))
        self._remembered = False
        self._projection = Projection(
            product, filing, keyring, told=self._tell, falling_behind=self._forget, monotonic=monotonic
        )
        self._maker = SnapshotMaker(States(product, keyring), filing, keyring, snapshots)
        self._tail = LogTail(disk, "log")
        self._known = KnownPlace(disk, "log")
        self._logged: dict[tuple[TenantId, str], tuple[str, int]] = {}
        self._log = structlog.get_logger("osteon.drain")

    def begin(self) -> None:
        """Sees to views that are not as they are declared, or behind: those that decide have every entry afterwards.

        Raises:
            FoldFailed: One of those cannot be folded.
            LostFile: What was filed of a tenant is gone.
        """
        self._filing.expect_settled()
        self._remembered = self._declared.are_remembered()
        if not self._remembered:
            self._forget()
            self._projection.revise()
            self._remember()
        self._say({"revised": True})

    def hear(self, line: dict[str, Any]) -> None:
        """Does what a line says, and answers."""
        match line:
            case {"durable": durable}:
                self._drain(durable)
            case {"step": _}:
                more = self._projection.step()
                if not more:
                    self._remember()
                # Views go first: somebody may wait for them.
                self._say({"stepped": more or self._maker.step()})
            case {"start": view, "tenant": tenant}:
                self._say({"taken": self._projection.start(view, tenant)})
            case {"rebuild": view, "tenant": tenant}:
                self._say({"taken": self._projection.rebuild(view, tenant)})
            case {"states": states}:
                for tenant, entity_type, entity in states:
                    self._maker.ask(tenant, entity_type, entity)
                self._say({"taken": len(states)})
            case _:
                self._say({"settled": self._settled()})

    def close(self) -> None:
        """Lets the files go."""
        self._known.close()
        self._filing.close()

    def _drain(self, durable: tuple[int, int, int]) -> None:
        self._tail.durable(durable)
        last = 0
        try:
            for chunk in _chunks(self._tail.read()):
                last = self._projection.apply(chunk)
                self._say({"drained": last, "done": False})
        except ViewChanged:
            # A file that was brought back from elsewhere, say: the next drain looks into each.
            self._forget()
            raise
        self._say({"drained": max(last, durable[2]), "done": True})
        self._known.move(self._tail.place)

    def _settled(self) -> int:
        """The segment before which nothing is needed any more; 0 when settling did not work out this time."""
        if not self._filing.settle():
            return 0
        self._known.settle()
        self._remember()
        return self._tail.segment

    def _forget(self) -> None:
        self._declared.forget()
        self._remembered = False

    def _remember(self) -> None:
        """Remembers that every view follows, once that is so and on the platter: a reader may hold it up."""
        if not self._remembered and self._projection.is_whole and self._filing.settle():
            self._declared.remember()
            self._remembered = True

    def _tell(self, standing: Standing) -> None:
        place = (standing.tenant, standing.view)
        noted = (standing.state, standing.reached // _LOG_EVERY)
        if self._logged.get(place) != noted:
            self._logged[place] = noted
            self._note(standing)
        if standing.state == "following":
            del self._logged[place]
        # It fails when the server is gone, and what is not done is done by the next one.
        self._say({"standing": standing})

    def _note(self, standing: Standing) -> None:
        where: dict[str, Any] = {"tenant": standing.tenant, "view": standing.view, "entries": standing.entries}
        if standing.stop is not None:
            stop = standing.stop
            self._log.error("a view stopped", **where, position=stop.position, type=stop.event, reason=stop.reason)
        elif standing.state == "following":
            self._log.info("a view follows again", **where)
        else:
            self._log.info(_STATES[standing.state], **where, reached=standing.reached)


def _chunks(batches: Iterable[tuple[int, Sequence[bytes]]]) -> Iterator[list[tuple[int, Sequence[bytes]]]]:
    """Batches together, as many as make a transaction of good size."""
    chunk: list[tuple[int, Sequence[bytes]]] = []
    held = 0
    for batch in batches:
        chunk.append(batch)
        held += len(batch[1])
        if held >= _CHUNK:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


if __name__ == "__main__":
    sys.exit(main())
