"""What is known of AWS without asking it: regions with their availability zones, instance families, service quotas.

Source: the AWS Regions and Availability Zones guide, the EC2 instance type guide, and the pages named at the quotas. A
region, family or quota that AWS adds or changes later is added or changed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class AwsRegion:
    """``place`` for people, the letters of its availability ``zones``, ``opt_in``.

    Whether an account must enable it first.
    """

    place: str
    zones: str
    opt_in: bool = False


STRONG_REGION_SETS = tuple(
    frozenset(names.split())
    for names in (
        "us-east-1 us-east-2 us-west-2",
        "eu-west-1 eu-west-2 eu-west-3 eu-central-1",
        "ap-northeast-1 ap-northeast-2 ap-northeast-3",
    )
)
"""Regions between which DynamoDB keeps a table strongly consistent: three of one set, of which one may be a witness.

Source: the DynamoDB guide on multi-Region strong consistency.
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


REGIONS = {
    "us-east-1": AwsRegion("N. Virginia", "abcdef"),
    "us-east-2": AwsRegion("Ohio", "abc"),
    "us-west-1": AwsRegion("N. California", "abc"),
    "us-west-2": AwsRegion("Oregon", "abcd"),
    "ca-central-1": AwsRegion("Montreal", "abd"),
    "ca-west-1": AwsRegion("Calgary", "abc", opt_in=True),
    "mx-central-1": AwsRegion("Mexico", "abc", opt_in=True),
    "sa-east-1": AwsRegion("São Paulo", "abc"),
    "eu-central-1": AwsRegion("Frankfurt", "abc"),
    "eu-central-2": AwsRegion("Zurich", "abc", opt_in=True),
    "eu-west-1": AwsRegion("Ireland", "abc"),
    "eu-west-2": AwsRegion("London", "abc"),
    "eu-west-3": AwsRegion("Paris", "abc"),
    "eu-north-1": AwsRegion("Stockholm", "abc"),
    "eu-south-1": AwsRegion("Milan", "abc", opt_in=True),
    "eu-south-2": AwsRegion("Spain", "abc", opt_in=True),
    "ap-northeast-1": AwsRegion("Tokyo", "acd"),
    "ap-northeast-2": AwsRegion("Seoul", "abcd"),
    "ap-northeast-3": AwsRegion("Osaka", "abc"),
    "ap-southeast-1": AwsRegion("Singapore", "abc"),
    "ap-southeast-2": AwsRegion("Sydney", "abc"),
    "ap-southeast-3": AwsRegion("Jakarta", "abc", opt_in=True),
    "ap-southeast-4": AwsRegion("Melbourne", "abc", opt_in=True),
    "ap-southeast-5": AwsRegion("Malaysia", "abc", opt_in=True),
    "ap-southeast-7": AwsRegion("Thailand", "abc", opt_in=True),
    "ap-south-1": AwsRegion("Mumbai", "abc"),
    "ap-south-2": AwsRegion("Hyderabad", "abc", opt_in=True),
    "ap-east-1": AwsRegion("Hong Kong", "abc", opt_in=True),
    "af-south-1": AwsRegion("Cape Town", "abc", opt_in=True),
    "il-central-1": AwsRegion("Tel Aviv", "abc", opt_in=True),
    "me-central-1": AwsRegion("UAE", "abc", opt_in=True),
    "me-south-1": AwsRegion("Bahrain", "abc", opt_in=True),
}

X86_FAMILIES = _names(
    "c5 c5a c5ad c5d c5n c6a c6i c6id c6in c7a c7i c7i-flex c8i c8i-flex c8a m5 m5a m5ad m5d m5dn m5n "
    "m5zn m6a m6i m6id m6idn m6in m7a m7i m7i-flex m8i m8i-flex m8a r5 r5a r5ad r5b r5d r5dn r5n r6a r6i "
    "r6id r6idn r6in r7a r7i r7iz r8i r8i-flex r8a i3 i3en i4i i7i i7ie d3 d3en x2idn x2iedn z1d t2 t3 "
    "t3a"
)
"""Families with amd64 processors that the estate's packages run on."""

BURSTABLE_FAMILIES = frozenset({"t2", "t3", "t3a"})
"""Families whose processor is throttled when its credits are spent."""

ARM_FAMILIES = _names(
    "a1 t4g c6g c6gd c6gn c7g c7gd c7gn c8g c8gd c8gn m6g m6gd m7g m7gd m8g m8gd r6g r6gd r7g r7gd r8g "
    "r8gd i4g i8g i8ge im4gn is4gen x2gd x8g"
)

SIZES = _names(
    "nano micro small medium large xlarge 2xlarge 3xlarge 4xlarge 6xlarge 8xlarge 9xlarge 10xlarge "
    "12xlarge 16xlarge 18xlarge 24xlarge 32xlarge 48xlarge metal metal-16xl metal-24xl metal-32xl "
    "metal-48xl"
)

