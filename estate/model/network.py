"""The typed declaration of one network's ServiceInstance.

Shapes only: each field says what one value must look like. How values must fit each other is in ``estate.rules``;
the only way from a file to a ``Network`` is ``estate.declaration.load``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from estate.model.access import Lease, Operator, ScrapeJob, Service, Vpn
from estate.model.chain import Chain
from estate.model.cloud import Aws, CloudNode, Endpoints, Partner, Region
from estate.model.signing import Signing
from estate.model.site import Site
from estate.model.types import Model, Name, NetworkName, RegionName


class Network(Model):
    """One network's ServiceInstance: everything that a ``stacks/Pulumi.<network>.yaml`` declares."""

    name: NetworkName
    slot: Annotated[int, Field(ge=1, le=254)]
    owner: Name
    stage: Literal["production", "testnet"]
    chain: Chain
    aws: Aws
    regions: Annotated[dict[RegionName, Region], Field(min_length=1)]
    nodes: tuple[CloudNode, ...]
    endpoints: Endpoints
    partners: dict[Name, Partner] = {}
    sites: Annotated[dict[Name, Site], Field(min_length=1)]
    signing: Signing
    vpn: Vpn
    operators: dict[Name, Operator]
    services: dict[Name, Service]
    leases: dict[Name, Lease]
    monitoring: dict[Name, ScrapeJob]
