"""Every output has a reader: what no one reads is not put out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from components.recording import Recorded
from tests.conftest import PROGRAM, ROOT

READERS = {
    "network": "hosts/stack_output.py",
    "hosts": "configuration/node_config.py",
    "links": "configuration/rulesets.py",
    "later": "lab/rehearsal/observation.py",
}
"""By key of ``inventory``: a module that reads it."""

HOST_READERS = {
    "instance_id": "hosts/stack_output.py",
    "private_address": "hosts/stack_output.py",
    "public_address": "configuration/context.py",
}
"""By key of an entry of ``hosts``."""

TUNNEL_READERS = {"outside_address": "configuration/rulesets.py"}
"""By key of a tunnel in ``links``."""

OUTPUTS = {"inventory": "hosts/stack_output.py"}
TO_PEOPLE = {"name_servers"}
"""Outputs that a person acts on: the company's DNS zone, which is in no stack, must delegate to the name servers."""


def reads(path: Path, key: str) -> bool:
    """Whether the module has ``[key]``, ``.get(key)`` or a constant that is the key, in its code."""
    return any(isinstance(node, ast.Constant) and node.value == key for node in ast.walk(ast.parse(path.read_text())))


@pytest.mark.parametrize(
    ("key", "reader"),
    [*READERS.items(), *HOST_READERS.items(), *TUNNEL_READERS.items(), *OUTPUTS.items()],
    ids=lambda value: value,
)
def test_the_reader_reads_the_key(key: str, reader: str) -> None:
    assert reads(ROOT / reader, key), f"{reader} reads {key} no more: name its reader, or take the key out"


def test_every_key_of_the_inventory_has_a_reader(recorded: Recorded) -> None:
    assert set(recorded.inventory) == set(READERS)
    for entry in recorded.inventory["hosts"].values():
        assert set(entry) == set(HOST_READERS)
    tunnels = [
        tunnel
        for regions in recorded.inventory["links"].values()
        for edges in regions.values()
        for ends in edges.values()
        for tunnel in ends
    ]
    assert tunnels
    assert {key for tunnel in tunnels for key in tunnel} == set(TUNNEL_READERS)


def test_every_output_of_the_program_has_a_reader() -> None:
    exported = {
        node.args[0].value
        for node in ast.walk(ast.parse(PROGRAM.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "pulumi.export"
        and isinstance(node.args[0], ast.Constant)
    }
    assert exported == set(OUTPUTS) | TO_PEOPLE
