"""Downloaded files. None is used before its checksum has been verified."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
import urllib.request
from pathlib import Path

from estate.errors import ExpectedError
from packages.recipes import Download
from tools import cache

TIMEOUT_SECONDS = 30


class DownloadRefused(ExpectedError):
    """A download failed, or does not match its pin."""


def fetch(download: Download) -> Path:
    """The downloaded file, from the cache if it is there. Raises DownloadRefused; a wrong file is not kept."""
    kept = cache.root() / "downloads" / download.sha256
    if kept.exists() and sha256(kept) == download.sha256:
        return _member(download, kept)
    kept.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=kept.parent, prefix=f"{download.sha256}.") as partial:
        try:
            with urllib.request.urlopen(download.url, timeout=TIMEOUT_SECONDS) as response:
                while block := response.read(1 << 20):
                    partial.write(block)
        except OSError as error:
            raise DownloadRefused(
                f"{download.url} cannot be downloaded ({error}): "
                "check the URL and this machine's network connection, then run again"
            ) from error
        partial.flush()
        found = sha256(Path(partial.name))
        if found != download.sha256:
            raise DownloadRefused(
                f"{download.url} has the SHA-256 {found}, but the declaration pins {download.sha256}: "
                "it is not the reviewed file, so it is not used. "
                "Compare both with the publisher's signed checksums before changing the pin."
            )
        os.link(partial.name, f"{partial.name}.whole")
        Path(f"{partial.name}.whole").replace(kept)
    return _member(download, kept)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _member(download: Download, archive: Path) -> Path:
    if download.member is None:
        return archive
    unpacked = archive.with_name(f"{archive.name}-{hashlib.sha256(download.member.encode()).hexdigest()[:12]}")
    if not unpacked.exists():
        with tarfile.open(archive) as tar:
            try:
                content = tar.extractfile(download.member)
            except KeyError:
                content = None
            if content is None:
                raise DownloadRefused(f"{download.url} holds no file {download.member!r}: correct the member's name")
            with tempfile.NamedTemporaryFile(dir=archive.parent, delete=False) as partial:
                while block := content.read(1 << 20):
                    partial.write(block)
        Path(partial.name).replace(unpacked)
    return unpacked
