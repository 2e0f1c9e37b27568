"""The check of hidden values finds a value that is taken for absent."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from verification.oracles.concealed import hide, lost
from verification.oracles.generate import estate


def test_hidden_values_make_nothing_unreachable() -> None:
    subject = estate(3)
    assert list(lost(subject, hide(subject, Random(3))[1])) == []


def test_one_property_is_hidden_at_a_time() -> None:
    subject = estate(3)
    what, hidden = hide(subject, Random(1))
    differing = [
        (one, other) for one, other in zip(subject.resources, hidden.resources, strict=True) if one is not other
    ]
    ((one, other),) = differing
    (name,) = other.concealed
    assert what == f"{one.urn}: {name}"


def test_a_peering_that_is_left_out_for_a_hidden_network_is_found() -> None:
    subject = estate(39)
    index = next(i for i, each in enumerate(subject.resources) if each.type.endswith(":NetworkPeering"))
    less = [each for number, each in enumerate(subject.resources) if number != index]
    assert list(lost(subject, replace(subject, resources=tuple(less))))
