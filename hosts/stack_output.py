"""Reads the stack's ``inventory`` output and checks it against the declaration."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from estate.findings import DeclarationError, Problem
from estate.model import Network
from estate.plan.hosts import hosts

OUTPUT = "inventory"


def _document(network: str, root: Path, file: str | None) -> tuple[str, str]:
    """The source of the outputs, and their JSON."""
    if file:
        path = Path(file)
        if not path.is_file():
            raise DeclarationError(
                [
                    Problem(
                        file=file,
                        path="ESTATE_OUTPUTS",
                        value=repr(file),
                        rule="it must name a file",
                        reason="the hosts' addresses come from it",
                        fix=f"write it: pulumi stack output --json --stack {network} > {file}",
                    )
                ]
            )
        return file, path.read_text()
    command = ["pulumi", "stack", "output", "--json", "--stack", network]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise DeclarationError(
            [
                Problem(
                    file=" ".join(command),
                    path=OUTPUT,
                    value=said.strip(),
                    rule="the stack's outputs must be readable",
                    reason="the hosts' addresses come from them",
                    fix="bring the stack up first, or set ESTATE_OUTPUTS to a file of its outputs",
                )
            ]
        ) from None
    return " ".join(command), done.stdout


def read(network: str, root: Path, file: str | None = None) -> Mapping[str, Any]:
    """The ``inventory`` output of the stack ``network``: of ``file``, which ``ESTATE_OUTPUTS`` names, or from Pulumi.

    Raises:
        DeclarationError: there is no such output, or it has another form.
    """
    source, text = _document(network, root, file)
    try:
        outputs = json.loads(text)
    except json.JSONDecodeError as error:
        outputs, said = None, str(error)
    else:
        said = ", ".join(sorted(outputs)) if isinstance(outputs, dict) else type(outputs).__name__
    inventory = outputs.get(OUTPUT) if isinstance(outputs, dict) else None
    if not isinstance(inventory, dict) or not isinstance(inventory.get("hosts"), dict):
        raise DeclarationError(
            [
                Problem(
                    file=source,
                    path=OUTPUT,
                    value=said,
                    rule=f"the outputs must be a JSON object with an object {OUTPUT!r} that has 'hosts'",
                    reason="the hosts' addresses come from it",
                    fix=f"bring the stack up again: pulumi up --stack {network}",
                )
            ]
        )
    return inventory


def problems(network: Network, inventory: Mapping[str, Any]) -> list[Problem]:
    """The differences between the stack's output and the declaration. Bare-metal hosts are in the declaration only."""
    found: list[Problem] = []

    def report(path: str, value: object, rule: str, reason: str, fix: str) -> None:
        found.append(
            Problem(file="stack output", path=f"{OUTPUT}.{path}", value=repr(value), rule=rule, reason=reason, fix=fix)
        )

    again = f"pulumi up --stack {network.name}"
    if inventory.get("network") != network.name:
        report(
            "network",
            inventory.get("network"),
            f"it must be {network.name!r}",
            "the outputs of one network must not configure another's hosts",
            f"read the outputs of the stack {network.name}",
        )
        return found
    expected = {host.name: host for host in hosts(network) if host.in_cloud}
    actual: Mapping[str, Any] = inventory["hosts"]
    for name in sorted(expected.keys() - actual.keys()):
        report(
            f"hosts.{name}",
            None,
            "every declared cloud node must have an instance",
            "the stack is older than the declaration",
            again,
        )
    for name in sorted(actual.keys() - expected.keys()):
        report(
            f"hosts.{name}",
            actual[name].get("instance_id"),
            "every instance must be of a declared cloud node",
            "an undeclared host gets no firewall and no owner",
            f"declare it, or take it down: {again}",
        )
    for name in sorted(actual.keys() & expected.keys()):
        address = actual[name].get("private_address")
        if address != str(expected[name].address):
            report(
                f"hosts.{name}.private_address",
                address,
                f"it must be {expected[name].address}",
                "every firewall is drawn for the planned address",
                again,
            )
        if bool(actual[name].get("public_address")) != expected[name].public:
            wanted = "have a public address" if expected[name].public else "have no public address"
            report(
                f"hosts.{name}.public_address",
                actual[name].get("public_address"),
                f"a {expected[name].role} must {wanted}",
                "its role says whether the internet may know it",
                again,
            )
    for site, each in network.sites.items():
        for region in each.links:
            if region not in inventory.get("links", {}).get(site, {}):
                report(
                    f"links.{site}.{region}",
                    None,
                    "every declared link must have its tunnels",
                    "the site would not reach the region",
                    again,
                )
    return found
