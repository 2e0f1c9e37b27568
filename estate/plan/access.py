"""Who may log in where."""

from __future__ import annotations

from estate.model import Network, Role


def operators(network: Network, role: Role) -> dict[str, tuple[str, ...]]:
    """The operators with an account on hosts of ``role``, in order of name, and their SSH public keys."""
    return {name: each.ssh_public_keys for name, each in sorted(network.operators.items()) if role in each.roles}
