"""The Pulumi engine: the one on PATH if it is complete and new enough, else the part `pulumi`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools import cache, parts
from tools.cache import Progress

MINIMUM = (3, 200, 0)
"""The oldest engine that the program is tested with."""

TREE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A Pulumi command line; `directories` go in front of PATH so that it finds its language host and analyzers."""

    pulumi: Path
    directories: tuple[Path, ...]


def ensure(progress: Progress = print) -> Engine:
    """The engine; built or downloaded first if it is missing. Raises `parts.PartError`."""
    installed = _on_path()
    if installed:
        return Engine(pulumi=installed, directories=())
    programs = parts.ensure("pulumi", progress) / "bin"
    return Engine(pulumi=programs / "pulumi", directories=(programs,))


def environment(base: Mapping[str, str] | None = None, progress: Progress = print) -> dict[str, str]:
    """`base` (default: this process's environment) with a complete `pulumi` on PATH and its update check off.

    Plugins and their state stay in the cache directory unless PULUMI_HOME says otherwise.
    """
    base = dict(os.environ if base is None else base)
    return base | additions(progress, base)


def additions(progress: Progress = print, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """What `environment` sets: the variables to export for running pulumi by hand."""
    base = os.environ if base is None else base
    engine = ensure(progress)
    path = os.pathsep.join([*map(str, engine.directories), base.get("PATH", os.defpath)])
    return {
        "PATH": path,
        "ESTATE_TREE": str(TREE),
        "PULUMI_HOME": base.get("PULUMI_HOME") or str(cache.root() / "pulumi-home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_TELEMETRY": "true",
    }


def _on_path() -> Path | None:
    found = shutil.which("pulumi")
    host = shutil.which("pulumi-language-python")
    if not found or not host or not shutil.which("pulumi-analyzer-policy-python"):
        return None
    try:
        said = subprocess.run([found, "version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
    if version and tuple(map(int, version.groups())) >= MINIMUM:
        return Path(found)
    return None
