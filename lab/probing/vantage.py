"""Where packets are sent from in a running lab, as the lab and as the prover name these places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from estate.model import Network, Role
from estate.plan import addressing
from estate.plan.hosts import hosts, of_role
from lab.netns import NAMED
from lab.paths import LabPaths
from lab.wiring import outside
from reachability import addresses
from reachability.addresses import Intervals
from reachability.claims import Estate
from reachability.claims.party import partner_links
from reachability.declared import VPN_DEVICE
from reachability.prover import Prover, Sender
from reachability.resources import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """One place and one address there. ``kind``: ``client``, ``partner``, ``operator`` or a host's role. ``foreign``:
    it is a host of another network.
    """

    name: str
    kind: str
    namespace: str
    address: str
    sender: Sender
    foreign: bool = False

    @property
    def point(self) -> int:
        """The address on the prover's axis."""
        return addresses.address(self.address)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another network that is up in the same lab, with the ``public`` addresses that lead there."""

    network: Network
    paths: LabPaths
    public: Intervals


@dataclass(frozen=True, slots=True)
class Places:
    """All vantage points, and which of those that there should be are missing, each with the reason."""

    vantages: tuple[Vantage, ...]
    left_out: tuple[str, ...]


def _clients(paths: LabPaths, prover: Prover) -> Iterator[Vantage]:
    number = int(outside.CLIENT_ADDRESS) & 0xFF
    for family, address in (("v4", str(outside.CLIENT_ADDRESS)), ("v6", f"{outside.PUBLIC_BLOCK6}{number}")):
        yield Vantage(
            name=f"client {family}",
            kind="client",
            namespace=paths.namespace(outside.CLIENT),
            address=address,
            sender=prover.internet(),
        )


def _partners(
    network: Network, paths: LabPaths, prover: Prover, resources: tuple[Resource, ...]
) -> Iterator[Vantage | str]:
    links = partner_links(Estate(prover, [network], resources).case(network))
    for name, partner in sorted(network.partners.items()):
        if not links.get(name):
            yield f"partner {name}: its peering is not in the cloud's state"
            continue
        yield Vantage(
            name=f"partner {name}",
            kind="partner",
            namespace=paths.namespace(f"partner-{name}"),
            address=str(outside.peer_addresses(partner)[0]),
            sender=prover.outside(sorted(links[name])[0]),
        )


def _operators(network: Network, paths: LabPaths, prover: Prover) -> Iterator[Vantage | str]:
    gateways = of_role(network, Role.VPN)
    for position, gateway in enumerate(gateways):
        if position or gateway.name not in prover.assembly.machines:
            yield f"operator behind {gateway.name}: the lab has its operator behind {gateways[0].name} only"
            continue
        pool = addressing.vpn_pool(network, gateway.place)
        yield Vantage(
            name=f"operator behind {gateway.name}",
            kind="operator",
            namespace=paths.namespace(outside.OPERATOR),
            address=str(pool[outside.OPERATOR_NUMBER]),
            sender=prover.pool(gateway.name, VPN_DEVICE),
        )


def _hosts(network: Network, paths: LabPaths, prover: Prover, *, foreign: bool = False) -> Iterator[Vantage | str]:
    for host in hosts(network):
        if host.name not in prover.assembly.machines:
            yield f"{host.name}: the cloud has no instance for it"
            continue
        for address in dict.fromkeys((host.address, host.management_address)):
            yield Vantage(
                name=host.name if address == host.address else f"{host.name} (management)",
                kind=host.role.value,
                namespace=paths.namespace(host.name),
                address=str(address),
                sender=prover.machine(host.name),
                foreign=foreign,
            )


def places(
    network: Network,
    paths: LabPaths,
    prover: Prover,
    resources: tuple[Resource, ...],
    neighbours: Sequence[Neighbour] = (),
) -> Places:
    """Every place in the lab from which packets can be sent. ``resources`` are the network's own."""
    found: list[Vantage] = []
    left_out: list[str] = []
    for each in (
        *_clients(paths, prover),
        *_partners(network, paths, prover, resources),
        *_operators(network, paths, prover),
        *_hosts(network, paths, prover),
        *(place for beside in neighbours for place in _hosts(beside.network, beside.paths, prover, foreign=True)),
    ):
        if isinstance(each, str):
            left_out.append(each)
        elif not (NAMED / each.namespace).exists():
            left_out.append(f"{each.name}: its namespace {each.namespace} is not there")
        else:
            found.append(each)
    return Places(tuple(found), tuple(left_out))
