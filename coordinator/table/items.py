"""Heads and claims as DynamoDB items, and their condition and update expressions. Pure.

Items and values have the form of DynamoDB's JSON protocol: ``{"S": text}``, ``{"N": digits}``, ``{"B": base64}``,
``{"M": {name: value}}``. A head has the attributes ``pk``, ``generation``, ``hrs`` (``Position.text``) and ``gates``
(gate to boot id, empty until that gate announced itself), and those of its claim, if it has one. The primary key of a
claim row is ``pk`` and ``hrs``. An item of any other form is damaged.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from coordinator.decision.position import MAX_HEIGHT, Position, parse, spent
from coordinator.decision.records import Claim, Gate, Head, Signed

Item = dict[str, Any]

CLOSED = spent(MAX_HEIGHT)
"""The position of a retired key's head. It is the highest position, so nothing can be claimed."""

_HEAD = {"pk", "generation", "hrs", "gates"}
_CLAIM = {"gate_id", "boot_id", "claim_id", "sign_bytes", "digest", "intent", "time_ns"}
_EXTENSION = {"extension"}
_SIGNED = {"signature", "extension_signature"}
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,36}", re.ASCII)


class Damaged(ValueError):
    """An item that neither a gate nor a ceremony wrote. The text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Change:
    """The expressions of an UpdateItem or a PutItem.

    ``update`` is empty if nothing changes.
    """

    condition: str
    values: Item
    names: dict[str, str]
    update: str = ""


def key(chain_id: str, public_key: bytes) -> str:
    """The partition key of a chain's Ed25519 key (32 bytes). A key may serve two chains; a chain may change its key."""
    return f"{chain_id}|ed25519|{sha256(public_key).hexdigest()}"


def text(value: str) -> Item:
    return {"S": value}


def number(value: int) -> Item:
    return {"N": str(value)}


def binary(value: bytes) -> Item:
    return {"B": b64encode(value).decode()}


def head_item(pk: str, head: Head) -> Item:
    """The whole item of ``head``."""
    item = {
        "pk": text(pk),
        "generation": number(head.generation),
        "hrs": text(head.position.text),
        "gates": {"M": {gate_id: text(boot_id) for gate_id, boot_id in head.gates}},
    }
    if head.claim:
        item |= _claim_attributes(head.claim)
    if head.signed:
        item |= _signed_attributes(head.signed)
    return item


def claim_item(pk: str, claim: Claim) -> Item:
    """The whole item of a claim row."""
    return {
        "pk": text(pk),
        "hrs": text(claim.position.text),
        "generation": number(claim.generation),
        **_claim_attributes(claim),
    }


def read_head(pk: str, item: object) -> Head:
    """Reads a head. Raises Damaged."""
    item = _only(item, _HEAD | _CLAIM | _EXTENSION | _SIGNED, _HEAD)
    _expect(_value(item, "pk", "S") == pk, "is the head of another key")
    gates = _value(item, "gates", "M")
    generation, position = _integer(item, "generation"), _position(item)
    has_claim = not item.keys().isdisjoint(_CLAIM | _EXTENSION | _SIGNED)
    claim = _read_claim(item, generation, position) if has_claim else None
    return Head(
        generation=generation,
        position=position,
        gates=tuple(sorted((gate_id, _value(gates, gate_id, "S")) for gate_id in gates)),
        claim=claim,
        signed=_read_signed(item, claim) if claim and not item.keys().isdisjoint(_SIGNED) else None,
    )


def read_claim(pk: str, position: Position, item: object) -> Claim:
    """Reads the claim row at ``position``. Raises Damaged."""
    expected = {"pk", "hrs", "generation"} | _CLAIM
    item = _only(item, expected | _EXTENSION, expected)
    _expect(_value(item, "pk", "S") == pk, "is a claim of another key")
    _expect(_position(item) == position, "is a claim at another position")
    return _read_claim(item, _integer(item, "generation"), position)


def read_position(item: object) -> Position:
    """Reads the position from the old attributes of an updated head. Raises Damaged."""
    _expect(isinstance(item, dict), "is no map")
    assert isinstance(item, dict)
    return _position(item)


def never() -> Change:
    """A condition that always fails: a read by a refused write."""
    return Change("attribute_exists(pk) AND attribute_not_exists(pk)", {}, {})


