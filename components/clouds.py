"""The supported clouds, and the cloud of each region."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pulumi

from components import aws
from components.nouns import Folder
from estate.model import Network

CLOUDS: Mapping[str, Folder] = MappingProxyType({"aws": aws.cloud()})
"""By the package name in the cloud's type tokens. Add a cloud as a folder and an entry here."""


def cloud_of(network: Network, region: str) -> str:
    """The cloud that ``region`` is on. A declaration names no cloud yet: every region is on the first."""
    assert region in network.regions, f"{region}: no region of {network.name}"
    return next(iter(CLOUDS))


def used(network: Network) -> tuple[str, ...]:
    """The clouds that ``network`` has regions on."""
    return tuple(sorted({cloud_of(network, region) for region in network.regions}))


def providers(network: Network) -> list[pulumi.ProviderResource]:
    """The explicit provider of each cloud that ``network`` is on."""
    return [CLOUDS[cloud].provider(network) for cloud in used(network)]
