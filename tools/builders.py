"""The ways to provide a part: a published archive, Go modules or a crate, jars, npm packages, a Go toolchain."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import urllib.request
from pathlib import Path

from tools import cache, commands, compilers
from tools.cache import Progress
from tools.commands import Compiled, PartError
from tools.recipes import CargoBuild, GoBuild, Recipe, Release, machine

GO_PACKAGE, CRATE = r"^\w\S*$", r"^ +Compiling "
"""What Go (with -v) and cargo print when they compile a package."""

CONNECT_SECONDS = 5
"""How long a release's server may not respond before the part is built instead."""


def from_release(part: Recipe, target: Path, progress: Progress) -> bool:
    """Unpack the part's published archive into `target`. False if the download fails or is not the reviewed one."""
    assert part.release is not None
    archive = target / "release.tar.gz"
    try:
        digest = _download(part.release, archive)
    except OSError as error:
        progress(f"{part.name} {part.version}: its release cannot be downloaded ({error}); building it instead")
        archive.unlink(missing_ok=True)
        return False
    if digest != part.release.sha256:
        progress(
            f"{part.name} {part.version}: {part.release.url} has the SHA-256 {digest}, and tools/parts.toml says "
            f"{part.release.sha256}: it is not the archive that was reviewed, so it is not used; building instead"
        )
        archive.unlink()
        return False
    _unpack(archive, target / part.release.into, part.release.strip_components)
    archive.unlink()
    return True


def from_source(part: Recipe, target: Path, log: Path, progress: Progress) -> None:
    """Build the part into `target` as its recipe says. Raises PartError."""
    if part.go:
        _go(part, part.go, target, log, progress)
    elif part.cargo:
        _cargo(part, part.cargo, target, log, progress)
    elif part.maven:
        _maven(part, part.maven, target, log, progress)
    elif part.npm:
        _npm(part, part.npm, target, log, progress)
    elif part.toolchain:
        progress(f"{part.name} {part.version}: fetching the toolchain")
        compilers.toolchain(part.toolchain, target, log, progress)
    else:
        raise PartError(
            f"{part.name} cannot be built on this machine ({os.uname().machine}): its recipe has no build for it"
        )


def _download(release: Release, archive: Path) -> str:
    digest = hashlib.sha256()
    with urllib.request.urlopen(release.url, timeout=CONNECT_SECONDS) as response, archive.open("wb") as out:
        while block := response.read(1 << 20):
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


def _unpack(archive: Path, target: Path, strip_components: int) -> None:
    with tarfile.open(archive) as tar:
        members = []
        for member in tar.getmembers():
            inside = Path(member.name).parts[strip_components:]
            if inside:
                member.name = str(Path(*inside))
                members.append(member)
        tar.extractall(target, members=members, filter="data")


def _go(part: Recipe, build: GoBuild, target: Path, log: Path, progress: Progress) -> None:
    compiler = compilers.go(progress)
    environment = compiler.environment | {"CGO_ENABLED": "1" if build.cgo else "0"}
    progress(f"{part.name} {part.version}: fetching its Go modules")
    needed: set[str] = set()
    for package in build.binaries.values():
        listed = [compiler.command, "list", "-deps", package]
        needed |= set(commands.output(listed, environment=environment, directory=build.module).split())
    for name, source in build.copies.items():
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_module_directory(compiler, environment, build, source) / Path(source).name, copy)
        copy.chmod(0o755)
    compiled = _compiling(part, GO_PACKAGE, len(needed), log, progress)
    for name, package in build.binaries.items():
        options = ("build", "-v", "-ldflags", build.ldflags)
        command: list[str | Path] = [compiler.command, *options, "-o", target / name, package]
        commands.run(command, environment=environment, log=log, directory=build.module, compiled=compiled)

    if build.library_beside:
        library_directory = _module_directory(compiler, environment, build, next(iter(build.copies.values())))
        for name in build.binaries:
            look_beside(target / name, str(library_directory))


def _compiling(part: Recipe, line: str, total: int, log: Path, progress: Progress) -> Compiled:
    name = f"{part.name} {part.version}"
    progress(f"{name}: compiling {total} packages (minutes; log in {log})")
    return Compiled(line, total, lambda text: progress(f"{name}: {text}"))


