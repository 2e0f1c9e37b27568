"""Restarts one host after the other: pyinfra runs an operation on all hosts at once, and two sites that sign with one
key, or all the sentries of a validator, must not be down together.

A host whose service runs takes the turn before it changes. It gives the turn to the next one once its service does
again what it did before. If it does not, the other hosts whose service works keep their files, and fail. Where nothing
runs yet, nobody waits.
"""

from __future__ import annotations

from collections.abc import Generator

from gevent.lock import BoundedSemaphore
from pyinfra import logger
from pyinfra.api.command import StringCommand
from pyinfra.context import host

from hosts.facts.work import UNIT_STATE, Service, Work, Working, questions

BACK_WITHIN_SECONDS = 300
"""How long a restarted service may take until it does what it did before: a node replays blocks and finds its peers."""


class Turns:
    """Whose turn it is to restart. `broken`: the host that failed in its turn; empty if none did."""

    def __init__(self) -> None:
        self.turn = BoundedSemaphore(1)
        self.broken = ""


def _turns() -> Turns:
    """Those of this run, stored in pyinfra's state, which all hosts of the run share."""
    kept: Turns = vars(host.state).setdefault("estate_turns", Turns())
    return kept


def until_back(service: Service, before: Work) -> str:
    """Shell: succeeds once every test succeeds that did before, or at once if the change stopped a unit on purpose. If
    neither comes, it fails after some minutes and says what is missing. Pure.
    """
    words = sorted(before.succeeded)
    missing = [f"printf '%s\\n' \"$now\" | grep -qxF 'did {each}' || echo '{each};'" for each in words]
    return "\n".join(
        [
            f'for unit in {" ".join(sorted(before.running))}; do [ "$({UNIT_STATE})" != inactive ] || exit 0; done',
            f"end=$(($(date +%s) + {BACK_WITHIN_SECONDS}))",
            f'while now=$({questions(service)}); lacks=$({"; ".join([*missing, "true"])}); [ -n "$lacks" ]; do',
            '  if [ "$(date +%s)" -ge "$end" ]; then',
            "    echo 'since its restart it does not do what it did before:' $lacks >&2; exit 1",
            "  fi",
            "  sleep 1",
            "done",
        ]
    )


def refusal(broken: str) -> str:
    """Shell: fails, and says why this host was left as it is. Pure."""
    return (
        f"echo 'nothing was changed here: this host works, and {broken}, whose turn to restart came before, failed "
        "in it; look at that host, then deploy again' >&2; exit 1"
    )


def _rests(work: Work) -> bool:
    """Whether nothing runs there. A host that did not answer may work."""
    return work.answered and not work.running


def in_turn(service: Service | None, command: StringCommand) -> Generator[StringCommand, None, None]:
    """The `command`, which restarts `service`, once no other host restarts. `None`: it restarts nothing."""
    if service is None or not host.state.is_executing or _rests(host.get_fact(Working, service=service)):
        yield command
        return
    turns = _turns()
    with turns.turn:
        before: Work = host.get_fact(Working, service=service)
        if turns.broken and before.succeeded:
            yield StringCommand(refusal(turns.broken))
            return
        logger.info(f"{host.name}: its turn to restart {', '.join(service.units)}")
        back = False
        try:
            yield command
            if before.succeeded:
                yield StringCommand(until_back(service, before))
            back = True
        finally:
            if not back:
                turns.broken = host.name
