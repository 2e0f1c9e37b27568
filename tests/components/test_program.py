"""The program itself: from the engine's configuration to the output."""

from __future__ import annotations

import json
from pathlib import Path

import pulumi
import pytest
import yaml

from components.recording import Recorded
from estate.model import Network
from tests.conftest import PROGRAM, record_declared


def test_a_bad_declaration_is_a_plain_problem_and_not_a_traceback(stack_file: Path) -> None:
    declared = yaml.safe_load(stack_file.read_text())["config"]["estate:network"]
    with pytest.raises(pulumi.RunError) as caught:
        record_declared({**declared, "slot": 0}, stack_file)
    assert "problem" in str(caught.value)
    assert f"stacks/{stack_file.name}" in str(caught.value)
    assert "slot" in str(caught.value)


def test_the_program_is_short() -> None:
    assert len(PROGRAM.read_text().splitlines()) < 40


def test_the_inventory_is_of_its_network(recorded: Recorded, network: Network) -> None:
    assert recorded.inventory["network"] == network.name
    json.dumps(recorded.inventory)


def test_the_inventory_has_every_cloud_host_and_who_has_a_public_address(recorded: Recorded, network: Network) -> None:
    from estate.plan.hosts import hosts

    declared = {host.name: host for host in hosts(network) if host.in_cloud}
    assert set(recorded.inventory["hosts"]) == set(declared)
    for name, entry in recorded.inventory["hosts"].items():
        assert set(entry) == {"instance_id", "private_address", "public_address"}
        assert entry["private_address"] == str(declared[name].address)
        assert (entry["public_address"] is not None) is declared[name].public


def test_the_inventory_says_what_is_declared_and_not_served_yet(recorded: Recorded, network: Network) -> None:
    later = recorded.inventory["later"]
    assert all(f"Vault lease {name}" in later for name in network.leases)
    assert len([each for each in later if each.startswith("VPN service")]) == len(
        [node for node in network.nodes if node.role == "vpn"]
    )
