"""The company: who works in it, and on whose hosts they may log in."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from estate.model.access import Service
from estate.model.roles import Role
from estate.model.types import Model, Name, SshPublicKey

EVERY_INSTANCE = "*"
InstanceName = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9]{1,15})$")]
"""A network, or every one that the person has no duty of its own in."""


class Person(Model):
    """``duties``: by instance, the one that the person has there."""

    ssh_public_keys: Annotated[tuple[SshPublicKey, ...], Field(min_length=1)]
    duties: dict[InstanceName, Name]


class Company(Model):
    """What ``stacks/company.yaml`` declares.

    ``duties``: by name, the roles on whose hosts they give an account. ``services``: the central services that the
    hosts of every network call.
    """

    duties: dict[Name, Annotated[tuple[Role, ...], Field(min_length=1)]]
    people: dict[Name, Person]
    services: dict[Name, Service]
