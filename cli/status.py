"""``bin/estate status``: one screen, or one JSON document."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from estate.declaration import files as declaration
from lab.paths import LabPaths
from lab.rehearsal.observation import Observation, observe


def as_document(seen: Observation) -> dict[str, object]:
    """The documented JSON: network, chain_id, height, hosts, signing, claims, problems."""
    return {
        "network": seen.network,
        "chain_id": seen.chain_id,
        "height": seen.height,
        "hosts": [asdict(host) for host in seen.hosts],
        "signing": [asdict(each) for each in seen.signing],
        "claims": seen.claims,
        "problems": list(seen.problems),
    }


def _short(seen: Observation, name: str) -> str:
    return name.removeprefix(f"{seen.network}-")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def show(seen: Observation, console: Console) -> None:
    """The status page: 80 columns wide."""
    console.print()
    height = seen.height if seen.height is not None else "—"
    console.print(f"[bold]{seen.network}[/]  chain {seen.chain_id}  height [bold]{height}[/]")
    hosts = _table("host", "site", "state", "height", "peers")
    for host in seen.hosts:
        colour = "green" if host.state == "running" else "red"
        node = seen.nodes.get(host.name)
        of_chain = (str(node.height), str(node.peers)) if node else ("", "")
        hosts.add_row(_short(seen, host.name), host.site, f"[{colour}]{host.state}[/]", *of_chain)
    console.print(hosts)
    console.print()
    signing = _table("who signs", "", "last signed height", "missed of the last 50")
    for each in seen.signing:
        missed = "—" if each.missed_last_50 is None else str(each.missed_last_50)
        duty = "active" if each.active else "stands by"
        signing.add_row(_short(seen, each.validator), duty, str(each.last_signed_height or "—"), missed)
    console.print(signing)
    console.print()
    facts = _table("", "")
    facts.show_header = False
    for name, address in seen.endpoints:
        facts.add_row(name, address)
    claims = seen.claims
    counted = f"{claims['proved']} proved, {claims['refuted']} refuted, {claims['not_modelled']} not modelled"
    facts.add_row("claims", counted)
    if seen.later:
        facts.add_row("later", "declared, not served yet: " + ", ".join(_short(seen, each) for each in seen.later))
    facts.columns[1].no_wrap = False
    console.print(facts)
    for problem in seen.problems:
        console.print(f"[yellow]problem[/]  {problem}")
    if not seen.problems:
        console.print("[green]no problems[/]")


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    declared = declaration.standing(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=declared.name)
    facts = paths.chain_facts if paths.chain_facts.exists() else None
    seen = observe(declaration.read(checkout, arguments.network, chain=facts, today=date.min), paths)
    if arguments.json:
        print(json.dumps(as_document(seen), indent=2))
    else:
        show(seen, Console(highlight=False))
    return 1 if seen.problems else 0
