"""A VPC as a namespace that routes, with its internet gateway, NAT gateways and peerings beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.wiring import security
from lab.wiring.cloud.model import Cloud, CloudInterface, Vpc
from lab.wiring.draft import Draft, interface_name
from lab.wiring.model import Route, Rule

LOCAL_TABLE = 100
"""The VPC's own addresses; looked up before everything else, and all that a packet from outside the VPC can reach."""

FIRST_TABLE = 1000
LOCAL_PRIORITY, INTERFACE_PRIORITY, OUTSIDE_PRIORITY = 100, 1000, 30000
MACHINE_INTERFACE = "ens5"
TO_VPC, TO_INTERNET = "vpc", "internet"


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names in the lab: namespaces by the AWS id of the VPC, or of the owner of an interface."""

    vpcs: Mapping[str, str]
    machines: Mapping[str, str]

    def internet_gateway(self, vpc: str) -> str:
        return self.vpcs[vpc].replace("vpc-", "igw-", 1)

    def vpn_gateway(self, vpc: str) -> str:
        return self.vpcs[vpc].replace("vpc-", "vgw-", 1)


def connect_interfaces(draft: Draft, cloud: Cloud, names: Names, vpc: Vpc) -> tuple[security.Guarded, ...]:
    """The VPC's namespace, with each interface of an instance, NAT gateway or load balancer on a veth pair of its own.

    The VPC answers for each of its addresses that exists, so hosts find neighbours and gateway as they would on a wire.
    """
    router = names.vpcs[vpc.id]
    draft.router(router)
    guarded = []
    further: dict[str, int] = {}
    for each in cloud.interfaces:
        if cloud.vpc_of(each) != vpc.id:
            continue
        subnet = cloud.subnets[each.subnet]
        gateway = subnet.block[1]
        own = names.machines[each.owner if each.kind == "instance" else each.id]
        count = further[own] = further.get(own, -1) + 1
        inside = f"ens{5 + count}"
        near = interface_name(each.id)
        draft.loopback(router, f"{gateway}/32")
        draft.link(
            (router, near), (own, inside), far_addresses=(f"{each.address}/{subnet.block.prefixlen}",), near_proxy=True
        )
        draft.route(router, Route(destination=f"{each.address}/32", table=LOCAL_TABLE, device=near))
        if count == 0:
            draft.route(
                own, Route(destination="default", device=inside, gateway=str(gateway), source=str(each.address))
            )
        guarded.append(security.Guarded(name=near, interface=each))
    draft.route(router, *(Route(destination=str(block), kind="blackhole", table=LOCAL_TABLE) for block in vpc.blocks))
    draft.rule(router, Rule(priority=LOCAL_PRIORITY, table=LOCAL_TABLE), Rule(priority=OUTSIDE_PRIORITY, table=0))
    draft.ruleset(router, security.vpc_ruleset(cloud, guarded))
    return tuple(guarded)


def connect_internet_gateway(draft: Draft, cloud: Cloud, names: Names, vpc: Vpc, internet: str) -> dict[str, str]:
    """The gateway that puts each public address in place of its private one; returns the VPC's way to it by its id."""
    gateway = cloud.internet_gateways.get(vpc.id)
    if gateway is None:
        return {}
    name, router = names.internet_gateway(vpc.id), names.vpcs[vpc.id]
    near, outside = interface_name(gateway), interface_name(names.internet_gateway(vpc.id))
    draft.router(name)
    to_router, to_gateway = draft.router_link((router, near), (name, TO_VPC))
    to_internet, to_outside = draft.router_link((internet, outside), (name, TO_INTERNET))
    mapped = {each.address: each.public for each in cloud.interfaces if each.public and cloud.vpc_of(each) == vpc.id}
    draft.route(name, *(Route(destination=str(block), device=TO_VPC, gateway=to_router) for block in vpc.blocks))
    draft.route(name, Route(destination="default", device=TO_INTERNET, gateway=to_internet))
    draft.route(
        internet, *(Route(destination=f"{public}/32", device=outside, gateway=to_outside) for public in mapped.values())
    )
    draft.ruleset(name, _translation(mapped))
    return {gateway: f"{near} {to_gateway}"}


