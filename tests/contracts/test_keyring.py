"""The contract of Keyring, in memory and in files."""

import errno
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from osteon.adapters.keyfile.keyring import KeyfileKeyring, installation_key
from osteon.adapters.keyfile.nonces import Nonces
from osteon.adapters.memory.disk import MemoryDisk
from osteon.adapters.memory.keyring import MemoryKeyring
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.model import Identifier, TenantId
from osteon.ports.disk import Disk
from osteon.ports.keyring import KeyMissing, Keyring, Unreadable

ACME, GLOBEX = (TenantId(Identifier(f"01J0000000000000000000000{letter}")) for letter in "AG")
PLAIN = b"a plain text of some length, to be found nowhere"


@pytest.fixture(params=["memory", "keyfile"])
def keyring(request: pytest.FixtureRequest) -> Keyring:
    """The adapter under test, with keys for two tenants."""
    ring = MemoryKeyring() if request.param == "memory" else in_files(MemoryDisk())
    ring.create(ACME)
    ring.create(GLOBEX)
    return ring


@pytest.fixture
def disk() -> MemoryDisk:
    """Where the keys are kept, for what only files promise."""
    return MemoryDisk()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(plain=some.binary(max_size=2000), place=some.binary(max_size=40))
def test_opens_what_it_sealed(keyring: Keyring, plain: bytes, place: bytes) -> None:
    assert keyring.open(ACME, keyring.seal(ACME, plain, place), place) == plain


def test_hides_what_it_seals(keyring: Keyring) -> None:
    sealed = keyring.seal(ACME, PLAIN * 3, b"place")
    assert not any(PLAIN[start : start + 4] in sealed for start in range(len(PLAIN) - 4))


def test_names_suite_and_generation_first(keyring: Keyring) -> None:
    sealed = keyring.seal(ACME, PLAIN, b"place")
    assert sealed[0] in (0, 1)
    assert int.from_bytes(sealed[1:5], "big") == 1


def test_opens_nothing_for_another_place(keyring: Keyring) -> None:
    sealed = keyring.seal(ACME, PLAIN, b"place")
    for place in (b"", b"plac", b"places", b"other"):
        with pytest.raises(Unreadable):
            keyring.open(ACME, sealed, place)


def test_opens_nothing_of_another_tenant(keyring: Keyring) -> None:
    with pytest.raises(Unreadable):
        keyring.open(GLOBEX, keyring.seal(ACME, PLAIN, b"place"), b"place")


def test_opens_nothing_that_was_changed(keyring: Keyring) -> None:
    sealed = keyring.seal(ACME, PLAIN, b"place")
    for offset in range(len(sealed)):
        for mask in (0x01, 0x80):
            changed = bytearray(sealed)
            changed[offset] ^= mask
            with pytest.raises(Unreadable):
                keyring.open(ACME, bytes(changed), b"place")


def test_opens_nothing_of_another_length(keyring: Keyring) -> None:
    sealed = keyring.seal(ACME, PLAIN, b"place")
    for changed in (*(sealed[:length] for length in range(len(sealed))), sealed + b"\0", b"\0" + sealed):
        with pytest.raises(Unreadable):
            keyring.open(ACME, changed, b"place")


def test_a_text_cannot_move_into_the_place(keyring: Keyring) -> None:
    sealed = keyring.seal(ACME, b"bc", b"a")
    with pytest.raises(Unreadable):
        keyring.open(ACME, sealed, b"ab")


@pytest.mark.parametrize("tenant", ["01J00000000000000000000000", "", "../keys/installation", "installation", "x\0"])
def test_an_unknown_tenant_has_no_key(keyring: Keyring, tenant: str) -> None:
    unknown = TenantId(Identifier(tenant))
    sealed = keyring.seal(ACME, PLAIN, b"place")
    assert not keyring.has(unknown)
    uses: list[Callable[[], bytes]] = [
        lambda: keyring.seal(unknown, PLAIN, b"place"),
        lambda: keyring.open(unknown, sealed, b"place"),
        lambda: keyring.derive(unknown, "purpose"),
    ]
    for use in uses:
        with pytest.raises(KeyMissing):
            use()


def test_a_second_creation_keeps_the_key(keyring: Keyring) -> None:
    sealed, derived = keyring.seal(ACME, PLAIN, b"place"), keyring.derive(ACME, "purpose")
    keyring.create(ACME)
    assert keyring.has(ACME)
    assert keyring.open(ACME, sealed, b"place") == PLAIN
    assert keyring.derive(ACME, "purpose") == derived


