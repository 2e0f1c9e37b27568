"""``bin/estate status``: one screen, or one JSON document."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cli import declaration
from cli.observation import Observation, observe
from lab.paths import LabPaths


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


def show(seen: Observation, console: Console) -> None:
    """The status page."""
    console.print()
    console.print(
        f"[bold]{seen.network}[/]  chain {seen.chain_id}  height [bold]{seen.height if seen.height is not None else '—'}[/]"
    )
    hosts = Table(box=None, pad_edge=False)
    for column in ("host", "role", "site", "state", "height", "peers"):
        hosts.add_column(column, no_wrap=True)
    for host in seen.hosts:
        colour = "green" if host.state == "running" else "red"
        node = seen.nodes.get(host.name)
        hosts.add_row(
            host.name,
            host.role,
            host.site,
            f"[{colour}]{host.state}[/]",
            str(node.height) if node else "",
            str(node.peers) if node else "",
        )
    console.print(hosts)
    signing = Table(box=None, pad_edge=False, title="who signs", title_justify="left")
    for column in ("validator", "active", "last signed height", "missed of the last 50"):
        signing.add_column(column)
    for each in seen.signing:
        signing.add_row(
            each.validator,
            "yes" if each.active else "stands by",
            str(each.last_signed_height or "—"),
            str(each.missed_last_50) if each.missed_last_50 is not None else "—",
        )
    console.print(signing)
    for name, address in seen.endpoints:
        console.print(f"{name:<8} {address}")
    claims = seen.claims
    console.print(
        f"claims   {claims['proved']} proved, {claims['refuted']} refuted, {claims['not_modelled']} not modelled"
    )
    for text in seen.later:
        console.print(f"later    {text}", style="dim")
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
