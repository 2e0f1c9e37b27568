"""What the plan counts of an account's quotas is what the program registers."""

from __future__ import annotations

from collections import Counter
from itertools import chain

from components.recording import Recorded, Registration
from estate.clouds import aws
from estate.model import Network
from estate.plan import quotas

BY_REGION = {
    "vpcs_per_region": "aws:ec2/vpc:Vpc",
    "internet_gateways_per_region": "aws:ec2/internetGateway:InternetGateway",
    "elastic_ips_per_region": "aws:ec2/eip:Eip",
    "customer_gateways_per_region": "aws:ec2/customerGateway:CustomerGateway",
    "vpn_gateways_per_region": "aws:ec2/vpnGateway:VpnGateway",
    "vpn_connections_per_region": "aws:ec2/vpnConnection:VpnConnection",
}
ROUTE, TABLE = "aws:ec2/route:Route", "aws:ec2/routeTable:RouteTable"
RULES = {
    "inbound": "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "outbound": "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
}


def counted(network: Network, quota: str) -> Counter[str]:
    """By region, what the plan counts, of all zones, tables or groups together."""
    found: Counter[str] = Counter()
    for use in chain(quotas.shared(network), quotas.separate(network)):
        if use.quota == quota:
            found[use.region] += use.count
    return found


def regions(resources: list[Registration]) -> Counter[str]:
    return Counter(each.inputs["region"] for each in resources)


def test_what_is_counted_by_region_is_what_is_registered(recorded: Recorded, network: Network) -> None:
    for quota, type_ in BY_REGION.items():
        assert counted(network, quota) == regions(recorded.of(type_)), quota


def test_each_zone_has_the_nat_gateways_that_are_counted(recorded: Recorded, network: Network) -> None:
    zones = {each.urn: each.inputs["availabilityZone"] for each in recorded.of("aws:ec2/subnet:Subnet")}
    gateways = recorded.of("aws:ec2/natGateway:NatGateway")
    found = Counter(zones[each.property_dependencies["subnetId"][0]] for each in gateways)
    wanted = {use.where: use.count for use in quotas.shared(network) if use.quota == "nat_gateways_per_zone"}
    assert found == wanted


def test_each_gateway_has_the_connections_that_are_counted(recorded: Recorded, network: Network) -> None:
    connections = recorded.of("aws:ec2/vpnConnection:VpnConnection")
    found = Counter(each.property_dependencies["vpnGatewayId"][0] for each in connections)
    wanted = [use.count for use in quotas.separate(network) if use.quota == "vpn_connections_per_gateway"]
    assert sorted(found.values()) == sorted(wanted)


def test_each_table_has_the_routes_that_are_counted(recorded: Recorded, network: Network) -> None:
    found = Counter({each.urn: quotas.LOCAL_ROUTES for each in recorded.of(TABLE)})
    found.update(each.property_dependencies["routeTableId"][0] for each in recorded.of(ROUTE))
    wanted = [use.count for use in quotas.separate(network) if use.quota == "routes_per_route_table"]
    assert sorted(found.values()) == sorted(wanted)
    tables = counted(network, "route_tables_per_vpc")
    assert tables == regions(recorded.of(TABLE)) + Counter(dict.fromkeys(network.regions, quotas.MAIN_ROUTE_TABLES))


def test_each_group_has_the_rules_that_are_counted(recorded: Recorded, network: Network) -> None:
    for direction, type_ in RULES.items():
        found = Counter(each.property_dependencies["securityGroupId"][0] for each in recorded.of(type_))
        wanted = [
            use.count
            for use in quotas.separate(network)
            if use.quota == "rules_per_security_group" and f", {direction}, IPv4" in use.where
        ]
        assert sorted(found.values()) == sorted(wanted)


def test_each_region_has_the_processors_that_are_counted(recorded: Recorded, network: Network) -> None:
    found: Counter[str] = Counter()
    for each in recorded.of("aws:ec2/instance:Instance"):
        found[each.inputs["region"]] += aws.vcpus(each.inputs["instanceType"])
    assert counted(network, "on_demand_standard_vcpus") == found
