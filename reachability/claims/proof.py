"""From claims to verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter

from reachability.claims.case import Case
from reachability.claims.claim import Claim, Gap, Outcome, Report, Verdict, Violation, Witness
from reachability.claims.registry import claims

MOST_SENTENCES = 50
"""The number of violations of one claim in a report."""


def prove(case: Case, asked: Iterable[Claim] | None = None) -> Report:
    """Proves all claims (or those in ``asked``) for one network.

    Fails closed: anything on a claim's walks that is not modelled makes it *not modelled*, unless a certain
    violation refutes it; so does an exception in its check.
    """
    began = perf_counter()
    verdicts = []
    for claim in claims() if asked is None else asked:
        case.begin()
        verdicts.append(verdict(case, claim))
    seconds = perf_counter() - began
    case.begin()
    return Report(case.network.name, tuple(verdicts), seconds, case.coverage().document())


def verdict(case: Case, claim: Claim) -> Verdict:
    """The verdict on one claim."""
    certain: list[Violation] = []
    uncertain: list[Violation] = []
    gaps: dict[str, None] = {}
    try:
        for found in claim.check(case):
            if isinstance(found, Gap):
                gaps[found.reason] = None
            elif found.uncertain:
                uncertain.append(found)
            else:
                certain.append(found)
    except Exception as error:  # noqa: BLE001
        gaps[f"the check of {claim.id} failed: {type(error).__name__}: {error}"] = None
    if not case.prover.assembly.machines:
        gaps["there is no machine to prove anything about"] = None
    gaps |= dict.fromkeys(case.reasons())
    gaps |= dict.fromkeys(violation.uncertain for violation in uncertain)
    sentences = tuple(violation.sentence for violation in (certain or uncertain)[:MOST_SENTENCES])
    if certain:
        first = next((each for each in certain if each.packet or each.obstacles), certain[0])
        return Verdict(claim, Outcome.REFUTED, _witness(case, first), sentences, tuple(gaps))
    if gaps:
        shown = _witness(case, uncertain[0]) if uncertain else None
        return Verdict(claim, Outcome.NOT_MODELLED, shown, sentences, tuple(gaps))
    return Verdict(claim, Outcome.PROVED)


def _witness(case: Case, violation: Violation) -> Witness | None:
    if violation.packet is not None and violation.sender is not None:
        found = case.prover.trace(violation.sender, violation.packet, violation.to)
        return Witness(violation.packet, found.hops)
    if violation.obstacles:
        return Witness(violation.obstacles[0].packet, violation.obstacles)
    return None
