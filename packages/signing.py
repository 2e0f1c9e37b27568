"""The archive's signing key: created on demand, kept in one directory, used through gpg without a lasting agent."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from estate.errors import ExpectedError

OWNER = "Estate archive"
PUBLIC_KEYRING = "estate-archive-keyring.gpg"


class SigningFailed(ExpectedError):
    """gpg did not create a key or a signature."""


@dataclass(frozen=True, kw_only=True)
class ArchiveKey:
    """The key in `directory` (mode 0700). `public` is the keyring that hosts verify with."""

    directory: Path
    fingerprint: str
    public: Path

    def clearsign(self, text: str) -> str:
        """The clear-signed text, as in an InRelease file."""
        return _gpg(self.directory, "--local-user", self.fingerprint, "--clearsign", given=text.encode()).decode()

    def sign(self, text: str) -> bytes:
        """A detached, armoured signature of the text, as in a Release.gpg file."""
        arguments = ("--local-user", self.fingerprint, "--armor", "--detach-sign")
        return _gpg(self.directory, *arguments, given=text.encode())


def archive_key(directory: Path) -> ArchiveKey:
    """The archive's key; created first (Ed25519, no expiry) if the directory has none. Raises SigningFailed."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    with _held(directory):
        fingerprint = _fingerprint(directory)
        if fingerprint is None:
            _gpg(directory, "--passphrase", "", "--quick-generate-key", OWNER, "ed25519", "sign", "never")
            fingerprint = _fingerprint(directory)
        if fingerprint is None:
            raise SigningFailed(f"gpg made no key in {directory}: move the directory away and run again")
        public = directory / PUBLIC_KEYRING
        exported = _gpg(directory, "--export", fingerprint)
        if not public.exists() or public.read_bytes() != exported:
            partial = public.with_suffix(".partial")
            partial.write_bytes(exported)
            partial.chmod(0o644)
            partial.replace(public)
    return ArchiveKey(directory=directory, fingerprint=fingerprint, public=public)


def _fingerprint(directory: Path) -> str | None:
    """The fingerprint of the oldest key; None if there is none.

    The public half is looked for: secret keys are listed by an agent, and one that is just ending would list none.
    """
    listed = _gpg(directory, "--list-keys", "--with-colons", OWNER, may_fail=True).decode()
    lines = [line.split(":") for line in listed.splitlines()]
    return next((fields[9] for fields in lines if fields[0] == "fpr"), None)


def _gpg(directory: Path, *arguments: str, given: bytes = b"", may_fail: bool = False) -> bytes:
    """Run gpg, and end its agent. The home is given as a descriptor path, because a socket path must be short."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    home = f"/proc/{os.getpid()}/fd/{descriptor}"
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            ["gpg", "--homedir", home, "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", *arguments],
            input=given,
            capture_output=True,
            env=environment,
            check=False,
        )
        subprocess.run(
            ["gpgconf", "--homedir", home, "--kill", "gpg-agent"], capture_output=True, env=environment, check=False
        )
    except FileNotFoundError as error:
        raise SigningFailed("gpg is not installed: as root, apt-get install gnupg") from error
    finally:
        os.close(descriptor)
    if done.returncode != 0 and not may_fail:
        raise SigningFailed(f"gpg {' '.join(arguments)} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


@contextlib.contextmanager
def _held(directory: Path) -> Iterator[None]:
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
