import json

from engine.preview import LISTED_AT_MOST, Change, changes, in_words


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
