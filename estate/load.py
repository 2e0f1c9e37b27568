"""From a stack's configuration to a ``Network``: the one parse of the declaration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from estate.findings import DeclarationError, Problem
from estate.model import Network

CONFIG_KEY = "estate:network"


def network(declared: Mapping[str, Any], *, source: str, chain: Mapping[str, Any] | None = None) -> Network:
    """The network that ``declared`` describes; ``chain`` replaces its chain facts, to rehearse it on another chain.

    Raises:
        DeclarationError: with every problem, each with file, path, value, rule, reason and fix.
    """
    document = dict(declared) if chain is None else {**declared, "chain": chain}
    try:
        return Network.model_validate(document)
    except ValidationError as error:
        raise DeclarationError([
            Problem(file=source, path=".".join(map(str, each["loc"])), value=repr(each["input"]), rule=each["msg"], reason="", fix="")
            for each in error.errors()
        ]) from None


def stack_file(root: Path, name: str) -> Path:
    return root / "stacks" / f"Pulumi.{name}.yaml"


def read(path: Path, *, chain: Path | None = None) -> Network:
    """The network declared in the stack file ``path``; ``chain``: a YAML file of chain facts that replace the declared ones."""
    document = yaml.safe_load(path.read_text())
    facts = yaml.safe_load(chain.read_text()) if chain else None
    return network(document["config"][CONFIG_KEY], source=str(path), chain=facts)
