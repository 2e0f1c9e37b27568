"""What an edge's installation medium brings, so that the site can be reached at all: network, routes, gateway addresses. Pure.

Nothing behind an edge is reachable before it speaks BGP and holds the zone gateways, so this much is on its disk before the
first boot. The role manages the same files afterwards, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from estate.hosts import Host
from estate.model import Network, Role
from hosts import networkd, routing
from hosts.rendering import render

UNITS = ("bird.service", "keepalived.service")
"""What starts at an edge's boot."""


@dataclass(frozen=True, kw_only=True)
class FirstFile:
    """A file of root's: absolute ``path``, text, octal ``mode``, group by name."""

    path: str
    content: str
    mode: str = "644"
    group: str = "root"


def scripts() -> tuple[FirstFile, ...]:
    """What keepalived calls, and the state that it starts from."""
    return (
        FirstFile(path=routing.NOTIFY, content=render("edge/vrrp-notify.j2", state_file=routing.VRRP_STATE), mode="755"),
        FirstFile(path=routing.TRACK, content=render("edge/has-routes.j2"), mode="755"),
        FirstFile(path="/etc/tmpfiles.d/estate-edge.conf", content=render("edge/tmpfiles.conf.j2", state_file=routing.VRRP_STATE)),
    )


def daemons(network: Network, edge: Host) -> tuple[FirstFile, ...]:
    """The configuration of the two daemons."""
    return (
        FirstFile(path="/etc/bird/bird.conf", content=routing.bird(network, edge), mode="640", group="bird"),
        FirstFile(path="/etc/keepalived/keepalived.conf", content=routing.keepalived(network, edge)),
    )


def files(network: Network, host: Host, inventory: Mapping[str, Any]) -> tuple[FirstFile, ...]:
    """What is on the disk of a bare-metal host before its first boot; nothing for a host in the cloud."""
    made = tuple(
        FirstFile(path=f"{networkd.DIRECTORY}/{name}", content=text) for name, text in networkd.files(network, host).items()
    )
    if host.role is not Role.EDGE:
        return made
    forwarding = FirstFile(path="/etc/sysctl.d/50-first-boot.conf", content=render("edge/first-boot.sysctl.j2"))
    return (*made, forwarding, *scripts(), *daemons(network, host))
