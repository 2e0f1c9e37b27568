"""The table in which gates agree: where it stands, how it is kept, and who may do what with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.aws.signing_table import regions
from components.recording import Recorded, Registration, record
from estate.model import Coordination, Network
from estate.plan.coordination import table_names

TABLE = "aws:dynamodb/table:Table"


@pytest.fixture(scope="session")
def agreed(small: Network, small_recorded: Recorded) -> Recorded:
    assert small.signing.coordination is not None
    return small_recorded


def changed(network: Network, **fields: Any) -> Network:
    """The network with another coordination, or with none."""
    coordination = Coordination.model_validate(fields) if fields else None
    return network.model_copy(update={"signing": network.signing.model_copy(update={"coordination": coordination})})


def table(recorded: Recorded, key: str) -> Registration:
    (found,) = [each for each in recorded.of(TABLE) if each.name.endswith(f"-signing-{key}")]
    return found


def permissions(recorded: Recorded, role: str) -> list[dict[str, Any]]:
    """What the only policy of the role of this logical name allows."""
    urn = next(each.urn for each in recorded.of("aws:iam/role:Role") if each.name == role)
    (policy,) = [
        each for each in recorded.of("aws:iam/rolePolicy:RolePolicy") if urn in each.property_dependencies["role"]
    ]
    return json.loads(policy.inputs["policy"])["Statement"]


def actions(statements: list[dict[str, Any]]) -> dict[str, set[str]]:
    """By resource, without its region: what is allowed."""
    found: dict[str, set[str]] = {}
    for statement in statements:
        for arn in statement["Resource"]:
            found.setdefault(arn.rsplit("/", 1)[-1], set()).update(statement["Action"])
    return found


def test_a_head_is_one_row_of_a_key_and_a_claim_one_of_each_position(agreed: Recorded) -> None:
    assert (table(agreed, "head").inputs["hashKey"], table(agreed, "head").inputs.get("rangeKey")) == ("pk", None)
    assert (table(agreed, "claims").inputs["hashKey"], table(agreed, "claims").inputs["rangeKey"]) == ("pk", "hrs")


def test_two_regions_and_a_witness_are_one_strongly_consistent_table(agreed: Recorded) -> None:
    for key in ("head", "claims"):
        inputs = table(agreed, key).inputs
        assert inputs["region"] == "us-east-1"
        assert [(each["regionName"], each["consistencyMode"]) for each in inputs["replicas"]] == [
            ("us-east-2", "STRONG")
        ]
        assert inputs["globalTableWitness"] == {"regionName": "us-west-2"}


@pytest.mark.slow
def test_three_regions_are_three_strongly_consistent_replicas(small: Network) -> None:
    assert small.signing.coordination is not None
    replicas = {"eu-west-3": "coordination", "eu-west-1": "coordination-2", "eu-west-2": "third"}
    recorded = record(changed(small, sites=small.signing.coordination.sites, replicas=replicas))
    inputs = table(recorded, "head").inputs
    assert inputs["region"] == "eu-west-1"
    assert [each["regionName"] for each in inputs["replicas"]] == ["eu-west-2", "eu-west-3"]
    assert {each["consistencyMode"] for each in inputs["replicas"]} == {"STRONG"}
    assert "globalTableWitness" not in inputs


@pytest.mark.slow
def test_one_home_region_has_no_replica(small: Network) -> None:
    assert small.signing.coordination is not None
    recorded = record(changed(small, sites=small.signing.coordination.sites, replicas={"eu-central-1": "coordination"}))
    inputs = table(recorded, "head").inputs
    assert (inputs["region"], "replicas" in inputs, "globalTableWitness" in inputs) == ("eu-central-1", False, False)


def test_the_order_of_preference_does_not_move_the_table(small: Network) -> None:
    """The engine hands a declaration on with its keys in order, whatever order the file has."""
    given = small.signing.coordination
    assert given is not None
    turned = changed(small, **{**given.model_dump(), "replicas": dict(reversed(given.replicas.items()))})
    assert regions(turned) == regions(small)


def test_each_region_encrypts_with_a_key_of_its_own_that_outlives_the_stack(agreed: Recorded, small: Network) -> None:
    keys = {each.inputs["region"]: each for each in agreed.of("aws:kms/key:Key") if "-signing-key-" in each.name}
    assert set(keys) == set(regions(small))
    assert all(key.protect and key.retain_on_delete for key in keys.values())
    for key in ("head", "claims"):
        inputs = table(agreed, key).inputs
        assert inputs["serverSideEncryption"] == {"enabled": True, "kmsKeyArn": keys["us-east-1"].state["arn"]}
        assert [each["kmsKeyArn"] for each in inputs["replicas"]] == [keys["us-east-2"].state["arn"]]


def test_a_table_cannot_be_lost_by_a_mistake(agreed: Recorded) -> None:
    for key in ("head", "claims"):
        found = table(agreed, key)
        assert found.protect
        assert found.retain_on_delete
        assert found.inputs["deletionProtectionEnabled"]
        assert found.inputs["pointInTimeRecovery"] == {"enabled": True}
        for replica in found.inputs["replicas"]:
            assert replica["deletionProtectionEnabled"]
            assert replica["pointInTimeRecovery"]


def test_a_gate_changes_the_head_and_inserts_claims_and_may_do_nothing_else(agreed: Recorded, small: Network) -> None:
    head, claims = table_names(small)
    assert small.signing.coordination is not None
    for lease in small.signing.coordination.sites.values():
        statements = permissions(agreed, f"{small.name}-lease-{lease}-role")
        allowed = actions(statements)
        assert allowed.pop(head) == {"dynamodb:UpdateItem"}, "a gate that could put a head would trust an empty table"
        assert allowed.pop(claims) == {"dynamodb:PutItem"}
        assert set().union(*allowed.values()) == {"kms:Decrypt"}
        tables = {arn for each in statements for arn in each["Resource"] if ":dynamodb:" in arn}
        assert {arn.split(":")[3] for arn in tables} == set(regions(small)), "each replica is called by its own name"


def test_a_gate_reaches_rows_of_its_chain_only(agreed: Recorded, small: Network) -> None:
    statements = permissions(agreed, f"{small.name}-lease-gate-dal1-role")
    for statement in statements:
        if statement["Action"][0].startswith("dynamodb:"):
            assert statement["Condition"] == {
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{small.chain.chain_id}|*"]},
                "Null": {"dynamodb:LeadingKeys": "false"},
            }


def test_a_gate_uses_the_tables_key_through_the_table_only(agreed: Recorded, small: Network) -> None:
    (statement,) = [
        each for each in permissions(agreed, f"{small.name}-lease-gate-dal1-role") if each["Action"] == ["kms:Decrypt"]
    ]
    assert statement["Condition"]["StringEquals"]["kms:ViaService"] == [
        "dynamodb.us-east-1.amazonaws.com",
        "dynamodb.us-east-2.amazonaws.com",
    ]
    assert statement["Condition"]["StringEquals"]["kms:EncryptionContext:aws:dynamodb:tableName"] == list(
        table_names(small)
    )


def test_a_ceremony_takes_a_person_with_a_second_factor_and_deletes_nothing(agreed: Recorded, small: Network) -> None:
    role = next(each for each in agreed.of("aws:iam/role:Role") if each.name == f"{small.name}-signing-ceremony")
    (trusted,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trusted["Condition"]["Bool"] == {"aws:MultiFactorAuthPresent": "true"}
    allowed = actions(permissions(agreed, role.name))
    for name in table_names(small):
        assert allowed[name] == {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}


def test_no_role_whatever_is_attached_to_it_may_delete_a_row_or_a_table(agreed: Recorded, small: Network) -> None:
    (boundary,) = agreed.of("aws:iam/policy:Policy")
    (denied,) = [each for each in json.loads(boundary.inputs["policy"])["Statement"] if each["Effect"] == "Deny"]
    assert {"dynamodb:DeleteItem", "dynamodb:DeleteTable", "dynamodb:RestoreTableToPointInTime"} <= set(
        denied["Action"]
    )
    assert {arn.rsplit("/", 1)[-1] for arn in denied["Resource"]} == set(table_names(small))


def test_the_boundary_holds_what_gates_and_ceremonies_do(agreed: Recorded, small: Network) -> None:
    (boundary,) = agreed.of("aws:iam/policy:Policy")
    most = [each for each in json.loads(boundary.inputs["policy"])["Statement"] if each["Effect"] == "Allow"]
    at_most = actions(most)
    for role in (f"{small.name}-lease-gate-dal1-role", f"{small.name}-signing-ceremony"):
        for name, allowed in actions(permissions(agreed, role)).items():
            assert allowed <= at_most.get(name, set()) | at_most["*"], f"{role} is allowed on {name} what nobody may"


@pytest.mark.slow
def test_without_coordination_there_is_no_table(small: Network) -> None:
    alone = changed(small)
    leases = {name: lease for name, lease in alone.leases.items() if not name.startswith("gate-")}
    recorded = record(alone.model_copy(update={"leases": leases}))
    assert recorded.of(TABLE) == []
