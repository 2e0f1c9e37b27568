"""Sets of senders and receivers for claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from estate.model import Role
from reachability.claims.case import Case
from reachability.declared import VPN_DEVICE
from reachability.network import INTERNET
from reachability.resources import UNKNOWN

PEERING = "aws:ec2/vpcPeeringConnection:VpcPeeringConnection"


@dataclass(frozen=True, slots=True)
class Party:
    """A set of senders or receivers. ``names``: of machines, ``internet``, ``outside <link end>``,
    ``<machine> <device>`` for the clients behind a device; ``None`` is everyone. ``a | b`` is the union,
    ``~a`` the complement.
    """

    description: str
    members: Callable[[Case], frozenset[str] | None]

    def __or__(self, other: Party) -> Party:
        def both(case: Case) -> frozenset[str] | None:
            one, two = self.members(case), other.members(case)
            return None if one is None or two is None else one | two

        return Party(f"{self.description} and {other.description}", both)

    def __invert__(self) -> Party:
        def rest(case: Case) -> frozenset[str]:
            excluded = self.members(case)
            everyone = frozenset(case.estate.senders) | frozenset(case.prover.assembly.machines)
            return frozenset() if excluded is None else everyone - excluded

        return Party(f"everyone except {self.description}", rest)


def anyone() -> Party:
    """Every machine, client, partner and the internet."""
    return Party("anyone", lambda case: None)


def internet() -> Party:
    """Every host on the internet."""
    return Party("the internet", lambda case: frozenset({INTERNET}))


def role(*roles: Role | str) -> Party:
    """The network's hosts of these roles."""
    wanted = tuple(Role(each) for each in roles)
    return Party(
        " and ".join(f"{each}s" for each in wanted), lambda case: frozenset(h.name for h in case.hosts(*wanted))
    )


def host(*names: str) -> Party:
    """Hosts, or other senders and receivers of the prover, by name."""
    return Party(" and ".join(names), lambda case: frozenset(case.prover.assembly.aliases.get(n, n) for n in names))


def own_hosts() -> Party:
    """Every host of the network."""
    return Party("the network's hosts", lambda case: frozenset(case.named))


def vpn_clients() -> Party:
    """Operators behind the network's VPN gateways."""
    return Party("the VPN's clients", lambda case: frozenset(f"{h.name} {VPN_DEVICE}" for h in case.hosts(Role.VPN)))


def vpn() -> Party:
    """The network's VPN: its gateways and the operators behind them."""
    return role(Role.VPN) | vpn_clients()


def partner(name: str) -> Party:
    """A declared partner, at its peering."""
    return Party(f"partner {name}", lambda case: partner_links(case).get(name, frozenset()))


def partners() -> Party:
    """Every declared partner."""
    return Party(
        "the partners", lambda case: frozenset(end for link_ends in partner_links(case).values() for end in link_ends)
    )


def outsides() -> Party:
    """Every external network behind a peering or tunnel."""
    return Party("the external networks", lambda case: frozenset(case.prover.assembly.outsides))


def partner_links(case: Case) -> dict[str, frozenset[str]]:
    """By declared partner: the names of the link ends of its peerings."""
    vpcs = {partner.vpc_id: name for name, partner in case.network.partners.items()}
    link_ends: dict[str, set[str]] = {name: set() for name in case.network.partners}
    keys: dict[str, str] = {}
    for resource in case.resources(PEERING):
        peer = resource.properties.get("peerVpcId")
        name = None if peer is UNKNOWN else vpcs.get(str(peer))
        if name is not None:
            ids = [resource.urn] + ([] if resource.id is UNKNOWN else [str(resource.id)])
            keys |= {f"peering {each}": name for each in ids}
    for end_name, end in case.prover.assembly.outsides.items():
        if end.key in keys:
            link_ends[keys[end.key]].add(end_name)
    return {name: frozenset(found) for name, found in link_ends.items()}
