"""The import law: which module may import what, and which modules do no I/O. ``broken`` tells where one breaks it.

A pattern that ends with ``/`` is a directory with all below it; any other is one file.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import PurePosixPath

from verification.imports import Import, imports_of, modules, packages

FLOW: dict[str, set[str]] = {
    "estate": set(),
    "coordinator": set(),
    "peerwatch": set(),
    "drawing": {"estate"},
    "reachability": {"estate"},
    "components": {"estate"},
    "tools": {"estate"},
    "configuration": {"estate", "coordinator"},
    "engine": {"estate", "tools"},
    "packages": {"estate", "tools", "coordinator"},
    "ceremonies": {"estate", "configuration", "coordinator"},
    "policies": {"estate", "configuration", "reachability"},
    "hosts": {"estate", "configuration", "ceremonies", "peerwatch"},
    "proofs": {"estate", "configuration", "reachability", "tools"},
}
"""Which packages each package may import."""

FLOW["lab"] = set(FLOW) - {"components", "drawing", "hosts", "policies"}
FLOW["cli"] = set(FLOW) - {"components", "hosts", "policies"}
FLOW["verification"] = set(FLOW) - {"cli"}
FLOW["tests"] = set(FLOW)
FLOW["bench"] = set(FLOW)

CHECKING = ("bench/", "tests/", "verification/")
"""What checks the product: bound by the flow alone."""

PROGRAM = {"__main__.py": {"components", "estate"}}
"""The modules beside the packages."""

PURE = (
    "estate/",
    "drawing/",
    "configuration/",
    "reachability/",
    "coordinator/decision/",
    "peerwatch/decision.py",
    "ceremonies/chain_rpc.py",
    "ceremonies/custody.py",
    "ceremonies/gates.py",
    "ceremonies/observation.py",
    "ceremonies/public_key.py",
    "ceremonies/scripts.py",
)
"""What decides: no I/O, no clock, no chance, no process, no environment."""

PLANNING = tuple(
    f"lab/wiring/{name}.py"
    for name in (
        "balancer", "difference", "draft", "exchange", "model", "outside", "plan", "security", "site", "tunnels", "vpc",
    )
) + tuple(
    f"lab/wiring/cloud/{name}.py"
    for name in (
        "__init__", "balancing", "filters", "interfaces", "model", "read", "resources", "routing",
    )
)  # fmt: skip
"""Of the lab's wiring, what plans. The rest of that directory applies plans, and may run programs."""

APPLYING = tuple(
    f"lab/wiring/{name}.py"
    for name in ("__init__", "apply", "certificates", "drill", "namespace", "observed", "programs", "rulesets", "send")
)

READ_FOR_THEIR_FORMATS = (
    "coordinator/__init__.py",
    "coordinator/config.py",
    "coordinator/floor.py",
    "coordinator/privval/canonical.py",
    "coordinator/table/__init__.py",
    "coordinator/table/items.py",
    "coordinator/version.py",
    "ceremonies/__init__.py",
)
"""Modules of packages that act, from which a pure one takes constants, formats and the gate's version."""

PURE_LIBRARY = frozenset(
    {
        "__future__", "abc", "base64", "binascii", "bisect", "collections", "contextlib", "copy", "dataclasses",
        "datetime", "decimal", "difflib", "enum", "fnmatch", "fractions", "functools", "gc", "graphlib", "hashlib",
        "heapq", "html", "ipaddress", "itertools", "json", "keyword", "math", "numbers", "operator", "pathlib", "re",
        "shlex", "statistics", "string", "struct", "textwrap", "types", "typing", "unicodedata", "xml",
    }
)  # fmt: skip
"""Of the standard library, what a pure module may import."""

MEASURES_TIME = ("reachability/claims/proof.py",)
"""Pure but for a stopwatch, whose reading is shown and decides nothing."""

FILES = ("estate/declaration/document.py", "estate/declaration/files.py", "estate/declaration/load.py",
         "estate/declaration/schema.py", "configuration/rendering.py")  # fmt: skip
"""Where a pure package reads the files that it is about: declarations, their schema, templates."""

LIBRARIES: dict[str, tuple[str, ...]] = {
    "argcomplete": ("cli/",),
    "cryptography": ("coordinator/", "lab/"),
    "gevent": ("hosts/operations/",),
    "google": ("lab/clouds/", "tools/language_host.py"),
    "grpc": ("lab/clouds/", "tools/language_host.py"),
    "hvac": ("coordinator/lease.py",),
    "jinja2": ("configuration/rendering.py",),
    "pulumi": ("__main__.py", "components/", "policies/", "lab/clouds/", "tools/language_host.py"),
    "pulumi_aws": ("components/aws/", "lab/clouds/aws/schema_from_sdk.py"),
    "pulumi_gcp": ("components/gcp/", "lab/clouds/gcp/"),
    "pulumi_policy": ("policies/",),
    "pydantic": ("estate/",),
    "pydantic_core": ("estate/",),
    "pyinfra": ("hosts/",),
    "rich": ("cli/", "engine/", "estate/findings.py"),
    "typing_extensions": ("hosts/",),
    "yaml": ("components/", "estate/declaration/", "lab/", "policies/"),
}
"""Every library of others that the product may import, and where. One that is not here is imported nowhere."""

