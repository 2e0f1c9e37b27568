"""The host's own firewall: in, out and through, from the topology; what it drops is logged."""

from __future__ import annotations

from configuration import rulesets
from configuration.context import HostContext
from configuration.rendering import render
from hosts.operations import firewall
from hosts.operations.files import File, Item

PACKAGES = ("nftables", "ulogd2")
SERVICES = ("ulogd2.service",)


def items(context: HostContext) -> list[Item]:
    """The files around the ruleset: its service never opens the host, and dropped packets reach the system log."""
    return [
        File(
            path="/etc/systemd/system/nftables.service.d/estate.conf",
            content=render("firewall/nftables.service.conf.j2"),
            then="systemctl daemon-reload",
        ),
        File(
            path="/etc/ulogd.conf",
            content=render("firewall/ulogd.conf.j2", log_group=rulesets.LOG_GROUP),
            then="systemctl try-restart ulogd2.service",
        ),
    ]


def apply(context: HostContext) -> None:
    """Declares the operations."""
    firewall.ruleset(
        name="Load the firewall's ruleset", text=rulesets.ruleset(context.network, context.host, context.inventory)
    )
