"""The resources that a network's program registers, and its hosts' rulesets: made once, then read from the cache.

Nothing here imports Pulumi: the program runs in a process of its own, and only where the declaration or the code that
turns it into resources has changed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estate.errors import CheckFailed
from reachability import state
from reachability.resources import Resource
from tools import cache

if TYPE_CHECKING:
    from estate.model import Network

PROGRAM = ("components", "estate")
"""The packages that the program of a network runs."""
RENDERING = ("configuration", "ceremonies", "coordinator", "estate")
"""The packages that render a host's ruleset from the templates."""
PROVING = ("proofs", "reachability", "tools")
"""The packages that prove it, beside those that say what is proved."""
TEMPLATES = "templates/**/*"
OWN_CLAIMS = "stacks/claims.py"
"""Where a company writes claims of its own."""
KEPT = 8
"""How many of the newest entries of one network stay in the cache."""
STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True, slots=True)
class Registered:
    """One network's cloud side. ``inventory`` is the stack's output of that name, empty where the stack has none."""

    resources: tuple[Resource, ...]
    inventory: Mapping[str, Any]


def code(*packages: str) -> tuple[str, ...]:
    """Patterns of every Python file of some packages, at any depth."""
    return tuple(f"{package}/**/*.py" for package in dict.fromkeys(packages))


CODE = code(*PROGRAM)
"""What recorded resources depend on, beside the declaration and the installed packages."""
RENDERED = (*code(*RENDERING), TEMPLATES)
"""What rendered rulesets depend on, beside the declaration and the stack's inventory."""
PROOF = (*code(*PROGRAM, *RENDERING, *PROVING), TEMPLATES, "requirements.txt", OWN_CLAIMS)
"""Everything that a proof depends on, beside the declaration."""


def stack_file(checkout: Path, network: str) -> Path:
    """Where a network is declared."""
    return checkout / "stacks" / f"Pulumi.{network}.yaml"


def directory() -> Path:
    """Where the cache keeps what was registered and proved."""
    path = cache.root() / "proofs"
    path.mkdir(exist_ok=True)
    return path


def digest(checkout: Path, patterns: Iterable[str], *more: bytes) -> str:
    """A hash over the files below ``checkout`` that the patterns name, and whatever else."""
    hashed = sha256(sys.version.encode())
    for pattern in patterns:
        for path in sorted(checkout.glob(pattern)):
            if path.is_file():
                hashed.update(f"\0{path.relative_to(checkout)}\0".encode())
                hashed.update(path.read_bytes())
    for each in more:
        hashed.update(b"\0\0" + each)
    return hashed.hexdigest()[:24]


def keep(path: Path, text: str) -> None:
    """Writes a cache entry whole or not at all, and lets the oldest of its kind go."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text)
    partial.rename(path)
    kind = path.name.rsplit("-", 1)[0]
    entries = []
    for each in path.parent.glob(f"{kind}-*"):
        with suppress(FileNotFoundError):
            entries.append((each.stat().st_mtime_ns, each))
    for _, each in sorted(entries)[:-KEPT]:
        each.unlink(missing_ok=True)


def _entry(checkout: Path, network: str) -> Path:
    declared = stack_file(checkout, network).read_bytes()
    packages = (checkout / "requirements.txt").read_bytes()
    return directory() / f"registered-{network}-{digest(checkout, CODE, declared, packages)}.json"


def _recording(checkout: Path, network: str, output: Path) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-P",
        "-m",
        "components.export",
        str(stack_file(checkout, network)),
        "--output",
        str(output),
    ]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    return subprocess.Popen(
        command, cwd=checkout, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def inventory(resources: Iterable[Resource]) -> Mapping[str, Any]:
    """The stack's output ``inventory``, empty where it is missing or not known."""
    for each in resources:
        if each.type == STACK:
            found = each.properties.get("inventory")
            return found if isinstance(found, dict) else {}
    return {}


def registered(checkout: Path, networks: Iterable[str]) -> dict[str, Registered]:
    """By network: what its program registers. Those that are not cached run beside each other.

    Raises:
        CheckFailed: a program failed, with what it said.
    """
    entries = {name: _entry(checkout, name) for name in networks}
    running = {}
    for name, path in entries.items():
        if not path.exists():
            partial = path.with_name(f".{path.name}.{os.getpid()}.making")
            running[name] = partial, _recording(checkout, name, partial)
    failed = []
    for name, (partial, process) in running.items():
        _, said = process.communicate()
        if process.returncode:
            failed.append(f"{name}: its program does not run:\n{said.strip()}")
        else:
            keep(entries[name], partial.read_text())
        partial.unlink(missing_ok=True)
    if failed:
        raise CheckFailed("\n".join(failed))
    found = {}
    for name, path in entries.items():
        resources = state.read(path.read_bytes())
        found[name] = Registered(resources, inventory(resources))
    return found


def rulesets(checkout: Path, network: Network, told: Mapping[str, Any], *facts: bytes) -> dict[str, str]:
    """By host: its nftables ruleset. ``told``: the stack's ``inventory``; ``facts``: what replaced declared facts.

    Raises:
        CheckFailed: the inventory is not what rulesets can be drawn from.
    """
    declared = stack_file(checkout, network.name).read_bytes()
    links = json.dumps(told.get("links", {}), sort_keys=True, default=str).encode()
    path = directory() / f"rulesets-{network.name}-{digest(checkout, RENDERED, declared, links, *facts)}.json"
    with suppress(OSError, ValueError):
        kept: dict[str, str] = json.loads(path.read_text())
        return kept
    from configuration import rulesets as configured
    from estate.findings import DeclarationError

    try:
        found = configured.rulesets(network, told)
    except (DeclarationError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise CheckFailed(
            f"{network.name}: its stack's output 'inventory' is not what host firewalls can be drawn from ({error!r}); "
            f"bring the stack up again, then export it"
        ) from None
    keep(path, json.dumps(found))
    return found
