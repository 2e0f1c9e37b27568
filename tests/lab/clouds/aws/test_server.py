"""The provider over the wire, as an engine attaches to it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from lab.clouds.aws.services import tokens as t
from lab.clouds.server import Serving, serve
from lab.clouds.values import UNKNOWN, from_struct, to_struct
from tests.lab.clouds.aws.landscape import urn_of


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    with serve(tmp_path / "cloud.sqlite", lab_id="test") as running:
        yield running


class Engine:
    """One connection of an engine: one provider resource."""

    def __init__(self, serving: Serving, **configuration: object) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{serving.port}", options=options)
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)
        self.stub.Attach(plugin_pb2.PluginAttach(address="127.0.0.1:1"))
        if configuration:
            self.stub.Configure(provider_pb2.ConfigureRequest(args=to_struct(configuration)))

    def create(self, token: str, name: str, **inputs: object) -> provider_pb2.CreateResponse:
        urn = urn_of(token, name)
        checked = self.stub.Check(provider_pb2.CheckRequest(urn=urn, news=to_struct(inputs), randomSeed=b"seed"))
        assert not checked.failures
        return self.stub.Create(provider_pb2.CreateRequest(urn=urn, properties=checked.inputs))


def test_the_engine_attaches_to_both_plugins(serving: Serving) -> None:
    engine = Engine(serving)
    assert serving.debug_providers == f"aws:{serving.port},gcp:{serving.port}"
    assert engine.stub.GetPluginInfo(empty_pb2.Empty()).version == "7.51.1"
    engine.stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
    engine.stub.Cancel(empty_pb2.Empty())


def test_a_google_type_is_refused_by_name(serving: Serving) -> None:
    engine = Engine(serving, project="estate", region="europe-west3")
    token = "gcp:compute/network:Network"
    with pytest.raises(grpc.RpcError) as refused:
        engine.stub.Check(provider_pb2.CheckRequest(urn=urn_of(token, "n")))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert f"'{token}'" in refused.value.details()


def test_a_google_provider_is_let_in(serving: Serving) -> None:
    urn = "urn:pulumi:test::estate::pulumi:providers:gcp::default"
    news = to_struct({"project": "estate"})
    assert not Engine(serving).stub.CheckConfig(provider_pb2.CheckRequest(urn=urn, news=news)).failures


def test_a_provider_without_region_is_refused(serving: Serving) -> None:
    urn = "urn:pulumi:test::estate::pulumi:providers:aws::eu"
    answer = Engine(serving).stub.CheckConfig(provider_pb2.CheckRequest(urn=urn, news=to_struct({"version": "7.51.1"})))
    assert [failure.property for failure in answer.failures] == ["region"]


def test_each_connection_has_its_own_region(serving: Serving) -> None:
    eu, us = Engine(serving, region="eu-central-1"), Engine(serving, region="us-east-1")
    regions = [
        from_struct(engine.create(t.VPC, name, cidrBlock="10.0.0.0/16").properties)["region"]
        for engine, name in ((eu, "a"), (us, "b"), (eu, "c"))
    ]
    assert regions == ["eu-central-1", "us-east-1", "eu-central-1"]


def test_settings_of_a_provider_come_as_json_text(serving: Serving) -> None:
    engine = Engine(
        serving,
        region="eu-central-1",
        allowedAccountIds='["210987654321"]',
        defaultTags='{"tags": {"estate": "validators"}}',
    )
    vpc = from_struct(engine.create(t.VPC, "vpc", cidrBlock="10.0.0.0/16").properties)
    assert vpc["ownerId"] == "210987654321"
    assert vpc["tagsAll"] == {"estate": "validators"}


def test_a_call_before_configuration_is_refused(serving: Serving) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        Engine(serving).create(t.VPC, "vpc", cidrBlock="10.0.0.0/16")
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION


def test_a_refusal_reaches_the_engine_in_the_words_of_the_aws_provider(serving: Serving) -> None:
    engine = Engine(serving, region="eu-central-1")
    with pytest.raises(grpc.RpcError) as refused:
        engine.create(t.VPC, "vpc", cidrBlock="10.0.0.0/8")
    words = refused.value.details()
    assert words.startswith("creating EC2 VPC: operation error EC2: CreateVpc, https response error StatusCode: 400")
    assert words.endswith("api error InvalidVpc.Range: The CIDR '10.0.0.0/8' is invalid.")


def test_a_failed_check_names_the_property(serving: Serving) -> None:
    request = provider_pb2.CheckRequest(urn=urn_of(t.VPC, "v"), news=to_struct({"cidrBlok": "10.0.0.0/16"}))
    failures = Engine(serving, region="eu-central-1").stub.Check(request).failures
    assert [failure.property for failure in failures] == ["cidrBlok"]


def test_a_preview_returns_unknowns(serving: Serving) -> None:
    engine = Engine(serving, region="eu-central-1")
    request = provider_pb2.CreateRequest(
        urn=urn_of(t.VPC, "v"), properties=to_struct({"cidrBlock": "10.0.0.0/16"}), preview=True
    )
    assert from_struct(engine.stub.Create(request).properties)["arn"] == UNKNOWN
    assert serving.store.resources() == []


def test_a_difference_says_what_replaces(serving: Serving) -> None:
    engine = Engine(serving, region="eu-central-1")
    made = engine.create(t.VPC, "v", cidrBlock="10.0.0.0/16", tags={"Name": "a"})
    request = provider_pb2.DiffRequest(
        id=made.id,
        urn=urn_of(t.VPC, "v"),
        olds=made.properties,
        old_inputs=to_struct({"cidrBlock": "10.0.0.0/16", "tags": {"a.b": "1"}}),
        news=to_struct({"cidrBlock": "10.64.0.0/16", "tags": {"a.b": "2"}}),
    )
    found = engine.stub.Diff(request)
    assert list(found.replaces) == ["cidrBlock"]
    assert {path: change.kind for path, change in found.detailedDiff.items()} == {
        "cidrBlock": provider_pb2.PropertyDiff.UPDATE_REPLACE,
        'tags["a.b"]': provider_pb2.PropertyDiff.UPDATE,
    }


def test_a_resource_is_read_updated_and_deleted(serving: Serving) -> None:
    engine = Engine(serving, region="eu-central-1")
    urn = urn_of(t.VPC, "v")
    made = engine.create(t.VPC, "v", cidrBlock="10.0.0.0/16")
    found = engine.stub.Read(provider_pb2.ReadRequest(id=made.id, urn=urn, properties=made.properties))
    assert found.id == made.id
    assert from_struct(found.inputs) == {"cidrBlock": "10.0.0.0/16"}
    news = to_struct({"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": True})
    updated = engine.stub.Update(provider_pb2.UpdateRequest(id=made.id, urn=urn, olds=made.properties, news=news))
    assert from_struct(updated.properties)["enableDnsHostnames"] is True
    engine.stub.Delete(provider_pb2.DeleteRequest(id=made.id, urn=urn, properties=updated.properties))
    assert engine.stub.Read(provider_pb2.ReadRequest(id=made.id, urn=urn, properties=made.properties)).id == ""


def test_a_resource_is_imported_by_its_id_alone(serving: Serving) -> None:
    engine = Engine(serving, region="eu-central-1")
    made = engine.create(t.VPC, "v", cidrBlock="10.0.0.0/16")
    found = engine.stub.Read(provider_pb2.ReadRequest(id=made.id, urn=urn_of(t.VPC, "imported")))
    assert from_struct(found.inputs) == {"cidrBlock": "10.0.0.0/16"}


def test_a_function_is_answered_or_refused_by_name(serving: Serving) -> None:
    engine = Engine(serving, region="eu-central-1")
    request = provider_pb2.InvokeRequest(tok="aws:index/getRegion:getRegion")
    assert from_struct(getattr(engine.stub.Invoke(request), "return"))["region"] == "eu-central-1"
    with pytest.raises(grpc.RpcError) as refused:
        engine.stub.Invoke(provider_pb2.InvokeRequest(tok="aws:ec2/getAmi:getAmi"))
    assert "'aws:ec2/getAmi:getAmi'" in refused.value.details()


@pytest.mark.slow
def test_a_deletion_waits_for_what_goes_at_the_same_time(serving: Serving) -> None:
    engine = Engine(serving, region="eu-central-1")
    vpc = engine.create(t.VPC, "v", cidrBlock="10.0.0.0/16")
    subnet = engine.create(t.SUBNET, "s", vpcId=vpc.id, cidrBlock="10.0.1.0/24")
    request = provider_pb2.DeleteRequest(id=vpc.id, urn=urn_of(t.VPC, "v"), properties=vpc.properties)
    waiting = threading.Thread(target=lambda: engine.stub.Delete(request))
    waiting.start()
    time.sleep(0.2)
    assert waiting.is_alive()
    engine.stub.Delete(
        provider_pb2.DeleteRequest(id=subnet.id, urn=urn_of(t.SUBNET, "s"), properties=subnet.properties)
    )
    waiting.join(timeout=10)
    assert serving.store.resources() == []


def test_a_value_crosses_the_wire_unchanged() -> None:
    values = {"text": "a", "whole": 3, "half": 0.5, "yes": True, "list": [1, "b", {"c": False}], "map": {"d": "e"}}
    assert from_struct(to_struct(values)) == values
    assert from_struct(to_struct({"empty": [], "none": {}, "nothing": None})) == {"empty": [], "none": {}}
