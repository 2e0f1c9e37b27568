"""Kinds of node software: one row for each, with everything that a kind decides.

All kinds are built on Tendermint Core or CometBFT; what runs above it, and so the layout of files, the command line and
what is served, differs. A new kind is a member of ``ClientKind``, a row of ``CLIENTS`` and its templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ClientKind(StrEnum):
    """What a chain's node software is built with."""

    COSMOS_SDK = "cosmos-sdk"
    LOOM = "loom"


@dataclass(frozen=True, kw_only=True)
class ConfigFile:
    """A file that the client reads: its path below the client's home, and its template. ``restarts``: the running
    client reads it only when it starts.
    """

    path: str
    template: str
    restarts: bool = True


@dataclass(frozen=True, kw_only=True)
class ClientSpec:
    """One kind. Paths are below the client's home; ``{program}``, ``{home}`` and ``{chain_id}`` stand for their values.

    ``title``: its name in messages. ``chain_fields``: the fields of ``chain`` that this kind needs and no other has.
    ``lcd_health``: the path that the LCD answers if it works; none, if the client has no LCD. ``rpc_base``: the path
    below which Tendermint's RPC is served. ``internal_rpc``: a port on loopback on which the client itself reaches that
    RPC, beside the declared one. ``remote_signer``: whether our signers speak its protocol of remote signing.
    ``unconditional_peers``: whether peers can be declared that count towards no limit.

    ``config``: the directory of Tendermint's configuration and of the node's key. ``directories``: those that exist
    before the client starts. ``genesis``: links by path, to files of the chain's genesis package; the last one is made
    last. ``init``: the command that makes the keys in the directory ``{home}``, and ``keys`` those of them that are
    kept. ``files``: the configuration. ``check``: a command that fails if the client cannot read the configuration
    below ``{home}``; none, if it has none. ``run``: the client's command line; ``{peers}`` stands for the options that
    name peers.
    """

    title: str
    chain_fields: frozenset[str] = frozenset()
    lcd_health: str | None = None
    rpc_base: str = ""
    internal_rpc: int | None = None
    remote_signer: bool
    unconditional_peers: bool
    config: str
    directories: tuple[str, ...]
    genesis: Mapping[str, str]
    init: str
    keys: tuple[str, ...]
    files: tuple[ConfigFile, ...]
    check: str | None
    run: str

    @property
    def rpc_health(self) -> str:
        """The path that the RPC answers if it works."""
        return f"{self.rpc_base}/health"

    @property
    def node_key(self) -> str:
        """The key of the node's p2p identity."""
        return f"{self.config}/node_key.json"


CLIENTS: Mapping[ClientKind, ClientSpec] = MappingProxyType(
    {
        ClientKind.COSMOS_SDK: ClientSpec(
            title="Cosmos SDK daemon",
            chain_fields=frozenset({"bech32_prefix", "minimum_gas_prices"}),
            lcd_health="/cosmos/base/tendermint/v1beta1/blocks/latest",
            remote_signer=True,
            unconditional_peers=True,
            config="config",
            directories=("config", "data"),
            genesis=MappingProxyType({"config/genesis.json": "genesis.json"}),
            init="{program} init node --chain-id {chain_id} --home {home}",
            keys=("config/priv_validator_key.json", "data/priv_validator_state.json", "config/node_key.json"),
            files=(
                ConfigFile(path="config/config.toml", template="node/config.toml.j2"),
                ConfigFile(path="config/app.toml", template="node/app.toml.j2"),
                ConfigFile(path="config/client.toml", template="node/client.toml.j2", restarts=False),
            ),
            check="{program} comet show-node-id --home {home}",
            run="start --home {home} --log_no_color",
        ),
        # Sources: github.com/loomnetwork/loomchain at 350994c2 (cmd/loom/loom.go, abci/backend/tendermint.go,
        # config/config.go, rpc/rpc_server.go) and its Tendermint, github.com/loomnetwork/tendermint at f32154d5, which
        # is 0.27.3 (node/node.go, config/toml.go, privval/remote_signer.go).
        # The client reads loom.yml in its working directory and runs Tendermint in chaindata/. It has no option for
        # either place. A file that it cannot parse it ignores without a word, so nothing can be checked by it.
        # Peers in loom.yml are overwritten by the defaults of its options, so they are options here.
        # RPC and metrics are served at RPCBindAddress, Tendermint's routes below /rpc.
        ClientKind.LOOM: ClientSpec(
            title="Loom client",
            rpc_base="/rpc",
            internal_rpc=46657,
            remote_signer=False,
            unconditional_peers=False,
            config="chaindata/config",
            directories=("chaindata", "chaindata/config", "chaindata/data"),
            genesis=MappingProxyType(
                {"genesis.json": "app-genesis.json", "chaindata/config/genesis.json": "genesis.json"}
            ),
            init="env -C {home} {program} init",
            keys=("chaindata/config/priv_validator.json", "chaindata/config/node_key.json"),
            files=(
                ConfigFile(path="chaindata/config/config.toml", template="node/loom/config.toml.j2"),
                ConfigFile(path="loom.yml", template="node/loom/loom.yml.j2"),
            ),
            check=None,
            run="run{peers}",
        ),
    }
)
"""Every kind of client."""
