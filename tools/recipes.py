"""The recipes in `parts.toml`, read and typed. Pure but for reading the files of this directory."""

from __future__ import annotations

import hashlib
import platform
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from estate.errors import ExpectedError

DIRECTORY = Path(__file__).resolve().parent
BUILD_RULES = "1"
"""Increment when a change of the build code changes the resulting parts, so that cached parts are not reused."""

LOCKS = ("go.*", "*.go", "Cargo.*", "src/*.rs", "pom.xml", "package*.json", "*.sha256")
"""The lock files of a build."""


class UnknownPart(ExpectedError):
    """There is no recipe of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown part {name!r}: tools/parts.toml declares {', '.join(sorted(recipes()))}")


@dataclass(frozen=True, kw_only=True)
class Release:
    """A published archive, used only if its SHA-256 (hex) is `sha256`; unpacked into `into` of the part."""

    url: str
    sha256: str
    into: str
    strip_components: int


@dataclass(frozen=True, kw_only=True)
class GoBuild:
    """Programs built from Go modules. `module` is the directory that holds go.mod and go.sum.

    `library_beside`: the programs load a shared library of the build, from the directory that they are in themselves.
    """

    module: Path
    cgo: bool
    ldflags: str
    binaries: dict[str, str]
    copies: dict[str, str]
    library_beside: bool


@dataclass(frozen=True, kw_only=True)
class CargoBuild:
    """Programs built from a crate. `lock` is the directory that holds Cargo.toml and Cargo.lock."""

    crate: str
    lock: Path
    features: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A Go toolchain as the Go module system carries it: `module` is path@version, `sum` its h1 checksum."""

    module: str
    sum: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one part is built or installed. `digest` (12 hex) covers everything that decides what is built.

    `maven` is the directory of a pom.xml and of lib.sha256, which `sha256sum` can read; `npm` that of a
    package.json and of a package-lock.json, which has a checksum for each package.
    """

    name: str
    version: str
    summary: str
    default: bool
    debian: tuple[str, ...]
    release: Release | None
    go: GoBuild | None
    cargo: CargoBuild | None
    maven: Path | None
    npm: Path | None
    toolchain: Toolchain | None
    files: dict[str, Path]
    digest: str

    @property
    def directory_name(self) -> str:
        return f"{self.name}-{self.version}-{self.digest}"


def machine() -> str:
    """The processor as the kernel names it (`x86_64`, `aarch64`)."""
    return platform.machine()


@lru_cache(maxsize=1)
def recipes() -> dict[str, Recipe]:
    """Every recipe of `parts.toml`, by name."""
    tables = tomllib.loads((DIRECTORY / "parts.toml").read_text())
    return {name: _recipe(name, table) for name, table in tables.items()}


def recipe(name: str) -> Recipe:
    """The recipe of this name. Raises UnknownPart."""
    try:
        return recipes()[name]
    except KeyError:
        raise UnknownPart(name) from None


def _recipe(name: str, table: dict[str, Any]) -> Recipe:
    go = table.get("go")
    cargo = table.get("cargo")
    release = table.get("release", {}).get(machine())
    toolchain = table.get("toolchain", {}).get(machine())
    files = {target: DIRECTORY / source for target, source in table.get("files", {}).items()}
    return Recipe(
        name=name,
        version=table["version"],
        summary=table["summary"],
        default=table.get("default", False),
        debian=tuple(table.get("debian", ())),
        release=Release(**release) if release else None,
        go=GoBuild(
            module=DIRECTORY / go["module"],
            cgo=go["cgo"],
            ldflags=go["ldflags"],
            binaries=go["binaries"],
            copies={
                target.format(machine=machine()): source.format(machine=machine())
                for target, source in go.get("copies", {}).items()
            },
            library_beside=go.get("library_beside", False),
        )
        if go
        else None,
        cargo=CargoBuild(crate=cargo["crate"], lock=DIRECTORY / cargo["lock"], features=tuple(cargo["features"]))
        if cargo
        else None,
        maven=DIRECTORY / table["maven"] if "maven" in table else None,
        npm=DIRECTORY / table["npm"] if "npm" in table else None,
        toolchain=Toolchain(**toolchain) if toolchain else None,
        files=files,
        digest=_digest(table, _lock_directories(table), files),
    )


def _lock_directories(table: dict[str, Any]) -> list[Path]:
    named = (
        table.get("go", {}).get("module"),
        table.get("cargo", {}).get("lock"),
        table.get("maven"),
        table.get("npm"),
    )
    return [DIRECTORY / name for name in named if name]


def _digest(table: dict[str, Any], lock_directories: list[Path], files: dict[str, Path]) -> str:
    what_is_built = {key: value for key, value in table.items() if key not in ("summary", "default", "debian")}
    digest = hashlib.sha256(f"{BUILD_RULES} {machine()} {what_is_built!r}".encode())
    for path in files.values():
        digest.update(path.read_bytes())
    for directory in lock_directories:
        for path in sorted(path for pattern in LOCKS for path in directory.glob(pattern)):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
