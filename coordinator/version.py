"""The gate's version: its release and a digest of its source."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

RELEASE = "1.0.0"
DIGEST_DIGITS = 12
PACKAGE = Path(__file__).resolve().parent


def sources() -> Mapping[str, Path]:
    """The package's files, sorted by their path with ``/`` below it."""
    return {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}


def version() -> str:
    """``1.0.0+0123456789ab``: it changes with the source. An installed gate keeps the version of its package."""
    digest = sha256()
    for name, path in sources().items():
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return f"{RELEASE}+{digest.hexdigest()[:DIGEST_DIGITS]}"
