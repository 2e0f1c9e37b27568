"""The watermark file of a key on a gate's own disk: the highest position at which this gate saw the row. It only rises.

It protects against a faulty table: a table that was rolled back or replaced, or that lost its rows, cannot make a gate
sign below the watermark on its own disk. Each rise is therefore on disk before it counts.

The file is created by a rename and then overwritten in place, in one sector, which disks write atomically (PostgreSQL
does the same with pg_control). That takes one flush of data: no directory entry, no journal, no free space. A torn
sector fails its checksum, and nothing is signed until a person has seeded the file again.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from coordinator.decision.effects import Cause
from coordinator.decision.position import Position, parse

VERSION = 1
KEY_BYTES = 32
SIZE = 512
"""Bytes of the file: the smallest sector size."""

SEED_FIRST = "seed it by ceremony (signing-gate seed), from what the chain shows"


@dataclass(frozen=True, slots=True)
class Floor:
    """The content of the file. ``public_key``: the 32 bytes of the Ed25519 key that this gate guards."""

    chain_id: str
    public_key: bytes
    position: Position
    halted: Cause | None = None


class FloorUnusable(Exception):
    """The watermark file cannot be used: it is missing, empty or damaged, or another process holds its lock."""


class FloorTaken(FloorUnusable):
    """Another process holds the lock of the watermark file. It may let go of it."""


def path_of(state: Path, chain_id: str) -> Path:
    return state / f"{chain_id}.floor.json"


_ENCODED = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _digest(fields: dict[str, object]) -> str:
    return hashlib.sha256(_ENCODED(fields).encode()).hexdigest()


def encode(floor: Floor) -> bytes:
    fields: dict[str, object] = {
        "version": VERSION,
        "chain_id": floor.chain_id,
        "public_key": base64.b64encode(floor.public_key).decode(),
        "position": floor.position.text,
        "halted": floor.halted,
    }
    fields["sha256"] = _digest(fields)
    lines = ",\n ".join(f'"{name}": {_ENCODED(value)}' for name, value in fields.items())
    data = f"{{\n {lines}\n}}".encode()
    if len(data) >= SIZE:
        raise ValueError(
            f"the watermark of {floor.chain_id!r} takes {len(data)} bytes; it must take less than a sector ({SIZE})"
        )
    return data.ljust(SIZE - 1) + b"\n"


def decode(data: bytes) -> Floor:
    """Reads what ``encode`` wrote. Raises ValueError for anything else."""
    try:
        found = json.loads(data.decode("ascii"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it holds no JSON object")
    digest = found.pop("sha256", None)
    if digest != _digest(found):
        raise ValueError("its checksum does not match its content")
    if set(found) != {"version", "chain_id", "public_key", "position", "halted"} or found["version"] != VERSION:
        raise ValueError(f"it is not of version {VERSION}")
    public_key = base64.b64decode(str(found["public_key"]), validate=True)
    if len(public_key) != KEY_BYTES:
        raise ValueError(f"its public key has {len(public_key)} bytes instead of {KEY_BYTES}")
    halted = None if found["halted"] is None else Cause(found["halted"])
    return Floor(str(found["chain_id"]), public_key, parse(str(found["position"])), halted)


def read(path: Path, chain_id: str) -> Floor:
    """Raises FloorUnusable, with what was found and what to do."""
    try:
        floor = decode(path.read_bytes())
    except FileNotFoundError:
        raise FloorUnusable(f"{path} is missing; {SEED_FIRST}") from None
    except OSError as error:
        raise FloorUnusable(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise FloorUnusable(f"{path} is damaged: {error}; {SEED_FIRST}") from None
    if floor.chain_id != chain_id:
        raise FloorUnusable(f"{path} is the watermark file of chain {floor.chain_id}; {SEED_FIRST}")
    return floor


def _give(descriptor: int, directory: Path) -> None:
    """A file that root writes in a ceremony must belong to the gate's user, who owns the directory."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def create(path: Path, floor: Floor) -> None:
    """Creates or replaces the file. On return, the file and its directory entry are on disk.

    Raises:
        OSError: the write may or may not have happened; the file has the old content or the new, never a mix.
    """
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _give(descriptor, path.parent)
        _overwrite(descriptor, floor)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _overwrite(descriptor: int, floor: Floor) -> None:
    written = os.pwrite(descriptor, encode(floor), 0)
    if written != SIZE:
        raise OSError(errno.EIO, f"only {written} of {SIZE} bytes were written")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Holds the file's lock. Raises FloorTaken if another process holds it, FloorUnusable if it cannot be locked."""
    try:
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FloorUnusable(f"{path} cannot be locked: {error.strerror}") from None
    try:
        _give(descriptor, path.parent)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FloorTaken(f"another process holds {path}; stop it first") from None
        except OSError as error:
            raise FloorUnusable(f"{path} cannot be locked: {error.strerror}") from None
        yield
    finally:
        os.close(descriptor)


class Keeper:
    """An open watermark file whose lock is held. ``floor`` is the last content known to be on disk."""

    def __init__(self, path: Path, floor: Floor) -> None:
        """Raises FloorUnusable if the file cannot be opened for writing."""
        self._path = path
        self.floor = floor
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise FloorUnusable(f"{path} cannot be written to: {error.strerror}") from None

    def rise(self, position: Position) -> None:
        """On return, the watermark on disk is at ``position`` or above. Raises OSError."""
        if position > self.floor.position:
            self._put(replace(self.floor, position=position))

    def halt(self, cause: Cause) -> None:
        """Halts the key across restarts. The halt takes effect in memory even if the write fails. Raises OSError."""
        halted = replace(self.floor, halted=cause)
        self.floor = halted
        self._put(halted)

    def close(self) -> None:
        os.close(self._descriptor)

    def _put(self, floor: Floor) -> None:
        if self._path.stat().st_ino != os.fstat(self._descriptor).st_ino:
            raise FileNotFoundError(errno.ENOENT, "the watermark file was moved while the gate runs", str(self._path))
        _overwrite(self._descriptor, floor)
        os.fdatasync(self._descriptor)
        self.floor = floor


def seed(path: Path, chain_id: str, public_key: bytes, position: Position) -> Floor:
    """Creates the watermark file of a key, or raises its watermark. A damaged file is replaced and kept beside it.

    Raises:
        FloorUnusable: another process holds the file, or it is of another key or chain.
        OSError: the file could not be written.
    """
    with held(path):
        seeded = Floor(chain_id, public_key, position)
        if path.exists():
            try:
                there = decode(path.read_bytes())
            except ValueError:
                path.replace(path.with_name(path.name + ".damaged"))
            else:
                if (there.chain_id, there.public_key) != (chain_id, public_key):
                    raise FloorUnusable(
                        f"{path} is the watermark file of another key, {base64.b64encode(there.public_key).decode()} "
                        f"of chain {there.chain_id}; a watermark is never lowered: retire that key first, then move "
                        "its file away"
                    )
                seeded = replace(there, position=max(there.position, position))
        create(path, seeded)
        return seeded


def clear_halt(path: Path, chain_id: str) -> Cause | None:
    """Lets a halted key sign again; returns why it was halted. Raises FloorUnusable, OSError."""
    with held(path):
        there = read(path, chain_id)
        create(path, replace(there, halted=None))
        return there.halted
