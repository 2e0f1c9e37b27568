"""What is proved at the end: everything that any signer of the key ever made, against the claims and against the chain.

The signatures are those that the taps saw tmkms make, so also what a gate then did not give away; the claims are the
rows of the table; the seals and the evidence are what another validator's node has in its blocks.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from coordinator import audit
from coordinator.decision.position import Position, Step, parse
from coordinator.decision.records import Claim
from lab.chaos import chain
from lab.chaos.witness import Evidence, Seal

CONTRADICTION = "was signed for two different things"


@dataclass(frozen=True, slots=True)
class Made:
    """A signature that tmkms at ``place`` made. ``block``: the block id's hash, in hex, empty for nil."""

    place: str
    at: float
    position: Position
    intent: bytes
    block: str
    sign_bytes: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Given:
    """A gate's own note that it answered its node with a signature."""

    gate_id: str
    position: Position
    claim_id: str
    replayed: bool


class Unreadable(Exception):
    """A tap saw an answer of tmkms that is no vote and no proposal."""


def made(place: str, line: str) -> Made:
    """What a line of a tap's log says. Raises Unreadable."""
    found = json.loads(line)
    if "unreadable" in found:
        raise Unreadable(f"the tap of {place} could not read an answer of tmkms: {found['unreadable']}")
    intent, sign_bytes, signature = (base64.b64decode(found[name]) for name in ("intent", "sign_bytes", "signature"))
    return Made(place, found["time"], parse(found["position"]), intent, found["block"], sign_bytes, signature)


@dataclass
class Lines:
    """The whole lines of a growing file, each read once."""

    path: Path
    _offset: int = 0

    def new(self) -> list[str]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.decode(errors="replace").splitlines()


@dataclass
class Duplicates:
    """Whether anything was signed twice, as it comes in. ``found``: sentences."""

    found: list[str] = field(default_factory=list)
    _first: dict[Position, Made] = field(default_factory=dict)
    _gates: dict[int, str] = field(default_factory=dict)

    def see(self, each: Made, gate_id: str) -> None:
        """``gate_id``: of the gate before the signer."""
        first = self._first.setdefault(each.position, each)
        where = f"height {each.position.height}, round {each.position.round}, step {each.position.step}"
        pair = f"{first.place}: {first.block[:12] or 'nil'}, {each.place}: {each.block[:12] or 'nil'}"
        if first.intent != each.intent:
            self.found.append(f"{where} {CONTRADICTION} ({pair})")
        elif first.signature != each.signature:
            self.found.append(f"{where} has two signatures ({pair})")
        owner = self._gates.setdefault(each.position.height, gate_id)
        if owner != gate_id:
            self.found.append(f"both {owner} and {gate_id} had something signed at height {each.position.height}")


def events(
    claims: Iterable[Claim], given: Iterable[Given], signatures: Sequence[Made], seals: Iterable[Seal]
) -> Iterator[audit.Event]:
    """The claim rows and the released signatures as one log: each claim, then what was released at its position.

    If a gate was killed before it logged a response, the seals show it. A signature that tmkms made and no gate
    released has a claim in the head, but not always a claim row.
    """
    made_at = {each.position: each for each in signatures}
    rows = {claim.position: claim for claim in claims}
    given_at: dict[Position, list[Given]] = defaultdict(list)
    for each in given:
        given_at[each.position].append(each)
    for seal in seals:
        position = Position(seal.height, seal.round, Step.PRECOMMIT)
        if position not in given_at:
            row = rows.get(position)
            found = (row.gate_id, position, row.claim_id) if row else ("a gate", position, "that is unknown")
            given_at[position].append(Given(*found, replayed=False))
    numbers = count()
    before = Position(0, 0, 0)
    for position in sorted({*rows, *given_at}):
        row = rows.get(position)
        if row:
            yield audit.Claimed(row, before)
            yield audit.Inserted(row)
            before = position
        for each in given_at.get(position, []):
            yield _released(each, row, made_at.get(position), next(numbers))


def _released(each: Given, claim: Claim | None, made: Made | None, number: int) -> audit.Released:
    """A signature that no signer made is logged as an empty one, which verifies under no key."""
    return audit.Released(
        gate_id=each.gate_id,
        boot_id=claim.boot_id if claim else "",
        request=str(number),
        claim_id=each.claim_id,
        chain_id=chain.CHAIN_ID,
        position=each.position,
        intent=made.intent if made else b"",
        sign_bytes=made.sign_bytes if made else b"",
        signature=made.signature if made else b"",
        replayed=each.replayed,
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """``broken``: sentences, none if every promise held."""

    signatures: int
    claims: int
    given: int
    seals: int
    broken: tuple[str, ...]


def verdict(
    public_key: bytes,
    claims: Sequence[Claim],
    given: Sequence[Given],
    signatures: Sequence[Made],
    seals: Sequence[Seal],
    evidence: Sequence[Evidence],
    gate_of: Mapping[str, str],
) -> Verdict:
    """Judges everything at once."""
    key = Ed25519PublicKey.from_public_bytes(public_key)

    def verifies(signature: bytes, message: bytes) -> bool:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    duplicates = Duplicates()
    broken = duplicates.found
    for each in signatures:
        duplicates.see(each, gate_of[each.place])
        if not verifies(each.signature, each.sign_bytes):
            broken.append(f"the signature of {each.place} at {each.position.text} does not verify")
    log = events(claims, given, signatures, seals)
    found = audit.violations(log, chain.CHAIN_ID, verify=verifies, floors=False)
    broken += map(str, found)
    known = {each.signature for each in signatures}
    broken += [
        f"the commit of height {seal.height} has a signature of ours that no signer behind a gate made"
        for seal in seals
        if seal.signature not in known
    ]
    broken += [
        f"block {each.found_at} has evidence against {each.address}: height {each.height}, round {each.round}"
        for each in evidence
    ]
    return Verdict(len(signatures), len(claims), len(given), len(seals), tuple(broken))


def gate_events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The events among the lines of a gate's output; the rest is no JSON object."""
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and "event" in found:
            yield found