def claiming(claim: Claim) -> Change:
    """``records.claimable`` as a condition, and the claim as an update. The last claim's signatures are removed."""
    attributes = _claim_attributes(claim)
    return Change(
        "attribute_exists(pk) AND generation = :generation AND gates.#gate = :boot_id AND hrs < :hrs"
        " AND hrs >= :not_below AND (hrs < :height OR gate_id = :gate_id)",
        {
            ":generation": number(claim.generation),
            ":hrs": text(claim.position.text),
            ":not_below": text(claim.not_below.text),
            ":height": text(Position(claim.position.height, 0, 0).text),
            **{f":{name}": value for name, value in attributes.items()},
        },
        {"#gate": claim.gate_id},
        _CLAIMED if claim.extension is None else _CLAIMED_WITH_EXTENSION,
    )


def announcing(gate: Gate) -> Change:
    """Makes this run the current run of its admitted gate."""
    return Change(
        "attribute_exists(pk) AND generation = :generation AND attribute_exists(gates.#gate)",
        {":generation": number(gate.generation), ":boot": text(gate.boot_id)},
        {"#gate": gate.gate_id},
        "SET gates.#gate = :boot",
    )


def recording(claim: Claim, signed: Signed) -> Change:
    """Writes the signatures beside their claim, once."""
    attributes = _signed_attributes(signed)
    return Change(
        "attribute_exists(pk) AND hrs = :hrs AND claim_id = :claim_id AND digest = :digest"
        " AND attribute_not_exists(signature)",
        {
            ":hrs": text(claim.position.text),
            ":claim_id": text(claim.claim_id),
            ":digest": binary(claim.digest),
            **{f":{name}": value for name, value in attributes.items()},
        },
        {},
        f"SET {_assignments(attributes)}",
    )


def inserting() -> Change:
    """Only if there is no item with that key."""
    return Change("attribute_not_exists(pk)", {}, {})


def admitting(gate_id: str, generation: int) -> Change:
    """Admits a gate, which may then announce itself. A gate that is admitted already keeps its current run."""
    return Change(
        "attribute_exists(pk) AND generation = :generation AND hrs < :closed",
        {":generation": number(generation), ":closed": text(CLOSED.text), ":nobody": text("")},
        {"#gate": gate_id},
        "SET gates.#gate = if_not_exists(gates.#gate, :nobody)",
    )


def dismissing(gate_id: str, generation: int) -> Change:
    """Removes a gate's admission: no run of it can claim any more."""
    return Change(
        "attribute_exists(pk) AND generation = :generation",
        {":generation": number(generation)},
        {"#gate": gate_id},
        "REMOVE gates.#gate",
    )


def taking_over(head: Head, gate_id: str) -> Change:
    """Gives the height of ``head`` to ``gate_id``, which is admitted, and dismisses the gate that owned it, if the head
    still holds the same claim. The claim itself stays: nothing else is ever signed at its position.
    """
    assert head.claim
    return Change(
        "attribute_exists(pk) AND generation = :generation AND hrs = :hrs AND claim_id = :claim_id"
        " AND gate_id = :owner AND attribute_exists(gates.#gate)",
        {
            ":generation": number(head.generation),
            ":hrs": text(head.position.text),
            ":claim_id": text(head.claim.claim_id),
            ":owner": text(head.owner),
            ":gate_id": text(gate_id),
        },
        {"#gate": gate_id, "#owner": head.owner},
        "SET gate_id = :gate_id REMOVE gates.#owner",
    )


def renewing(old_generation: int, head: Head) -> Change:
    """Replaces a head of ``old_generation`` that is no higher with ``head``, which has no claim."""
    return Change(
        "attribute_exists(pk) AND generation = :old AND hrs <= :hrs AND hrs < :closed",
        {
            ":old": number(old_generation),
            ":generation": number(head.generation),
            ":hrs": text(head.position.text),
            ":closed": text(CLOSED.text),
            ":gates": head_item("", head)["gates"],
        },
        {},
        f"SET generation = :generation, hrs = :hrs, gates = :gates REMOVE {_ALL_OF_A_CLAIM}",
    )


def closing(generation: int) -> Change:
    """Closes the head permanently: no gate can claim any more."""
    return Change(
        "attribute_exists(pk) AND generation = :generation",
        {":generation": number(generation), ":closed": text(CLOSED.text), ":none": {"M": {}}},
        {},
        f"SET hrs = :closed, gates = :none REMOVE {_ALL_OF_A_CLAIM}",
    )


