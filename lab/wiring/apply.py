"""Makes the machine's network what a ``Wiring`` says: idempotent, and safe to kill and run again at any moment."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.netns import NAMED, entered
from lab.paths import LabPaths
from lab.wiring import certificates, difference, namespace, observed
from lab.wiring.model import Interface, Namespace, Wiring
from lab.wiring.observed import Observed, observe
from lab.wiring.programs import Programs, stop
from lab.wiring.rulesets import Loaded, load

PASSES = 4
"""An address that goes can take routes with it; so a namespace is looked at again until nothing differs."""

WORKERS = 4
Progress = Callable[[str], None]


@dataclass
class Changes:
    """What an apply did, as text."""

    created: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.created) + len(self.repaired) + len(self.removed)

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        return f"{len(self.created)} created, {len(self.repaired)} repaired, {len(self.removed)} removed"


def state_directory(paths: LabPaths) -> Path:
    return paths.root / "wiring"


def real_name(each: Namespace, paths: LabPaths) -> str:
    """The name of the network namespace on this machine."""
    return paths.exchange if each.shared else paths.namespace(each.name)


@contextmanager
def _alone(paths: LabPaths) -> Iterator[tuple[Path, int]]:
    """The wiring's state directory, and the descriptor of the lock of all networks of the checkout.

    Commands inherit the descriptor, so a command that a killed apply had started keeps the lock until it ends.
    """
    directory = state_directory(paths)
    directory.mkdir(parents=True, exist_ok=True)
    with paths.locked("wiring") as lock:
        yield directory, lock


def apply(wiring: Wiring, paths: LabPaths, progress: Progress = lambda _: None) -> Changes:
    """Creates, repairs and removes what differs, and only that; returns what it did.

    In machines it adds what is missing and leaves alone what their systems made: addresses, routes, settings, firewall.

    Raises:
        namespace.CommandFailed: the system refused a command.
    """
    with _alone(paths) as (directory, lock):
        return _Reconciler(wiring, paths, directory, lock, progress).run()


def remove(paths: LabPaths) -> None:
    """Takes away every namespace of this network, with its links and every process in it, and the exchange where no
    other network is left; nothing else.
    """
    with _alone(paths) as (directory, lock):
        names = namespace.named(paths.prefix)

        def inside() -> list[int]:
            return [pid for pids in namespace.occupants(names).values() for pid in pids]

        stop(inside(), inside)
        _delete_namespaces(names, lock)
        _delete_namespaces([each for each in namespace.named(paths.exchange) if not _has_links(each)], lock)
        for control in Path("/run").glob(f"{paths.prefix}bird-*.ctl"):
            control.unlink()
        shutil.rmtree(directory)


def _delete_namespaces(names: Sequence[str], lock: int) -> None:
    """Deletes namespaces, their links first: a process may keep a namespace alive without its name."""
    real = [name for name in names if namespace.exists(name)]
    for name in real:
        namespace.delete_links(name, _links(name), inherited=[lock])
    if real:
        namespace.run(["ip", "-batch", "-"], "".join(f"netns del {name}\n" for name in real), inherited=[lock])
    for name in set(names) - set(real):
        (NAMED / name).unlink(missing_ok=True)


def _links(name: str) -> list[str]:
    return [each.name for each in observe(name).interfaces.values() if each.kind in difference.OWN_KINDS]


def _has_links(name: str) -> bool:
    return namespace.exists(name) and bool(_links(name))


class _Reconciler:
    def __init__(self, wiring: Wiring, paths: LabPaths, directory: Path, lock: int, progress: Progress) -> None:
        self.wiring, self.prefix, self.directory, self.progress = wiring, paths.prefix, directory, progress
        self.lock = lock
        self.names = {each.name: real_name(each, paths) for each in wiring.namespaces}
        self.shared = {self.names[each.name] for each in wiring.namespaces if each.shared}
        self.changes = Changes()
        self.fresh: set[str] = set()
        self.touched: set[str] = set()
        self.seen: dict[str, Observed] = {}

    def run(self) -> Changes:
        self.progress("namespaces")
        self._namespaces()
        with ThreadPoolExecutor(WORKERS) as workers:
            self.seen = dict(zip(self.names, workers.map(observe, self.names.values()), strict=True))
            self._settings()
            self.progress("firewalls")
            self._rulesets(workers)
            self.progress("links")
            self._links()
            self.progress("addresses and routes")
            for done in workers.map(self._configure, self.wiring.namespaces):
                self.changes.created += done["created"]
                self.changes.repaired += done["repaired"]
        self._settings()
        self.progress("routing and load balancing")
        self.changes.created += [f"certificate {name}" for name in certificates.ensure(self.wiring.certificates)]
        programs = Programs(self.prefix, self.directory, [self.lock])
        self.changes.repaired += programs.ensure(self.wiring.processes, list(self.names.values()))
        return self.changes

    def _namespaces(self) -> None:
        shared = [name for each in self.shared for name in namespace.named(each)]
        present = [*namespace.named(self.prefix), *shared]
        broken = [name for name in present if not namespace.exists(name)]
        surplus = [name for name in present if name not in self.names.values()]
        _delete_namespaces(sorted({*broken, *surplus}), self.lock)
        self.changes.removed += [f"namespace {name}" for name in surplus]
        missing = [name for name in self.names.values() if name not in present or name in broken]
        if missing:
            self._run(["ip", "-batch", "-"], "".join(f"netns add {name}\n" for name in missing))
        self.fresh = set(missing)
        self.changes.created += [f"namespace {name}" for name in missing]

    def _settings(self) -> None:
        """Kernel settings; those of single interfaces once these are there."""
        for each in self.wiring.namespaces:
            wanted = dict(each.settings)
            wanted |= {
                f"net/ipv4/conf/{interface.name}/proxy_arp": "1" for interface in each.interfaces if interface.proxy_arp
            }
            if not self.seen[each.name].handed_over:
                wanted |= dict(each.handover_settings)
            if not wanted:
                continue
            with entered(self.names[each.name]):
                for key, value in wanted.items():
                    present = observed.read_setting(key)
                    if present not in (None, value):
                        (Path("/proc/sys") / key).write_text(value)
                        self._note(each.name, f"{key} = {value}")

    def _rulesets(self, workers: ThreadPoolExecutor) -> None:
        """Loads the firewalls before the first link is made."""
        loaded = Loaded(self.directory / "rulesets.json")
        routers = [each for each in self.wiring.namespaces if not each.machine]
        differing = workers.map(lambda each: loaded.differs(self.names[each.name], each.ruleset), routers)
        for each, differs in zip(routers, list(differing), strict=True):
            if differs:
                loaded.replace(self.names[each.name], each.ruleset, inherited=[self.lock])
                self._note(each.name, "firewall")
        loaded.save(set(self.names.values()))
        for each in self.wiring.namespaces:
            if each.machine and each.handover_ruleset and not self.seen[each.name].handed_over:
                load(self.names[each.name], _replacing(each.handover_ruleset), inherited=[self.lock])

    def _links(self) -> None:
        doomed: dict[str, list[str]] = {}
        made: list[str] = []
        recreated: set[tuple[str, str]] = set()
        for wanted in self.wiring.namespaces:
            seen = self.seen[wanted.name]
            for name in difference.surplus_interfaces(self.prefix, wanted, seen):
                doomed.setdefault(wanted.name, []).append(name)
                self.changes.removed.append(f"{wanted.name}/{name}")
            for bridge in wanted.interfaces:
                if bridge.bridge and not self._is_made(wanted, bridge):
                    if bridge.name in seen.interfaces:
                        doomed.setdefault(wanted.name, []).append(bridge.name)
                    made.append(f"link add name {bridge.name} netns {self.names[wanted.name]} type bridge")
                    recreated.add((wanted.name, bridge.name))
        for each, interface, peer, other in self._cables():
            if self._is_made(each, interface) and self._is_made(peer, other):
                continue
            for place, end in ((each, interface), (peer, other)):
                if end.name in self.seen[place.name].interfaces:
                    doomed.setdefault(place.name, []).append(end.name)
                recreated.add((place.name, end.name))
            made.append(
                f"link add name {interface.name} netns {self.names[each.name]} type veth"
                f" peer name {other.name} netns {self.names[peer.name]}"
            )
            self._note(each.name, f"link {interface.name} to {peer.name}/{other.name}")
        gone = {far for name, links in doomed.items() for link in links if (far := self._peer_of(name, link))}
        self.touched = {*doomed, *(name for name, _ in recreated), *gone}
        for router, links in doomed.items():
            namespace.delete_links(self.names[router], links, inherited=[self.lock])
        if made:
            self._run(["ip", "-batch", "-"], "\n".join(made) + "\n")
        self._mark(recreated)

    def _mark(self, recreated: set[tuple[str, str]]) -> None:
        """Marks each new interface as complete; an unmarked one is made again."""
        by_name: dict[str, list[str]] = {}
        for each in self.wiring.namespaces:
            for interface in each.interfaces:
                if (each.name, interface.name) in recreated:
                    alias = difference.alias(self.prefix, interface)
                    by_name.setdefault(each.name, []).append(f"link set dev {interface.name} alias {alias}")
        for name, lines in by_name.items():
            self._run(["ip", "-n", self.names[name], "-batch", "-"], "\n".join(lines) + "\n")

    def _configure(self, wanted: Namespace) -> dict[str, list[str]]:
        """Addresses, routes and rules of one namespace, until a look at it shows no difference."""
        name = self.names[wanted.name]
        fresh = name in self.fresh
        words: list[str] = []
        for attempt in range(PASSES):
            known = attempt == 0 and wanted.name not in self.touched
            seen = self.seen[wanted.name] if known else observe(name)
            steps = difference.steps(wanted, seen)
            if wanted.machine:
                steps += difference.handover_steps(wanted, seen)
            if not steps:
                break
            words += [f"{wanted.name}: {step.words}" for step in steps]
            text = "".join(f"{step.command}\n" for step in steps)
            self._run(["ip", "-n", name, "-batch", "-"], text)
        else:
            raise namespace.CommandFailed(
                f"{name}: still differs after {PASSES} passes: {'; '.join(step.words for step in steps)}"
            )
        return {"created": [], "repaired": []} if fresh else {"created": [], "repaired": words}

    def _run(self, command: Sequence[str], text: str) -> None:
        namespace.run(command, text, inherited=[self.lock])

    def _peer_of(self, name: str, link: str) -> str:
        """The namespace that the other end of an interface is marked to be in."""
        return self.seen[name].interfaces[link].alias.removeprefix(self.prefix).split("/")[0]

    def _is_made(self, each: Namespace, interface: Interface) -> bool:
        return difference.is_made(self.prefix, interface, self.seen[each.name].interfaces.get(interface.name))

    def _cables(self) -> Iterator[tuple[Namespace, Interface, Namespace, Interface]]:
        """Each veth pair once: both ends, each after its namespace."""
        for each in self.wiring.namespaces:
            for interface in each.interfaces:
                if interface.peer and (each.name, interface.name) < interface.peer:
                    peer = self.wiring.namespace(interface.peer[0])
                    yield each, interface, peer, next(end for end in peer.interfaces if end.name == interface.peer[1])

    def _note(self, name: str, words: str) -> None:
        """A change in a namespace that this apply made is part of making it."""
        if self.names[name] not in self.fresh:
            self.changes.repaired.append(f"{name}: {words}")


def _replacing(ruleset: str) -> str:
    """``ruleset``, in place of its first table if that is there already."""
    head = ruleset.split("{", 1)[0].strip()
    return f"{head}\ndelete {head}\n{ruleset}"
