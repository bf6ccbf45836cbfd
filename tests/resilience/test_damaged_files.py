"""Files of a real data folder that are not what was written: a start says what, where and what to do, or nothing acknowledged is lost."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.resilience.test_drill import RETIRING, tenant_of
from tests.serving import Answer, Client, NotServing, new_key, patiently, running

ANN = ("acme", "alice@acme.example")
GINA = ("globex", "gina@globex.example")

pytestmark = pytest.mark.timeout(120)


class Worked(NamedTuple):
    """A folder whose server was killed: a part of what was acknowledged is in the log, the other only in the histories."""

    data: Path
    told: dict[str, Answer]
    tenants: dict[str, str]


@pytest.fixture(scope="module")
def worked(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Worked:
    """Projects of acme, of which the log still has the newest, and one of globex, which it gave up."""
    data = Path(shutil.copytree(world, tmp_path_factory.mktemp("worked") / "data"))
    with running(data, program=RETIRING) as server:
        create(server.client(*GINA), new_key())
        ann = server.client(*ANN)
        work_until_retired(data, ann)
        told = {key: create(ann, key) for key in (new_key() for _ in range(30))}
        places = ",".join(answer.position for answer in told.values())
        assert patiently(lambda: ann.query("list-projects", after=places)).status == 200
        server.kill()
    return Worked(data, told, {name: tenant_of(data, name) for name in ("acme", "globex")})


def flip(path: Path) -> None:
    """Flips a bit in the middle of what was written."""
    content = bytearray(path.read_bytes())
    content[len(content.rstrip(b"\0")) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    """Cuts off the half of what was written."""
    os.truncate(path, len(path.read_bytes().rstrip(b"\0")) // 2)


def empty(path: Path) -> None:
    """Leaves nothing in it."""
    os.truncate(path, 0)


Damage = Callable[[Path], None]
REFUSED: list[tuple[str, Damage, str]] = [
    ("log/segment-*", flip, "restore"),
    ("log/segment-*", cut, "restore"),
    ("log/segment-*", empty, "restore"),
    ("log/segment-*", Path.unlink, "restore"),
    ("tenants/{acme}/history.db", cut, "from a backup"),
    ("tenants/{acme}/history.db", empty, "from a backup"),
    ("tenants/{acme}/history.db", Path.unlink, "from a backup"),
    ("keys/installation.key", flip, "from a backup"),
    ("keys/installation.key", cut, "the copy that you keep"),
    ("keys/installation.key", empty, "the copy that you keep"),
    ("keys/installation.key", Path.unlink, "the copy that you keep"),
    ("keys/{acme}.key", flip, "from a backup"),
    ("keys/{acme}.key", cut, "from a backup"),
    ("keys/{acme}.key", Path.unlink, "key"),
    ("format", empty, "from a backup"),
]
HARMLESS: list[tuple[str, Damage]] = [
    ("log/known", flip),
    ("log/known", cut),
    ("log/known", Path.unlink),
    ("views", cut),
    ("product", empty),
    ("log/spare-*", empty),
]


@pytest.mark.parametrize(("pattern", "damage", "advice"), REFUSED, ids=lambda each: getattr(each, "__name__", each))
def test_a_start_says_what_is_damaged_and_what_to_do(
    worked: Worked, tmp_path: Path, pattern: str, damage: Damage, advice: str
) -> None:
    data, path = damaged(worked, tmp_path, pattern, damage)
    left = contents(path)
    with pytest.raises(NotServing) as refused, running(data, within=30.0):
        pass
    assert refused.value.status == 1
    last = refused.value.messages.splitlines()[-1]
    assert last.startswith("osteon: ")
    assert advice in last
    assert "Traceback" not in refused.value.messages
    assert path.parent.name == worked.tenants["acme"] or contents(path) == left


@pytest.mark.parametrize(("pattern", "damage"), HARMLESS, ids=lambda each: getattr(each, "__name__", each))
def test_what_can_be_made_again_is_no_loss(worked: Worked, tmp_path: Path, pattern: str, damage: Damage) -> None:
    data, _ = damaged(worked, tmp_path, pattern, damage)
    with running(data) as server:
        assert_kept(server.client(*ANN), worked.told)


def test_a_log_cut_behind_its_last_frame_is_no_loss(worked: Worked, tmp_path: Path) -> None:
    def cut_behind(path: Path) -> None:
        os.truncate(path, len(path.read_bytes().rstrip(b"\0")))

    data, _ = damaged(worked, tmp_path, "log/segment-*", cut_behind)
    with running(data) as server:
        assert_kept(server.client(*ANN), worked.told)


def test_a_last_frame_that_is_dropped_is_told_of(worked: Worked, tmp_path: Path) -> None:
    data = copied(worked, tmp_path)
    with running(data) as server:
        # Nothing asks for it, so that the drain is not told of it at once.
        create(server.client(*ANN), new_key())
        server.kill()
    path = newest(data, "log/segment-*")
    content = bytearray(path.read_bytes())
    content[len(content.rstrip(b"\0")) - 1] ^= 1
    path.write_bytes(content)
    with running(data) as server:
        assert "a broken last frame is dropped" in server.messages
        assert path.name in server.messages
        assert_kept(server.client(*ANN), worked.told)


@pytest.mark.parametrize("damage", [empty, Path.unlink])
def test_a_start_misses_a_history_that_is_gone(worked: Worked, tmp_path: Path, damage: Damage) -> None:
    data, _ = damaged(worked, tmp_path, "tenants/{globex}/history.db", damage)
    with pytest.raises(NotServing, match="was lost, or cut"), running(data):
        pass


def damaged(worked: Worked, folder: Path, pattern: str, damage: Damage) -> tuple[Path, Path]:
    """A copy of the folder in which the newest file of that name is damaged, and where that is."""
    data = copied(worked, folder)
    path = newest(data, pattern.format(**worked.tenants))
    damage(path)
    return data, path


def copied(worked: Worked, folder: Path) -> Path:
    """A copy of the folder; the socket that a killed server has left is no file."""
    return Path(shutil.copytree(worked.data, folder / "data", ignore=shutil.ignore_patterns("*.sock")))


def contents(path: Path) -> bytes | None:
    """What is in a file, if it is there."""
    return path.read_bytes() if path.exists() else None


def newest(data: Path, pattern: str) -> Path:
    """The last file of that name."""
    return max(data.glob(pattern))


def work_until_retired(data: Path, client: Client) -> None:
    """Creates projects until the log has given up all that it had."""
    last = newest(data, "log/segment-*")
    while last.exists():
        create(client, new_key())


def create(client: Client, key: str) -> Answer:
    """Creates a project under a key."""
    return client.command("create-project", key=key, name="What was acknowledged")


def assert_kept(client: Client, told: dict[str, Answer]) -> None:
    """What was acknowledged is answered again as it was, and listed."""
    assert [create(client, key).raw for key in told] == [answer.raw for answer in told.values()]
    listed = {row["project"] for row in client.every("list-projects")}
    assert {answer.answer for answer in told.values()} <= listed
