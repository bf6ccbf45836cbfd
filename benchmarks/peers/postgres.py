"""A PostgreSQL cluster of the benchmark's own: made new, durable, reached by a socket in its own folder."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import processes
from benchmarks.errors import Faulty, Unfit
from benchmarks.peers import Place

ROLE = "bench"


class Cluster:
    """The database of peer P, on the core of the load generator."""

    def __init__(self, place: Place) -> None:
        """Name a cluster; it is made when it first runs.

        Raises:
            Unfit: PostgreSQL is missing.
        """
        self._place = place
        self._programs = _programs()
        self._user = _user()
        self._folder = place.folder / "postgres"

    @contextmanager
    def running(self) -> Generator[int]:
        """Run the cluster for the length of a block, and give its first process.

        Raises:
            Faulty: It does not start, or would not keep what it acknowledges.
        """
        if not self._folder.exists():
            self._make()
        output = self._place.folder / "postgres-log"
        settings = ["listen_addresses=", f"unix_socket_directories={self._folder}", "fsync=on", "synchronous_commit=on"]
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data")]
        command += [argument for setting in settings for argument in ("-c", setting)]
        with processes.running(
            command, core=self._place.cores.load, output=output, user=self._user, ending=signal.SIGINT
        ) as process:
            processes.until(self._answers, process, output=output, seconds=30)
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                if self.query(f"SHOW {setting}") != ["on"]:
                    reason = f"PostgreSQL runs with '{setting}' off; the benchmark compares durable commands only."
                    raise Faulty(reason)
            yield process.pid

    def query(self, sql: str, database: str = "postgres") -> list[str]:
        """Run a statement and give the lines of its result.

        Raises:
            Faulty: The statement failed.
        """
        arguments = ["--host", str(self._folder), "--username", ROLE, "--no-psqlrc", "--tuples-only", "--no-align"]
        finished = subprocess.run(
            [str(self._programs / "psql"), *arguments, "--command", sql, database],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if finished.returncode != 0:
            raise Faulty(finished.stderr)
        return finished.stdout.splitlines()

    def address(self, database: str) -> str:
        """Give the address of a database, as SQLAlchemy writes it."""
        return f"postgresql+asyncpg://{ROLE}@/{database}?host={self._folder}"

    def version(self) -> str:
        """Give the version of the programs."""
        words = subprocess.run(
            [str(self._programs / "postgres"), "--version"], capture_output=True, text=True, check=True, timeout=10
        ).stdout.split()
        return words[2]

    def _make(self) -> None:
        self._folder.mkdir(mode=0o700)
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        # Trust is safe here: nobody else can enter the folder of the socket, and there is no other way in.
        finished = subprocess.run(
            [
                *(str(self._programs / "initdb"), "--pgdata", str(self._folder / "data"), "--username", ROLE),
                *("--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=self._folder,
            user=self._user,
            extra_groups=None if self._user is None else [],
            group=self._user,
        )
        if finished.returncode != 0:
            reason = f"PostgreSQL could not make a cluster in '{self._folder}': {finished.stderr[-1000:]}"
            raise Unfit(reason)

    def _answers(self) -> bool | None:
        try:
            return bool(self.query("SELECT 1")) or None
        except Faulty:
            return None


def _programs() -> Path:
    """Find PostgreSQL's programs: Debian keeps them out of the path, by version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    if anywhere := shutil.which("postgres"):
        return Path(anywhere).resolve().parent
    reason = "Peer P needs PostgreSQL; install the package 'postgresql' (apt-get install postgresql)."
    raise Unfit(reason)


def _user() -> str | None:
    """Give the user that PostgreSQL runs as: it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        reason = (
            "PostgreSQL refuses to run as root, and there is no user 'postgres'; run the benchmark as another user."
        )
        raise Unfit(reason) from None
