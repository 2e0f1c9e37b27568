import json

import pytest

from engine.preview import LISTED_AT_MOST, Change, before_and_after, changes, decided, differing, in_words


def event(operation: str, token: str, name: str, **more: object) -> str:
    return json.dumps(
        {
            "resourcePreEvent": {
                "metadata": {"op": operation, "type": token, "urn": f"urn:pulumi:a::b::c::{name}", **more}
            }
        }
    )


def test_only_resources_that_do_not_stay_as_they_are_are_told() -> None:
    log = [
        event("same", "aws:ec2/vpc:Vpc", "one"),
        event("update", "aws:ec2/eip:Eip", "two", diffs=["tags"]),
        json.dumps({"summaryEvent": {}}),
    ]
    assert changes(log) == (Change("update", "Eip", "two", ("tags",)),)


def test_a_replacement_is_told_once_and_components_not_at_all() -> None:
    log = [
        event("create-replacement", "aws:ec2/instance:Instance", "host"),
        event("replace", "aws:ec2/instance:Instance", "host", diffs=["ami"]),
        event("delete-replaced", "aws:ec2/instance:Instance", "host"),
        event("create", "estate:host:Sentry", "sentry"),
    ]
    assert in_words(changes(log)) == ["replace Instance host: ami"]


def test_many_resources_are_counted_by_kind() -> None:
    many = [Change("create", "Route", f"route-{number}") for number in range(LISTED_AT_MOST + 1)]
    assert in_words(many) == [f"create {LISTED_AT_MOST + 1} resources:", f"  {LISTED_AT_MOST + 1:5} Route"]


def state(size: int, **more: object) -> dict[str, object]:
    return {"type": VOLUME, "inputs": {"region": "us-east-1", "size": size}, **more}


VOLUME = "aws:ebs/volume:Volume"


def test_the_stack_before_and_after_is_what_each_operation_leaves_of_it() -> None:
    log = [
        event("same", VOLUME, "same", old=state(1), new=state(1)),
        event("update", VOLUME, "grown", old=state(2), new=state(3)),
        event("create", VOLUME, "new", old=None, new=state(4)),
        event("delete", VOLUME, "gone", old=state(5), new=None),
        event("delete", VOLUME, "left", old=state(6, retainOnDelete=True), new=None),
        event("create-replacement", VOLUME, "swapped", old=state(7), new=state(8)),
        event("replace", VOLUME, "swapped", old=state(7), new=state(8)),
        event("delete-replaced", VOLUME, "swapped", old=state(7), new=None),
        event("refresh", VOLUME, "same", old=state(1), new=state(1)),
        event("import", VOLUME, "known", old=None, new=state(9)),
        json.dumps({"summaryEvent": {}}),
    ]
    before, after = before_and_after(log)
    assert [each.properties["size"] for each in before] == [1, 2, 5, 6, 7, 9]
    assert [each.properties["size"] for each in after] == [1, 3, 4, 6, 8, 9]
    assert {(each.type, each.region) for each in (*before, *after)} == {(VOLUME, "us-east-1")}


def test_what_was_only_read_is_no_change() -> None:
    assert in_words(changes([event("refresh", VOLUME, "one"), event("update", VOLUME, "two")])) == ["change Volume two"]


def new(**inputs: object) -> dict[str, object]:
    return {"new": {"type": VOLUME, "inputs": inputs}}


def test_two_previews_of_the_same_differ_in_names_that_a_provider_makes_up_alone() -> None:
    one = decided([event("create", VOLUME, "disk", **new(name="disk-1f", size=8, __defaults=["name"]))])
    again = decided([event("create", VOLUME, "disk", **new(name="disk-9c", size=8, __defaults=["name"]))])
    assert differing(one, again) == []


@pytest.mark.parametrize(
    "other",
    [
        [event("create", VOLUME, "disk", **new(size=9))],
        [event("update", VOLUME, "disk", **new(size=8), diffs=["size"])],
        [event("create", VOLUME, "disk", **new(size=8)), event("delete", VOLUME, "old")],
        [],
    ],
)
def test_another_value_operation_or_resource_is_another_decision(other: list[str]) -> None:
    one = decided([event("create", VOLUME, "disk", **new(size=8))])
    assert differing(one, decided(other))
    assert differing(decided(other), one)
