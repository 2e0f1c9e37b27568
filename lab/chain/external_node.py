"""The configuration of the nodes that are not ours: small, fast, with little logging. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lab.chain.plan import BLOCK_SECONDS, DENOM, RPC_PORT, ExternalNode

USER = "chain"


def home(node: ExternalNode) -> str:
    return f"/var/lib/chain/{node.name}"


def unit_name(node: ExternalNode) -> str:
    return f"chain-{node.name}.service"


def config_toml(node: ExternalNode, peers: Sequence[str]) -> str:
    """`config.toml`. `peers`: `id@host:port` of the other validators; a partner's node dials no one, its peers dial it
    or are its neighbours.
    """
    return f"""\
moniker = "{node.name}"
log_level = "error"

[rpc]
laddr = "tcp://{node.address}:{RPC_PORT}"

[p2p]
laddr = "tcp://{node.address}:{node.port}"
external_address = "{node.address}:{node.port}"
pex = {"true" if node.validator else "false"}
addr_book_strict = true
persistent_peers = "{",".join(peers)}"
persistent_peers_max_dial_period = "10s"
max_num_inbound_peers = 100

[consensus]
timeout_commit = "{round(BLOCK_SECONDS * 5 / 6 * 1000)}ms"

[storage]
discard_abci_responses = true

[tx_index]
indexer = "{"kv" if node.validator else "null"}"

[instrumentation]
prometheus = false
"""


def app_toml() -> str:
    return f"""\
minimum-gas-prices = "0{DENOM}"
pruning = "custom"
pruning-keep-recent = "100"
pruning-interval = "10"

[telemetry]
enabled = false

[api]
enable = false

[grpc]
enable = false

[grpc-web]
enable = false
"""


def unit(node: ExternalNode, program: str) -> str:
    """The systemd unit of `node`; `program` is the daemon's path on its machine."""
    return f"""\
[Unit]
Description=Node {node.name}
After=network.target
StartLimitIntervalSec=0

[Service]
User={USER}
Environment=GOMAXPROCS=1
ExecStart={program} start --home {home(node)} --log_no_color
Restart=always
RestartSec=2
TimeoutStopSec=20
LimitNOFILE=16384
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={home(node)}
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
"""
