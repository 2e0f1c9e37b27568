"""What a validator that is not ours saw: each block's signatures of ours, and all evidence. Parsing is pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ceremonies.chain_rpc import SIGNED_FOR_BLOCK
from lab.chain.watch import Node

BLOCKS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Seal:
    """Our precommit in the commit of a block, as the next block carries it. ``block``: the block id's hash, in hex."""

    height: int
    round: int
    block: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """That a validator signed twice: the position, and what it signed."""

    found_at: int
    address: str
    height: int
    round: int
    type: int
    blocks: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Block:
    """A block as far as signing goes. ``seal``: ours in its last commit (the height before), if any."""

    height: int
    seal: Seal | None
    evidence: tuple[Evidence, ...]


def parse_block(result: Mapping[str, Any], address: str) -> Block:
    """Of a ``/block`` result, for the validator with this address.

    Source: CometBFT's RPC reference, v0.38.
    """
    block = result["block"]
    height, last = int(block["header"]["height"]), block["last_commit"]
    seal = next(
        (
            Seal(int(last["height"]), last["round"], last["block_id"]["hash"], base64.b64decode(each["signature"]))
            for each in last["signatures"]
            if each["validator_address"] == address and each["block_id_flag"] == SIGNED_FOR_BLOCK
        ),
        None,
    )
    found = [each["value"] for each in block["evidence"]["evidence"] if "Duplicate" in each["type"]]
    return Block(
        height=height,
        seal=seal,
        evidence=tuple(
            Evidence(
                found_at=height,
                address=each["vote_a"]["validator_address"],
                height=int(each["vote_a"]["height"]),
                round=each["vote_a"]["round"],
                type=each["vote_a"]["type"],
                blocks=(each["vote_a"]["block_id"]["hash"], each["vote_b"]["block_id"]["hash"]),
            )
            for each in found
        ),
    )


@dataclass
class Witness:
    """Reads every block once, through ``node``."""

    node: Node
    address: str
    blocks: dict[int, Block] = field(default_factory=dict)

    @property
    def height(self) -> int:
        """The highest block that was read; 0 before the first."""
        return max(self.blocks, default=0)

    def look(self) -> int:
        """Reads what is new; the height that is final now.

        Raises:
            lab.chain.watch.ChainUnreachable
        """
        head = self.node.head().height
        while self.height < head:
            heights = range(self.height + 1, min(head, self.height + BLOCKS_AT_ONCE) + 1)
            for result in self.node.ask(*(("block", {"height": str(height)}) for height in heights)):
                block = parse_block(result, self.address)
                self.blocks[block.height] = block
        return head

    def missed(self, first: int, last: int) -> tuple[int, ...]:
        """The heights of ``first``…``last`` whose commit lacks our precommit; the block after ``last`` must be read."""
        return tuple(height for height in range(first, last + 1) if self.blocks[height + 1].seal is None)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return tuple(each for height in sorted(self.blocks) for each in self.blocks[height].evidence)
