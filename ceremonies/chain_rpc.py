"""Parses a node's RPC responses: the chain's height, the signers of its blocks, a node's peers. Pure.

Sources: CometBFT's RPC reference, v0.38: `status`, `commit`, `validators`, `net_info`, `consensus_state`,
`dump_consensus_state` (the first has the hash of the locked block, the second the round in which it was locked).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SIGNED_FOR_BLOCK = 2
"""`BlockIDFlagCommit`: a precommit for the block, not for nil and not absent."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """A node's height. `catching_up`: the node is still syncing."""

    chain_id: str
    height: int
    time: str
    catching_up: bool


@dataclass(frozen=True, kw_only=True)
class Commit:
    """Who signed the block at `height`: consensus addresses, 40 upper-case hex digits."""

    height: int
    signers: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class SigningRecord:
    """A validator's signing record in the last blocks. `missed` counts only heights at which it was in the set."""

    address: str
    last_signed_height: int | None
    missed: int
    blocks: int
    bonded: bool


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The block that a node's consensus is locked on at `height`, since `round`. `block`: its hash, upper-case hex;
    empty if there is none.
    """

    height: int
    round: int
    block: str


def parse_head(result: Mapping[str, Any]) -> Head:
    """Of a `/status` result."""
    sync = result["sync_info"]
    return Head(
        chain_id=result["node_info"]["network"],
        height=int(sync["latest_block_height"]),
        time=sync["latest_block_time"],
        catching_up=bool(sync["catching_up"]),
    )


def parse_commit(result: Mapping[str, Any]) -> Commit:
    """Of a `/commit` result."""
    commit = result["signed_header"]["commit"]
    return Commit(
        height=int(commit["height"]),
        signers=frozenset(
            each["validator_address"] for each in commit["signatures"] if each["block_id_flag"] == SIGNED_FOR_BLOCK
        ),
    )


def parse_validators(result: Mapping[str, Any]) -> frozenset[str]:
    """The addresses of a `/validators` result."""
    return frozenset(each["address"] for each in result["validators"])


def parse_lock(before: Mapping[str, Any], dump: Mapping[str, Any], after: Mapping[str, Any]) -> Lock | None:
    """Of a `/dump_consensus_state` result between two `/consensus_state` results; `None` if the lock changed."""
    state, again, full = before["round_state"], after["round_state"], dump["round_state"]
    height, _, _ = state["height/round/step"].partition("/")
    block = state["locked_block_hash"]
    if again["locked_block_hash"] != block or not again["height/round/step"].startswith(f"{height}/"):
        return None
    if int(full["height"]) != int(height):
        return None
    return Lock(height=int(height), round=int(full["locked_round"]), block=block.upper())


def parse_peers(result: Mapping[str, Any]) -> tuple[str, ...]:
    """The monikers of a `/net_info` result, in order."""
    return tuple(sorted(peer["node_info"]["moniker"] for peer in result["peers"]))


def record(address: str, commits: Sequence[Commit], sets: Mapping[int, frozenset[str]]) -> SigningRecord:
    """The record of `address` over `commits`, given the validator set at each of their heights at which it did not
    sign.
    """
    signed = [commit.height for commit in commits if address in commit.signers]
    eligible = [
        commit.height
        for commit in commits
        if address in commit.signers or address in sets.get(commit.height, frozenset())
    ]
    return SigningRecord(
        address=address,
        last_signed_height=max(signed, default=None),
        missed=len(eligible) - len(signed),
        blocks=len(commits),
        bonded=bool(commits) and max(commit.height for commit in commits) in eligible,
    )
