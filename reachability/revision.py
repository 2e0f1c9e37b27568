"""Re-proves one network after a change: only what the change can affect is proved again.

A change of filters keeps most walks: those that never reached a changed filter, and those for whose packets its
decisions are unchanged. After any other change the whole network is proved again.
"""

from __future__ import annotations

from dataclasses import dataclass

from estate.model import Network
from reachability.assembly import Assembly, assemble
from reachability.claims.case import Estate
from reachability.claims.claim import Report
from reachability.claims.proof import prove
from reachability.network import Check
from reachability.prover import Prover
from reachability.subject import Subject


@dataclass(slots=True)
class Revisable:
    """The last proof of one network, to be revised for a changed subject."""

    network: Network
    assembly: Assembly
    prover: Prover
    report: Report

    @classmethod
    def begin(cls, subject: Subject, network: Network) -> Revisable:
        """Proves everything."""
        assembly = assemble(subject)
        prover = Prover(assembly)
        return cls(network, assembly, prover, _report(prover, network, subject))

    def revise(self, subject: Subject) -> Report:
        """Proves what changed in ``subject`` and keeps the rest. The report equals that of a full proof."""
        assembly = assemble(subject, prior=self.assembly)
        changed = changed_filters(self.assembly, assembly)
        self.prover = Prover(assembly) if changed is None else self.prover.revised(assembly, changed)
        self.assembly = assembly
        self.report = _report(self.prover, self.network, subject)
        return self.report


def _report(prover: Prover, network: Network, subject: Subject) -> Report:
    return prove(Estate(prover, [network], subject.resources).case(network))


def changed_filters(before: Assembly, after: Assembly) -> frozenset[str] | None:
    """The stages whose filters differ; ``None`` if anything else differs or the old atoms are too coarse."""
    same = after.space is before.space and after.stages.keys() == before.stages.keys()
    if not same or after.uncertain is not before.uncertain or after.unmodelled != before.unmodelled:
        return None
    if after.machines != before.machines or after.outsides != before.outsides or after.public != before.public:
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
