"""``bin/estate probe``."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.progress import Progress
from estate.declaration import files as declaration
from estate.errors import UsageError
from estate.model import Network
from lab.netns import NAMED
from lab.paths import LabPaths
from lab.probing import deployed as standing
from lab.probing import probe, vantage
from lab.wiring import outside
from proofs import proving, subjects
from proofs.registered import Registered
from reachability.assembly import assemble
from reachability.prover import Prover
from reachability.resources import Resource

if TYPE_CHECKING:
    from rich.console import Console

DRILLED = ("nat-survives-zone", "feed-survives-region", "feed-survives-sentries-down")
"""Claims about what is left when something fails: drills rehearse them."""


def _running(checkout: Path, name: str) -> tuple[Network, LabPaths]:
    declared = declaration.standing(checkout, name)
    paths = LabPaths(checkout=checkout, network=declared.name)
    if not paths.cloud_state.exists() or not (NAMED / paths.namespace(outside.CLIENT)).exists():
        raise UsageError(f"the lab of {declared.name} does not run; `bin/estate up {declared.name}` brings it up")
    facts = paths.chain_facts if paths.chain_facts.exists() else None
    return declaration.read(checkout, name, chain=facts, today=date.min), paths


def _prover(checkout: Path, network: Network, paths: LabPaths) -> tuple[Prover, tuple[Resource, ...]]:
    resources = standing.resources(paths)
    told = json.loads(paths.outputs.read_text()).get("inventory", {}) if paths.outputs.exists() else {}
    facts = (paths.chain_facts.read_bytes(),) if paths.chain_facts.exists() else ()
    subject = subjects.join(checkout, network, Registered(resources, told), *facts)
    return Prover(assemble(subject)), resources


def _others(checkout: Path, network: Network) -> str:
    """Why there is no host of another ServiceInstance among the vantage points."""
    running = [
        name
        for name in declaration.names(checkout)
        if name != network.name
        and (NAMED / LabPaths(checkout=checkout, network=name).namespace(outside.CLIENT)).exists()
    ]
    there = (
        f"the lab of {', '.join(running)} has no link to this one" if running else "no other lab of this checkout runs"
    )
    return f"hosts of another ServiceInstance: {there}; the client on the internet stands for them"


def as_document(network: str, found: probe.Comparison, seed: int, claims: list[str], seconds: float) -> dict[str, Any]:
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


def _show_disagreement(each: dict[str, Any], console: Console) -> None:
    from rich.text import Text

    from cli.verdicts import hop_lines, packet_in_words, print_lines

    console.print()
    heading = f"{each['from']} → {each['to']}: {packet_in_words(each['packet'])}"
    print_lines(console, [Text(heading, style="bold red")])
    print_lines(console, [Text(f"the prover: {each['prover']}")], indent=2)
    print_lines(console, hop_lines(each["prover_path"]), indent=2)
    print_lines(console, [Text(f"the lab: {each['lab']}"), *map(Text, each["lab_path"])], indent=2)


def show(document: dict[str, Any], console: Console) -> None:
    """The comparison claim by claim, then each disagreement with both ways."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("claim", no_wrap=True)
    table.add_column("packets", justify="right")
    table.add_column("disagreements", justify="right")
    for each in document["claims"]:
        told = "rehearsed by drills" if each.get("rehearsed_by") else str(each["packets"])
        table.add_row(each["id"], told, Text(str(each["disagreements"]), style="red" if each["disagreements"] else ""))
    sample = document["sample"]
    table.add_row(f"a random sample (seed {sample['seed']})", str(sample["packets"]), str(sample["disagreements"]))
    console.print(table)
    for reason in document["left_out"]:
        console.print(Text(f"left out: {reason}", style="yellow"))
    for each in document["disagreements"]:
        _show_disagreement(each, console)
    colour, word = ("red", "disagree") if document["disagreements"] else ("green", "agree")
    told = f"{document['packets']} packets, {document['answered']} answered; lab and prover "
    console.print(Text.assemble(told, (word, colour), f"; {document['seconds']:.0f} s"))


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    network, paths = _running(checkout, arguments.network)
    progress = Progress(json_output=arguments.json)
    began = time.monotonic()
    with paths.workspace.exclusive():
        with progress.stage("prover: what should happen"):
            prover, resources = _prover(checkout, network, paths)
            places = vantage.places(network, paths, prover, resources)
            targets = probe.targets(network, paths, prover)
            asked = probe.questions(network, places, targets, sample=arguments.sample, seed=arguments.seed)
            progress.outcome(f"{len(asked)} packets from {len(places.vantages)} places to {len(targets)} addresses")
        with progress.stage("lab: what happens"):
            found = probe.compare(paths, prover, places, asked, progress.say)
    found = replace(found, left_out=(*found.left_out, _others(checkout, network)))
    claims = [claim.id for claim in proving.claims(checkout)]
    document = as_document(network.name, found, arguments.seed, claims, time.monotonic() - began)
    if arguments.json:
        print(json.dumps(document, indent=2))
    else:
        from rich.console import Console

        show(document, Console(highlight=False))
    return int(bool(found.disagreements))
