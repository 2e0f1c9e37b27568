"""A host's nftables ruleset, from the topology and nothing else. Pure: the same declaration gives the same text, byte
for byte.

Beside the topology's flows a ruleset has only what the network itself needs: loopback, answers, ICMP errors and
neighbour discovery, in the cloud DHCP and the instance's metadata (for root), between edges VRRP, to the tunnels' far
ends ESP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from configuration import interfaces
from configuration.rendering import render
from estate.model import Network, Role
from estate.plan import addressing, tunnels
from estate.plan.hosts import Host, hosts
from estate.plan.topology import BGP_PORT, EVERYWHERE, NOT_INTERNET, SSH_PORT, Rule, Topology

TEMPLATE = "firewall/nftables.conf.j2"
PATH = "/etc/nftables.conf"
"""Where a host keeps its ruleset; ``nftables.service`` loads it before the network is up."""

LOG_GROUP = 1
"""The netlink group on which dropped packets are logged; ulogd writes it to the system log."""

PRIVATE = IPv4Network("10.0.0.0/8")
METADATA = IPv4Address("169.254.169.254")
ESP, VRRP = 50, 112
"""Protocol numbers; a host need not have a table of their names."""


@dataclass(frozen=True, kw_only=True)
class Accept:
    """One rule that lets connections through: what it matches, and the counter that it adds to."""

    match: str
    counter: str
    comment: str = ""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One rule that stops what could only be forged or misrouted."""

    match: str
    counter: str


def _addresses(addresses: Iterable[IPv4Address | IPv4Network]) -> str:
    """An nftables address, or an anonymous set of them, in numeric order."""
    networks = sorted({each if isinstance(each, IPv4Network) else IPv4Network(each) for each in addresses})
    texts = [str(each.network_address) if each.prefixlen == 32 else str(each) for each in networks]
    return texts[0] if len(texts) == 1 else "{ " + ", ".join(texts) + " }"


def _names(names: Iterable[str]) -> str:
    quoted = [f'"{name}"' for name in sorted(set(names))]
    return quoted[0] if len(quoted) == 1 else "{ " + ", ".join(quoted) + " }"


def _ports(ports: tuple[int, int]) -> str:
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"