NOT_THE_MODEL = ("policies/rules/", "policies/reading/")
KNOWS_THE_MODEL = ("policies/rules/proved_reachability.py", "policies/rules/what_is_declared_is_served.py")
"""A policy rule judges what the engine would create. It must not ask the model that this was made from."""

BY_NAME = (
    "cli/__main__.py",
    "lab/drills/__init__.py",
    "lab/clouds/aws/schema_from_sdk.py",
    "policies/rules/registry.py",
)
"""Where modules are imported by a computed name: commands, roles, drills, resource types, policy rules."""

RUNS_TEXT = ("reachability/claims/registry.py",)
"""Where text is run as Python: a user's own claims."""

LOADERS = frozenset({"importlib", "imp", "pkgutil", "runpy"})
OPENERS = frozenset(
    {
        "exists", "glob", "is_dir", "is_file", "iterdir", "lstat", "mkdir", "open", "read_bytes", "read_text",
        "readlink", "rglob", "rmdir", "symlink_to", "touch", "unlink", "write_bytes", "write_text",
    }
)  # fmt: skip
"""Methods of paths that reach the file system."""


def matches(module: PurePosixPath, patterns: Iterable[str]) -> bool:
    name = module.as_posix()
    return any(name.startswith(each) if each.endswith("/") else name == each for each in patterns)


def broken(module: PurePosixPath, text: str) -> list[str]:
    """What in this text breaks the law, as lines ``path:line: what: why``; empty where it keeps it."""
    return sorted({f"{module}:{line}: {what}" for line, what in _broken(module, text)})


def _broken(module: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(text, str(module))
    for each in imports_of(module, tree):
        yield from ((each.line, why) for why in _flow(module, each))
        if not matches(module, CHECKING):
            yield from ((each.line, why) for why in _library(module, each))
            if matches(module, PURE + PLANNING):
                yield from ((each.line, why) for why in _pure(module, each))
    if not matches(module, CHECKING):
        yield from _calls(module, tree)


def _flow(module: PurePosixPath, each: Import) -> Iterator[str]:
    own = module.parts[0]
    if each.top in packages_known() and each.top != own and each.top not in (PROGRAM | FLOW).get(own, ()):
        yield f"{each.name}: {own} must not import {each.top}"
    if each.top == "estate" and matches(module, NOT_THE_MODEL) and not matches(module, KNOWS_THE_MODEL):
        yield f"{each.name}: a policy rule must judge resources without the estate's model"


def _library(module: PurePosixPath, each: Import) -> Iterator[str]:
    top = each.top
    if top in LOADERS and each.name not in ("importlib.metadata", "importlib.resources"):
        if not matches(module, BY_NAME):
            yield f"{each.name}: modules are imported by a computed name only in {', '.join(BY_NAME)}"
    elif top in packages_known() or top in sys.stdlib_module_names:
        return
    elif top not in LIBRARIES:
        yield f"{each.name}: this library has no place in the product"
    elif not matches(module, LIBRARIES[top]):
        yield f"{each.name}: {top} is imported only in {', '.join(LIBRARIES[top])}"


def _pure(module: PurePosixPath, each: Import) -> Iterator[str]:
    if each.top in sys.stdlib_module_names:
        allowed = PURE_LIBRARY | ({"time"} if matches(module, MEASURES_TIME) else set())
        if each.top not in allowed:
            yield f"{each.name}: a module that decides must not import {each.top}"
    elif each.top in packages_known() and matches(module, PURE):
        target = _module_of(each.name)
        if target is not None and not matches(target, PURE + READ_FOR_THEIR_FORMATS):
            yield f"{each.name}: a module that decides must not import {target}, which acts"


def _calls(module: PurePosixPath, tree: ast.AST) -> Iterator[tuple[int, str]]:
    pure = matches(module, PURE + PLANNING)
    for node in ast.walk(tree):
        if pure and isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
            yield node.lineno, f"{node.attr}: a module that decides must not read the environment"
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            name, method = node.func.id, False
        elif isinstance(node.func, ast.Attribute):
            name, method = node.func.attr, True
        else:
            continue
        if name == "__import__" or (name == "import_module" and not matches(module, BY_NAME)):
            yield node.lineno, f"{name}(): modules are imported by a computed name only in {', '.join(BY_NAME)}"
        if name in ("exec", "eval") and not method and not matches(module, RUNS_TEXT):
            yield node.lineno, f"{name}(): text is run as Python only in {', '.join(RUNS_TEXT)}"
        if pure and not matches(module, FILES) and (name in OPENERS if method else name == "open"):
            yield node.lineno, f"{name}(): a module that decides must not reach the file system"


@cache
def packages_known() -> frozenset[str]:
    return frozenset(packages())


@cache
def _modules_known() -> frozenset[PurePosixPath]:
    return frozenset(modules())


def _module_of(name: str) -> PurePosixPath | None:
    """The file of the module that a dotted name is, or is an attribute of."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        path = PurePosixPath(*parts[:end])
        for candidate in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
            if candidate in _modules_known():
                return candidate
    return None
