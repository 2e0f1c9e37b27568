"""Prefix lists: named sets of blocks, customer-managed or AWS-managed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reachability.addresses import EVERYWHERE, Interval, Intervals, union
from reachability.frontends.aws.cloud import Cloud
from reachability.frontends.aws.index import cidr, given, items
from reachability.resources import UNKNOWN, Resource

LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"
ENTRY = "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
TYPES = (LIST, ENTRY)


def read(cloud: Cloud) -> None:
    """Reads the entries of every customer-managed prefix list."""
    index = cloud.index
    for resource in index.of(LIST):
        with index.reading(resource):
            blocks = cloud.lists[resource.urn] = []
            entries = given(resource, "entries")
            for entry in (UNKNOWN,) if entries is UNKNOWN else items(entries, "entries"):
                blocks.append(_block(entry))
    for resource in index.of(ENTRY):
        with index.reading(resource):
            owner = index.need(resource, "prefixListId", LIST)
            cloud.lists.setdefault(owner.urn, []).append(_block(resource.properties))


def _block(entry: Any) -> Interval | None:
    value = UNKNOWN if entry is UNKNOWN else entry.get("cidr")
    return None if value is UNKNOWN else cidr(value, "cidr")


def contents(cloud: Cloud, resource: Resource, name: str, value: Any = None) -> Iterator[tuple[str, Intervals, str]]:
    """(label, blocks, why they are unknown) of each prefix list to which a property refers."""
    index = cloud.index
    found = index.find(resource, name, LIST, ENDPOINT, value=value)
    for each in found.resources:
        label = index.label(each)
        if each.type == ENDPOINT:
            yield f"the service of {label}", *_of_endpoint(each)
            continue
        blocks = cloud.lists.get(each.urn, [None])
        unknown = found.unknown or ("an entry of the list is not known yet" if None in blocks else "")
        if None in blocks:
            yield label, EVERYWHERE, unknown
        else:
            yield label, union([interval for interval in blocks if interval]), unknown
    for name in found.foreign:
        yield name, EVERYWHERE, f"{name} is not among the resources: its entries are unknown"
    if found.unknown and not found.resources:
        yield "an unknown list", EVERYWHERE, found.unknown


def _of_endpoint(endpoint: Resource) -> tuple[Intervals, str]:
    """The addresses of a gateway endpoint's service, from its outputs."""
    blocks = endpoint.properties.get("cidrBlocks")
    if isinstance(blocks, (list, tuple)) and blocks and UNKNOWN not in blocks:
        return union([cidr(each, "cidrBlocks") for each in blocks]), ""
    return EVERYWHERE, "the addresses of the service are not known"
