"""Compiles the text of a ruleset to the netfilter hooks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from reachability.addresses import ALL_V4, ALL_V6
from reachability.frontends.nftables import statements
from reachability.frontends.nftables.errors import NftError, NotModelled
from reachability.frontends.nftables.keys import UNTRANSLATED
from reachability.frontends.nftables.rules import Scope
from reachability.frontends.nftables.ruleset import HOOKS, Base, ChainText, Ruleset, RuleText, Table
from reachability.frontends.nftables.script import TRACKING
from reachability.frontends.nftables.sets import NamedSet, check_elements
from reachability.network import Action, Chain, Firewall, Match, Rule

TRANSLATING = {"prerouting": -100, "output": -100, "input": 100, "postrouting": 100}
"""The priority at which all chains of type nat of a hook run, whatever their own (nf_nat_ipv4_ops); their own only
orders them among each other."""
DEEPEST = 16
"""The maximum depth of calls between chains (NFT_JUMP_STACK_SIZE)."""

CALL = re.compile(r'\b(?:jump|goto)\s+("[^"]+"|[^\s,}"]+)')
DECIDES = re.compile(r"\b(drop|reject|queue|fwd|dup|set|tproxy|synproxy|notrack|dnat|snat|redirect|broute|flow)\b")
SET_NAMES = re.compile(r"\b(?:add|update|delete)\s+@(\S+)")

NOT_V4 = Rule(Match(destinations=(ALL_V6,)), Action.ACCEPT, "the table sees IPv4 only")
NOT_V6 = Rule(Match(destinations=(ALL_V4,)), Action.ACCEPT, "the table sees IPv6 only")
NO_CONNECTION = Rule(
    Match(services=UNTRANSLATED), Action.ACCEPT, "nat chains see the first packets of connections only"
)

NOT_TRACKED_V4 = Rule(Match(destinations=(ALL_V4,)), Action.ACCEPT, "nothing here turns on connection tracking of IPv4")
NOT_TRACKED_V6 = Rule(Match(destinations=(ALL_V6,)), Action.ACCEPT, "nothing here turns on connection tracking of IPv6")

STRING = re.compile(r'"[^"]*"')
TRACKS = re.compile(r"\b(ct|masquerade|redirect|synproxy)\b")
TRANSLATES = re.compile(r"\b[sd]nat\s+(?:(ip6?)\b)?(.*)", re.DOTALL)

NO_SETS: Mapping[str, NamedSet] = MappingProxyType({})


def compiled(ruleset: Ruleset) -> Firewall:
    """The hooks of a ruleset. Raises ``NftError`` for what nft would not load."""
    return _Compiler(ruleset).firewall()


class _Compiler:
    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self.unmodelled = list(ruleset.unmodelled)
        self.chains: dict[str, Chain] = {}
        self.kinds: dict[str, str] = {}
        self.untracking = ""
        self.tracked: frozenset[str] = frozenset()
        self.sets: dict[tuple[str, str], dict[str, NamedSet]] = {}

    def firewall(self) -> Firewall:
        hooks: dict[str, list[tuple[tuple[int, int, int, int], Chain]]] = {hook: [] for hook in HOOKS}
        tables = [table for table in self.ruleset.tables.values() if self._modelled(table)]
        if any("notrack" in text for table in tables for chain in table.chains.values() for text, _ in chain.rules):
            self.untracking = (
                "some packets are excluded from connection tracking (notrack), and which ones is not modelled"
            )
        first_nat = min(
            (
                chain.number
                for table in tables
                for chain in table.chains.values()
                if chain.base and chain.base.kind == "nat"
            ),
            default=0,
        )
        self.tracked = _tracked(tables) if first_nat else frozenset()
        for table in tables:
            self._check_calls(table)
            self.sets[table.family, table.name] = _named_sets(table)
            self._check_sets(table)
            for chain in table.chains.values():
                if chain.base is None or table.dormant:
                    self._syntax(table, chain)
            if table.dormant:
                continue
            for chain in table.chains.values():
                base = chain.base
                if base is None:
                    continue
                if base.hook not in hooks:
                    self.unmodelled.append(
                        f"chain {table.family} {table.name} {chain.name}: the hook {base.hook} is not modelled"
                    )
                    continue
                made = self._base(table, chain)
                if base.kind == "nat":
                    order = TRANSLATING[base.hook], -first_nat, base.priority, -chain.number
                else:
                    order = base.priority, -chain.number, 0, 0
                hooks[base.hook].append((order, made))
                self.kinds[made.name] = "nat" if base.kind == "nat" else "filter"
        if first_nat:
            self._ties(tables)
            for hook, priority in TRANSLATING.items():
                if not any(self.kinds[chain.name] == "nat" for _, chain in hooks[hook]):
                    made = Chain(f"answers are translated back at {hook}", (), Action.ACCEPT)
                    hooks[hook].append(((priority, -first_nat, 0, 0), made))
                    self.kinds[made.name] = "nat"
        return Firewall(
            {
                hook: tuple(chain for _, chain in sorted(found, key=lambda each: each[0]))
                for hook, found in hooks.items()
            },
            self.kinds,
            self.chains,
            tuple(dict.fromkeys(self.unmodelled)),
        )

    def _ties(self, tables: list[Table]) -> None:
        """A filter with the same priority as a translation runs before or after it, depending on which was loaded
        first, and a reload keeps the existing translation."""
        bases = [
            (table, chain.name, chain.base)
            for table in tables
            if not table.dormant
            for chain in table.chains.values()
            if chain.base is not None
        ]
        translated = {family for table, _, base in bases if base.kind == "nat" for family in _families(table)}
        for table, name, base in bases:
            tie = base.kind != "nat" and TRANSLATING.get(base.hook) == base.priority
            if tie and translated.intersection(_families(table)):
                self.unmodelled.append(
                    f"chain {table.family} {table.name} {name}: whether it runs before or after the translation of "
                    f"the same priority depends on what was loaded first"
                )

    def _modelled(self, table: Table) -> bool:
        """Whether IPv4 and IPv6 packets cross the table; adds a reason if the table's family is not modelled."""
        if table.family in ("ip", "ip6", "inet"):
            return True
        bases = [chain for chain in table.chains.values() if chain.base is not None]
        if bases and not table.dormant:
            harmless = not any(chain.base and chain.base.drops for chain in bases) and not any(
                DECIDES.search(text) for chain in table.chains.values() for text, _ in chain.rules
            )
            if not harmless:
                self.unmodelled.append(f"table {table.family} {table.name}: tables of this family are not modelled")
        return False

    def _check_calls(self, table: Table) -> None:
        """Checks jumps: the target is a chain of the same table, not a base chain; no cycle; not too deep."""
        calls: dict[str, set[str]] = {}
        in_maps = {
            name: {found.strip('"') for each in made.elements for found in CALL.findall(each)}
            for name, made in table.sets.items()
            if made.is_map
        }
        for chain in table.chains.values():
            called: set[str] = set()
            for text, offset in chain.rules:
                if "jump" in text or "goto" in text or "@" in text:
                    targets = {found.strip('"') for found in CALL.findall(text)} if '"' not in text else {
                        found.strip('"') for found in CALL.findall(re.sub(r'comment "[^"]*"|prefix "[^"]*"', "", text))
                    }  # fmt: skip
                    for name in re.findall(r"vmap @(\S+)", text):
                        targets |= in_maps.get(name, set())
                    for target in targets:
                        there = table.chains.get(target)
                        if there is None or there.base is not None:
                            what = "there is no such chain" if there is None else "nothing jumps to a base chain"
                            raise NftError(max(0, chain.line + offset), target, what, "jump to a chain of the table")
                    called |= targets
            calls[chain.name] = called
        if not any(calls.values()):
            return
        depth: dict[str, int] = {}
        for start in [chain for chain in table.chains.values() if chain.base is not None]:
            for name in _deepest_first(start.name, calls, start.line):
                depth[name] = 1 + max((depth[each] for each in calls[name]), default=0)
            if depth[start.name] > DEEPEST:
                raise NftError(
                    start.line, start.name, f"chains call each other at most {DEEPEST - 1} deep", "call fewer"
                )

    def _check_sets(self, table: Table) -> None:
        """Checks that elements have the type of their set, and that verdict maps contain verdicts."""
        for made in table.sets.values():
            try:
                check_elements(made)
            except NotModelled as reason:
                self.unmodelled.append(f"set {made.name}: {reason}")

    def _syntax(self, table: Table, chain: ChainText) -> None:
        """Checks the rules of a chain even if it is unreachable: nft loads all or nothing."""
        scope = Scope(table.family, table.name, self.sets[table.family, table.name], objects=table.objects)
        context = _Context.of(scope)
        for text, offset in chain.rules:
            self._read(chain, text, offset, scope, context)

    def _base(self, table: Table, chain: ChainText) -> Chain:
        base = chain.base
        assert base is not None
        scope = Scope(
            table.family,
            table.name,
            self.sets[table.family, table.name],
            base.hook,
            base.hook in ("prerouting", "output") and base.priority <= TRACKING and base.kind != "nat",
            self.untracking,
            base.kind,
            table.objects,
        )
        name = f"{table.family} {table.name} {chain.name}"
        if not table.sets and len(table.chains) <= len(HOOKS):
            known = _independent_chain(name, base, tuple(chain.rules), _Context.of(scope), table.objects, self.tracked)
            if known is not None:
                return known
        rules = self._rules(table, chain, scope, 0)
        return Chain(
            name,
            (*_leading(table.family, base.kind, self.tracked), *rules),
            Action.DROP if base.drops else Action.ACCEPT,
        )

    def _rules(self, table: Table, chain: ChainText, scope: Scope, depth: int) -> list[Rule]:
        found: list[Rule] = []
        context = _Context.of(scope)
        for text, offset in chain.rules:
            for rule in self._read(chain, text, offset, scope, context):
                if rule.chain:
                    target = table.chains[rule.chain]
                    rule = replace(rule, chain=self._called(table, target, scope, depth + 1))
                found.append(rule)
        return found

    def _called(self, table: Table, chain: ChainText, scope: Scope, depth: int) -> str:
        """The name of a called chain; a chain that depends on the hook has several."""
        name = f"{table.family} {table.name} {chain.name}"
        words = self._context_words(table, chain)
        if "fib" in words and scope.hook in ("input", "forward"):
            name += f" (from {scope.hook})"
        if "ct" in words and scope.before_tracking:
            name += " (before connection tracking)"
        if name not in self.chains:
            self.chains[name] = Chain(name, ())
            self.chains[name] = Chain(name, tuple(self._rules(table, chain, scope, depth)), Action.ACCEPT)
        return name

    def _context_words(self, table: Table, chain: ChainText) -> frozenset[str]:
        """Which of ``ct`` and ``fib`` a chain uses, directly or in a called chain."""
        seen, waiting, words = {chain.name}, [chain], set()
        while waiting:
            current = waiting.pop()
            for text, _ in current.rules:
                words |= {word for word in ("ct", "fib") if word in text}
                names = CALL.findall(text)
                for found in re.findall(r"vmap @(\S+)", text):
                    names += [name for each in table.sets[found].elements for name in CALL.findall(each)]
                for name in names:
                    there = table.chains.get(name.strip('"'))
                    if there is not None and there.name not in seen:
                        seen.add(there.name)
                        waiting.append(there)
        return frozenset(words)

    def _read(self, chain: ChainText, text: str, offset: int, scope: Scope, context: _Context) -> tuple[Rule, ...]:
        try:
            found = statements.read(text, scope) if "@" in text else _independent_rule(text, context)
        except NotModelled as reason:
            self.unmodelled.append(f"{chain.place(offset)}: {' '.join(text.split())[:120]}: {reason}")
            return ()
        except NftError as error:
            raise error.at(max(0, chain.line + offset)) if offset >= 0 else error from error
        for name in found.objects:
            if name not in scope.objects:
                line = max(0, chain.line + offset) if offset >= 0 else 0
                raise NftError(line, name, "no counter, limit or quota of this name", "declare it in the table")
        return found.rules


