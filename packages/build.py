"""The repository: a pool of packages, its index and the index's signature. Updates are atomic for readers."""

from __future__ import annotations

import contextlib
import email.utils
import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packages import deb
from packages.download import sha256
from packages.recipes import Package
from packages.signing import PUBLIC_KEYRING, ArchiveKey, archive_key

SUITE = "stable"
COMPONENT = "main"


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository in `directory`; `keyring` is the public key that hosts verify it with."""

    directory: Path
    keyring: Path
    built: tuple[str, ...]
    """File names of the packages that this call built; empty if all were up to date."""
    signed: bool
    """Whether this call wrote and signed a new index."""

    def sources(self, uri: str, keyring: str = f"/usr/share/keyrings/{PUBLIC_KEYRING}") -> str:
        """The text of a host's `.sources` file for this repository at `uri`, its public key at `keyring`."""
        return f"Types: deb\nURIs: {uri}\nSuites: {SUITE}\nComponents: {COMPONENT}\nSigned-By: {keyring}\n"


def repository(target: Path, keyring_dir: Path, packages: Sequence[Package]) -> Repository:
    """Make `target` the signed repository of exactly these packages; what is up to date stays unchanged.

    Raises DownloadRefused, PackagingFailed or SigningFailed; the repository is then unchanged.
    """
    target.mkdir(parents=True, exist_ok=True)
    with _held(target):
        key = archive_key(keyring_dir)
        paragraphs, built = _pool(target, packages)
        architectures = sorted({package.architecture for package in packages} - {"all"}) or ["amd64"]
        signed = _index(target, key, "\n".join(paragraphs), architectures)
        _remove_others(target, packages)
    return Repository(directory=target, keyring=target / PUBLIC_KEYRING, built=tuple(built), signed=signed)


def _pool(target: Path, packages: Sequence[Package]) -> tuple[list[str], list[str]]:
    """Build the packages missing from the pool. Returns the index's paragraphs and the built packages' file names."""
    pool = target / "pool"
    pool.mkdir(exist_ok=True)
    for abandoned in pool.glob(".building-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    paragraphs, built = [], []
    for package in sorted(packages, key=lambda package: package.file_name):
        files = deb.sources(package)
        fingerprint = deb.fingerprint(package, files)
        path = pool / package.file_name
        note = pool / f".{package.file_name}.json"
        known = _known(note)
        if not path.exists() or known.get("fingerprint") != fingerprint or known.get("sha256") != sha256(path):
            control = deb.build(package, files, path)
            known = {"fingerprint": fingerprint, "sha256": sha256(path), "control": control}
            _write(note, json.dumps(known).encode())
            built.append(package.file_name)
        place = f"Filename: pool/{package.file_name}\nSize: {path.stat().st_size}\nSHA256: {known['sha256']}\n"
        paragraphs.append(known["control"] + place)
    return paragraphs, built


def _index(target: Path, key: ArchiveKey, packages: str, architectures: Sequence[str]) -> bool:
    """Write and sign the index, unless an equal one signed by this key exists."""
    dists = target / "dists" / SUITE
    binaries = [f"{COMPONENT}/binary-{architecture}" for architecture in architectures]
    digest = hashlib.sha256(packages.encode()).hexdigest()
    recorded = {"packages": digest, "architectures": list(architectures), "key": key.fingerprint}
    note = target / ".index.json"
    in_release = dists / "InRelease"
    if _known(note) == {**recorded, "in_release": sha256(in_release) if in_release.exists() else None} and all(
        (dists / binary / "Packages").exists() and sha256(dists / binary / "Packages") == digest for binary in binaries
    ):
        return False
    for binary in binaries:
        _write(dists / binary / "by-hash" / "SHA256" / digest, packages.encode())
        _write(dists / binary / "Packages", packages.encode())
    release = (
        f"Origin: estate\nLabel: estate\nSuite: {SUITE}\nCodename: {SUITE}\n"
        f"Date: {email.utils.formatdate(time.time(), usegmt=True)}\n"
        f"Architectures: {' '.join(architectures)}\nComponents: {COMPONENT}\nAcquire-By-Hash: yes\n"
        "Description: Packages of the estate that Debian does not carry\nSHA256:\n"
        + "".join(f" {digest} {len(packages.encode())} {binary}/Packages\n" for binary in binaries)
    )
    _write(target / PUBLIC_KEYRING, key.public.read_bytes())
    _write(dists / "Release", release.encode())
    _write(dists / "Release.gpg", key.sign(release))
    _write(in_release, key.clearsign(release).encode())
    _write(note, json.dumps({**recorded, "in_release": sha256(in_release)}).encode())
    for binary in binaries:
        for old in (dists / binary / "by-hash" / "SHA256").iterdir():
            if old.name != digest:
                old.unlink()
    return True


def _remove_others(target: Path, packages: Sequence[Package]) -> None:
    wanted = {package.file_name for package in packages}
    for path in (target / "pool").glob("*.deb"):
        if path.name not in wanted:
            path.unlink()
            (path.parent / f".{path.name}.json").unlink(missing_ok=True)


def _known(note: Path) -> dict[str, str]:
    """What is recorded of a built package: ``fingerprint``, ``sha256``, ``control``; empty if it is not readable."""
    try:
        known: dict[str, str] = json.loads(note.read_text())
    except (OSError, ValueError):
        return {}
    return known


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.chmod(0o644)
    partial.replace(path)


@contextlib.contextmanager
def _held(target: Path) -> Iterator[None]:
    with (target / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
