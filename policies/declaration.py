"""The declaration of the network whose stack is checked: the engine's configuration, else the stack's file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from estate.declaration import load
from estate.model import Network

ROOT = Path(__file__).resolve().parents[1]
PROJECT = "estate"
NETWORK_KEY = load.CONFIG_KEY
CHAIN = "ESTATE_CHAIN"
"""A file of chain facts that replace the declared ones; the hosts' rulesets are rendered with them too."""


def _configured() -> Mapping[str, Any] | None:
    """The stack's configuration as the engine passes it to the pack; ``None`` if it passes none."""
    try:
        given = json.loads(os.environ.get("PULUMI_CONFIG") or "{}").get(NETWORK_KEY)
        found = json.loads(given) if isinstance(given, str) else given
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, Mapping) else None


def network(stack: str) -> Network | None:
    """The network of a stack; ``None`` if no network of this name is declared.

    Raises:
        DeclarationError: with every problem of the declaration.
        OSError, ValueError: the file of the chain's facts cannot be read.
    """
    facts = os.environ.get(CHAIN)
    configured = _configured()
    if configured is not None:
        chain = yaml.safe_load(Path(facts).read_text()) if facts else None
        source, beside = f"stacks/Pulumi.{stack}.yaml", load.beside(ROOT / "stacks")
        return load.network(configured, source=source, beside=beside, chain=chain)
    path = load.stack_file(ROOT, stack)
    return load.read(path, chain=Path(facts) if facts else None) if path.is_file() else None
