"""The resources that a network's program registers, and its hosts' rulesets: computed once, then read from the cache.

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
"""The packages of the prover, in addition to those above."""
TEMPLATES = "templates/**/*"
OWN_CLAIMS = "stacks/claims.py"
"""The file of a company's own claims."""
BESIDE = ("stacks/company.yaml", "stacks/datacentres/*.yaml")
"""What is declared beside every network."""
KEPT = 8
"""The number of entries that the cache keeps for a network, newest first."""
STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True, slots=True)
class Registered:
    """One network's cloud resources. ``inventory`` is the stack's output of that name, empty if the stack has none."""

    resources: tuple[Resource, ...]
    inventory: Mapping[str, Any]


def code(*packages: str) -> tuple[str, ...]:
    """Glob patterns for every Python file of the packages."""
    return tuple(f"{package}/**/*.py" for package in dict.fromkeys(packages))


CODE = (*code(*PROGRAM), *BESIDE)
"""The files on which recorded resources depend, besides the stack file and the installed packages."""
RENDERED = (*code(*RENDERING), TEMPLATES, *BESIDE)
"""The files on which rendered rulesets depend, besides the stack file and the stack's inventory."""
PROOF = (*code(*PROGRAM, *RENDERING, *PROVING), TEMPLATES, *BESIDE, "requirements.txt", OWN_CLAIMS)
"""The files on which a proof depends, besides the stack file."""


def stack_file(checkout: Path, network: str) -> Path:
    """The stack file that declares a network."""
    return checkout / "stacks" / f"Pulumi.{network}.yaml"


def directory() -> Path:
    """The cache directory for registered resources and proofs."""
    path = cache.root() / "proofs"
    path.mkdir(exist_ok=True)
    return path


def digest(checkout: Path, patterns: Iterable[str], *more: bytes) -> str:
    """A hash of the files below ``checkout`` that match the patterns, and of ``more``."""
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
    """Writes a cache entry atomically and deletes the oldest entries of its kind."""
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
    """The stack's output ``inventory``, empty if it is missing or unknown."""
    for each in resources:
        if each.type == STACK:
            found = each.properties.get("inventory")
            return found if isinstance(found, dict) else {}
    return {}


def registered(checkout: Path, networks: Iterable[str]) -> dict[str, Registered]:
    """By network: what its program registers. Programs without a cache entry run in parallel.

    Raises:
        CheckFailed: a program failed; the message includes its output.
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
            failed.append(f"{name}: its program failed:\n{said.strip()}")
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


def rulesets(checkout: Path, network: Network, stack_inventory: Mapping[str, Any], *facts: bytes) -> dict[str, str]:
    """By host: its nftables ruleset. ``facts``: the content of the file that replaces declared facts.

    Raises:
        CheckFailed: rulesets cannot be rendered from the inventory.
    """
    declared = stack_file(checkout, network.name).read_bytes()
    links = json.dumps(stack_inventory.get("links", {}), sort_keys=True, default=str).encode()
    path = directory() / f"rulesets-{network.name}-{digest(checkout, RENDERED, declared, links, *facts)}.json"
    with suppress(OSError, ValueError):
        kept: dict[str, str] = json.loads(path.read_text())
        return kept
    from configuration import rulesets as configured
    from estate.findings import DeclarationError

    try:
        found = configured.rulesets(network, stack_inventory)
    except (DeclarationError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise CheckFailed(
            f"{network.name}: host firewalls cannot be rendered from its stack's output 'inventory' ({error!r}); "
            f"update the stack, then export it again"
        ) from None
    keep(path, json.dumps(found))
    return found
