"""The tests of the decision go through each branch of it, and it is small and pure enough to be read whole."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
DECISION = ROOT / "coordinator" / "decision"


@pytest.mark.slow
def test_these_tests_take_every_branch_of_the_decision(tmp_path: Path):
    data, report = tmp_path / "data", tmp_path / "report.json"
    coverage = [sys.executable, "-m", "coverage"]
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--deselect", str(Path(__file__).relative_to(ROOT)), HERE]
    run = [*coverage, "run", f"--data-file={data}", "--branch", f"--source={DECISION}", *tests]
    ran = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    subprocess.run([*coverage, "json", f"--data-file={data}", "-o", report], cwd=ROOT, check=True, capture_output=True)
    measured = json.loads(report.read_text())
    missed = {
        name: (file["missing_lines"], file["missing_branches"])
        for name, file in measured["files"].items()
        if file["missing_lines"] or file["missing_branches"]
    }
    assert missed == {}
    assert {Path(name).name for name in measured["files"]} == {path.name for path in DECISION.glob("*.py")}


def test_the_decision_is_under_five_hundred_lines():
    lines = [line for path in DECISION.glob("*.py") for line in path.read_text().splitlines()]
    assert sum(bool(line.strip()) for line in lines) < 500


def test_the_decision_imports_nothing_that_could_do_anything():
    pure = {"__future__", "collections.abc", "dataclasses", "enum", "hashlib", "typing"}
    found = {
        name
        for path in DECISION.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert {name for name in found if not name.startswith("coordinator.decision")} <= pure