class _Context(NamedTuple):
    """What a rule without a set depends on: the fields of its scope."""

    family: str
    table: str
    hook: str
    before_tracking: bool
    untracking: str
    kind: str

    @classmethod
    def of(cls, scope: Scope) -> _Context:
        return cls(scope.family, scope.table, scope.hook, scope.before_tracking, scope.untracking, scope.kind)


@lru_cache(maxsize=1 << 17)
def _independent_rule(text: str, context: _Context) -> statements.ReadRule:
    """A rule that refers to no set. Raises ``NftError``, ``NotModelled``."""
    family, table, hook, before_tracking, untracking, kind = context
    return statements.read(text, Scope(family, table, NO_SETS, hook, before_tracking, untracking, kind))


@lru_cache(maxsize=1 << 14)
def _independent_chain(
    name: str,
    base: Base,
    rules: tuple[RuleText, ...],
    context: _Context,
    objects: frozenset[str],
    tracked: frozenset[str],
) -> Chain | None:
    """A base chain that depends on nothing else of its table; ``None`` if it does, or if a rule cannot be read."""
    found: list[Rule] = []
    for text, _ in rules:
        if "@" in text:
            return None
        try:
            read = _independent_rule(text, context)
        except (NftError, NotModelled):
            return None
        if read.objects and not read.objects <= objects:
            return None
        for rule in read.rules:
            if rule.chain:
                return None
            found.append(rule)
    policy = Action.DROP if base.drops else Action.ACCEPT
    return Chain(name, (*_leading(context.family, base.kind, tracked), *found), policy)


