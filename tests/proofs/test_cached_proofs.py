"""A cached result is used again only while nothing that it depends on has changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from proofs import registered

CHECKOUT = Path(__file__).resolve().parents[2]

WATCHED = """
import json, sys
from pathlib import Path

checkout, opened = Path.cwd(), set()

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        opened.add(arguments[0])

sys.addaudithook(watch)
{work}
loaded = {{module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)}}
paths = {{Path(each).resolve() for each in opened | loaded}}
own = {{str(each.relative_to(checkout)) for each in paths if each.is_relative_to(checkout)}}
print(json.dumps(sorted(each for each in own if each.endswith(".pyc") is False and not each.startswith(".venv"))))
"""

RECORDING = """
from components import export
export.main(["stacks/Pulumi.cosmoshub.yaml", "--output", "/dev/null"])
"""

PROVING = """
from proofs import proving, subjects
proving.prove(subjects.of_declarations(checkout, ["cosmoshub"]), proving.claims(checkout))
"""


def read_by(work: str, cache: Path) -> list[str]:
    """The files of this checkout that a Python program opened or imported, as paths relative to it."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", WATCHED.format(work=work)],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "ESTATE_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def covered(patterns: Iterable[str]) -> set[str]:
    return {str(path.relative_to(CHECKOUT)) for pattern in patterns for path in CHECKOUT.glob(pattern)}


@pytest.mark.slow
def test_recorded_resources_are_keyed_by_every_file_that_the_program_reads(tmp_path: Path):
    read = read_by(RECORDING, tmp_path)
    assert "components/service_instance.py" in read
    assert set(read) - covered(registered.CODE) == {"stacks/Pulumi.cosmoshub.yaml"}, (
        "the stack file is hashed by itself"
    )


@pytest.mark.slow
def test_a_proof_is_keyed_by_every_file_that_proving_reads(tmp_path: Path):
    read = read_by(PROVING, tmp_path)
    assert "reachability/prover.py" in read
    assert any(each.startswith("templates/") for each in read), "host firewalls are rendered from templates"
    assert set(read) - covered(registered.PROOF) == {"stacks/Pulumi.cosmoshub.yaml"}, (
        "the stack file is hashed by itself"
    )


@pytest.mark.parametrize(
    "moved",
    [
        "components/aws/nat.py",
        "configuration/network/links.py",
        "templates/firewall/host/rules.j2",
        "stacks/company.yaml",
        "stacks/datacentres/ash1.yaml",
    ],
)
def test_a_file_at_any_depth_changes_the_key(tmp_path: Path, moved: str):
    before = registered.digest(tmp_path, registered.PROOF)
    target = tmp_path / moved
    target.parent.mkdir(parents=True)
    target.write_text("1")
    first = registered.digest(tmp_path, registered.PROOF)
    target.write_text("2")
    assert len({before, first, registered.digest(tmp_path, registered.PROOF)}) == 3
