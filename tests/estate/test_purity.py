"""The domain stays pure: what decides imports neither the tools that deploy nor the clouds."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = ("estate", "drawing", "reachability", "coordinator/decision", "coordinator/core")
"""Packages that decide; those that do not exist yet are held to it from their first file on."""

FORBIDDEN = {
    *("pulumi", "pulumi_aws", "pulumi_gcp", "pulumi_policy", "pyinfra", "boto3", "botocore", "google", "hvac", "grpc"),
    *("requests", "httpx", "urllib3", "aiohttp", "socket", "http", "subprocess", "paramiko", "jinja2"),
    *("components", "policies", "hosts", "lab", "cli", "tools", "packages", "bench", "tests"),
}


def modules() -> list[Path]:
    found = []
    for each in PURE:
        path = ROOT / each
        found += (
            sorted(path.rglob("*.py"))
            if path.is_dir()
            else [path.with_suffix(".py")]
            if path.with_suffix(".py").exists()
            else []
        )
    return found


def imported(path: Path) -> Iterator[str]:
    """The top-level names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name in ("__import__", "import_module"):
                yield f"{name}()"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_that_decides_imports_nothing_that_acts(path: Path) -> None:
    names = set(imported(path))
    assert names & FORBIDDEN == set()
    assert not {name for name in names if name.endswith("()")}, "an import by name cannot be checked"


def test_reading_a_declaration_loads_neither_pulumi_nor_pyinfra() -> None:
    program = """
import datetime, pathlib, sys
import drawing
from estate.declaration import load, schema
from estate.plan import topology
network = load.read(pathlib.Path("stacks/Pulumi.cosmoshub.yaml"), today=datetime.date(2026, 11, 1))
drawing.svg(network)
outside = ("pulumi", "pulumi_aws", "pyinfra", "boto3", "hvac")
print(sorted(name for name in sys.modules if name.split(".")[0] in outside))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


def test_the_check_itself_sees_an_import() -> None:
    assert {"ast", "pytest"} <= set(imported(Path(__file__)))
