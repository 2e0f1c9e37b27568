"""``bin/estate probe``."""

from __future__ import annotations

import argparse
import json
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import options
from estate.errors import UsageError

if TYPE_CHECKING:
    from cli.page import Page, Part
    from estate.model import Network
    from lab.paths import LabPaths
    from lab.probing.probe import Comparison
    from reachability.subject import Subject

DRILLED = ("nat-survives-zone", "feed-survives-region", "feed-survives-sentries-down")
"""Claims about failures. Nothing has failed in a lab that is probed; drills rehearse these claims."""

ALONE = "hosts of another network: none is up in this lab; the client on the internet takes their place"
SAMPLE = 1000
SEED = 1


def configure(parser: argparse.ArgumentParser) -> None:
    options.network(parser)
    parser.add_argument(
        "--sample",
        type=options.count,
        default=SAMPLE,
        metavar="N",
        help=f"number of random packets besides those of the claims (default: {SAMPLE})",
    )
    parser.add_argument(
        "--seed", type=options.count, default=SEED, metavar="N", help=f"seed of the random packets (default: {SEED})"
    )
    options.json(parser)


def _is_up(paths: LabPaths) -> bool:
    from lab.netns import NAMED
    from lab.wiring import outside

    return (NAMED / paths.namespace(outside.CLIENT)).exists()


def _running(checkout: Path, name: str) -> tuple[Network, LabPaths]:
    from datetime import date

    from estate.declaration import files
    from lab.paths import LabPaths

    declared = files.deployed(checkout, name)
    paths = LabPaths(checkout=checkout, network=declared.name)
    if not paths.cloud_state.exists() or not _is_up(paths):
        raise UsageError(f"the lab of {declared.name} is not running; start it with `bin/estate up {declared.name}`")
    facts = paths.chain_facts if paths.chain_facts.exists() else None
    return files.read(checkout, name, chain=facts, today=date.min), paths


def _subject(checkout: Path, network: Network, paths: LabPaths) -> Subject:
    from lab.probing import deployed
    from proofs import subjects
    from proofs.registered import Registered

    resources = deployed.resources(paths)
    inventory = json.loads(paths.outputs.read_text()).get("inventory", {}) if paths.outputs.exists() else {}
    facts = (paths.chain_facts.read_bytes(),) if paths.chain_facts.exists() else ()
    return subjects.join(checkout, network, Registered(resources, inventory), *facts)


def _others(checkout: Path, paths: LabPaths) -> list[tuple[Network, LabPaths]]:
    """The other networks that are up in the checkout's lab."""
    from estate.declaration import files

    names = [each.network for each in paths.others if _is_up(each) and each.network in files.names(checkout)]
    return [_running(checkout, name) for name in names]


def as_document(network: str, found: Comparison, seed: int, claims: list[str], seconds: float) -> dict[str, Any]:
    """The JSON of a comparison."""
    wrong = [each.question.claims or ("sample",) for each in found.disagreements]
    return {
        "network": network,
        "verdict": "disagrees" if wrong else "agrees",
        "packets": found.sent,
        "answered": found.arrived,
        "claims": [
            {
                "id": claim,
                "packets": found.asked.get(claim, 0),
                "disagreements": sum(claim in each for each in wrong),
                **({"rehearsed_by": "drills"} if claim in DRILLED else {}),
            }
            for claim in claims
        ],
        "sample": {
            "seed": seed,
            "packets": found.asked.get("sample", 0),
            "disagreements": sum("sample" in each for each in wrong),
        },
        "vantage_points": list(found.vantages),
        "left_out": list(found.left_out),
        "disagreements": [each.document() for each in found.disagreements],
        "seconds": round(seconds, 2),
    }


def _show_disagreement(each: dict[str, Any], page: Page) -> None:
    from cli.verdicts import hop_lines, packet_in_words

    page.line()
    page.line((f"{each['from']} → {each['to']}: {packet_in_words(each['packet'])}", "bold red"))
    page.line(f"the prover: {each['prover']}", indent=2)
    for parts in hop_lines(each["prover_path"]):
        page.line(*parts, indent=2)
    page.line(f"the lab: {each['lab']}", indent=2)
    for step in each["lab_path"]:
        page.line(step, indent=2)


def show(document: dict[str, Any], page: Page) -> None:
    """The comparison claim by claim, then each disagreement with the path in the prover and in the lab."""
    rows: list[list[Part]] = []
    for each in document["claims"]:
        packets = "rehearsed by drills" if each.get("rehearsed_by") else str(each["packets"])
        rows.append([each["id"], packets, (str(each["disagreements"]), "red" if each["disagreements"] else "")])
    sample = document["sample"]
    rows.append([f"random packets (seed {sample['seed']})", str(sample["packets"]), str(sample["disagreements"])])
    page.table(("claim", "packets", "disagreements"), rows, right=(1, 2))
    for reason in document["left_out"]:
        page.line((f"left out: {reason}", "yellow"))
    for each in document["disagreements"]:
        _show_disagreement(each, page)
    verdict = ("disagree", "red") if document["disagreements"] else ("agree", "green")
    sent = f"{document['packets']} packets, {document['answered']} answered; lab and prover "
    page.line(sent, verdict, f"; {document['seconds']:.0f} s")


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from cli.page import Page
    from engine.progress import Progress
    from lab.probing import probe, vantage
    from proofs import proving
    from reachability import parts
    from reachability.assembly import assemble
    from reachability.prover import Prover

    network, paths = _running(checkout, arguments.network)
    others = _others(checkout, paths)
    progress = Progress(json_output=arguments.json)
    began = time.monotonic()
    with ExitStack() as locks:
        for each in (paths, *(other for _, other in others)):
            locks.enter_context(each.workspace.exclusive())
        with progress.stage("prover: what should happen"):
            own = _subject(checkout, network, paths)
            theirs = [_subject(checkout, *other) for other in others]
            neighbours = [
                vantage.Neighbour(*other, assemble(subject).public)
                for other, subject in zip(others, theirs, strict=True)
            ]
            prover = Prover(assemble(parts.union([own, *theirs])))
            places = vantage.places(network, paths, prover, own.resources, neighbours)
            targets = probe.targets(network, paths, prover, neighbours)
            asked = probe.questions(network, places, targets, sample=arguments.sample, seed=arguments.seed)
            progress.outcome(f"{len(asked)} packets from {len(places.vantages)} places to {len(targets)} addresses")
        with progress.stage("lab: what happens"):
            found = probe.compare(paths, prover, places, asked, progress.say)
    if not others:
        found = replace(found, left_out=(*found.left_out, ALONE))
    claims = [claim.id for claim in proving.claims(checkout)]
    document = as_document(network.name, found, arguments.seed, claims, time.monotonic() - began)
    if arguments.json:
        print(json.dumps(document, indent=2))
    else:
        show(document, Page())
    return int(bool(found.disagreements))
