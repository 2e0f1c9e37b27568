"""The one image that all machines share as the lower layer of their disks, built once into the cache."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from estate.errors import ExpectedError
from lab.machines import recipe, requirements
from tools import cache, debian

ARCHIVE_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class ImageError(ExpectedError):
    """The image could not be built; the text has the end of the build's log."""


def path() -> Path:
    """Where the image of the present recipe is, or will be: a root file system."""
    return cache.root() / "images" / recipe.digest() / "root"


def ensure(progress: cache.Progress = print) -> Path:
    """Build the image if the cache has none of this recipe; returns its root directory.

    Takes about a minute the first time. Concurrent callers wait for one builder. It can be killed at any moment: the
    image appears whole, by a rename, or not at all, and what was half-built is removed by the next call.

    Raises:
        LabUnavailable: root, a program, a feature of the kernel, or a source of Debian packages is missing.
        PackagesMissing: apt could not install what is missing.
        ImageError: the build failed.
    """
    image = path()
    if image.is_dir():
        return image
    if os.geteuid() == 0:
        debian.ensure(requirements.PACKAGES, progress)
    requirements.check({**requirements.PROGRAMS, **requirements.IMAGE_PROGRAMS})
    images = image.parent.parent
    images.mkdir(parents=True, exist_ok=True)
    with _locked(images / ".lock") as lock:
        if image.is_dir():
            return image
        for left in images.glob(".building-*"):
            shutil.rmtree(left)
        building = images / f".building-{recipe.digest()}"
        building.mkdir()
        sources = debian_sources()
        progress(f"building the machines' image: {len(recipe.packages())} Debian packages, about a minute")
        _bootstrap(building, sources, lock)
        progress("building the machines' image: configuring")
        configure(building / "root")
        made_of = {"suites": recipe.SUITES, "packages": recipe.packages()}
        (building / "recipe.json").write_text(json.dumps(made_of, indent=1))
        building.rename(image.parent)
    return image


def debian_sources() -> list[str]:
    """One apt source line for each suite of the image, taken from what this machine's own apt is configured to use.

    Raises:
        LabUnavailable: this machine's apt has no source of the suite.
    """
    if mirror := os.environ.get("ESTATE_DEBIAN_MIRROR"):
        return [_source_line(mirror, recipe.SUITE)]
    found = {}
    for line in _apt_index_targets().splitlines():
        uri, release, origin, component = (line.split(" ") + [""] * 4)[:4]
        if origin == "Debian" and component == "main" and release in recipe.SUITES:
            found[release] = _source_line(uri, release)
    if recipe.SUITE not in found:
        raise requirements.LabUnavailable(
            f"the machines' image is Debian {recipe.SUITE}, and this machine's apt lists no package index of it: "
            "run `apt-get update`, or set ESTATE_DEBIAN_MIRROR to the URL of a Debian mirror"
        )
    return [found[suite] for suite in recipe.SUITES if suite in found]


def _apt_index_targets() -> str:
    shown = "$(REPO_URI) $(RELEASE) $(ORIGIN) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", shown, "Created-By: Packages"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _source_line(uri: str, suite: str) -> str:
    signed_by = f"[signed-by={ARCHIVE_KEYRING}] " if ARCHIVE_KEYRING.exists() else ""
    return f"deb {signed_by}{uri} {suite} main"


def _bootstrap(building: Path, sources: list[str], lock: int) -> None:
    (building / "sources.list").write_text("\n".join(sources) + "\n")
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--pid", "--kill-child", "--mount-proc"]
    command += ["mmdebstrap", "--mode=root", "--variant=minbase", '--aptopt=APT::Install-Recommends "false"']
    command += ["--dpkgopt=force-unsafe-io"]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in recipe.EXCLUDED_PATHS]
    command += ["--include", ",".join(recipe.packages())]
    command += [recipe.SUITE, str(building / "root"), str(building / "sources.list")]
    log = building / "build.log"
    with log.open("wb") as output:
        built = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=(lock,))
    if built.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise ImageError(f"mmdebstrap ended with {built.returncode}; the whole log is {log}; its end:\n{tail}")


def configure(root: Path) -> None:
    """Make the fresh Debian in `root` the machines' image: no identity, no sources, nothing that listens but sshd."""
    for pattern in ("etc/ssh/ssh_host_*", "etc/apt/sources.list", "etc/apt/apt.conf.d/99mmdebstrap", "etc/resolv.conf"):
        for left in root.glob(pattern):
            left.unlink()
    for name in ("etc/hostname", "etc/machine-id"):
        (root / name).write_text("")
    (root / "var/lib/dbus/machine-id").unlink(missing_ok=True)
    for name, (content, executable) in recipe.rootfs_files().items():
        target = root / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(0o755 if executable else 0o644)
    (root / "etc/sudoers.d/90-cloud-init-users").chmod(0o440)
    inside = ["chroot", str(root)]
    useradd = ["useradd", "--uid", str(recipe.ADMIN_UID), "--create-home", "--shell", "/bin/bash", recipe.ADMIN_USER]
    enabled = {unit.name for unit in root.glob("etc/systemd/system/*.wants/*.service")}
    disable = sorted(enabled - set(recipe.ENABLED_SERVICES) - set(recipe.MASKED_UNITS))
    commands = [
        useradd,
        ["systemctl", "disable", *disable],
        ["systemctl", "mask", *recipe.MASKED_UNITS],
        ["systemctl", "enable", *recipe.ENABLED_SERVICES],
        ["systemctl", "set-default", "multi-user.target"],
    ]
    for command in commands:
        done = subprocess.run([*inside, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise ImageError(f"`{' '.join(command)}` in the image ended with {done.returncode}: {done.stderr.strip()}")


@contextmanager
def _locked(lock: Path) -> Iterator[int]:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
