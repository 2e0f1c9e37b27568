"""Roles and keys: who may do what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.recording import Recorded
from estate.model import Network

ROLE = "aws:iam/role:Role"


def statements(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["Statement"]
    return found


def test_every_role_has_a_boundary(recorded: Recorded, network: Network) -> None:
    boundaries = {each.inputs["permissionsBoundary"] for each in recorded.of(ROLE)}
    (policy,) = recorded.of("aws:iam/policy:Policy")
    assert boundaries == {policy.state["arn"]}


@pytest.mark.slow
def test_a_declared_boundary_replaces_our_own(small: Network) -> None:
    from components.recording import record

    arn = "arn:aws:iam::123456789012:policy/company"
    given = record(small.model_copy(update={"aws": small.aws.model_copy(update={"permissions_boundary": arn})}))
    assert {each.inputs["permissionsBoundary"] for each in given.of(ROLE)} == {arn}
    assert given.of("aws:iam/policy:Policy") == []


def test_an_instance_may_do_nothing_by_itself(recorded: Recorded) -> None:
    known = {each.urn: each for each in recorded.resources}
    trusted = {
        each.urn
        for each in recorded.of(ROLE)
        if statements(each.inputs["assumeRolePolicy"])[0]["Principal"] == {"Service": "ec2.amazonaws.com"}
    }
    profiles = {
        known[each.property_dependencies["role"][0]].urn
        for each in recorded.of("aws:iam/instanceProfile:InstanceProfile")
    }
    assert profiles == trusted
    allowed = {each.property_dependencies["role"][0] for each in recorded.of("aws:iam/rolePolicy:RolePolicy")}
    assert not allowed & trusted


def test_only_vault_may_assume_a_leases_role_and_only_for_this_network(recorded: Recorded, network: Network) -> None:
    leases = {name for name, lease in network.leases.items() if lease.kind == "aws"}
    roles = [each for each in recorded.of(ROLE) if "Lease" in each.inputs["tags"]]
    assert {each.inputs["tags"]["Lease"] for each in roles} == leases
    for each in roles:
        (statement,) = statements(each.inputs["assumeRolePolicy"])
        assert statement["Principal"] == {"AWS": f"arn:aws:iam::{network.aws.account_id}:role/vault"}
        assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": network.name}}


def test_every_key_rotates(recorded: Recorded) -> None:
    keys = recorded.of("aws:kms/key:Key")
    assert all(each.inputs["enableKeyRotation"] for each in keys)
    assert all(each.inputs["deletionWindowInDays"] == 30 for each in keys)


def test_a_regions_key_serves_its_own_logs_only(recorded: Recorded, network: Network) -> None:
    for each in recorded.of("aws:kms/key:Key"):
        services = [given for given in statements(each.inputs["policy"]) if "Service" in given["Principal"]]
        for given in services:
            assert given["Principal"]["Service"] == f"logs.{each.inputs['region']}.amazonaws.com"
            (arn,) = given["Condition"]["ArnLike"].values()
            assert arn.endswith(f":log-group:/estate/{network.name}/*")
