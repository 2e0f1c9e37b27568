"""What is known of AWS without asking it: regions with their availability zones, and instance families.

Source: the AWS Regions and Availability Zones guide and the EC2 instance type guide. A region or family that AWS adds
later is added here.
"""

from __future__ import annotations

from dataclasses import dataclass


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


def dynamodb_host(region: str) -> str:
    """The name under which DynamoDB answers in ``region``, and in its certificate."""
    return f"dynamodb.{region}.amazonaws.com"


def family(instance_type: str) -> str:
    """``m6i`` of ``m6i.xlarge``."""
    return instance_type.partition(".")[0]


def size(instance_type: str) -> str:
    """``xlarge`` of ``m6i.xlarge``."""
    return instance_type.partition(".")[2]
