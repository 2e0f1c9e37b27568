"""Exceptions: what counts, what does not, and what ends them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml
from pulumi_policy import EnforcementLevel, ResourceValidationPolicy

from policies import pack
from policies.exceptions import read
from policies.rule import Example
from tests.policies.judging import is_whole
from tests.policies.sound import broken, changed

TODAY = date(2026, 11, 21)
SHORT = Example("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 30})
UNVERSIONED = Example("aws:s3/bucketVersioning:BucketVersioning", {"versioningConfiguration": {"status": "Suspended"}})
LOGS = "urn:pulumi:x::example::aws:cloudwatch/logGroup:LogGroup::log"
ENTRY = {
    "rule": "logs-are-kept",
    "resource": "urn:pulumi:*::example::*LogGroup::log",
    "owner": "network-operations",
    "reason": "the test network's logs are dropped with it",
    "expires": date(2027, 3, 31),
}
LEVEL = {key: value for key, value in ENTRY.items() if key != "resource"} | {"level": "advisory"}


def exceptions(*entries: Any, **more: Any) -> str:
    return yaml.safe_dump({"exceptions": list(entries), **more})


def levels(*entries: Any) -> str:
    return yaml.safe_dump({"levels": list(entries)})


def without(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != key}


def found(text: str, example: Example | None = SHORT, *, today: date = TODAY) -> dict[str, list[str]]:
    """What stops the stack of ``example``: messages by rule; what is only advice apart."""
    policies = pack.policies(text, today)
    advice = {each.name for each in policies if each.enforcement_level is EnforcementLevel.ADVISORY}
    said: dict[str, list[str]] = {}
    for name, _, message in broken(policies, changed(example)):
        said.setdefault(f"{name} (advice)" if name in advice else name, []).append(message)
    return said


def test_without_exceptions_every_rule_stops() -> None:
    assert set(found("")) == {"logs-are-kept"}


def test_an_exception_lifts_its_rule_for_its_resource_and_says_so() -> None:
    said = found(exceptions(ENTRY))
    assert set(said) == {"exceptions-in-force (advice)"}
    ((message,),) = said.values()
    for word in ("logs-are-kept", "network-operations", "2027-03-31", "dropped with it", "retentionInDays is 30"):
        assert word in message


def test_an_exception_for_another_resource_lifts_nothing() -> None:
    assert set(found(exceptions(ENTRY | {"resource": ENTRY["resource"] + "-2"}))) == {"logs-are-kept"}


def test_an_exception_from_another_rule_lifts_nothing() -> None:
    assert set(found(exceptions(ENTRY | {"rule": "logs-are-encrypted"}))) == {"logs-are-kept"}


@pytest.mark.slow
def test_an_exception_holds_for_rules_on_resources_together() -> None:
    entry = ENTRY | {"rule": "buckets-keep-versions", "resource": "urn:pulumi:*::example::*Bucket::bucket"}
    assert set(found("", UNVERSIONED)) == {"buckets-keep-versions"}
    assert set(found(exceptions(entry), UNVERSIONED)) == {"exceptions-in-force (advice)"}
    assert set(found(exceptions(entry | {"resource": LOGS}), UNVERSIONED)) == {"buckets-keep-versions"}


def test_an_exception_counts_on_its_last_day() -> None:
    assert set(found(exceptions(ENTRY), today=ENTRY["expires"])) == {"exceptions-in-force (advice)"}


def test_an_expired_exception_lifts_nothing_and_stops_by_itself() -> None:
    said = found(exceptions(ENTRY), today=date(2027, 4, 1))
    assert set(said) == {"logs-are-kept", "exceptions-are-current"}
    assert "logs-are-kept" in said["exceptions-are-current"][0]
    assert "it expired on 2027-03-31" in said["exceptions-are-current"][0]
    assert set(found(exceptions(ENTRY), None, today=date(2027, 4, 1))) == {"exceptions-are-current"}


def test_it_stops_at_the_first_resource_of_all() -> None:
    """The engine shows the stack itself before anything is made; rules on all resources come when all are made."""
    (current,) = [each for each in pack.policies(exceptions({}), TODAY) if each.name == pack.CURRENT]
    assert isinstance(current, ResourceValidationPolicy)
    assert current.enforcement_level is EnforcementLevel.MANDATORY
    assert {name for _, name, _ in broken([current], changed())} == {"estate-example"}


@pytest.mark.parametrize("key", sorted(ENTRY))
def test_an_exception_without_one_of_its_fields_is_refused(key: str) -> None:
    said = found(exceptions(without(ENTRY, key)))
    assert f"{key}: missing" in said["exceptions-are-current"][0]
    assert "logs-are-kept" in said


@pytest.mark.parametrize("key", ["owner", "reason"])
def test_an_empty_field_is_a_missing_one(key: str) -> None:
    assert f"{key}: missing" in found(exceptions(ENTRY | {key: ""}))["exceptions-are-current"][0]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (ENTRY | {"rule": "logs-are-keept"}, "it must be the id of a rule"),
        (ENTRY | {"expires": date(2028, 1, 1)}, "at most a year away"),
        (ENTRY | {"expires": "next spring"}, "it must be a day"),
        (ENTRY | {"expires": 20270331}, "it must be a day"),
        (ENTRY | {"until": "2027"}, "until: unknown"),
        (ENTRY | {"resource": "*"}, "all four parts"),
        (ENTRY | {"resource": "urn:pulumi:*::example::*::*"}, "its NAME must not match everything"),
        ("logs-are-kept", "an entry must be a mapping"),
        (ENTRY | {"rule": "ssh-is-never-public"}, "never be lifted or lowered"),
        (ENTRY | {"rule": "validators-are-hidden"}, "never be lifted or lowered"),
        (ENTRY | {"rule": "validators-are-protected"}, "never be lifted or lowered"),
        (ENTRY | {"rule": "tables-agree-across-regions"}, "never be lifted or lowered"),
        (ENTRY | {"rule": "exceptions-are-current"}, "never be lifted or lowered"),
        (ENTRY | {"rule": "proved-reachability"}, "never be lifted or lowered"),
    ],
)
def test_an_exception_that_cannot_count_is_refused(entry: Any, said: str) -> None:
    stopped = found(exceptions(entry))
    assert said in stopped["exceptions-are-current"][0]
    assert "logs-are-kept" in stopped


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exceptions: [", "it is not valid YAML"),
        ("- a", "both are lists"),
        ("exceptions: all", "it must be a list"),
        ("exeptions: []", "exeptions: unknown"),
        ("exceptions: [[]]", "an entry must be a mapping"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_and_lifts_nothing(text: str, said: str) -> None:
    stopped = found(text)
    assert said in stopped["exceptions-are-current"][0]
    assert "logs-are-kept" in stopped


def test_one_bad_entry_does_not_undo_a_good_one() -> None:
    assert set(found(exceptions(ENTRY, {}))) == {"exceptions-are-current", "exceptions-in-force (advice)"}


def test_a_lowered_rule_says_what_it_finds_and_stops_nothing() -> None:
    said = found(levels(LEVEL))
    assert set(said) == {"logs-are-kept (advice)"}
    assert "retentionInDays is 30" in said["logs-are-kept (advice)"][0]


def test_a_lowered_rule_on_resources_together_stops_nothing_either() -> None:
    assert set(found(levels(LEVEL | {"rule": "buckets-keep-versions"}), UNVERSIONED)) == {
        "buckets-keep-versions (advice)"
    }


def test_who_lowered_a_rule_is_in_its_description() -> None:
    (lowered,) = [each for each in pack.policies(levels(LEVEL), TODAY) if each.name == "logs-are-kept"]
    assert "2027-03-31 by network-operations" in lowered.description


@pytest.mark.parametrize("level", ["disabled", "mandatory", "off"])
def test_a_rule_is_never_silenced(level: str) -> None:
    assert f"level is {level}" in found(levels(LEVEL | {"level": level}))["exceptions-are-current"][0]


def test_an_expired_level_is_mandatory_again() -> None:
    text = yaml.safe_dump({"levels": [LEVEL]})
    assert set(found(text, today=date(2027, 4, 1))) == {"logs-are-kept", "exceptions-are-current"}


def test_every_problem_says_value_rule_reason_and_fix() -> None:
    entries = [{}, ENTRY | {"rule": "x"}, ENTRY | {"expires": "x"}, ENTRY | {"resource": "x"}, 1]
    problems = read(exceptions(*entries, more=[]), pack.firm(), TODAY).problems
    assert len(problems) >= len(entries)
    assert all(is_whole(problem) for problem in problems), problems


def test_the_checkouts_own_exceptions_are_in_order() -> None:
    assert read(pack.EXCEPTIONS.read_text(), pack.firm(), date.today()).problems == ()


def test_the_example_in_the_file_would_count() -> None:
    text = pack.EXCEPTIONS.read_text()
    shown = "\n".join(line[2:] for line in text.splitlines() if line.startswith("# ") and "policies.md" not in line)
    shown = shown[shown.index("exceptions:") :]
    given = read(shown, pack.firm(), TODAY)
    assert given.problems == ()
    assert len(given.exceptions) == len(given.levels) == 1
