"""Who may log in where, by the declaration. Pure."""

from __future__ import annotations

from estate.model import Network
from estate.plan import access
from estate.plan.hosts import Host

DEPLOY_USER = "debian"
"""The account that comes with the image, and that pyinfra uses. The estate never takes it away."""

OPERATORS_GROUP = "estate-operators"
KEYS_DIRECTORY = "/etc/ssh/authorized_keys.d"


def operators(network: Network, host: Host) -> dict[str, tuple[str, ...]]:
    """The names of those with an account on ``host``, and their public keys."""
    return access.operators(network, host.role)
