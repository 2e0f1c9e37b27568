"""Verdicts of networks: proved now, or as they were last proved from the same declaration and code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import registered, subjects
from cli.subjects import Question
from estate.load import stack_file
from reachability.assembly import assemble
from reachability.prover import Prover

if TYPE_CHECKING:
    from reachability.claims.claim import Claim, Report

CODE = (
    "components/*.py",
    "estate/**/*.py",
    "hosts/*.py",
    "templates/firewall/*",
    "reachability/**/*.py",
    "requirements.txt",
)
FOREIGN = (
    "this stack is no network that is declared here, so nothing says what its hosts are for; "
    "ask it questions of your own: bin/estate reach FROM TO --state FILE"
)


@dataclass(frozen=True, slots=True)
class Proof:
    """The reports of every network asked about, and the prover that they come from."""

    question: Question
    prover: Prover
    reports: tuple[Report, ...]


def claims(wanted: str | None = None) -> tuple[Claim, ...]:
    """The claims, or the one of an id. Raises ``KeyError`` where there is none of it."""
    from reachability.claims import CLAIMS

    if wanted is None:
        return tuple(CLAIMS)
    return ({claim.id: claim for claim in CLAIMS}[wanted],)


def prove(question: Question, wanted: str | None = None) -> Proof:
    """Proves the claims, or the one of the id ``wanted``, about every network of a question."""
    from reachability.claims import prove as prove_all
    from reachability.claims.case import Estate

    prover = Prover(assemble(question.subject))
    estate = Estate(prover, question.networks.values(), question.subject.resources)
    reports = tuple(prove_all(estate, network, claims(wanted)) for network in question.networks.values())
    return Proof(question, prover, reports or (foreign(wanted),))


def foreign(wanted: str | None = None) -> Report:
    """The report of a stack that no declaration explains: nothing of it is proved."""
    from reachability.claims.claim import Outcome, Report, Verdict

    verdicts = tuple(Verdict(claim, Outcome.NOT_MODELLED, reasons=(FOREIGN,)) for claim in claims(wanted))
    return Report("", verdicts, 0.0)


def _entry(checkout: Path, network: str) -> Path:
    declared = stack_file(checkout, network).read_bytes()
    return registered.directory() / f"proof-{network}-{registered.digest(checkout, CODE, declared)}.json"


def remember(checkout: Path, reports: Iterable[Report]) -> None:
    """Keeps the reports of networks as declared, for whoever asks for the verdicts again."""
    for report in reports:
        registered.keep(_entry(checkout, report.network), json.dumps(report.document()))


def remembered(checkout: Path, network: str) -> Mapping[str, Any] | None:
    """The report of a network as declared, as JSON, if it was proved since anything changed."""
    with suppress(OSError, ValueError):
        return json.loads(_entry(checkout, network).read_text())
    return None


def report(checkout: Path, network: str) -> Mapping[str, Any]:
    """The report of a network as declared, as JSON: remembered, else proved now.

    Raises as ``subjects.of_declarations`` does.
    """
    known = remembered(checkout, network)
    if known is None:
        proof = prove(subjects.of_declarations(checkout, [network]))
        remember(checkout, proof.reports)
        known = proof.reports[0].document()
    return known


def counts(document: Mapping[str, Any]) -> dict[str, int]:
    """How many claims of a report are proved, refuted and not modelled."""
    found = {"proved": 0, "refuted": 0, "not_modelled": 0}
    for claim in document["claims"]:
        found[claim["verdict"].replace("-", "_")] += 1
    return found