def test_derives_the_same_for_one_purpose(keyring: Keyring) -> None:
    derived = [keyring.derive(tenant, purpose) for tenant in (ACME, GLOBEX) for purpose in ("", "one", "two", "seal")]
    again = [keyring.derive(tenant, purpose) for tenant in (ACME, GLOBEX) for purpose in ("", "one", "two", "seal")]
    assert derived == again
    assert len(set(derived)) == 8
    assert {len(key) for key in derived} == {32}


def test_seals_the_same_differently_each_time(disk: MemoryDisk) -> None:
    ring = opened(disk)
    assert len({ring.seal(ACME, PLAIN, b"place") for _ in range(1000)}) == 1000


def test_another_start_opens_what_was_sealed(disk: MemoryDisk) -> None:
    ring = opened(disk)
    sealed, derived = ring.seal(ACME, PLAIN, b"place"), ring.derive(ACME, "purpose")
    disk.power_cut()
    again = in_files(disk)
    assert again.open(ACME, sealed, b"place") == PLAIN
    assert again.derive(ACME, "purpose") == derived


def test_seals_as_its_description_says(disk: MemoryDisk) -> None:
    ring = opened(disk)
    tenant = unsealed(content(disk, "keys/installation.key"), content(disk, PATH), f"tenant-key/{ACME}".encode())
    assert unsealed(tenant, ring.seal(ACME, PLAIN, b"place"), b"place") == PLAIN
    assert ring.derive(ACME, "purpose") == expanded(tenant, "derive/purpose")


def test_finds_what_another_process_created(disk: MemoryDisk) -> None:
    server, drain = in_files(disk), in_files(disk)
    assert not drain.has(ACME)
    server.create(ACME)
    assert drain.open(ACME, server.seal(ACME, PLAIN, b"place"), b"place") == PLAIN


def test_remembers_only_so_many_keys(disk: MemoryDisk) -> None:
    ring = KeyfileKeyring(disk, SystemEntropy(), installation_key(disk, SystemEntropy()), remembered=1)
    for tenant in (ACME, GLOBEX, ACME):
        ring.create(tenant)
    assert ring.open(ACME, ring.seal(ACME, PLAIN, b"place"), b"place") == PLAIN
    disk.remove(PATH)
    assert ring.has(ACME)
    assert ring.has(GLOBEX)
    assert not ring.has(ACME)


def test_a_key_is_durable_once_created(disk: MemoryDisk) -> None:
    opened(disk)
    disk.power_cut()
    assert in_files(disk).has(ACME)


def test_a_key_that_a_kill_left_is_synced_when_created() -> None:
    unsynced = UnsyncedFolder()
    with pytest.raises(OSError, match="sync"):
        opened(unsynced)
    unsynced.broken = False
    unsynced.kill()
    derived = opened(unsynced).derive(ACME, "purpose")
    unsynced.power_cut()
    assert in_files(unsynced).derive(ACME, "purpose") == derived


@pytest.mark.parametrize("failing", [0, 1])
def test_creating_again_believes_no_failed_sync(failing: int) -> None:
    forgetful = ForgetfulFolder(failing)
    with pytest.raises(OSError, match="sync"):
        opened(forgetful)
    derived = opened(forgetful).derive(ACME, "purpose")
    forgetful.power_cut()
    assert in_files(forgetful).derive(ACME, "purpose") == derived


@pytest.mark.parametrize("failing", [0, 1])
def test_a_next_start_believes_no_failed_sync(failing: int) -> None:
    forgetful = ForgetfulFolder(failing)
    with pytest.raises(OSError, match="sync"):
        opened(forgetful)
    forgetful.kill()
    derived = opened(forgetful).derive(ACME, "purpose")
    forgetful.power_cut()
    assert in_files(forgetful).derive(ACME, "purpose") == derived


def test_the_same_ring_believes_no_failed_sync() -> None:
    forgetful = ForgetfulFolder(1)
    ring = in_files(forgetful)
    with pytest.raises(OSError, match="sync"):
        ring.create(ACME)
    ring.create(ACME)
    forgetful.power_cut()
    assert in_files(forgetful).has(ACME)


def test_a_key_that_is_known_to_be_synced_is_left_alone(disk: MemoryDisk) -> None:
    opened(disk)
    disk.limit = disk.used()
    before = content(disk, PATH)
    assert opened(disk).has(ACME)
    assert content(disk, PATH) == before


@pytest.mark.parametrize("survivors", range(8))
def test_creates_whole_keys_or_none(disk: MemoryDisk, survivors: int) -> None:
    in_files(disk)
    full = disk.used() + 10
    disk.limit = full
    with pytest.raises(OSError, match="space"):
        opened(disk)
    disk.limit = None
    disk.power_cut(lambda change: change < survivors)
    ring = in_files(disk)
    assert not ring.has(ACME)
    ring.create(ACME)
    assert ring.open(ACME, ring.seal(ACME, PLAIN, b"place"), b"place") == PLAIN


