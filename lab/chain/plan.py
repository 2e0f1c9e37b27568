"""What the lab's chain consists of: who runs it apart from us, where they listen, what is at stake. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any

from estate.errors import ExpectedError
from estate.model import Network
from lab.chain.identity import NodeKey, example_partner_key

DAEMON = "wasmd"
BECH32_PREFIX = "wasm"
DENOM = "stake"
BLOCK_SECONDS = 1.5
P2P_PORT = 26656
RPC_PORT = 26657

OTHER_VALIDATOR_ADDRESSES = tuple(IPv4Address(f"198.51.100.{last}") for last in (101, 102, 103))
"""Validators of other companies, in the internet. With three of equal power, the chain lives without us, and with us
without one of them.
"""

OTHER_VALIDATOR_STAKE = 100_000_000
OPERATOR_STAKE = 40_000_000
OPERATOR_BALANCE = 50_000_000
OPERATOR = "operator"

SIGNED_BLOCKS_WINDOW = 300
MIN_SIGNED_PER_WINDOW = "0.200000000000000000"
"""240 of 300 blocks may be missed, eight minutes: longer than the longest drill, short enough that a forgotten one
shows.
"""

DOWNTIME_JAIL_SECONDS = 60
UNBONDING_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class ExternalNode:
    """A node that is not ours: a validator in the internet, or a partner's private sentry."""

    name: str
    address: IPv4Address
    port: int
    key: NodeKey | None = None
    validator: bool = True


class UnknownIdentity(ExpectedError):
    """The declared node id is not the example's, so no node of the lab can stand in for the partner's node."""

    def __init__(self, partner: str, peer: str, expected: str) -> None:
        super().__init__(
            f"partner {partner}: got peer {peer}; the lab stands in for a partner whose node id anyone can derive "
            f"({expected}); it cannot hold "
            f"a real partner's key; its node is left out; rehearse with that id, and an address, to have one"
        )


def other_validators() -> tuple[ExternalNode, ...]:
    return tuple(
        ExternalNode(name=f"other-{index}", address=each, port=P2P_PORT)
        for index, each in enumerate(OTHER_VALIDATOR_ADDRESSES, start=1)
    )


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


def partner_nodes(network: Network, partner: str) -> tuple[ExternalNode, ...]:
    """The nodes that stand in for those that `partner` declared.

    Raises:
        UnknownIdentity: a declared node id is not the example's, or is at a name and not at an address.
    """
    nodes = []
    for ordinal, peer in enumerate(network.partners[partner].peers):
        key = example_partner_key(partner, ordinal)
        node_id, _, place = peer.partition("@")
        address, _, port = place.partition(":")
        if node_id != key.node_id or not _is_address(address):
            raise UnknownIdentity(partner, peer, key.node_id)
        nodes.append(
            ExternalNode(
                name=f"{partner}-{ordinal}", address=IPv4Address(address), port=int(port), key=key, validator=False
            )
        )
    return tuple(nodes)


def chain_id(network: Network) -> str:
    return f"{network.chain.chain_id}-lab"


def chain_facts(
    network: Network, *, version: str, genesis: Path, sha256: str, peers: tuple[str, ...]
) -> dict[str, Any]:
    """The lab's chain in the declaration's form: other facts, another kind of client, but the ports that the
    declared firewalls open.
    """
    return {
        "chain_id": chain_id(network),
        "client": {"package": DAEMON, "version": version, "daemon": DAEMON},
        "genesis": {"url": genesis.resolve().as_uri(), "sha256": sha256},
        "bech32_prefix": BECH32_PREFIX,
        "minimum_gas_prices": f"0{DENOM}",
        "block_seconds": BLOCK_SECONDS,
        "ports": network.chain.ports.by_name(),
        "seeds": [],
        "persistent_peers": list(peers),
    }
