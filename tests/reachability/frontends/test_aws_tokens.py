"""Every type that is known here is known under every token that the provider gives it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from reachability.frontends.aws import UNDERSTOOD, reviewed
from reachability.frontends.aws_tokens import ALIASES, BALANCING, known_as
from reachability.resources import Resource
from tests.reachability.frontends.aws import test_balancers as balancers
from tests.reachability.frontends.aws.builders import Estate, resource

ALIAS = re.compile(rb"""Alias\(\s*type_\s*=\s*["'](aws:[^"']+)["']""")
OWN = re.compile(rb"""\.__init__\(\s*["'](aws:[^"']+)["']""")


def provider() -> Iterator[set[str]]:
    """The tokens of each resource class of the installed provider that has several."""
    spec = find_spec("pulumi_aws")
    assert spec is not None and spec.origin is not None
    for path in Path(spec.origin).parent.rglob("*.py"):
        source = path.read_bytes()
        if b"Alias(" in source and (others := ALIAS.findall(source)):
            yield {each.decode() for each in (*OWN.findall(source), *others)}


def understood(token: str) -> bool:
    given = Resource("urn", known_as(token), "name", "id", {}, {})
    return given.type in UNDERSTOOD or reviewed.harmless(given)


@pytest.mark.slow
def test_every_alias_of_a_type_is_the_same_type() -> None:
    classes = list(provider())
    assert {"aws:lb/listener:Listener", "aws:elasticloadbalancingv2/listener:Listener"} in classes
    assert [sorted(each) for each in classes if len({understood(token) for token in each}) > 1] == []


def test_no_alias_is_read_beside_its_type() -> None:
    assert not UNDERSTOOD & ALIASES.keys()
    assert {known_as(each) for each in ALIASES.values()} == set(ALIASES.values())


@pytest.mark.parametrize("module", BALANCING)
def test_a_balancer_is_the_same_under_every_module(module: str) -> None:
    renamed = [
        replace(each, type=each.type.replace("aws:lb/", f"aws:{module}/"))
        for each in (*balancers.BASE, *balancers.network())
    ]
    estate = Estate(renamed)
    assert estate.unmodelled == ()
    assert estate.outcome("internet", "203.0.113.5") == "delivered to web"


@pytest.mark.parametrize(
    ("type_", "part"),
    [
        ("cloudfront/distribution", {"origins": [{"domainName": "d"}, {"vpcOriginConfig": {"vpcOriginId": "vo-1"}}]}),
        ("apigatewayv2/integration", {"connectionId": "vpclink-1"}),
    ],
)
def test_a_type_that_may_lead_into_a_vpc_is_harmless_only_where_it_does_not(type_: str, part: dict) -> None:
    assert Estate(resource(type_, "thing")).unmodelled == ()
    assert len(Estate(resource(type_, "thing", **part)).unmodelled) == 1


@pytest.mark.parametrize("type_", ["cloudfront/vpcOrigin", "apigateway/vpcLink", "apigatewayv2/vpcLink"])
def test_what_leads_into_a_vpc_is_not_harmless_whatever_its_module(type_: str) -> None:
    assert len(Estate(resource(type_, "thing")).unmodelled) == 1
