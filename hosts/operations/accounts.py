"""The accounts of people: exactly the declared ones are members of their group."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host

from hosts.facts.accounts import Accounts, AccountState

FIRST_PERSON = 1000


def commands(names: Collection[str], group: str, state: AccountState) -> list[str]:
    """The commands that make the group's members exactly ``names``, in order. Pure.

    Raises:
        OperationError: a name belongs to the system, or to an account that is not the estate's.
    """
    members = state.members or frozenset()
    taken = sorted(name for name in names if name in state.users and name not in members)
    for name in taken:
        if state.users[name] < FIRST_PERSON:
            raise OperationError(
                f"operator {name!r}: user id {state.users[name]} is the system's, people begin at {FIRST_PERSON}; "
                "choose another name"
            )
    quoted = shlex.quote(group)
    needed = [] if state.members is not None else [f"groupadd --system {quoted}"]
    for name in sorted(set(names) - state.users.keys()):
        needed.append(f"useradd --create-home --shell /bin/bash --password '*' --groups {quoted} {shlex.quote(name)}")
    needed += [f"usermod --append --groups {quoted} {shlex.quote(name)}" for name in taken]
    for name in sorted(members - set(names)):
        needed.append(f"{{ pkill -KILL -u {shlex.quote(name)} || true; }}")
        needed.append(f"userdel --remove --force {shlex.quote(name)} 2>/dev/null")
    return needed


@operation()
def people(names: Collection[str], group: str) -> Generator[StringCommand, None, None]:
    """Makes exactly ``names`` the members of ``group``: one question, and one command if anything differs."""
    needed = commands(names, group, host.get_fact(Accounts, group=group))
    if needed:
        yield StringCommand(" && ".join(needed))
