"""AWS's list prices in USD: on demand, without taxes, discounts and free tiers. Dated data, which is edited by hand.

Where each comes from:

- EC2 instances: looked up on ``INSTANCES_AS_OF`` in a public copy of AWS's price list (GitHub, skypilot-org/
  skypilot-catalog, ``catalogs/v8/aws/vms.csv`` at commit 00148f2af3672e2229b4f7bf8157d5a3f36e3c35). The commit is not
  dated there, so the list may be some months older. Linux, shared tenancy. Sizes that were looked up: t3 large and
  medium, c6i xlarge, r6i 4xlarge, m6i and m7i 12xlarge; AWS prices a family in proportion to its size.
- Everything else (``SERVICES``): NOT looked up. The list price as known on ``SERVICES_AS_OF``. Compare with the page of
  each price before a decision depends on it.

A region or size that is not here has no price, which is not a price of zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from estate.clouds import aws

INSTANCES_AS_OF = date(2026, 11, 30)
SERVICES_AS_OF = date(2025, 1, 1)

HOURS_A_MONTH = 730
"""AWS's own convention for a monthly estimate."""

_EC2 = "https://aws.amazon.com/ec2/pricing/on-demand/"
_EBS = "https://aws.amazon.com/ebs/pricing/"
_VPC = "https://aws.amazon.com/vpc/pricing/"
_VPN = "https://aws.amazon.com/vpn/pricing/"
_ELB = "https://aws.amazon.com/elasticloadbalancing/pricing/"
_PRIVATELINK = "https://aws.amazon.com/privatelink/pricing/"
_ROUTE_53 = "https://aws.amazon.com/route53/pricing/"
_KMS = "https://aws.amazon.com/kms/pricing/"
_SECRETS = "https://aws.amazon.com/secrets-manager/pricing/"
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"


@dataclass(frozen=True, kw_only=True, order=True)
class Price:
    """``usd`` for one ``unit``: ``hour``, ``month`` or ``GiB-month``. ``page``: where AWS publishes it.

    ``as_of``: the day on which it was known. ``looked_up``: read then from a list; otherwise as last known.
    """

    usd: Decimal
    unit: str
    page: str
    as_of: date
    looked_up: bool

    @property
    def monthly_usd(self) -> Decimal:
        """Of one piece, at ``HOURS_A_MONTH``."""
        return self.usd * HOURS_A_MONTH if self.unit == "hour" else self.usd


def _by_region(text: str) -> Mapping[str, Decimal]:
    words = text.split()
    return MappingProxyType(dict(zip(words[::2], map(Decimal, words[1::2]), strict=True)))


_XLARGE: Mapping[str, Mapping[str, Decimal]] = MappingProxyType(
    {
        "t3": _by_region(
            "us-east-1 0.1664 us-east-2 0.1664 us-west-1 0.1984 us-west-2 0.1664 ca-central-1 0.1856 eu-west-1 0.1824 "
            "eu-west-2 0.1888 eu-west-3 0.1888 eu-central-1 0.192 eu-north-1 0.1728 ap-northeast-1 0.2176 "
            "ap-northeast-2 0.208 ap-northeast-3 0.2176 ap-southeast-1 0.2112 ap-southeast-2 0.2112 ap-south-1 0.1792"
        ),
        "m6i": _by_region(
            "us-east-1 0.192 us-east-2 0.192 us-west-1 0.224 us-west-2 0.192 ca-central-1 0.214 eu-west-1 0.214 "
            "eu-west-2 0.222 eu-west-3 0.224 eu-central-1 0.23 eu-north-1 0.204 ap-northeast-1 0.248 "
            "ap-northeast-2 0.236 ap-northeast-3 0.248 ap-southeast-1 0.24 ap-southeast-2 0.24 ap-south-1 0.202"
        ),
        "m7i": _by_region(
            "us-east-1 0.2016 us-east-2 0.2016 us-west-1 0.2352 us-west-2 0.2016 ca-central-1 0.2247 eu-west-1 0.2247 "
            "eu-west-2 0.2331 eu-west-3 0.2352 eu-central-1 0.2415 eu-north-1 0.2142 ap-northeast-1 0.2604 "
            "ap-northeast-2 0.2478 ap-northeast-3 0.2604 ap-southeast-1 0.252 ap-southeast-2 0.252 ap-south-1 0.2121"
        ),
        "c6i": _by_region(
            "us-east-1 0.17 us-east-2 0.17 us-west-1 0.212 us-west-2 0.17 ca-central-1 0.186 eu-west-1 0.1824 "
            "eu-west-2 0.202 eu-west-3 0.202 eu-central-1 0.194 eu-north-1 0.182 ap-northeast-1 0.214 "
            "ap-northeast-2 0.192 ap-northeast-3 0.214 ap-southeast-1 0.196 ap-southeast-2 0.222 ap-south-1 0.17"
        ),
        "r6i": _by_region(
            "us-east-1 0.252 us-east-2 0.252 us-west-1 0.28 us-west-2 0.252 ca-central-1 0.276 eu-west-1 0.282 "
            "eu-west-2 0.296 eu-west-3 0.296 eu-central-1 0.304 eu-north-1 0.268 ap-northeast-1 0.304 "
            "ap-northeast-2 0.304 ap-northeast-3 0.304 ap-southeast-1 0.304 ap-southeast-2 0.302 ap-south-1 0.26"
        ),
    }
)
"""USD for an hour of the family's ``xlarge``, by region."""

