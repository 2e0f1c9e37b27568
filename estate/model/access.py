"""Who and what may reach hosts, and what hosts may reach: operators, services, leases, monitors."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from estate.model.roles import Role
from estate.model.types import Model, Port, SecretRef, SshPublicKey


class Vpn(Model):
    """The instance's own VPN: every operator comes through it, with certificate, password and one-time code."""

    port: Port = 1194
    certificate_authority: SecretRef


class Operator(Model):
    """A person with an account on hosts of the listed roles."""

    ssh_public_keys: Annotated[tuple[SshPublicKey, ...], Field(min_length=1)]
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]


class Service(Model):
    """A central service that hosts of the listed roles may call."""

    address: IPv4Address
    port: Port
    protocol: Literal["tcp", "udp"] = "tcp"
    consumers: Annotated[tuple[Role, ...], Field(min_length=1)]


class Lease(Model):
    """A credential that hosts of the listed roles take from Vault for a short time."""

    kind: Literal["aws", "pki", "ssh", "kv", "database"]
    path: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(/[A-Za-z0-9._-]+)+$")]
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    ttl_seconds: Annotated[int, Field(ge=60, le=86400)]
    renew_before_seconds: Annotated[int, Field(ge=10)]
    single_use: bool = False


class ScrapeJob(Model):
    """What the monitors read from each host of the listed roles."""

    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    port: Port
    path: Annotated[str, StringConstraints(pattern=r"^/\S*$")] = "/metrics"
    interval_seconds: Annotated[int, Field(ge=5, le=300)] = 15
