"""Re-proves one network after a change: only what the change can affect is proved again.

A change of filters keeps most walks: those that never reached a changed filter, and those for whose packets its
decisions are unchanged. After any other change the whole network is proved again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from estate.model import Network
from reachability.assembly import Assembly, assemble, revised
from reachability.claims.case import Case, Estate
from reachability.claims.claim import Report
from reachability.claims.consulted import Change
from reachability.claims.places import placing
from reachability.claims.proof import prove
from reachability.frontends.aws.tokens import known_as
from reachability.network import Check, filter_at
from reachability.prover import Prover
from reachability.resources import Resource
from reachability.subject import Subject


@dataclass(slots=True)
class Revisable:
    """The last proof of one network, to be revised. ``compiled``: what was last compiled in full."""

    compiled: tuple[Assembly, Subject]
    subject: Subject
    assembly: Assembly
    case: Case
    report: Report

    @classmethod
    def begin(cls, subject: Subject, network: Network) -> Revisable:
        """Proves everything."""
        assembly = assemble(subject)
        return cls((assembly, subject), subject, assembly, *_proved(assembly, subject, network))

    @property
    def prover(self) -> Prover:
        return self.case.prover

    def revise(self, subject: Subject) -> Report:
        """Proves what changed in ``subject`` and keeps the rest. The report equals that of a full proof."""
        assembly = revised(*self.compiled, subject)
        if assembly is None:
            assembly = assemble(subject, prior=self.assembly)
            self.compiled = assembly, subject
        changed = changed_filters(self.assembly, assembly)
        if changed is None:
            self.case, self.report = _proved(assembly, subject, self.case.network)
        else:
            prover = self.prover.revised(assembly, changed)
            types, moved = _resources_changed(self.subject.resources, subject.resources)
            moved |= any(
                filter_at(self.assembly.stages, key).chain.origin != filter_at(assembly.stages, key).chain.origin
                for key in changed
            )
            change = Change(self.prover, prover, changed, types, moved=moved)
            estate = self.case.estate.revised(prover, subject.resources, types, moved=moved)
            self.case = self.case.revised(estate, change)
            self.report = prove(self.case)
        self.subject, self.assembly = subject, assembly
        return self.report


def _proved(assembly: Assembly, subject: Subject, network: Network) -> tuple[Case, Report]:
    case = Estate(Prover(assembly, revisable=True), [network], subject.resources).case(network)
    return case, prove(case)


def _resources_changed(before: Sequence[Resource], after: Sequence[Resource]) -> tuple[frozenset[str], bool]:
    """The types of the resources that differ, and whether that can change where something is."""
    if len(before) != len(after):
        others = Counter(map(id, before)), Counter(map(id, after))
        differing = (each for each in (*before, *after) if others[0][id(each)] != others[1][id(each)])
        return frozenset(known_as(each.type) for each in differing), True
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old is not new and old != new]
    types = frozenset(known_as(each.type) for pair in pairs for each in pair)
    return types, any(placing(old) != placing(new) for old, new in pairs)


def changed_filters(before: Assembly, after: Assembly) -> frozenset[str] | None:
    """The stages whose filters differ; ``None`` if anything else differs or the old atoms are too coarse."""
    same = after.space is before.space and after.stages.keys() == before.stages.keys()
    if not same or after.uncertain is not before.uncertain or after.unmodelled != before.unmodelled:
        return None
    same = after.machines == before.machines and after.outsides == before.outsides and after.public == before.public
    if not same or (after.aliases, after.names, after.opaque) != (before.aliases, before.names, before.opaque):
        return None
    if any(after.firewalls.get(name) is not firewall for name, firewall in before.firewalls.items()):
        return None
    changed = set()
    for key, stage in after.stages.items():
        old = before.stages[key]
        if stage is old:
            continue
        if not isinstance(stage, Check) or not isinstance(old, Check):
            return None
        if (stage.then, stage.device) != (old.then, old.device):
            return None
        changed.add(key)
    return frozenset(changed)
