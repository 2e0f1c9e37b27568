"""What DynamoDB refuses of tables in several regions.

Source: the DynamoDB developer guide on global tables, the API reference of UpdateTable, and what the Terraform provider
asks for before it calls. The lab's tables hold no rows of their own; one that exists is taken to be in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.regions import ZONES
from lab.clouds.aws.services import tokens

STRONG_SETS = (
    frozenset({"us-east-1", "us-east-2", "us-west-2"}),
    frozenset({"eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3"}),
    frozenset({"ap-northeast-1", "ap-northeast-2", "ap-northeast-3"}),
)
_COUNT = "Using MultiRegionStrongConsistency requires exactly 2 replicas, or 1 replica and 1 witness region."

Inputs = Mapping[str, Any]


def replicas(props: Inputs) -> Sequence[Inputs]:
    return props.get("replicas") or []


def is_strong(props: Inputs) -> bool:
    """Whether the table is strongly consistent over regions; the replicas say so, all or none."""
    return any(replica.get("consistencyMode") == "STRONG" for replica in replicas(props))


def witness(props: Inputs) -> str | None:
    return (props.get("globalTableWitness") or {}).get("regionName")


def refuse_replicas(call: Call) -> None:
    """What is wrong with the regions of a table, at creation and update."""
    props = call.props
    regions = [replica["regionName"] for replica in replicas(props)]
    for region in regions:
        if region == call.region or region not in ZONES or regions.count(region) > 1:
            call.refuse("ValidationException", f"Cannot add replica in region {region} to the table in {call.region}")
        new = call.old is None or region not in [each["regionName"] for each in replicas(call.old.properties)]
        if new and call.get_in(region, tokens.DYNAMODB_TABLE, props["name"]):
            call.refuse("ResourceInUseException", f"Table already exists: {props['name']} in {region}")
    _refuse_keys(call)
    if is_strong(props) or witness(props):
        _refuse_strong(call, regions)
    if call.old is not None:
        _refuse_another_mode(call)


def _refuse_keys(call: Call) -> None:
    """Each replica is encrypted as the table is, by a key of its own region."""
    own = (call.props.get("serverSideEncryption") or {}).get("kmsKeyArn")
    keys = [(call.region, own), *((each["regionName"], each.get("kmsKeyArn")) for each in replicas(call.props))]
    for region, key in keys:
        if own and not key:
            call.refuse(
                "ValidationException",
                "One or more parameter values were invalid: KMSMasterKeyId must be specified for each replica.",
            )
        if key and key.startswith("arn:") and not _known(call, region, key):
            call.refuse(
                "ValidationException",
                f"One or more parameter values were invalid: KMS key {key} does not exist in {region}",
            )


def _known(call: Call, region: str, arn: str) -> bool:
    _, _, _, place, account, resource = arn.split(":", 5)
    kind, _, name = resource.partition("/")
    if account != call.account or kind != "key":
        return True
    return place == region and call.get_in(region, tokens.KMS_KEY, name) is not None


def _refuse_strong(call: Call, regions: list[str]) -> None:
    props, third = call.props, witness(call.props)
    modes = {replica.get("consistencyMode") or "EVENTUAL" for replica in replicas(props)}
    if modes != {"STRONG"} or len(regions) + bool(third) != 2:
        call.refuse("ValidationException", f"{_COUNT} Got replicas {regions} and witness {third}")
    everywhere = {call.region, *regions, *([third] if third else [])}
    if len(everywhere) != 3 or not any(everywhere <= each for each in STRONG_SETS):
        call.refuse(
            "ValidationException",
            f"Regions {sorted(everywhere)} are not three of one Region set for MultiRegionConsistency STRONG",
        )
    if props.get("localSecondaryIndexes"):
        call.refuse(
            "ValidationException", "Local secondary indexes are not supported with MultiRegionConsistency STRONG"
        )
    if (props.get("ttl") or {}).get("enabled"):
        call.refuse("ValidationException", "Time to Live is not supported with MultiRegionConsistency STRONG")


def _refuse_another_mode(call: Call) -> None:
    """A table keeps its mode and its regions: it becomes strongly consistent while empty, and ends as one region."""
    assert call.old is not None
    old, new = call.old.properties, call.props
    if is_strong(new) and not is_strong(old):
        what = "change its MultiRegionConsistency" if replicas(old) else "be strongly consistent: it must be empty"
        call.refuse("ValidationException", f"Table {new['name']} exists and cannot {what}")
    if is_strong(old) and replicas(new):
        before = {each["regionName"] for each in replicas(old)}, witness(old)
        after = {each["regionName"] for each in replicas(new)}, witness(new)
        if before != after or not is_strong(new):
            call.refuse(
                "ValidationException",
                f"Table {new['name']} has MultiRegionConsistency STRONG: its replicas and its witness can only be "
                "removed together",
            )


def refuse_protected_replicas(call: Call) -> None:
    """No replica goes while it is protected, so neither does the table."""
    for replica in replicas(call.row.properties):
        if replica.get("deletionProtectionEnabled"):
            call.refuse(
                "ValidationException",
                f"Resource cannot be deleted as its replica in {replica['regionName']} is currently protected against"
                " deletion. Disable deletion protection first.",
            )
