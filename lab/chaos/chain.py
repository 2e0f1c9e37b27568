"""The chain of the fast net: quick rounds; our validator has a little less than a third of the stake and two nodes.

Its slashing module tombstones a double sign and forgives any time of silence.
"""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ceremonies.public_key import ConsensusKey
from lab.chain import genesis, plan
from lab.chaos import net

CHAIN_ID = "chaos-1"
OPERATOR = "operator"
P2P_PORT = 26656
RPC_PORT = 26657
PRIVVAL_PORT = 26659
OTHER_VALIDATOR_STAKE = 100_000_000
OPERATOR_STAKE = 140_000_000
"""31.8 % of the power: it proposes nearly every third block; the others have 68.2 %, enough to continue without it."""

NODES = (*net.OTHER_VALIDATORS, *map(net.node, net.SITES))


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The consensus timeouts, in milliseconds."""

    propose: int = 400
    propose_delta: int = 100
    vote: int = 150
    vote_delta: int = 50
    commit: int = 250


@dataclass(frozen=True)
class Homes:
    """The directories of the fast net's nodes and key."""

    root: Path

    @property
    def key_file(self) -> Path:
        """The consensus key's seed, in base64, as tmkms reads it."""
        return self.root / "consensus.key"

    @property
    def public_key(self) -> ConsensusKey:
        return ConsensusKey.from_base64((self.root / "consensus.pub").read_text())

    @property
    def private_key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(self.key_file.read_text()))

    def node(self, name: str) -> Path:
        return self.root / "nodes" / name


def config_toml(name: str, peers: tuple[str, ...], pace: Pace) -> str:
    ours = name not in net.OTHER_VALIDATORS
    listener = f'priv_validator_laddr = "tcp://{net.ADDRESSES[name]}:{PRIVVAL_PORT}"\n' if ours else ""
    return f"""\
moniker = "{name}"
log_level = "error"
{listener}
[rpc]
laddr = "tcp://{net.ADDRESSES[name]}:{RPC_PORT}"
max_open_connections = 100

[p2p]
laddr = "tcp://{net.ADDRESSES[name]}:{P2P_PORT}"
external_address = "{net.ADDRESSES[name]}:{P2P_PORT}"
pex = false
addr_book_strict = false
allow_duplicate_ip = true
persistent_peers = "{",".join(peers)}"
persistent_peers_max_dial_period = "1s"
flush_throttle_timeout = "5ms"
handshake_timeout = "3s"
dial_timeout = "1s"

[mempool]
broadcast = false

[consensus]
timeout_propose = "{pace.propose}ms"
timeout_propose_delta = "{pace.propose_delta}ms"
timeout_prevote = "{pace.vote}ms"
timeout_prevote_delta = "{pace.vote_delta}ms"
timeout_precommit = "{pace.vote}ms"
timeout_precommit_delta = "{pace.vote_delta}ms"
timeout_commit = "{pace.commit}ms"
peer_gossip_sleep_duration = "20ms"
peer_query_maj23_sleep_duration = "1s"
double_sign_check_height = 0

[storage]
discard_abci_responses = true

[tx_index]
indexer = "null"
"""


APP_TOML = f"""\
minimum-gas-prices = "0{plan.DENOM}"
pruning = "custom"
pruning-keep-recent = "200"
pruning-interval = "50"
iavl-disable-fastnode = true

[telemetry]
enabled = false

[api]
enable = false

[grpc]
enable = false

[grpc-web]
enable = false

[state-sync]
snapshot-interval = 0
"""


def _genesis(where: Path) -> None:
    document = json.loads(where.read_text())
    slashing = document["app_state"]["slashing"]["params"]
    slashing |= {
        "signed_blocks_window": "1000000",
        "min_signed_per_window": "0.010000000000000000",
        "slash_fraction_double_sign": "0.050000000000000000",
    }
    staking = document["app_state"]["staking"]["params"]
    staking |= {"bond_denom": plan.DENOM, "historical_entries": 1}
    document["initial_height"] = "1"
    where.write_text(json.dumps(document))


