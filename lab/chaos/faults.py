"""What can break: each fault is a generator that breaks something, waits at its yields and repairs it at the end.

A fault repairs what it broke however it ends; what systemd units restart by themselves it leaves to them.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from lab.chaos import net, table
from lab.chaos.process import Process
from lab.chaos.site import Site
from lab.chaos.testbed import Testbed
from lab.errors import PromiseBroken
from lab.table import fronted, rules

Breaking = Generator[None, None, None]
FLAP_SECONDS = 0.25
STROBE_SECONDS = 0.2
JUMP_SECONDS = 3600
UNDER_WAY_SECONDS = 0.3
"""After this time a signer has answered every request that it had before."""
AHEAD_SECONDS = 2.0
"""A node runs for this time after a snapshot before it goes back to it."""
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
FAKETIME_PACKAGE = "libfaketime"
LINKS = ("node-gate", "gate-table", "datacentre-world")
WAYS = ("there", "back", "both", "flapping")
HOST = "gate-{site} tmkms-{site} disk-{site}"
"""What breaks when a whole signer host fails."""


def _until(seconds: float) -> Breaking:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def _for_ever() -> Breaking:
    while True:
        yield


def _kill(process: Process) -> Breaking:
    process.kill()
    yield


def _restart(process: Process) -> Breaking:
    process.send(signal.SIGTERM)
    yield


def _pause(process: Process) -> Breaking:
    process.pause()
    try:
        yield from _for_ever()
    finally:
        process.resume()


def _pairs(site: Site, link: str) -> tuple[tuple[str, str], ...]:
    """The directed pairs of a link, those that lead away from the gate or out of the datacentre first."""
    if link == "node-gate":
        return ((site.place, site.node), (site.node, site.place))
    if link == "gate-table":
        return ((site.place, net.TABLE), (net.TABLE, site.place))
    outside = (*net.OTHER_VALIDATORS, net.TABLE)
    inside = (site.node, site.place)
    there = tuple((one, other) for one in inside for other in outside)
    return (*there, *((other, one) for one, other in there))


def _cut(bed: Testbed, site: Site, link: str, way: str) -> Breaking:
    pairs = _pairs(site, link)
    half = len(pairs) // 2
    chosen = {"there": pairs[:half], "back": pairs[half:]}.get(way, pairs)
    wires = bed.fast.net
    try:
        while True:
            wires.cut(*chosen)
            if way != "flapping":
                yield from _for_ever()
            yield from _until(FLAP_SECONDS)
            wires.heal(*chosen)
            yield from _until(FLAP_SECONDS)
    finally:
        wires.heal(*chosen)


def _hold(site: Site, directions: str) -> Breaking:
    site.mode.write_text(directions)
    try:
        yield from _for_ever()
    finally:
        site.mode.unlink()


def _of_table(bed: Testbed, kind: rules.Kind, random: Random) -> Breaking:
    who = random.choice(["*", *(fronted.access_key(site.gate_id) for site in bed.sites.values())])
    name = bed.table.begin(
        kind,
        access_key=who,
        table=random.choice(["*", table.HEAD, table.CLAIMS]),
        probability=random.choice([0.2, 0.5, 1.0]),
        seconds=random.choice([0.05, 0.2, 0.5, 2.0]),
    )
    try:
        yield from _for_ever()
    finally:
        bed.table.end(name)


def _lose_region(bed: Testbed, region: str) -> Breaking:
    bed.table.lose(region, True)
    try:
        yield from _for_ever()
    finally:
        bed.table.lose(region, False)


def _clock(site: Site, process: Process, random: Random) -> Breaking:
    """The clock of the process jumps an hour forward and back; its monotonic clock does not."""
    file = site.where / f"{process.name}.clock"
    file.write_text("+0")
    before = process.environment
    process.environment = {
        **before,
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    process.kill()
    try:
        while True:
            yield from _until(STROBE_SECONDS)
            new = file.with_suffix(".new")
            new.write_text(f"{random.choice((-JUMP_SECONDS, JUMP_SECONDS, 0, random.uniform(-1, 1))):+f}")
            new.rename(file)
    finally:
        process.environment = before
        process.kill()


def _full_disk(site: Site) -> Breaking:
    filler = site.state / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
    try:
        yield from _for_ever()
    finally:
        filler.unlink()


def keep_snapshots(bed: Testbed) -> None:
    """Keeps the state of both signer hosts, to which faults put it back later."""
    for site in bed.sites.values():
        for file in (site.floor_file, site.signer_state):
            _snapshot(site, file).write_bytes(file.read_bytes())


def _snapshot(site: Site, file: Path) -> Path:
    return site.where / f"{file.name}.older"


def _put_back(site: Site, file: Path) -> None:
    """Puts the snapshot of ``file`` in its place, and keeps what was there as the next one."""
    now, older = file.read_bytes(), _snapshot(site, file)
    file.write_bytes(older.read_bytes())
    older.write_bytes(now)


def _power_cut(site: Site, random: Random) -> Breaking:
    """The signer host loses power: what was not synced is lost. Of a watermark that was being written there is
    a torn copy beside the old one; tmkms does not sync its state, so it goes back to an earlier one.
    """
    for each in site.programs:
        each.kill()
    torn = site.floor_file.read_bytes()
    site.floor_file.with_name(f"{site.floor_file.name}.new").write_bytes(torn[: random.randrange(len(torn))])
    _put_back(site, site.signer_state)
    yield


def _older_floor(site: Site) -> Breaking:
    """The state of the gate's host goes back to a snapshot: the row must hold, not the watermark."""
    site.gate.kill()
    _put_back(site, site.floor_file)
    yield


