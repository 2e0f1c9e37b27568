"""A host's nftables ruleset, from the topology and nothing else. Pure: the same declaration gives the same text, byte
for byte.

Besides the topology's flows a ruleset permits only what a host needs to work at all: loopback, answers, ICMP errors and
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
from estate.plan import addressing, essentials, naming, tunnels
from estate.plan.essentials import Essential, Need
from estate.plan.hosts import Host
from estate.plan.topology import BGP_PORT, EVERYWHERE, NOT_INTERNET, SSH_PORT, Rule, Topology

TEMPLATE = "firewall/nftables.conf.j2"
PATH = "/etc/nftables.conf"
"""The host's ruleset; ``nftables.service`` loads it before the network is up."""

LOG_GROUP = 1
"""The netlink group on which dropped packets are logged; ulogd writes it to the system log."""

PRIVATE = IPv4Network("10.0.0.0/8")
PROTOCOLS = {"esp": 50, "vrrp": 112}
"""Protocols without ports, by number, because a host may lack a table of their names."""


@dataclass(frozen=True, kw_only=True)
class Accept:
    """One rule that lets connections through: what it matches, and the counter that it adds to."""

    match: str
    counter: str
    comment: str = ""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One rule that drops what can only be forged or misrouted."""

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
    """``keyword`` and the addresses; empty where they are all addresses."""
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


def _interface(network: Network, host: Host, essential: Essential) -> str:
    """Where an essential comes in and goes out; empty where the rule need not say."""
    if essential.zone is not None:
        return naming.bond_interface(network.sites[host.place].zones[essential.zone].vlan)
    if essential.need is Need.ESP:
        return interfaces.uplink_interface(network, host.place)
    return interfaces.CLOUD_INTERFACE if essential.need is Need.DHCP else ""


def _essentials(network: Network, host: Host, inventory: Mapping[str, Any]) -> tuple[list[Accept], list[Accept]]:
    """What a host must exchange beside the flows, inward and outward; ESP only with reported ends of tunnels."""
    inward, outward = [], []
    for each in essentials.of_host(network, host):
        ends = tunnel_ends(host, inventory) if each.need is Need.ESP else None
        if ends == ():
            continue
        peers = each.peers if ends is None else tuple(IPv4Network(end) for end in ends)
        if peers == ():
            continue
        theirs = _addresses(peers) if peers else ""
        interface = _interface(network, host, each)
        number = f"ip protocol {PROTOCOLS[each.protocol]}" if each.protocol in PROTOCOLS else ""
        if each.inbound:
            match = _match(
                f'iifname "{interface}"' if interface else "",
                f"ip saddr {theirs}" if theirs else "",
                f"ip daddr {each.own_address}" if each.own_address else "",
                f"{each.protocol} sport {each.port}" if each.port else "",
                f"{each.protocol} dport {each.own_port}" if each.own_port else "",
                number,
            )
            inward.append(Accept(match=match, counter=f"in-{each.need}"))
        if each.outbound:
            match = _match(
                "meta skuid 0" if each.root_only else "",
                f'oifname "{interface}"' if interface else "",
                f"ip saddr {each.own_address}" if each.own_address else "",
                f"ip daddr {theirs}" if theirs else "",
                f"{each.protocol} sport {each.own_port}" if each.own_port else "",
                f"{each.protocol} dport {each.port}" if each.port else "",
                number,
            )
            outward.append(Accept(match=match, counter=f"out-{each.need}"))
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
    """The site's traffic to the internet has the edge's public address; to the estate or a partner it keeps its own."""
    kept = [PRIVATE, *(cidr for partner in network.partners.values() for cidr in partner.cidrs)]
    uplink = interfaces.uplink_interface(network, edge.place)
    site = addressing.site_block(network, edge.place)
    return [f'oifname "{uplink}" ip saddr {site} ip daddr != {_addresses(kept)} snat ip to {edge.public_address}']


def _vpn_rules(topology: Topology, gateway: Host) -> tuple[list[Accept], list[Accept], list[str]]:
    """Input, forwarding and translation for operators behind a VPN gateway: SSH to hosts, from its address."""
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
    more_in, more_out = _essentials(network, host, inventory)
    inward, outward = inward + more_in, outward + more_out
    if host.role is Role.EDGE:
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
