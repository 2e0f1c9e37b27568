"""Disks must be encrypted with a customer-managed key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, at, each, is_own_key, stated
from policies.rule import Example, resource_rule, violation

FOREIGN_KEY = "the cloud's key is shared and cannot be disabled"


def _disk(properties: Mapping[str, Any], what: str) -> Iterator[str]:
    if stated(properties, "encrypted") is not True:
        yield violation(
            f"{what} has encrypted: {stated(properties, 'encrypted')}",
            "disks must be encrypted",
            "a copied disk must be unreadable",
            "set it to true",
        )
    if not is_own_key(stated(properties, "kmsKeyId")):
        yield violation(
            f"{what} has no customer-managed key", "disks must use the network's own key", FOREIGN_KEY, "set kmsKeyId"
        )


def _volume(args: ResourceValidationArgs) -> Iterator[str]:
    yield from _disk(args.props, "the volume")


def _instance(args: ResourceValidationArgs) -> Iterator[str]:
    root = stated(args.props, "rootBlockDevice")
    if root is None or root is UNKNOWN:
        yield violation(
            f"the root disk is {root}", "it must be set", "AWS does not encrypt it by default", "set rootBlockDevice"
        )
    else:
        yield from _disk(root, "the root disk")
    for device in each(args.props, "ebsBlockDevices"):
        yield from _disk({} if device is UNKNOWN else device, "a disk")


def _google_disk(args: ResourceValidationArgs) -> Iterator[str]:
    if not is_own_key(at(args.props, "diskEncryptionKey", "kmsKeySelfLink")):
        yield violation(
            "the disk names no key",
            "disks must use the network's own key",
            FOREIGN_KEY,
            "set diskEncryptionKey.kmsKeySelfLink",
        )


def _google_instance(args: ResourceValidationArgs) -> Iterator[str]:
    if not is_own_key(at(args.props, "bootDisk", "kmsKeySelfLink")):
        yield violation(
            "the boot disk names no key",
            "disks must use the network's own key",
            FOREIGN_KEY,
            "set bootDisk.kmsKeySelfLink",
        )
    for disk in each(args.props, "attachedDisks"):
        if disk is UNKNOWN or not is_own_key(stated(disk, "kmsKeySelfLink")):
            yield violation(
                "an attached disk names no key",
                "disks must use the network's own key",
                FOREIGN_KEY,
                "set kmsKeySelfLink in attachedDisks",
            )
    if each(args.props, "scratchDisks"):
        yield violation(
            "there are scratch disks", "there must be none", "they cannot use our key", "use a persistent disk"
        )


RULE = resource_rule(
    "disks-are-encrypted",
    "Volumes and the disks of instances must be encrypted with a customer-managed key.",
    {
        "aws:ebs/volume:Volume": _volume,
        "aws:ec2/instance:Instance": _instance,
        "gcp:compute/disk:Disk": _google_disk,
        "gcp:compute/instance:Instance": _google_instance,
    },
    Severity.HIGH,
    why="A disk that is copied, snapshotted or discarded must be unreadable, and its key must be ours to disable.",
    fix="Set `encrypted: true` and the region's key (`kmsKeyId`; on Google Cloud `kmsKeySelfLink`).",
    source="https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html",
    example=Example("aws:ebs/volume:Volume", {"encrypted": False}),
)
