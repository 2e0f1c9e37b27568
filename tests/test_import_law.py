"""The import law holds in the whole tree, and each kind of import that it forbids is refused."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path, PurePosixPath

import pytest

from tests import import_law
from tests.import_law import FLOW, PROGRAM, broken
from verification.imports import PAGE, ROOT, Import, imports, mermaid, modules, packages, page, reduced

EVERY_MODULE = modules()


@pytest.mark.slow
@pytest.mark.parametrize("package", [*sorted(set(packages()) - {"tests"}), "."])
def test_no_module_breaks_the_law(package: str) -> None:
    own = [each for each in EVERY_MODULE if (each.parts[0] if len(each.parts) > 1 else ".") == package]
    assert own
    assert [line for each in own for line in broken(each, (ROOT / each).read_text())] == []


FORBIDDEN = [
    ("reachability/walk.py", "import pyinfra", "imported only in hosts/"),
    ("lab/wiring/plan.py", "import pulumi", "pulumi is imported only in"),
    ("lab/wiring/vpc.py", "import subprocess", "must not import subprocess"),
    ("policies/rules/tags_are_stated.py", "from estate.model import Network", "without the estate's model"),
    ("policies/reading/properties.py", "from estate.plan import topology", "without the estate's model"),
    ("reachability/prover.py", "text = open('state.json').read()", "must not reach the file system"),
    ("reachability/state.py", "text = __file__.read_text()", "must not reach the file system"),
    ("reachability/trace.py", "import jinja2", "jinja2 is imported only in"),
    ("configuration/rulesets.py", "import subprocess", "must not import subprocess"),
    ("configuration/rulesets.py", "from pyinfra.operations import files", "pyinfra is imported only in"),
    ("configuration/node_config.py", "text = path.read_text()", "must not reach the file system"),
    ("coordinator/table/client.py", "import botocore", "has no place in the product"),
    ("estate/rules/estates.py", "import importlib", "by a computed name only in"),
    ("estate/rules/estates.py", "module = __import__('pulumi')", "by a computed name only in"),
    ("estate/declaration/load.py", "import urllib.request", "must not import urllib"),
    ("estate/plan/topology.py", "from components.tags import tags", "estate must not import components"),
    ("drawing/page.py", "import os\nwidth = os.environ['COLUMNS']", "must not read the environment"),
    ("drawing/site.py", "from lab.paths import LabPaths", "drawing must not import lab"),
    ("coordinator/decision/handle.py", "import time", "must not import time"),
    ("coordinator/decision/position.py", "import random", "must not import random"),
    ("coordinator/decision/handle.py", "from coordinator.table.client import Client", "which acts"),
    ("coordinator/decision/handle.py", "from ..gate import Gate", "coordinator/gate.py, which acts"),
    ("coordinator/gate.py", "from estate.model import Network", "coordinator must not import estate"),
    ("coordinator/service.py", "import pulumi", "pulumi is imported only in"),
    ("ceremonies/custody.py", "import socket", "must not import socket"),
    ("ceremonies/gates.py", "from ceremonies.remote import Remote", "ceremonies/remote.py, which acts"),
    ("ceremonies/scripts.py", "import threading", "must not import threading"),
    ("ceremonies/remote.py", "from lab.paths import LabPaths", "ceremonies must not import lab"),
    ("hosts/deploy.py", "from lab.paths import LabPaths", "hosts must not import lab"),
    ("hosts/deploy.py", "import hvac", "hvac is imported only in coordinator/lease.py"),
    ("hosts/context.py", "import jinja2", "jinja2 is imported only in"),
    ("lab/rehearsal/rehearsal.py", "from cli.report import print_problems", "lab must not import cli"),
    ("lab/machines/machine.py", "from components.tags import tags", "lab must not import components"),
    ("proofs/proving.py", "from components.recording import record", "proofs must not import components"),
    ("components/service_instance.py", "import pulumi_aws", "pulumi_aws is imported only in components/aws/"),
    ("components/base.py", "from tests.conftest import ROOT", "components must not import tests"),
    ("engine/deploy.py", "from verification.imports import graph", "engine must not import verification"),
    ("engine/stack.py", "import pulumi", "pulumi is imported only in"),
    ("tools/parts.py", "from lab.paths import LabPaths", "tools must not import lab"),
    ("tools/parts.py", "import requests", "this library has no place"),
    ("cli/commands/status.py", "from policies.pack import PACK", "cli must not import policies"),
    ("cli/commands/status.py", "from hosts import context", "cli must not import hosts"),
    ("cli/commands/up.py", "import bench.prover", "cli must not import bench"),
    ("packages/deb.py", "import boto3", "this library has no place"),
    ("__main__.py", "from lab.paths import LabPaths", "must not import lab"),
]
WRAPPED = """
{line}
def later():
    {inside}
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    {inside}
"""


@pytest.mark.parametrize(("path", "line", "why"), FORBIDDEN, ids=lambda value: str(value).split("\n")[0])
def test_a_forbidden_import_is_refused_at_the_top_in_a_function_and_for_types(path: str, line: str, why: str) -> None:
    text = (ROOT / path).read_text()
    found = broken(PurePosixPath(path), text + WRAPPED.format(line=line, inside=line.replace("\n", "\n    ")))
    last = len(text.splitlines())
    assert sum(why in each and int(each.split(":")[1]) > last for each in found) == 3, found


def test_relative_imports_are_resolved() -> None:
    text = "from . import a\nfrom .b import c\nfrom .. import d\nfrom ..e.f import g\n"
    found = {each.name for each in imports(PurePosixPath("one/two/three.py"), text)}
    assert found == {"one.two.a", "one.two.b.c", "one.d", "one.e.f.g"}
    assert list(imports(PurePosixPath("one/__init__.py"), "from .b import c")) == [Import(1, "one.b.c")]


def test_every_package_has_its_law_and_every_law_its_package() -> None:
    assert sorted(FLOW) == packages()
    assert set(PROGRAM) == {str(each) for each in EVERY_MODULE if len(each.parts) == 1}


def test_packages_depend_on_each_other_in_one_direction() -> None:
    assert set(TopologicalSorter({package: below - {package} for package, below in FLOW.items()}).static_order())


def test_the_modules_of_the_wiring_either_plan_or_apply() -> None:
    wiring = {str(each) for each in EVERY_MODULE if each.is_relative_to("lab/wiring")}
    assert sorted((*import_law.PLANNING, *import_law.APPLYING)) == sorted(wiring)


@pytest.mark.parametrize(
    "name",
    ["PURE", "READ_FOR_THEIR_FORMATS", "MEASURES_TIME", "FILES", "KNOWS_THE_MODEL", "BY_NAME", "RUNS_TEXT"],
)
def test_each_exception_names_a_module_that_exists(name: str) -> None:
    patterns = getattr(import_law, name)
    unused = [each for each in patterns if not any(import_law.matches(module, [each]) for module in EVERY_MODULE)]
    assert unused == []


@pytest.mark.slow
def test_the_graph_of_imports_in_the_architecture_is_that_of_the_code() -> None:
    text = PAGE.read_text()
    assert page(text) == text, "run: python -m verification.imports --write"


def test_the_graph_leaves_out_what_follows_and_what_checks() -> None:
    found = {"a": {"b", "c"}, "b": {"c"}, "c": set(), "tests": {"a"}, "verification": {"b"}}
    assert reduced(found)["a"] == {"b"}
    assert mermaid(found).splitlines()[2:-1] == ["    a --> b", "    b --> c"]


@pytest.mark.parametrize("directory", ["components", "coordinator", "hosts", "templates"])
def test_what_is_deployed_does_not_name_the_lab(directory: str) -> None:
    files = [path for path in (ROOT / directory).rglob("*") if path.suffix in (".py", ".j2")]
    assert files
    naming = [str(path.relative_to(ROOT)) for path in files if ".lab" in (text := path.read_text()) or "if lab" in text]
    assert naming == []


@pytest.mark.slow
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
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(ROOT), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_what_a_function_of_a_module_remembers_is_bounded() -> None:
    unbounded = []
    for module in modules():
        if module.parts[0] in ("tests", "verification"):
            continue
        for node in ast.walk(ast.parse((ROOT / module).read_text())):
            for decorator in getattr(node, "decorator_list", ()):
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                bounds = [each for each in getattr(decorator, "keywords", ()) if each.arg == "maxsize"]
                if name == "cache" or (
                    name == "lru_cache" and not any(ast.unparse(each.value) != "None" for each in bounds)
                ):
                    unbounded.append(f"{module}:{decorator.lineno}")
    assert unbounded == []
