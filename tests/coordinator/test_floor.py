from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator import floor
from coordinator.decision.effects import Cause
from coordinator.decision.position import MAX_HEIGHT, MAX_ROUND, Position, spent
from coordinator.floor import Floor, FloorUnusable, Keeper

KEY = bytes(range(32))
HERE = Floor("lab-1", KEY, Position(10, 0, 2))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = floor.path_of(tmp_path, "lab-1")
    floor.create(path, HERE)
    return path


@pytest.fixture
def keeper(path: Path):
    keeper = Keeper(path, floor.read(path, "lab-1"))
    yield keeper
    keeper.close()


class Crash(BaseException):
    """The process is gone at this moment."""


class Disk:
    """What ``os`` was asked, in order; and what a power cut would leave: only what was synced before."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.fail_at: dict[str, BaseException] = {}
        for name in ("pwrite", "fsync", "fdatasync", "rename"):
            patch.setattr(os, name, self._noting(name, getattr(os, name)))

    def _noting(self, name: str, real: Callable) -> Callable:
        def call(*arguments, **options):
            self.calls.append(name)
            if name in self.fail_at:
                raise self.fail_at[name]
            return real(*arguments, **options)

        return call


def test_what_was_written_is_read(path: Path) -> None:
    assert floor.read(path, "lab-1") == HERE
    for given in (
        replace(HERE, position=Position(MAX_HEIGHT, MAX_ROUND, 3)),
        replace(HERE, halted=Cause.TABLE_WENT_BACK),
        replace(HERE, chain_id="a" * 50),
    ):
        assert floor.decode(floor.encode(given)) == given


def test_the_longest_watermark_fits_into_one_sector() -> None:
    longest = Floor("a" * 50, b"\xff" * 32, spent(MAX_HEIGHT), max(Cause, key=len))
    assert len(floor.encode(longest)) == floor.SIZE == 512


def test_a_watermark_that_does_not_fit_into_a_sector_is_refused() -> None:
    with pytest.raises(ValueError, match="takes .* bytes; it must take less than a sector"):
        floor.encode(replace(HERE, chain_id="a" * 400))


def test_a_watermark_of_an_older_gate_is_read() -> None:
    """The form of the file, which gates of every version must read."""
    text = """{
 "version": 1,
 "chain_id": "lab-1",
 "public_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
 "position": "00000000000000000010.0000000000.02",
 "halted": null,
 "sha256": "%s"
}"""
    digest = "fb775cc1f0b16a7994e2d6bbb1cde820daae3d557105fab02b6f56de1f2841c1"
    assert floor.decode((text % digest).encode().ljust(floor.SIZE)) == HERE
    assert floor.encode(HERE) == (text % digest).encode().ljust(floor.SIZE - 1) + b"\n"


@pytest.mark.parametrize("halted", [None, *Cause])
def test_the_file_is_json_of_a_line_for_each_field(halted: Cause | None) -> None:
    text = floor.encode(replace(HERE, halted=halted)).decode()
    assert text.rstrip() == json.dumps(json.loads(text), indent=1)


@pytest.mark.parametrize("change", [{"version": 2}, {"version": 0}, {"more": 1}])
def test_a_watermark_of_another_version_is_refused(change: dict[str, object]) -> None:
    fields = json.loads(floor.encode(HERE)) | change
    del fields["sha256"]
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    with pytest.raises(ValueError, match="it is not of version 1"):
        floor.decode(json.dumps(fields | {"sha256": digest}).encode())


@pytest.mark.parametrize("key", ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "*", "", "AAEC"])
def test_a_key_that_no_gate_wrote_is_refused_whatever_its_checksum_says(key: str) -> None:
    fields = json.loads(floor.encode(HERE)) | {"public_key": key}
    del fields["sha256"]
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    with pytest.raises(ValueError, match="base64|padding|public key has"):
        floor.decode(json.dumps(fields | {"sha256": digest}).encode())


def test_only_the_gates_user_may_read_or_write_it(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_missing_watermark_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FloorUnusable, match="is missing; seed it by ceremony"):
        floor.read(tmp_path / "lab-1.floor.json", "lab-1")


def test_the_watermark_of_another_chain_is_refused(path: Path) -> None:
    with pytest.raises(FloorUnusable, match="is the watermark file of chain lab-1"):
        floor.read(path, "lab-2")


def test_an_empty_watermark_is_refused(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(FloorUnusable, match="is damaged"):
        floor.read(path, "lab-1")


@pytest.mark.parametrize("digest", ["", "null", '"0000"'])
def test_a_watermark_without_its_checksum_is_refused(path: Path, digest: str) -> None:
    fields = json.loads(path.read_bytes())
    del fields["sha256"]
    text = json.dumps(fields | ({"sha256": json.loads(digest)} if digest else {}))
    path.write_bytes(text.encode().ljust(floor.SIZE))
    with pytest.raises(FloorUnusable, match="its checksum does not match"):
        floor.read(path, "lab-1")


@pytest.mark.slow
def test_a_watermark_cut_off_anywhere_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    content = len(whole.rstrip())
    for length in range(content):
        path.write_bytes(whole[:length])
        with pytest.raises(FloorUnusable, match="is damaged"):
            floor.read(path, "lab-1")


def test_a_watermark_torn_anywhere_is_the_old_one_the_new_one_or_refused() -> None:
    old, new = floor.encode(HERE), floor.encode(replace(HERE, position=Position(11, 2, 3), halted=Cause.ROW_TAKEN))
    for cut in range(floor.SIZE + 1):
        torn = new[:cut] + old[cut:]
        if torn in (old, new):
            continue
        with pytest.raises(ValueError):
            floor.decode(torn)


def test_one_flipped_bit_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for at in range(len(whole.rstrip())):
        for bit in range(8):
            changed = bytearray(whole)
            changed[at] ^= 1 << bit
            try:
                found = floor.decode(bytes(changed))
            except ValueError:
                continue
            assert found == HERE, f"bit {bit} of byte {at}"


@pytest.mark.parametrize(
    "content",
    [b"null", b"[]", b"{}", b"7", b"[" * 512, b"\xff" * 512, b'{"sha256": 1}', b'{"sha256": "", "version": 1}'],
    ids=lambda content: str(content[:12]),
)
def test_what_is_no_watermark_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(FloorUnusable, match="is damaged"):
        floor.read(path, "lab-1")


def test_a_rise_is_synced_before_it_counts(keeper: Keeper, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    keeper.rise(Position(11, 0, 1))
    assert disk.calls == ["pwrite", "fdatasync"]
    assert floor.read(path, "lab-1").position == keeper.floor.position == Position(11, 0, 1)


def test_a_new_file_and_its_entry_are_synced_in_that_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    floor.create(path, HERE)
    assert disk.calls == ["pwrite", "fsync", "rename", "fsync"]


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
@pytest.mark.parametrize("failure", [OSError(errno.EIO, "I/O error"), OSError(errno.EROFS, "read-only"), Crash()])
def test_a_rise_that_failed_does_not_count(
    keeper: Keeper, path: Path, monkeypatch: pytest.MonkeyPatch, call: str, failure: BaseException
) -> None:
    disk = Disk(monkeypatch)
    disk.fail_at[call] = failure
    with pytest.raises(type(failure)):
        keeper.rise(Position(11, 0, 1))
    assert keeper.floor == HERE
    disk.fail_at.clear()
    assert floor.read(path, "lab-1").position in (HERE.position, Position(11, 0, 1))
    keeper.rise(Position(11, 0, 1))
    assert floor.read(path, "lab-1").position == Position(11, 0, 1)


@pytest.mark.parametrize("crash", range(4))
def test_a_crash_while_the_file_is_made_leaves_the_old_one_or_the_new_one(
    path: Path, monkeypatch: pytest.MonkeyPatch, crash: int
) -> None:
    new = replace(HERE, position=Position(99, 0, 3))
    left = [crash]

    def counted(real: Callable) -> Callable:
        def call(*arguments, **options):
            if not left[0]:
                raise Crash
            left[0] -= 1
            return real(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in ("pwrite", "fsync", "rename"):
            patch.setattr(os, name, counted(getattr(os, name)))
        with pytest.raises(Crash):
            floor.create(path, new)
    assert floor.read(path, "lab-1") == (HERE if crash < 3 else new)


def test_a_short_write_is_an_error(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, at: real(descriptor, data[:100], at))
    with pytest.raises(OSError, match="only 100 of 512") as short:
        keeper.rise(Position(11, 0, 1))
    assert short.value.errno == errno.EIO
    assert keeper.floor == HERE


def test_a_lower_or_equal_position_writes_nothing(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    keeper.rise(HERE.position)
    keeper.rise(Position(9, 5, 3))
    assert disk.calls == []
    assert keeper.floor == HERE


def test_a_watermark_that_was_moved_away_stops_rising(keeper: Keeper, path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(FileNotFoundError):
        keeper.rise(Position(11, 0, 1))
    floor.create(path, HERE)
    with pytest.raises(FileNotFoundError, match="moved while the gate runs") as moved:
        keeper.rise(Position(11, 0, 1))
    assert (moved.value.errno, moved.value.filename) == (errno.ENOENT, str(path))
    assert floor.read(path, "lab-1") == HERE


def test_a_halt_holds_in_memory_even_if_the_disk_fails(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    disk.fail_at["fdatasync"] = OSError(errno.EIO, "I/O error")
    with pytest.raises(OSError):
        keeper.halt(Cause.ROW_TAKEN)
    assert keeper.floor.halted is Cause.ROW_TAKEN


def test_a_halt_survives_a_restart_until_it_is_cleared(keeper: Keeper, path: Path) -> None:
    keeper.halt(Cause.ROW_TAKEN)
    keeper.rise(Position(12, 0, 1))
    assert floor.read(path, "lab-1") == Floor("lab-1", KEY, Position(12, 0, 1), Cause.ROW_TAKEN)
    assert floor.clear_halt(path, "lab-1") is Cause.ROW_TAKEN
    assert floor.read(path, "lab-1") == Floor("lab-1", KEY, Position(12, 0, 1), None)


def test_a_watermark_is_held_by_one_process_only(path: Path) -> None:
    with floor.held(path):
        with pytest.raises(FloorUnusable, match="another process holds"), floor.held(path):
            pass
        with pytest.raises(FloorUnusable, match="another process holds"):
            floor.seed(path, "lab-1", KEY, spent(100))
        with pytest.raises(FloorUnusable, match="another process holds"):
            floor.clear_halt(path, "lab-1")
    with floor.held(path):
        pass


def test_only_a_lock_that_another_process_holds_is_a_taken_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with floor.held(path), pytest.raises(floor.FloorTaken), floor.held(path):
        pass

    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(floor.fcntl, "flock", no_locks)
    with pytest.raises(FloorUnusable, match="cannot be locked: No locks available") as refused, floor.held(path):
        pass
    assert not isinstance(refused.value, floor.FloorTaken)


def test_a_watermark_that_cannot_be_locked_is_not_held(tmp_path: Path) -> None:
    path = floor.path_of(tmp_path / "missing", "hub-4")
    with pytest.raises(FloorUnusable, match="cannot be locked: No such file or directory"), floor.held(path):
        pass


def test_only_the_gates_user_may_lock_it(path: Path) -> None:
    with floor.held(path):
        assert path.with_name(path.name + ".lock").stat().st_mode & 0o777 == 0o600


def test_seeding_only_raises(path: Path) -> None:
    assert floor.seed(path, "lab-1", KEY, spent(9)).position == HERE.position
    assert floor.seed(path, "lab-1", KEY, spent(20)).position == spent(20)
    assert floor.read(path, "lab-1").position == spent(20)


def test_seeding_does_not_clear_a_halt(keeper: Keeper, path: Path) -> None:
    keeper.halt(Cause.ROW_TAKEN)
    assert floor.seed(path, "lab-1", KEY, spent(20)).halted is Cause.ROW_TAKEN


def test_the_watermark_of_another_key_is_not_seeded_over(path: Path) -> None:
    with pytest.raises(FloorUnusable, match="watermark file of another key"):
        floor.seed(path, "lab-1", bytes(32), spent(20))
    assert floor.read(path, "lab-1") == HERE


def test_a_damaged_watermark_is_seeded_again_and_kept_beside(path: Path) -> None:
    path.write_bytes(b"not a floor")
    assert floor.seed(path, "lab-1", KEY, spent(20)).position == spent(20)
    assert path.with_name(path.name + ".damaged").read_bytes() == b"not a floor"


@pytest.mark.skipif(os.geteuid() != 0, reason="changes owners")
def test_what_root_seeds_belongs_to_the_gates_user(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1235)
    path = floor.path_of(tmp_path, "lab-1")
    floor.seed(path, "lab-1", KEY, spent(1))
    assert {(each.stat().st_uid, each.stat().st_gid) for each in tmp_path.iterdir()} == {(1234, 1235)}


@pytest.mark.lab
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_full_disk_stops_no_rise_and_spares_what_is_there(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=True)
    try:
        path = floor.path_of(tmp_path, "lab-1")
        floor.create(path, HERE)
        keeper = Keeper(path, floor.read(path, "lab-1"))
        with pytest.raises(OSError, match="No space left"), (tmp_path / "filling").open("wb", buffering=0) as filling:
            while True:
                filling.write(bytes(4096))
        keeper.rise(Position(11, 0, 1))
        assert floor.read(path, "lab-1").position == Position(11, 0, 1)
        with pytest.raises(OSError, match="No space left"):
            floor.seed(path, "lab-1", KEY, spent(99))
        assert floor.read(path, "lab-1").position == Position(11, 0, 1)
        keeper.close()
    finally:
        subprocess.run(["umount", tmp_path], check=True)
