"""systemd units, several at once."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from hosts.facts.units import UnitState, UnitStates

UNKNOWN = UnitState(loaded=False, active=False, enabled=False, stale=False)


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit as it must be; ``None`` leaves the property unchanged."""

    name: str
    running: bool | None = True
    enabled: bool | None = True


def commands(units: Sequence[Unit], states: dict[str, UnitState]) -> list[str]:
    """The ``systemctl`` calls that are needed, in order. Pure."""

    def named(verb: str, chosen: list[Unit]) -> list[str]:
        return [f"systemctl {verb} {' '.join(shlex.quote(unit.name) for unit in chosen)}"] if chosen else []

    state = {unit.name: states.get(unit.name, UNKNOWN) for unit in units}
    needed = ["systemctl daemon-reload"] if any(each.stale for each in state.values()) else []
    needed += named("enable", [unit for unit in units if unit.enabled is True and not state[unit.name].enabled])
    needed += named("disable", [unit for unit in units if unit.enabled is False and state[unit.name].enabled])
    needed += named("start", [unit for unit in units if unit.running is True and not state[unit.name].active])
    needed += named("stop", [unit for unit in units if unit.running is False and state[unit.name].active])
    return needed


@operation()
def ensure(units: Sequence[Unit]) -> Generator[StringCommand, None, None]:
    """Starts, stops, enables and disables units that differ: one fact, and one command if any does."""
    needed = commands(units, host.get_fact(UnitStates, units=tuple(unit.name for unit in units)))
    if needed:
        yield StringCommand(" && ".join(needed))
