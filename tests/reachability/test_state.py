"""Exported stacks, whole and broken: what is read from them, and what is said where nothing can be."""

from __future__ import annotations

import gzip
import json
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reachability.encoding import SECRET, SIGNATURE, UNKNOWN_STRING, StateError
from reachability.resources import UNKNOWN, Resource
from reachability.state import read, stacks, write

VPC_URN = "urn:pulumi:prod::shop::net:Network$aws:ec2/vpc:Vpc::main"
PROVIDER_URN = "urn:pulumi:prod::shop::pulumi:providers:aws::default_6_0"


def vpc(**changes: Any) -> dict[str, Any]:
    return {
        "urn": VPC_URN,
        "custom": True,
        "type": "aws:ec2/vpc:Vpc",
        "id": "vpc-1",
        "inputs": {"cidrBlock": "10.0.0.0/16", "__defaults": []},
        "outputs": {"cidrBlock": "10.0.0.0/16", "id": "vpc-1"},
        **changes,
    }


def export(*resources: object, version: object = 3, **deployment: object) -> str:
    return json.dumps({"version": version, "deployment": {"resources": list(resources), **deployment}})


def only(*resources: object) -> Resource:
    (found,) = read(export(*resources))
    return found


def test_outputs_stand_over_inputs():
    found = only(vpc(inputs={"cidrBlock": "10.9.0.0/16", "tags": {"Name": "a"}}, outputs={"cidrBlock": "10.0.0.0/16"}))
    assert found == Resource(
        VPC_URN, "aws:ec2/vpc:Vpc", "main", "vpc-1", {"cidrBlock": "10.0.0.0/16", "tags": {"Name": "a"}}, {}
    )


def test_a_name_may_have_colons_of_its_own():
    assert only(vpc(urn=f"{VPC_URN}::second")).name == "main::second"


CONCEALED = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


@pytest.mark.parametrize(
    "value",
    [
        {**CONCEALED, "ciphertext": "v1:abc"},
        {**CONCEALED, "plaintext": "not JSON"},
        {**CONCEALED},
        [{**CONCEALED, "ciphertext": "v1:abc"}],
        {"inner": [{"value": {**CONCEALED, "ciphertext": "v1:abc"}}]},
    ],
)
def test_a_value_that_is_not_shown_is_concealed_and_not_left_out(value: object):
    found = only(vpc(outputs={"cidrBlock": "10.0.0.0/16", "ingress": value}))
    assert found.concealed == {"ingress"}
    assert not found.left_out("ingress")
    assert read(write((found,)))[0].concealed == {"ingress"}


def test_a_secret_that_the_export_shows_is_its_value():
    found = only(vpc(outputs={"cidrBlock": {**CONCEALED, "plaintext": '"10.0.0.0/16"'}}))
    assert (found.properties["cidrBlock"], found.concealed) == ("10.0.0.0/16", frozenset())


def test_a_value_that_a_preview_does_not_know_and_that_depends_on_nothing_was_left_out():
    found = only(vpc(outputs={"publicIp": UNKNOWN_STRING, "subnetId": UNKNOWN_STRING}, propertyDependencies=DEPENDS))
    assert found.left_out("publicIp")
    assert found.left_out("nothing")
    assert not found.left_out("subnetId")


DEPENDS = {"subnetId": [VPC_URN]}


def test_what_awaits_deletion_still_exists_and_is_refused():
    with pytest.raises(StateError, match=r"awaits deletion.*pulumi up"):
        read(export(vpc(delete=True), vpc(id="vpc-2")))


def test_what_is_deleted_already_is_left_out():
    assert read(export(vpc(pendingReplacement=True))) == ()


def test_a_component_or_a_provider_that_awaits_deletion_is_nothing_in_a_cloud():
    component = {"urn": "urn:pulumi:prod::shop::net:Network::main", "type": "net:Network", "custom": False}
    provider = {"urn": PROVIDER_URN, "type": "pulumi:providers:aws", "custom": True, "id": "1"}
    assert read(export({**component, "delete": True}, {**provider, "delete": True})) == ()


def test_a_resource_whose_update_failed_may_have_its_old_or_its_new_properties_and_is_refused():
    with pytest.raises(StateError, match=r"last update failed \('UnauthorizedOperation'\).*pulumi refresh"):
        read(export(vpc(initErrors=["UnauthorizedOperation"])))
    assert only(vpc(initErrors=[])).id == "vpc-1"


