"""All rules of the pack: a file in this directory with a ``RULE`` is in it, in order of their names."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from .rule import Rule

MODULES: tuple[ModuleType, ...] = tuple(
    module
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if path.stem not in ("__init__", "registry")
    and hasattr(module := import_module(f".{path.stem}", __package__), "RULE")
)


def rules() -> list[Rule]:
    return [module.RULE for module in MODULES]
