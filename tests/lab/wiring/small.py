"""A small estate in the shape that the lab's cloud keeps: two regions, one datacentre, a partner."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from estate.declaration import load
from estate.model import Network, Role
from estate.plan import addressing
from estate.plan.addressing import Tier
from estate.plan.hosts import Host, hosts
from lab.clouds.store import Resource

ROOT = Path(__file__).resolve().parents[3]
EVERYWHERE = "0.0.0.0/0"
ALL = {"protocol": "-1", "fromPort": 0, "toPort": 0}
REGIONS = ("us-east-1", "eu-central-1")


@cache
def network() -> Network:
    """The Cosmos Hub's declaration, cut down to two regions and one datacentre."""
    document = load.whole(ROOT / "stacks" / "Pulumi.cosmoshub.yaml")
    document["regions"] = {name: document["regions"][name] for name in REGIONS}
    document["nodes"] = [node for node in document["nodes"] if node["region"] in REGIONS]
    site = document["sites"]["ash1"]
    site["links"] = {name: site["links"][name] for name in REGIONS}
    document["sites"] = {"ash1": site}
    return Network.model_validate(document)


@cache
def neighbour() -> Network:
    """Another network with one region and machines of its own in the same datacentre."""
    (region, declared), (site, placed) = next(iter(network().regions.items())), next(iter(network().sites.items()))
    moved = [
        each.model_copy(update={"public_address": each.public_address and each.public_address + 4})
        for each in placed.servers
    ]
    placed = placed.model_copy(update={"servers": tuple(moved), "links": {region: placed.links[region]}})
    nodes = tuple(each for each in network().nodes if each.region == region)
    own = {"name": "neighbour", "slot": 9, "regions": {region: declared}, "nodes": nodes, "sites": {site: placed}}
    return network().model_copy(update={**own, "partners": {}})


@dataclass
class Account:
    """Makes resources with ids and computed attributes as AWS would give them."""

    network: Network
    made: list[Resource] = field(default_factory=list)
    counter: itertools.count[int] = field(default_factory=itertools.count)
    publics: itertools.count[int] = field(default_factory=lambda: itertools.count(10))

    def make(self, noun: str, prefix: str, region: str, made_for: str = "", **properties: Any) -> str:
        id = f"{prefix}-{next(self.counter):08x}aabbccdde"
        module, name = noun.split("/")
        token = f"aws:{module}/{name}:{name[0].upper()}{name[1:]}"
        self.made.append(
            Resource(urn=f"urn:{id}", type=token, id=id, region=region, properties=properties, made_for=made_for)
        )
        return id

    def properties(self, id: str) -> Mapping[str, Any]:
        return next(each for each in self.made if each.id == id).properties

    def change(self, id: str, **properties: Any) -> None:
        """Sets properties of a resource that was made."""
        index = next(index for index, each in enumerate(self.made) if each.id == id)
        self.made[index] = replace(self.made[index], properties={**self.made[index].properties, **properties})

    def address(self, region: str) -> str:
        return self.make("ec2/eip", "eipalloc", region, publicIp=f"203.0.113.{next(self.publics)}")

    def group(self, region: str, vpc: str, ingress: list[dict[str, Any]], egress: list[dict[str, Any]]) -> str:
        group = self.make("ec2/securityGroup", "sg", region, vpcId=vpc)
        for noun, rules in (("vpc/securityGroupIngressRule", ingress), ("vpc/securityGroupEgressRule", egress)):
            for rule in rules:
                self.make(noun, "sgr", region, securityGroupId=group, **rule)
        return group


def permit(port: int | None, cidr: str = "", *, group: str = "", protocol: str = "tcp") -> dict[str, Any]:
    """A security group rule; without a port, everything."""
    where = {"referencedSecurityGroupId": group} if group else {"cidrIpv4": cidr or EVERYWHERE}
    if port is None:
        return {"ipProtocol": "-1", **where}
    return {"ipProtocol": protocol, "fromPort": port, "toPort": port, **where}


@dataclass
class Estate:
    network: Network
    account: Account
    vpcs: dict[str, str] = field(default_factory=dict)
    tables: dict[tuple[str, str], str] = field(default_factory=dict)
    subnets: dict[tuple[str, Tier, str], str] = field(default_factory=dict)
    groups: dict[tuple[str, str], str] = field(default_factory=dict)
    instances: dict[str, str] = field(default_factory=dict)
    elastic: dict[str, str] = field(default_factory=dict)
    acls: dict[str, str] = field(default_factory=dict)

    @property
    def resources(self) -> list[Resource]:
        return self.account.made

    def host(self, role: Role, place: str, number: int = 1) -> Host:
        return next(
            each for each in hosts(self.network) if (each.role, each.place, each.number) == (role, place, number)
        )

    def public(self, name: str) -> str:
        return str(self.account.properties(self.elastic[name])["publicIp"])