_SINGLE_VCPU = frozenset({"t2.nano", "t2.micro", "t2.small"}) | {
    f"{family}.medium" for family in ("c7a", "c8a", "m7a", "m8a", "r7a", "r8a")
}
_BARE_METAL_VCPUS = MappingProxyType(
    {"m5zn": 48, "z1d": 48, "c5n": 72, "i3": 72}
    | dict.fromkeys(("c5", "c5d", "i3en", "m5", "m5d", "m5dn", "m5n", "r5", "r5b", "r5d", "r5dn", "r5n"), 96)
    | dict.fromkeys(
        (
            "c6i",
            "c6id",
            "c6in",
            "i4i",
            "m6i",
            "m6id",
            "m6idn",
            "m6in",
            "r6i",
            "r6id",
            "r6idn",
            "r6in",
            "x2idn",
            "x2iedn",
        ),
        128,
    )
)
_MOST_VCPUS = 192
_VCPUS_AN_XLARGE = 4
_VCPUS_BELOW_AN_XLARGE = 2

VPC_QUOTAS = "https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"
VPN_QUOTAS = "https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-limits.html"
EC2_QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/ec2-service.html"

GROUPS_PER_INTERFACE = 5
"""Security groups that an interface takes. The product of these and a group's rules cannot be raised beyond 1,000.

Source: ``VPC_QUOTAS``.
"""


@dataclass(frozen=True, kw_only=True)
class Quota:
    """A service quota of an account in one region.

    Attributes:
        title: its name on AWS's page.
        counted: the plural of what it counts.
        default: what an account has before anything is raised.
        source: AWS's page.
        most: what it cannot be raised beyond, where AWS documents such a value.
        shared: whether all networks of an account in the region use it together, or each of its tables, gateways or
            groups has its own.
        follows: the quota with which AWS raises it, where it cannot be raised by itself.
    """

    title: str
    counted: str
    default: int
    source: str
    most: int | None = None
    shared: bool = True
    follows: str = ""


QUOTAS: Mapping[str, Quota] = MappingProxyType(
    {
        "vpcs_per_region": Quota(title="VPCs per Region", counted="VPCs", default=5, source=VPC_QUOTAS),
        "internet_gateways_per_region": Quota(
            title="Internet gateways per Region",
            counted="internet gateways",
            default=5,
            source=VPC_QUOTAS,
            follows="vpcs_per_region",
        ),
        "nat_gateways_per_zone": Quota(
            title="NAT gateways per Availability Zone", counted="NAT gateways", default=5, source=VPC_QUOTAS
        ),
        "elastic_ips_per_region": Quota(
            title="Elastic IP addresses per Region", counted="Elastic IP addresses", default=5, source=VPC_QUOTAS
        ),
        "rules_per_security_group": Quota(
            title="Inbound or outbound rules per security group",
            counted="rules",
            default=60,
            source=VPC_QUOTAS,
            most=1000 // GROUPS_PER_INTERFACE,
            shared=False,
        ),
        "route_tables_per_vpc": Quota(
            title="Route tables per VPC", counted="route tables", default=200, source=VPC_QUOTAS, shared=False
        ),
        "routes_per_route_table": Quota(
            title="Routes per route table (non-propagated routes)",
            counted="routes",
            default=500,
            source=VPC_QUOTAS,
            most=1000,
            shared=False,
        ),
        "customer_gateways_per_region": Quota(
            title="Customer gateways per Region", counted="customer gateways", default=50, source=VPN_QUOTAS
        ),
        "vpn_gateways_per_region": Quota(
            title="Virtual private gateways per Region",
            counted="virtual private gateways",
            default=5,
            source=VPN_QUOTAS,
        ),
        "vpn_connections_per_region": Quota(
            title="Site-to-Site VPN connections per Region", counted="VPN connections", default=50, source=VPN_QUOTAS
        ),
        "vpn_connections_per_gateway": Quota(
            title="Site-to-Site VPN connections per virtual private gateway",
            counted="VPN connections",
            default=10,
            source=VPN_QUOTAS,
            shared=False,
        ),
        "on_demand_standard_vcpus": Quota(
            title="Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
            counted="vCPUs of standard instances",
            default=5,
            source=EC2_QUOTAS,
        ),
        "on_demand_x_vcpus": Quota(
            title="Running On-Demand X instances", counted="vCPUs of X instances", default=0, source=EC2_QUOTAS
        ),
    }
)
"""The quotas that a network can exceed, by the name under which a raised one is declared."""


def dynamodb_host(region: str) -> str:
    """The name under which DynamoDB answers in ``region``, and in its certificate."""
    return f"dynamodb.{region}.amazonaws.com"


def family(instance_type: str) -> str:
    """``m6i`` of ``m6i.xlarge``."""
    return instance_type.partition(".")[0]


def size(instance_type: str) -> str:
    """``xlarge`` of ``m6i.xlarge``."""
    return instance_type.partition(".")[2]


def vcpus(instance_type: str) -> int:
    """The virtual processors of an instance of this type; of an unknown bare-metal one as many as the largest has."""
    if instance_type in _SINGLE_VCPU:
        return 1
    if size(instance_type) == "metal":
        return _BARE_METAL_VCPUS.get(family(instance_type), _MOST_VCPUS)
    times = re.fullmatch(r"(?:metal-)?(\d*)xl(?:arge)?", size(instance_type))
    return _VCPUS_AN_XLARGE * int(times[1] or 1) if times else _VCPUS_BELOW_AN_XLARGE


def vcpu_quota(instance_type: str) -> str:
    """The quota to which a running instance of this type counts with its virtual processors."""
    return "on_demand_x_vcpus" if instance_type.startswith("x") else "on_demand_standard_vcpus"
