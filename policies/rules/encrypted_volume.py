"""Disks are encrypted with a key of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from .reading import UNKNOWN, each, stated
from .rule import resource_rule, violation


def _disk(properties: Mapping[str, Any], what: str) -> Iterator[str]:
    if stated(properties, "encrypted") is not True:
        yield violation(
            f"{what} has encrypted: {stated(properties, 'encrypted')}",
            "disks are encrypted",
            "a copied disk must tell nothing",
            "state true",
        )
    if stated(properties, "kmsKeyId") is None:
        yield violation(
            f"{what} names no key",
            "disks have the network's own key",
            "AWS's key is shared and cannot be shut",
            "give kmsKeyId",
        )


def _volume(args: ResourceValidationArgs) -> Iterator[str]:
    yield from _disk(args.props, "the volume")


def _instance(args: ResourceValidationArgs) -> Iterator[str]:
    root = stated(args.props, "rootBlockDevice")
    if root is None or root is UNKNOWN:
        yield violation(
            f"the root disk is {root}", "it is stated", "AWS's default is not encrypted", "state rootBlockDevice"
        )
    else:
        yield from _disk(root, "the root disk")
    for device in each(args.props, "ebsBlockDevices"):
        yield from _disk({} if device is UNKNOWN else device, "a disk")


RULE = resource_rule(
    "disks-are-encrypted",
    "Volumes and the disks of instances are encrypted with a customer-managed key.",
    {"aws:ebs/volume:Volume": _volume, "aws:ec2/instance:Instance": _instance},
    Severity.HIGH,
)
