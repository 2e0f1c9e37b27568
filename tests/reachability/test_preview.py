"""``pulumi preview --json``: the stack as it will be; what the preview does not show is never taken for absent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reachability.encoding import UNKNOWN_STRING, StateError
from reachability.resources import UNKNOWN, Resource
from reachability.state import read

VPC, GROUP, INSTANCE = "aws:ec2/vpc:Vpc", "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/instance:Instance"


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:dev::shop::{type_}::{name}"


def state(type_: str, name: str, id_: str = "", **more: Any) -> dict[str, Any]:
    return {"urn": urn(type_, name), "type": type_, "custom": True, **({"id": id_} if id_ else {}), **more}


def step(operation: str, old: dict[str, Any] | None = None, new: dict[str, Any] | None = None) -> dict[str, Any]:
    found = new or old or {}
    states = {key: each for key, each in (("oldState", old), ("newState", new)) if each is not None}
    return {"op": operation, "urn": found["urn"], **states}


def preview(*steps: dict[str, Any], same: int | None = None, **more: Any) -> str:
    count = sum(each["op"] == "same" for each in steps) if same is None else same
    return json.dumps({"config": {}, "steps": list(steps), "changeSummary": {"same": count}, **more})


def after(*steps: dict[str, Any]) -> dict[str, Resource]:
    return {each.name: each for each in read(preview(*steps))}


KEPT = state(VPC, "net", "vpc-1", inputs={"cidrBlock": "10.0.0.0/16"}, outputs={"cidrBlock": "10.0.0.0/16", "arn": "a"})


def test_what_stays_is_as_before():
    new = {key: each for key, each in KEPT.items() if key not in ("id", "outputs")}
    for found in (after(step("same", KEPT, new)), after(step("same", KEPT, KEPT)), after(step("same", KEPT))):
        assert (found["net"].id, found["net"].properties["arn"]) == ("vpc-1", "a")


def test_what_is_created_is_known_by_its_inputs():
    inputs = {"vpcId": UNKNOWN_STRING, "ingress": [{"fromPort": 22, "toPort": 22, "protocol": "tcp"}], "__defaults": []}
    dependencies = {"vpcId": [urn(VPC, "net")]}
    made = after(step("create", new=state(GROUP, "web", inputs=inputs, propertyDependencies=dependencies)))["web"]
    assert made.id is UNKNOWN and made.properties["vpcId"] is UNKNOWN
    assert made.references == {"vpcId": (urn(VPC, "net"),)}
    assert made.properties["ingress"][0]["fromPort"] == 22


def test_an_update_has_its_new_inputs_over_what_the_cloud_gave():
    inputs = {"tags": {"a": "1"}, "sourceDestCheck": False}
    outputs = {**inputs, "privateIp": "10.0.0.9"}
    old = state(INSTANCE, "web", "i-1", inputs=inputs, outputs=outputs)
    for new in (state(INSTANCE, "web"), state(INSTANCE, "web", "i-1", outputs=outputs)):
        found = after(step("update", old, {**new, "inputs": {"tags": {"a": "2"}}}))["web"]
        assert (found.id, found.properties["privateIp"], found.properties["tags"]) == ("i-1", "10.0.0.9", {"a": "2"})
        assert found.properties["sourceDestCheck"] is UNKNOWN, "it is no input any more"
        assert not found.left_out("sourceDestCheck")


def test_a_replacement_is_the_new_resource_and_what_is_deleted_is_gone():
    old = state(INSTANCE, "web", "i-1", inputs={"ami": "a"}, outputs={"ami": "a", "privateIp": "10.0.0.9"})
    new = state(INSTANCE, "web", inputs={"ami": "b"})
    found = after(
        step("create-replacement", old, new),
        step("replace", old, new),
        step("delete-replaced", old),
        step("delete", KEPT),
    )
    assert set(found) == {"web"}
    assert found["web"].id is UNKNOWN and found["web"].properties["ami"] == "b"
    assert "privateIp" not in found["web"].properties


def test_a_blinded_secret_is_unknown_and_set():
    inputs = {"ingress": "[secret]", "egress": [{"cidrBlocks": ["[secret]"]}]}
    made = after(step("create", new=state(GROUP, "web", inputs=inputs)))["web"]
    assert made.properties["ingress"] is UNKNOWN and not made.left_out("ingress")
    assert made.concealed == {"ingress", "egress"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (preview(step("same", KEPT), same=2), "1 unchanged resources are not listed"),
        (preview(step("conjure", KEPT)), "'conjure'"),
        (preview(step("create", new=KEPT), diagnostics=[{"severity": "error", "message": "no region"}]), "no region"),
        (preview(step("create", new=KEPT), maybeCorrupt=True), "corrupt"),
        (preview(step("create", old=KEPT)), "steps[0]"),
        (json.dumps({"steps": {}}), "steps"),
    ],
)
def test_a_preview_that_does_not_show_the_whole_stack_is_refused(text: str, value: str):
    with pytest.raises(StateError) as refused:
        read(text)
    assert value in refused.value.value and "pulumi" in refused.value.fix
