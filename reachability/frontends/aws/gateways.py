"""Internet gateways, egress-only gateways and NAT gateways.

Sources: the VPC user guide's "Internet gateways" (a one-to-one translation of IPv4 addresses, none of IPv6),
"Egress-only internet gateways" (stateful, outbound only) and "NAT gateways" (public and private; no inbound
connections; the ACL of the gateway's subnet applies, no group does; its packets follow that subnet's route table).
"""

from __future__ import annotations

from reachability import services
from reachability.addresses import ALL_V4, ALL_V6, V6
from reachability.frontends.aws import elastic_addresses, interfaces, stand_ins
from reachability.frontends.aws.cloud import Cloud, Nic, Vpc
from reachability.frontends.aws.index import Malformed, given, says
from reachability.frontends.aws.vpcs import SUBNETS, known, vpc_of
from reachability.network import (
    INTERNET,
    Action,
    Blocked,
    Chain,
    Check,
    Match,
    Route,
    Rule,
    Translate,
    Translation,
    Unmodelled,
)
from reachability.resources import UNKNOWN, Resource

INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway"
INTERNET_ATTACHMENT = "aws:ec2/internetGatewayAttachment:InternetGatewayAttachment"
EGRESS_ONLY = "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway"
NAT = "aws:ec2/natGateway:NatGateway"
TRANSLATED = tuple(services.of(number) for number in (services.ICMP, services.TCP, services.UDP))
"""The services that a NAT gateway translates (VPC user guide, NAT gateway basics)."""
TYPES = (INTERNET_GATEWAY, INTERNET_ATTACHMENT, EGRESS_ONLY, NAT)


def read(cloud: Cloud) -> None:
    """Reads the attachments of gateways, and the interfaces of NAT gateways."""
    index = cloud.index
    for resource in index.of(INTERNET_GATEWAY, EGRESS_ONLY):
        with index.reading(resource):
            if says(given(resource, "vpcId")):
                cloud.attached[resource.urn] = vpc_of(cloud, resource)
    for resource in index.of(INTERNET_ATTACHMENT):
        with index.reading(resource):
            gateway = index.need(resource, "internetGatewayId", INTERNET_GATEWAY)
            cloud.attached[gateway.urn] = vpc_of(cloud, resource)
    for resource in index.of(NAT):
        with index.reading(resource):
            _read_nat(cloud, resource)


def _read_nat(cloud: Cloud, resource: Resource) -> None:
    properties = resource.properties
    if properties.get("availabilityMode") == "regional":
        raise Malformed("regional NAT gateways are not modelled")
    subnet = known(cloud.subnets, cloud.index.need(resource, "subnetId", *SUBNETS))
    more = given(resource, "secondaryPrivateIpAddresses", [])
    count = given(resource, "secondaryPrivateIpAddressCount")
    addresses = interfaces.private_addresses(
        cloud,
        subnet,
        [given(resource, "privateIp"), *([UNKNOWN] if more is UNKNOWN else more)],
        [],
        count,
        0,
    )
    label = cloud.index.label(resource)
    cloud.index.alias(properties.get("networkInterfaceId"), resource)
    nic = Nic(label, resource, subnet, addresses, f"NAT gateway {label} answers", filtered=False, checked=False)
    if properties.get("connectivityType") != "private":
        found = cloud.index.find(resource, "allocationId", elastic_addresses.EIP)
        others = cloud.index.find(
            resource,
            "secondaryAllocationIds",
            elastic_addresses.EIP,
            value=given(resource, "secondaryAllocationIds", []),
        )
        public = [elastic_addresses.value(cloud, each) for each in (*found.resources, *others.resources)]
        if not public:
            public = [stand_ins.public_address(cloud, resource.urn)]
        for private, address in zip(addresses, public, strict=False):
            nic.public[private] = [address]
    interfaces.add(cloud, resource, nic)


def adopt(cloud: Cloud, id_: str, vpc: Vpc) -> bool:
    """Takes an internet gateway that is not among the resources, but to which a route of a VPC leads, for the one
    attached to it: AWS accepts no route to another. ``False`` if the VPC, or that gateway, has another already.
    """
    others = [urn for urn, owner in cloud.attached.items() if owner is vpc and urn in _internet(cloud)]
    if others or cloud.adopted.get(vpc, id_) != id_ or cloud.adopted.get(vpc) is None and id_ in cloud.adopted.values():
        return False
    cloud.adopted[vpc] = id_
    return True


