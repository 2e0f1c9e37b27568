"""The stack's output and the declaration must be of one world; every disagreement is reported at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from estate.declaration import load
from estate.findings import DeclarationError
from hosts import stack_output
from tests.hosts import samples

ROOT = Path(__file__).parents[2]
NETWORK = load.read(ROOT / "stacks" / "Pulumi.cosmoshub.yaml")
SENTRY, PRIVATE = "cosmoshub-public-sentry-us-east-1-01", "cosmoshub-private-sentry-us-east-1-01"

Change = Callable[[dict[str, Any]], Any]
DISAGREEMENTS: dict[str, tuple[Change, str, str]] = {
    "a node without an instance": (
        lambda it: it["hosts"].pop(SENTRY),
        f"inventory.hosts.{SENTRY}",
        "every declared cloud node must have an instance",
    ),
    "an instance without a node": (
        lambda it: it["hosts"].update(
            stray={"instance_id": "i-0", "private_address": "10.1.0.99", "public_address": None}
        ),
        "inventory.hosts.stray",
        "every instance must be of a declared cloud node",
    ),
    "another private address": (
        lambda it: it["hosts"][SENTRY].update(private_address="10.1.0.200"),
        f"inventory.hosts.{SENTRY}.private_address",
        "it must be 10.1.0.17",
    ),
    "a private sentry in public": (
        lambda it: it["hosts"][PRIVATE].update(public_address="203.0.113.9"),
        f"inventory.hosts.{PRIVATE}.public_address",
        "a private-sentry must have no public address",
    ),
    "a public sentry in private": (
        lambda it: it["hosts"][SENTRY].update(public_address=None),
        f"inventory.hosts.{SENTRY}.public_address",
        "a public-sentry must have a public address",
    ),
    "a link without tunnels": (
        lambda it: it["links"]["ash1"].pop("us-east-1"),
        "inventory.links.ash1.us-east-1",
        "every declared link must have its tunnels",
    ),
    "another network": (lambda it: it.update(network="terra"), "inventory.network", "it must be 'cosmoshub'"),
}


def test_an_output_of_the_declared_network_has_no_problem() -> None:
    assert stack_output.problems(NETWORK, samples.inventory(NETWORK)) == []


@pytest.mark.parametrize("case", DISAGREEMENTS)
def test_a_disagreement_is_reported_with_its_place_and_its_rule(case: str) -> None:
    change, path, rule = DISAGREEMENTS[case]
    inventory = copy.deepcopy(samples.inventory(NETWORK))
    change(inventory)
    (problem,) = stack_output.problems(NETWORK, inventory)
    assert (problem.path, problem.rule) == (path, rule)
    assert problem.reason and problem.fix


def test_all_disagreements_are_reported_at_once() -> None:
    inventory = copy.deepcopy(samples.inventory(NETWORK))
    inventory["hosts"].pop(SENTRY)
    inventory["hosts"][PRIVATE]["private_address"] = "10.9.9.9"
    assert len(stack_output.problems(NETWORK, inventory)) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"inventory": []}', '{"inventory": {"network": "cosmoshub"}}'])
def test_outputs_that_are_not_outputs_are_refused_with_their_place(text: str, tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(text)
    with pytest.raises(DeclarationError, match="outputs.json"):
        stack_output.read("cosmoshub", ROOT, str(file))


def test_a_missing_file_of_outputs_is_named_with_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="pulumi stack output --json --stack cosmoshub"):
        stack_output.read("cosmoshub", ROOT, str(tmp_path / "nowhere.json"))


def test_the_inventory_of_the_outputs_is_what_is_read(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({"other": 1, "inventory": samples.inventory(NETWORK)}))
    assert stack_output.read("cosmoshub", ROOT, str(file))["network"] == "cosmoshub"
