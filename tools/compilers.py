"""Go and Rust compilers that are new enough: the machine's own, else from Debian and the Go module proxy."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools import cache, commands, debian
from tools.cache import Progress
from tools.commands import PartError
from tools.recipes import Toolchain, recipe

RUST_MINIMUM = (1, 85, 0)
"""tmkms 0.15 uses Edition 2024."""


@dataclass(frozen=True, kw_only=True)
class Go:
    """A Go command that is new enough, and the environment to run it in."""

    command: str
    environment: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Cargo:
    """A cargo command that is new enough, and the environment to run it in."""

    command: str
    environment: dict[str, str]


def go(progress: Progress) -> Go:
    """Go in at least the version of the recipe `go`. Raises PartError if none is available."""
    from tools import parts

    minimum = _numbers(recipe("go").version)
    own = shutil.which("go")
    if own and _go_version(own) >= minimum:
        return Go(command=own, environment=go_environment())
    directory = parts.ensure("go", progress)
    return Go(command=str(directory / "bin" / "go"), environment={**go_environment(), "GOROOT": str(directory)})


def toolchain(wanted: Toolchain, target: Path, log: Path, progress: Progress) -> None:
    """Put a Go toolchain into `target`, fetched by any older Go as the module it is published as.

    Raises PartError if there is no Go to fetch it with, or if its sum is not the one of the recipe.
    """
    fetcher = shutil.which("go")
    if fetcher is None:
        debian.ensure(recipe("go").debian, progress)
        fetcher = shutil.which("go") or "/usr/bin/go"
    environment = go_environment() | {"GOFLAGS": "-mod=mod -modcacherw"}
    said = json.loads(commands.output([fetcher, "mod", "download", "-json", wanted.module], environment=environment))
    if said["Sum"] != wanted.sum:
        raise PartError(
            f"{wanted.module} has the sum {said['Sum']}, but its recipe pins {wanted.sum}: "
            "it is not the toolchain that was reviewed, so it is not used. "
            "Look into it before changing tools/parts.toml."
        )
    log.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(said["Dir"], target, dirs_exist_ok=True)
    for directory in (target / "bin", target / "pkg" / "tool"):
        for path in directory.rglob("*"):
            if path.is_file():
                path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def go_environment() -> dict[str, str]:
    """The environment of a Go build: its caches are in our cache; no other toolchain and no user settings are used."""
    area = cache.root() / "build" / "go"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GO") or name in _GO_SETTINGS_KEPT}
    return kept | {
        "GOPATH": str(area),
        "GOMODCACHE": str(area / "pkg" / "mod"),
        "GOCACHE": str(cache.root() / "build" / "go-build"),
        "GOENV": "off",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly -modcacherw -trimpath -buildvcs=false",
        "GOAMD64": "v1",
    }


_GO_SETTINGS_KEPT = frozenset({"GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GONOPROXY", "GOINSECURE"})


def cargo(progress: Progress) -> Cargo:
    """cargo and rustc of at least `RUST_MINIMUM`; Debian's newest where the machine has none. Raises PartError."""
    area = cache.root() / "build"
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("RUSTFLAGS", "CARGO_BUILD_TARGET")},
        "CARGO_HOME": str(area / "cargo"),
        "PKG_CONFIG_LIBDIR": str(area / "no-system-libraries"),
        "CARGO_PROFILE_RELEASE_DEBUG": "false",
        "CARGO_PROFILE_RELEASE_STRIP": "symbols",
    }
    own = shutil.which("cargo")
    if own and _rust_version(own) >= RUST_MINIMUM:
        return Cargo(command=own, environment=environment)
    if shutil.which("apt-get"):
        progress("cargo: no installed version is new enough; installing Debian's newest")
        debian.ensure(("rustc-web", "cargo-web"), progress)
        if _rust_version("/usr/bin/cargo") >= RUST_MINIMUM:
            return Cargo(command="/usr/bin/cargo", environment=environment | {"RUSTC": "/usr/bin/rustc"})
    needed = ".".join(map(str, RUST_MINIMUM))
    raise PartError(
        f"no cargo of at least {needed} was found, and Debian here offers none: install Rust {needed} or newer"
    )


def _go_version(command: str) -> tuple[int, ...]:
    said = subprocess.run(
        [command, "env", "GOVERSION"], env=go_environment(), capture_output=True, text=True, check=False
    )
    return _numbers(said.stdout)


def _rust_version(command: str) -> tuple[int, ...]:
    said = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    return _numbers(said.stdout)


def _numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number or 0) for number in found.groups()) if found else (0, 0, 0)
