"""The base of every model, and the kinds of value that fields share."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints


class Model(BaseModel):
    """Frozen. A field that the model does not have is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=20)]
NetworkName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,15}$")]
RegionName = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
ZoneLetter = Annotated[str, StringConstraints(pattern=r"^[a-f]$")]
AccountId = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
HostNumber = Annotated[int, Field(ge=1, le=30)]
NodeId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
PeerAddress = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}@[A-Za-z0-9.-]+:[0-9]{1,5}$")]
DnsName = Annotated[
    str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$", max_length=253)
]
Arn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:.+$")]
Asn = Annotated[int, Field(ge=1, le=4294967294)]
SshPublicKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^(ssh-ed25519|sk-ssh-ed25519@openssh\.com|ecdsa-sha2-nistp256) [A-Za-z0-9+/=]+( \S+)?$"
    ),
]
Serial = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{4,32}$")]
SecretRef = Annotated[str, StringConstraints(pattern=r"^vault:[a-z0-9-]+(/[A-Za-z0-9._-]+)+#[a-z0-9_]+$")]

ENGINE_MIDNIGHT = " 00:00:00 +0000 UTC"
"""What the Pulumi engine appends to a bare YAML date when it passes the date on as text."""


def _without_midnight(value: object) -> object:
    return value.removesuffix(ENGINE_MIDNIGHT) if isinstance(value, str) else value


Day = Annotated[date, BeforeValidator(_without_midnight)]
