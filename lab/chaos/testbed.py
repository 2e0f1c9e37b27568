"""The testbed of a campaign: the fast net with both datacentres behind gates, and checks of its health."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ceremonies.row import NotDone
from coordinator.decision.position import Step, parse
from lab.chaos import judge, net, table
from lab.chaos.fastnet import FastNet
from lab.chaos.health import ANSWERED, OTHERS, GateLog
from lab.chaos.judge import Duplicates, Given, Made
from lab.chaos.site import Site, gate_id
from lab.errors import PromiseBroken

INTRUDER = "gate-c"
"""A gate that may call the table, and that no ceremony has admitted."""

HEALTHY_HEIGHTS = 3
"""The testbed is healthy if the last heights, this many, are signed and each gate is healthy."""

RESUME_SECONDS = 90


@dataclass
class Testbed:
    """``twins``: copies of both signer hosts, whose gates claim the identity of the first. ``intruder``: a third signer
    of the key, behind a gate that is not admitted. Faults start these; nothing else does.
    ``tolerant``: a double signature is noted and does not end everything at once.
    """

    fast: FastNet
    table: table.ChaosTable
    sites: Mapping[str, Site]
    twins: Mapping[str, Site]
    intruder: Site
    tolerant: bool = False
    signatures: list[Made] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    duplicates: Duplicates = field(default_factory=Duplicates)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    proposed: dict[int, set[str]] = field(default_factory=dict)
    _logs: dict[str, GateLog] = field(default_factory=dict)

    def every_signer(self) -> Sequence[Site]:
        return (*self.sites.values(), *self.twins.values(), self.intruder)

    def look(self) -> None:
        """Takes in what taps and gates wrote since the last time.

        Raises:
            PromiseBroken: something was signed twice.
        """
        for site in self.every_signer():
            for line in site.signatures.new():
                made = judge.made(site.name, line)
                self.signatures.append(made)
                self.duplicates.see(made, site.gate_id)
            log = self._logs.setdefault(site.name, GateLog())
            for event in judge.gate_events(site.said.new()):
                log.see(event)
                if event["event"] in ANSWERED:
                    self._answered(site, event)
                elif event["event"] in OTHERS:
                    self.answers[site.name, event["event"]] += 1
        if self.duplicates.found and not self.tolerant:
            raise PromiseBroken("; ".join(self.duplicates.found[:5]))

    def made_at(self, place: str) -> list[Made]:
        """What the signer at ``place`` has made until now. Raises PromiseBroken as ``look`` does."""
        self.look()
        return [each for each in self.signatures if each.place == place]

    def _answered(self, site: Site, event: dict[str, Any]) -> None:
        self.answers[site.name, event.get("cause") or event["event"]] += 1
        if event["event"] != "refused":
            replayed = event["event"] == "replayed"
            self.given.append(Given(site.gate_id, parse(event["position"]), event["claim_id"], replayed))
        if event["event"] == "signed":
            self.milliseconds.append(event["ms"]["whole"])
        if event.get("kind") == "proposal" and event.get("position"):
            self.proposed.setdefault(parse(event["position"]).height, set()).add(site.name)

    def signed_by_others(self, gate_id: str) -> set[int]:
        """The heights at which a gate other than this one answered with a precommit."""
        return {
            each.position.height
            for each in self.given
            if each.gate_id != gate_id and each.position.step == Step.PRECOMMIT
        }

    def owner(self) -> str:
        """The site whose gate owns the height of the moment; the last that signed, if the table does not say."""
        try:
            head = self.table.head()
        except NotDone:
            head = None
        found = next((name for name, site in self.sites.items() if head and head.owner == site.gate_id), "")
        return found or (self.signatures[-1].place if self.signatures else next(iter(self.sites)))

    def troubles(self) -> Sequence[str]:
        """Why the two datacentres do not both do their part, or not every height is signed; none if all is well.

        The height is read before the logs, which are then at least as new: on a busy machine blocks are made between
        the two, and a log that was read first would lack answers that the gate has given long ago.
        """
        height = self.fast.height()
        self.look()
        first = height - HEALTHY_HEIGHTS
        if first <= 0:
            return [f"the chain is at height {height}"]
        missed = self.fast.witness.missed(first, height - 1)
        found = [f"not signed: {', '.join(map(str, missed))}"] if missed else []
        for name in self.sites:
            found += [f"gate {name}: {each}" for each in self._logs[name].troubles(height)]
        return found

    def must_resume(self, since: int) -> float:
        """Seconds until a height above ``since`` is signed.

        Raises:
            PromiseBroken: none was, though nothing is broken any more.
        """
        began = time.monotonic()

        def resumed() -> bool:
            self.look()
            height = self.fast.height() - 1
            return height > since and len(self.fast.witness.missed(since + 1, height)) < height - since

        if not self.fast.wait_until(resumed, RESUME_SECONDS):
            raise PromiseBroken(
                f"no height above {since} was signed within {RESUME_SECONDS} s, with nothing broken any more"
            )
        return time.monotonic() - began

    def must_be_healthy(self) -> None:
        """Raises PromiseBroken: it does not become so by itself."""
        found: list[str] = []

        def healthy() -> bool:
            found[:] = self.troubles()
            return not found

        if not self.fast.wait_until(healthy, RESUME_SECONDS):
            raise PromiseBroken(
                f"the two datacentres were not healthy again within {RESUME_SECONDS} s: {'; '.join(found)} "
                f"({self.lately()})"
            )

    def recent(self, name: str) -> Sequence[Mapping[str, Any]]:
        """The last responses of this run of a gate, from its log."""
        return tuple(self._logs[name].answers) if name in self._logs else ()

    def lately(self) -> str:
        """The gates' last answers as text."""
        return ", ".join(f"gate {name}: {log.text}" for name, log in self._logs.items())


def build(fast: FastNet, *, last_writer_wins: bool = False) -> Testbed:
    """Starts table and both datacentres on a fast net, by the ceremonies of a first start.

    ``last_writer_wins``: the table is of the unsafe kind, and each gate asks its nearest region alone: one that asked
    both would see an older item where it has seen a newer one, and halt.

    Raises:
        PromiseBroken: something did not start, or no height was signed.
    """
    gates = [gate_id(name) for name in net.SITES]
    chaos_table = table.ChaosTable(fast, last_writer_wins)
    chaos_table.start(gates, also_permitted=[INTRUDER])
    sites: dict[str, Site] = {}
    twins: dict[str, Site] = {}
    for index, name in enumerate(net.SITES):
        nearest_first = table.REGIONS[index:] + table.REGIONS[:index]
        regions = nearest_first[:1] if last_writer_wins else nearest_first
        where = net.signer(name), net.vault(name)
        sites[name] = Site(fast, name, gate_id(name), net.node(name), *where, regions)
        twins[name] = Site(fast, f"twin-{name}", gate_id(name), net.node(name), *where, regions)
    intruder = Site(fast, net.FORGOTTEN, INTRUDER, net.node(net.SITES[0]), net.FORGOTTEN, net.vault(net.FORGOTTEN))
    bed = Testbed(fast, chaos_table, sites, twins, intruder)
    for site in bed.every_signer():
        site.seed(0)
    for site in sites.values():
        site.start()
    fast.say("both datacentres sign, each behind its gate")
    return bed
