"""A text in a question that names nothing: what is wrong with it is said, and what to write instead."""

from __future__ import annotations

import pytest

from reachability.misnamed import explained, shortest

KNOWN = ("db", "front", "internet", "web")


@pytest.mark.parametrize(
    ("given", "rule", "fix"),
    [
        ("10.0.0.300", "300 must be a number from 0 to 255", "another number instead of 300"),
        ("10.0.0", "must have four numbers", "write for example 10.0.0.0/24"),
        ("10.0.0.", "must have four numbers", "write for example 10.0.0.0/24"),
        ("10.0.0.1.5", "must have four numbers", "write for example 10.0.0.1"),
        ("10.0.1.010", "must have no leading zeros", "write 10.0.1.10"),
        ("10.0.1.10/33", "the prefix length must be a number from 0 to 32", "write for example 10.0.1.10/32"),
        ("10.0.0.0/8/8", "the prefix length must be a number from 0 to 32", "write for example 10.0.0.0/32"),
        ("10.0.1.7/255.255.255.0", "must have a prefix length", "write 10.0.1.0/24"),
        ("10.0.1.0/255.0.255.0", "must have a prefix length", "write for example 10.0.1.0/24"),
        ("10.0.1.7/0.0.0.255", "must have a prefix length", "write 10.0.1.0/24"),
        ("10.0.1.7/0.0.0.0", "must have a prefix length", "write 0.0.0.0/0"),
        ("10.0.1.7/255.255", "must have a prefix length", "write for example 10.0.1.0/24"),
        ("10.0.1.10-20", "a range is neither", "10.0.1.10/31, 10.0.1.12/30, 10.0.1.16/30, 10.0.1.20"),
        ("10.0.1.10 - 10.0.1.11", "a range is neither", "10.0.1.10/31"),
        ("2001:db8::zz", "must be eight groups", "write for example 2001:db8::1"),
        ("1:2:3", "must be eight groups", "write for example 2001:db8::1"),
        ("::/129", "the prefix length must be a number from 0 to 128", "write for example ::/128"),
        ("fe80::1%eth0", "must have no zone", "write fe80::1"),
        ("10.0.1.10:80", "must be a host without a port", "write '10.0.1.10' with --protocol tcp --port 80"),
        ("web:443", "must be a host without a port", "write 'web' with --protocol tcp --port 443"),
        ("https://web/path", "must be a host", "write 'web' with --protocol tcp --port 443"),
        ("udp://[2001:db8::1]:53", "must be a host without a port", "'2001:db8::1' with --protocol udp --port 53"),
        ("Internet", "must be written exactly", "write 'internet'"),
        (" web", "must be written exactly", "write 'web'"),
        ("world", "must be 'internet'", "write 'internet'"),
        ("*", "must name one thing", "--all-pairs"),
        ("web,db", "must name one thing", "--all-pairs"),
        ("localhost", "must be a host of the estate", "there are db, front, internet, web"),
        ("i-0123456789abcdef0", "must be among the resources", "--state"),
        ("arn:aws:ec2:eu-central-1:1:instance/i-1", "must be among the resources", "--state"),
    ],
)
def test_the_rule_the_reason_and_the_fix_are_told(given: str, rule: str, fix: str) -> None:
    said = explained(given, KNOWN)
    assert said.startswith(repr(given)) and ", because " in said
    assert rule in said and fix in said


def test_what_is_like_a_name_is_offered_that_name_and_else_all_names() -> None:
    assert explained("wep", KNOWN).endswith("did you mean web?")
    assert explained("urn:pulumi:x", KNOWN).endswith("there are db, front, internet, web")
    many = [f"host-{number}" for number in range(20)]
    assert explained("zzz", many).endswith("and 8 more")


def test_a_thing_with_several_names_is_called_by_one_that_a_person_would_use() -> None:
    assert shortest(["arn:aws:lb:1", "front-123.elb.amazonaws.com", "front"]) == "front"
    assert shortest(["arn:a", "front-123.elb.amazonaws.com"]) == "front-123.elb.amazonaws.com"
