"""One cgroup per machine: by it the lab identifies, counts and ends exactly its own processes.

A cgroup of the unified hierarchy outlives its creator and cannot be left by a process of the machine, so it is
reliable after the command line was killed, when a pid in a file might belong to another process. Works on a unified
system, and on a hybrid one, where the unified hierarchy only tracks and the memory limit is set in the v1 hierarchy.
"""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Hierarchies:
    """Mount points: the unified hierarchy, v1's memory controller if it is a v1 one, and every v1 hierarchy."""

    unified: Path
    memory_v1: Path | None
    v1: tuple[Path, ...]


def hierarchies(mountinfo: str | None = None) -> Hierarchies:
    """The cgroup hierarchies that are mounted, from the text of `/proc/self/mountinfo`.

    Raises:
        LookupError: the unified hierarchy is not mounted.
    """
    unified, memory_v1, v1 = None, None, []
    for line in (mountinfo or Path("/proc/self/mountinfo").read_text()).splitlines():
        mount, _, source = line.partition(" - ")
        kind, *_, options = source.split(" ")
        path = Path(mount.split(" ")[4])
        if kind == "cgroup2" and unified is None:
            unified = path
        elif kind == "cgroup":
            v1.append(path)
            if "memory" in options.split(","):
                memory_v1 = path
    if unified is None:
        raise LookupError(
            "the unified cgroup hierarchy (cgroup2): machines are tracked by it; "
            "run `mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified`"
        )
    return Hierarchies(unified=unified, memory_v1=memory_v1, v1=tuple(v1))


def create(name: str, memory_mib: int | None) -> tuple[Path, ...]:
    """Make the cgroups `name`; returns the `cgroup.procs` files that a process joins them by."""
    tree = hierarchies()
    unified = tree.unified / name
    unified.mkdir(exist_ok=True)
    join = [unified / "cgroup.procs"]
    if tree.memory_v1 is not None:
        memory = tree.memory_v1 / name
        memory.mkdir(exist_ok=True)
        limit = -1 if memory_mib is None else memory_mib * 1024 * 1024
        (memory / "memory.limit_in_bytes").write_text(f"{limit}\n")
        join.append(memory / "cgroup.procs")
    elif memory_mib is not None:
        with suppress(OSError):
            (tree.unified / "cgroup.subtree_control").write_text("+memory")
        (unified / "memory.max").write_text(f"{memory_mib * 1024 * 1024}\n")
    return tuple(join)


def populated(name: str) -> bool:
    """Whether a process lives in the cgroup `name` or beneath it."""
    try:
        events = (hierarchies().unified / name / "cgroup.events").read_text()
    except OSError:
        return False
    return "populated 1" in events


def processes(name: str) -> list[int]:
    """The pids in the cgroup `name` and beneath it."""
    found: list[int] = []
    for directory, _, _ in os.walk(hierarchies().unified / name):
        with suppress(OSError):
            found += map(int, (Path(directory) / "cgroup.procs").read_text().split())
    return found


def named(prefix: str) -> list[str]:
    """The cgroups whose name starts with `prefix`, in any hierarchy."""
    tree = hierarchies()
    names = {entry.name for top in (tree.unified, *tree.v1) for entry in top.glob(f"{prefix}*") if entry.is_dir()}
    return sorted(names)


def wait_empty(name: str, seconds: float) -> bool:
    """Wait until no process is left in the cgroup; False if some still is after `seconds`."""
    deadline = time.monotonic() + seconds
    while populated(name):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def kill(name: str) -> None:
    """End every process in the cgroup at once, by SIGKILL.

    Raises:
        TimeoutError: a process is still there after 10 seconds: the kernel holds it.
    """
    with suppress(FileNotFoundError):
        (hierarchies().unified / name / "cgroup.kill").write_text("1")
    if not wait_empty(name, 10):
        raise TimeoutError(
            f"cgroup {name}: processes {processes(name)} outlive SIGKILL; the kernel holds them, look at dmesg"
        )


def remove(name: str) -> None:
    """Remove the empty cgroups `name` of every hierarchy, with what is beneath."""
    tree = hierarchies()
    for top in (tree.unified, *tree.v1):
        for directory, _, _ in os.walk(top / name, topdown=False):
            _remove_directory(Path(directory))


def _remove_directory(directory: Path) -> None:
    for attempt in range(100):
        try:
            directory.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            if attempt == 99:
                raise
            time.sleep(0.02)
