"""All rules of the pack: every other file of this directory defines one ``RULE``, whose id is the file's name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from policies.rule import Rule

MODULES: tuple[ModuleType, ...] = tuple(
    import_module(f".{path.stem}", __package__)
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if path.stem not in ("__init__", "registry")
)


def rules() -> list[Rule]:
    return [module.RULE for module in MODULES]
