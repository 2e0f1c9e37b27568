"""Resources as the engine meets them: previewed, made, read, changed, replaced, deleted."""

import re

import pytest

from lab.clouds.aws.call import Settings
from lab.clouds.aws.provider import drift
from lab.clouds.aws.schema import AWS_SCHEMA
from lab.clouds.aws.services import tokens as t
from lab.clouds.errors import NotFound
from lab.clouds.provider import Difference
from lab.clouds.values import UNKNOWN
from tests.lab.clouds.aws.landscape import IMAGE, PARTNER, PARTNER_VPC, REGION, Landscape, urn_of

ID_FORMS = [
    ("vpc", r"vpc-0[0-9a-f]{16}"),
    ("subnet a", r"subnet-0[0-9a-f]{16}"),
    ("gateway", r"igw-0[0-9a-f]{16}"),
    ("address", r"eipalloc-0[0-9a-f]{16}"),
    ("nat", r"nat-0[0-9a-f]{16}"),
    ("peering", r"pcx-0[0-9a-f]{16}"),
    ("nodes", r"sg-0[0-9a-f]{16}"),
    ("ssh", r"sgr-0[0-9a-f]{16}"),
    ("node", r"i-0[0-9a-f]{16}"),
    ("vpn gateway", r"vgw-0[0-9a-f]{16}"),
    ("tunnels", r"vpn-0[0-9a-f]{16}"),
    ("seeds", r"arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/net/seeds/[0-9a-f]{16}"),
    ("certificate", r"arn:aws:acm:eu-central-1:123456789012:certificate/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    ("zone", r"Z[0-9A-F]{20}"),
    ("policy", r"arn:aws:iam::123456789012:policy/read"),
    ("logs", r"/estate/flows"),
]


def difference(land: Landscape, name: str, /, **changed: object) -> Difference:
    made = land.made[name]
    news = {key: value for key, value in {**made.inputs, **changed}.items() if value is not None}
    return land.aws.diff(made.token, made.id, land.settings, made.inputs, made.properties, news)


@pytest.mark.parametrize(("name", "form"), ID_FORMS)
def test_an_id_has_the_form_of_aws(settled: Landscape, name: str, form: str) -> None:
    assert re.fullmatch(form, settled.id(name))


def test_every_property_is_one_of_the_sdk(settled: Landscape) -> None:
    beyond = {
        (resource.type, name)
        for resource in settled.aws.store.resources()
        if resource.urn
        for name in resource.properties.keys() - AWS_SCHEMA[resource.type].outputs
    }
    assert not beyond


def test_a_vpc_comes_with_a_default_group_a_main_table_and_an_acl(land: Landscape) -> None:
    vpc = land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
    made = {resource.type: resource for resource in land.aws.store.resources() if resource.made_for == vpc}
    assert made.keys() == {t.SECURITY_GROUP, t.ROUTE_TABLE, t.NETWORK_ACL}
    assert made[t.SECURITY_GROUP].id == land.of("vpc", "defaultSecurityGroupId")
    assert made[t.ROUTE_TABLE].id == land.of("vpc", "mainRouteTableId")
    assert made[t.NETWORK_ACL].id == land.of("vpc", "defaultNetworkAclId")


def test_an_adopted_default_group_appears_once_with_the_declared_rules(land: Landscape) -> None:
    vpc = land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
    group = land.make("closed", t.DEFAULT_SECURITY_GROUP, vpcId=vpc)
    found = [resource for resource in land.aws.store.resources() if resource.id == group]
    assert [resource.type for resource in found] == [t.DEFAULT_SECURITY_GROUP]
    assert found[0].properties["ingress"] == []
    land.delete("closed")
    land.delete("vpc")
    assert land.aws.store.resources() == []


def test_a_preview_makes_nothing_and_leaves_unknown_what_aws_decides(land: Landscape) -> None:
    before = land.everything()
    inputs = {"vpcId": UNKNOWN, "cidrBlock": "10.0.1.0/24", "tags": {"Name": "a"}}
    id, properties = land.aws.create(t.SUBNET, urn_of(t.SUBNET, "s"), land.settings, inputs, preview=True)
    assert id == ""
    assert properties["arn"] == UNKNOWN
    assert properties["availabilityZone"] == UNKNOWN
    assert properties["region"] == REGION
    assert properties["tagsAll"] == {"Name": "a"}
    assert properties["mapPublicIpOnLaunch"] is False
    assert land.everything() == before


def test_the_provider_s_tags_are_under_the_resource_s_own(land: Landscape) -> None:
    land.settings = Settings(REGION, default_tags={"estate": "validators", "Name": "unnamed"})
    land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16", tags={"Name": "hub"})
    assert land.of("vpc", "tagsAll") == {"estate": "validators", "Name": "hub"}


def test_changed_tags_of_the_provider_update_what_inherits_them(land: Landscape) -> None:
    land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
    land.settings = Settings(REGION, default_tags={"estate": "validators"})
    found = difference(land, "vpc")
    assert [change.path for change in found.changes] == ["tagsAll"]
    assert not found.replaces
    assert land.update("vpc")["tagsAll"] == {"estate": "validators"}
    assert not difference(land, "vpc").changes


def test_the_same_inputs_are_no_change(estate: Landscape) -> None:
    changed = {name: found.changes for name in estate.made if (found := difference(estate, name)).changes}
    assert not changed


def test_the_order_of_a_list_is_no_change(settled: Landscape) -> None:
    assert not difference(settled, "seeds", subnets=[settled.id("subnet b"), settled.id("subnet a")]).changes


def test_a_policy_that_says_the_same_in_other_words_is_no_change(settled: Landscape) -> None:
    policy = settled.made["policy"].inputs["policy"].replace(": ", ":  ")
    assert not difference(settled, "policy", policy=policy).changes


def test_to_say_what_aws_chose_is_no_change(settled: Landscape) -> None:
    assert not difference(settled, "node", availabilityZone=f"{REGION}a").changes


def test_to_leave_to_aws_what_was_chosen_is_no_change(settled: Landscape) -> None:
    assert not difference(settled, "node", privateIp=None).changes


REPLACEMENTS = [
    ("vpc", {"cidrBlock": "10.64.0.0/16"}, ["cidrBlock"]),
    ("vpc", {"region": "us-east-1"}, ["region"]),
    ("vpc", {"enableDnsHostnames": True}, []),
    ("subnet a", {"availabilityZone": f"{REGION}b"}, ["availabilityZone"]),
    ("subnet a", {"mapPublicIpOnLaunch": True}, []),
    ("nat", {"subnetId": "subnet-1"}, ["subnetId"]),
    ("nodes", {"description": "others"}, ["description"]),
    ("nodes", {"tags": {"Name": "nodes"}}, []),
    ("ssh", {"cidrIpv4": "10.1.0.0/16"}, []),
    ("ssh", {"securityGroupId": "sg-1"}, ["securityGroupId"]),
    ("default", {"natGatewayId": "nat-1", "gatewayId": None}, []),
    ("default", {"destinationCidrBlock": "198.18.0.0/15"}, ["destinationCidrBlock"]),
    ("peering", {"peerVpcId": "vpc-1"}, ["peerVpcId"]),
    ("node", {"ami": "ami-00000000000000000"}, ["ami"]),
    ("node", {"instanceType": "m7i.xlarge"}, []),
    ("node", {"userData": "#!/bin/sh"}, []),
    ("node", {"userData": "#!/bin/sh", "userDataReplaceOnChange": True}, ["userData"]),
    ("node", {"privateIp": "10.0.1.11"}, ["privateIp"]),
    ("node", {"rootBlockDevice": {"volumeSize": 20}}, []),
    ("node", {"rootBlockDevice": {"encrypted": True}}, ["rootBlockDevice.encrypted"]),
    ("node", {"metadataOptions": {"httpTokens": "required"}}, []),
    ("disk", {"size": 200}, []),
    ("disk", {"encrypted": True}, ["encrypted"]),
    ("tunnels", {"tunnel1InsideCidr": "169.254.20.0/30"}, ["tunnel1InsideCidr"]),
    ("tunnels", {"tunnel1Phase1LifetimeSeconds": 3600}, []),
    ("site", {"ipAddress": "198.51.100.20"}, ["ipAddress"]),
    ("seeds", {"internal": True}, ["internal"]),
    ("p2p", {"port": 26657}, ["port"]),
    ("p2p listener", {"port": 26657}, []),
    ("certificate", {"subjectAlternativeNames": ["a.example.org"]}, ["subjectAlternativeNames"]),
    ("record", {"ttl": 300}, []),
    ("record", {"name": "other"}, ["name"]),
    ("encryption", {"enableKeyRotation": False}, []),
    ("role", {"name": "other"}, ["name"]),
    ("lock", {"hashKey": "height", "attributes": [{"name": "height", "type": "N"}]}, ["hashKey"]),
    ("lock", {"billingMode": "PROVISIONED"}, []),
    ("bucket", {"bucket": "other"}, ["bucket"]),
    ("flows", {"trafficType": "REJECT"}, ["trafficType"]),
    ("s3", {"routeTableIds": []}, []),
]


@pytest.mark.parametrize(("name", "changed", "replaces"), REPLACEMENTS)
def test_a_change_replaces_or_updates_as_aws_does(
    settled: Landscape, name: str, changed: dict, replaces: list[str]
) -> None:
    found = difference(settled, name, **changed)
    assert found.changes
    assert list(found.replaces) == replaces


def test_a_resource_of_a_given_name_is_deleted_before_it_is_made_again(settled: Landscape) -> None:
    assert difference(settled, "nodes", description="others").delete_before_replace
    assert not difference(settled, "nat", subnetId="subnet-1").delete_before_replace


def test_a_provider_s_other_region_replaces_what_has_none_of_its_own(settled: Landscape) -> None:
    made = settled.made["vpc"]
    elsewhere = Settings("us-east-1")
    assert settled.aws.diff(made.token, made.id, elsewhere, made.inputs, made.properties, made.inputs).replaces == (
        "region",
    )


def test_a_changed_value_that_is_not_known_yet_replaces(settled: Landscape) -> None:
    assert difference(settled, "nat", subnetId=UNKNOWN).replaces == ("subnetId",)


def test_an_input_that_is_taken_away_returns_to_what_aws_has_by_default(estate: Landscape) -> None:
    estate.update("vpc", enableDnsHostnames=True)
    assert difference(estate, "vpc", enableDnsHostnames=None).changes
    assert estate.update("vpc", enableDnsHostnames=None)["enableDnsHostnames"] is False


def test_an_update_keeps_what_aws_gave(estate: Landscape) -> None:
    before = dict(estate.made["node"].properties)
    after = estate.update("node", instanceType="m7i.xlarge", tags={"Name": "n"})
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {"instanceType", "tags", "tagsAll"}


def test_an_update_of_what_is_gone_says_so(estate: Landscape) -> None:
    estate.aws.store.remove(estate.id("disk b"))
    with pytest.raises(NotFound, match="refresh"):
        estate.update("disk b", size=200)


def test_what_is_gone_is_read_as_nothing_and_deleted_without_complaint(estate: Landscape) -> None:
    estate.aws.store.remove(estate.id("disk b"))
    made = estate.made["disk b"]
    assert estate.aws.read(made.token, made.id, estate.settings, made.properties).id == ""
    estate.delete("disk b")


def test_drift_is_read_in_properties_and_inputs(estate: Landscape) -> None:
    estate.aws.store.drift(estate.id("vpc"), {"tags": {"by": "hand"}, "enableDnsSupport": False}, drift)
    made = estate.made["vpc"]
    found = estate.aws.read(made.token, made.id, estate.settings, made.properties, made.inputs)
    assert found.properties["tagsAll"] == {"by": "hand"}
    assert found.inputs["tags"] == {"by": "hand"}
    changed = estate.aws.diff(made.token, made.id, estate.settings, found.inputs, found.properties, made.inputs)
    assert {change.path for change in changed.changes} == {"tags", "enableDnsSupport"}


def test_public_addresses_come_from_the_documentation_range_and_return_to_it(land: Landscape) -> None:
    land.granted(elastic_ips_per_region=20)
    ids = [land.make(f"address {n}", t.EIP, domain="vpc") for n in range(20)]
    addresses = {land.of(f"address {n}", "publicIp") for n in range(20)}
    assert len(ids) == len(addresses) == 20
    assert all(re.fullmatch(r"203\.0\.113\.\d+", address) for address in addresses)
    for n in range(20):
        land.delete(f"address {n}")
    with land.aws.store.snapshot() as view:
        assert view.held_addresses() == {}


def test_a_public_balancer_has_an_address_in_each_of_its_subnets(settled: Landscape) -> None:
    interfaces = [r for r in settled.aws.store.resources() if r.made_for == settled.id("seeds")]
    assert {r.properties["subnetId"] for r in interfaces} == {settled.id("subnet a"), settled.id("subnet b")}
    assert all(r.properties["publicIp"].startswith("203.0.113.") for r in interfaces)


def test_a_balancer_that_leaves_a_zone_gives_its_address_back(estate: Landscape) -> None:
    estate.update("seeds", subnets=[estate.id("subnet a")])
    interfaces = [r for r in estate.aws.store.resources() if r.made_for == estate.id("seeds")]
    assert [r.properties["subnetId"] for r in interfaces] == [estate.id("subnet a")]


def test_no_two_interfaces_of_a_subnet_share_an_address(settled: Landscape) -> None:
    interfaces = [r for r in settled.aws.store.resources() if r.type == t.NETWORK_INTERFACE]
    addresses = [(r.properties["subnetId"], r.properties["privateIp"]) for r in interfaces]
    assert len(addresses) == len(set(addresses))


def test_an_instance_has_an_interface_a_root_disk_and_names(settled: Landscape) -> None:
    made = {r.type: r for r in settled.aws.store.resources() if r.made_for == settled.id("node")}
    assert made[t.NETWORK_INTERFACE].id == settled.of("node", "primaryNetworkInterfaceId")
    assert made[t.VOLUME].id == settled.of("node", "rootBlockDevice")["volumeId"]
    assert settled.of("node", "privateDns") == "ip-10-0-1-10.eu-central-1.compute.internal"


def test_an_instance_on_a_declared_interface_takes_its_address_and_groups(settled: Landscape) -> None:
    assert settled.of("by interface", "privateIp") == "10.0.1.30"
    assert settled.of("by interface", "vpcSecurityGroupIds") == [settled.of("vpc", "defaultSecurityGroupId")]


def test_new_groups_of_an_instance_reach_its_interface(estate: Landscape) -> None:
    estate.update("node", vpcSecurityGroupIds=[estate.id("balancers")])
    interface = next(r for r in estate.aws.store.resources() if r.id == estate.of("node", "primaryNetworkInterfaceId"))
    assert interface.properties["securityGroups"] == [estate.id("balancers")]


def test_a_public_subnet_gives_its_instances_addresses(estate: Landscape) -> None:
    subnet = estate.make(
        "public subnet", t.SUBNET, vpcId=estate.id("vpc"), cidrBlock="10.0.9.0/24", mapPublicIpOnLaunch=True
    )
    estate.make("public node", t.INSTANCE, ami=IMAGE, instanceType="t3.small", subnetId=subnet)
    assert estate.of("public node", "publicIp").startswith("203.0.113.")


def test_a_tunnel_has_both_outside_and_inside_addresses(settled: Landscape) -> None:
    tunnels = settled.made["tunnels"].properties
    assert tunnels["tunnel1VgwInsideAddress"] == "169.254.10.1"
    assert tunnels["tunnel1CgwInsideAddress"] == "169.254.10.2"
    assert tunnels["tunnel1BgpAsn"] == "64600"
    assert tunnels["tunnel1Address"] != tunnels["tunnel2Address"]
    assert len(tunnels["tunnel1PresharedKey"]) == 32


def test_a_tunnel_with_certificates_has_no_shared_key(estate: Landscape) -> None:
    authority = f"arn:aws:acm-pca:{REGION}:123456789012:certificate-authority/1"
    proof = estate.make("proof of site", t.CERTIFICATE, domainName="a.example.org", certificateAuthorityArn=authority)
    site = estate.make("certified site", t.CUSTOMER_GATEWAY, type="ipsec.1", bgpAsn="65011", certificateArn=proof)
    gateway = estate.id("vpn gateway")
    estate.make("certified", t.VPN_CONNECTION, type="ipsec.1", customerGatewayId=site, vpnGatewayId=gateway)
    assert estate.of("certified", "tunnel1PresharedKey") == ""


def test_a_partner_whose_vpc_is_in_the_world_accepts(estate: Landscape) -> None:
    ends = {"vpcId": estate.id("vpc"), "peerVpcId": PARTNER_VPC, "peerOwnerId": PARTNER}
    estate.make("partner", t.VPC_PEERING_CONNECTION, **ends)
    assert estate.of("partner", "acceptStatus") == "active"
    estate.make(
        "to partner",
        t.ROUTE,
        routeTableId=estate.id("table"),
        destinationCidrBlock="172.20.0.0/16",
        vpcPeeringConnectionId=estate.id("partner"),
    )
    assert estate.of("to partner", "state") == "active"


def test_another_account_s_peering_waits_to_be_accepted(estate: Landscape) -> None:
    ends = {"vpcId": estate.id("vpc"), "peerVpcId": "vpc-0123456789abcdef0", "peerOwnerId": "333333333333"}
    estate.make("stranger", t.VPC_PEERING_CONNECTION, **ends)
    assert estate.of("stranger", "acceptStatus") == "pending-acceptance"


def test_a_peering_is_active_for_both_ends_once_it_is_accepted(estate: Landscape) -> None:
    estate.make(
        "accepted",
        t.VPC_PEERING_CONNECTION_ACCEPTER,
        vpcPeeringConnectionId=estate.id("pending"),
        autoAccept=True,
        region="us-east-1",
    )
    made = estate.made["pending"]
    assert estate.aws.read(made.token, made.id, estate.settings, made.properties).properties["acceptStatus"] == "active"
    assert estate.of("accepted", "vpcId") == estate.id("us vpc")


def test_a_group_of_a_peered_vpc_can_be_named(estate: Landscape) -> None:
    estate.make(
        "from other",
        t.SECURITY_GROUP_INGRESS_RULE,
        securityGroupId=estate.id("nodes"),
        ipProtocol="tcp",
        fromPort=26656,
        toPort=26656,
        referencedSecurityGroupId=estate.id("other group"),
    )


def test_a_subnet_of_the_vpc_s_ipv6_block_gives_its_hosts_addresses(estate: Landscape) -> None:
    whole = estate.of("vpc", "ipv6CidrBlock")
    assert re.fullmatch(r"2001:db8:.*::/56", whole)
    subnet = estate.make(
        "six",
        t.SUBNET,
        vpcId=estate.id("vpc"),
        cidrBlock="10.0.9.0/24",
        ipv6CidrBlock=whole.replace("/56", "/64"),
        assignIpv6AddressOnCreation=True,
    )
    estate.make("six node", t.INSTANCE, ami=IMAGE, instanceType="t3.small", subnetId=subnet)
    assert estate.of("six node", "ipv6Addresses")[0].startswith(whole.split("::")[0])


def test_another_account_sees_nothing_of_ours(settled: Landscape) -> None:
    made = settled.made["vpc"]
    assert settled.aws.read(made.token, made.id, Settings(REGION, account=PARTNER), made.properties).id == ""


def test_everything_can_be_taken_down_again_in_reverse(estate: Landscape) -> None:
    estate.update("guarded", disableApiTermination=False)
    estate.update("more seeds", enableDeletionProtection=False)
    estate.update("lock", deletionProtectionEnabled=False)
    estate.update("watermark", replicas=[{"regionName": "eu-west-1", "consistencyMode": "STRONG"}])
    for name in reversed(estate.made):
        estate.delete(name)
    assert estate.aws.store.resources() == []
    with estate.aws.store.snapshot() as view:
        assert view.held_addresses() == {}


def test_the_functions_answer_for_the_provider_s_account_and_region(land: Landscape) -> None:
    settings = Settings("us-east-1", account=PARTNER)
    identity = land.aws.invoke("aws:index/getCallerIdentity:getCallerIdentity", settings, {})
    assert identity["accountId"] == PARTNER
    assert land.aws.invoke("aws:index/getRegion:getRegion", settings, {})["region"] == "us-east-1"
    assert land.aws.invoke("aws:index/getPartition:getPartition", settings, {})["partition"] == "aws"
