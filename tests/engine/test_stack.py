import json
from pathlib import Path

from engine import stack as engine


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