def _match(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _with(keyword: str, addresses: Iterable[IPv4Network]) -> str:
    """``keyword`` and the addresses; nothing where they are all there are."""
    chosen = tuple(addresses)
    return "" if EVERYWHERE in chosen else f"{keyword} {_addresses(chosen)}"


def _is_bgp(rule: Rule) -> bool:
    return rule.ports == (BGP_PORT,) * 2


def _input(topology: Topology, host: Host) -> list[Accept]:
    network, accepts = topology.network, []
    ours = tunnels.of_edge(network, host) if host.role is Role.EDGE else ()
    for rule in topology.inbound(host):
        if ours and _is_bgp(rule):
            interface, own = _names(each.interface for each in ours), _addresses(each.edge_address for each in ours)
        elif rule.management:
            names = [interfaces.management_interface(network, host), *(each.interface for each in ours)]
            interface, own = _names(names), str(host.management_address)
        else:
            interface, own = _names([interfaces.service_interface(network, host)]), str(host.address)
        accepts.append(
            Accept(
                match=_match(
                    f"iifname {interface}",
                    _with("ip saddr", rule.addresses),
                    f"ip daddr {own}",
                    f"{rule.protocol} dport {_ports(rule.ports)}",
                ),
                counter=f"in-{rule.flow}",
            )
        )
    return accepts


def _output(topology: Topology, host: Host) -> list[Accept]:
    network, accepts = topology.network, []
    ours = tunnels.of_edge(network, host) if host.role is Role.EDGE else ()
    for rule in topology.outbound(host):
        through = f"oifname {_names(each.interface for each in ours)}" if ours and _is_bgp(rule) else ""
        accepts.append(
            Accept(
                match=_match(through, _with("ip daddr", rule.addresses), f"{rule.protocol} dport {_ports(rule.ports)}"),
                counter=f"out-{rule.flow}",
            )
        )
    return accepts


def _cloud_essentials() -> tuple[list[Accept], list[Accept]]:
    interface = f'"{interfaces.CLOUD_INTERFACE}"'
    return (
        [Accept(match=f"iifname {interface} udp sport 67 udp dport 68", counter="in-dhcp")],
        [
            Accept(match=f"oifname {interface} udp sport 68 udp dport 67", counter="out-dhcp"),
            Accept(match=f"meta skuid 0 ip daddr {METADATA} tcp dport 80", counter="out-instance-metadata"),
        ],
    )


def tunnel_ends(edge: Host, inventory: Mapping[str, Any]) -> tuple[IPv4Address, ...]:
    """The outside addresses of the cloud's ends of an edge's tunnels, as the stack reports them."""
    regions = inventory.get("links", {}).get(edge.place, {})
    return tuple(
        sorted(
            IPv4Address(tunnel["outside_address"])
            for region in regions.values()
            for tunnel in region.get(str(edge.number), ())
        )
    )


def _edge_essentials(network: Network, edge: Host, inventory: Mapping[str, Any]) -> tuple[list[Accept], list[Accept]]:
    inward, outward = [], []
    others = interfaces.other_edges(edge, hosts(network))
    for port in interfaces.zone_ports(network, edge) if others else ():
        theirs = _addresses(
            addressing.edge_zone_address(network, edge.place, port.zone, other.number) for other in others
        )
        inward.append(
            Accept(
                match=f'iifname "{port.interface}" ip saddr {theirs} ip daddr {port.address.ip} ip protocol {VRRP}',
                counter="in-vrrp",
            )
        )
        outward.append(
            Accept(
                match=f'oifname "{port.interface}" ip saddr {port.address.ip} ip daddr {theirs} ip protocol {VRRP}',
                counter="out-vrrp",
            )
        )
    ends = tunnel_ends(edge, inventory)
    if ends:
        uplink, far = interfaces.uplink_interface(network, edge.place), _addresses(ends)
        inward.append(
            Accept(
                match=f'iifname "{uplink}" ip saddr {far} ip daddr {edge.public_address} ip protocol {ESP}',
                counter="in-esp",
            )
        )
        outward.append(
            Accept(
                match=f'oifname "{uplink}" ip saddr {edge.public_address} ip daddr {far} ip protocol {ESP}',
                counter="out-esp",
            )
        )
    return inward, outward


def _edge_refusals(network: Network, edge: Host) -> list[Refusal]:
    """What an edge never forwards: a packet whose sender or recipient cannot be where its interface leads."""
    site = addressing.site_block(network, edge.place)
    uplink = interfaces.uplink_interface(network, edge.place)
    ours = tunnels.of_edge(network, edge)
    names = _names(each.interface for each in ours) if ours else ""
    regions = _addresses(interfaces.region_blocks(network))
    refusals = [
        Refusal(match=f'iifname "{port.interface}" ip saddr != {port.address.network}', counter="forged-from-zone")
        for port in interfaces.zone_ports(network, edge)
        if port.interface != uplink
    ]
    if ours:
        refusals += [
            Refusal(match=f"iifname {names} ip saddr != {regions}", counter="forged-from-tunnel"),
            Refusal(match=f"oifname {names} ip saddr != {site}", counter="stray-to-tunnel"),
        ]
    private = _addresses(NOT_INTERNET)
    return [
        *refusals,
        Refusal(match=f'iifname "{uplink}" ip saddr {private}', counter="forged-from-uplink"),
        Refusal(match=f'oifname "{uplink}" ip daddr {private}', counter="stray-to-uplink"),
    ]


def _edge_forward(topology: Topology, edge: Host) -> list[Accept]:
    return [
        Accept(
            match=_match(
                _with("ip saddr", rule.sources),
                _with("ip daddr", rule.destinations),
                f"{rule.protocol} dport {_ports(rule.ports)}",
            ),
            counter=f"forward-{rule.flow}",
        )
        for rule in topology.forwarded(edge.place)
    ]


def _edge_translation(network: Network, edge: Host) -> list[str]:
    """The site leaves by the edge's public address, but never as that to the estate or to a partner."""
    kept = [PRIVATE, *(cidr for partner in network.partners.values() for cidr in partner.cidrs)]
    uplink = interfaces.uplink_interface(network, edge.place)
    site = addressing.site_block(network, edge.place)
    return [f'oifname "{uplink}" ip saddr {site} ip daddr != {_addresses(kept)} snat ip to {edge.public_address}']


def _vpn_rules(topology: Topology, gateway: Host) -> tuple[list[Accept], list[Accept], list[str]]:
    """Input, forwarding and translation for the operators behind a VPN gateway: SSH to hosts, in the gateway's name."""
    tunnel = f'iifname "{interfaces.VPN_INTERFACE}"'
    pool = addressing.vpn_pool(topology.network, gateway.place)
    ssh = f"tcp dport {SSH_PORT}"
    reachable = [rule for rule in topology.outbound(gateway) if rule.flow == "ssh-vpn"]
    inward = [
        Accept(
            match=f"{tunnel} ip saddr {pool} ip daddr {gateway.management_address} {ssh}", counter="in-ssh-operators"
        )
    ]
    forward = [
        Accept(
            match=f"{tunnel} ip saddr {pool} ip daddr {_addresses(rule.addresses)} {ssh}",
            counter="forward-ssh-operators",
        )
        for rule in reachable
    ]
    return inward, forward, [f'oifname "{interfaces.CLOUD_INTERFACE}" ip saddr {pool} masquerade']


def rulesets(network: Network, inventory: Mapping[str, Any]) -> dict[str, str]:
    """By host name: the ruleset of every host of ``network``, as ``ruleset`` gives it for one."""
    topology = Topology(network)
    return {host.name: _ruleset(topology, host, inventory) for host in topology.hosts}


def ruleset(network: Network, host: Host, inventory: Mapping[str, Any]) -> str:
    """The whole ruleset of ``host``; ``inventory``, the stack's output, adds the far ends of an edge's tunnels."""
    return _ruleset(Topology(network), host, inventory)


def _ruleset(topology: Topology, host: Host, inventory: Mapping[str, Any]) -> str:
    network = topology.network
    inward, outward = _input(topology, host), _output(topology, host)
    forward: list[Accept] = []
    refusals: list[Refusal] = []
    translation: list[str] = []
    if host.in_cloud:
        more_in, more_out = _cloud_essentials()
        inward, outward = inward + more_in, outward + more_out
    if host.role is Role.EDGE:
        more_in, more_out = _edge_essentials(network, host, inventory)
        inward, outward = inward + more_in, outward + more_out
        forward, refusals, translation = (
            _edge_forward(topology, host),
            _edge_refusals(network, host),
            _edge_translation(network, host),
        )
    if host.role is Role.VPN:
        more_in, forward, translation = _vpn_rules(topology, host)
        inward = inward + more_in
    rules: tuple[Accept | Refusal, ...] = (*inward, *outward, *forward, *refusals)
    counters = sorted({each.counter for each in rules})
    return render(
        TEMPLATE,
        host=host.name,
        network=network.name,
        inward=inward,
        outward=outward,
        forward=forward,
        refusals=refusals,
        translation=translation,
        counters=counters,
        log_group=LOG_GROUP,
    )