def build(network: Network | None = None, *, first_id: int = 0, first_public: int = 10) -> Estate:
    """What the stack of ``network`` would have made in the cloud, ids and public addresses counted from the first."""
    network = network or globals()["network"]()
    estate = Estate(network, Account(network, counter=itertools.count(first_id), publics=itertools.count(first_public)))
    for region in network.regions:
        _region(estate, region)
    _peerings(estate)
    _sites(estate)
    return estate


def build_neighbour() -> Estate:
    """The other network beside the one of ``build``."""
    return build(neighbour(), first_id=10_000, first_public=150)


def _region(estate: Estate, region: str) -> None:
    make, network = estate.account.make, estate.network
    vpc = estate.vpcs[region] = make("ec2/vpc", "vpc", region, cidrBlock=str(addressing.region_block(network, region)))
    acl: dict[str, Any] = {
        "ingress": [
            {**ALL, "ruleNo": 100, "action": "allow", "cidrBlock": str(addressing.network_block(network))},
            {"protocol": "tcp", "fromPort": 22, "toPort": 22, "ruleNo": 200, "action": "deny", "cidrBlock": EVERYWHERE},
            {**ALL, "ruleNo": 300, "action": "allow", "cidrBlock": EVERYWHERE},
        ],
        "egress": [{**ALL, "ruleNo": 100, "action": "allow", "cidrBlock": EVERYWHERE}],
    }
    estate.acls[region] = make("ec2/defaultNetworkAcl", "acl", region, vpcId=vpc, **acl)
    estate.account.change(estate.acls[region], defaultNetworkAclId=estate.acls[region])
    gateway = make("ec2/internetGateway", "igw", region, vpcId=vpc)
    zones = sorted(network.regions[region].zones)
    for tier in Tier:
        keys = zones if tier is Tier.PRIVATE else ["all"]
        for key in keys:
            table = estate.tables[region, f"{tier}-{key}"] = make("ec2/routeTable", "rtb", region, vpcId=vpc)
            if tier is not Tier.PRIVATE:
                make("ec2/route", "r", region, routeTableId=table, destinationCidrBlock=EVERYWHERE, gatewayId=gateway)
        for zone in zones:
            block = addressing.subnet(network, region, tier, zone)
            subnet = make(
                "ec2/subnet", "subnet", region, vpcId=vpc, cidrBlock=str(block), availabilityZone=f"{region}{zone}"
            )
            estate.subnets[region, tier, zone] = subnet
            table = estate.tables[region, f"{tier}-{zone if tier is Tier.PRIVATE else 'all'}"]
            make("ec2/routeTableAssociation", "rtbassoc", region, subnetId=subnet, routeTableId=table)
    for zone in zones:
        _nat(estate, region, zone)
    _groups(estate, region, vpc)
    for host in hosts(network):
        if host.place == region:
            _instance(estate, region, host)
    _balancer(estate, region, vpc)


def _nat(estate: Estate, region: str, zone: str) -> None:
    make = estate.account.make
    address = estate.account.address(region)
    estate.elastic[f"nat-{region}-{zone}"] = address
    nat = make(
        "ec2/natGateway",
        "nat",
        region,
        subnetId=estate.subnets[region, Tier.PUBLIC, zone],
        allocationId=address,
        privateIp=str(addressing.nat_gateway_address(estate.network, region, zone)),
    )
    make(
        "ec2/route",
        "r",
        region,
        routeTableId=estate.tables[region, f"private-{zone}"],
        destinationCidrBlock=EVERYWHERE,
        natGatewayId=nat,
    )


def _groups(estate: Estate, region: str, vpc: str) -> None:
    own = str(addressing.network_block(estate.network))
    partner = [permit(26656, str(cidr)) for each in estate.network.partners.values() for cidr in each.cidrs]
    gateways = [permit(22, f"{host.address}/32") for host in hosts(estate.network) if host.role is Role.VPN]
    out = [permit(None)]
    rules = {
        Role.PUBLIC_SENTRY: [permit(26656), *gateways],
        Role.PRIVATE_SENTRY: [permit(26656, own), *partner, *gateways],
        Role.SEED: [permit(26656), permit(26657, own), *gateways],
        Role.VPN: [permit(1194, protocol="udp"), *gateways],
        Role.MONITOR: gateways,
        "balancer": [permit(26657)],
    }
    for role, ingress in rules.items():
        estate.groups[region, role] = estate.account.group(region, vpc, ingress, out)


def _instance(estate: Estate, region: str, host: Host) -> None:
    make = estate.account.make
    tier = addressing.ROLE_TIERS[host.role]
    instance = estate.instances[host.name] = make(
        "ec2/instance",
        "i",
        region,
        subnetId=estate.subnets[region, tier, host.zone],
        privateIp=str(host.address),
        vpcSecurityGroupIds=[estate.groups[region, host.role]],
        sourceDestCheck=True,
        tags={"Name": host.name},
    )
    if tier is Tier.PUBLIC:
        address = estate.elastic[host.name] = estate.account.address(region)
        make("ec2/eipAssociation", "eipassoc", region, allocationId=address, instanceId=instance)


