"""The virtual environment of the peers: theirs alone, so that nothing of theirs is a dependency of ours."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.errors import Unfit

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
CACHE = Path(__file__).parents[1] / ".bench"


def peers_python() -> Path:
    """Give the interpreter that has the peers' requirements, installed on first use.

    Raises:
        Unfit: The requirements could not be installed.
    """
    CACHE.mkdir(exist_ok=True)
    folder, stamp = CACHE / "environment", CACHE / "environment" / "stamp"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            _install(folder)
            stamp.write_text(wanted, encoding="utf-8")
    return folder / "bin" / "python"


def versions() -> dict[str, str]:
    """Give the versions of what the peers were built from."""
    named = (line.partition("==") for line in REQUIREMENTS.with_suffix(".in").read_text(encoding="utf-8").split())
    return {name: version for name, _, version in named}


def _install(folder: Path) -> None:
    print(f"Preparing the peers' environment from {REQUIREMENTS.name} …", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    finished = subprocess.run(
        [*pip, "--require-hashes", "--no-deps", "-r", str(REQUIREMENTS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if finished.returncode != 0:
        reason = f"The peers' requirements could not be installed:\n{finished.stderr[-2000:]}"
        raise Unfit(reason)
