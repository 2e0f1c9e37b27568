"""The fault campaign: faults without pause, the heights that they cost, and at the end the judge."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from coordinator.decision.records import Claim
from lab.chaos import chain, fastnet, faults, judge, net, rollback, schedule, testbed
from lab.chaos.faults import Breaking, Kind
from lab.chaos.scale import Scale
from lab.chaos.schedule import KILL_OWNER, MISSED_AT_MOST, Measured, Mixed, Planned
from lab.chaos.testbed import Testbed
from lab.errors import PromiseBroken
from tools import debian

WATCHED_HEIGHTS = 10
"""After a measured fault this many heights are watched before it is repaired."""

LAST_HEIGHTS = 12
"""At the end nothing is broken for this many heights: evidence of earlier double signatures would be in them."""

CONTROL_SECONDS = 180


@dataclass
class Report:
    """The campaign's result. ``measured``: for each measured fault, its kind and the heights that neither site signed.
    ``late``: heights in those windows that were signed, but too late for their commit, as on a busy machine.
    """

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    measured: list[tuple[str, list[int]]] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    resumed_seconds: list[float] = field(default_factory=list)
    first_height: int = 0
    last_height: int = 0
    missed: int = 0
    seconds: float = 0.0
    signatures: int = 0
    claims: int = 0
    given: int = 0
    seals: int = 0
    evidence: int = 0
    both_proposed: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    milliseconds: dict[str, float] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    @property
    def heights(self) -> int:
        return self.last_height - self.first_height

    def words(self) -> list[str]:
        """The report as lines of text."""
        worst = {kind: [len(missed) for of, missed in self.measured if of == kind] for kind in MISSED_AT_MOST}
        slowest = max(self.resumed_seconds, default=0)
        return [
            f"{self.faults.total()} faults of {len(self.faults)} kinds in {self.seconds:.0f} s, seed {self.seed}",
            f"{self.heights} heights, of which {self.missed} were missed while things were broken",
            f"{self.claims} claims, {self.signatures} signatures, given {self.given} times; {self.seals} in commits",
            *(
                f"{kind}: {len(counts)} times, at most {max(counts)} heights missed"
                for kind, counts in worst.items()
                if counts
            ),
            f"meanwhile {len(self.late)} heights were signed by the other datacentre, too late for their commit",
            f"both nodes had a proposal of their own at {self.both_proposed} heights",
            f"repaired {len(self.resumed_seconds)} times; signing resumed within {slowest} s",
            f"evidence: {self.evidence}; promises broken: {len(self.broken)}",
        ]


def run(checkout: Path, say: fastnet.Say, scale: Scale) -> None:
    """Injects faults of every kind in both datacentres: nothing is signed twice, and signing resumes.

    The report is left in ``report.json`` beside the logs.

    Raises:
        PromiseBroken: a promise did not hold.
    """
    kinds = _kinds(say)
    report = Report(scale.seed)
    forgotten: list[Claim] = []
    with fastnet.running(checkout, say) as fast:
        bed = testbed.build(fast)
        try:
            bed.must_be_healthy()
            bed.table.snapshot()
            faults.keep_snapshots(bed)
            report.first_height = fast.height()
            began = time.monotonic()
            _all_steps(bed, scale, kinds, report)
            report.seconds = time.monotonic() - began
            say("every fault is repaired; the judge waits for the last heights")
            bed.must_be_healthy()
            fast.wait_for(fast.height() + LAST_HEIGHTS, 120)
            report.last_height = fast.height()
            say("the table goes back to a snapshot: signing must not resume by itself")
            rollback.act(bed, forgotten)
        except PromiseBroken as error:
            report.broken.append(str(error))
        _judge(bed, forgotten, report)
        _write(fast, report)
    for line in report.words():
        say(line)
    if report.broken:
        raise PromiseBroken("; ".join(report.broken[:5]))


def last_writer_wins(checkout: Path, say: fastnet.Say, scale: Scale) -> None:
    """The same net on a table in which the last writer wins: the key signs twice, and the judge must see it.

    Raises:
        PromiseBroken: the judge did not see it, so a campaign would prove nothing.
    """
    del scale
    with fastnet.running(checkout, say) as fast:
        bed = testbed.build(fast, last_writer_wins=True)
        bed.tolerant = True

        def contradicted() -> bool:
            bed.look()
            fast.height()
            return bool(fast.witness.evidence)

        convicted = fast.wait_until(contradicted, CONTROL_SECONDS)
        found = bed.duplicates.found
        say(f"the judge found {len(found)} violations; first: {found[0] if found else 'nothing'}")
        if not any(judge.CONTRADICTION in each for each in found) or not convicted:
            raise PromiseBroken(f"the chain found no double signature in {CONTROL_SECONDS} s on a table that allows it")
        first = fast.witness.evidence[0]
        say(f"block {first.found_at} has evidence of a double signature at height {first.height}")


def _kinds(say: fastnet.Say) -> dict[str, Kind]:
    try:
        debian.ensure([faults.FAKETIME_PACKAGE], say)
    except debian.PackagesMissing as error:
        say(f"clocks do not jump: {error}")
        return faults.without_clocks()
    return dict(faults.KINDS)


def _all_steps(bed: Testbed, scale: Scale, kinds: dict[str, Kind], report: Report) -> None:
    random = Random(scale.seed)
    every = {*kinds, *MISSED_AT_MOST}
    reported = 0
    for step in schedule.steps(scale.seed, kinds):
        height = bed.fast.height()
        report.last_height = height
        enough = report.faults.total() >= scale.faults and report.heights >= scale.heights
        if enough and every <= set(report.faults):
            return
        if report.faults.total() >= reported + 20:
            reported = report.faults.total()
            bed.fast.say(f"{reported} faults, {report.heights} heights")
        if isinstance(step, Mixed):
            _mixed(bed, step, kinds, report)
            report.resumed_seconds.append(round(bed.must_resume(bed.fast.height()), 1))
        else:
            bed.must_be_healthy()
            _measured(bed, step, random, report)


def _mixed(bed: Testbed, step: Mixed, kinds: dict[str, Kind], report: Report) -> None:
    """Injects the faults of a step, each in its time; all are repaired when this returns."""
    began = time.monotonic()
    waiting = list(step.faults)
    active: dict[Planned, Breaking] = {}
    with ExitStack() as stack:
        while waiting or active:
            now = time.monotonic() - began
            while waiting and waiting[0].after <= now:
                planned = waiting.pop(0)
                _note(bed, "begins", planned)
                breaking = kinds[planned.kind].begin(bed, bed.sites[planned.site], Random(planned.seed))
                stack.callback(faults.end, breaking)
                report.faults[planned.kind] += 1
                if _goes_on(breaking):
                    active[planned] = breaking
                else:
                    _note(bed, "ends", planned)
            for planned, breaking in list(active.items()):
                if now >= planned.after + planned.seconds or not _goes_on(breaking):
                    del active[planned]
                    faults.end(breaking)
                    _note(bed, "ends", planned)
            bed.fast.wait(fastnet.TICK_SECONDS)
    bed.look()


def _goes_on(breaking: Breaking) -> bool:
    return next(breaking, breaking) is None


def _measured(bed: Testbed, step: Measured, random: Random, report: Report) -> None:
    """Breaks one thing in the datacentre that owns the height, and counts the heights missed while it stays broken."""
    fast = bed.fast
    fast.wait(random.uniform(0, 0.4))
    owner = bed.owner()
    site = bed.sites[owner]
    since = fast.height()
    report.faults[step.kind] += 1
    _note(bed, "begins", step)
    if step.kind == KILL_OWNER:
        site.gate.remove()
        repair: Callable[[], None] = site.gate.start
    else:
        inside = (site.node, site.place)
        fast.net.cut(*net.both_ways(inside, (*net.OTHER_VALIDATORS, net.TABLE)))
        repair = fast.net.heal
    try:
        fast.wait_for(since + WATCHED_HEIGHTS + 1, 60)
        missed = fast.witness.missed(since, since + WATCHED_HEIGHTS)
    finally:
        repair()
    bed.look()
    late = sorted(set(missed) & bed.signed_by_others(site.gate_id))
    _note(bed, "ends", step, missed=missed, late=late)
    report.measured.append((step.kind, sorted(set(missed) - set(late))))
    report.late += late
    if len(missed) - len(late) > MISSED_AT_MOST[step.kind]:
        report.broken.append(
            f"{step.kind} in datacentre {owner} at height {since}: missed {missed}, of which {late} were signed late; "
            f"at most {MISSED_AT_MOST[step.kind]} are allowed; {bed.lately()}"
        )


def _note(bed: Testbed, what: str, step: Planned | Measured, **more: Any) -> None:
    """A line in the campaign's own log."""
    entry = {"time": time.time(), "height": bed.fast.witness.height, "what": what, **asdict(step), **more}
    with (bed.fast.root / "logs" / "campaign.jsonl").open("a") as log:
        log.write(json.dumps(entry) + "\n")


