"""Rules about people and their keys: of the whole company, and of those who have an account in one network.

``place``: the mapping of the people in what is checked.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from estate.model import Company, Operator, Person, Role
from estate.rules.finding import Finding, repeated, show

People: TypeAlias = Mapping[str, Operator] | Mapping[str, Person]

_SYSTEM_ACCOUNTS = (
    "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc nobody debian "
    "admin sshd systemd-network messagebus tmkms chrony bird unbound prometheus"
)
SYSTEM_ACCOUNTS = frozenset(_SYSTEM_ACCOUNTS.split())


def have_accounts_of_their_own(place: str, people: People) -> Iterator[Finding]:
    """A person's account is not one of the system's."""
    for name in people:
        if name in SYSTEM_ACCOUNTS:
            yield Finding(
                path=f"{place}.{name}",
                value=show(name),
                rule="must not be an account of the system",
                reason=f"{name} exists on the hosts already, with rights of its own, and does not identify a person",
                fix="use the person's name",
            )


def have_keys_of_their_own(place: str, people: People) -> Iterator[Finding]:
    """A key is one person's, listed once."""
    keys = (
        (f"{place}.{name}.ssh_public_keys.{index}", key.split()[1])
        for name, person in people.items()
        for index, key in enumerate(person.ssh_public_keys)
    )
    for path, key, first in repeated(keys):
        same = path.split(".")[1] == first.split(".")[1]
        yield Finding(
            path=path,
            value=show(key),
            rule="each key must be listed once, for one person",
            reason=f"{first} is the same key"
            + ("" if same else ", so a login could not be attributed to one of the two"),
            fix="remove one of the two" if same else "have each person create a key of their own",
            involves=(first,),
        )


def have_whole_keys(place: str, people: People) -> Iterator[Finding]:
    """A key's body is of the kind that its first word says, and complete."""
    for name, person in people.items():
        for index, key in enumerate(person.ssh_public_keys):
            kind, body = key.split()[:2]
            try:
                raw = base64.b64decode(body, validate=True)
            except binascii.Error:
                raw = b""
            if not _complete(raw, kind):
                yield Finding(
                    path=f"{place}.{name}.ssh_public_keys.{index}",
                    value=show(body),
                    rule=f"must be a whole {kind} key",
                    reason="its body does not decode to one, so sshd would ignore the line",
                    fix="copy the .pub file again, as one line",
                )


def _complete(raw: bytes, kind: str) -> bool:
    """Whether ``raw`` is a sequence of length-prefixed strings, the first of which is ``kind`` (RFC 4253 section
    6.6).
    """
    parts = []
    while raw:
        size = int.from_bytes(raw[:4], "big")
        if len(raw) < 4 + size:
            return False
        parts.append(raw[4 : 4 + size])
        raw = raw[4 + size :]
    return len(parts) > 1 and parts[0] == kind.encode() and all(parts)


def lists_each_role_once(path: str, roles: Sequence[Role]) -> Iterator[Finding]:
    """A list of roles has each role once."""
    for place, role, first in repeated((f"{path}.{index}", role) for index, role in enumerate(roles)):
        yield Finding(
            path=place,
            value=show(role),
            rule="each role must be listed once",
            reason=f"{first} is the same, so this one is probably a mistake for another role",
            fix="remove it, or write the intended role",
            involves=(first,),
        )


def check(company: Company) -> Iterator[Finding]:
    """Every finding about the people of ``company``, wherever they have a duty."""
    yield from have_accounts_of_their_own("people", company.people)
    yield from have_keys_of_their_own("people", company.people)
    yield from have_whole_keys("people", company.people)
    for name, roles in company.duties.items():
        yield from lists_each_role_once(f"duties.{name}", roles)
