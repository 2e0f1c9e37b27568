"""The parts: each is built or downloaded once, into a directory of the cache that never changes afterwards.

A complete part is renamed to its name: a build that is killed at any moment leaves no incomplete part, and the next
build continues from the compilers' own caches.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import builders, cache, debian
from tools.cache import Progress
from tools.commands import PartError
from tools.recipes import Recipe, recipe, recipes

__all__ = ["PartError", "defaults", "ensure", "ensure_all", "location", "ready"]


def location(name: str) -> Path:
    """Where the part of this name is, or will be, in the cache. Raises UnknownPart."""
    return cache.root() / "parts" / recipe(name).directory_name


def ready(name: str) -> bool:
    """Whether the complete part is in the cache."""
    return location(name).is_dir()


def defaults() -> list[str]:
    """The parts that every lab needs, in the best build order."""
    return [name for name, part in recipes().items() if part.default]


def ensure(name: str, progress: Progress = print) -> Path:
    """The directory of a part (programs in its `bin/`); built or downloaded first if it is not in the cache.

    If several processes call this at once, one builds and the others wait. Raises UnknownPart; PartError or
    `debian.PackagesMissing` if the part cannot be provided, with the reason and what to do.
    """
    target = location(name)
    if target.is_dir():
        return target
    part = recipe(name)
    with cache.locked(part.directory_name, progress):
        if target.is_dir():
            return target
        started = time.monotonic()
        with cache.shared("build"):
            _build(part, target, progress)
        progress(f"{name} {part.version}: ready after {time.monotonic() - started:.0f} s")
    return target


def ensure_all(names: Sequence[str], progress: Progress = print) -> dict[str, Path]:
    """Several parts, two at a time, because each build has phases that use one processor or none.

    The builds' intermediate files (gigabytes) are removed at the end. Raises what `ensure` raises for the first part
    that fails, after the others have ended.
    """
    if all(map(ready, names)):
        return {name: location(name) for name in names}
    with ThreadPoolExecutor(max_workers=2) as pool:
        waiting = {name: pool.submit(ensure, name, progress) for name in names}
    had = {name: result.result() for name, result in waiting.items()}
    trim()
    return had


def trim() -> bool:
    """Remove sources and compiler caches, which no finished part needs.

    Returns False, and removes nothing, while a build runs.
    """
    with cache.alone("build") as nobody_builds:
        if nobody_builds:
            shutil.rmtree(cache.root() / "build", ignore_errors=True)
        return nobody_builds


def _build(part: Recipe, target: Path, progress: Progress) -> None:
    staging_area = cache.root() / "build" / "staging"
    staging_area.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(exist_ok=True)
    for abandoned in staging_area.glob(f"{part.directory_name}.*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    log = cache.root() / "build" / "logs" / f"{part.name}.log"
    log.unlink(missing_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f"{part.directory_name}.", dir=staging_area))
    staging.chmod(0o755)
    try:
        if part.release is None or not builders.from_release(part, staging, progress):
            debian.ensure(_compiler_packages(part), progress)
            builders.from_source(part, staging, log, progress)
        for name, source in part.files.items():
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, staging / name)
        os.sync()
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _compiler_packages(part: Recipe) -> list[str]:
    """The missing Debian packages of a build, except those whose program is already on PATH."""
    return [name for name in part.debian if not shutil.which(name) and name != "golang-go"]
