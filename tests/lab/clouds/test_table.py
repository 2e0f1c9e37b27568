"""A cloud of the lab is a folder: outside it, the lab's clouds know nothing of a single one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.clouds.table import CLOUDS, cloud_of
from tests.conftest import ROOT

DIRECTORY = ROOT / "lab" / "clouds"
OF_A_CLOUD = ("aws:", "gcp:", "arn:", "AWS", "tagsAll", ".amazonaws.")


def neutral() -> list[Path]:
    return sorted(path for path in DIRECTORY.rglob("*.py") if path.relative_to(DIRECTORY).parts[0] not in CLOUDS)


def violations(text: str) -> Iterator[str]:
    """Imports of a folder's modules, and constants in the code (docstrings aside) that hold for one cloud only."""
    tree = ast.parse(text)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{each.name}" for each in node.names]
            yield from (each for each in names if each.startswith(tuple(f"lab.clouds.{name}." for name in CLOUDS)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from (node.value for said in OF_A_CLOUD if said in node.value)


@pytest.mark.parametrize("path", neutral(), ids=lambda path: path.name)
def test_a_module_outside_the_folders_knows_no_cloud(path: Path) -> None:
    assert list(violations(path.read_text())) == []


@pytest.mark.parametrize(
    "planted", ["from lab.clouds.aws.regions import ZONES", "TYPE = 'aws:ec2/vpc:Vpc'", "if name == 'tagsAll': pass"]
)
def test_what_is_of_one_cloud_would_be_found(planted: str) -> None:
    assert list(violations(planted))


def test_every_folder_is_in_the_table() -> None:
    assert {path.name for path in DIRECTORY.iterdir() if (path / "__init__.py").exists()} == set(CLOUDS)


def test_the_cloud_of_a_token_is_its_package() -> None:
    assert cloud_of("aws:ec2/vpc:Vpc") == cloud_of("pulumi:providers:aws") == "aws"
