"""Each seeded bug is noticed, by each check that is said to notice it; without a bug none of them complains."""

from __future__ import annotations

from collections import Counter

import pytest

from verification.coordinator import bugs
from verification.coordinator.bugs import CHECKS, notices
from verification.coordinator.bugs_seeded import BUGS, Bug, Check
from verification.coordinator.variants import Change, load

pytestmark = pytest.mark.slow


def test_without_a_bug_no_check_complains():
    assert notices(()) == []


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_noticed(bug: Bug):
    found = notices(bug.changes, bug.noticed_by)
    for each in found:
        print(f"{bug.name}: {each.check}: {each.soon}: {each.why}")
    assert tuple(each.check for each in found) == bug.noticed_by
    assert found


def test_there_are_enough_bugs_and_each_check_notices_some():
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 60
    noticed = Counter(check for bug in BUGS for check in bug.noticed_by)
    assert CHECKS.keys() == set(Check)
    assert all(noticed[check] >= 15 for check in Check), noticed


def test_most_bugs_are_noticed_by_what_judges_behaviour_and_not_by_unit_tests_alone():
    alone = [bug.name for bug in BUGS if bug.noticed_by == (Check.UNIT_TESTS,)]
    assert len(alone) <= len(BUGS) // 3, alone


@pytest.mark.parametrize(
    ("noticing", "code", "last"),
    [
        ([("split lock",), ("no owner",)], 0, "2 of 2 bugs found, 0 missed"),
        ([("split lock",)], 1, "1 of 2 bugs found, 1 missed: no owner"),
    ],
)
def test_the_last_line_says_how_many_were_found(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    noticing: list[tuple[str]],
    code: int,
    last: str,
):
    there = {bug.name: bug for bug in BUGS}
    found = [there[name].changes for (name,) in noticing]
    monkeypatch.setattr(
        bugs, "notices", lambda changes: [bugs.Noticed(Check.UNIT_TESTS, "1", "why")] * (changes in found)
    )
    monkeypatch.setattr("sys.argv", ["bugs", "split lock", "no owner"])
    assert bugs.main() == code
    assert capsys.readouterr().out.splitlines()[-1] == last


def test_a_bug_that_is_not_there_is_not_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.argv", ["bugs", "no such bug"])
    with pytest.raises(SystemExit):
        bugs.main()
    assert "there is no bug no such bug; there are split lock, " in capsys.readouterr().err


def test_a_change_that_does_not_apply_is_an_error():
    with pytest.raises(ValueError, match="0 times in coordinator.decision.handle: 'nothing such'"):
        load(Change("handle", "nothing such", ""))
