"""A sentry: a node between the network and our validators; public or private as its role says."""

from __future__ import annotations

from configuration.context import HostContext
from hosts.roles import node


def apply(context: HostContext) -> None:
    """Declares the operations; what makes it a sentry is in `configuration.node_config`."""
    node.apply(context)
