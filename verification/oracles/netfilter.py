"""A small reader of nftables text: what the checkers need, written from nft(8) and apart from the prover's reader.

Tests become data (``Test``), so that the simulator can ask them of one packet and the encoding can write them as terms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from reachability import addresses, services
from reachability.addresses import Intervals

PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
ICMP_TYPES = {
    "echo-reply": 0, "destination-unreachable": 3, "redirect": 5, "echo-request": 8, "time-exceeded": 11,
    "parameter-problem": 12,
}  # fmt: skip
ICMP6_TYPES = {
    "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4, "echo-request": 128,
    "echo-reply": 129, "nd-router-solicit": 133, "nd-router-advert": 134, "nd-neighbor-solicit": 135,
    "nd-neighbor-advert": 136,
}  # fmt: skip
STATES = frozenset({"new", "established", "related", "invalid", "untracked"})


OPENING_ICMP = addresses.union([services.icmp(services.ICMP, kind) for kind in (8, 13, 15, 17)])
OPENING_ICMP6 = addresses.union([services.icmp(services.ICMPV6, kind) for kind in (128, 139)])
UNTRACKED = addresses.union([services.icmp(services.ICMPV6, kind) for kind in (130, 131, 132, 133, 134, 135, 136, 143)])
NEITHER_ICMP = addresses.difference(services.ANY, (services.of(services.ICMP), services.of(services.ICMPV6)))


def first_state(service: int, v6: bool) -> str:
    """The conntrack state of a packet that belongs to no connection.

    Only requests open one for ICMP; other ICMP is invalid, and neighbour discovery is not tracked (Linux,
    nf_conntrack_proto_icmp.c and nf_conntrack_proto_icmpv6.c).
    """
    if addresses.contains(NEITHER_ICMP, service):
        return "new"
    if v6 and addresses.contains(UNTRACKED, service):
        return "untracked"
    return "new" if addresses.contains(OPENING_ICMP6 if v6 else OPENING_ICMP, service) else "invalid"


@dataclass(frozen=True)
class Test:
    """``field``: in, out, source, destination, service, source_port, state, translated, or may (undecidable)."""

    field: str
    values: frozenset[str] | Intervals = ()
    negated: bool = False

    __test__ = False


@dataclass(frozen=True)
class Statement:
    """``verdict``: accept, drop, return, jump, goto, snat, dnat, masquerade, redirect, or empty (goes on)."""

    tests: tuple[Test, ...]
    verdict: str = ""
    chain: str = ""
    address: int | None = None
    port: int | None = None
    text: str = ""


@dataclass
class Chain:
    """``hook`` is empty for a regular chain."""

    name: str
    table: str
    family: str
    kind: str = ""
    hook: str = ""
    priority: int = 0
    policy: str = "accept"
    statements: list[Statement] = field(default_factory=list)


@dataclass
class Ruleset:
    """``chains`` by ``<family> <table> <chain>``."""

    chains: dict[str, Chain] = field(default_factory=dict)

    def base(self, hook: str, kind: str) -> list[Chain]:
        """The base chains of a hook in order of priority. ``kind``: filter or nat."""
        found = [c for c in self.chains.values() if c.hook == hook and (c.kind == "nat") == (kind == "nat")]
        return sorted(found, key=lambda each: each.priority)


class Unread(ValueError):
    """Text outside the grammar that the checkers read."""


_TOKENS = re.compile(r'"[^"]*"|!=|[{};,]|[^\s{};,"]+')


class _Reader:
    def __init__(self, text: str) -> None:
        kept = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        self.lines = kept
        self.tokens: list[str] = []
        for line in kept:
            self.tokens += _TOKENS.findall(line) + ["\n"]
        self.at = 0
        self.rules = Ruleset()
        self.sets: dict[str, list[str]] = {}

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token != expected):
            raise Unread(f"got {token!r}, wanted {expected!r} near {' '.join(self.tokens[self.at - 5 : self.at + 5])}")
        self.at += 1
        return token

    def blank(self) -> None:
        while self.peek() in ("\n", ";"):
            self.at += 1

    def read(self) -> Ruleset:
        self.blank()
        while self.peek():
            word = self.take()
            if word in ("flush", "add", "delete", "destroy"):
                while self.peek() not in ("\n", ";"):
                    self.take()
            elif word == "table":
                self.table()
            else:
                raise Unread(f"got {word!r} at the top")
            self.blank()
        return self.rules

    def table(self) -> None:
        family = self.take()
        name = self.take()
        self.take("{")
        self.sets = {}
        self.blank()
        while self.peek() != "}":
            word = self.take()
            if word == "counter":
                self.take()
                self.group()
            elif word == "set":
                set_name = self.take()
                self.sets[set_name] = self.elements()
            elif word == "chain":
                self.chain(family, name)
            else:
                raise Unread(f"got {word!r} in table {name}")
            self.blank()
        self.take("}")

    def group(self) -> list[str]:
        self.take("{")
        found = []
        while self.peek() != "}":
            token = self.take()
            if token not in (",", "\n"):
                found.append(token)
        self.take("}")
        return found

    def elements(self) -> list[str]:
        self.take("{")
        found: list[str] = []
        self.blank()
        while self.peek() != "}":
            word = self.take()
            if word == "elements":
                self.take("=")
                found = self.group()
            else:
                while self.peek() not in ("\n", ";"):
                    self.take()
            self.blank()
        self.take("}")
        return found

    def chain(self, family: str, table: str) -> None:
        chain = Chain(self.take(), table, family)
        self.rules.chains[f"{family} {table} {chain.name}"] = chain
        self.take("{")
        self.blank()
        while self.peek() != "}":
            if self.peek() == "type":
                self.base(chain)
            elif self.peek() == "policy":
                self.take()
                chain.policy = self.take()
            else:
                chain.statements.append(self.statement(chain))
            self.blank()
        self.take("}")

    def base(self, chain: Chain) -> None:
        self.take("type")
        chain.kind = self.take()
        self.take("hook")
        chain.hook = self.take()
        self.take("priority")
        word = self.take()
        chain.priority = PRIORITIES[word] if word in PRIORITIES else int(word)
        if self.peek() in ("+", "-"):
            sign = self.take()
            chain.priority += int(self.take()) * (1 if sign == "+" else -1)

    def values(self) -> tuple[list[str], bool]:
        negated = False
        if self.peek() == "!=":
            self.take()
            negated = True
        elif self.peek() == "==":
            self.take()
        if self.peek() == "{":
            return self.group(), negated
        word = self.take()
        if word.startswith("@"):
            return self.sets[word[1:]], negated
        found = [word]
        while self.peek() == ",":
            self.take()
            found.append(self.take())
        return found, negated

    def statement(self, chain: Chain) -> Statement:
        start = self.at
        tests: list[Test] = []
        if chain.family in ("ip", "ip6"):
            tests.append(Test("destination", (addresses.ALL_V4 if chain.family == "ip" else addresses.ALL_V6,)))
        verdict, to, address, port = "", "", None, None
        pending_vmap: dict[str, str] = {}
        while self.peek() not in ("\n", ";", "}"):
            word = self.take()
            if word in ("iif", "iifname", "oif", "oifname"):
                names, negated = self.values()
                tests.append(
                    Test("in" if word[0] == "i" else "out", frozenset(name.strip('"') for name in names), negated)
                )
            elif word in ("ip", "ip6"):
                self.ip(word, tests)
            elif word in ("tcp", "udp", "sctp", "th"):
                self.ports(word, tests)
            elif word in ("icmp", "icmpv6"):
                self.icmp(word, tests)
            elif word == "meta":
                self.meta(tests)
            elif word == "ct":
                kind = self.take()
                if kind == "state" and self.peek() == "vmap":
                    self.take()
                    entries = self.group()
                    pending_vmap = dict(zip(entries[0::3], entries[2::3], strict=True))
                elif kind == "state":
                    names, negated = self.values()
                    tests.append(Test("state", frozenset(names), negated))
                elif kind == "status":
                    names, negated = self.values()
                    if names != ["dnat"]:
                        raise Unread(f"ct status {names}")
                    tests.append(Test("translated", frozenset(), negated))
                else:
                    raise Unread(f"ct {kind}")
            elif word == "counter":
                if self.peek() == "name":
                    self.take()
                    self.take()
                elif self.peek() == "packets":
                    for _ in range(4):
                        self.take()
            elif word == "limit":
                tests.append(Test("may"))
                while self.peek() not in ("\n", ";", "}", "log", "accept", "drop", "counter"):
                    self.take()
            elif word == "log":
                while self.peek() in ("prefix", "group", "level", "flags", "snaplen"):
                    self.take()
                    self.take()
            elif word == "comment":
                self.take()
            elif word in ("accept", "drop", "return", "reject"):
                verdict = "drop" if word == "reject" else word
                while self.peek() not in ("\n", ";", "}"):
                    self.take()
            elif word in ("jump", "goto"):
                verdict, to = word, self.take()
            elif word in ("snat", "dnat", "redirect", "masquerade"):
                verdict = word
                address, port = self.translation()
                if address is not None:  # of the other family it does nothing (nft_nat_inet_eval)
                    whole = addresses.ALL_V6 if address >= addresses.V6 else addresses.ALL_V4
                    tests.append(Test("destination", (whole,)))
            else:
                raise Unread(f"got {word!r} in a rule of {chain.name}")
        text = " ".join(self.tokens[start : self.at])
        if pending_vmap:
            for state, action in pending_vmap.items():
                chain.statements.append(Statement((*tests, Test("state", frozenset({state}))), action, text=text))
            return Statement(tuple(tests), text="")
        return Statement(tuple(tests), verdict, f"{chain.family} {chain.table} {to}" if to else "", address, port, text)

    def ip(self, family: str, tests: list[Test]) -> None:
        field_name = self.take()
        whole = addresses.ALL_V4 if family == "ip" else addresses.ALL_V6
        tests.append(Test("destination", (whole,)))
        names, negated = self.values()
        if field_name in ("saddr", "daddr"):
            found = []
            for name in names:
                low, dash, high = name.partition("-")
                found.append((addresses.address(low), addresses.address(high)) if dash else addresses.block(name))
            tests.append(Test("source" if field_name == "saddr" else "destination", addresses.union(found), negated))
        elif field_name in ("protocol", "nexthdr"):
            found = [services.of(services.protocol(name)) for name in names]
            tests.append(Test("service", addresses.union(found), negated))
        elif field_name == "hoplimit":
            tests.append(Test("may"))
        else:
            raise Unread(f"{family} {field_name}")

    def ports(self, protocol: str, tests: list[Test]) -> None:
        side = self.take()
        names, negated = self.values()
        spans = []
        for name in names:
            low, dash, high = name.partition("-")
            spans.append((int(low), int(high if dash else low)))
        numbers = [services.TCP, services.UDP] if protocol == "th" else [services.protocol(protocol)]
        if protocol != "th":
            tests.append(Test("service", (services.of(numbers[0]),)))
        if side == "sport":
            tests.append(Test("source_port", addresses.union(spans), negated))
        elif side == "dport":
            found = [services.of(number, low, high) for number in numbers for low, high in spans]
            tests.append(Test("service", addresses.union(found), negated))
        else:
            raise Unread(f"{protocol} {side}")

    def icmp(self, word: str, tests: list[Test]) -> None:
        self.take("type")
        names, negated = self.values()
        number, known = (services.ICMP, ICMP_TYPES) if word == "icmp" else (services.ICMPV6, ICMP6_TYPES)
        tests.append(Test("service", (services.of(number),)))
        found = [services.icmp(number, known[name] if name in known else int(name)) for name in names]
        tests.append(Test("service", addresses.union(found), negated))

    def meta(self, tests: list[Test]) -> None:
        key = self.take()
        names, negated = self.values()
        if key == "l4proto":
            found = [services.of(services.protocol(name)) for name in names]
            tests.append(Test("service", addresses.union(found), negated))
        elif key == "nfproto":
            whole = addresses.ALL_V4 if names == ["ipv4"] else addresses.ALL_V6
            tests.append(Test("destination", (whole,), negated))
        elif key in ("iifname", "oifname"):
            tests.append(Test("in" if key[0] == "i" else "out", frozenset(n.strip('"') for n in names), negated))
        elif key in ("skuid", "skgid"):
            tests.append(Test("may"))
        else:
            raise Unread(f"meta {key}")

    def translation(self) -> tuple[int | None, int | None]:
        if self.peek() in ("ip", "ip6"):
            self.take()
        if self.peek() != "to":
            return None, None
        self.take()
        word = self.take()
        if word.startswith(":"):
            return None, int(word[1:])
        if word.startswith("["):
            name, _, port = word[1:].partition("]")
            return addresses.address(name), int(port[1:]) if port else None
        if word.count(":") == 1:
            name, _, port = word.partition(":")
            return addresses.address(name), int(port)
        return addresses.address(word), None


@lru_cache(maxsize=4096)
def read(text: str) -> Ruleset:
    """The ruleset of nftables text. Raises ``Unread`` for what is outside the grammar."""
    return _Reader(text).read()
