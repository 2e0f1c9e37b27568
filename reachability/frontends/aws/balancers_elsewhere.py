"""Load balancers that are not among the resources, but that the resources say may send to an interface.

What says so: the attachment of a target to a target group of another stack, a target group to which no listener among
the resources forwards, a listener or rule of a load balancer of another stack, and a rule of a security group that
admits a group of another stack, which may be a load balancer's. Which clients such a balancer hears, and at which port,
is unknown: it has an address on the internet, if its VPC is connected, and one in the VPC, and what is sent there may
arrive at the interface. Nothing else becomes unknown by it.
"""

from __future__ import annotations

from collections.abc import Iterable

from reachability import services
from reachability.addresses import V6, Intervals, intersection
from reachability.frontends.aws import stand_ins
from reachability.frontends.aws.cloud import Cloud, Nic, Vpc
from reachability.frontends.aws.gateways import INTERNET_GATEWAY
from reachability.network import Match, Route, Translate, Translation, Unmodelled

TYPES = ()
TRANSPORT: Intervals = (services.of(services.TCP), services.of(services.UDP))


def note(cloud: Cloud, nics: Iterable[Nic], port: int | None, origin: str, why: str) -> None:
    """Notes that a load balancer elsewhere may send to interfaces, at ``port`` (``None``: any). ``why``: a sentence
    about the resource ``origin`` that says so."""
    heard = TRANSPORT if port is None else tuple(services.of(each, port, port) for each in (services.TCP, services.UDP))
    for nic in nics:
        cloud.balanced_elsewhere.setdefault(nic, []).append((heard, f"{origin}: {why}"))


def compile(cloud: Cloud) -> None:
    """Adds the load balancers elsewhere. Must run after the rules of security groups, and before VPCs."""
    for group in {id(each): each for each in cloud.groups.values()}.values():
        for name, wanted, origin in group.strangers:
            why = f"it admits {name}, which is not among the resources and may be of a load balancer"
            for nic in group.members:
                cloud.balanced_elsewhere.setdefault(nic, []).append((wanted or services.ANY, f"{origin}: {why}"))
    for nic, noted in cloud.balanced_elsewhere.items():
        reasons = [why for heard, why in noted if _admits(nic, heard)]
        inside = next((point for point in nic.addresses if point < V6), None)
        if reasons and inside is not None:
            _compile(cloud, nic, inside, "; ".join(dict.fromkeys(reasons)))


def _admits(nic: Nic, heard: Intervals) -> bool:
    """Whether some rule of the interface's groups admits something at these services, from anywhere."""
    if not nic.filtered:
        return True
    return any(
        bool(intersection(services.ANY if rule.match.services is None else rule.match.services, heard))
        for group in nic.groups
        for rule in group.ingress
    )


def _compile(cloud: Cloud, nic: Nic, own: int, reason: str) -> None:
    stages, vpc, origin = cloud.fragment.stages, nic.subnet.vpc, nic.resource.urn
    name = f"a load balancer elsewhere, to {nic.label}"
    unknown, stage = f"{name}: unknown", f"{name}: listeners"
    stages[unknown] = Unmodelled(f"{reason}; what such a load balancer sends to {nic.label} is unknown", origin, True)
    points = [stand_ins.in_vpc(cloud, vpc, nic.subnet)]
    vpc.elsewhere = (*vpc.elsewhere, Route((points[0], points[0]), (stage,), name, origin))
    if _connected(cloud, vpc):
        points.append(stand_ins.public_address(cloud, name))
        cloud.fragment.public.append(Route((points[1], points[1]), (stage,), name, origin))
    match = Match(destinations=tuple(sorted((point, point) for point in points)), services=TRANSPORT)
    stages[stage] = Translate(
        name, name, (Translation(match, unknown, name, destination=own, origin=origin),), None, origin
    )


def _connected(cloud: Cloud, vpc: Vpc) -> bool:
    """Whether the VPC has, or may have, an internet gateway."""
    own = (cloud.attached.get(each.urn) for each in cloud.index.of(INTERNET_GATEWAY))
    return vpc.unseen or vpc in cloud.adopted or any(each is vpc for each in own)