def _lost_floor(bed: Testbed, site: Site, how: str) -> Breaking:
    """The watermark file is missing, empty or damaged: the gate must refuse everything, until the ceremony seeds it."""
    site.gate.kill()
    if how == "missing":
        site.floor_file.unlink()
    else:
        data = site.floor_file.read_bytes()
        site.floor_file.write_bytes(b"" if how == "empty" else data.replace(b"position", b"posture"))
    before: int | None = None
    try:
        yield from _until(UNDER_WAY_SECONDS)
        before = len(bed.made_at(site.name))
        yield from _for_ever()
    finally:
        site.gate.kill()
        made = bed.made_at(site.name)
        site.seed(max((each.position.height for each in made), default=1) - 1)
        if before is not None and len(made) != before:
            raise PromiseBroken(f"gate {site.name} let {len(made) - before} signatures be made without a watermark")


def _lost_signer_state(site: Site) -> Breaking:
    """tmkms loses its state and starts at height 0."""
    site.tmkms.kill()
    site.signer_state.unlink(missing_ok=True)
    yield


def _older_node(site: Site, bed: Testbed) -> Breaking:
    """The node goes back to a snapshot of its data, made the first time, and asks again for what was signed."""
    node = bed.fast.processes[site.node]
    data = bed.fast.homes.node(site.node) / "data"
    snapshot = data.with_name("data.older")
    try:
        node.remove()
        if not snapshot.exists():
            shutil.copytree(data, snapshot)
            node.start()
            yield from _until(AHEAD_SECONDS)
            node.remove()
        shutil.rmtree(data)
        snapshot.rename(data)
        yield
    finally:
        node.start()


def _twin(bed: Testbed, site: Site) -> Breaking:
    """A second gate with the identity of the first, from a copy of its host of a while ago, before the same node."""
    twin = bed.twins[site.name]
    if site.name == bed.owner():
        site.gate.kill()
    twin.start()
    try:
        yield from _for_ever()
    finally:
        twin.remove()
        site.gate.kill()


def _intruder(bed: Testbed, site: Site) -> Breaking:
    """A forgotten signer with the key, behind a gate that is not admitted, takes the place of the node's own gate."""
    site.gate.remove()
    bed.intruder.dial(site.node)
    bed.intruder.start()
    try:
        yield from _for_ever()
    finally:
        bed.intruder.remove()
        site.gate.start()
        if bed.made_at(bed.intruder.name):
            raise PromiseBroken("a signer behind a gate that is not admitted has signed")


@dataclass(frozen=True, slots=True)
class Kind:
    """``target``: what it breaks, of which only one thing is broken at a time; ``{site}`` is replaced by the site.

    ``seconds``: its shortest and longest duration.
    """

    target: str
    begin: Callable[[Testbed, Site, Random], Breaking]
    seconds: tuple[float, float] = (0.5, 3.0)
    weight: int = 2


