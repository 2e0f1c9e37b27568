"""Builds a Debian package from its recipe, reproducibly: the same bytes at any time, on any machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from estate.errors import ExpectedError
from packages.download import fetch, sha256
from packages.recipes import MAINTAINER, Download, Package

BUILT_AT = 1704067200
"""The timestamp of every file in a package (seconds since 1970), so that equal content gives equal bytes."""

COMPRESSION = ("-Zzstd", "-z1")
FORMAT = "1"
"""Increment when a change of the packaging code changes the resulting packages."""


class PackagingFailed(ExpectedError):
    """dpkg-deb did not make a package."""


def sources(package: Package) -> dict[str, Path]:
    """The local file for each path of a package that comes from a file. Raises DownloadRefused."""
    wanted = {**package.programs, **package.libraries}
    return {path: fetch(source) if isinstance(source, Download) else source for path, source in wanted.items()}


def fingerprint(package: Package, files: dict[str, Path]) -> str:
    """A hash (hex) of everything that determines a package's bytes: its recipe and the content of its files."""
    content = {path: sha256(file) for path, file in sorted(files.items())}
    written = [dict(package.texts), dict(package.scripts), dict(package.links)]
    parts = [FORMAT, BUILT_AT, COMPRESSION, _control(package, 0), content, *written]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def build(package: Package, files: dict[str, Path], target: Path) -> str:
    """Write the package to `target` by one rename; return its control paragraph. Raises PackagingFailed."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as scratch:
        tree = Path(scratch) / "tree"
        for path, file in files.items():
            _put(tree, path, 0o755 if path in package.programs else 0o644, file)
        for path, text in {**package.texts, **package.scripts}.items():
            _put(tree, path, 0o755 if path in package.scripts else 0o644, None, text)
        for path, points_to in package.links.items():
            link = tree / path.lstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(points_to)
        kibibytes = sum(-(-file.lstat().st_size // 1024) for file in tree.rglob("*") if file.is_file())
        control = _control(package, kibibytes)
        _put(tree, "/DEBIAN/control", 0o644, None, control)
        for directory in [tree, *(path for path in tree.rglob("*") if path.is_dir())]:
            directory.chmod(0o755)
        made = Path(scratch) / "made.deb"
        done = subprocess.run(
            ["dpkg-deb", "--root-owner-group", *COMPRESSION, "--build", str(tree), str(made)],
            env={**os.environ, "SOURCE_DATE_EPOCH": str(BUILT_AT), "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise PackagingFailed(f"dpkg-deb could not build {package.name} {package.version}: {done.stderr.strip()}")
        made.chmod(0o644)
        made.replace(target)
    return control


def _control(package: Package, kibibytes: int) -> str:
    fields = {
        "Package": package.name,
        "Version": package.version,
        "Architecture": package.architecture,
        "Maintainer": MAINTAINER,
        "Installed-Size": str(kibibytes),
        "Depends": ", ".join(package.depends),
        "Section": package.section,
        "Priority": "optional",
        "Description": package.summary,
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


def _put(tree: Path, path: str, mode: int, source: Path | None, text: str = "") -> None:
    target = tree / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source is None:
        target.write_text(text)
    else:
        shutil.copyfile(source, target)
    target.chmod(mode)
    os.utime(target, (BUILT_AT, BUILT_AT))