def _balancer(estate: Estate, region: str, vpc: str) -> None:
    make = estate.account.make
    seeds = [host for host in hosts(estate.network) if host.role is Role.SEED and host.place == region]
    if not seeds:
        return
    names = estate.network.endpoints
    certificate = make("acm/certificate", "cert", region, domainName=names.rpc, subjectAlternativeNames=[names.lcd])
    balancer = make(
        "lb/loadBalancer",
        "lb",
        region,
        loadBalancerType="network",
        name="seeds",
        enableCrossZoneLoadBalancing=True,
        securityGroups=[estate.groups[region, "balancer"]],
    )
    for zone in sorted(estate.network.regions[region].zones):
        subnet = addressing.subnet(estate.network, region, Tier.INGRESS, zone)
        address = f"203.0.113.{next(estate.account.publics)}"
        make(
            "ec2/networkInterface",
            "eni",
            region,
            made_for=balancer,
            subnetId=estate.subnets[region, Tier.INGRESS, zone],
            privateIp=str(subnet[40]),
            publicIp=address,
        )
    check = {"protocol": "HTTP", "path": "/health", "matcher": "200", "interval": 5, "unhealthyThreshold": 2}
    group = make("lb/targetGroup", "tg", region, port=26657, healthCheck=check)
    for seed in seeds:
        make(
            "lb/targetGroupAttachment",
            "tga",
            region,
            targetGroupArn=group,
            targetId=estate.instances[seed.name],
            port=26657,
        )
    make(
        "lb/listener",
        "listener",
        region,
        loadBalancerArn=balancer,
        port=26657,
        protocol="TLS",
        certificateArn=certificate,
        defaultActions=[{"type": "forward", "targetGroupArn": group}],
    )


def _peerings(estate: Estate) -> None:
    make, network = estate.account.make, estate.network
    for near, far in itertools.combinations(sorted(network.regions), 2):
        peering = make("ec2/vpcPeeringConnection", "pcx", near, vpcId=estate.vpcs[near], peerVpcId=estate.vpcs[far])
        make("ec2/vpcPeeringConnectionAccepter", "pcxa", far, vpcPeeringConnectionId=peering, autoAccept=True)
        for here, there in ((near, far), (far, near)):
            for (region, key), table in sorted(estate.tables.items()):
                if region == here and not key.startswith("ingress"):
                    make(
                        "ec2/route",
                        "r",
                        here,
                        routeTableId=table,
                        vpcPeeringConnectionId=peering,
                        destinationCidrBlock=str(addressing.region_block(network, there)),
                    )
    for partner in network.partners.values():
        if partner.region not in estate.vpcs:
            continue
        peering = make(
            "ec2/vpcPeeringConnection",
            "pcx",
            partner.region,
            vpcId=estate.vpcs[partner.region],
            peerVpcId=partner.vpc_id,
            acceptStatus="active",
        )
        for zone in sorted(network.regions[partner.region].zones):
            for cidr in partner.cidrs:
                make(
                    "ec2/route",
                    "r",
                    partner.region,
                    routeTableId=estate.tables[partner.region, f"private-{zone}"],
                    vpcPeeringConnectionId=peering,
                    destinationCidrBlock=str(cidr),
                )


def _sites(estate: Estate) -> None:
    make, network = estate.account.make, estate.network
    for region, vpc in estate.vpcs.items():
        gateway = make("ec2/vpnGateway", "vgw", region, vpcId=vpc, amazonSideAsn=str(network.regions[region].asn))
        for (place, key), table in sorted(estate.tables.items()):
            if place == region and not key.startswith("ingress"):
                make("ec2/vpnGatewayRoutePropagation", "vgwp", region, vpnGatewayId=gateway, routeTableId=table)
        for host in hosts(network):
            if host.role is Role.EDGE and region in network.sites[host.place].links:
                customer = make(
                    "ec2/customerGateway",
                    "cgw",
                    region,
                    ipAddress=str(host.public_address),
                    bgpAsn=str(network.sites[host.place].asn),
                )
                insides = [
                    str(addressing.tunnel_inside(network, host.place, region, host.number, tunnel)) for tunnel in (0, 1)
                ]
                make(
                    "ec2/vpnConnection",
                    "vpn",
                    region,
                    vpnGatewayId=gateway,
                    customerGatewayId=customer,
                    tunnel1InsideCidr=insides[0],
                    tunnel2InsideCidr=insides[1],
                )


def inside(address: str, block: Any) -> bool:
    return IPv4Address(address) in block