def test_an_empty_stack_has_no_resources():
    assert read(json.dumps({"version": 3, "deployment": {"manifest": {}}})) == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (UNKNOWN_STRING, UNKNOWN),
        ("6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", UNKNOWN),
        ({SIGNATURE: SECRET, "ciphertext": "AAAA"}, UNKNOWN),
        ({SIGNATURE: SECRET, "plaintext": '"10.0.0.0/16"'}, "10.0.0.0/16"),
        ({SIGNATURE: SECRET, "plaintext": "[1"}, UNKNOWN),
        ({SIGNATURE: SECRET, "value": ["a"]}, ["a"]),
        ({SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "hash": "9", "text": "#!/bin/sh"}, "#!/bin/sh"),
        ({SIGNATURE: "0def7320c3a5731c473e5ecbe6d01bc7", "hash": "9", "path": "site"}, UNKNOWN),
        ({SIGNATURE: "5cf8f73096256a8f31e491e813e4eb8e", "urn": VPC_URN, "id": "vpc-1"}, "vpc-1"),
        ({SIGNATURE: "5cf8f73096256a8f31e491e813e4eb8e", "urn": VPC_URN, "id": ""}, UNKNOWN),
        ({SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "secret": True}, UNKNOWN),
        ({SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "value": 7}, 7),
        ({SIGNATURE: "something new"}, UNKNOWN),
    ],
)
def test_wrappers_are_taken_off_at_any_depth(written: object, meant: object):
    found = only(vpc(outputs={"top": written, "deep": [{"in": written}]})).properties
    assert found["top"] == meant and found["deep"] == [{"in": meant}]


def test_an_id_that_is_not_known_yet_is_unknown():
    assert only(vpc(id=UNKNOWN_STRING)).id is UNKNOWN
    assert only({key: value for key, value in vpc().items() if key != "id"}).id is UNKNOWN


def test_a_component_has_no_id():
    assert only({"urn": VPC_URN, "type": "net:Network", "custom": False}).id == ""


def test_references_name_the_urns_of_each_input():
    found = only(vpc(propertyDependencies={"vpcId": ["urn:a", "urn:b"], "tags": None, "none": []}))
    assert found.references == {"vpcId": ("urn:a", "urn:b")}


def test_a_resource_without_a_region_has_its_providers():
    provider = {
        "urn": PROVIDER_URN,
        "custom": True,
        "type": "pulumi:providers:aws",
        "id": "9",
        "inputs": {"region": "eu-west-1"},
    }
    _, found = read(export(provider, vpc(provider=f"{PROVIDER_URN}::9")))
    assert found.properties["region"] == "eu-west-1"
    _, own = read(export(provider, vpc(provider=f"{PROVIDER_URN}::9", outputs={"region": "us-east-1"})))
    assert own.properties["region"] == "us-east-1"


def test_the_stacks_name_is_in_the_urns():
    assert stacks(read(export(vpc()))) == ("prod",)


def test_a_foreign_clouds_stack_is_read_like_any_other():
    urn = "urn:pulumi:dev::site::azure-native:network:VirtualNetwork::net"
    found = only({"urn": urn, "custom": True, "type": "azure-native:network:VirtualNetwork", "id": "/subscriptions/1"})
    assert (found.type, found.properties) == ("azure-native:network:VirtualNetwork", {})


def test_a_checkpoint_of_a_self_managed_backend_is_read_like_an_export():
    exported = json.loads(export(vpc(), vpc(urn="urn:pulumi:prod::site::aws:ec2/vpc:Vpc::other")))
    checkpoint = {"stack": "organization/site/prod", "config": {}, "latest": exported["deployment"]}
    assert read(json.dumps({"version": 3, "checkpoint": checkpoint})) == read(json.dumps(exported))
    assert read(json.dumps({"version": 3, "checkpoint": {"stack": "prod", "latest": None}})) == ()


def test_a_secret_of_a_checkpoint_is_unknown_and_set():
    secret = {SIGNATURE: SECRET, "ciphertext": "AAABAE"}
    deployment = json.loads(export(vpc(outputs={"cidrBlock": secret})))["deployment"]
    (found,) = read(json.dumps({"version": 3, "checkpoint": {"latest": deployment}}))
    assert found.properties["cidrBlock"] is UNKNOWN and found.concealed == {"cidrBlock"}


def test_a_compressed_checkpoint_is_refused_with_the_command_that_decompresses_it():
    with pytest.raises(StateError, match="gunzip"):
        read(gzip.compress(export(vpc()).encode()))


def test_what_is_written_is_read_back():
    resources = read(
        export(vpc(outputs={"publicIp": UNKNOWN_STRING, "l": [UNKNOWN_STRING]}, propertyDependencies={"a": ["u"]}))
    )
    assert read(write(resources)) == resources


def test_bytes_with_a_mark_are_read():
    assert len(read(b"\xef\xbb\xbf" + export(vpc()).encode())) == 1


