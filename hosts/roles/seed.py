"""A seed: a node that crawls the network, hands out addresses, and serves RPC and LCD to the load balancer."""

from __future__ import annotations

from configuration.context import HostContext
from hosts.roles import node


def apply(context: HostContext) -> None:
    """Declares the operations; what makes it a seed is in `configuration.node_config`."""
    node.apply(context)
