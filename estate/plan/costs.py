"""What resources cost in a month: items with a price, what has a price that is not known, and what depends on use.

A price that is not known is named and makes the total a least one; it never counts as zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from estate.clouds import aws_prices
from estate.clouds.aws_prices import HOURS_A_MONTH, Price

GP3_IOPS, GP3_MIB_A_SECOND = 3000, 125
"""What the price of gp3 storage includes. More of either costs more."""
TUNNELS_OF_A_CONNECTION = 2
"""AWS's ends of a site-to-site VPN connection, each with a public IPv4 address."""
STANDARD_CHECK_SECONDS = 30
"""How often a basic health check asks. A faster one costs more."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource of a stack. ``type``: its token. ``region``: empty if it has none. ``properties``: its inputs."""

    type: str
    region: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What is charged, where, and at which price. ``price``: ``None`` if it is not known."""

    what: str
    region: str
    price: Price | None

    @property
    def title(self) -> str:
        return _title(self.what, self.region)


def _title(what: str, region: str) -> str:
    return f"{what} in {region}" if region else what


@dataclass(frozen=True, kw_only=True)
class Item:
    """One charge. ``count``: pieces or GiB; in a difference, negative where there is less than before."""

    what: str
    region: str
    count: Decimal
    price: Price

    @property
    def title(self) -> str:
        return _title(self.what, self.region)

    @property
    def monthly_usd(self) -> Decimal:
        return self.count * self.price.monthly_usd


@dataclass(frozen=True, kw_only=True)
class Costs:
    """``items``, sorted by region.

    ``unknown``: how many of each charge have no known price. ``used``: what depends on use and is not counted.
    """

    items: tuple[Item, ...]
    unknown: Mapping[str, Decimal]
    used: frozenset[str]

    @property
    def monthly_usd(self) -> Decimal:
        """Of the items. The least that it can be, if something is unknown."""
        return sum((item.monthly_usd for item in self.items), Decimal(0))

    @property
    def complete(self) -> bool:
        return not self.unknown


Part = tuple[str, Decimal]
"""What is charged, and how many or how much of it."""


def _gp3(disk: Mapping[str, Any], kind: str, size: str) -> Part:
    gib = disk.get(size)
    declared = disk.get(kind)
    if isinstance(gib, bool) or not isinstance(gib, int | float):
        return f"{declared or 'default'} storage of unknown size", Decimal(1)
    faster = _more(disk.get("iops"), GP3_IOPS) or _more(disk.get("throughput"), GP3_MIB_A_SECOND)
    if declared == "gp3" and faster:
        return f"gp3 storage beyond {GP3_IOPS} IOPS or {GP3_MIB_A_SECOND} MiB/s", Decimal(gib)
    return f"{declared or 'default'} storage", Decimal(gib)


def _more(value: object, included: int) -> bool:
    return value is not None and not (isinstance(value, int | float) and value <= included)


def _volume(properties: Mapping[str, Any]) -> Iterator[Part]:
    yield _gp3(properties, "type", "size")


def _instance(properties: Mapping[str, Any]) -> Iterator[Part]:
    kind = properties.get("instanceType")
    name = str(kind) if kind else "instance of unknown type"
    if properties.get("tenancy", "default") != "default":
        name = f"{name} with tenancy {properties['tenancy']}"
    if properties.get("instanceMarketOptions"):
        name = f"{name} with market options"
    yield name, Decimal(1)
    for disk in (properties.get("rootBlockDevice") or {}, *(properties.get("ebsBlockDevices") or ())):
        yield _gp3(disk, "volumeType", "volumeSize")
    if properties.get("monitoring"):
        yield "detailed monitoring of an instance", Decimal(1)
    if properties.get("associatePublicIpAddress"):
        yield "public IPv4 address", Decimal(1)


def _connection(properties: Mapping[str, Any]) -> Iterator[Part]:
    accelerated = "accelerated " if properties.get("enableAcceleration") else ""
    yield f"{accelerated}site-to-site VPN connection", Decimal(1)
    yield "public IPv4 address", Decimal(TUNNELS_OF_A_CONNECTION)


def _balancer(properties: Mapping[str, Any]) -> Iterator[Part]:
    yield f"{properties.get('loadBalancerType', 'application')} load balancer", Decimal(1)
    subnets = properties.get("subnets") or ()
    if not properties.get("internal") and subnets:
        yield "public IPv4 address", Decimal(len(subnets))


def _endpoint(properties: Mapping[str, Any]) -> Iterator[Part]:
    kind = properties.get("vpcEndpointType", "Gateway")
    if kind == "Interface":
        yield "interface endpoint in a zone", Decimal(max(1, len(properties.get("subnetIds") or ())))
    elif kind != "Gateway":
        yield f"{kind} endpoint", Decimal(1)


def _check(properties: Mapping[str, Any]) -> Iterator[Part]:
    basic = properties.get("type") in ("TCP", "HTTP") and not properties.get("measureLatency")
    standard = properties.get("requestInterval", STANDARD_CHECK_SECONDS) == STANDARD_CHECK_SECONDS
    yield ("health check" if basic and standard else "health check with options"), Decimal(1)


def _table(properties: Mapping[str, Any]) -> Iterator[Part]:
    if properties.get("billingMode") != "PAY_PER_REQUEST":
        yield "provisioned table", Decimal(1)


def _nothing(_: Mapping[str, Any]) -> Iterator[Part]:
    return iter(())


def _one(what: str) -> Callable[[Mapping[str, Any]], Iterator[Part]]:
    return lambda _: iter([(what, Decimal(1))])


PRICED: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Part]]] = MappingProxyType(
    {
        "aws:dynamodb/table:Table": _table,
        "aws:ebs/volume:Volume": _volume,
        "aws:ec2/eip:Eip": _one("public IPv4 address"),
        "aws:ec2/instance:Instance": _instance,
        "aws:ec2/natGateway:NatGateway": _one("NAT gateway"),
        "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
        "aws:ec2/vpnConnection:VpnConnection": _connection,
        "aws:kms/key:Key": _one("KMS key"),
        "aws:lb/loadBalancer:LoadBalancer": _balancer,
        "aws:route53/healthCheck:HealthCheck": _check,
        "aws:route53/zone:Zone": _one("hosted zone"),
        "aws:secretsmanager/secret:Secret": _one("secret"),
    }
)
"""Types with a charge for each month or hour: what a resource with the given inputs is charged for."""

USED: Mapping[str, str] = MappingProxyType(
    {
        "aws:cloudwatch/logGroup:LogGroup": "logs: what is written and kept",
        "aws:dynamodb/table:Table": "tables: requests, storage and backups",
        "aws:ebs/volume:Volume": "snapshots of volumes",
        "aws:ec2/flowLog:FlowLog": "flow logs: what is written",
        "aws:ec2/instance:Instance": "traffic between zones, regions and to the internet; surplus credits of t3",
        "aws:ec2/natGateway:NatGateway": "traffic through NAT gateways",
        "aws:ec2/vpcEndpoint:VpcEndpoint": "traffic through interface endpoints",
        "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": "traffic between peered VPCs",
        "aws:ec2/vpnConnection:VpnConnection": "traffic through VPN connections",
        "aws:kms/key:Key": "keys: requests, and yearly rotations (two at most)",
        "aws:lb/loadBalancer:LoadBalancer": "load balancers: capacity units",
        "aws:route53/zone:Zone": "DNS queries",
        "aws:s3/bucket:Bucket": "buckets: requests and storage",
        "aws:secretsmanager/secret:Secret": "secrets: requests",
    }
)
"""Types that are charged by use, in whole or beside a price. It is not counted."""

FREE = frozenset(
    {
        "aws:acm/certificate:Certificate",
        "aws:acm/certificateValidation:CertificateValidation",
        "aws:dynamodb/resourcePolicy:ResourcePolicy",
        "aws:ec2/customerGateway:CustomerGateway",
        "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
        "aws:ec2/defaultRouteTable:DefaultRouteTable",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "aws:ec2/eipAssociation:EipAssociation",
        "aws:ec2/internetGateway:InternetGateway",
        "aws:ec2/route:Route",
        "aws:ec2/routeTable:RouteTable",
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/subnet:Subnet",
        "aws:ec2/volumeAttachment:VolumeAttachment",
        "aws:ec2/vpc:Vpc",
        "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter",
        "aws:ec2/vpnGateway:VpnGateway",
        "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation",
        "aws:iam/instanceProfile:InstanceProfile",
        "aws:iam/policy:Policy",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:kms/alias:Alias",
        "aws:lb/listener:Listener",
        "aws:lb/targetGroup:TargetGroup",
        "aws:lb/targetGroupAttachment:TargetGroupAttachment",
        "aws:route53/record:Record",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    }
)
"""Types that cost nothing by themselves. A certificate is free if it is a public one, which the program requests."""

ALWAYS_UNCOUNTED = "datacentres and servers, support, taxes, discounts, free tiers"

NOT_IN_THE_CLOUD = ("estate:", "pulumi:")
"""How the types begin that are only in the engine: components and providers."""


def classified(type_: str) -> bool:
    """Whether it is known what a resource of the type is charged for."""
    return type_.startswith(NOT_IN_THE_CLOUD) or type_ in FREE or type_ in PRICED or type_ in USED


def _charges(resource: Resource) -> Iterator[tuple[Charge, Decimal]]:
    if not classified(resource.type):
        yield Charge(what=resource.type, region=resource.region, price=None), Decimal(1)
        return
    for what, count in PRICED.get(resource.type, _nothing)(resource.properties):
        price = aws_prices.price(what, resource.region)
        yield Charge(what=what, region=resource.region, price=price), count


def _costs(before: Iterable[Resource], after: Iterable[Resource]) -> Costs:
    counts: dict[Charge, Decimal] = {}
    used = set()
    for sign, resources in ((-1, before), (1, after)):
        for resource in resources:
            if resource.type in USED:
                used.add(USED[resource.type])
            for charge, count in _charges(resource):
                counts[charge] = counts.get(charge, Decimal(0)) + sign * count
    charges = sorted((each for each, count in counts.items() if count), key=lambda one: (one.region, one.what))
    return Costs(
        items=tuple(
            Item(what=each.what, region=each.region, count=counts[each], price=each.price)
            for each in charges
            if each.price is not None
        ),
        unknown={each.title: counts[each] for each in charges if each.price is None},
        used=frozenset(used),
    )


def costs(resources: Iterable[Resource]) -> Costs:
    """What ``resources`` cost together."""
    return _costs((), resources)


def difference(before: Iterable[Resource], after: Iterable[Resource]) -> Costs:
    """What ``after`` costs more than ``before``: counts are negative of what there is less of."""
    return _costs(before, after)


def _number(count: Decimal) -> str:
    return f"{count.normalize():,f}"


def _usd(amount: Decimal, *, signed: bool = False) -> str:
    """``$1,234.50``; ``signed``: ``+$1,234.50``."""
    rounded = round(amount, 2)
    sign = "-" if rounded < 0 else "+" if signed else ""
    return f"{sign}${abs(rounded):,}"


def _unit_price(price: Price) -> str:
    return f"${price.usd.normalize():f} {'an' if price.unit == 'hour' else 'a'} {price.unit}"


def _basis(items: Iterable[Item]) -> Iterator[str]:
    dates = {(item.price.looked_up, item.price.as_of) for item in items}
    for looked_up, as_of in sorted(dates, reverse=True):
        yield (
            f"  of instances: looked up on {as_of}"
            if looked_up
            else f"  of all else: list prices of {as_of}, not checked against AWS's pages since"
        )


def in_words(network: str, change: Costs, total: Costs) -> list[str]:
    """Lines of text: what changes, the sum of it, the total, the prices' basis and what is not counted."""
    lines = ["monthly cost of what changes:" if change.items or change.unknown else "monthly cost: nothing changes"]
    for item in change.items:
        count = f"{_number(abs(item.count))} {'GiB of' if item.price.unit == 'GiB-month' else '×'} {item.title}"
        lines.append(f"  {_usd(item.monthly_usd, signed=True)}: {count}, {_unit_price(item.price)}")
    lines += [f"  unknown price: {count:+,f} × {title}" for title, count in change.unknown.items()]
    known = "" if change.complete else ", without what has an unknown price"
    lines.append(f"change: {_usd(change.monthly_usd, signed=True)} a month{known}")
    least = "" if total.complete else "at least "
    lines.append(f"total of {network}: {least}{_usd(total.monthly_usd)} a month")
    lines += [f"  unknown price: {_number(count)} × {title}" for title, count in total.unknown.items()]
    lines.append(f"prices: AWS's list, on demand, of each region, in USD, {HOURS_A_MONTH} hours a month")
    lines += _basis((*change.items, *total.items))
    lines.append("not counted:")
    lines += [f"  {each}" for each in (*sorted(change.used | total.used), ALWAYS_UNCOUNTED)]
    return lines
