"""Heads and claims as items: what is written is read back, and any other item is refused."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.decision.position import MAX_HEIGHT, MAX_ROUND, Position, Step
from coordinator.decision.records import Claim, Head, Signed
from coordinator.table import items

PK = items.key("hub-4", bytes(32))

names = st.text(min_size=1, max_size=20)
positions = st.builds(
    Position, st.integers(0, MAX_HEIGHT), st.integers(0, MAX_ROUND), st.sampled_from([0, *map(int, Step)])
)
claims = st.builds(
    Claim,
    position=positions,
    generation=st.integers(1, 2**40),
    gate_id=names,
    boot_id=names,
    claim_id=names,
    sign_bytes=st.binary(max_size=200),
    intent=st.binary(min_size=32, max_size=32),
    time_ns=st.integers(-(2**66), 2**66),
    extension=st.none() | st.binary(max_size=200),
)


@st.composite
def heads(draw: st.DrawFn) -> Head:
    claim = draw(st.none() | claims)
    signature = st.binary(min_size=64, max_size=64)
    signed = None
    if claim and draw(st.booleans()):
        signed = Signed(draw(signature), draw(signature) if claim.extension is not None else None)
    return Head(
        generation=claim.generation if claim else draw(st.integers(1, 2**40)),
        position=claim.position if claim else draw(positions),
        gates=tuple(sorted(draw(st.dictionaries(names, st.text(max_size=20), max_size=4)).items())),
        claim=claim,
        signed=signed,
    )


@given(heads())
def test_a_head_is_read_as_it_was_written(head: Head) -> None:
    assert items.read_head(PK, items.head_item(PK, head)) == head


@given(claims)
def test_a_claim_is_read_as_it_was_written(claim: Claim) -> None:
    assert items.read_claim(PK, claim.position, items.claim_item(PK, claim)) == claim


def test_the_key_names_chain_and_public_key() -> None:
    assert f"hub-4|ed25519|{sha256(bytes(32)).hexdigest()}" == PK


CLAIM = Claim(Position(7, 0, 2), 1, "ash", "boot", "c-1", b"bytes", bytes(32), 5, b"extension")
ITEM = items.head_item(PK, Head(1, CLAIM.position, (("ash", "boot"),), CLAIM, Signed(b"s" * 64, b"e" * 64)))
UNCLAIMED = items.head_item(PK, Head(1, CLAIM.position, ()))


def without(item: dict, *names: str) -> dict:
    return {name: value for name, value in item.items() if name not in names}


DAMAGED = {
    "not a map": ([], "no map"),
    "nothing": ({}, "lacks gates, generation, hrs, pk"),
    "no gates": (without(ITEM, "gates"), "lacks gates"),
    "more than anybody writes": (ITEM | {"ttl": {"N": "1"}}, "unknown ttl"),
    "of another key": (ITEM | {"pk": {"S": "other"}}, "another key"),
    "generation as text": (ITEM | {"generation": {"S": "1"}}, "generation that is not of type N"),
    "generation with a fraction": (ITEM | {"generation": {"N": "1.5"}}, "generation that is no integer"),
    "generation in other digits": (ITEM | {"generation": {"N": "١"}}, "generation that is no integer"),
    "generation no string": (ITEM | {"generation": {"N": 1}}, "generation that is not of type N"),
    "two types at once": (ITEM | {"generation": {"N": "1", "S": "1"}}, "not of type N"),
    "value without a type": (ITEM | {"generation": "1"}, "not of type N"),
    "short position": (ITEM | {"hrs": {"S": "7.0.2"}}, "unreadable hrs"),
    "position as a number": (ITEM | {"hrs": {"N": "7"}}, "hrs that is not of type S"),
    "height out of range": (ITEM | {"hrs": {"S": "99999999999999999999.0000000000.02"}}, "unreadable hrs"),
    "gates as text": (ITEM | {"gates": {"S": "ash"}}, "gates that is not of type M"),
    "boot id as a number": (ITEM | {"gates": {"M": {"ash": {"N": "1"}}}}, "ash that is not of type S"),
    "half a claim": (without(ITEM, "claim_id"), "half a claim"),
    "claim of no gate": (ITEM | {"gate_id": {"S": ""}}, "claim without an owner"),
    "claim of no run": (ITEM | {"boot_id": {"S": ""}}, "claim without an owner"),
    "claim without a name": (ITEM | {"claim_id": {"S": ""}}, "without an owner or an id"),
    "other bytes": (ITEM | {"sign_bytes": items.binary(b"other")}, "not those of its digest"),
    "short intent": (ITEM | {"intent": items.binary(b"x")}, "no SHA-256"),
    "bytes not in base64": (ITEM | {"sign_bytes": {"B": "*"}}, "not in base64"),
    "bytes not in ASCII": (ITEM | {"sign_bytes": {"B": "é"}}, "not in base64"),
    "short signature": (ITEM | {"signature": items.binary(b"s" * 63)}, "not of 64 bytes"),
    "only the extension's signature": (without(ITEM, "signature"), "no other"),
    "no signature for the extension": (without(ITEM, "extension_signature"), "half of its claim"),
    "a signature for no extension": (without(ITEM, "extension"), "half of its claim"),
    "a signature for no claim": (UNCLAIMED | {"signature": items.binary(b"s" * 64)}, "half a claim"),
    "an extension of no claim": (UNCLAIMED | {"extension": items.binary(b"e")}, "half a claim"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_head_is_refused(case: str) -> None:
    item, reason = DAMAGED[case]
    with pytest.raises(items.Damaged, match=reason):
        items.read_head(PK, item)


ROW = items.claim_item(PK, CLAIM)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (None, "no map"),
        (without(ROW, "generation"), "lacks generation"),
        (ROW | {"gates": {"M": {}}}, "unknown gates"),
        (ROW | {"pk": {"S": "other"}}, "another key"),
        (ROW | {"hrs": {"S": Position(8, 0, 2).text}}, "another position"),
        (ROW | {"digest": items.binary(bytes(32))}, "not those of its digest"),
    ],
)
def test_a_damaged_row_is_refused(item: object, reason: str) -> None:
    with pytest.raises(items.Damaged, match=reason):
        items.read_claim(PK, CLAIM.position, item)


@pytest.mark.slow
@given(st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_whatever_an_item_is_it_is_read_or_damaged(item: object) -> None:
    with pytest.raises(items.Damaged):
        items.read_head(PK, item)
    with pytest.raises(items.Damaged):
        items.read_claim(PK, CLAIM.position, item)
    with pytest.raises(items.Damaged):
        items.read_position(item)


@given(st.sampled_from(sorted(ITEM)), st.recursive(st.text(), lambda x: st.dictionaries(st.sampled_from("SNBM"), x)))
def test_a_head_with_anything_in_place_of_an_attribute_is_read_or_damaged(name: str, value: object) -> None:
    try:
        items.read_head(PK, ITEM | {name: value})
    except items.Damaged:
        return
    assert isinstance(value, dict)
