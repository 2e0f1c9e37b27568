"""The front's rules: permissions and faults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from lab.table.rules import Call, Faults, Kind, Permissions

CALL = Call("us-east-1", "GATEASH1", "UpdateItem", "hub-head", "hub-4|ed25519|ab")
ENTRY = {"access_key": "GATEASH*", "actions": ["UpdateItem"], "table": "hub-head", "leading_keys": ["hub-4|*"]}


def write(path: Path, content: object) -> Path:
    fresh = path.with_suffix(".fresh")
    fresh.write_text(json.dumps(content))
    return fresh.replace(path)


def test_what_is_permitted_is_allowed(tmp_path: Path) -> None:
    assert Permissions(write(tmp_path / "p", [ENTRY])).allow(CALL)


@pytest.mark.parametrize(
    "other",
    [{"access_key": "GATEZRH*"}, {"actions": ["GetItem"]}, {"table": "hub-claims"}, {"leading_keys": ["terra-1|*"]}],
)
def test_what_is_not_permitted_is_not_allowed(tmp_path: Path, other: dict[str, object]) -> None:
    assert not Permissions(write(tmp_path / "p", [ENTRY | other])).allow(CALL)


def test_a_missing_file_allows_nothing_until_it_is_there(tmp_path: Path) -> None:
    permissions = Permissions(tmp_path / "p")
    assert not permissions.allow(CALL)
    write(tmp_path / "p", [ENTRY])
    assert permissions.allow(CALL)
    (tmp_path / "p").unlink()
    assert not permissions.allow(CALL)


def faults(tmp_path: Path, *entries: Mapping[str, object], lost: tuple[str, ...] = ()) -> Faults:
    return Faults(write(tmp_path / "f", {"lost": lost, "faults": list(entries)}))


def test_nothing_fails_without_a_file(tmp_path: Path) -> None:
    none = Faults(tmp_path / "f")
    assert none.befalls(CALL) is None
    assert not none.is_lost("us-east-1")


@pytest.mark.parametrize("pattern", ["access_key", "table", "operation", "region"])
def test_a_fault_befalls_only_what_all_its_patterns_fit(tmp_path: Path, pattern: str) -> None:
    fits = {"access_key": "GATEASH?", "table": "*-head", "operation": "UpdateItem", "region": "us-east-1"}
    told = {"id": "f", "kind": "throttle"}
    found = faults(tmp_path, told | fits).befalls(CALL)
    assert found is not None
    assert found.kind is Kind.THROTTLE
    assert faults(tmp_path, told | fits | {pattern: "other"}).befalls(CALL) is None


def test_a_fault_is_spent_after_its_count_even_if_the_file_is_written_again(tmp_path: Path) -> None:
    entry = {"id": "f", "kind": "throttle", "count": 2}
    some = faults(tmp_path, entry)
    assert some.befalls(CALL)
    write(tmp_path / "f", {"faults": [entry, {"id": "g", "kind": "conflict", "count": 1}]})
    kinds = [fault and fault.kind for fault in (some.befalls(CALL), some.befalls(CALL), some.befalls(CALL))]
    assert kinds == [Kind.THROTTLE, Kind.CONFLICT, None]


def test_a_fault_is_drawn_from_its_seed(tmp_path: Path) -> None:
    def drawn(seed: int) -> list[bool]:
        some = faults(tmp_path, {"id": "f", "kind": "throttle", "probability": 0.5, "seed": seed})
        return [some.befalls(CALL) is not None for _ in range(100)]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert 30 < sum(drawn(7)) < 70


def test_lost_regions_are_lost_until_they_are_found(tmp_path: Path) -> None:
    some = faults(tmp_path, lost=("us-east-1",))
    assert (some.is_lost("us-east-1"), some.is_lost("us-east-2")) == (True, False)
    write(tmp_path / "f", {})
    assert not some.is_lost("us-east-1")