def _internet(cloud: Cloud) -> set[str]:
    return {each.urn for each in cloud.index.of(INTERNET_GATEWAY)}


def stage_of(label: str) -> str:
    """The stage for packets to an internet gateway, by its label."""
    return f"internet gateway {label} out"


def internet_stage(cloud: Cloud, gateway: Resource, vpc: Vpc) -> str:
    """The stage for packets of a VPC to an internet gateway."""
    return _out(cloud, gateway, vpc, stage_of(cloud.index.label(gateway)))


def egress_only_stage(cloud: Cloud, gateway: Resource, vpc: Vpc) -> str:
    """The stage for packets of a VPC to an egress-only gateway."""
    return _out(cloud, gateway, vpc, f"egress-only gateway {cloud.index.label(gateway)} out")


def _out(cloud: Cloud, gateway: Resource, vpc: Vpc, stage: str) -> str:
    if cloud.attached.get(gateway.urn) is vpc:
        return stage
    label = cloud.index.label(gateway)
    elsewhere = f"{label} from {vpc.label}"
    cloud.fragment.stages[elsewhere] = Blocked(f"{label} is not attached to {vpc.label}", gateway.urn)
    return elsewhere


def nat_stage(cloud: Cloud, gateway: Resource) -> str:
    """The stage for packets of another subnet to a NAT gateway: before the ACL of the gateway's subnet."""
    if gateway.urn not in cloud.nics:
        raise Malformed(f"its target {gateway.urn} could not be read")
    return f"NAT gateway {cloud.index.label(gateway)} entering"


def entry(cloud: Cloud, gateway: Resource) -> str:
    """The stage for packets that enter through a gateway: at the gateway's own table, or at the VPC."""
    table = cloud.edge_tables.get(gateway.urn)
    return table.stage if table is not None else cloud.attached[gateway.urn].stage


def compile(cloud: Cloud) -> None:
    """Compiles the stages and the routes to public addresses. Must run after interfaces have their addresses."""
    index = cloud.index
    by_vpc: dict[Vpc, list[Nic]] = {}
    for nic in dict.fromkeys(nic for nics in cloud.nics.values() for nic in nics if nic.public):
        by_vpc.setdefault(nic.subnet.vpc, []).append(nic)
    connected: set[Vpc] = set()
    for resource in index.of(INTERNET_GATEWAY):
        vpc = cloud.attached.get(resource.urn)
        if vpc is not None:
            connected.add(vpc)
            label, inside = index.label(resource), entry(cloud, resource)
            doubt = cloud.doubted.get(resource.urn, "")
            _compile_internet(cloud, label, resource.urn, inside, doubt, vpc, by_vpc.get(vpc, []))
    for vpc, id_ in cloud.adopted.items():
        connected.add(vpc)
        _compile_internet(cloud, id_, vpc.resource.urn, vpc.stage, "", vpc, by_vpc.get(vpc, []))
    for vpc in dict.fromkeys(subnet.vpc for subnet in cloud.unseen_subnets.values()):
        if vpc not in connected:
            connected.add(vpc)
            doubt = f"whether {vpc.label} has an internet gateway is unknown: parts of it are not among the resources"
            id_ = f"of {vpc.label} (unknown)"
            _compile_internet(cloud, id_, vpc.resource.urn, vpc.stage, doubt, vpc, by_vpc.get(vpc, []))
    for resource in index.of(EGRESS_ONLY):
        if resource.urn in cloud.attached:
            _compile_egress_only(cloud, resource, cloud.attached[resource.urn], connected)
    for resource in index.of(NAT):
        for nic in cloud.nics.get(resource.urn, ()):
            _compile_nat(cloud, nic)
    for vpc, nics in by_vpc.items():
        if vpc not in connected:
            for nic in nics:
                for points in nic.public.values():
                    for point in points:
                        name = f"{vpc.label} has no internet gateway"
                        cloud.fragment.public.append(Route((point, point), (), name, nic.resource.urn))


