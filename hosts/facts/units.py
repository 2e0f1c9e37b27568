"""The state of systemd units."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override


@dataclass(frozen=True, kw_only=True)
class UnitState:
    """A unit: whether it exists, runs, is enabled, and whether systemd has read its latest file."""

    loaded: bool
    active: bool
    enabled: bool
    stale: bool


class UnitStates(FactBase[dict[str, UnitState]]):
    """The states of all ``units`` (full names, e.g. ``ssh.service``), in one round trip."""

    @override
    def command(self, units: tuple[str, ...]) -> StringCommand:
        names = [QuoteString(unit) for unit in units]
        return StringCommand(
            "for unit in",
            *names,
            '; do echo "@$unit";',
            'systemctl show -p LoadState,ActiveState,UnitFileState,NeedDaemonReload -- "$unit" 2>/dev/null; done; true',
        )

    @staticmethod
    @override
    def default() -> dict[str, UnitState]:
        return {}

    @override
    def process(self, output: list[str]) -> dict[str, UnitState]:
        properties: dict[str, dict[str, str]] = {}
        unit = ""
        for line in output:
            if line.startswith("@"):
                unit = line[1:]
                properties[unit] = {}
            elif "=" in line:
                key, _, value = line.partition("=")
                properties.setdefault(unit, {})[key] = value
        return {
            name: UnitState(
                loaded=each.get("LoadState") == "loaded",
                active=each.get("ActiveState") in ("active", "activating", "reloading"),
                enabled=each.get("UnitFileState") in ("enabled", "static", "alias", "indirect", "generated"),
                stale=each.get("NeedDaemonReload") == "yes",
            )
            for name, each in properties.items()
        }
