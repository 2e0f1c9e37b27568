"""Reads one nftables rule: its tests, verdicts and translations as sets of packets.

A rule is a sequence of statements: tests restrict the packets, verdicts and translations end it, the rest (counters,
logs) does not affect where packets go. A test of something outside the packet (limits, marks, users, the elements of a
set that changes at run time) makes the rule *uncertain*.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from reachability import addresses, services
from reachability.addresses import Intervals, difference, intersection
from reachability.frontends.nftables import values
from reachability.frontends.nftables.boxes import (
    MOST_BOXES,
    SERVICES,
    TRANSLATED,
    UNCERTAIN,
    V4,
    V6,
    Box,
    Parts,
    devices,
    narrowed,
    without,
)
from reachability.frontends.nftables.errors import NftError, NotModelled
from reachability.frontends.nftables.keys import (
    CONNECTION,
    DEVICE_KEYS,
    EXTENSION_HEADERS,
    HEADERS,
    KEYS,
    QUALIFIED,
    TRANSPORTS,
    UNQUALIFIED,
    WORD_KEYS,
    Key,
    everything,
    statuses,
)
from reachability.frontends.nftables.sets import NamedSet, check_conflicts, check_map, element_fields, split_pair
from reachability.network import Action

TOKEN = re.compile(r'\{[^{}"]*+(?:"[^"]*"[^{}"]*+)*+\}|"[^"]*"|<<|>>|[=!<>]=|[()=|&^!<>,;]|[^\s"{}()=|&^!<>,;]+|\S')


@dataclass(frozen=True, slots=True)
class Scope:
    """The context of a rule: what it may refer to, and its position.

    ``family`` and ``table`` of the chain; ``hook`` and ``kind`` of the base chain that leads to it, empty if none does;
    ``before_tracking``: whether that runs before connection tracking; ``untracking``: why packets may be excluded from
    connection tracking; ``objects``: the table's counters, limits and quotas.
    """

    family: str
    table: str
    sets: Mapping[str, NamedSet]
    hook: str = ""
    before_tracking: bool = False
    untracking: str = ""
    kind: str = ""
    objects: frozenset[str] = frozenset()


Ending = tuple[Action, str, Intervals | None, tuple[int, int] | None]
"""A verdict: action, target chain of a jump, new address, new port."""


class RuleReader:
    """One rule, read from left to right: ``boxes`` are the remaining packets, ``ended`` those with a verdict.

    Methods raise ``NftError`` for what nft rejects, ``NotModelled`` for what is not supported.
    """

    def __init__(self, text: str, scope: Scope) -> None:
        self.text = text
        self.tokens: list[str] = TOKEN.findall(text)
        self.at = 0
        self.scope = scope
        self.boxes: list[Box] = [[None] * 8 + [""]]
        self.ended: list[tuple[list[Box], Ending]] = []
        self.transports: frozenset[int] = frozenset()
        self.family = {"ip": "ip", "ip6": "ip6"}.get(scope.family, "")
        self.logs = False
        self.finished = False
        """Whether a verdict on all packets has been read."""
        self.objects: set[str] = set()

    # Tokens.

    def peek(self) -> str:
        """The next token; empty at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        """Consumes and returns the next token."""
        if self.at >= len(self.tokens):
            raise NftError(0, self.text, "the rule ends in the middle of a statement", "complete it")
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, *words: str) -> None:
        for word in words:
            found = self.take()
            if found != word:
                raise NftError(0, self.text, f"{word!r} is expected here, not {found!r}", "correct the statement")

    def skip(self, *words: str) -> bool:
        """Consumes these tokens if they are next."""
        if self.tokens[self.at : self.at + len(words)] == list(words):
            self.at += len(words)
            return True
        return False

    # Restrictions.

    def narrow(self, parts: Parts) -> None:
        """Keeps the packets that match one of ``parts``."""
        if len(parts) * len(self.boxes) > MOST_BOXES:
            raise NotModelled("the rule has too many cases")
        self.boxes = narrowed(self.boxes, parts)

    def mark_uncertain(self, why: str) -> None:
        """Keeps an unknown subset of the packets."""
        self.narrow([((UNCERTAIN, why),)])

    def end(
        self,
        action: Action,
        chain: str = "",
        address: Intervals | None = None,
        port: tuple[int, int] | None = None,
        boxes: list[Box] | None = None,
    ) -> None:
        """Adds a verdict on the remaining packets."""
        self.finished = True
        self.ended.append((self.boxes if boxes is None else boxes, (action, chain, address, port)))

    def require_hook(self, kind: str, hooks: tuple[str, ...]) -> None:
        """Raises ``NftError`` unless the chain has this type and hook; the kernel rejects the statement elsewhere."""
        scope = self.scope
        if scope.kind and ((kind and scope.kind != kind) or scope.hook not in hooks):
            where = f"a chain{f' of type {kind}' if kind else ''} at {' or '.join(hooks)}"
            raise NftError(0, self.text, f"what the rule does works only in {where}", "move it there")

    # Tests.

    def test(self) -> None:
        keys = [self.key()]
        while self.peek() == ".":
            self.at += 1
            keys.append(self.key())
        word = self.peek()
        if word == "vmap":
            self.at += 1
            self._verdict_map(keys)
        elif word == "set":
            self._assignment(keys)
        else:
            self._compare(keys)

    def key(self) -> Key:
        """Reads the next selector."""
        word = self.take()
        if word in UNQUALIFIED:
            return self._meta(word)
        if word == "meta":
            return self._meta(self.take())
        if word == "ct":
            return self._connection()
        if word == "fib":
            return self._fib()
        if word in ("tcp", "ip", "sctp", "dccp") and self.peek() in ("option", "chunk"):
            self.at += 1
            self.take()
            if self.peek() and re.fullmatch(r"[a-z][a-z0-9-]*", self.peek()) and self.peek() not in VERDICT_WORDS:
                self.at += 1
            return self._unknown(f"{word} options", TRANSPORTS.get(word, 0), "ip" if word == "ip" else "")
        fields = HEADERS.get(word)
        if fields is not None and self.peek() in fields:
            name = f"{word} {self.take()}"
            key = KEYS.get(name)
            if key is None:
                family = {"ip": "ip", "ip6": "ip6", "icmp": "ip", "icmpv6": "ip6", "igmp": "ip"}.get(word, "")
                return self._unknown(name, TRANSPORTS.get(word, 0), family)
            self.requires(key.transport, key.family, name)
            return key
        if word.startswith("@") and self.peek() == ",":
            while self.peek() == "," or self.tokens[self.at - 1] == ",":
                self.at += 1
            return self._unknown("raw payload", 0, "")
        if word == "exthdr":
            self.take()
            return self._unknown("IPv6 extension headers", 0, "ip6")
        if word == "rt":
            if self.peek() in ("ip", "ip6"):
                self.at += 1
            name = self.take()
            return self._unknown(f"rt {name}", 0, "")
        if word == "socket":
            if self.take() == "cgroupv2":
                self.expect("level")
                self.take()
            return self._unknown("the socket", 0, "")
        if word == "osf":
            if self.skip("ttl"):
                self.take()
            self.take()
            return self._unknown("the operating system of the sender", 0, "")
        if word == "numgen":
            self.take()
            self.expect("mod")
            self.take()
            if self.skip("offset"):
                self.take()
            return self._unknown("a random number per packet", 0, "")
        if word in ("jhash", "symhash"):
            if word == "jhash":
                self.key()
                while self.skip("."):
                    self.key()
            self.expect("mod")
            self.take()
            for option in ("seed", "offset"):
                if self.skip(option):
                    self.take()
            return self._unknown("a hash of the packet", 0, "")
        if word in ("saddr", "daddr", "sport", "dport"):
            raise NftError(
                0, self.text, f"{word!r} is a field of no header here", f"write ip saddr, tcp dport or th {word}"
            )
        raise NotModelled(f"{word!r} is not a supported statement")

    def requires(self, transport: int, family: str, name: str) -> None:
        if transport:
            if not self.transports <= {transport}:
                raise NftError(0, self.text, f"{name!r} cannot follow a test of another protocol", "split the rule")
            self.transports = frozenset((transport,))
        if family:
            if self.family and self.family != family:
                raise NftError(0, self.text, f"{name!r} does not occur in {self.family} packets", "split the rule")
            self.family = family

    def _unknown(self, name: str, transport: int, family: str) -> Key:
        """A selector that is not modelled."""
        self.requires(transport, family, name)
        always: list[tuple[int, object]] = [(UNCERTAIN, f"{name} is not modelled")]
        if transport:
            always.append((SERVICES, (services.of(transport),)))
        if family:
            always.append({"ip": V4, "ip6": V6}[family][0])
        return Key(name, "", lambda _: [tuple(always)])

    def _meta(self, word: str) -> Key:
        name = f"meta {word}"
        if name in KEYS:
            return KEYS[name]
        if name in DEVICE_KEYS:
            return Key(name, "device", lambda _: [])
        if word not in UNQUALIFIED and word not in QUALIFIED:
            raise NotModelled(f"{name!r} is not a supported expression")
        if word in ("ipsec", "secpath"):
            return self._unknown("IPsec", 0, "")
        return self._unknown(name, 0, "")

    def _connection(self) -> Key:
        words = [self.take()]
        if words[0] in ("original", "reply"):
            words.append(self.take())
            if words[-1] in ("ip", "ip6"):
                words.append(self.take())
        if words[-1] not in CONNECTION:
            raise NotModelled(f"'ct {' '.join(words)}' is not a supported expression")
        name = f"ct {' '.join(words)}"
        if name in ("ct state", "ct direction", "ct status"):
            return Key(name, "words", lambda _: [])
        return self._unknown(name, 0, "")

    def _fib(self) -> Key:
        looked_at = []
        while self.peek() not in ("type", "oif", "oifname", "check"):
            looked_at.append(self.take())
        result = self.take()
        chosen = [word for word in looked_at if word != "."]
        if result == "type" and "daddr" in chosen and "saddr" not in chosen:
            return Key("fib daddr type", "fib", lambda _: [])
        return self._unknown(f"fib {' '.join(looked_at)} {result}", 0, "")

    def _operator(self) -> str:
        word = self.peek()
        if word in ("==", "!=", "<", ">", "<=", ">=", "!", "eq", "ne", "lt", "gt", "le", "ge"):
            self.at += 1
            return {"eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">="}.get(word, word)
        return ""

    def _masked(self) -> bool:
        """Consumes bit operations; returns whether there were any."""
        found = False
        while self.peek() in ("&", "|", "^", "<<", ">>", "and", "or", "xor", "lshift", "rshift"):
            self.at += 1
            self._primary()
            found = True
        return found

    def _primary(self) -> str:
        if self.peek() == "(":
            depth = 0
            while True:
                word = self.take()
                depth += (word == "(") - (word == ")")
                if not depth:
                    return "()"
        return self.take()

    def value(self) -> str:
        """The right side of a comparison, as text: a set, a name of one, a value, or several after ``|`` or a comma."""
        word = self._primary()
        if word == "ct" or word in UNQUALIFIED or (word == "meta" and self.peek() in UNQUALIFIED | QUALIFIED):
            self.at -= 1
            self.key()
            return "another field"
        if word[:1] in ("{", "@"):
            return word
        while True:
            joint = self.peek()
            if joint in (",", "|", "&", "^", "<<", ">>", "/", "or", "and", "xor") or joint == "." or joint == "-":
                self.at += 1
                following = self._primary()
                word = f"{word} . {following}" if joint == "." else f"{word}{joint}{following}"
            else:
                return word

    def _compare(self, keys: list[Key]) -> None:
        masked = self._masked()
        operator = self._operator()
        value = self.value()
        key = keys[0]
        if masked and any(each.kind for each in keys):
            self.narrow([key.parts(values.WHOLE[key.kind])[0]] if key.kind in values.WHOLE else [()])
            self.mark_uncertain(f"bits of {key.name} are not modelled")
            return
        if len(keys) == 1:
            self.narrow(self._one(key, operator, value))
            return
        if operator not in ("", "==", "!="):
            raise NftError(0, self.text, "a concatenation is only equal or not", "compare field by field")
        elements, changing = self._content(value)
        if value[:1] == "{":
            check_conflicts(
                "the set", (element_fields("the set", each, _kinds(keys)) for each in elements if each != "*")
            )
        if changing:
            self.narrow(everything(keys))
            self.mark_uncertain(changing)
            return
        if operator != "!=":
            self.narrow(self._concatenated(keys, elements))
            return
        inside = narrowed([[None] * 8 + [""]], self._concatenated(keys, elements))
        self.narrow(everything(keys))
        self.boxes = without(self.boxes, inside)

    def _one(self, key: Key, operator: str, value: str) -> Parts:
        """The packets for which the comparison of one field is true."""
        if value == "another field":
            return [(*key.always, (UNCERTAIN, f"{key.name} is compared with another field"))]
        kind = key.kind
        if kind in values.WHOLE:
            if value[:1] == "@":
                elements, changing = self._content(value)
                if changing:
                    return [(*part, (UNCERTAIN, changing)) for part in key.parts(values.WHOLE[kind])]
                found = addresses.union(*(self._set_intervals(kind, tuple(elements)),))
            else:
                found = self._intervals(kind, value)
            if operator in ("", "==") and value[:1] != "@":
                self._restrict_protocol(key, found)
            return self._comparison(key, operator, found)
        if kind == "":
            if value[:1] == "@":
                self._content(value)
            return key.parts(())
        words, changing = self._words(key, value)
        if changing:
            return [((UNCERTAIN, changing),)]
        if value[:1] not in ("{", "@") and len(words) > 1 and operator in ("==", "!="):
            if key.name != "ct state":
                return [((UNCERTAIN, f"all bits of {key.name} are compared at once"),)]
            if not words <= values.STATES:
                raise NftError(0, value, "these are not connection tracking states", "correct them")
            words = frozenset()  # a packet has one state, and no two at once
        return self._word_parts(key, operator, words)

    def _restrict_protocol(self, key: Key, found: Intervals) -> None:
        """Records the protocol that nft assumes after a test of it; unknown after a range."""
        if key.kind == "protocol" and sum(high - low for low, high in found) < len(found):
            named = frozenset(point for low, high in found for point in range(low, high + 1))
            self.transports = named if key.name == "meta l4proto" else named & KNOWN_TRANSPORTS or self.transports
        elif key.kind == "family" and found[-1] in ((2, 2), (10, 10)):
            self.family = "ip" if found[-1] == (2, 2) else "ip6"

    def _set_intervals(self, kind: str, elements: tuple[str, ...]) -> Intervals:
        return addresses.union([values.element(kind, each) for each in elements if each != "*"]) if (
            "*" not in elements) else values.WHOLE[kind]  # fmt: skip

    def _intervals(self, kind: str, value: str) -> Intervals:
        if value[:1] == "{" and "*" in value and "*" in values.elements(value):
            return values.WHOLE[kind]
        return values.intervals(kind, value)

    def _comparison(self, key: Key, operator: str, found: Intervals) -> Parts:
        whole = values.WHOLE[key.kind]
        if operator in ("!=", "!"):
            rest = difference(whole, found)
            if key.name == "ip6 nexthdr":
                why = "extension headers hide the protocol behind them"
                return [*key.parts(rest), *((*part, (UNCERTAIN, why)) for part in key.parts(found))]
            return key.parts(rest) if rest else []
        if operator not in ("", "=="):
            low, high = found[0][0], found[-1][1]
            bounds = {"<": (whole[0][0], low - 1), "<=": (whole[0][0], high), ">": (high + 1, whole[-1][1]),
                      ">=": (low, whole[-1][1])}[operator]  # fmt: skip
            if len(found) > 1 or (key.kind not in ("v4", "v6") and low != high):
                raise NftError(0, self.text, f"{operator} compares with one value", "write one value")
            found = intersection(whole, (bounds,)) if bounds[0] <= bounds[1] else ()
        if not found:
            return []
        if key.name == "ip6 nexthdr":
            return self._first_header(key, found)
        return key.parts(found)

    def _first_header(self, key: Key, found: Intervals) -> Parts:
        why = "extension headers hide the protocol behind them"
        parts = key.parts(found)
        if any(addresses.contains(found, number) for number in EXTENSION_HEADERS):
            return [*parts, (V6[0], (UNCERTAIN, why))]
        if "accept" in self.tokens:
            return parts
        return [(*part, (UNCERTAIN, why)) for part in parts]

    def _content(self, value: str) -> tuple[list[str], str]:
        """The elements of an anonymous or named set, and why they may change."""
        if value[:1] == "@":
            named = self.named(value)
            if named.is_map:
                raise NftError(0, value, "a map is not a set", "look it up with map or vmap")
            return list(named.elements), named.changing
        if value[:1] == "{":
            return values.elements(value), ""
        return [value], ""

    def named(self, value: str) -> NamedSet:
        named = self.scope.sets.get(value[1:])
        if named is None:
            raise NftError(0, value, f"no set of this name in table {self.scope.table}", "declare it in the table")
        return named

    def _concatenated(self, keys: list[Key], elements: list[str]) -> Parts:
        """One part for each group of elements that differ in their first field only."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for each in elements:
            texts = re.split(r"\s+\.\s+", each)
            if each == "*":
                texts = ["*"] * len(keys)
            if len(texts) != len(keys):
                raise NftError(0, each, f"an element has {len(keys)} fields here", "write one value for each field")
            groups.setdefault(tuple(texts[1:]), []).append(texts[0])
        found: Parts = []
        for rest, firsts in groups.items():
            parts = self._field(keys[0], firsts)
            for key, text in zip(keys[1:], rest, strict=True):
                parts = [(*one, *other) for one in parts for other in self._field(key, [text])]
            found += parts
            if len(found) > MOST_BOXES:
                raise NotModelled("the rule has too many cases")
        return found

    def _field(self, key: Key, texts: list[str]) -> Parts:
        if key.kind in values.WHOLE:
            found = values.WHOLE[key.kind] if "*" in texts else addresses.union(
                [values.element(key.kind, each) for each in texts])  # fmt: skip
            return self._comparison(key, "==", found)
        if key.kind == "":
            return key.parts(())
        if "*" in texts and key.kind != "device":
            return [()]
        return self._word_parts(key, "==", frozenset(each.strip('"') for each in texts))

    # Tests with symbolic values.

    def _words(self, key: Key, value: str) -> tuple[frozenset[str], str]:
        if value[:1] == "@":
            elements, changing = self._content(value)
            return frozenset(each.strip('"') for each in elements), changing
        if value[:1] == "{":
            return frozenset(each if key.kind == "device" else each.strip('"') for each in values.elements(value)), ""
        if key.kind == "device":
            return frozenset({value}), ""
        if "&" in value or "(" in value or "/" in value:
            unknown = {each for each in re.split(r"[^\w-]+", value) if each} - values.STATES
            if key.name == "ct state" and not all(each[0].isdigit() for each in unknown):
                raise NftError(
                    0, value, "it is not a connection tracking state", f"write {', '.join(sorted(values.STATES))}"
                )
            return frozenset(), f"bits of {key.name} are not modelled"
        return frozenset(re.split(r"[,|]|\bor\b", value)), ""

    def _word_parts(self, key: Key, operator: str, words: frozenset[str]) -> Parts:
        if operator not in ("", "==", "!=", "!"):
            raise NftError(0, self.text, f"{key.name} has no order", "compare with == or !=")
        negated = operator in ("!=", "!")
        if key.kind == "device":
            names = frozenset(values.device(each) for each in words)
            if "*" in names:
                return [] if negated else [()]
            return [((DEVICE_KEYS[key.name], devices(names, negated=negated)),)]
        if key.kind == "fib":
            return self._local(words, negated=negated)
        if self.scope.before_tracking:
            if key.name != "ct state":
                return []
            return [()] if ("invalid" in words) is not negated else []
        if key.name == "ct status":
            parts = self._status(words, negated=negated)
        else:
            every, turn = WORD_KEYS[key.name]
            unknown = words - every
            if unknown:
                if unknown <= {"0", "1"} or all(each[:2] == "0x" or each.isdigit() for each in unknown):
                    return [((UNCERTAIN, f"{key.name} is compared with a number"),)]
                raise NftError(
                    0, ", ".join(sorted(unknown)), f"not a value of {key.name}", f"write {', '.join(sorted(every))}"
                )
            parts = turn(every - words if negated else words)
        if self.scope.untracking:
            return [((UNCERTAIN, self.scope.untracking),)]
        return parts

    def _status(self, words: frozenset[str], *, negated: bool) -> Parts:
        known = {"expected", "seen-reply", "assured", "confirmed", "snat", "dnat", "dying"}
        if words - known:
            return [((UNCERTAIN, "ct status is not modelled"),)]
        if not negated:
            return statuses(words)
        if words == {"dnat"}:
            return [((TRANSLATED, False),), ((TRANSLATED, True), (UNCERTAIN, "a status has other bits besides dnat"))]
        return [((UNCERTAIN, "ct status is not modelled"),)]

    def _local(self, words: frozenset[str], *, negated: bool) -> Parts:
        """``fib daddr type``: after routing, the hook determines whether a packet is for this host."""
        if words == {"local"} and self.scope.hook in ("input", "forward"):
            return [()] if (self.scope.hook == "input") is not negated else []
        return [((UNCERTAIN, "fib daddr type: which addresses are the host's own is not modelled"),)]

    # Verdicts.

    def verdict(self, words: list[str], boxes: list[Box]) -> None:
        """Adds a verdict, given by its words, for some boxes."""
        word, *rest = words
        simple = {"accept": Action.ACCEPT, "drop": Action.DROP, "return": Action.RETURN, "continue": Action.CONTINUE}
        if word in simple and not rest:
            if word == "continue":
                self.ended.append(([], (Action.CONTINUE, "", None, None)))
            else:
                self.end(simple[word], boxes=boxes)
        elif word in ("jump", "goto") and len(rest) == 1:
            self.end(Action.JUMP if word == "jump" else Action.GOTO, rest[0].strip('"'), boxes=boxes)
        elif word == "queue":
            why = "a program on the host decides which packets pass"
            self.end(Action.ACCEPT, boxes=narrowed(boxes, [((UNCERTAIN, why),)]))
            self.end(Action.DROP, boxes=boxes)
        else:
            raise NotModelled(f"{' '.join(words)!r} is not a supported verdict")

    def _verdict_map(self, keys: list[Key]) -> None:
        """Packets with a verdict in the map leave the rule; the rest, and those to continue, go on in the rule."""
        decided: list[Box] = []
        for parts, data in self._map(keys):
            boxes = narrowed(self.boxes, parts)
            self.verdict(data.split(), boxes)
            if data != "continue":
                decided += boxes
        if self.peek() not in ("", "comment"):
            self.boxes = without(self.boxes, decided)
        elif not self.ended:
            self.ended.append(([], (Action.CONTINUE, "", None, None)))
        self.finished = False

    def _map(self, keys: list[Key]) -> list[tuple[Parts, str]]:
        """The entries of a map: the packets that select each datum."""
        value = self.value()
        if value[:1] == "@":
            named = self.named(value)
            if named.changing:
                raise NotModelled(f"the map {value} decides and its elements are unknown: {named.changing}")
            elements = list(named.elements)
        elif value[:1] == "{":
            elements = values.elements(value)
            check_map("the map", elements, _kinds(keys))
        else:
            raise NftError(0, value, "a map is expected here", "write { key : value, ... } or @name")
        by_datum: dict[str, list[str]] = {}
        for each in elements:
            key, datum = split_pair(each)
            by_datum.setdefault(datum, []).append(key)
        found: list[tuple[Parts, str]] = []
        named_parts: Parts = []
        other = ""
        for datum, looked_up in by_datum.items():
            if "*" in looked_up:
                other = datum
                looked_up = [each for each in looked_up if each != "*"]
            if looked_up:
                parts = self._field(keys[0], looked_up) if len(keys) == 1 else self._concatenated(keys, looked_up)
                found.append((parts, datum))
                named_parts += parts
        if other:
            boxes = without(narrowed([[None] * 8 + [""]], everything(keys)), narrowed([[None] * 8 + [""]], named_parts))
            rest: Parts = [
                tuple((field, each) for field, each in enumerate(box) if each is not None and each != "")
                for box in boxes
            ]
            if rest:
                found.append((rest, other))
        return found

    # Statements.

    def _assignment(self, keys: list[Key]) -> None:
        self.expect("set")
        name = keys[0].name
        if not name.startswith(HARMLESS):
            raise NotModelled(f"the rule changes {name} of packets")
        if self.peek() in ("ct", "meta", "rt", "numgen", "jhash", "symhash", "socket") or self.peek() in HEADERS:
            key = self.key()
            while self.skip("."):
                self.key()
            if self.skip("map"):
                self._map([key]) if key.kind == "" else self.value()
            else:
                self._masked()
        else:
            self.value()
            self._masked()

    def translate(self, action: Action) -> None:
        """``snat``, ``dnat``, ``masquerade`` and ``redirect``."""
        self.require_hook("nat", TRANSLATION_HOOKS[action])
        family = self.family
        if self.peek() in ("ip", "ip6"):
            family = self.take()
        for word in ("prefix", "interval", "addr", ".", "port"):
            self.skip(word)
        addressed = action in (Action.SNAT, Action.DNAT)
        if not self.skip("to") and not (addressed and self.peek() not in ("", "comment", "random", "persistent")):
            self._flags()
            if addressed:
                raise NftError(0, self.text, "a translation needs an address", "write 'to' and an address")
            self.end(action)
            return
        if self.peek() in KEY_STARTS:
            self._translate_by_map(action, family)
        else:
            target = self.take()
            if self.peek() == ".":
                raise NotModelled("the new address is computed from fields of the packet")
            address, port = _target(target, family)
            self._end_translation(action, family, address, port, self.boxes)
        self._flags()

    def _translate_by_map(self, action: Action, family: str) -> None:
        keys = [self.key()]
        while self.skip("."):
            keys.append(self.key())
        self.expect("map")
        for parts, datum in self._map(keys):
            address_text, _, port_text = (part.strip() for part in datum.partition(" . "))
            if action in (Action.MASQUERADE, Action.REDIRECT) or address_text.isdigit():
                address = None
                mapped: tuple[int, int] | None = values.element("port", address_text)
            else:
                address, _ = _target(address_text, family)
                mapped = values.element("port", port_text) if port_text else None
            self._end_translation(action, family, address, mapped, narrowed(self.boxes, parts))

    def _end_translation(
        self, action: Action, family: str, address: Intervals | None, port: tuple[int, int] | None, boxes: list[Box]
    ) -> None:
        if address is not None and not family and self.scope.family == "inet":
            raise NftError(
                0, self.text, "a table of both families needs the family of a new address", "write ip or ip6"
            )
        if port is not None and not self.transports:
            raise NftError(0, self.text, "a new port needs a test of the protocol before it", "write tcp dport …")
        if address is not None:
            family = "ip6" if address[0][0] >= addresses.V6 else "ip"
        if family:
            boxes = narrowed(boxes, [V6 if family == "ip6" else V4])
        if self.scope.untracking:
            boxes = narrowed(boxes, [((UNCERTAIN, self.scope.untracking),)])
        self.end(action, address=address, port=port, boxes=boxes)

    def _flags(self) -> None:
        while self.peek() in ("random", "fully-random", "persistent", ","):
            self.at += 1


KNOWN_TRANSPORTS = frozenset(TRANSPORTS.values()) - {TRANSPORTS["gre"]}
"""Protocols whose headers can be tested after a test of ``ip protocol``."""

VERDICT_WORDS = frozenset({"accept", "drop", "return", "continue", "jump", "goto", "reject", "counter", "set"})

HARMLESS = (
    "meta mark", "meta priority", "meta nftrace", "meta secmark", "ct mark", "ct label", "ct event", "ct secmark",
    "ip dscp", "ip ecn", "ip ttl", "ip6 dscp", "ip6 ecn", "ip6 hoplimit", "ip6 flowlabel", "tcp options",
)  # fmt: skip
"""Fields that a rule may set without an effect on where packets go; marks count as unknown in tests."""

TRANSLATION_HOOKS = {
    Action.DNAT: ("prerouting", "output"), Action.REDIRECT: ("prerouting", "output"),
    Action.SNAT: ("postrouting", "input"), Action.MASQUERADE: ("postrouting",),
}  # fmt: skip

KEY_STARTS = frozenset({*HEADERS, *UNQUALIFIED, "meta", "ct", "fib", "numgen", "jhash", "symhash", "rt", "socket"})


def _kinds(keys: list[Key]) -> list[str | None]:
    """The kinds of the keys' values, ``None`` where they are not intervals."""
    return [key.kind if key.kind in values.WHOLE else None for key in keys]


def _target(text: str, family: str) -> tuple[Intervals | None, tuple[int, int] | None]:
    """The address and the port of ``to``: ``10.0.0.1:80``, ``[2001:db8::1]:80``, ``:80``, ranges of both."""
    if text[0] == "[" or "[" in text:
        found = re.fullmatch(r"\[([^\]]+)\](?:-\[([^\]]+)\])?(?::(.+))?", text)
        if not found:
            raise NftError(0, text, "it is not an address", "write [2001:db8::1]:80")
        first, last, port = found.groups()
        return (values.element("v6", f"{first}-{last}" if last else first),), values.element(
            "port", port
        ) if port else None
    if text[0] == ":":
        return None, values.element("port", text[1:])
    if text[0] in ('"', "{", "@", "$"):
        raise NotModelled(f"translation to {text!r}")
    if text.count(":") > 1:
        return (values.element("v6", text),), None
    address, _, port = text.partition(":")
    if family == "ip6" or not address:
        raise NftError(0, text, "an IPv6 address is expected here", "write an IPv6 address, in brackets before a port")
    return (values.element("v4", address),), values.element("port", port) if port else None
