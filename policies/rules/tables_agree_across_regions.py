"""A table in several regions must have multi-Region strong consistency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, at, each, stated
from policies.rule import Example, resource_rule, violation

REGION_SETS = {
    "US": ("us-east-1", "us-east-2", "us-west-2"),
    "EU": ("eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"),
    "AP": ("ap-northeast-1", "ap-northeast-2", "ap-northeast-3"),
}
"""Regions for multi-Region strong consistency; all of a table must be in one set:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-dynamodb-globaltable-globaltablewitness.html."""

REGIONS_IN_ALL = 3
REASON = "otherwise two regions can both grant one signing claim, unnoticed"


def _own_region(args: ResourceValidationArgs) -> Any:
    region = stated(args.props, "region")
    if region is None and args.provider is not None:
        region = stated(args.provider.props, "region")
    return region


def _sets() -> str:
    return "; ".join(f"{name}: {', '.join(regions)}" for name, regions in REGION_SETS.items())


def _regions(args: ResourceValidationArgs, replicas: list[Any]) -> Iterator[str]:
    witness = at(args.props, "globalTableWitness", "regionName")
    others = [replica if replica is UNKNOWN else stated(replica, "regionName", UNKNOWN) for replica in replicas]
    regions = [_own_region(args), *others, *([] if witness is None else [witness])]
    if UNKNOWN in regions or None in regions:
        yield violation(
            "a region of the table is not known",
            "all must be set",
            "AWS fixes which regions can be combined",
            "set region, regionName of each replica, and the witness Region",
        )
        return
    listed = ", ".join(map(str, regions))
    if len(regions) != REGIONS_IN_ALL or len(set(regions)) != REGIONS_IN_ALL:
        yield violation(
            f"the table is in {listed}",
            "it must be in exactly three regions: three replicas, or two and a witness Region",
            "two of three always agree",
            "name three different regions",
        )
    if not any(set(regions) <= set(allowed) for allowed in REGION_SETS.values()):
        yield violation(
            f"the table is in {listed}",
            f"its regions must be of one set: {_sets()}",
            "AWS offers strong consistency within a set only",
            "choose three of one set",
        )


def _table(args: ResourceValidationArgs) -> Iterator[str]:
    replicas = each(args.props, "replicas")
    if not replicas and stated(args.props, "globalTableWitness") is None:
        return
    for replica in replicas:
        mode = replica if replica is UNKNOWN else stated(replica, "consistencyMode")
        if mode != "STRONG":
            yield violation(f"a replica's consistencyMode is {mode}", "it must be STRONG", REASON, "set it to STRONG")
    yield from _regions(args, replicas)
    if at(args.props, "ttl", "enabled") not in (None, False):
        yield violation(
            "ttl is enabled",
            "it must not be",
            "it is not available with strong consistency, and a watermark never expires",
            "remove it",
        )
    if each(args.props, "localSecondaryIndexes"):
        yield violation(
            "there are local secondary indexes",
            "there must be none",
            "they are not available with strong consistency",
            "remove them",
        )


RULE = resource_rule(
    "tables-agree-across-regions",
    "A table in several regions must be strongly consistent, in three regions of one of AWS's sets.",
    {"aws:dynamodb/table:Table": _table},
    Severity.CRITICAL,
    why="With eventual consistency a conditional write is decided by each region alone, and the later write wins: "
    "two signers "
    "could both win one height. AWS offers strong consistency in exactly three regions of one set.",
    fix="Set `consistencyMode: STRONG` in two replicas, or in one and `globalTableWitness`, all in one set "
    f"({_sets()}); or keep the table in one region.",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html",
    example=Example("aws:dynamodb/table:Table", {"globalTableWitness": {"regionName": "eu-central-1"}}),
    firm="it keeps a validator from signing twice",
)