def _process(bed: Testbed, site: Site, part: str) -> Process:
    if part == "node":
        return bed.fast.processes[site.node]
    return {"gate": site.gate, "tmkms": site.tmkms}[part]


def _of_a_process(part: str) -> dict[str, Kind]:
    """Faults of one of the programs of a datacentre."""
    target = f"{part}-{{site}}"
    return {
        f"kill-{part}": Kind(target, lambda g, s, _: _kill(_process(g, s, part)), weight=4),
        f"restart-{part}": Kind(target, lambda g, s, _: _restart(_process(g, s, part))),
        f"pause-{part}": Kind(target, lambda g, s, _: _pause(_process(g, s, part)), (0.2, 6.0), weight=4),
    }


def _of_a_part_of_the_table(part: str) -> dict[str, Kind]:
    return {
        f"kill-{part}": Kind(part, lambda g, _, __: _kill(g.fast.processes[part])),
        f"pause-{part}": Kind(part, lambda g, _, __: _pause(g.fast.processes[part]), (0.2, 3.0)),
    }


def _cut_kind(link: str, way: str) -> Kind:
    return Kind("network-{site}", lambda g, s, _: _cut(g, s, link, way))


def _hold_kind(directions: str) -> Kind:
    return Kind("socket-{site}", lambda _, s, __: _hold(s, directions))


def _table_kind(kind: rules.Kind) -> Kind:
    return Kind("table", lambda g, _, r: _of_table(g, kind, r))


def _region_kind(region: str) -> Kind:
    return Kind(region, lambda g, _, __: _lose_region(g, region))


def _lost_floor_kind(how: str) -> Kind:
    return Kind(HOST, lambda g, s, _: _lost_floor(g, s, how), weight=1)


def _kinds() -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for part in ("gate", "tmkms", "node"):
        found |= _of_a_process(part)
    for part in ("front", "dynamodb"):
        found |= _of_a_part_of_the_table(part)
    found |= {f"cut-{link}-{way}": _cut_kind(link, way) for link in LINKS for way in WAYS}
    found["gate-tmkms-questions"] = _hold_kind("hold-questions")
    found["gate-tmkms-answers"] = _hold_kind("hold-answers")
    found["gate-tmkms-questions-and-answers"] = _hold_kind("hold-questions hold-answers")
    found |= {f"table-{kind}": _table_kind(kind) for kind in rules.Kind}
    found |= {f"lose-{region}": _region_kind(region) for region in table.REGIONS}
    found |= {f"floor-{how}": _lost_floor_kind(how) for how in ("missing", "empty", "damaged")}
    return found | {
        "clock-of-gate": Kind("gate-{site}", lambda _, s, r: _clock(s, s.gate, r), (2.0, 4.0)),
        "clock-of-tmkms": Kind("tmkms-{site}", lambda _, s, r: _clock(s, s.tmkms, r), (2.0, 4.0)),
        "disk-full": Kind("disk-{site}", lambda _, s, __: _full_disk(s)),
        "power-cut": Kind(HOST, lambda _, s, r: _power_cut(s, r), weight=4),
        "older-floor": Kind(HOST, lambda _, s, __: _older_floor(s), weight=4),
        "signer-state-lost": Kind("tmkms-{site}", lambda _, s, __: _lost_signer_state(s)),
        "node-rolled-back": Kind("node-{site}", lambda g, s, _: _older_node(s, g), (3.0, 3.5), weight=6),
        "two-gates-one-identity": Kind(HOST, lambda g, s, _: _twin(g, s), (2.0, 4.0)),
        "forgotten-signer": Kind(f"{HOST} intruder", lambda g, s, _: _intruder(g, s), (3.0, 5.0)),
    }


KINDS = _kinds()


def without_clocks() -> dict[str, Kind]:
    """Those that need no library that fakes time."""
    return {name: kind for name, kind in KINDS.items() if not name.startswith("clock-")}


def end(breaking: Breaking) -> None:
    """Repairs what a fault broke. Raises PromiseBroken: what the fault itself checks did not hold."""
    breaking.close()
