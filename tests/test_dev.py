"""What the developer command promises before it hands over: readiness, safe preparation, plain words."""

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

DEV = Path(__file__).resolve().parents[1] / "dev"


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with an environment of its own that looks whole."""
    loader = importlib.machinery.SourceFileLoader("dev_under_test", str(DEV))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / "pyvenv.cfg").write_text(f"version = {sys.version.split()[0]}\n")
    monkeypatch.setattr(module, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(module, "PYTHON", tmp_path / "bin" / "python")
    monkeypatch.setattr(module, "UNFINISHED", tmp_path / ".osteon-unfinished")
    return module


def test_lists_every_task_with_its_purpose(dev: ModuleType) -> None:
    said = subprocess.run([sys.executable, str(DEV), "help"], capture_output=True, text=True, check=True).stdout
    assert all(f"  {name}" in said and task.__doc__ in said for name, task in dev.TASKS.items())


def test_suggests_the_task_that_was_meant() -> None:
    done = subprocess.run([sys.executable, str(DEV), "chekc"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean './dev check'?" in done.stderr


def test_prepares_nothing_while_the_stamp_fits(dev: ModuleType) -> None:
    dev.stamp("run").write_text(dev.fingerprint("run"))
    assert dev.is_ready("run")
    assert not dev.is_ready("develop")


def test_prepares_again_when_requirements_have_changed(dev: ModuleType) -> None:
    dev.stamp("run").write_text("what an older checkout had")
    assert not dev.is_ready("run")


def test_makes_anew_what_was_interrupted(dev: ModuleType) -> None:
    assert dev.is_whole()
    dev.UNFINISHED.touch()
    assert not dev.is_whole()


def test_makes_anew_for_another_python(dev: ModuleType) -> None:
    dev.ENVIRONMENT.joinpath("pyvenv.cfg").write_text("version = 3.1.4\n")
    assert not dev.is_whole()


def test_names_the_package_that_brings_ensurepip(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "find_spec", find_nothing)
    with pytest.raises(SystemExit, match=r"apt install python3.*-venv"):
        dev.pip_of_python()


def test_shows_all_of_a_failed_step(dev: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    with DEV.open() as door, pytest.raises(subprocess.CalledProcessError):
        dev.run_aloud([sys.executable, "-c", "print('no network'); raise SystemExit(3)"], door.fileno())
    said = capfd.readouterr()
    assert said.out == ""
    assert "no network" in said.err


def test_requirements_are_hashed_and_name_no_index() -> None:
    for name in ("run", "arm", "develop"):
        lines = (DEV.parent / "requirements" / f"{name}.txt").read_text().splitlines()
        pinned = [line for line in lines if "==" in line]
        assert pinned
        assert all(line.endswith(" \\") for line in pinned)
        assert not any(
            line.lstrip().startswith(("-i", "-f", "--index", "--find", "--extra", "--trusted")) for line in lines
        )


def find_nothing(_: str) -> None:
    """A Python without the module asked for."""
