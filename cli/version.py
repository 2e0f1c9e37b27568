"""The version of the product: ``tool.estate.version`` of pyproject.toml, and the commit if the tree is a checkout."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

GIT_SECONDS = 10


def _commit(checkout: Path) -> str:
    """The commit, with ``-dirty`` if files differ from it; empty where git or the repository is missing."""
    if not (checkout / ".git").exists():
        return ""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def declared(checkout: Path) -> str:
    """``0.1.0``."""
    return str(tomllib.loads((checkout / "pyproject.toml").read_text())["tool"]["estate"]["version"])


def version(checkout: Path) -> str:
    """``0.1.0 (1a2b3c4d5e6f)``."""
    commit = _commit(checkout)
    return f"{declared(checkout)} ({commit})" if commit else declared(checkout)