_BURSTABLE_SIZES = {"nano": 32, "micro": 16, "small": 8, "medium": 4, "large": 2}
_MULTIPLES = (2, 4, 8, 12, 16, 24)


def _sizes(family: str) -> Mapping[str, Decimal]:
    """By size, how many times the ``xlarge`` it costs."""
    if family == "t3":
        smaller = {size: 1 / Decimal(parts) for size, parts in _BURSTABLE_SIZES.items()}
        return {**smaller, "xlarge": Decimal(1), "2xlarge": Decimal(2)}
    largest = 48 if family == "m7i" else 32
    larger = {f"{times}xlarge": Decimal(times) for times in (*_MULTIPLES, largest)}
    return {"large": 1 / Decimal(2), "xlarge": Decimal(1), **larger}


INSTANCES: Mapping[tuple[str, str], Price] = MappingProxyType(
    {
        (f"{family}.{size}", region): Price(
            usd=usd * times, unit="hour", page=_EC2, as_of=INSTANCES_AS_OF, looked_up=True
        )
        for family, prices in _XLARGE.items()
        for size, times in _sizes(family).items()
        for region, usd in prices.items()
    }
)
"""By instance type and region."""


def _everywhere(usd: str) -> Mapping[str, Decimal]:
    return dict.fromkeys(("", *aws.REGIONS), Decimal(usd))


def _services() -> Mapping[tuple[str, str], Price]:
    rows: tuple[tuple[str, str, str, Mapping[str, Decimal]], ...] = (
        (
            "gp3 storage",
            "GiB-month",
            _EBS,
            _by_region(
                "us-east-1 0.08 us-east-2 0.08 us-west-2 0.08 eu-west-1 0.088 eu-central-1 0.0952 "
                "ap-northeast-2 0.0912 ap-southeast-1 0.096"
            ),
        ),
        (
            "NAT gateway",
            "hour",
            _VPC,
            _by_region(
                "us-east-1 0.045 us-east-2 0.045 us-west-2 0.045 eu-west-1 0.048 eu-central-1 0.052 "
                "ap-northeast-2 0.059 ap-southeast-1 0.059"
            ),
        ),
        (
            "network load balancer",
            "hour",
            _ELB,
            _by_region(
                "us-east-1 0.0225 us-east-2 0.0225 us-west-2 0.0225 eu-west-1 0.0252 eu-central-1 0.027 "
                "ap-northeast-2 0.0225 ap-southeast-1 0.0252"
            ),
        ),
        (
            "interface endpoint in a zone",
            "hour",
            _PRIVATELINK,
            _by_region(
                "us-east-1 0.01 us-east-2 0.01 us-west-2 0.01 eu-west-1 0.011 eu-central-1 0.012 "
                "ap-northeast-2 0.013 ap-southeast-1 0.013"
            ),
        ),
        (
            "site-to-site VPN connection",
            "hour",
            _VPN,
            _by_region(
                "us-east-1 0.05 us-east-2 0.05 us-west-2 0.05 eu-west-1 0.05 eu-central-1 0.05 "
                "ap-northeast-2 0.05 ap-southeast-1 0.05"
            ),
        ),
        ("public IPv4 address", "hour", _VPC, _everywhere("0.005")),
        ("KMS key", "month", _KMS, _everywhere("1")),
        ("secret", "month", _SECRETS, _everywhere("0.40")),
        ("detailed monitoring of an instance", "month", _CLOUDWATCH, _everywhere("2.10")),
        ("hosted zone", "month", _ROUTE_53, _everywhere("0.50")),
        ("health check", "month", _ROUTE_53, _everywhere("0.50")),
    )
    return {
        (what, region): Price(usd=usd, unit=unit, page=page, as_of=SERVICES_AS_OF, looked_up=False)
        for what, unit, page, prices in rows
        for region, usd in prices.items()
    }


SERVICES: Mapping[tuple[str, str], Price] = MappingProxyType(_services())
"""By what is charged and region; the empty region is that of services without one.

Detailed monitoring is seven metrics at 0.30 a month. A health check is a basic one of an endpoint in AWS.
"""


def price(what: str, region: str) -> Price | None:
    """The price of an instance type, or of one of ``SERVICES``, in ``region``; ``None`` if it is not known."""
    return INSTANCES.get((what, region)) or SERVICES.get((what, region))
