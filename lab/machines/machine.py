"""Start, stop and look into machines: systemd-nspawn over a disk of their own, in a network namespace made beforehand.

Everything that a machine is in the kernel hangs on its processes: its mounts live in a mount namespace of their own, so
they go with the last process, and the processes are in one cgroup, so that they can be found and ended.
What is left on the disk is `<lab>/machines/<name>/`: the upper layer of its disk, which stays until `destroy`, as a
real disk would.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from estate.errors import ExpectedError
from lab.machines import cgroups, image, provision, requirements
from lab.machines.provision import Machine
from lab.paths import LabPaths

POWEROFF = signal.SIGRTMIN + 4
"""What systemd as pid 1 takes as an order to power off; see systemd(1), SIGNALS."""

ENTERED = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd")
"""What of a machine a command is put into."""

INOTIFY_INSTANCES = 1024
"""Each machine's systemd takes about five of root's inotify instances, of which Linux gives 128 by default."""

NSPAWN_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
    "SYSTEMD_NSPAWN_TMPFS_TMP": "0",
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
    "SYSTEMD_SECCOMP": "1",
}

LAUNCH = """
lock=$1 directory=$2 cgroups=$3; shift 3
for procs in $cgroups; do echo $$ >"$procs"; done
cd "$directory"
rm -rf work/work/incompat
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o mode=0755 tmpfs /run/systemd/nspawn
mount -t overlay -o lowerdir=image,upperdir=upper,workdir=work,volatile overlay root
exec {lock}>&-
exec "$@"
"""
"""Runs in a mount namespace of its own. The lock is held until the cgroup is joined, so two never start."""


class BootFailed(ExpectedError):
    """A machine did not come up; the text has the end of its console."""


@dataclass(frozen=True)
class Started:
    """A running machine: its public host key, the seconds until sshd listened, and whether this call booted it."""

    machine: Machine
    host_key: str
    seconds: float
    booted: bool


def start(lab: LabPaths, machine: Machine, *, root: Path | None = None, timeout_seconds: float = 90) -> Started:
    """Boot the machine unless it runs, and wait until its sshd listens.

    The first start makes its disk. A machine that runs in another namespace than the one that now has the name
    `machine.netns` is booted again. What a killed start left is finished or repaired. `root` is the image
    (`image.ensure()` if not given); a machine keeps the image that it was made from.

    Raises:
        LabUnavailable: this computer cannot run machines.
        BootFailed: it did not come up in time, or ended.
        UserDataError: the user data asks for what is not followed.
    """
    requirements.check()
    root = root or image.ensure()
    began = time.monotonic()
    directory = _directory(lab, machine.name)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lab.machines.chmod(0o700)
    namespace = Path("/run/netns") / machine.netns
    if not namespace.exists():
        raise BootFailed(
            f"{machine.name}: the network namespace {machine.netns} does not exist; make it before its machine"
        )
    with _locked(directory) as lock:
        booted = not _runs_in(lab, machine.name, namespace)
        if booted:
            _end(lab, machine.name, graceful_seconds=0)
            _make_disk(lab, machine, root)
            _allow_inotify_instances()
            _launch(lab, machine, namespace, lock)
    _wait_until_reachable(lab, machine.name, began + timeout_seconds)
    return Started(machine, host_key(lab, machine.name), time.monotonic() - began, booted)


def start_all(
    lab: LabPaths,
    machines: Sequence[Machine],
    *,
    on_started: Callable[[Started], None] = lambda started: None,
    parallel: int = 8,
) -> list[Started]:
    """Start machines at the same time, `parallel` at once; returns them in the order given.

    Raises:
        ExceptionGroup: of what each machine that did not come up raised, after all others were tried.
    """
    requirements.check()
    root = image.ensure()

    def one(machine: Machine) -> Started | Exception:
        try:
            started = start(lab, machine, root=root)
            on_started(started)
            return started
        except Exception as error:
            return error

    with ThreadPoolExecutor(parallel) as pool:
        results = list(pool.map(one, machines))
    if failures := [result for result in results if isinstance(result, Exception)]:
        raise ExceptionGroup(f"{len(failures)} of {len(machines)} machines did not start", failures)
    return [result for result in results if isinstance(result, Started)]


def stop(lab: LabPaths, name: str, *, graceful_seconds: float = 20) -> None:
    """Power the machine off, and end it after `graceful_seconds` if it has not (at once if 0); its disk stays.

    Afterwards no process, mount or cgroup of it is left. Stopping a machine that does not run removes what a kill has
    left.
    """
    directory = _directory(lab, name)
    if directory.is_dir():
        with _locked(directory):
            _end(lab, name, graceful_seconds)
    else:
        _end(lab, name, graceful_seconds)


def stop_all(lab: LabPaths, *, graceful_seconds: float = 20) -> list[str]:
    """Stop every machine of the lab, also such that have no disk any more; returns their names."""
    names = [cgroup.removeprefix(lab.prefix) for cgroup in cgroups.named(lab.prefix)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: stop(lab, name, graceful_seconds=graceful_seconds), names))
    return names


def destroy(lab: LabPaths, name: str) -> None:
    """End the machine at once and remove its disk, and with it its host key."""
    stop(lab, name, graceful_seconds=0)
    with suppress(FileNotFoundError):
        shutil.rmtree(_directory(lab, name))


def is_running(lab: LabPaths, name: str) -> bool:
    """Whether the machine's init runs."""
    return leader(lab, name) is not None


