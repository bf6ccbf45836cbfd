"""What the commands say when they cannot do what they are asked to."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from osteon.cli import main
from tests.cli.installation import Left, Osteon, connected, copied
from tests.serving import ROOT, Server, environment

PYTHON = [sys.executable, "-m", "osteon.cli"]
COMMANDS = [["journal", "show"], ["journal", "follow"], ["journal", "verify"], ["views", "status"], ["tenants"]]

LIFE = [["backup"], ["backup", "verify"], ["restore"], ["export"], ["upgrade"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_says_that_there_is_no_such_folder(command: list[str], osteon: Osteon, tmp_path: Path) -> None:
    ran = osteon(*command, "--data", tmp_path / "nowhere")
    assert (ran.status, ran.said) == (1, "")
    assert "There is no folder" in ran.complained
    assert not (tmp_path / "nowhere").exists()


def test_says_that_a_folder_holds_no_installation(osteon: Osteon, tmp_path: Path) -> None:
    ran = osteon("tenants", "--data", tmp_path)
    assert ran.status == 1
    assert "holds no installation: it has no 'keys/installation.key' and 'log'" in ran.complained
    assert list(tmp_path.iterdir()) == []


def test_names_the_nearest_of_unknown_tenants(osteon: Osteon, left: Left) -> None:
    assert "Did you mean 'globex'?" in osteon("journal", "show", "--tenant", "globax", "--data", left.data).complained
    unlike = osteon("journal", "verify", "--tenant", "zzz", "--data", left.data)
    assert unlike.status == 1
    assert "There are: house, acme, globex, atelier, lab, bench." in unlike.complained


def test_refuses_keys_of_another_installation(osteon: Osteon, left: Left, tmp_path: Path) -> None:
    data = copied(left, tmp_path)
    (data / "keys" / "installation.key").write_bytes(os.urandom(32))
    ran = osteon("journal", "show", "--data", data)
    assert (ran.status, ran.said) == (1, "")
    assert "belongs to another installation" in ran.complained


def test_shows_the_rest_of_a_damaged_log(osteon: Osteon, left: Left, tmp_path: Path) -> None:
    data = copied(left, tmp_path)
    log = data / "log" / "segment-0000000001"
    content = log.read_bytes()
    log.write_bytes(content[:3000] + bytes([content[3000] ^ 1]) + content[3001:])
    ran = osteon("journal", "show", "--json", "--data", data)
    assert ran.status == 1
    assert "is damaged at" in ran.complained
    whole = osteon("journal", "show", "--json", "--data", left.data).lines
    assert len(ran.lines) == len(whole) - 5


def test_says_which_entry_cannot_be_read(osteon: Osteon, left: Left, tmp_path: Path) -> None:
    data = copied(left, tmp_path)
    partition, sequence = left.first
    with contextlib.closing(connected(data, left.tenant)) as file:
        place = partition << 48 | sequence
        file.execute("UPDATE journal SET stored = zeroblob(200) WHERE position = ?", (place,)).fetchall()
    ran = osteon("journal", "show", "--tenant", "acme", "--data", data)
    assert ran.status == 1
    assert f"Entry {sequence} in partition {partition} of 'acme' is not what was written there." in ran.complained


def test_refuses_an_entity_that_cannot_be_one(osteon: Osteon, left: Left) -> None:
    ran = osteon("journal", "show", "--entity", "bone", "--data", left.data)
    assert (ran.status, ran.said) == (1, "")
    assert "'bone' is not the identifier of an entity" in ran.complained


def test_stops_quietly_when_nobody_reads_on(left: Left) -> None:
    command = [*PYTHON, "journal", "show", "--json", "--data", str(left.data)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(20) == 0
        assert process.stderr.read() == b""


def test_says_that_a_port_is_taken(serving: Server, tmp_path: Path) -> None:
    up = ["up", "tests.plain:product", "--data", str(tmp_path / "data"), "--port", str(serving.port)]
    ran = subprocess.run([*PYTHON, *up], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "A port is taken already" in ran.stderr


@pytest.mark.parametrize("command", [[], *COMMANDS, ["up"], *LIFE], ids=" ".join)
def test_helps_with_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "examples:" in said
    assert " ".join(["osteon", *command]) in said
