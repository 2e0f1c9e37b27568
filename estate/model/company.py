"""The company: who works in it, and on whose hosts they may log in."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from estate.model.access import Lease, ScrapeJob, Service, Vpn
from estate.model.cloud import Endpoints
from estate.model.roles import Role, SiteRole
from estate.model.site import SiteZone
from estate.model.types import Arn, Model, Name, SshPublicKey

EVERY_INSTANCE = "*"
InstanceName = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9]{1,15})$")]
"""A network, or every one that the person has no duty of its own in."""


class Person(Model):
    """``duties``: by instance, the one that the person has there."""

    ssh_public_keys: Annotated[tuple[SshPublicKey, ...], Field(min_length=1)]
    duties: dict[InstanceName, Name]


LeaseName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*(-\{site\})?$", max_length=20)]
"""A lease; one for each site that signs with others, if ``{site}`` is in the name."""


class SiteDefaults(Model):
    """What a network has in a datacentre, if its file does not say otherwise.

    ``zones``: their VLANs are counted from the ``vlans`` of the network's site. ``servers``: the zone of each server of
    a role, in the order of their numbers. ``certificates``: those of the tunnels to each region, one for each edge.
    """

    zones: dict[Name, SiteZone] | None = None
    servers: dict[SiteRole, Annotated[tuple[Name, ...], Field(min_length=1)]] | None = None
    certificates: Annotated[tuple[Arn, ...], Field(min_length=1)] | None = None


class Defaults(Model):
    """What every network has whose file does not declare it itself, with placeholders for what the network declares."""

    endpoints: Endpoints | None = None
    vpn: Vpn | None = None
    leases: dict[LeaseName, Lease] | None = None
    monitoring: dict[Name, ScrapeJob] | None = None
    site: SiteDefaults | None = None


class Company(Model):
    """What ``stacks/company.yaml`` declares.

    ``duties``: by name, the roles on whose hosts they give an account. ``services``: the central services that the
    hosts of every network call. ``defaults``: what networks need not declare.
    """

    duties: dict[Name, Annotated[tuple[Role, ...], Field(min_length=1)]]
    people: dict[Name, Person]
    services: dict[Name, Service]
    defaults: Defaults | None = None