def test_keeps_the_installation_key(disk: MemoryDisk) -> None:
    key = installation_key(disk, SystemEntropy())
    disk.power_cut()
    assert len(key) == 32
    assert installation_key(disk, SystemEntropy()) == key


def test_makes_no_new_key_for_old_tenants(disk: MemoryDisk) -> None:
    opened(disk)
    disk.remove("keys/installation.key")
    with pytest.raises(Unreadable, match=r"'keys/installation.key' is gone"):
        installation_key(disk, SystemEntropy())


def test_refuses_a_damaged_installation_key(disk: MemoryDisk) -> None:
    opened(disk)
    with closing(disk.open("keys/installation.key", writable=True)) as file:
        file.resize(31)
    with pytest.raises(Unreadable, match="32 bytes, not 31"):
        installation_key(disk, SystemEntropy())


def test_refuses_the_keys_of_another_installation(disk: MemoryDisk) -> None:
    opened(disk)
    stranger = KeyfileKeyring(disk, SystemEntropy(), bytes(32))
    with pytest.raises(Unreadable, match=f"'{PATH}' was changed"):
        stranger.has(ACME)
    with pytest.raises(Unreadable):
        stranger.create(ACME)


def test_refuses_the_key_file_of_another_tenant(disk: MemoryDisk) -> None:
    opened(disk)
    disk.rename(PATH, f"keys/{GLOBEX}.key")
    with pytest.raises(Unreadable):
        in_files(disk).has(GLOBEX)


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    disk = SystemDisk(tmp_path)
    in_files(disk).create(ACME)
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [f"{ACME}.key", "installation.key"]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_nonces_never_repeat_when_used_up() -> None:
    nonces = Nonces(SystemEntropy(), count=3)
    given_out = [nonces.next() for _ in range(10)]
    assert len(set(given_out)) == 10
    assert {len(nonce) for nonce in given_out} == {12}
    assert [int.from_bytes(nonce[8:], "big") for nonce in given_out] == [0, 1, 2] * 3 + [0]
    assert len({nonce[:8] for nonce in given_out}) == 4


def test_nonces_never_repeat_between_threads() -> None:
    nonces = Nonces(SystemEntropy(), count=7)
    with ThreadPoolExecutor(4) as threads:
        drawn = [threads.submit(draw, nonces) for _ in range(4)]
    assert len({nonce for one in drawn for nonce in one.result()}) == 20_000


class UnsyncedFolder(MemoryDisk):
    """A disk on which the names of new keys of tenants are not synced, as when the process is killed before."""

    broken = True

    def sync_folder(self, folder: str) -> None:
        if self.broken and PATH in (f"{folder}/{name}" for name in self.names(folder)):
            raise OSError(errno.EIO, "no sync")
        super().sync_folder(folder)


class ForgetfulFolder(MemoryDisk):
    """A disk on which one sync of the keys' names fails; what it did not bring to the platter, no later one does."""

    def __init__(self, failing: int) -> None:
        super().__init__()
        self.syncs = -failing

    def sync_folder(self, folder: str) -> None:
        if folder == "keys":
            self.syncs += 1
            if self.syncs == 1:
                self._unsynced.clear()
                raise OSError(errno.EIO, "no sync")
        super().sync_folder(folder)


PATH = f"keys/{ACME}.key"


def draw(nonces: Nonces) -> list[bytes]:
    return [nonces.next() for _ in range(5000)]


def in_files(disk: Disk) -> KeyfileKeyring:
    entropy = SystemEntropy()
    return KeyfileKeyring(disk, entropy, installation_key(disk, entropy))


def opened(disk: Disk) -> KeyfileKeyring:
    """A ring over files with a key for one tenant."""
    ring = in_files(disk)
    ring.create(ACME)
    return ring


def content(disk: Disk, path: str) -> bytes:
    with closing(disk.open(path)) as file:
        return file.read(0, file.size())


def unsealed(material: bytes, sealed: bytes, place: bytes) -> bytes:
    """Opens by the description alone, with no code of the adapter."""
    assert sealed[:5] == bytes([1, 0, 0, 0, 1])
    return AESGCM(expanded(material, "seal")).decrypt(sealed[5:17], sealed[17:], place)


def expanded(material: bytes, info: str) -> bytes:
    """One block of HKDF-SHA256 without a salt (RFC 5869, section 2)."""
    extracted = hmac.digest(bytes(32), material, "sha256")
    return hmac.digest(extracted, info.encode() + b"\1", "sha256")