def make(target: Path, binary: Path) -> Homes:
    """Makes the chain in the empty directory ``target``: genesis, homes of all nodes, our consensus key.

    Raises:
        genesis.ChainToolFailed: the daemon refused something.
    """
    homes = Homes(target)
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    homes.key_file.touch(0o600)
    homes.key_file.write_text(base64_text(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())))
    (target / "consensus.pub").write_text(base64_text(public))

    def daemon(*arguments: str, where: Path) -> str:
        return genesis.daemon(binary, *arguments, where=where)

    keyring = ("--keyring-backend", "test")
    lead = homes.node(net.OTHER_VALIDATORS[0])
    shared = lead / "config" / "genesis.json"
    for name in NODES:
        daemon("init", name, "--chain-id", CHAIN_ID, "--default-denom", plan.DENOM, where=homes.node(name))
    _genesis(shared)
    stakes = {**dict.fromkeys(net.OTHER_VALIDATORS, OTHER_VALIDATOR_STAKE), OPERATOR: OPERATOR_STAKE}
    for account, stake in stakes.items():
        daemon("keys", "add", account, *keyring, where=lead)
        daemon("genesis", "add-genesis-account", account, f"{2 * stake}{plan.DENOM}", *keyring, where=lead)
    transactions = lead / "config" / "gentx"
    transactions.mkdir(exist_ok=True)
    for account, stake in stakes.items():
        shown = public if account == OPERATOR else _public_key(homes.node(account))
        text = json.dumps({"@type": "/cosmos.crypto.ed25519.PubKey", "key": base64_text(shown)})
        output = ("--output-document", str(transactions / f"{account}.json"))
        options = ("--chain-id", CHAIN_ID, "--moniker", account, "--pubkey", text, *output, *keyring)
        daemon("genesis", "gentx", account, f"{stake}{plan.DENOM}", *options, where=lead)
    daemon("genesis", "collect-gentxs", where=lead)
    ids = {name: genesis.node_id(homes.node(name)) for name in NODES}
    for name in NODES:
        config = homes.node(name) / "config"
        if name != net.OTHER_VALIDATORS[0]:
            shutil.copy(shared, config / "genesis.json")
        dialled = tuple(
            f"{ids[each]}@{net.ADDRESSES[each]}:{P2P_PORT}" for each in net.OTHER_VALIDATORS if each != name
        )
        (config / "config.toml").write_text(config_toml(name, dialled, Pace()))
        (config / "app.toml").write_text(APP_TOML)
    return homes


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _public_key(home: Path) -> bytes:
    document = json.loads((home / "config" / "priv_validator_key.json").read_text())
    return base64.b64decode(document["pub_key"]["value"])


def command(binary: Path, homes: Homes, name: str) -> tuple[str, ...]:
    return (str(binary), "start", "--home", str(homes.node(name)), "--log_no_color")


def tmkms_toml(homes: Homes, validator: str, state: Path, connection_key: Path) -> str:
    """The configuration of a tmkms that signs with our key for one validator, at ``tcp://…`` or ``unix://…``."""
    secret = f'secret_key = "{connection_key}"\n' if validator.startswith("tcp") else ""
    return f"""\
[[chain]]
id = "{CHAIN_ID}"
key_format = {{ type = "bech32", account_key_prefix = "wasmpub", consensus_key_prefix = "wasmvalconspub" }}
state_file = "{state}"

[[validator]]
chain_id = "{CHAIN_ID}"
addr = "{validator}"
{secret}reconnect = true

[[providers.softsign]]
chain_ids = ["{CHAIN_ID}"]
key_type = "consensus"
key_format = "base64"
path = "{homes.key_file}"
"""


def make_tmkms(homes: Homes, tmkms: Path, where: Path, validator: str) -> tuple[str, ...]:
    """Makes the home of a tmkms; the command that runs it. Its state begins at height 0."""
    where.mkdir(parents=True)
    state, secret = where / "state.json", where / "connection.key"
    state.write_text('{"height": "0", "round": "0", "step": 0, "block_id": null}')
    secret.touch(0o600)
    secret.write_text(base64_text(sha256(str(where).encode()).digest()))
    (where / "tmkms.toml").write_text(tmkms_toml(homes, validator, state, secret))
    return (str(tmkms), "start", "-c", str(where / "tmkms.toml"))
