"""A region's network: subnets, ways out, routes."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Network

from components.recording import Recorded, Registration
from components.region import has_seeds
from estate.model import Network
from estate.plan import addressing
from estate.plan.addressing import Tier

EVERYWHERE = "0.0.0.0/0"


def by_urn(recorded: Recorded) -> dict[str, Registration]:
    return {each.urn: each for each in recorded.resources}


def table_of(recorded: Recorded, route: Registration) -> Registration:
    return by_urn(recorded)[route.property_dependencies["routeTableId"][0]]


def routes(recorded: Recorded, target: str) -> Counter[tuple[str, str]]:
    """Routes through ``target`` (an input's name), counted by region and tier of their table."""
    found = [each for each in recorded.of("aws:ec2/route:Route") if target in each.inputs]
    return Counter((each.inputs["region"], table_of(recorded, each).inputs["tags"]["Tier"]) for each in found)


def test_a_vpc_has_its_regions_block(recorded: Recorded, network: Network) -> None:
    found = {each.inputs["region"]: each.inputs["cidrBlock"] for each in recorded.of("aws:ec2/vpc:Vpc")}
    assert found == {region: str(addressing.region_block(network, region)) for region in network.regions}


def test_each_zone_has_a_subnet_of_each_tier(recorded: Recorded, network: Network) -> None:
    found = {
        (each.inputs["availabilityZone"], each.inputs["tags"]["Tier"]): each.inputs["cidrBlock"]
        for each in recorded.of("aws:ec2/subnet:Subnet")
    }
    assert found == {
        (f"{name}{zone}", tier.value): str(addressing.subnet(network, name, tier, zone))
        for name, region in network.regions.items()
        for zone in region.zones
        for tier in Tier
        if tier is not Tier.INGRESS or has_seeds(network, name)
    }


def test_no_subnet_gives_out_public_addresses(recorded: Recorded) -> None:
    assert {each.inputs["mapPublicIpOnLaunch"] for each in recorded.of("aws:ec2/subnet:Subnet")} == {False}


def test_every_subnet_has_a_route_table_of_its_own_tier(recorded: Recorded) -> None:
    known = by_urn(recorded)
    associations = recorded.of("aws:ec2/routeTableAssociation:RouteTableAssociation")
    assert len(associations) == len(recorded.of("aws:ec2/subnet:Subnet"))
    for each in associations:
        subnet, table = (known[each.property_dependencies[key][0]] for key in ("subnetId", "routeTableId"))
        assert subnet.inputs["tags"]["Tier"] == table.inputs["tags"]["Tier"]
        assert subnet.inputs["region"] == table.inputs["region"]


def test_each_zone_has_a_nat_gateway(recorded: Recorded, network: Network) -> None:
    expected = {
        (name, str(addressing.nat_gateway_address(network, name, zone)))
        for name, region in network.regions.items()
        for zone in region.zones
    }
    found = {(each.inputs["region"], each.inputs["privateIp"]) for each in recorded.of("aws:ec2/natGateway:NatGateway")}
    assert found == expected


def test_a_private_zone_goes_out_by_its_own_nat_gateway(recorded: Recorded) -> None:
    known = by_urn(recorded)
    for each in recorded.of("aws:ec2/route:Route"):
        if "natGatewayId" in each.inputs:
            gateway, table = known[each.property_dependencies["natGatewayId"][0]], table_of(recorded, each)
            assert gateway.name[-1] == table.name[-1], "another zone's failure must not cost this one its way out"
            assert each.inputs["destinationCidrBlock"] == EVERYWHERE


def test_only_public_and_ingress_tables_lead_to_the_internet_gateway(recorded: Recorded, network: Network) -> None:
    expected = {(region, "public"): 1 for region in network.regions} | {
        (region, "ingress"): 1 for region in network.regions if has_seeds(network, region)
    }
    assert routes(recorded, "gatewayId") == expected


def test_every_region_knows_every_other_in_both_tiers_with_hosts(recorded: Recorded, network: Network) -> None:
    """The mesh, both ways; a load balancer's subnets need to know no other region."""
    expected = {
        (table, str(addressing.region_block(network, there)))
        for here in network.regions
        for there in network.regions
        if here != there
        for table in [(here, "public", "all"), *((here, "private", zone) for zone in network.regions[here].zones)]
    }
    found = set()
    for each in recorded.of("aws:ec2/route:Route"):
        table = table_of(recorded, each)
        destination = IPv4Network(each.inputs["destinationCidrBlock"])
        if "vpcPeeringConnectionId" in each.inputs and destination.subnet_of(addressing.network_block(network)):
            key = (each.inputs["region"], table.inputs["tags"]["Tier"], table.name.rsplit("-", 1)[1])
            found.add((key, str(destination)))
    assert found == expected


def test_each_pair_of_regions_is_peered_once(recorded: Recorded, network: Network) -> None:
    ours = [
        each
        for each in recorded.of("aws:ec2/vpcPeeringConnection:VpcPeeringConnection")
        if each.inputs["peerOwnerId"] == network.aws.account_id
    ]
    pairs = Counter(frozenset((each.inputs["region"], each.inputs["peerRegion"])) for each in ours)
    count = len(network.regions)
    assert len(pairs) == count * (count - 1) // 2
    assert set(pairs.values()) <= {1}
    acceptances = recorded.of("aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter")
    assert len(acceptances) == len(ours)
    assert all(each.inputs["autoAccept"] for each in acceptances)


def test_a_partner_is_reached_from_private_subnets_of_its_region_only(recorded: Recorded, network: Network) -> None:
    expected = {
        (partner.region, "private", zone, str(cidr))
        for partner in network.partners.values()
        for zone in network.regions[partner.region].zones
        for cidr in partner.cidrs
    }
    found = set()
    for each in recorded.of("aws:ec2/route:Route"):
        destination = IPv4Network(each.inputs["destinationCidrBlock"])
        if "vpcPeeringConnectionId" in each.inputs and not destination.subnet_of(addressing.network_block(network)):
            table = table_of(recorded, each)
            found.add(
                (each.inputs["region"], table.inputs["tags"]["Tier"], table.name.rsplit("-", 1)[1], str(destination))
            )
    assert found == expected


def test_a_partner_must_accept_the_peering_itself(recorded: Recorded, network: Network) -> None:
    asked = {
        each.inputs["peerVpcId"]: each for each in recorded.of("aws:ec2/vpcPeeringConnection:VpcPeeringConnection")
    }
    for partner in network.partners.values():
        assert asked[partner.vpc_id].inputs["autoAccept"] is False
        assert asked[partner.vpc_id].inputs["peerOwnerId"] == partner.account_id
        assert asked[partner.vpc_id].inputs["tags"]["Expires"] == partner.expires.isoformat()


def test_the_sites_addresses_are_learnt_in_tiers_with_hosts(recorded: Recorded, network: Network) -> None:
    known = by_urn(recorded)
    found = Counter(
        (each.inputs["region"], known[each.property_dependencies["routeTableId"][0]].inputs["tags"]["Tier"])
        for each in recorded.of("aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation")
    )
    expected = {(name, "public"): 1 for name in network.regions} | {
        (name, "private"): len(region.zones) for name, region in network.regions.items()
    }
    assert found == expected


def test_what_aws_makes_by_itself_is_emptied(recorded: Recorded, network: Network) -> None:
    groups = recorded.of("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    tables = recorded.of("aws:ec2/defaultRouteTable:DefaultRouteTable")
    assert len(groups) == len(tables) == len(network.regions)
    assert all(not each.inputs["ingress"] and not each.inputs["egress"] for each in groups)
    assert all(not each.inputs["routes"] for each in tables)


def test_ssh_from_outside_the_network_stops_at_the_subnet(recorded: Recorded, network: Network) -> None:
    for acl in recorded.of("aws:ec2/defaultNetworkAcl:DefaultNetworkAcl"):
        entries = sorted(acl.inputs["ingress"], key=lambda entry: entry["ruleNo"])
        assert [(entry["action"], entry["cidrBlock"], entry["toPort"]) for entry in entries] == [
            ("allow", str(addressing.network_block(network)), 0),
            ("deny", EVERYWHERE, 22),
            ("allow", EVERYWHERE, 0),
        ]


def test_every_vpc_logs_all_its_flows_encrypted_for_a_year(recorded: Recorded, network: Network) -> None:
    logs = recorded.of("aws:ec2/flowLog:FlowLog")
    assert len(logs) == len(network.regions)
    assert {each.inputs["trafficType"] for each in logs} == {"ALL"}
    groups = [each for each in recorded.of("aws:cloudwatch/logGroup:LogGroup") if "/flow/" in each.inputs["name"]]
    assert all(each.inputs["kmsKeyId"] and each.inputs["retentionInDays"] == 365 for each in groups)
