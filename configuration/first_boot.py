"""What a bare-metal host's installation medium holds: its network configuration, its firewall, and an edge's routing.

Nothing behind an edge is reachable before the edge has BGP sessions and holds the zone gateways, so this much is on its
disk before the first boot. No host of a datacentre is up without its firewall. The roles manage the same files
afterwards, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from configuration import networkd, routing, rulesets
from configuration.rendering import render
from estate.model import Network, Role
from estate.plan.hosts import Host

AFTER_BIRD = "/etc/systemd/system/keepalived.service.d/estate.conf"
ROUTING_UNITS = ("bird.service", "keepalived.service")


def units(host: Host) -> tuple[str, ...]:
    """The units that start at the first boot of a bare-metal host."""
    if host.in_cloud:
        return ()
    return ("nftables.service", *ROUTING_UNITS) if host.role is Role.EDGE else ("nftables.service",)


@dataclass(frozen=True, kw_only=True)
class FirstFile:
    """A file owned by root: absolute ``path``, text, octal ``mode``, group by name."""

    path: str
    content: str
    mode: str = "644"
    group: str = "root"


def scripts() -> tuple[FirstFile, ...]:
    """The scripts that keepalived calls, and the state that they start from."""
    return (
        FirstFile(
            path=routing.NOTIFY, content=render("edge/vrrp-notify.j2", state_file=routing.VRRP_STATE), mode="755"
        ),
        FirstFile(path=AFTER_BIRD, content=render("edge/keepalived.service.conf.j2")),
        FirstFile(path=routing.TRACK, content=render("edge/has-routes.j2"), mode="755"),
        FirstFile(
            path="/etc/tmpfiles.d/estate-edge.conf",
            content=render("edge/tmpfiles.conf.j2", state_file=routing.VRRP_STATE),
        ),
    )


def daemons(network: Network, edge: Host) -> tuple[FirstFile, ...]:
    """The configuration of the two daemons."""
    return (
        FirstFile(path="/etc/bird/bird.conf", content=routing.bird(network, edge), mode="640", group="bird"),
        FirstFile(path="/etc/keepalived/keepalived.conf", content=routing.keepalived(network, edge)),
    )


def files(network: Network, host: Host, inventory: Mapping[str, Any]) -> tuple[FirstFile, ...]:
    """The files on the disk of a bare-metal host before its first boot; none for a host in the cloud."""
    if host.in_cloud:
        return ()
    made = [
        FirstFile(path=f"{networkd.DIRECTORY}/{name}", content=text)
        for name, text in networkd.files(network, host).items()
    ]
    made.append(FirstFile(path=rulesets.PATH, content=rulesets.ruleset(network, host, inventory), mode="600"))
    if host.role is Role.EDGE:
        made.append(FirstFile(path="/etc/sysctl.d/50-first-boot.conf", content=render("edge/first-boot.sysctl.j2")))
        made += [*scripts(), *daemons(network, host)]
    return tuple(made)
