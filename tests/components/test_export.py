"""The program's resources in the form of an exported stack: what the prover reads before anything is deployed."""

from __future__ import annotations

import json

import pytest

from components.export import document
from components.recording import Recorded, record
from estate.model import Network
from reachability import state
from reachability.resources import UNKNOWN, Resource


def read(recorded: Recorded, *, preview: bool = False) -> dict[str, Resource]:
    text = json.dumps(document(recorded, stack="osmosis", preview=preview))
    return {each.urn: each for each in state.read(text)}


@pytest.mark.slow
def test_every_registered_resource_is_in_the_export(small_recorded: Recorded) -> None:
    found = read(small_recorded)
    assert set(found) - {each.urn for each in small_recorded.resources} == {
        "urn:pulumi:osmosis::estate::pulumi:pulumi:Stack::estate-osmosis"
    }
    for each in small_recorded.resources:
        assert found[each.urn].id == each.id
        assert dict(found[each.urn].properties) == dict(each.state)


@pytest.mark.slow
def test_ports_are_whole_numbers(small_recorded: Recorded) -> None:
    ports = [each.properties["fromPort"] for each in read(small_recorded).values() if "fromPort" in each.properties]
    assert ports and all(isinstance(port, int) for port in ports)


def test_the_stack_carries_the_inventory(small_recorded: Recorded) -> None:
    (stack,) = [each for each in read(small_recorded).values() if each.type == "pulumi:pulumi:Stack"]
    assert stack.properties["inventory"]["hosts"].keys() == small_recorded.inventory["hosts"].keys()


def test_in_a_preview_what_the_cloud_decides_is_unknown_and_its_source_is_named(small_recorded: Recorded) -> None:
    known = read(small_recorded)
    ids = {each.id for each in known.values()} - {""}
    for urn, each in read(small_recorded, preview=True).items():
        if not known[urn].id:
            continue
        assert each.id is UNKNOWN
        for key, value in each.properties.items():
            assert not (isinstance(value, str) and value in ids), f"{urn} knows {key} before it exists"
            if value is UNKNOWN:
                assert each.references[key], f"{urn}: {key} is unknown, and nothing says of what"


def test_a_preview_knows_what_is_declared(small_recorded: Recorded) -> None:
    known, foreseen = read(small_recorded), read(small_recorded, preview=True)
    for urn, each in foreseen.items():
        if each.type == "aws:ec2/vpc:Vpc":
            assert each.properties["cidrBlock"] == known[urn].properties["cidrBlock"]


@pytest.mark.slow
def test_the_same_program_gives_the_same_export(small: Network, small_recorded: Recorded) -> None:
    again = document(record(small), stack=small.name)
    assert sorted(json.dumps(each, sort_keys=True) for each in again["deployment"]["resources"]) == sorted(
        json.dumps(each, sort_keys=True)
        for each in document(small_recorded, stack=small.name)["deployment"]["resources"]
    )
