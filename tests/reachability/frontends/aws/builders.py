"""AWS resources as Pulumi's state has them, and questions to what they compile to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from reachability import services
from reachability.addresses import Intervals, address, block
from reachability.assembly import assemble
from reachability.frontends.sites import Server, Site, TunnelEnd
from reachability.packet import Packet
from reachability.prover import Prover, Sender
from reachability.resources import UNKNOWN, Resource
from reachability.subject import Subject

REGION = "eu-central-1"
CLIENT = address("198.51.100.7")
CLIENT_V6 = address("2001:db8:ffff::7")


def resource(type_: str, name: str, **properties: Any) -> Resource:
    """``aws:<type_>`` with an id and an ARN made of its type and name, unless ``id`` or ``arn`` are given."""
    noun = type_.rsplit("/", 1)[-1]
    token = f"aws:{type_}:{noun[0].upper()}{noun[1:]}"
    id_ = properties.pop("id", f"{noun.lower()}-{name}")
    references = properties.pop("references", {})
    region = properties.setdefault("region", REGION)
    properties.setdefault("arn", f"arn:aws:{type_.split('/')[0]}:{region}:1:{noun.lower()}/{name}")
    return Resource(f"urn:pulumi:test::estate::{token}::{name}", token, name, id_, properties, references)


def vpc(name: str = "net", cidr: str = "10.0.0.0/16", **more: Any) -> Resource:
    return resource("ec2/vpc", name, cidrBlock=cidr, **more)


def subnet(
    of: Resource, name: str = "a", cidr: str = "10.0.1.0/24", zone: str = "eu-central-1a", **more: Any
) -> Resource:
    more.setdefault("region", of.properties["region"])
    return resource("ec2/subnet", name, vpcId=of.id, cidrBlock=cidr, availabilityZone=zone, **more)


def group(of: Resource, name: str = "open", **more: Any) -> Resource:
    """A security group; open both ways unless ``ingress`` or ``egress`` say otherwise."""
    more.setdefault("region", of.properties["region"])
    more.setdefault("ingress", [everything()])
    more.setdefault("egress", [everything()])
    return resource("ec2/securityGroup", name, vpcId=of.id, **more)


def everything(**more: Any) -> dict[str, Any]:
    given = {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"], "ipv6CidrBlocks": ["::/0"]}
    return given | more


def entry(port: int, protocol: str = "tcp", **more: Any) -> dict[str, Any]:
    """An inline rule of a security group for one port."""
    return {"protocol": protocol, "fromPort": port, "toPort": port} | more


def instance(on: Resource, name: str, ip: Any, groups: Sequence[Any] = (), **more: Any) -> Resource:
    more.setdefault("region", on.properties["region"])
    if ip is not None:
        more["privateIp"] = ip
    ids = [each.id if isinstance(each, Resource) else each for each in groups]
    return resource("ec2/instance", name, subnetId=on.id, vpcSecurityGroupIds=ids, **more)


def elastic(name: str, ip: str, **more: Any) -> Resource:
    return resource("ec2/eip", name, publicIp=ip, **more)


def table(of: Resource, name: str = "routes", routes: Sequence[dict[str, Any]] = (), **more: Any) -> Resource:
    return resource("ec2/routeTable", name, vpcId=of.id, routes=list(routes), **more)


def associated(with_: Resource, on: Resource) -> Resource:
    return resource("ec2/routeTableAssociation", f"{with_.name}-{on.name}", routeTableId=with_.id, subnetId=on.id)


def route(of: Resource, name: str, to: str, **target: Any) -> Resource:
    family = "destinationIpv6CidrBlock" if ":" in to else "destinationCidrBlock"
    return resource("ec2/route", name, routeTableId=of.id, **{family: to}, **target)


def internet_gateway(of: Resource, name: str = "igw", **more: Any) -> Resource:
    return resource("ec2/internetGateway", name, vpcId=of.id, **more)


def public(of: Resource, *subnets: Resource) -> list[Resource]:
    """An internet gateway and a table that leads to it, for some subnets."""
    gateway = internet_gateway(of, f"{of.name}-igw")
    routes = [{"cidrBlock": "0.0.0.0/0", "gatewayId": gateway.id}, {"ipv6CidrBlock": "::/0", "gatewayId": gateway.id}]
    outward = table(of, f"{of.name}-public", routes)
    return [gateway, outward, *(associated(outward, each) for each in subnets)]


def tcp(port: int) -> int:
    return services.of(services.TCP, port)[0]


def udp(port: int) -> int:
    return services.of(services.UDP, port)[0]


def _flat(given: Any) -> Iterator[Resource]:
    if isinstance(given, Resource):
        yield given
    else:
        for each in given:
            yield from _flat(each)


class Estate:
    """Resources, assembled, and questions to them."""

    def __init__(
        self, *resources: Resource | Iterable[Resource], announced: dict[str, Intervals] | None = None
    ) -> None:
        flat = list(_flat(resources))
        sites = tuple(
            Site(
                f"site {number}",
                (),
                (Server(f"edge {number}", (), (), forwards=True, tunnels=(TunnelEnd("t0", key, (), 0),)),),
                intervals,
            )
            for number, (key, intervals) in enumerate((announced or {}).items())
        )
        self.assembly = assemble(Subject(resources=tuple(flat), sites=sites))
        self.prover = Prover(self.assembly)

    @property
    def unmodelled(self) -> tuple[str, ...]:
        return self.assembly.unmodelled

    def sender(self, name: str) -> Sender:
        if name == "internet":
            return self.prover.internet()
        return self.prover.outside(name) if name.startswith("outside ") else self.prover.machine(name)

    def trace(
        self,
        sender: str,
        to: str,
        service: int,
        source: str | int | None = None,
        *,
        may: bool = True,
        spoof: bool = False,
    ):
        """The way of a packet from a sender to an address."""
        who = self.prover.machine(sender, spoof=True) if spoof else self.sender(sender)
        destination = address(to)
        if source is None and sender == "internet":
            point = CLIENT_V6 if ":" in to else CLIENT
        elif source is None:
            v6 = ":" in to
            point = next(low for low, _ in who.sources if (low >= 1 << 128) is v6)
        else:
            point = source if isinstance(source, int) else address(source)
        return self.prover.trace(who, Packet(point, destination, service), may=may)

    def outcome(
        self, sender: str, to: str, service: int = tcp(443), source: str | int | None = None, **more: Any
    ) -> str:
        """``delivered to <name>``, ``dropped by <setting>`` or ``not modelled: <reason>``."""
        found = self.trace(sender, to, service, source, **more)
        if found.outcome == "delivered":
            return f"delivered to {found.to.rsplit('::', 1)[-1]}"
        if found.outcome == "dropped":
            return f"dropped by {found.hops[-1].decided_by}" if found.hops else f"dropped: {found.reason}"
        return f"not modelled: {found.reason}"

    def reply(self, sender: str, to: str, service: int = tcp(443), source: str | None = None) -> str:
        return self.prover.reply(self.trace(sender, to, service, source))

    def reached(self, sender: str, **more: Any) -> dict[str, list[str]]:
        """By name of what is reached: the services as sent."""
        found: dict[str, list[str]] = {}
        for arrival in self.prover.arrivals(self.sender(sender), **more):
            name = arrival.to.rsplit("::", 1)[-1]
            for low, high in arrival.services():
                shown = services.text(low) if low == high else f"{services.text(low)} to {services.text(high)}"
                found.setdefault(name, []).append(shown)
        return found


COMPUTED = ("arn", "defaultRouteTableId", "defaultNetworkAclId", "publicIp", "dnsName", "primaryNetworkInterfaceId")
"""What the cloud decides, and others may refer to."""


def previewed(resources: Iterable[Resource]) -> list[Resource]:
    """The same resources before anything exists: ids unknown, and what refers to them known only by dependency."""
    resources = list(resources)
    owners: dict[str, str] = {}
    for each in resources:
        for key in (each.id, *(each.properties.get(name) for name in COMPUTED)):
            owners.setdefault(key, each.urn)
    made = []
    for each in resources:
        properties, references = {}, {}
        for name, value in each.properties.items():
            if name in COMPUTED and not name.startswith("default"):
                properties[name] = UNKNOWN
                continue
            urns: list[str] = []
            properties[name] = _unknown(value, owners, urns)
            if urns:
                references[name] = tuple(dict.fromkeys(urns))
        made.append(Resource(each.urn, each.type, each.name, UNKNOWN, properties, references))
    return made


def _unknown(value: Any, owners: dict[str, str], urns: list[str]) -> Any:
    if isinstance(value, str) and value in owners:
        urns.append(owners[value])
        return UNKNOWN
    if isinstance(value, list):
        return [_unknown(each, owners, urns) for each in value]
    if isinstance(value, dict):
        return {key: _unknown(each, owners, urns) for key, each in value.items()}
    return value


def cidr(text: str) -> Intervals:
    return (block(text),)
