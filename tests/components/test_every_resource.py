"""What is true of each resource of each declared network."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from components.aws.component import AwsComponent
from components.aws.machine import Machine
from components.aws.signing_table import regions
from components.base import Component
from components.machines import KINDS
from components.recording import Recorded, Registration
from estate.model import Network

STATED = {"Name", "Network", "Owner", "Stage"}
GLOBAL_SERVICES = ("iam", "route53")
NAME_LIMIT = 200
SECRET_SHAPES = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN|hvs\.[A-Za-z0-9]{20}|preshared_?key|priv_validator_key|mnemonic", re.IGNORECASE
)

OUTLIVES_A_MISTAKE = (
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:dynamodb/table:Table",
    "aws:ebs/volume:Volume",
    "aws:ec2/eip:Eip",
    "aws:ec2/vpc:Vpc",
    "aws:kms/key:Key",
    "aws:route53/zone:Zone",
)


def physical(recorded: Recorded) -> list[Registration]:
    return [each for each in recorded.resources if each.type.startswith("aws:")]


def test_no_resource_is_an_orphan(recorded: Recorded) -> None:
    top = {each.type for each in recorded.resources if "::pulumi:pulumi:Stack::" in each.parent}
    assert top == {"estate:instance:ServiceInstance", "pulumi:providers:aws"}, "all else belongs to a component"
    assert all(each.parent for each in recorded.resources)


def test_only_components_have_children(recorded: Recorded) -> None:
    components = {each.urn for each in recorded.resources if each.type.startswith("estate:")}
    assert [each.name for each in physical(recorded) if each.parent not in components] == []


def test_no_resource_uses_a_default_provider(recorded: Recorded) -> None:
    (provider,) = recorded.of("pulumi:providers:aws")
    assert {each.provider for each in physical(recorded)} == {provider.urn}, (
        "the default provider takes whichever account is at hand"
    )


def test_the_provider_refuses_every_other_account(recorded: Recorded, network: Network) -> None:
    (provider,) = recorded.of("pulumi:providers:aws")
    assert json.loads(provider.inputs["allowedAccountIds"]) == [network.aws.account_id]


def test_every_logical_name_is_unique_and_not_too_long(recorded: Recorded) -> None:
    counts = Counter(each.name for each in physical(recorded))
    assert [name for name, count in counts.items() if count > 1] == [], "a name that two share says nothing in a plan"
    assert [name for name in counts if len(name) > NAME_LIMIT] == []


def test_every_logical_name_begins_with_the_network(recorded: Recorded, network: Network) -> None:
    assert [each.name for each in recorded.resources if not each.name.startswith(network.name)] == []


def test_every_taggable_resource_says_whose_and_what_it_is(recorded: Recorded, network: Network) -> None:
    tagged = [each for each in physical(recorded) if "tags" in each.inputs]
    assert len(tagged) > len(physical(recorded)) / 2
    for each in tagged:
        assert set(each.inputs["tags"]) >= STATED, each.name
        assert each.inputs["tags"]["Network"] == network.name
        assert each.inputs["tags"]["Name"] == each.name


def test_every_type_that_can_be_tagged_is_tagged(recorded: Recorded) -> None:
    tagged = Counter(each.type for each in physical(recorded) if "tags" in each.inputs)
    every = Counter(each.type for each in physical(recorded))
    assert {kind: (tagged[kind], count) for kind, count in every.items() if 0 < tagged[kind] < count} == {}


def test_every_regional_resource_names_a_declared_region(recorded: Recorded, network: Network) -> None:
    declared = {*network.regions, *regions(network)}
    for each in physical(recorded):
        if each.type.split(":")[1].split("/")[0] in GLOBAL_SERVICES:
            assert "region" not in each.inputs, f"{each.name}: IAM and DNS have no region"
        else:
            assert each.inputs.get("region") in declared, each.name


def test_nothing_refers_to_a_resource_of_another_region_but_peerings_alias_records_and_replicas(
    recorded: Recorded,
) -> None:
    regions = {each.urn: each.inputs.get("region") for each in physical(recorded)}
    crossing = {
        each.type
        for each in physical(recorded)
        for urns in each.property_dependencies.values()
        for urn in urns
        if each.inputs.get("region") and regions.get(urn) and regions[urn] != each.inputs["region"]
    }
    assert crossing <= {
        "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
        "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter",
        "aws:ec2/route:Route",
        "aws:dynamodb/table:Table",
    }
    routes = [
        each
        for each in recorded.of("aws:ec2/route:Route")
        if regions[each.property_dependencies["routeTableId"][0]] != each.inputs["region"]
    ]
    assert routes == [], "a route stands where its table stands"


def test_what_must_outlive_a_mistake_is_protected(recorded: Recorded, network: Network) -> None:
    expected = network.stage == "production"
    for each in recorded.resources:
        if each.type in OUTLIVES_A_MISTAKE:
            assert each.protect is expected, f"{each.name}: losing it loses data, an address that others know, or a key"


def test_what_cannot_be_recovered_stays_when_it_leaves_the_stack(recorded: Recorded, network: Network) -> None:
    expected = network.stage == "production"
    retained = [
        each
        for each in recorded.resources
        if each.type in ("aws:dynamodb/table:Table", "aws:kms/key:Key", "aws:route53/zone:Zone")
    ]
    retained += [each for each in recorded.of("aws:ec2/eip:Eip") if each.inputs["tags"]["Role"] == "nat"]
    assert {each.name for each in retained if each.retain_on_delete is not expected} == set()


def test_no_input_has_the_shape_of_a_secret(recorded: Recorded) -> None:
    found = [each.name for each in recorded.resources if SECRET_SHAPES.search(json.dumps(each.inputs, default=str))]
    assert found == []


def test_a_secret_would_be_found() -> None:
    for planted in ("AKIA" + "A" * 16, "-----BEGIN " + "PRIVATE KEY-----", "hvs." + "a" * 24, "tunnel1_preshared_key"):
        assert SECRET_SHAPES.search(planted)


def subclasses(of: type) -> set[type]:
    return {found for each in of.__subclasses__() for found in {each, *subclasses(each)}}


TOKENS = {
    "Certificate": "estate:endpoint:Certificate",
    "DnsZone": "estate:endpoint:DnsZone",
    "EncryptionKey": "estate:security:EncryptionKey",
    "Endpoint": "estate:endpoint:Endpoint",
    "FlowLog": "estate:network:FlowLog",
    "FlowLogRole": "estate:security:FlowLogRole",
    "InstanceIdentity": "estate:security:InstanceIdentity",
    "Lease": "estate:access:Lease",
    "Nat": "estate:network:Nat",
    "PartnerPeering": "estate:network:PartnerPeering",
    "PrivateGateway": "estate:network:PrivateGateway",
    "Region": "estate:network:Region",
    "RegionPeering": "estate:network:RegionPeering",
    "RoleBoundary": "estate:security:RoleBoundary",
    "SecurityGroup": "estate:network:SecurityGroup",
    "SeedName": "estate:endpoint:SeedName",
    "ServiceInstance": "estate:instance:ServiceInstance",
    "Signer": "estate:signing:Signer",
    "SigningTable": "estate:signing:SigningTable",
    "SiteLink": "estate:network:SiteLink",
    "SubnetTier": "estate:network:SubnetTier",
    "Vpc": "estate:network:Vpc",
}

HOST_TOKENS = {
    "monitor": "estate:host:Monitor",
    "private-sentry": "estate:host:Sentry",
    "public-sentry": "estate:host:Sentry",
    "seed": "estate:host:Seed",
    "vpn": "estate:host:VpnGateway",
}


def test_type_tokens_are_frozen() -> None:
    """A changed token replaces every resource under the component, addresses and disks included."""
    found = {each.__name__: each.TOKEN for each in subclasses(Component) if each not in (AwsComponent, Machine)}
    assert found == TOKENS
    assert {role.value: kind.token for role, kind in KINDS.items()} == HOST_TOKENS


@pytest.mark.parametrize("token", sorted({*TOKENS.values(), *HOST_TOKENS.values()}))
def test_each_component_is_used_by_some_network(token: str, recorded: Recorded, network: Network) -> None:
    assert token.startswith("estate:")
    if token in ("estate:network:PartnerPeering", "estate:signing:SigningTable") and not recorded.of(token):
        pytest.skip("this network declares no partner, or no coordination")
    if token in HOST_TOKENS.values() and not {KINDS[node.role].token for node in network.nodes} & {token}:
        pytest.skip("this network has no hosts of the role")
    assert recorded.of(token), f"{token}: no resource of it in the stack"
