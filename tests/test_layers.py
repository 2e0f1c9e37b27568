"""One direction of flow: which directory may import which, and who may know of the engine, of pyinfra and of the lab."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {
    "estate": set(),
    "drawing": {"estate"},
    "reachability": {"estate"},
    "components": {"estate"},
    "coordinator": set(),
    "configuration": {"estate", "coordinator"},
    "ceremonies": {"estate", "configuration", "coordinator"},
    "policies": {"estate", "configuration", "reachability"},
    "hosts": {"estate", "configuration", "ceremonies"},
    "tools": {"estate"},
    "packages": {"estate", "tools", "coordinator"},
    "engine": {"estate", "tools"},
    "proofs": {"estate", "configuration", "reachability", "tools"},
    "lab": {
        "estate",
        "configuration",
        "ceremonies",
        "coordinator",
        "engine",
        "packages",
        "proofs",
        "reachability",
        "tools",
    },
}
ALLOWED["cli"] = set(ALLOWED) - {"components", "policies", "hosts"} | {"drawing"}
DIRECTORIES = tuple(ALLOWED)


def imports(directory: str) -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / directory).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, each.name.split(".")[0]) for each in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield path, node.module.split(".")[0]


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_a_directory_imports_only_what_stands_below_it(directory: str):
    own = set(DIRECTORIES)
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, name in imports(directory)
        if name in own - ALLOWED[directory] - {directory}
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("pulumi", {"components", "policies", "lab", "tools"}),
        ("pulumi_aws", {"components", "lab"}),
        ("pyinfra", {"hosts"}),
        ("botocore", {"coordinator", "lab"}),
        ("hvac", {"coordinator"}),
    ],
)
def test_a_library_is_known_only_where_it_belongs(library: str, allowed: set[str]):
    known = {directory for directory in DIRECTORIES for _, name in imports(directory) if name == library}
    assert known <= allowed, f"{library} is imported in {sorted(known - allowed)}"


@pytest.mark.parametrize("directory", ["components", "coordinator", "hosts", "templates"])
def test_what_is_deployed_does_not_know_of_the_lab(directory: str):
    files = [path for path in (ROOT / directory).rglob("*") if path.suffix in (".py", ".j2")]
    assert files
    told = [str(path.relative_to(ROOT)) for path in files if ".lab" in (text := path.read_text()) or "if lab" in text]
    assert told == []
