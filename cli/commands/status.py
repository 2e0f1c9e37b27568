"""``bin/estate status``: one screen, or one JSON document."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from cli import options

if TYPE_CHECKING:
    from cli.page import Page, Part
    from estate.findings import Problem
    from lab.rehearsal.observation import Observation

UNKNOWN = "—"


def configure(parser: argparse.ArgumentParser) -> None:
    options.networks(parser, f"those that are up in the lab, or {options.DEFAULT_NETWORK} if none is")
    options.json(parser)


def as_document(seen: Observation, notices: Sequence[str]) -> dict[str, object]:
    """The documented JSON: network, chain_id, height, hosts, signing, claims, problems, unserved, notices."""
    return {
        "network": seen.network,
        "chain_id": seen.chain_id,
        "height": seen.height,
        "hosts": [asdict(host) for host in seen.hosts],
        "signing": [asdict(each) for each in seen.signing],
        "claims": seen.claims,
        "problems": list(seen.problems),
        "unserved": [asdict(each) for each in seen.unserved],
        "notices": list(notices),
    }


def _short(seen: Observation, name: str) -> str:
    return name.removeprefix(f"{seen.network}-")


def _host_rows(seen: Observation) -> list[list[Part]]:
    rows: list[list[Part]] = []
    for host in seen.hosts:
        node = seen.nodes.get(host.name)
        height, peers = (str(node.height), str(node.peers)) if node else ("", "")
        state = (host.state, "green" if host.state == "running" else "red")
        rows.append([_short(seen, host.name), host.site, state, height, peers])
    return rows


def _signing_rows(seen: Observation) -> list[list[Part]]:
    return [
        [
            _short(seen, each.validator),
            "active" if each.active else "standby",
            str(each.last_signed_height or UNKNOWN),
            UNKNOWN if each.missed_last_50 is None else str(each.missed_last_50),
        ]
        for each in seen.signing
    ]


def _fact_rows(seen: Observation) -> list[list[Part]]:
    claims = seen.claims
    counted = f"{claims['proved']} proved, {claims['refuted']} refuted, {claims['not_modelled']} not modelled"
    rows: list[list[Part]] = [[name, address] for name, address in seen.endpoints]
    rows.append(["claims", counted])
    for each in seen.unserved:
        names = ", ".join(_short(seen, name) for name in each.names)
        rows.append([("not served yet", "yellow"), f"{each.part} {names}: {each.reason}"])
    return rows


def show(seen: Observation, notices: Sequence[Problem], page: Page, checkout: Path) -> None:
    """The status page: at most 80 columns wide on a terminal."""
    height = UNKNOWN if seen.height is None else str(seen.height)
    page.line((seen.network, "bold"), f"  chain {seen.chain_id}  height ", (height, "bold"))
    page.table(("host", "site", "state", "height", "peers"), _host_rows(seen))
    page.line()
    page.table(("who signs", "", "last signed height", "missed of the last 50"), _signing_rows(seen))
    page.line()
    page.table(("", ""), _fact_rows(seen))
    page.notices(notices, checkout)
    for problem in seen.problems:
        page.line(("problem", "yellow"), f"  {problem}")
    if not seen.problems:
        page.line(("no problems", "green"))


def _names(checkout: Path, named: Sequence[str]) -> list[str]:
    from estate.declaration import files
    from lab.paths import present

    declared = files.names(checkout)
    up = [each.network for each in present(checkout) if each.network in declared]
    return list(dict.fromkeys(named)) or up or [options.DEFAULT_NETWORK]


def _look(checkout: Path, name: str) -> tuple[Observation, list[Problem]]:
    from datetime import date

    from cli import notices
    from estate.declaration import files
    from lab.paths import LabPaths
    from lab.rehearsal.observation import observe

    declared = files.deployed(checkout, name)
    paths = LabPaths(checkout=checkout, network=declared.name)
    facts = paths.chain_facts if paths.chain_facts.exists() else None
    seen = observe(files.read(checkout, name, chain=facts, today=date.min), paths)
    return seen, notices.of_network(checkout, declared)


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from cli.page import Page, one_line

    found = [_look(checkout, name) for name in _names(checkout, arguments.networks)]
    if arguments.json:
        documents = [as_document(seen, [one_line(each, checkout) for each in soon]) for seen, soon in found]
        print(json.dumps(documents if len(documents) > 1 else documents[0], indent=2))
    else:
        page = Page()
        for position, (seen, soon) in enumerate(found):
            if position:
                page.line()
            show(seen, soon, page, checkout)
    return 1 if any(seen.problems for seen, _ in found) else 0
