"""Accounts on hosts, from the declaration. Pure."""

from __future__ import annotations

from estate.model import Network
from estate.plan import access
from estate.plan.hosts import Host

DEPLOY_USER = "debian"
"""The account of the image, which pyinfra uses. The estate never removes it."""

OPERATORS_GROUP = "estate-operators"
KEYS_DIRECTORY = "/etc/ssh/authorized_keys.d"


def operators(network: Network, host: Host) -> dict[str, tuple[str, ...]]:
    """The operators with an account on ``host``, and their public keys."""
    return access.operators(network, host.role)
