"""The names that the lab's resolver answers: those that the cloud's DNS zone holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address

from estate.model import Network
from lab.clouds.store import Resource, Store
from lab.paths import LabPaths
from lab.wiring.cloud.read import read

RECORD = "aws:route53/record:Record"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"

Records = dict[str, tuple[IPv4Address, ...]]


def _balancers(resources: Iterable[Resource]) -> Records:
    """The public addresses of each load balancer's nodes, by its DNS name."""
    found = list(resources)
    names = {each.id: str(each.properties["dnsName"]).lower() for each in found if each.type == BALANCER}
    addresses: dict[str, list[IPv4Address]] = defaultdict(list)
    for interface in read(found).interfaces if names else ():
        if interface.owner in names and interface.public:
            addresses[names[interface.owner]].append(interface.public)
    return {name: tuple(sorted(each)) for name, each in addresses.items()}


def answers(resources: Iterable[Resource]) -> Records:
    """What each name of an A record resolves to, load balancers' aliases followed. Pure."""
    found = list(resources)
    balancers = _balancers(found)
    answered: dict[str, set[IPv4Address]] = defaultdict(set)
    for each in found:
        if each.type != RECORD or each.properties.get("type") != "A":
            continue
        name = str(each.properties["fqdn"]).rstrip(".").lower()
        for value in each.properties.get("records") or []:
            try:
                answered[name].add(IPv4Address(value))
            except AddressValueError:
                continue
        for alias in each.properties.get("aliases") or []:
            answered[name] |= set(balancers.get(str(alias["name"]).rstrip(".").lower().removeprefix("dualstack."), ()))
    return {name: tuple(sorted(each)) for name, each in sorted(answered.items()) if each}


def records(paths: LabPaths, network: Network) -> Records:
    """The names of the lab's cloud, if it has been brought up."""
    if not paths.cloud_state.exists():
        return {}
    with Store(paths.cloud_state) as store:
        found = answers(store.resources())
    return {name: each for name, each in found.items() if name.endswith(network.endpoints.dns_zone)}
