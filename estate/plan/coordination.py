"""How sites sign with one key: the table in which their gates agree, its endpoints, the gates' leases."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from estate.clouds import aws
from estate.model import Network, Role
from estate.plan.hosts import Host


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One replica of the table: its region, the name in its certificate, and the addresses and port to call.

    ``addresses`` are in order of preference; there is at least one.
    """

    region: str
    host: str
    addresses: tuple[IPv4Address, ...]
    port: int


def table_names(network: Network) -> tuple[str, str]:
    """The names of the tables of heads and of signing claims; the same in every region."""
    return f"{network.name}-signing-head", f"{network.name}-signing-claims"


def endpoints(network: Network) -> tuple[Endpoint, ...]:
    """The replicas that can be called, in order of preference; none without coordination."""
    coordination = network.signing.coordination
    if coordination is None:
        return ()
    found = []
    for region, name in coordination.replicas.items():
        services = [network.services[each] for each in (name, *coordination.detours.get(region, ()))]
        addresses = tuple(each.address for each in services)
        found.append(Endpoint(region, aws.dynamodb_host(region), addresses, services[0].port))
    return tuple(found)


def multi_region(network: Network) -> bool:
    """Whether the table has several replicas, any of which may be called."""
    coordination = network.signing.coordination
    return coordination is not None and len(coordination.replicas) > 1


def signing_sites(network: Network) -> tuple[str, ...]:
    """The sites whose active signer holds the key: the coordinated sites, or the one that has custody."""
    coordination = network.signing.coordination
    return tuple(coordination.sites) if coordination else (network.signing.custody,)


def is_gated(network: Network, host: Host) -> bool:
    """Whether this host signs through a gate: the active signer of a coordinated site does."""
    coordination = network.signing.coordination
    return coordination is not None and host.role is Role.SIGNER and host.active and host.place in coordination.sites


def lease_of(network: Network, host: Host) -> str | None:
    """The lease by which this host's gate calls the table; ``None`` where no gate runs."""
    coordination = network.signing.coordination
    return coordination.sites[host.place] if coordination and is_gated(network, host) else None


def gate_leases(network: Network) -> frozenset[str]:
    """The leases for gates only."""
    coordination = network.signing.coordination
    return frozenset(coordination.sites.values()) if coordination else frozenset()


def may_take(network: Network, host: Host, lease: str) -> bool:
    """Whether this host may take a declared lease: one of its role's, and of the gates' only its own."""
    of_its_role = host.role in network.leases[lease].roles
    return of_its_role and (lease not in gate_leases(network) or lease == lease_of(network, host))