def list_running(lab: LabPaths) -> list[str]:
    """The names of the lab's machines that have processes, sorted."""
    return [group.removeprefix(lab.prefix) for group in cgroups.named(lab.prefix) if cgroups.populated(group)]


def made(lab: LabPaths) -> list[str]:
    """The names of the lab's machines that have a disk, running or not, sorted."""
    return sorted(path.parent.name for path in lab.machines.glob("*/machine.json"))


def is_outdated(lab: LabPaths, name: str) -> bool:
    """Whether the machine's disk lies over another image than the present recipe makes; destroying it renews it."""
    return (_directory(lab, name) / "image").readlink() != image.path()


def is_replaced(lab: LabPaths, machine: Machine) -> bool:
    """Whether the machine's disk was made for another instance than the one that now has its name."""
    record = _directory(lab, machine.name) / "machine.json"
    made_for = json.loads(record.read_text()).get("instance", "") if record.exists() else ""
    return made_for not in ("", machine.instance)


def host_key(lab: LabPaths, name: str) -> str:
    """The public host key (`ssh-ed25519 AAAA…`) of a machine that was started once."""
    return provision.public_half((_directory(lab, name) / "upper" / provision.HOST_KEY_PATH.lstrip("/")).read_bytes())


def known_hosts(lab: LabPaths, machines: Iterable[Machine]) -> str:
    """The text of a known_hosts file that pins each of the machines, which were all started once."""
    return "".join(provision.known_hosts(machine, host_key(lab, machine.name)) for machine in machines)


def execute(
    lab: LabPaths,
    name: str,
    command: Sequence[str],
    *,
    text_input: str | None = None,
    timeout_seconds: float | None = 60,
) -> subprocess.CompletedProcess[str]:
    """Run a command as root inside the machine, without the network; output is captured as text.

    Raises:
        LookupError: the machine does not run.
        subprocess.TimeoutExpired: the command took longer than `timeout_seconds`.
    """
    return subprocess.run(
        [*enter(lab, name), *command], input=text_input or "", capture_output=True, text=True, timeout=timeout_seconds
    )


