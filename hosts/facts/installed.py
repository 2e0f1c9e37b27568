"""The state of given paths."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

PENDING = "/var/lib/estate/pending"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The entry at a path. ``sha256`` only for regular files."""

    kind: str
    mode: str
    owner: str
    group: str
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class State:
    """Entries by path, names in the listed directories, and the ids of follow-ups that a killed run left pending."""

    entries: dict[str, Entry]
    listings: dict[str, tuple[str, ...]]
    pending: frozenset[str]


class Installed(FactBase[State]):
    """The state of all ``paths`` and the contents of the directories ``listed``, in one round trip."""

    @override
    def command(self, paths: tuple[str, ...], listed: tuple[str, ...] = ()) -> StringCommand:
        quoted = [QuoteString(path) for path in paths]
        bits: list[object] = [
            "export LC_ALL=C;",
            "stat",
            "--printf",
            r"'=\t%F\t%a\t%U\t%G\t%n\n'",
            "--",
            *quoted,
            "2>/dev/null;",
        ]
        bits += ["sha256sum", "--", *quoted, "2>/dev/null;"]
        for directory in listed:
            bits += [
                "find",
                QuoteString(directory),
                "-mindepth 1 -maxdepth 1",
                "-printf",
                r"'>\t%h\t%f\n'",
                "2>/dev/null;",
            ]
        bits += ["find", PENDING, "-type f -printf", r"'!\t%f\n'", "2>/dev/null;", "true"]
        return StringCommand(*bits)

    @staticmethod
    @override
    def default() -> State:
        return State(entries={}, listings={}, pending=frozenset())

    @override
    def process(self, output: list[str]) -> State:
        found: dict[str, tuple[str, str, str, str]] = {}
        digests: dict[str, str] = {}
        listings: dict[str, tuple[str, ...]] = {}
        pending: set[str] = set()
        for line in output:
            mark, *fields = line.split("\t")
            if mark == "=" and len(fields) == 5:
                kind, mode, owner, group, path = fields
                found[path] = (kind, mode, owner, group)
            elif mark == ">":
                listings[fields[0]] = (*listings.get(fields[0], ()), fields[1])
            elif mark == "!":
                pending.add(fields[0])
            else:
                digest, _, path = line.partition("  ")
                digests[path] = digest
        entries = {
            path: Entry(
                kind="file" if kind.startswith("regular") else kind,
                mode=mode,
                owner=owner,
                group=group,
                sha256=digests.get(path),
            )
            for path, (kind, mode, owner, group) in found.items()
        }
        return State(entries=entries, listings=listings, pending=frozenset(pending))