def _translation(mapped: Mapping[IPv4Address, IPv4Address]) -> str:
    """One-to-one translation, both ways and for packets from one own public address to another."""
    pairs = sorted(mapped.items())
    if not pairs:
        return security.table(security.chain("forward", [], hook="filter hook forward priority 0; policy drop"))
    private = ", ".join(f"{public} : {address}" for address, public in pairs)
    public = ", ".join(f"{address} : {public}" for address, public in pairs)
    return security.table(
        f"\tmap private {{ type ipv4_addr : ipv4_addr; elements = {{ {private} }}; }}",
        f"\tmap public {{ type ipv4_addr : ipv4_addr; elements = {{ {public} }}; }}",
        security.address_set("translated", mapped),
        security.address_set("elastic", mapped.values()),
        security.chain(
            "from-internet",
            [f'iifname "{TO_INTERNET}" ip daddr != @elastic counter drop comment "no such public address"'],
            hook="filter hook prerouting priority -300; policy accept",
        ),
        security.chain(
            "inward", ["dnat to ip daddr map @private"], hook="nat hook prerouting priority -100; policy accept"
        ),
        security.chain(
            "outward", ["snat to ip saddr map @public"], hook="nat hook postrouting priority 100; policy accept"
        ),
        security.chain(
            "forward",
            [
                security.ESTABLISHED,
                f'iifname "{TO_VPC}" ip saddr != @translated counter drop comment "no public address"',
                f'iifname "{TO_VPC}" accept',
                f'iifname "{TO_INTERNET}" ct status dnat accept',
            ],
            hook="filter hook forward priority 0; policy drop",
        ),
        security.chain("to-router", [], hook="filter hook input priority 0; policy drop"),
    )


def translate_outbound(draft: Draft, name: str, interface: CloudInterface) -> None:
    """A NAT gateway: forwards what the VPC sends it, under its own address, and nothing that comes in unasked."""
    draft.ruleset(
        name,
        security.table(
            security.chain(
                "forward",
                [security.ESTABLISHED, f"ip daddr != {interface.address} ct state new accept"],
                hook="filter hook forward priority 0; policy drop",
            ),
            security.chain(
                "outward", [f"snat to {interface.address}"], hook="nat hook postrouting priority 100; policy accept"
            ),
            security.chain("to-router", [], hook="filter hook input priority 0; policy drop"),
        ),
    )


def connect_peerings(draft: Draft, cloud: Cloud, names: Names) -> dict[tuple[str, str], str]:
    """Active peerings of own VPCs; returns each VPC's way by (VPC, peering)."""
    ways = {}
    for peering in cloud.peerings:
        if not peering.active or peering.requester not in cloud.vpcs or peering.accepter not in cloud.vpcs:
            continue
        name = interface_name(peering.id)
        ends = (names.vpcs[peering.requester], name), (names.vpcs[peering.accepter], name)
        to_requester, to_accepter = draft.router_link(*ends)
        ways[peering.requester, peering.id] = f"{name} {to_accepter}"
        ways[peering.accepter, peering.id] = f"{name} {to_requester}"
    return ways


def route_subnets(
    draft: Draft,
    cloud: Cloud,
    names: Names,
    vpc: Vpc,
    guarded: tuple[security.Guarded, ...],
    ways: Mapping[str, str],
    propagated: Mapping[str, tuple[str, ...]],
) -> tuple[str, ...]:
    """Each route table of the VPC as one of the namespace's, chosen by the interface a packet comes from.

    Args:
        ways: for a route's target, "<interface> <next address>".
        propagated: for a VPN gateway, the destinations that it propagates to its route tables.

    Returns: a line for each route whose target the lab does not have.
    """
    router = names.vpcs[vpc.id]
    missing = []
    interfaces = {each.interface.id: each for each in guarded} | {each.interface.owner: each for each in guarded}
    tables = sorted(id for id, table in cloud.route_tables.items() if table.vpc == vpc.id)
    for index, id in enumerate(tables):
        number = FIRST_TABLE + index
        table = cloud.route_tables[id]
        wanted = {destination: gateway for gateway in table.propagating for destination in propagated.get(gateway, ())}
        wanted |= {str(route.destination): route.target for route in table.routes}
        for destination, target in wanted.items():
            place = "default" if destination == "0.0.0.0/0" else destination
            if target in ways:
                device, gateway = ways[target].split()
                draft.route(router, Route(destination=place, table=number, device=device, gateway=gateway))
            elif target in interfaces:
                through = interfaces[target]
                address = str(through.interface.address)
                draft.route(router, Route(destination=place, table=number, device=through.name, gateway=address))
            else:
                draft.route(router, Route(destination=place, kind="blackhole", table=number))
                missing.append(f"{id}: {destination} leads to {target or 'nothing'}, which is not there")
        if "0.0.0.0/0" not in wanted:
            draft.route(router, Route(destination="default", kind="blackhole", table=number))
        for each in guarded:
            if cloud.subnets[each.interface.subnet].route_table == id:
                draft.rule(router, Rule(priority=INTERFACE_PRIORITY, table=number, arriving=each.name))
    return tuple(missing)