def enter(lab: LabPaths, name: str) -> list[str]:
    """The command line that, followed by a command, runs that as root inside the machine.

    Raises:
        LookupError: the machine does not run.
    """
    pid = leader(lab, name)
    if pid is None:
        raise LookupError(f"machine {name} does not run; start it first")
    environment = ["env", "-i", f"PATH={NSPAWN_ENVIRONMENT['PATH']}", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb"]
    return ["nsenter", "--target", str(pid), *ENTERED, "--", *environment]


def logs(lab: LabPaths, name: str, *, unit: str | None = None, lines: int = 200) -> str:
    """The end of the machine's journal, of one unit or all, running or not; of its console if there is no journal."""
    journal = _directory(lab, name) / "upper/var/log/journal"
    chosen = ["--unit", unit] if unit else []
    command = ["journalctl", "--no-pager", "--lines", str(lines), *chosen]
    if is_running(lab, name):
        return execute(lab, name, command).stdout
    if journal.is_dir():
        return subprocess.run([*command, "--directory", str(journal)], capture_output=True, text=True).stdout
    return _console(lab, name, lines)


def leader(lab: LabPaths, name: str) -> int | None:
    """The pid, as the outer computer counts, of the machine's pid 1; None if it does not run."""
    for pid in cgroups.processes(lab.prefix + name):
        with suppress(OSError, StopIteration):
            status = Path(f"/proc/{pid}/status").read_text().splitlines()
            counted = next(line for line in status if line.startswith("NSpid:")).split()[1:]
            if len(counted) > 1 and counted[-1] == "1":
                return pid
    return None


def _directory(lab: LabPaths, name: str) -> Path:
    return lab.machines / provision.checked_name(name)


def _runs_in(lab: LabPaths, name: str, namespace: Path) -> bool:
    """Whether the machine runs, or is about to, in this network namespace."""
    deadline = time.monotonic() + 15
    while cgroups.populated(lab.prefix + name) and time.monotonic() < deadline:
        if (pid := leader(lab, name)) is not None:
            with suppress(OSError):
                here, there = namespace.stat(), Path(f"/proc/{pid}/ns/net").stat()
                return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
        time.sleep(0.02)
    return False


def _make_disk(lab: LabPaths, machine: Machine, root: Path) -> None:
    directory = _directory(lab, machine.name)
    record = directory / "machine.json"
    if record.exists():
        if not (directory / "image" / "usr").is_dir():
            raise BootFailed(
                f"{machine.name}: the image that its disk lies over, {(directory / 'image').readlink()}, is gone "
                "from the cache; its disk is of no use without: destroy the machine, and it is rebuilt"
            )
        return
    for name in ("upper", "work", "root"):
        (directory / name).mkdir(exist_ok=True)
    (directory / "upper").chmod(0o755)
    (directory / "image").unlink(missing_ok=True)
    (directory / "image").symlink_to(root)
    key_path = directory / "upper" / provision.HOST_KEY_PATH.lstrip("/")
    key = key_path.read_bytes() if key_path.exists() else provision.new_host_key()
    made = (*provision.files(lab.lab_id, machine, key), *provision.trust(machine, root))
    provision.write(directory / "upper", root, made)
    partial = record.with_suffix(".partial")
    partial.write_text(json.dumps({**asdict(machine), "addresses": dict(machine.addresses)}, indent=1))
    partial.replace(record)


def _processor(name: str) -> int:
    """The one processor that a machine has, always the same.

    A Go program starts a thread for each processor that it sees, and spends a third of an idle node's time on waking
    them.
    """
    processors = sorted(os.sched_getaffinity(0))
    return processors[zlib.crc32(name.encode()) % len(processors)]


def _launch(lab: LabPaths, machine: Machine, namespace: Path, lock: int) -> None:
    directory = _directory(lab, machine.name)
    join = cgroups.create(lab.prefix + machine.name, machine.memory_mib)
    nspawn = [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--register=no",
        "--keep-unit",
        "--settings=no",
        "--private-users=no",
        f"--directory={directory / 'root'}",
        f"--machine={lab.prefix}{machine.name}",
        f"--uuid={provision.machine_id(lab.lab_id, machine.name)}",
        f"--hostname={machine.hostname.partition('.')[0]}",
        f"--network-namespace-path={namespace}",
        "--console=read-only",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
        "--bind=/dev/net/tun",
        "--capability=CAP_NET_ADMIN,CAP_BPF",
        "--system-call-filter=bpf",
        f"--cpu-affinity={_processor(machine.name)}",
    ]
    outside = ["setsid", "--fork", "unshare", "--mount", "--propagation", "slave"]
    launch = ["bash", "-euc", LAUNCH, "bash", str(lock), str(directory), " ".join(map(str, join))]
    with (directory / "console.log").open("wb") as console:
        subprocess.run(
            [*outside, *launch, *nspawn],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            env=NSPAWN_ENVIRONMENT,
            cwd="/",
            pass_fds=(lock,),
        )


def _wait_until_reachable(lab: LabPaths, name: str, deadline: float) -> None:
    launched = time.monotonic()
    while True:
        pid = leader(lab, name)
        if pid is not None and _listens(pid, 22):
            return
        ended = not cgroups.populated(lab.prefix + name) and time.monotonic() > launched + 3
        if ended or time.monotonic() > deadline:
            what = "ended while booting" if ended else "has no sshd listening in time"
            raise BootFailed(f"{name} {what}; the end of its console:\n{_console(lab, name, 20)}")
        time.sleep(0.05)


def _listens(pid: int, port: int) -> bool:
    """Whether a socket listens on the TCP port in the network namespace of the process."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                _, local, _, state, *_ = line.split()
                if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                    return True
    return False


def _end(lab: LabPaths, name: str, graceful_seconds: float) -> None:
    group = lab.prefix + provision.checked_name(name)
    if graceful_seconds and (pid := leader(lab, name)) is not None:
        _power_off(lab, name, pid)
        cgroups.wait_empty(group, graceful_seconds)
    if cgroups.populated(group):
        cgroups.kill(group)
    cgroups.remove(group)


def _power_off(lab: LabPaths, name: str, pid: int) -> None:
    with suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        try:
            if leader(lab, name) == pid:
                signal.pidfd_send_signal(process, POWEROFF)
        finally:
            os.close(process)


def _console(lab: LabPaths, name: str, lines: int) -> str:
    console = _directory(lab, name) / "console.log"
    return "\n".join(console.read_text(errors="replace").splitlines()[-lines:]) if console.exists() else ""


def _allow_inotify_instances() -> None:
    setting = Path("/proc/sys/fs/inotify/max_user_instances")
    if int(setting.read_text()) < INOTIFY_INSTANCES:
        setting.write_text(f"{INOTIFY_INSTANCES}\n")


@contextmanager
def _locked(directory: Path) -> Iterator[int]:
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)
