"""Rules about the plan that follows from a declaration: they need one whose parts fit each other."""

from __future__ import annotations

from collections.abc import Iterator

from estate.model import Network
from estate.plan import naming
from estate.plan.topology import Topology
from estate.rules.finding import Finding, repeated, show

SECURITY_GROUP_RULES = 60
"""AWS: rules of a security group in one direction, unless the quota is raised."""


def security_groups_fit(network: Network) -> Iterator[Finding]:
    """What a role may do fits in one security group."""
    topology, seen = Topology(network), set()
    for host in topology.hosts:
        if not host.in_cloud or host.role in seen:
            continue
        for direction, rules in (
            ("inbound", topology.inbound(host)),
            ("outbound", topology.outbound(host)),
        ):
            count = sum(len(rule.addresses) for rule in rules)
            if count > SECURITY_GROUP_RULES:
                seen.add(host.role)
                yield Finding(
                    path="nodes",
                    value=f"{count} {direction} rules for {host.name}",
                    rule=f"must need at most {SECURITY_GROUP_RULES} rules a direction for one host",
                    reason="a security group of AWS takes no more",
                    fix="declare fewer hosts, partners or services, or raise the quota first",
                )
                break


def tunnel_interfaces_are_distinct(network: Network) -> Iterator[Finding]:
    """The tunnels of an edge have names of their own."""
    for site, each in network.sites.items():
        names = ((f"sites.{site}.links.{region}", naming.tunnel_interface(region, 1, 0)) for region in each.links)
        for path, name, first in repeated(names):
            yield Finding(
                path=path,
                value=show(path.rsplit(".", 1)[1]),
                rule="each region must give its tunnels names of their own",
                reason=f"{first.rsplit('.', 1)[1]} shortens to {name} too",
                fix="use another region",
            )
