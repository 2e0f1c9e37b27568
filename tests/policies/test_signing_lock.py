"""Who may do what with the tables that say how far a key has signed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policies.rules import signing_watermark_only_rises as signing_lock
from tests.policies.judging import STRING, judged

ROLE_POLICY, MANAGED, ROLE = "aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy", "aws:iam/role:Role"
TABLES = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
HEAD, CLAIMS = f"{TABLES}cosmoshub-signing-head", f"{TABLES}cosmoshub-signing-claims"
ROWS = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["cosmoshub-4|*"]}}
GATE, CEREMONY = "cosmoshub-lease-gate-ash1", "cosmoshub-signing-ceremony"


def statement(*actions: str, on: str = HEAD, rows: Any = ROWS, effect: str = "Allow") -> dict[str, Any]:
    given: dict[str, Any] = {"Effect": effect, "Action": list(actions), "Resource": on}
    return given | ({"Condition": rows} if rows else {})


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def said(*statements: dict[str, Any], role: str = GATE) -> list[str]:
    return judged(signing_lock.RULE, ROLE_POLICY, {"role": role, "policy": document(*statements)})


def test_a_gate_that_moves_the_head_on_and_inserts_claims_passes() -> None:
    assert said(statement("dynamodb:UpdateItem"), statement("dynamodb:PutItem", on=CLAIMS)) == []


@pytest.mark.parametrize(
    "action",
    ["PutItem", "putitem", "GetItem", "DeleteItem", "BatchWriteItem", "PartiQLDelete", "DeleteTable", "UpdateTable"],
)
def test_a_gate_that_may_do_anything_else_with_a_head_is_stopped(action: str) -> None:
    (message,) = said(statement("dynamodb:UpdateItem", f"dynamodb:{action}"))
    assert f"dynamodb:{action.lower()} allowed on a table *-signing-head" in message


@pytest.mark.parametrize("action", ["UpdateItem", "DeleteItem", "Query"])
def test_a_gate_that_may_do_anything_else_with_claims_is_stopped(action: str) -> None:
    (message,) = said(statement("dynamodb:PutItem", f"dynamodb:{action}", on=CLAIMS))
    assert "allowed on a table *-signing-claims" in message


@pytest.mark.parametrize(
    "on", [f"{TABLES}*", f"{TABLES}cosmoshub-*", "*", f"{HEAD}/index/any", f"{TABLES}cosmos?ub-signing-head"]
)
def test_a_way_round_by_another_name_of_the_resource_is_seen(on: str) -> None:
    assert any("-signing-head" in message for message in said(statement("dynamodb:DeleteItem", on=on)))


def test_a_wild_action_is_no_way_round() -> None:
    assert said(statement("dynamodb:*"))
    assert said(statement("*"))


def test_a_gate_that_reaches_the_rows_of_other_chains_is_stopped() -> None:
    (message,) = said(statement("dynamodb:UpdateItem", rows=None))
    assert "on all rows" in message


def test_other_tables_and_other_services_are_not_this_rules_business() -> None:
    assert said(statement("dynamodb:DeleteItem", on=f"{TABLES}terraform-locks", rows=None)) == []
    assert said(statement("ec2:DescribeInstances", on="*", rows=None)) == []


def test_a_ceremony_may_read_and_seed_and_may_not_delete() -> None:
    assert said(statement("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"), role=CEREMONY) == []
    assert said(statement("dynamodb:DeleteItem"), role=CEREMONY)


def test_a_role_that_is_not_known_is_taken_for_a_gate() -> None:
    assert said(statement("dynamodb:PutItem"), role=STRING)


@pytest.mark.parametrize(
    ("condition", "stopped"),
    [
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, False),
        ({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, True),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}, True),
        ({}, True),
    ],
)
def test_the_role_of_ceremonies_takes_a_second_factor(condition: dict[str, Any], stopped: bool) -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn"}, "Condition": condition}
    given = {"name": CEREMONY, "assumeRolePolicy": document(trust)}
    assert bool(judged(signing_lock.RULE, ROLE, given)) is stopped


def test_an_inline_policy_is_judged_as_any_other() -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn"}}
    given = {
        "name": GATE,
        "assumeRolePolicy": document(trust),
        "inlinePolicies": [{"policy": document(statement("dynamodb:DeleteItem"))}],
    }
    assert judged(signing_lock.RULE, ROLE, given)


def test_a_boundary_that_does_not_deny_deletion_is_stopped() -> None:
    most = statement("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
    never = statement("dynamodb:DeleteItem", "dynamodb:DeleteTable", effect="Deny", rows=None)
    assert judged(signing_lock.RULE, MANAGED, {"policy": document(most, never)}) == []
    (message,) = judged(signing_lock.RULE, MANAGED, {"policy": document(most)})
    assert "it must also deny dynamodb:deleteitem, dynamodb:deletetable" in message


def test_a_managed_policy_about_something_else_need_deny_nothing() -> None:
    assert (
        judged(signing_lock.RULE, MANAGED, {"policy": document(statement("s3:GetObject", on="arn:aws:s3:::x/y"))}) == []
    )
