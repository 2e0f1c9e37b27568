"""The chain: what its software is, and how its nodes are reached."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from estate.model.clients import CLIENTS, ClientKind, ClientSpec
from estate.model.types import Model, Name, PeerAddress, Port, Sha256


class Download(Model):
    """A file that is taken from elsewhere, and what it must hash to."""

    url: Annotated[str, StringConstraints(pattern=r"^(https|file)://\S+$")]
    sha256: Sha256


class Client(Model):
    """The chain's node software, installed as the Debian package ``package`` from the estate's own repository.

    ``kind``: what it is built with, which decides its files, its command line and what it serves.
    """

    kind: ClientKind = ClientKind.COSMOS_SDK
    package: Name
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)*([+~-][A-Za-z0-9.]+)?$")]
    daemon: Name
    release: Download | None = None

    @property
    def spec(self) -> ClientSpec:
        """What the client's kind decides."""
        return CLIENTS[self.kind]


class Ports(Model):
    """TCP ports of a node of this chain; without ``lcd`` it serves no LCD."""

    p2p: Port = 26656
    rpc: Port = 26657
    lcd: Port | None = None
    privval: Port = 26659
    metrics: Port = 26660

    def by_name(self) -> dict[str, int]:
        """Those that nodes of this chain have, by name."""
        return self.model_dump(exclude_none=True)

    def public(self) -> dict[str, int]:
        """Those that are served to everybody through the load balancers, by name."""
        return {name: port for name, port in self.by_name().items() if name in ("rpc", "lcd")}


class Chain(Model):
    """What the chain is, apart from whose estate runs on it.

    ``vote_extensions``: its consensus parameters enable them (``abci.vote_extensions_enable_height``), so that a node
    stops if a precommit for a block comes back without the signature of its extension, be it empty. What not every kind
    of client has (``ClientSpec.chain_fields``) is absent where its kind lacks it.
    """

    chain_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{1,49}$")]
    client: Client
    genesis: Download
    bech32_prefix: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}$")] | None = None
    minimum_gas_prices: (
        Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?[a-z][A-Za-z0-9/]{1,127}$")] | None
    ) = None
    block_seconds: Annotated[float, Field(gt=0, le=60)]
    vote_extensions: bool = False
    ports: Ports = Ports()
    seeds: tuple[PeerAddress, ...] = ()
    persistent_peers: tuple[PeerAddress, ...] = ()
