"""What is outside the estate: clients, central services and other validators on the internet; partners; an operator."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network

from estate.model import Network, Partner, Role
from estate.plan import addressing
from estate.plan.hosts import of_role
from lab.wiring import security
from lab.wiring.draft import Draft
from lab.wiring.model import Route
from lab.wiring.vpc import MACHINE_INTERFACE

INTERNET, CLIENT, WORLD, OPERATOR = "internet", "client", "world", "operator"
PUBLIC_BLOCK = IPv4Network("198.51.100.0/24")
PUBLIC_BLOCK6 = "2001:db8:100::"
WORLD_ADDRESSES = tuple(PUBLIC_BLOCK[number] for number in (*range(10, 16), *range(101, 105)))
"""Central services, then other validators' nodes."""

CLIENT_ADDRESS = PUBLIC_BLOCK[200]
OPERATOR_NUMBER = 10
OPERATOR_INTERFACE = "tun0"
NEVER_PUBLIC = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")


def connect_internet(draft: Draft, network: Network) -> None:
    """The internet's router, and on its network a client and the machine with all other public addresses."""
    draft.router(INTERNET)
    draft.setting(INTERNET, "net/ipv6/conf/all/disable_ipv6", "0")
    draft.setting(INTERNET, "net/ipv6/conf/default/disable_ipv6", "0")
    draft.setting(INTERNET, "net/ipv6/conf/all/forwarding", "1")
    draft.setting(INTERNET, "net/bridge/bridge-nf-call-iptables", "0")
    draft.bridge(INTERNET, "public", f"{PUBLIC_BLOCK[1]}/{PUBLIC_BLOCK.prefixlen}", f"{PUBLIC_BLOCK6}1/64")
    services = [service.address for service in network.services.values() if service.address in PUBLIC_BLOCK]
    everyone = {CLIENT: [CLIENT_ADDRESS], WORLD: sorted({*WORLD_ADDRESSES, *services})}
    for name, addresses in everyone.items():
        draft.machine(name)
        draft.link(
            (INTERNET, name),
            (name, "eth0"),
            near_master="public",
            far_addresses=tuple(
                each for address in addresses for each in (f"{address}/24", f"{PUBLIC_BLOCK6}{int(address) & 0xFF}/64")
            ),
        )
        draft.route(
            name,
            Route(destination="default", device="eth0", gateway=str(PUBLIC_BLOCK[1]), source=str(addresses[0])),
            Route(destination="::/0", device="eth0", gateway=f"{PUBLIC_BLOCK6}1"),
        )
    never = ", ".join(NEVER_PUBLIC)
    draft.ruleset(
        INTERNET,
        security.table(
            security.chain(
                "forward",
                [f"ip saddr {{ {never} }} counter drop", f"ip daddr {{ {never} }} counter drop"],
                hook="filter hook forward priority 0; policy accept",
            ),
            security.chain("to-router", ["ip protocol icmp accept"], hook="filter hook input priority 0; policy drop"),
        ),
    )


def peer_addresses(partner: Partner) -> tuple[IPv4Address, ...]:
    """The addresses of a partner's nodes in its own VPC; its first free one where its peers are given by name."""
    found = []
    for peer in partner.peers:
        try:
            address = IPv4Address(peer.rsplit("@", 1)[-1].rsplit(":", 1)[0])
        except AddressValueError:
            continue
        if any(address in cidr for cidr in partner.cidrs):
            found.append(address)
    return tuple(dict.fromkeys(found)) or (partner.cidrs[0][10],)


def connect_partner(draft: Draft, partner_name: str, partner: Partner, router: str, interface: str) -> str:
    """A partner's VPC with its nodes in one machine, on a VPC of ours; returns our VPC's next hop to it."""
    name = f"partner-{partner_name}"
    draft.machine(name)
    to_vpc, to_partner = draft.router_link((router, interface), (name, MACHINE_INTERFACE))
    own = peer_addresses(partner)
    for address in own:
        block = next((cidr for cidr in partner.cidrs if address in cidr), IPv4Network((address, 32)))
        draft.address(name, MACHINE_INTERFACE, f"{address}/{block.prefixlen}")
    draft.route(name, Route(destination="default", device=MACHINE_INTERFACE, gateway=to_vpc, source=str(own[0])))
    return f"{interface} {to_partner}"


def connect_operator(draft: Draft, network: Network) -> None:
    """An operator connected to the VPN: a link to the first gateway replaces the VPN's own tunnel."""
    gateways = of_role(network, Role.VPN)
    if not gateways or gateways[0].name not in draft.open:
        return
    gateway = gateways[0]
    pool = addressing.vpn_pool(network, gateway.place)
    draft.machine(OPERATOR)
    draft.link(
        (OPERATOR, OPERATOR_INTERFACE),
        (gateway.name, OPERATOR_INTERFACE),
        near_addresses=(f"{pool[OPERATOR_NUMBER]}/{pool.prefixlen}",),
        far_addresses=(f"{pool[1]}/{pool.prefixlen}",),
    )
    draft.route(
        OPERATOR,
        Route(
            destination="default", device=OPERATOR_INTERFACE, gateway=str(pool[1]), source=str(pool[OPERATOR_NUMBER])
        ),
    )