_ALL_OF_A_CLAIM = ", ".join(sorted(_CLAIM | _EXTENSION | _SIGNED))


def _assignments(names: Iterable[str]) -> str:
    return ", ".join(f"{name} = :{name}" for name in names)


def _claimed(attributes: set[str]) -> str:
    """The update by which a claim with these attributes takes the place of the last one."""
    gone = (_EXTENSION | _SIGNED) - attributes
    return f"SET hrs = :hrs, {_assignments(sorted(attributes))} REMOVE {', '.join(sorted(gone))}"


_CLAIMED, _CLAIMED_WITH_EXTENSION = _claimed(_CLAIM), _claimed(_CLAIM | _EXTENSION)


def _claim_attributes(claim: Claim) -> Item:
    attributes = {
        "gate_id": text(claim.gate_id),
        "boot_id": text(claim.boot_id),
        "claim_id": text(claim.claim_id),
        "sign_bytes": binary(claim.sign_bytes),
        "digest": binary(claim.digest),
        "intent": binary(claim.intent),
        "time_ns": number(claim.time_ns),
    }
    return attributes if claim.extension is None else attributes | {"extension": binary(claim.extension)}


def _signed_attributes(signed: Signed) -> Item:
    attributes = {"signature": binary(signed.signature)}
    if signed.extension_signature is not None:
        attributes["extension_signature"] = binary(signed.extension_signature)
    return attributes


def _read_claim(item: Item, generation: int, position: Position) -> Claim:
    _expect(item.keys() >= _CLAIM, "has half a claim")
    claim = Claim(
        position=position,
        generation=generation,
        gate_id=_value(item, "gate_id", "S"),
        boot_id=_value(item, "boot_id", "S"),
        claim_id=_value(item, "claim_id", "S"),
        sign_bytes=_bytes(item, "sign_bytes"),
        intent=_bytes(item, "intent"),
        time_ns=_integer(item, "time_ns"),
        extension=_bytes(item, "extension") if "extension" in item else None,
    )
    _expect(bool(claim.gate_id and claim.boot_id and claim.claim_id), "has a claim without an owner or an id")
    _expect(_bytes(item, "digest") == claim.digest, "has bytes to sign that are not those of its digest")
    _expect(len(claim.intent) == 32, "has an intent that is no SHA-256")
    return claim


def _read_signed(item: Item, claim: Claim) -> Signed:
    _expect("signature" in item, "has an extension's signature and no other")
    signed = Signed(
        _bytes(item, "signature"), _bytes(item, "extension_signature") if "extension_signature" in item else None
    )
    lengths = {len(part) for part in (signed.signature, signed.extension_signature) if part is not None}
    _expect(lengths == {64}, "has a signature that is not of 64 bytes")
    _expect((signed.extension_signature is None) == (claim.extension is None), "has a signature for half of its claim")
    return signed


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Damaged(f"the item {otherwise}")


def _only(item: object, allowed: set[str], required: set[str]) -> Item:
    _expect(isinstance(item, dict), "is no map")
    assert isinstance(item, dict)
    lacking, strange = sorted(required - item.keys()), sorted(map(str, item.keys() - allowed))
    _expect(not lacking, f"lacks {', '.join(lacking)}")
    _expect(not strange, f"has the unknown {', '.join(strange)}")
    return item


def _value(item: Item, name: str, kind: str) -> Any:
    """The value in ``{kind: value}``. Raises Damaged."""
    value = item.get(name)
    _expect(isinstance(value, dict) and value.keys() == {kind}, f"has a {name} that is not of type {kind}")
    assert isinstance(value, dict)
    _expect(isinstance(value[kind], dict if kind == "M" else str), f"has a {name} that is not of type {kind}")
    return value[kind]


def _integer(item: Item, name: str) -> int:
    digits = _value(item, name, "N")
    _expect(_INTEGER.fullmatch(digits) is not None, f"has a {name} that is no integer")
    return int(digits)


def _bytes(item: Item, name: str) -> bytes:
    try:
        return b64decode(_value(item, name, "B"), validate=True)
    except Damaged:
        raise
    except ValueError:
        raise Damaged(f"the item has a {name} that is not in base64") from None


def _position(item: Item) -> Position:
    try:
        return parse(_value(item, "hrs", "S"))
    except Damaged:
        raise
    except ValueError as error:
        raise Damaged(f"the item has an unreadable hrs: {error}") from None
