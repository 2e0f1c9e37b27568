"""A validator: a node that signs through its site's signer. A spare never signs with the consensus key."""

from __future__ import annotations

from configuration.context import HostContext
from hosts.roles import node


def apply(context: HostContext) -> None:
    """Declares the operations; what makes it a validator is in `configuration.node_config`."""
    node.apply(context)
