"""The tags that every resource carries: the policies decide by them what a resource is for."""

from __future__ import annotations

from estate.model import Network

CONSTANT = {"ManagedBy": "pulumi", "Project": "estate"}
"""The provider's default tags. Constants only: a changing tag would appear in every preview."""


def tags(network: Network, name: str, **purpose: str) -> dict[str, str]:
    """Name, network, owner and stage, and what else ``purpose`` says of one resource (``role``, ``tier``, …)."""
    stated = {"Name": name, "Network": network.name, "Owner": network.owner, "Stage": network.stage}
    return stated | {key.title().replace("_", ""): value for key, value in purpose.items()}
