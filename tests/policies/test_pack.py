"""The pack as a whole: what each rule says of itself, and that the estate as built breaks none."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from pulumi_policy import EnforcementLevel, ResourceValidationPolicy, StackValidationPolicy

from components.export import document
from components.recording import Recorded
from estate.model import Network
from policies.reading.types import TAGGED, UNTAGGED
from policies.rules import registry, what_is_declared_is_served
from tests.conftest import ROOT
from tests.policies.engine_view import shown
from tests.policies.judging import is_whole, judged, judged_together

PACK = ROOT / "policies"
RULES = registry.rules()


@pytest.mark.parametrize("policy", RULES, ids=lambda policy: policy.name)
def test_a_rule_blocks_and_says_what_it_is_about(policy: Any) -> None:
    assert policy.enforcement_level is EnforcementLevel.MANDATORY
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", policy.name)
    assert policy.description.endswith(".")
    assert policy.severity is not None


def test_no_two_rules_have_one_name() -> None:
    assert len({policy.name for policy in RULES}) == len(RULES)


def test_every_file_of_the_rules_is_named_after_the_rule_that_it_holds() -> None:
    files = {path.stem for path in (PACK / "rules").glob("*.py")} - {"__init__", "registry"}
    assert {policy.name.replace("-", "_") for policy in RULES} == files
    for module in registry.MODULES:
        assert module.RULE.name == module.__name__.rsplit(".", 1)[1].replace("_", "-")


def test_the_rules_on_resources_know_nothing_of_the_estates_own_model() -> None:
    """They must stand alone: a mistake in the model must not be one in what checks it. The prover compares with it."""
    apart = {"declaration.py", "proved_reachability.py", "what_is_declared_is_served.py", "shown.py"}
    for path in PACK.rglob("*.py"):
        if path.name in apart:
            continue
        assert not re.search(
            r"^\s*(from|import) (estate|components|configuration|hosts|lab|cli|reachability|tools)\b",
            path.read_text(),
            re.MULTILINE,
        ), path


def test_the_engine_finds_the_projects_own_python() -> None:
    pack = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())
    assert pack["runtime"] == {"name": "python", "options": {"virtualenv": "../.venv"}}


@pytest.mark.parametrize(
    "policy", [each for each in RULES if isinstance(each, ResourceValidationPolicy)], ids=lambda policy: policy.name
)
def test_the_estate_breaks_no_rule_on_single_resources(policy: Any, recorded: Recorded) -> None:
    found = {
        each.name: messages
        for each in recorded.resources
        if (messages := judged(policy, each.type, each.inputs, protect=each.protect))
    }
    assert found == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy", [each for each in RULES if isinstance(each, StackValidationPolicy)], ids=lambda policy: policy.name
)
def test_the_estate_breaks_no_rule_on_the_whole_stack(
    policy: Any, recorded: Recorded, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(what_is_declared_is_served.REHEARSAL, "true")
    monkeypatch.setenv(what_is_declared_is_served.ATTACHED, "aws:1")
    assert judged_together(policy, shown(document(recorded, stack=network.name))) == []


def test_every_type_in_use_is_known_and_tagged_if_it_can_be(recorded: Recorded) -> None:
    for each in recorded.resources:
        if each.type.startswith("aws:"):
            assert each.type in TAGGED | UNTAGGED
            assert (each.type in TAGGED) is ("tags" in each.inputs), each.type


def test_a_message_says_what_was_given_the_rule_why_and_what_to_do(recorded: Recorded) -> None:
    """Every rule, shown an empty resource of each type, explains itself in four parts."""
    said = 0
    for policy in RULES:
        if isinstance(policy, ResourceValidationPolicy):
            for type_ in sorted(TAGGED):
                for message in judged(policy, type_, EMPTY.get(type_, {})):
                    said += 1
                    assert is_whole(message), message
    assert said > 20


EMPTY = {
    "aws:iam/policy:Policy": {"policy": json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})},
    "aws:iam/role:Role": {"assumeRolePolicy": json.dumps({"Statement": {"Effect": "Allow", "Principal": "*"}})},
}
