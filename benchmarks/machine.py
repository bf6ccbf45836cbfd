"""The machine under the figures: its two cores, its disk, and what processes have used of it."""

import os
import platform
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.errors import Unfit

TICK = 1 / os.sysconf("SC_CLK_TCK")
"""The grain of the processor time that the kernel counts, in seconds."""


class Cores(NamedTuple):
    """Who runs where: a server has one core to itself, load and database share the other."""

    server: int
    load: int


def cores() -> Cores:
    """Give the two cores of a run.

    Raises:
        Unfit: Not Linux, or fewer than two cores.
    """
    if platform.system() != "Linux":
        reason = "The benchmark needs Linux: it pins processes to cores and reads their use from '/proc'."
        raise Unfit(reason)
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        reason = f"The benchmark needs two cores, one for the server and one for the load; there is {len(available)}."
        raise Unfit(reason)
    return Cores(server=available[0], load=available[1])


def family(root: int) -> list[int]:
    """Give a process and all its descendants, however they grouped themselves."""
    parents = {pid: int(fields[1]) for pid, fields in _stats()}
    found = [root] if root in parents else []
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found


def born(pid: int) -> str | None:
    """Give the moment at which a process began, in the kernel's clock, or `None` where it has ended.

    Together with its number it names a process for good: numbers are used again.
    """
    fields = _stat(pid)
    return None if fields is None or fields[0] == "Z" else fields[19]


def processor_seconds(roots: Iterable[int]) -> float:
    """Give the processor time, user and system, that these processes and their descendants have used so far.

    Children that have ended and were waited for are counted with their parent.
    """
    ticks = 0
    for root in roots:
        for pid in family(root):
            fields = _stat(pid)
            ticks += sum(int(field) for field in fields[11:15]) if fields else 0
    return ticks * TICK


def resident_bytes(processes: Iterable[int]) -> int:
    """Give the resident memory of these processes, each counted in full."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(fields[21]) * page for pid in processes if (fields := _stat(pid)) is not None)


def rest(roots: Iterable[int], *, window: float = 0.2, bound: float = 10.0) -> bool:
    """Wait until these processes do next to nothing for a moment, and say whether they did within the bound."""
    watched = list(roots)
    end = time.monotonic() + bound
    used = processor_seconds(watched)
    while time.monotonic() < end:
        time.sleep(window)
        before, used = used, processor_seconds(watched)
        if used - before <= 2 * TICK:
            return True
    return False


def syncs_a_second(folder: Path, *, seconds: float = 0.3) -> float:
    """Measure how often the disk under a folder can sync 4 KiB written over old bytes: the floor below every reply."""
    path = folder / "sync-probe"
    block = os.urandom(4096)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(file, block * 64, 0)
        os.fsync(file)
        count, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            os.pwrite(file, block, count % 64 * 4096)
            os.fdatasync(file)
            count += 1
        return count / (time.perf_counter() - begun)
    finally:
        os.close(file)
        path.unlink()


def described(folder: Path) -> dict[str, str]:
    """Describe what a reader must know of the machine to weigh the figures."""
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "files": _file_system(folder),
        "syncs of 4 KiB a second": f"{syncs_a_second(folder):,.0f}",
        "load average at the start": f"{os.getloadavg()[0]:.2f}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    """Give the type of the file system under a folder: the longest mount point that leads to it."""
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, point, kind, *_ = line.split()
        if folder.resolve().is_relative_to(point) and len(point) > len(best[0]):
            best = (point, kind)
    return best[1]


def _stats() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))) is not None:
            yield int(entry.name), fields


def _stat(pid: int) -> list[str] | None:
    """Give the fields of `/proc/<pid>/stat` from the state on, or `None` where the process has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name before it may hold spaces and brackets, so the last bracket is where the fields begin.
    return text.rpartition(")")[2].split()