BROKEN = {
    "nothing": ("", "must be a JSON object"),
    "blank": (" \n", "must be a JSON object"),
    "not JSON": ("resources: []", "must be JSON"),
    "not text": (b"\x80\x81", "must be UTF-8"),
    "a list": ("[]", "must be a JSON object"),
    "a number": ("9" * 5000, "must be JSON"),
    "old Terraform": ('{"version": 3, "terraform_version": "0.11.14", "modules": []}', "state file of version 4"),
    "CloudFormation": ('{"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}}', "must be of Pulumi or Terraform"),
    "CloudFormation in YAML": ("Resources:\n  Net:\n    Type: AWS::EC2::VPC\n", "must be of Pulumi or Terraform"),
    "what describes a CloudFormation stack": ('{"StackResources": []}', "must be of Pulumi or Terraform"),
    "an encrypted state of OpenTofu": ('{"serial": 1, "encrypted_data": "AA", "encryption_version": "v0"}', "readable"),
    "an old checkpoint": ('{"version": 1, "checkpoint": {"latest": {}}}', "must be 3 or 4"),
    "a checkpoint without a version": ('{"stack": "dev", "latest": {"resources": []}}', "must be 3 or 4"),
    "a checkpoint that is a list": ('{"version": 3, "checkpoint": []}', "must be an object"),
    "a checkpoint of an interrupted update": (
        '{"version": 3, "checkpoint": {"latest": {"pending_operations": [{"resource": {"urn": "u"}}]}}}',
        "must have none",
    ),
    "another object": ('{"a": 1}', "must have 'version' and 'deployment'"),
    "an old version": (export(version=1), "must be 3 or 4"),
    "a version to come": (export(version=5), "must be 3 or 4"),
    "a version that is a word": (export(version="3"), "must be 3 or 4"),
    "a true version": (export(version=True), "must be 3 or 4"),
    "no version": ('{"deployment": {}}', "must be 3 or 4"),
    "a deployment that is a list": ('{"version": 3, "deployment": []}', "must be an object"),
    "resources by name": ('{"version": 3, "deployment": {"resources": {"a": 1}}}', "must be a list"),
    "an interrupted update": (
        export(vpc(), pending_operations=[{"resource": vpc(), "type": "creating"}]),
        "must have none",
    ),
    "a resource that is a word": (export("vpc"), "must be an object"),
    "a resource without URN": (export({"type": "aws:ec2/vpc:Vpc"}), "must be urn:pulumi:"),
    "a URN of another kind": (export(vpc(urn="arn:aws:ec2")), "must be urn:pulumi:"),
    "a resource without type": (export(vpc(type=None)), "must be a type token"),
    "outputs that are a list": (export(vpc(outputs=["a"])), "must be an object"),
    "dependencies that are a list": (export(vpc(propertyDependencies=["a"])), "must be an object"),
    "one resource twice": (export(vpc(), vpc()), "must be one resource"),
    "nesting without end": ('{"version":3,"deployment":{"resources":' + "[" * 200_000, "must"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_text_is_refused_with_its_reason(name: str):
    text, rule = BROKEN[name]
    with pytest.raises(StateError) as caught:
        read(text)
    error = caught.value
    assert rule in error.rule and error.value and error.reason and error.fix
    assert len(str(error)) < 600


def test_deep_properties_are_an_answer_and_no_traceback():
    deep = json.loads("[" * 900 + "]" * 900)
    try:
        read(export(vpc(outputs={"a": deep, "b": UNKNOWN_STRING})))
    except StateError as error:
        assert "nest" in error.rule


@pytest.mark.slow
@settings(max_examples=200)
@given(cut=st.integers(min_value=0, max_value=len(export(vpc())) - 1))
def test_a_text_cut_off_anywhere_is_refused(cut: int):
    with pytest.raises(StateError):
        read(export(vpc())[:cut])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=6)
    | st.sampled_from([UNKNOWN_STRING, SIGNATURE, SECRET]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["urn", "type", "id", "inputs", "outputs", "resources", SIGNATURE, "plaintext"]), inner
        )
    ),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=300)
@given(
    changes=st.dictionaries(st.sampled_from([*vpc(), "provider", "delete", "propertyDependencies"]), JSON), whole=JSON
)
def test_any_json_is_a_stack_or_a_state_error(changes: dict[str, Any], whole: object):
    for text in (export(vpc(**changes)), json.dumps(whole), json.dumps({"version": 3, "deployment": whole})):
        try:
            assert all(isinstance(each, Resource) for each in read(text))
        except StateError as error:
            assert error.rule and error.reason and error.fix


def test_the_module_needs_no_pulumi():
    assert not any(name.split(".")[0] == "pulumi" for name in sys.modules["reachability.state"].__dict__)
