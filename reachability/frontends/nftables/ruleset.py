"""A ruleset after all commands: tables with chains, sets and maps; rules are still text."""

from __future__ import annotations

from dataclasses import dataclass, field

FAMILIES = ("ip", "ip6", "inet", "arp", "bridge", "netdev")
HOOKS = ("prerouting", "input", "forward", "output", "postrouting")


@dataclass(frozen=True, slots=True)
class Base:
    """The hook of a base chain. ``kind``: filter, nat or route."""

    kind: str
    hook: str
    priority: int
    drops: bool = False
    """Whether its policy drops."""


RuleText = tuple[str, int]
"""A rule and its line, relative to that of its chain; a negative number is a handle."""


@dataclass(slots=True)
class ChainText:
    """A chain. ``rules`` may be shared between rulesets as long as nothing is added.

    ``number``: the order of creation, which decides between equal priorities.
    """

    name: str
    base: Base | None
    rules: tuple[RuleText, ...] | list[RuleText]
    line: int = 0
    number: int = 0

    def add(self, text: str, offset: int, where: int | None = None) -> None:
        """Adds a rule, at the end or before the one with index ``where``."""
        if isinstance(self.rules, tuple):
            self.rules = list(self.rules)
        self.rules.insert(len(self.rules) if where is None else where, (text, offset))

    def place(self, offset: int) -> str:
        """The location of a rule, for messages."""
        return f"line {self.line + offset}" if offset >= 0 else f"handle {-offset}"


@dataclass(slots=True)
class SetText:
    """A named set or map."""

    name: str
    is_map: bool
    elements: list[str] = field(default_factory=list)
    flags: frozenset[str] = frozenset()
    timeout: bool = False
    """Whether its elements expire: all of them, or some."""
    element_expires: bool = False
    auto_merge: bool = False
    size: int | None = None
    """The maximum number of elements, if declared."""
    type: str = ""
    """As declared: ``ipv4_addr . inet_service``, ``inet_service : verdict``, or the expressions of ``typeof``."""
    is_type: bool = False
    """Whether ``type`` names data types, not expressions."""


@dataclass(slots=True)
class Table:
    """``dormant``: its chains are not attached to hooks."""

    family: str
    name: str
    chains: dict[str, ChainText] = field(default_factory=dict)
    sets: dict[str, SetText] = field(default_factory=dict)
    dormant: bool = False
    objects: frozenset[str] = frozenset()
    """Names of counters, limits and quotas."""


@dataclass(slots=True)
class Ruleset:
    """``unmodelled``: the parts that are not modelled, each with its location."""

    tables: dict[tuple[str, str], Table] = field(default_factory=dict)
    unmodelled: list[str] = field(default_factory=list)
    chains_made: int = 0

    def next_number(self) -> int:
        """The next number in the order of creation of chains."""
        self.chains_made += 1
        return self.chains_made
