"""The accounts of a host."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override


@dataclass(frozen=True, kw_only=True)
class AccountState:
    """User ids by name, and the members of the requested group; ``None`` if there is no such group.

    A user whose id cannot be read counts as the system's (0), which no operator may have.
    """

    users: dict[str, int]
    members: frozenset[str] | None = None


class Accounts(FactBase[AccountState]):
    """All users, and the members of ``group``, in one round trip."""

    @override
    def command(self, group: str) -> StringCommand:
        return StringCommand("getent passwd | cut -d: -f1,3; getent group", QuoteString(group), "| sed 's/^/=/'; true")

    @staticmethod
    @override
    def default() -> AccountState:
        return AccountState(users={})

    @override
    def process(self, output: list[str]) -> AccountState:
        users: dict[str, int] = {}
        members: frozenset[str] | None = None
        for line in output:
            if line.startswith("="):
                members = frozenset(filter(None, line.rsplit(":", 1)[1].split(",")))
            elif ":" in line:
                name, _, number = line.partition(":")
                users[name] = int(number) if number.isdecimal() else 0
        return AccountState(users=users, members=members)
