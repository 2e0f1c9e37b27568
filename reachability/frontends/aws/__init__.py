"""Compiles AWS resources to the network model: every path into, through and out of VPCs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reachability.addresses import Intervals
from reachability.frontends.aws import (
    acls,
    balancers,
    balancers_elsewhere,
    elastic_addresses,
    endpoints,
    gateways,
    groups,
    interfaces,
    leaves,
    peering,
    prefix_lists,
    reviewed,
    routes,
    transit,
    unseen,
    vpcs,
    vpn,
)
from reachability.frontends.aws.cloud import Cloud
from reachability.frontends.aws.index import Index
from reachability.network import Fragment
from reachability.resources import Resource

READ = (
    vpcs, unseen, prefix_lists, groups, interfaces, gateways, elastic_addresses, vpn, transit, peering, balancers,
    endpoints, leaves, routes,
)  # fmt: skip
"""In this order: later readers refer to what earlier ones read."""

COMPILED = (
    unseen, acls, balancers, routes, groups, interfaces, elastic_addresses, gateways, peering, transit, vpn,
    balancers_elsewhere, vpcs,
)  # fmt: skip
"""In this order: subnets need their ACL and route table; checks need the balancers that preserve client addresses."""

UNDERSTOOD = frozenset(type_ for module in {*READ, *COMPILED} for type_ in module.TYPES)
"""Every resource type that is compiled."""


def compile(resources: Sequence[Resource], announcements: Mapping[str, Intervals]) -> Fragment:
    """Compiles the ``aws:`` resources among ``resources``; others are ignored.

    ``announcements``: by link key (``tunnel <inside CIDR> to <customer gateway>``), what the other side announces by
    BGP. Never raises for the content of a resource: what is not modelled becomes a reason in ``Fragment.unmodelled``
    that names its URN.
    """
    fragment = Fragment()
    index = Index(resources, fragment)
    for type_, found in index.by_type.items():
        if type_ not in UNDERSTOOD:
            for each in found:
                if not reviewed.harmless(each):
                    index.unmodelled(each, f"{type_} may touch the network and is not modelled")
    cloud = Cloud(index, fragment, dict(announcements))
    for module in READ:
        module.read(cloud)
    for module in COMPILED:
        module.compile(cloud)
    balancers.compile_onward(cloud)
    return fragment
