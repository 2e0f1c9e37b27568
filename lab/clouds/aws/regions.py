"""The AWS regions that the lab supports, with their zones.

Source: the AWS documentation's lists of regions, Availability Zones and zone ids. Zone letters differ between real
accounts; the lab numbers zone ids in the order of the letters.
"""

from collections.abc import Mapping

GLOBAL = "aws-global"
"""The region of what belongs to no region: IAM and Route 53."""

ZONES: Mapping[str, tuple[str, str]] = {
    "af-south-1": ("afs1", "abc"),
    "ap-east-1": ("ape1", "abc"),
    "ap-northeast-1": ("apne1", "acd"),
    "ap-northeast-2": ("apne2", "abcd"),
    "ap-northeast-3": ("apne3", "abc"),
    "ap-south-1": ("aps1", "abc"),
    "ap-south-2": ("aps2", "abc"),
    "ap-southeast-1": ("apse1", "abc"),
    "ap-southeast-2": ("apse2", "abc"),
    "ap-southeast-3": ("apse3", "abc"),
    "ap-southeast-4": ("apse4", "abc"),
    "ca-central-1": ("cac1", "abd"),
    "ca-west-1": ("caw1", "abc"),
    "eu-central-1": ("euc1", "abc"),
    "eu-central-2": ("euc2", "abc"),
    "eu-north-1": ("eun1", "abc"),
    "eu-south-1": ("eus1", "abc"),
    "eu-south-2": ("eus2", "abc"),
    "eu-west-1": ("euw1", "abc"),
    "eu-west-2": ("euw2", "abc"),
    "eu-west-3": ("euw3", "abc"),
    "il-central-1": ("ilc1", "abc"),
    "me-central-1": ("mec1", "abc"),
    "me-south-1": ("mes1", "abc"),
    "sa-east-1": ("sae1", "abc"),
    "us-east-1": ("use1", "abcdef"),
    "us-east-2": ("use2", "abc"),
    "us-west-1": ("usw1", "ac"),
    "us-west-2": ("usw2", "abcd"),
}


def zones_of(region: str) -> tuple[str, ...]:
    """Returns a region's Availability Zones by name, for example `eu-central-1a`."""
    return tuple(f"{region}{letter}" for letter in ZONES[region][1])


def zone_ids_of(region: str) -> dict[str, str]:
    """Returns a region's zone ids, for example `euc1-az1`, each with the name of its zone."""
    short, letters = ZONES[region]
    return {f"{short}-az{number}": f"{region}{letter}" for number, letter in enumerate(letters, start=1)}