def _judge(bed: Testbed, forgotten: list[Claim], report: Report) -> None:
    fast = bed.fast
    bed.fast.wait(1)
    try:
        bed.look()
    except PromiseBroken as error:
        if str(error) not in report.broken:
            report.broken.append(str(error))
    fast.height()
    report.missed = len(fast.witness.missed(report.first_height, report.last_height - 1))
    seals = [block.seal for block in fast.witness.blocks.values() if block.seal]
    gates = {site.name: site.gate_id for site in bed.every_signer()}
    claims, evidence = {each.claim_id: each for each in (*forgotten, *bed.table.claims())}, fast.witness.evidence
    key = fast.homes.public_key.raw
    found = judge.verdict(key, list(claims.values()), bed.given, bed.signatures, seals, evidence, gates)
    report.broken += [each for each in found.broken if each not in report.broken]
    if fast.tombstoned():
        report.broken.append("our key is tombstoned")
    report.signatures, report.claims = found.signatures, found.claims
    report.given, report.seals = found.given, found.seals
    report.evidence = len(evidence)
    report.both_proposed = sum(len(names & set(net.SITES)) > 1 for names in bed.proposed.values())
    report.answers = {f"{name} {what}": count for (name, what), count in sorted(bed.answers.items())}
    report.restarts = {name: each.starts for name, each in sorted(fast.processes.items())}
    times = sorted(bed.milliseconds)
    if times:
        report.milliseconds = {f"p{part}": times[len(times) * part // 100] for part in (50, 90, 99)}


def _write(fast: fastnet.FastNet, report: Report) -> None:
    content = {**vars(report), "heights": report.heights, "chain": chain.CHAIN_ID}
    (fast.root / "logs" / "report.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