def look_beside(program: Path, directory: str) -> None:
    """Change a program's ELF run path from `directory` to the program's own directory.

    The linker writes the run path as one string; the shorter one is written over it and null-terminated. Raises
    PartError unless the string occurs exactly once.
    """
    content = program.read_bytes()
    old = directory.encode() + b"\0"
    if content.count(old) != 1:
        raise PartError(
            f"{program.name}: expected the run path {directory!r} once, found it {content.count(old)} times"
        )
    program.write_bytes(content.replace(old, b"$ORIGIN\0".ljust(len(old), b"\0")))


def _module_directory(compiler: compilers.Go, environment: dict[str, str], build: GoBuild, source: str) -> Path:
    """The directory of a `module:path` source in the compiler's module cache."""
    module, path = source.split(":")
    command = [compiler.command, "list", "-m", "-json", module]
    found = json.loads(commands.output(command, environment=environment, directory=build.module))
    return (Path(found["Dir"]) / path).parent


def _cargo(part: Recipe, build: CargoBuild, target: Path, log: Path, progress: Progress) -> None:
    compiler = compilers.cargo(progress)
    work = cache.root() / "build" / "cargo-target" / part.directory_name
    environment = compiler.environment | {"CARGO_TARGET_DIR": str(work)}
    progress(f"{part.name} {part.version}: fetching its crates")
    manifest = ("--manifest-path", str(build.lock / "Cargo.toml"))
    platform = f"{machine()}-unknown-linux-gnu"
    fetch = [compiler.command, "fetch", "--locked", "--target", platform, *manifest]
    commands.run(fetch, environment=environment, log=log)
    describe = ["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", platform, *manifest]
    said = json.loads(commands.output([compiler.command, *describe], environment=environment))
    sources = [
        Path(package["manifest_path"]).parent
        for package in said["packages"]
        if package["name"] == build.crate and package["version"] == part.version
    ]
    if not sources:
        raise PartError(f"{build.lock / 'Cargo.lock'} does not lock {build.crate} {part.version}: lock it there")
    commands.run(
        [
            *(compiler.command, "install", "--locked", "--no-track", "--path", sources[0]),
            *("--features", ",".join(build.features), "--root", target),
        ],
        environment=environment,
        log=log,
        compiled=_compiling(part, CRATE, len(said["resolve"]["nodes"]), log, progress),
    )
    shutil.rmtree(work, ignore_errors=True)


def _maven(part: Recipe, lock: Path, target: Path, log: Path, progress: Progress) -> None:
    progress(f"{part.name} {part.version}: fetching its jars")
    jars = target / "lib"
    commands.run(
        [
            *("mvn", "-B", "-ntp", "-f", lock / "pom.xml", f"-Dmaven.repo.local={cache.root() / 'build' / 'maven'}"),
            *("dependency:copy-dependencies", f"-DoutputDirectory={jars}"),
        ],
        environment=os.environ,
        log=log,
    )
    check_files(jars, lock / "lib.sha256")


def _npm(part: Recipe, lock: Path, target: Path, log: Path, progress: Progress) -> None:
    """`npm ci` takes what the lock names, and only if it has the lock's checksum. No package's own script runs."""
    progress(f"{part.name} {part.version}: fetching its npm packages")
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(lock / name, target / name)
    commands.run(
        [
            *("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"),
            *("--cache", cache.root() / "build" / "npm"),
        ],
        environment=os.environ,
        log=log,
        directory=target,
    )
    (target / "bin").symlink_to("node_modules/.bin")


def check_files(directory: Path, checksums: Path) -> None:
    """Raise PartError unless the directory holds the files of `checksums` (as `sha256sum` writes it) and no other."""
    pinned = {name: digest for digest, name in map(str.split, checksums.read_text().splitlines())}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}
    wrong = sorted(name for name in pinned.keys() | found.keys() if pinned.get(name) != found.get(name))
    if wrong:
        raise PartError(
            f"{', '.join(wrong)}: missing, or not the reviewed file; {checksums} pins every file of this part"
        )
