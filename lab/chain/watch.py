"""What the chain says of itself: how high it is, who signed its last blocks, who is whose peer. Over the RPC of any node."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from lab.netns import entered

SIGNED_FOR_BLOCK = 2
"""`BlockIDFlagCommit`: a precommit for the block, not for nil and not absent."""


class ChainUnreachable(Exception):
    """The node did not answer, or answered with an error."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """How far a node is. `catching_up`: it knows that others are ahead."""

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
    """How a validator fared in the last blocks. `missed` counts only heights at which it was in the set."""

    address: str
    last_signed_height: int | None
    missed: int
    blocks: int
    bonded: bool


def parse_head(result: Mapping[str, Any]) -> Head:
    """Of a `/status` result."""
    sync = result["sync_info"]
    return Head(
        chain_id=result["node_info"]["network"], height=int(sync["latest_block_height"]), time=sync["latest_block_time"],
        catching_up=bool(sync["catching_up"]),
    )


def parse_commit(result: Mapping[str, Any]) -> Commit:
    """Of a `/commit` result."""
    commit = result["signed_header"]["commit"]
    return Commit(
        height=int(commit["height"]),
        signers=frozenset(each["validator_address"] for each in commit["signatures"] if each["block_id_flag"] == SIGNED_FOR_BLOCK),
    )


def parse_validators(result: Mapping[str, Any]) -> frozenset[str]:
    """The addresses of a `/validators` result."""
    return frozenset(each["address"] for each in result["validators"])


def parse_peers(result: Mapping[str, Any]) -> tuple[str, ...]:
    """The monikers of a `/net_info` result, in order."""
    return tuple(sorted(peer["node_info"]["moniker"] for peer in result["peers"]))


def record(address: str, commits: Sequence[Commit], sets: Mapping[int, frozenset[str]]) -> SigningRecord:
    """The record of `address` over `commits`, given the validator set at each of their heights at which it did not sign."""
    signed = [commit.height for commit in commits if address in commit.signers]
    eligible = [commit.height for commit in commits if address in commit.signers or address in sets.get(commit.height, frozenset())]
    return SigningRecord(
        address=address, last_signed_height=max(signed, default=None), missed=len(eligible) - len(signed), blocks=len(commits),
        bonded=bool(commits) and max(commit.height for commit in commits) in eligible,
    )


@dataclass(frozen=True)
class Node:
    """The RPC of a node at `host:port`, asked from within `namespace`."""

    host: str
    port: int = 26657
    namespace: str | None = None
    timeout_seconds: float = 5

    def ask(self, *questions: tuple[str, Mapping[str, str]]) -> list[Mapping[str, Any]]:
        """The results of several questions (method, parameters) over one connection.

        Raises:
            ChainUnreachable: no answer, or an error instead of a result.
        """
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_seconds)
        results = []
        try:
            with entered(self.namespace):
                connection.connect()
            for method, parameters in questions:
                connection.request("GET", f"/{method}?{urlencode(parameters)}")
                document = json.loads(connection.getresponse().read())
                if "result" not in document:
                    raise ChainUnreachable(f"{self.host}:{self.port}: {method} {dict(parameters)}: {document.get('error')}")
                results.append(document["result"])
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
            raise ChainUnreachable(f"{self.host}:{self.port}: {error}") from error
        finally:
            connection.close()
        return results

    def head(self) -> Head:
        return parse_head(self.ask(("status", {}))[0])

    def peers(self) -> tuple[str, ...]:
        return parse_peers(self.ask(("net_info", {}))[0])

    def validators(self, height: int | None = None) -> frozenset[str]:
        """The addresses of the validator set, at the head or at `height`; at most 100."""
        at = {} if height is None else {"height": str(height)}
        return parse_validators(self.ask(("validators", {"per_page": "100", **at}))[0])

    def commits(self, last: int = 50) -> tuple[Commit, ...]:
        """The last commits that are final, oldest first. The head's own is not: late precommits may still be added to it."""
        head = self.head().height
        heights = range(max(1, head - last), head)
        return tuple(parse_commit(each) for each in self.ask(*(("commit", {"height": str(height)}) for height in heights)))

    def signing(self, address: str, last: int = 50) -> SigningRecord:
        """How the validator with this consensus address fared in the last blocks."""
        commits = self.commits(last)
        unsigned = [commit.height for commit in commits if address not in commit.signers]
        answers = self.ask(*(("validators", {"per_page": "100", "height": str(height)}) for height in unsigned)) if unsigned else []
        return record(address, commits, dict(zip(unsigned, map(parse_validators, answers), strict=True)))
