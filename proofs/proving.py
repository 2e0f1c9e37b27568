"""Verdicts of networks: proved now, or cached from the last proof of the same declaration and code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from estate.errors import CheckFailed, UsageError
from estate.suggestion import did_you_mean
from proofs import registered, subjects
from proofs.registered import OWN_CLAIMS
from proofs.subjects import Question
from reachability import parts
from reachability.assembly import assemble
from reachability.prover import Prover

if TYPE_CHECKING:
    from estate.model import Network
    from reachability.claims import Estate
    from reachability.claims.account import Checked
    from reachability.claims.claim import Claim, Report

FOREIGN = (
    "no network is declared for this stack, so the roles of its hosts are unknown; "
    "query it with: bin/estate reach FROM TO --state FILE"
)


@dataclass(frozen=True, slots=True)
class Proof:
    """The reports of every network that was asked for."""

    question: Question
    reports: tuple[Report, ...]


def claims(checkout: Path, wanted: str | None = None) -> tuple[Claim, ...]:
    """All claims, the company's own included, or the one with the id ``wanted``.

    Raises:
        UsageError: no claim has this id, or the file cannot be read.
    """
    from reachability import claims as promises

    own = checkout / OWN_CLAIMS
    try:
        text = own.read_text() if own.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{OWN_CLAIMS}: {error}") from None
    found = promises.claims(() if text is None else promises.read(text, OWN_CLAIMS))
    if wanted is None:
        return found
    chosen = tuple(claim for claim in found if claim.id == wanted)
    if not chosen:
        known = "\n  ".join(claim.id for claim in found)
        suggested = did_you_mean(wanted, [claim.id for claim in found])
        raise UsageError(f"no claim is called {wanted!r}{suggested}; the claims are:\n  {known}")
    return chosen


def prove(question: Question, asked: Iterable[Claim]) -> Proof:
    """Proves claims about every network of a question; connected networks are proved together."""
    asked = tuple(asked)
    reports = {}
    for group in parts.together(question.parts) if question.networks else ():
        for report in _proved(question, group, asked):
            reports[report.network] = report
    ordered = tuple(reports[name] for name in question.networks) or (foreign(asked),)
    return Proof(question, ordered)


def accounts(question: Question, claim: Claim) -> dict[str, tuple[Checked, ...]]:
    """By network: what the check of a claim looked at, host by host."""
    from reachability.claims.account import account

    found = {}
    for group in parts.together(question.parts) if question.networks else ():
        estate, networks = _estate(question, group)
        for network in networks:
            found[network.name] = account(estate.case(network), claim)
    return found


def _estate(question: Question, group: tuple[str, ...]) -> tuple[Estate, list[Network]]:
    """The networks that are proved together, assembled."""
    from configuration.node_config import listening
    from reachability import claims as promises

    subject = parts.union([question.parts[name] for name in group])
    prover = Prover(assemble(subject))
    networks = [question.networks[name] for name in group]
    heard = {host: ports for network in networks for host, ports in listening(network).items()}
    return promises.Estate(prover, networks, subject.resources, listening=heard), networks


def _proved(question: Question, group: tuple[str, ...], asked: tuple[Claim, ...]) -> list[Report]:
    from reachability import claims as promises

    began = perf_counter()
    estate, networks = _estate(question, group)
    assembled = perf_counter() - began
    reports = [promises.prove(estate.case(network), asked) for network in networks]
    reports[0] = replace(reports[0], seconds=reports[0].seconds + assembled)
    return reports


def foreign(asked: Iterable[Claim]) -> Report:
    """The report of a stack without a declaration: nothing is proved."""
    from reachability.claims import Outcome, Report, Verdict

    return Report("", tuple(Verdict(claim, Outcome.NOT_MODELLED, reasons=(FOREIGN,)) for claim in asked), 0.0)


def _entry(checkout: Path, network: str) -> Path:
    declared = registered.stack_file(checkout, network).read_bytes()
    return registered.directory() / f"proof-{network}-{registered.digest(checkout, registered.PROOF, declared)}.json"


def remember(checkout: Path, reports: Iterable[Report]) -> None:
    """Caches the reports of networks as declared."""
    for report in reports:
        registered.keep(_entry(checkout, report.network), json.dumps(report.document()))


def remembered(checkout: Path, network: str) -> Mapping[str, Any] | None:
    """The cached report of a network as declared, as JSON; ``None`` if anything changed since."""
    with suppress(OSError, ValueError):
        kept: Mapping[str, Any] = json.loads(_entry(checkout, network).read_text())
        return kept
    return None


def report(checkout: Path, network: str) -> Mapping[str, Any]:
    """The report of a network as declared, as JSON: cached, else proved now.

    Raises as ``subjects.of_declarations`` does.
    """
    known = remembered(checkout, network)
    if known is None:
        proof = prove(subjects.of_declarations(checkout, [network]), claims(checkout))
        remember(checkout, proof.reports)
        known = proof.reports[0].document()
    return known


def demand(checkout: Path, network: str) -> str:
    """Requires that every claim of a network as declared is proved; returns the verdicts in words.

    Raises:
        CheckFailed: a claim is not proved. Also raises as ``report`` does.
    """
    document = report(checkout, network)
    words = in_words(document)
    if document["verdict"] != "proved":
        raise CheckFailed(
            f"{network} is not deployed: {words}; every claim must be proved before a deployment; "
            f"`bin/estate prove {network}` shows the packets and settings that prevent it"
        )
    return words


def counts(document: Mapping[str, Any]) -> dict[str, int]:
    """How many claims of a report are proved, refuted and not modelled."""
    found = {"proved": 0, "refuted": 0, "not_modelled": 0}
    for claim in document["claims"]:
        found[claim["verdict"].replace("-", "_")] += 1
    return found


def in_words(document: Mapping[str, Any]) -> str:
    """``17 claims: 15 proved, 1 refuted (no-public-ssh), 1 not modelled (layers-agree)``."""
    parts = []
    for verdict in ("proved", "refuted", "not-modelled"):
        found = [claim["id"] for claim in document["claims"] if claim["verdict"] == verdict]
        if found:
            names = "" if verdict == "proved" else f" ({', '.join(found)})"
            parts.append(f"{len(found)} {verdict.replace('-', ' ')}{names}")
    return f"{len(document['claims'])} claims: {', '.join(parts)}"
