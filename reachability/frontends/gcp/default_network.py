"""The network that Google makes in every new project, for instances that are on it while it is not in the input.

Its content is documented (cloud.google.com/vpc/docs/vpc#default-network, cloud.google.com/firewall/docs/firewalls,
"Pre-populated rules in the default network"): an auto mode network with four rules. A project may have deleted a rule,
then less passes than is said here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from reachability.addresses import texts
from reachability.frontends.gcp.firewall_rules import FIREWALL
from reachability.frontends.gcp.interfaces import INSTANCES
from reachability.frontends.gcp.inventory import project_of
from reachability.frontends.gcp.properties import items, last_segment, word
from reachability.frontends.gcp.vpc import AUTOMATIC, NETWORK
from reachability.resources import UNKNOWN, Resource

NAME = "default"
PRIORITY = 65534
RULES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "default-allow-internal": (
        texts((AUTOMATIC,))[0],
        [{"protocol": "tcp", "ports": ["0-65535"]}, {"protocol": "udp", "ports": ["0-65535"]}, {"protocol": "icmp"}],
    ),
    "default-allow-ssh": ("0.0.0.0/0", [{"protocol": "tcp", "ports": ["22"]}]),
    "default-allow-rdp": ("0.0.0.0/0", [{"protocol": "tcp", "ports": ["3389"]}]),
    "default-allow-icmp": ("0.0.0.0/0", [{"protocol": "icmp"}]),
}
"""By the rule's name: its source and what it allows."""


def default_networks(resources: list[Resource]) -> tuple[Resource, ...]:
    """The default network, with its rules, of every project with an instance on it, unless the input has them."""
    known = {(each.type, project_of(each), word(each.properties.get("name"))) for each in resources}
    projects = {project_of(each) for each in resources if each.type in INSTANCES and any(_on_default(each))}
    made = []
    for project in sorted(projects):
        if {(NETWORK, project, NAME), (NETWORK, "", NAME)} & known:
            continue
        link = f"projects/{project}/global/networks/{NAME}"
        made.append(_made(NETWORK, project, NAME, link, autoCreateSubnetworks=True))
        made += [
            _made(
                FIREWALL,
                project,
                name,
                f"projects/{project}/global/firewalls/{name}",
                network=link,
                direction="INGRESS",
                priority=PRIORITY,
                sourceRanges=[source],
                allows=allows,
            )
            for name, (source, allows) in RULES.items()
            if (FIREWALL, project, name) not in known
        ]
    return tuple(made)


def _on_default(instance: Resource) -> Iterator[bool]:
    nics: Iterable[Any] = items(instance.properties.get("networkInterfaces"))[0]
    for nic in nics:
        if isinstance(nic, dict):
            told = (nic.get(each) for each in ("network", "subnetwork"))
            named = next((each for each in told if each is UNKNOWN or each), None)
            yield named is None or last_segment(f"/{named}" if isinstance(named, str) else "") == NAME


def _made(type_: str, project: str, name: str, id_: str, **properties: Any) -> Resource:
    urn = f"urn:pulumi:default::{project}::{type_}::{name}"
    return Resource(urn, type_, name, id_, {"name": name, "project": project, "selfLink": id_, **properties}, {})