def _leading(family: str, kind: str, tracked: frozenset[str]) -> list[Rule]:
    """The rules that say which packets come to a chain."""
    leading = [NOT_V4] if family == "ip" else [NOT_V6] if family == "ip6" else []
    if kind == "nat":
        leading.append(NO_CONNECTION)
        leading += [] if "ip" in tracked or family == "ip6" else [NOT_TRACKED_V4]
        leading += [] if "ip6" in tracked or family == "ip" else [NOT_TRACKED_V6]
    return leading


def _deepest_first(start: str, calls: dict[str, set[str]], line: int) -> Iterator[str]:
    """The chains reachable from a chain, called before caller. Raises ``NftError`` for a cycle."""
    open_, done = {start}, set()
    stack = [(start, iter(sorted(calls[start])))]
    while stack:
        name, following = stack[-1]
        child = next(following, None)
        if child is None:
            stack.pop()
            open_.discard(name)
            done.add(name)
            yield name
        elif child in open_:
            raise NftError(line, child, "chains must not call each other in a cycle", "break the cycle")
        elif child not in done:
            open_.add(child)
            stack.append((child, iter(sorted(calls[child]))))


def _tracked(tables: list[Table]) -> frozenset[str]:
    """The families (``ip``, ``ip6``) with connection tracking.

    Linux enables it if a rule of the family uses it or translates; otherwise chains of type nat get no packets
    (``nf_ct_netns_get`` in nft_ct.c, nft_nat.c, nft_masq.c, nft_redir.c).
    """
    found: set[str] = set()
    for table in tables:
        families = _families(table)
        for chain in table.chains.values():
            for text, _ in chain.rules:
                bare = STRING.sub("", text)
                if TRACKS.search(bare):
                    found.update(families)
                elif "nat " in bare and (translates := TRANSLATES.search(bare)):
                    named, target = translates.groups()
                    found.add(named or (families[0] if len(families) == 1 else "ip6" if _is_v6(target) else "ip"))
    return frozenset(found)


def _families(table: Table) -> tuple[str, ...]:
    return ("ip", "ip6") if table.family == "inet" else (table.family,)


def _is_v6(target: str) -> bool:
    return "[" in target or "ip6" in target or target.count(":") > 1


def _named_sets(table: Table) -> dict[str, NamedSet]:
    if not table.sets:
        return {}
    changed = {
        name
        for chain in table.chains.values()
        for text, _ in chain.rules
        if "@" in text
        for name in SET_NAMES.findall(text)
    }
    found = {}
    for name, made in table.sets.items():
        changing = ""
        if made.flags & {"dynamic"} or name in changed:
            changing = f"packets change the elements of the set {name}"
        elif made.timeout or "timeout" in made.flags:
            changing = f"the elements of the set {name} expire"
        found[name] = NamedSet(name, tuple(made.elements), changing, made.is_map, made.flags)
    return found