def _compile_internet(cloud: Cloud, label: str, urn: str, inside: str, doubt: str, vpc: Vpc, nics: list[Nic]) -> None:
    stages = cloud.fragment.stages
    device = f"internet gateway {label}"
    outward, inward = [], []
    entering = f"{device} in"
    for nic in nics:
        for private, publics in nic.public.items():
            for public in publics:
                name = f"{device}: {nic.label}"
                origin = nic.resource.urn
                uncertainty = nic.public_uncertainty or doubt
                own = Match(sources=((private, private),), uncertain=uncertainty)
                outward.append(Translation(own, INTERNET, name, source=public, origin=origin))
                theirs = Match(destinations=((public, public),), uncertain=uncertainty)
                inward.append(Translation(theirs, inside, name, destination=private, origin=origin))
                cloud.fragment.public.append(Route((public, public), (entering,), name, origin))
    v6 = tuple(sorted(interval for interval in vpc.blocks if interval[0] >= V6))
    name = f"{device}: IPv6 addresses of {vpc.label}"
    untranslated = f"{device} out untranslated"
    rules = (Rule(Match(sources=v6, uncertain=doubt), Action.ACCEPT, name, urn),) if v6 else ()
    chain = Chain(f"{device}: sources without a public address", rules, Action.DROP, urn)
    stages[untranslated] = Check(chain, INTERNET)
    stages[f"{device} out"] = Translate(f"{device} out", device, tuple(outward), untranslated, urn)
    stages[entering] = Translate(entering, device, tuple(inward), None, urn)
    for interval in v6:
        cloud.fragment.public.append(Route(interval, (inside,), name, urn, doubt))
    for nic in dict.fromkeys(nic for subnet in vpc.subnets for nic in subnet.nics if nic.faces_internet is not True):
        why = f"whether {nic.label} is internal is unknown until the deployment" if nic.faces_internet is None else ""
        refused = f"{nic.label} is internal: it takes nothing through an internet gateway"
        for point in nic.addresses:
            if point >= V6 and not any(point == low == high for low, high in v6):
                ways = (inside,) if why else ()
                cloud.fragment.public.append(Route((point, point), ways, refused, nic.resource.urn, why))


def _compile_egress_only(cloud: Cloud, resource: Resource, vpc: Vpc, connected: set[Vpc]) -> None:
    label, stages = cloud.index.label(resource), cloud.fragment.stages
    device = f"egress-only gateway {label}"
    v6 = tuple(sorted(interval for interval in vpc.blocks if interval[0] >= V6))
    rules = (Rule(Match(sources=v6), Action.ACCEPT, f"{device}: outbound", resource.urn),) if v6 else ()
    stages[f"{device} out"] = Check(Chain(f"{device} out", rules, Action.DROP, resource.urn), INTERNET, device)
    closed = Chain(f"{device}: no new connection comes in", (), Action.DROP, resource.urn)
    stages[f"{device} in"] = Check(closed, vpc.stage, device)
    if vpc not in connected:
        for interval in v6:
            cloud.fragment.public.append(Route(interval, (f"{device} in",), f"{device}: {vpc.label}", resource.urn))


def _compile_nat(cloud: Cloud, nic: Nic) -> None:
    stages, origin = cloud.fragment.stages, nic.resource.urn
    device = f"NAT gateway {nic.label}"
    beyond = nic.subnet.stage
    translations = tuple(
        Translation(
            Match(sources=(ALL_V4,), services=TRANSLATED), beyond, f"{device}: by {number}", source=point, origin=origin
        )
        for number, point in enumerate(nic.addresses)
    )
    stages[f"{device} entering"] = Check(nic.subnet.acl.ingress, device)
    stages[device] = Translate(device, device, translations, f"{device} rest", origin)
    from_v6 = Rule(Match(sources=(ALL_V6,)), Action.ACCEPT, f"{device}: IPv6", origin)
    rest = Chain(f"{device}: a NAT gateway translates TCP, UDP and ICMP", (from_v6,), Action.DROP, origin)
    stages[f"{device} rest"] = Check(rest, f"{device} IPv6")
    stages[f"{device} IPv6"] = Unmodelled(f"{device} translates from IPv6 to IPv4, which is not modelled", origin)
    stages[nic.arrival] = Translate(nic.arrival, device, (), f"{device} refuses", origin)
    interfaces.name(cloud, nic.resource, (nic.entry, device))
    stages[f"{device} refuses"] = Blocked(f"{device} takes no new connection", origin)
