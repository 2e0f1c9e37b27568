"""A ruleset as it stands after all commands: tables with chains, sets and maps; rules still as text."""

from __future__ import annotations

from dataclasses import dataclass, field

FAMILIES = ("ip", "ip6", "inet", "arp", "bridge", "netdev")
HOOKS = ("prerouting", "input", "forward", "output", "postrouting")


@dataclass(frozen=True, slots=True)
class Base:
    """Where a base chain hangs. ``kind``: filter, nat or route."""

    kind: str
    hook: str
    priority: int
    drops: bool = False
    """Whether its policy drops."""


RuleText = tuple[str, int]
"""A rule and its line, counted from that of its chain; a negative one is a handle."""


@dataclass(slots=True)
class ChainText:
    """A chain. ``rules`` may be shared between rulesets as long as nothing is added.

    ``number``: in which order chains were made, which decides between equal priorities.
    """

    name: str
    base: Base | None
    rules: tuple[RuleText, ...] | list[RuleText]
    line: int = 0
    number: int = 0

    def add(self, text: str, offset: int, where: int | None = None) -> None:
        """One more rule, at the end or before the one of that index."""
        if isinstance(self.rules, tuple):
            self.rules = list(self.rules)
        self.rules.insert(len(self.rules) if where is None else where, (text, offset))

    def place(self, offset: int) -> str:
        """Where a rule is, for people."""
        return f"line {self.line + offset}" if offset >= 0 else f"handle {-offset}"


@dataclass(slots=True)
class SetText:
    """A named set or map."""

    name: str
    is_map: bool
    elements: list[str] = field(default_factory=list)
    flags: frozenset[str] = frozenset()
    timeout: bool = False
    type: str = ""
    """As declared: ``ipv4_addr . inet_service``, ``inet_service : verdict``, or the expressions of ``typeof``."""
    is_type: bool = False
    """Whether ``type`` names data types, not expressions."""


@dataclass(slots=True)
class Table:
    """``dormant``: its chains hang nowhere."""

    family: str
    name: str
    chains: dict[str, ChainText] = field(default_factory=dict)
    sets: dict[str, SetText] = field(default_factory=dict)
    dormant: bool = False
    objects: frozenset[str] = frozenset()
    """Names of counters, limits and quotas."""


@dataclass(slots=True)
class Ruleset:
    """``unmodelled``: what was not modelled on the way, each with its place."""

    tables: dict[tuple[str, str], Table] = field(default_factory=dict)
    unmodelled: list[str] = field(default_factory=list)
    chains_made: int = 0

    def next_number(self) -> int:
        """The place of one more base chain in the order in which they were made."""
        self.chains_made += 1
        return self.chains_made
