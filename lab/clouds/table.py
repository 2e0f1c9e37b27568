"""The clouds that the lab has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lab.clouds import aws
from lab.clouds.provider import Folder

CLOUDS: Mapping[str, Folder[Any]] = MappingProxyType({"aws": aws.cloud()})
"""By the package name that begins the cloud's type tokens. Only a cloud's folder interprets its settings."""


def cloud_of(token: str) -> str:
    """The package of a type token, for example `aws` of `aws:ec2/vpc:Vpc` and of `pulumi:providers:aws`."""
    return token.removeprefix("pulumi:providers:").split(":")[0]
