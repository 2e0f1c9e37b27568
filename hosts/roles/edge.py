"""An edge firewall: gateway addresses by VRRP, routes by BGP, tunnels by IPsec. What it forwards is in its ruleset."""

from __future__ import annotations

from configuration import first_boot, routing
from configuration.context import HostContext
from configuration.first_boot import FirstFile
from hosts.operations import files, units
from hosts.operations.files import Directory, File, Item
from hosts.operations.units import Unit
from hosts.roles import packages

PACKAGES = ("bird2", "keepalived")
CHECKS = {
    "/etc/bird/bird.conf": 'systemd-tmpfiles --create estate-edge.conf && bird -p -c "$STAGED"',
    "/etc/keepalived/keepalived.conf": 'keepalived -t -f "$STAGED"',
}
FOLLOWUPS = {
    first_boot.AFTER_BIRD: "systemctl daemon-reload",
    "/etc/bird/bird.conf": "! systemctl -q is-active bird.service || birdc configure",
    "/etc/keepalived/keepalived.conf": "systemctl try-reload-or-restart keepalived.service",
}
LOAD_TUNNELS = "! systemctl -q is-active strongswan.service || swanctl --load-all"


def _item(file: FirstFile) -> File:
    return File(
        path=file.path,
        content=file.content,
        mode=file.mode,
        group=file.group,
        check=CHECKS.get(file.path),
        then=FOLLOWUPS.get(file.path),
    )


def items(context: HostContext) -> list[Item]:
    """The configuration of the routing daemons and of the tunnels."""
    swanctl = routing.swanctl(context.network, context.host, context.inventory)
    return [
        *(_item(file) for file in first_boot.daemons(context.network, context.host)),
        Directory(path="/etc/swanctl", mode="750"),
        File(path="/etc/swanctl/swanctl.conf", content=swanctl, mode="640", then=LOAD_TUNNELS),
    ]


def apply(context: HostContext) -> None:
    """Declares the operations. The tunnels' daemon comes with its certificates and is not started here."""
    packages.install("Install the routing daemons", dict.fromkeys(PACKAGES))
    files.install(name="Install what keepalived calls", items=[_item(file) for file in first_boot.scripts()])
    files.install(name="Configure routes and gateway addresses", items=items(context))
    units.ensure(name="Run the routing daemons", units=[Unit(name=unit) for unit in first_boot.ROUTING_UNITS])
