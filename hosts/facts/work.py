"""Whether what a change would restart runs, and what it accomplishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyinfra.api.facts import FactBase
from typing_extensions import override

UNIT_STATE = 'systemctl show -p ActiveState --value "$unit"'
"""Shell: the state of the unit that `$unit` names."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """Units that a change restarts together, and what they do for others.

    `tests`: shell commands by what they show, in words ("follows the chain"); each succeeds while it is so. `before`:
    shell that runs before the tests, for what they have in common.
    """

    units: tuple[str, ...]
    tests: Mapping[str, str]
    before: str = ":"


@dataclass(frozen=True, kw_only=True)
class Work:
    """Whether the host answered, which units of a service run, or try to, and which of its tests succeeded."""

    answered: bool = False
    running: frozenset[str] = frozenset()
    succeeded: frozenset[str] = frozenset()


def questions(service: Service) -> str:
    """Shell: prints `did` and the words of each test that succeeds. Pure."""
    asked = [f"if ( {test} ) >/dev/null 2>&1; then echo 'did {words}'; fi" for words, test in service.tests.items()]
    return "; ".join([service.before, *asked])


class Working(FactBase[Work]):
    """What a service does now, in one round trip."""

    @override
    def command(self, service: Service) -> str:
        return (
            f"echo answered; for unit in {' '.join(service.units)}; do "
            f'[ "$({UNIT_STATE})" = inactive ] || echo "runs $unit"; done; {questions(service)}; true'
        )

    @staticmethod
    @override
    def default() -> Work:
        return Work()

    @override
    def process(self, output: list[str]) -> Work:
        said = [line.partition(" ") for line in output]
        return Work(
            answered=bool(said),
            running=frozenset(unit for word, _, unit in said if word == "runs"),
            succeeded=frozenset(words for word, _, words in said if word == "did"),
        )
