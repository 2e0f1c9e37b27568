import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine import stack as engine
from engine.preview import Change
from engine.workspace import Workspace
from estate.errors import CheckFailed


def test_changes_are_those_of_the_last_summary(tmp_path: Path) -> None:
    log = tmp_path / "events"
    events = [
        {"resourcePreEvent": {}},
        {"summaryEvent": {"resourceChanges": {"create": 3, "same": 2}}},
        {"cancelEvent": {}},
    ]
    log.write_text("\n".join(map(json.dumps, events)))
    assert engine.changes(log) == {"create": 3, "same": 2}


def test_unchanged_resources_do_not_count_as_changes() -> None:
    assert engine.changed({"create": 3, "same": 200, "update": 1}) == 4
    assert engine.changed({"same": 200}) == 0


@dataclass(frozen=True)
class Previewed(engine.Engine):
    """An engine whose next preview decides ``now``."""

    now: dict = field(default_factory=dict)

    def preview(self, **_: object) -> dict[str, int]:
        return {}

    def decided(self) -> dict:
        return self.now


SHOWN = {(Change("update", "Vpc", "hub", ("tags",)), "urn:hub"): "{}"}


def test_what_is_no_longer_what_was_shown_is_refused_with_what_differs(tmp_path: Path) -> None:
    now = {(Change("delete", "Vpc", "hub"), "urn:hub"): "{}"}
    stack = Previewed(checkout=tmp_path, stack="hub", workspace=Workspace(tmp_path, "hub"), now=now)
    with pytest.raises(CheckFailed, match=r"(?s)change Vpc hub: tags.*delete Vpc hub|delete Vpc hub.*change Vpc hub"):
        stack.demand_as_shown(SHOWN, policies=None)


def test_what_is_still_what_was_shown_is_accepted(tmp_path: Path) -> None:
    stack = Previewed(checkout=tmp_path, stack="hub", workspace=Workspace(tmp_path, "hub"), now=dict(SHOWN))
    stack.demand_as_shown(SHOWN, policies=None)
