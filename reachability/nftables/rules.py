"""One nftables rule, as the sets of packets that it speaks of and what it does with them.

A rule is a row of statements, left to right: tests narrow the packets down, verdicts and translations end it, the rest
(counters, logs) changes nothing that decides where packets go. What depends on something that packets alone do not tell
(limits, marks, users, the contents of a set that changes at run time) makes the rule *uncertain*.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reachability import addresses, services
from reachability.addresses import ALL_V4, ALL_V6, Intervals, difference, intersection
from reachability.network import Action, Devices, Match, Rule, State
from reachability.nftables import values
from reachability.nftables.errors import NftError, NotUnderstood

SOURCES, DESTINATIONS, SERVICES, SOURCE_PORTS, STATES, INCOMING, OUTGOING, TRANSLATED, UNCERTAIN = range(9)
Box = list
"""The fields of a ``Match``, in its order; ``None`` is no restriction."""
Part = tuple[tuple[int, object], ...]
"""Restrictions that hold together: (field, value)."""
Parts = list[Part]
"""Alternatives."""

MOST_BOXES = 20_000
"""Into how many products of intervals one rule may fall apart before it counts as not understood."""

V4: Part = ((DESTINATIONS, (ALL_V4,)),)
V6: Part = ((DESTINATIONS, (ALL_V6,)),)

NOT_TRACKED: Intervals = tuple(
    services.icmp(services.ICMPV6, low)[:1] + services.icmp(services.ICMPV6, high)[1:]
    for low, high in ((130, 136), (143, 143))
)
"""Multicast listener and neighbour discovery: Linux marks them untracked (``icmpv6_error`` in nf_conntrack_proto_icmpv6.c)."""
_OPENING = addresses.union(
    [services.icmp(services.ICMP, kind) for kind in (8, 13, 15, 17)]
    + [services.icmp(services.ICMPV6, kind) for kind in (128, 139)]
)
_ICMP = addresses.union([services.of(services.ICMP)], [services.of(services.ICMPV6)])
INVALID_WHEN_FIRST: Intervals = difference(difference(_ICMP, _OPENING), NOT_TRACKED)
"""ICMP that opens nothing: as a first packet its state is invalid (``valid_new`` in nf_conntrack_proto_icmp.c)."""
UNTRANSLATED: Intervals = addresses.union(NOT_TRACKED, INVALID_WHEN_FIRST)
"""What never meets a chain of type nat, for it has no connection."""
TRACKED: Intervals = difference(services.ANY, UNTRANSLATED)
"""First packets whose state is new."""

EXTENSION_HEADERS = (0, 43, 44, 51, 60, 135, 139, 140)
TRANSPORTS = {
    "tcp": services.TCP, "udp": services.UDP, "sctp": services.SCTP, "dccp": services.DCCP,
    "udplite": services.UDPLITE, "icmp": services.ICMP, "icmpv6": services.ICMPV6, "esp": services.ESP,
    "ah": services.AH, "comp": 108, "igmp": 2, "gre": 47,
}  # fmt: skip
UNQUALIFIED = frozenset(
    "mark iif iifname iiftype oif oifname oiftype skuid skgid nftrace rtclassid ibriport ibrname obriport obrname "
    "pkttype cpu iifgroup oifgroup cgroup time day hour iifkind oifkind sdif sdifname".split()
)
QUALIFIED = frozenset("length nfproto l4proto protocol priority random secmark ibrpvid ibrvproto ipsec secpath".split())
CONNECTION = frozenset(
    "state direction status mark expiration helper label zone l3proto protocol proto-src proto-dst saddr daddr bytes "
    "packets avgpkt id secmark event".split()
)
FIELDS = {
    "ip": "version hdrlength dscp ecn length id frag-off ttl protocol checksum saddr daddr",
    "ip6": "version dscp ecn flowlabel length nexthdr hoplimit saddr daddr",
    "tcp": "sport dport sequence ackseq doff reserved flags window checksum urgptr",
    "udp": "sport dport length checksum", "udplite": "sport dport checksum",
    "sctp": "sport dport vtag checksum", "dccp": "sport dport type", "th": "sport dport",
    "icmp": "type code checksum id sequence gateway mtu",
    "icmpv6": "type code checksum parameter-problem packet-too-big id sequence max-delay",
    "igmp": "type mrt checksum group", "ah": "nexthdr hdrlength reserved spi sequence", "esp": "spi sequence",
    "comp": "nexthdr flags cpi", "ether": "saddr daddr type", "vlan": "id dei pcp type",
    "hbh": "nexthdr hdrlength", "rt": "nexthdr hdrlength type seg-left", "frag": "nexthdr frag-off id more-fragments",
    "dst": "nexthdr hdrlength", "mh": "nexthdr hdrlength type checksum",
}  # fmt: skip
HEADERS = {name: frozenset(fields.split()) for name, fields in FIELDS.items()}

TOKEN = re.compile(
    r'\{[^{}"]*+(?:"[^"]*"[^{}"]*+)*+\}|"[^"]*"|<<|>>|[=!<>]=|[()=|&^!<>,;]|[^\s"{}()=|&^!<>,;]+|\S'
)
LONG_SET = re.compile(r"\{[^{}]{60,}\}")
COUNTED = re.compile(r"\bcounter packets \d+ bytes \d+")


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A set or map of a table: its elements as text, without options.

    ``changing``: why its contents are not known when it is loaded; empty if they are.
    """

    name: str
    elements: tuple[str, ...]
    changing: str = ""
    is_map: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule may refer to, and where it stands.

    ``family`` and ``table`` of the chain; ``hook`` of the base chain that leads to it; ``before_tracking``: whether that
    comes before connection tracking sees the packet; ``untracking``: why connection tracking may have been told to leave
    packets alone.
    """

    family: str
    table: str
    sets: Mapping[str, NamedSet]
    hook: str = ""
    before_tracking: bool = False
    untracking: str = ""
    kind: str = ""
    objects: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Key:
    """What a test looks at. ``kind`` of its values (``values``); ``parts``: the packets for which it has one of some values.

    ``always`` holds whenever the test can be made at all.
    """

    name: str
    kind: str
    parts: Callable[[Intervals], Parts]
    always: Part = ()
    transport: int = 0
    family: str = ""


def _addressed(name: str, kind: str, field: int, family: str) -> Key:
    return Key(name, kind, lambda found: [((field, found),)], family=family)


def _protocols(found: Intervals) -> Intervals:
    return tuple((low << 16, high << 16 | 65535) for low, high in found)


def _next_header(found: Intervals) -> Parts:
    """The first header of an IPv6 packet is its transport's, unless there are extension headers."""
    return [(V6[0], (SERVICES, _protocols(found)))]


def _port_keys(name: str, number: int) -> list[Key]:
    base, every = number << 16, (services.of(number),)

    def to(found: Intervals) -> Parts:
        return [((SERVICES, tuple((base | low, base | high) for low, high in found)),)]

    def come_from(found: Intervals) -> Parts:
        return [((SERVICES, every), (SOURCE_PORTS, found))]

    return [Key(f"{name} dport", "port", to, transport=number), Key(f"{name} sport", "port", come_from, transport=number)]


_PORTLESS = difference(services.ANY, tuple(sorted(services.of(number) for number in services.WITH_PORTS)))
_NO_HEADER = "what stands where other protocols have ports is not known"


def _any_port_keys() -> list[Key]:
    def to(found: Intervals) -> Parts:
        known = sorted((n << 16 | low, n << 16 | high) for n in services.WITH_PORTS for low, high in found)
        return [((SERVICES, tuple(known)),), ((SERVICES, _PORTLESS), (UNCERTAIN, _NO_HEADER))]

    def come_from(found: Intervals) -> Parts:
        known = tuple(sorted(services.of(number) for number in services.WITH_PORTS))
        return [((SERVICES, known), (SOURCE_PORTS, found)), ((SERVICES, _PORTLESS), (UNCERTAIN, _NO_HEADER))]

    return [Key("th dport", "port", to), Key("th sport", "port", come_from)]


def _icmp_keys(name: str, number: int, family: Part) -> list[Key]:
    base = number << 16

    def kind(found: Intervals) -> Parts:
        return [(family[0], (SERVICES, tuple((base | low << 8, base | high << 8 | 255) for low, high in found)))]

    def code(found: Intervals) -> Parts:
        each = [(base | kind << 8 | low, base | kind << 8 | high) for kind in range(256) for low, high in found]
        return [(family[0], (SERVICES, addresses.union(each)))]

    return [
        Key(f"{name} type", f"{name} type", kind, transport=number),
        Key(f"{name} code", f"{name} code", code, transport=number),
    ]


def _families(numbers: Mapping[int, Part]) -> Callable[[Intervals], Parts]:
    def parts(found: Intervals) -> Parts:
        return [part for number, part in numbers.items() if addresses.contains(found, number)]

    return parts


KEYS: dict[str, Key] = {
    key.name: key
    for key in (
        _addressed("ip saddr", "v4", SOURCES, "ip"),
        _addressed("ip daddr", "v4", DESTINATIONS, "ip"),
        _addressed("ip6 saddr", "v6", SOURCES, "ip6"),
        _addressed("ip6 daddr", "v6", DESTINATIONS, "ip6"),
        Key("ip protocol", "protocol", lambda found: [(V4[0], (SERVICES, _protocols(found)))], family="ip"),
        Key("ip6 nexthdr", "protocol", _next_header, family="ip6"),
        Key("meta l4proto", "protocol", lambda found: [((SERVICES, _protocols(found)),)]),
        Key("meta nfproto", "family", _families({2: V4, 10: V6})),
        Key("meta protocol", "frame", _families({0x0800: V4, 0x86DD: V6})),
        *(key for name in ("tcp", "udp", "sctp", "dccp", "udplite") for key in _port_keys(name, TRANSPORTS[name])),
        *_any_port_keys(),
        *_icmp_keys("icmp", services.ICMP, V4),
        *_icmp_keys("icmpv6", services.ICMPV6, V6),
    )
}
DEVICE_KEYS = {"meta iif": INCOMING, "meta iifname": INCOMING, "meta oif": OUTGOING, "meta oifname": OUTGOING}


def devices(names: frozenset[str], *, negated: bool = False) -> frozenset[str] | Devices:
    """Interfaces by name, or all others."""
    return Devices(excluded=names) if negated else names


def _both_devices(one: frozenset[str] | Devices, other: frozenset[str] | Devices) -> frozenset[str] | Devices:
    first = one if isinstance(one, Devices) else Devices(names=one)
    second = other if isinstance(other, Devices) else Devices(names=other)
    excluded = first.excluded | second.excluded
    if first.names is None or second.names is None:
        names = second.names if first.names is None else first.names
    else:
        names = frozenset(each for each in first.names if _inside(each, second.names)) | frozenset(
            each for each in second.names if _inside(each, first.names)
        )
    if names is not None:
        names = frozenset(each for each in names if not _inside(each, excluded))
        if not any(_inside(each, names) for each in excluded):
            return names
    return Devices(names=names, excluded=excluded)


def _inside(pattern: str, names: frozenset[str]) -> bool:
    """Whether every interface of a pattern is among those of ``names``."""
    return pattern in names or any(name[-1:] == "*" and pattern.startswith(name[:-1]) for name in names)


_MEET: list[Callable] = [
    intersection, intersection, intersection, intersection, frozenset.intersection, _both_devices, _both_devices,
    lambda one, other: one if one is other else (),
    lambda one, other: one if other in one else f"{one}; {other}",
]  # fmt: skip


def states(words: frozenset[str]) -> Parts:
    """The packets that are in one of these states.

    An answer is established. A first packet is new where its protocol opens connections, else invalid or untracked.
    Related packets are left out: they are errors about connections, or come by helpers, which are not modelled.
    """
    later = frozenset(State(word) for word in words & {"established", "invalid"})
    first: Intervals = addresses.union(
        TRACKED if "new" in words else (),
        INVALID_WHEN_FIRST if "invalid" in words else (),
        NOT_TRACKED if "untracked" in words else (),
    )
    parts: Parts = [((STATES, later),)] if later else []
    if first:
        new = frozenset({State.NEW})
        parts.append(((STATES, new),) if first == services.ANY else ((STATES, new), (SERVICES, first)))
    return parts


def _statuses(words: frozenset[str]) -> Parts:
    uncertain = "what else connection tracking says of a connection is not known"
    parts: Parts = [((TRANSLATED, True),)] if "dnat" in words else []
    return parts + ([((UNCERTAIN, uncertain),)] if words - {"dnat"} else [])


def _directions(words: frozenset[str]) -> Parts:
    parts: Parts = []
    if words & {"original", "0"}:
        parts.append(((STATES, frozenset({State.NEW})), (SERVICES, TRACKED)))
    if words & {"reply", "1"}:
        parts.append(((STATES, frozenset({State.ESTABLISHED})),))
    return parts


WORD_KEYS: dict[str, tuple[frozenset[str], Callable[[frozenset[str]], Parts]]] = {
    "ct state": (values.STATES, states),
    "ct direction": (frozenset({"original", "reply"}), _directions),
}

Ending = tuple[Action, str, Intervals | None, tuple[int, int] | None]
"""A verdict: what, the chain of a jump, the new address, the new port."""


class RuleReader:
    """Reads one rule. ``rules()`` raises ``NftError`` for what nft refuses, ``NotUnderstood`` for what is not known here."""

    def __init__(self, text: str, scope: Scope) -> None:
        self.text = text
        self.tokens: list[str] = TOKEN.findall(text)
        self.at = 0
        self.scope = scope
        self.boxes: list[Box] = [[None] * 8 + [""]]
        self.ended: list[tuple[list[Box], Ending]] = []
        self.transports: frozenset[int] = frozenset()
        self.family = {"ip": "ip", "ip6": "ip6"}.get(scope.family, "")
        self.shared = True
        """Whether the same text means the same in every table of this name."""
        self.logs = False
        self.objects: set[str] = set()

    # What the rule comes to.

    def rules(self) -> tuple[Rule, ...]:
        """What the rule compiles to, in order."""
        tokens = self.tokens
        while self.at < len(tokens):
            if self.ended and tokens[self.at] != "comment":
                raise NftError(0, self.text, "nothing but a comment follows a verdict", "move the verdict to the end")
            word = tokens[self.at]
            statement = STATEMENTS.get(word)
            if statement is None:
                self._test()
            else:
                statement(self)
        name = title(self.text)
        found = []
        for boxes, (action, chain, address, port) in self.ended:
            for box in boxes:
                found.append(Rule(Match(*box), action, name, "", chain, address, port))
        if not self.ended and self.logs:
            found += [Rule(Match(*box[:UNCERTAIN]), Action.CONTINUE, name) for box in self.boxes]
        return tuple(found)

    # Tokens.

    def peek(self) -> str:
        """The next token; empty at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        """The next token, left behind."""
        if self.at >= len(self.tokens):
            raise NftError(0, self.text, "the rule ends in the middle of a statement", "complete it")
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, *words: str) -> None:
        for word in words:
            found = self.take()
            if found != word:
                raise NftError(0, self.text, f"{word!r} stands here, not {found!r}", "correct the statement")

    def skip(self, *words: str) -> bool:
        """Leaves these tokens behind if they come next."""
        if self.tokens[self.at : self.at + len(words)] == list(words):
            self.at += len(words)
            return True
        return False

    # Narrowing down.

    def narrow(self, parts: Parts) -> None:
        """Keeps the packets that fit one of ``parts``."""
        if len(parts) * len(self.boxes) > MOST_BOXES:
            raise NotUnderstood("the rule falls apart into too many cases")
        self.boxes = _narrowed(self.boxes, parts)

    def doubt(self, why: str) -> None:
        """Keeps some of the packets, and it is not known which."""
        self.narrow([((UNCERTAIN, why),)])

    def end(self, action: Action, chain: str = "", address: Intervals | None = None, port: tuple[int, int] | None = None,
            boxes: list[Box] | None = None) -> None:  # fmt: skip
        """A verdict on the packets that are left."""
        self.ended.append((self.boxes if boxes is None else boxes, (action, chain, address, port)))

    def stands(self, kind: str, hooks: tuple[str, ...]) -> None:
        """Some statements only work in chains of a type, or that a hook leads to; the kernel refuses the others."""
        scope = self.scope
        if scope.kind and ((kind and scope.kind != kind) or scope.hook not in hooks):
            where = f"a chain{f' of type {kind}' if kind else ''} at {' or '.join(hooks)}"
            raise NftError(0, self.text, f"what the rule does works only in {where}", "move it there")

    # Tests.

    def _test(self) -> None:
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
        """The next thing that a test looks at."""
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
            if self.peek() and re.fullmatch(r"[a-z][a-z0-9-]*", self.peek()) and self.peek() not in STATEMENTS:
                self.at += 1
            return self._unknown(f"{word} options", TRANSPORTS.get(word, 0), "ip" if word == "ip" else "")
        fields = HEADERS.get(word)
        if fields is not None and self.peek() in fields:
            name = f"{word} {self.take()}"
            key = KEYS.get(name)
            if key is None:
                family = {"ip": "ip", "ip6": "ip6", "icmp": "ip", "icmpv6": "ip6", "igmp": "ip"}.get(word, "")
                return self._unknown(name, TRANSPORTS.get(word, 0), family)
            self._requires(key.transport, key.family, name)
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
            return self._unknown("a number made up for each packet", 0, "")
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
        raise NotUnderstood(f"{word!r} is no statement that is understood")

    def _requires(self, transport: int, family: str, name: str) -> None:
        if transport:
            if not self.transports <= {transport}:
                raise NftError(0, self.text, f"{name!r} cannot follow a test of another protocol", "split the rule")
            self.transports = frozenset((transport,))
        if family:
            if self.family and self.family != family:
                raise NftError(0, self.text, f"{name!r} does not occur in {self.family} packets", "split the rule")
            self.family = family

    def _unknown(self, name: str, transport: int, family: str) -> Key:
        """A test of something that the model has not."""
        self._requires(transport, family, name)
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
            raise NotUnderstood(f"{name!r} is no expression that is understood")
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
            raise NotUnderstood(f"'ct {' '.join(words)}' is no expression that is understood")
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
        """Leaves bit operations behind; whether there were any."""
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

    def _value(self) -> str:
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
        value = self._value()
        key = keys[0]
        if masked and any(each.kind for each in keys):
            self.narrow([key.parts(values.WHOLE[key.kind])[0]] if key.kind in values.WHOLE else [()])
            self.doubt(f"bits of {key.name} are not modelled")
            return
        if len(keys) == 1:
            self.narrow(self._one(key, operator, value))
            return
        if operator not in ("", "==", "!="):
            raise NftError(0, self.text, "a concatenation is only equal or not", "compare field by field")
        elements, changing = self._content(value)
        if changing:
            self.narrow(_everything(keys))
            self.doubt(changing)
            return
        if operator != "!=":
            self.narrow(self._concatenated(keys, elements))
            return
        inside = _narrowed([[None] * 8 + [""]], self._concatenated(keys, elements))
        self.narrow(_everything(keys))
        self.boxes = _without(self.boxes, inside)

    def _one(self, key: Key, operator: str, value: str) -> Parts:
        """The packets for which one field compares so."""
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
                self._learns(key, found)
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
            words = frozenset()  # a packet has one state, and no two at once
        return self._word_parts(key, operator, words)

    def _learns(self, key: Key, found: Intervals) -> None:
        """What nft takes the protocol to be after a test of it; nothing after a range."""
        if key.kind == "protocol" and sum(high - low for low, high in found) < len(found):
            self.transports = frozenset(point for low, high in found for point in range(low, high + 1))
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
        """The elements of a set, anonymous or named, and why they may change."""
        if value[:1] == "@":
            named = self._named(value)
            if named.is_map:
                raise NftError(0, value, "a map is no set", "look it up with map or vmap")
            return list(named.elements), named.changing
        if value[:1] == "{":
            return values.elements(value), ""
        return [value], ""

    def _named(self, value: str) -> NamedSet:
        self.shared = False
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
                raise NotUnderstood("the rule falls apart into too many cases")
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

    # Tests whose values are words.

    def _words(self, key: Key, value: str) -> tuple[frozenset[str], str]:
        if value[:1] == "@":
            elements, changing = self._content(value)
            return frozenset(each.strip('"') for each in elements), changing
        if value[:1] == "{":
            return frozenset(each if key.kind == "device" else each.strip('"') for each in values.elements(value)), ""
        if key.kind == "device":
            return frozenset({value}), ""
        if "&" in value or "(" in value or "/" in value:
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
                raise NftError(0, ", ".join(sorted(unknown)), f"no value of {key.name}", f"write {', '.join(sorted(every))}")
            parts = turn(every - words if negated else words)
        if self.scope.untracking:
            return [((UNCERTAIN, self.scope.untracking),)]
        return parts

    def _status(self, words: frozenset[str], *, negated: bool) -> Parts:
        known = {"expected", "seen-reply", "assured", "confirmed", "snat", "dnat", "dying"}
        if words - known:
            return [((UNCERTAIN, "ct status is not modelled"),)]
        if not negated:
            return _statuses(words)
        if words == {"dnat"}:
            return [((TRANSLATED, False),), ((TRANSLATED, True), (UNCERTAIN, "a status has other bits beside dnat"))]
        return [((UNCERTAIN, "ct status is not modelled"),)]

    def _local(self, words: frozenset[str], *, negated: bool) -> Parts:
        """``fib daddr type``: after routing it is known whether a packet is for this host."""
        if words == {"local"} and self.scope.hook in ("input", "forward"):
            return [()] if (self.scope.hook == "input") is not negated else []
        return [((UNCERTAIN, "fib daddr type: which addresses are the host's own is not modelled"),)]

    # Verdicts.

    def verdict(self, words: list[str], boxes: list[Box]) -> None:
        """A verdict by its words, for some boxes."""
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
            why = "a program on the host decides what is let through"
            self.end(Action.ACCEPT, boxes=_narrowed(boxes, [((UNCERTAIN, why),)]))
            self.end(Action.DROP, boxes=boxes)
        else:
            raise NotUnderstood(f"{' '.join(words)!r} is no verdict that is understood")

    def _verdict_map(self, keys: list[Key]) -> None:
        for parts, data in self._map(keys):
            self.verdict(data.split(), _narrowed(self.boxes, parts))
        if not self.ended:
            self.ended.append(([], (Action.CONTINUE, "", None, None)))

    def _map(self, keys: list[Key]) -> list[tuple[Parts, str]]:
        """What a map holds: the packets that look up each datum."""
        value = self._value()
        if value[:1] == "@":
            named = self._named(value)
            if named.changing:
                raise NotUnderstood(f"the map {value} decides and its contents are not known: {named.changing}")
            elements = list(named.elements)
        elif value[:1] == "{":
            elements = values.elements(value)
        else:
            raise NftError(0, value, "a map stands here", "write { key : value, ... } or @name")
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
            boxes = _without(
                _narrowed([[None] * 8 + [""]], _everything(keys)), _narrowed([[None] * 8 + [""]], named_parts)
            )
            rest: Parts = [
                tuple((field, each) for field, each in enumerate(box) if each is not None and each != "") for box in boxes
            ]
            if rest:
                found.append((rest, other))
        return found

    # Statements.

    def _assignment(self, keys: list[Key]) -> None:
        self.expect("set")
        name = keys[0].name
        if not name.startswith(HARMLESS):
            raise NotUnderstood(f"the rule changes {name} of packets")
        if self.peek() in ("ct", "meta", "rt", "numgen", "jhash", "symhash", "socket") or self.peek() in HEADERS:
            key = self.key()
            while self.skip("."):
                self.key()
            if self.skip("map"):
                self._map([key]) if key.kind == "" else self._value()
            else:
                self._masked()
        else:
            self._value()
            self._masked()

    def translate(self, action: Action) -> None:
        """``snat``, ``dnat``, ``masquerade`` and ``redirect``."""
        self.stands("nat", TRANSLATION_HOOKS[action])
        family = self.family
        if self.peek() in ("ip", "ip6"):
            family = self.take()
        for word in ("prefix", "interval", "addr", ".", "port"):
            self.skip(word)
        if not self.skip("to"):
            self._flags()
            if action in (Action.SNAT, Action.DNAT):
                raise NftError(0, self.text, "a translation has an address", "write 'to' and an address")
            self.end(action)
            return
        if self.peek() in KEY_STARTS:
            self._translate_by_map(action, family)
        else:
            target = self.take()
            if self.peek() == ".":
                raise NotUnderstood("the new address is put together from fields of the packet")
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
                address, port = None, values.element("port", address_text)
            else:
                address, _ = _target(address_text, family)
                port = values.element("port", port_text) if port_text else None
            self._end_translation(action, family, address, port, _narrowed(self.boxes, parts))

    def _end_translation(
        self, action: Action, family: str, address: Intervals | None, port: tuple[int, int] | None, boxes: list[Box]
    ) -> None:
        if address is not None:
            family = "ip6" if address[0][0] >= addresses.V6 else "ip"
        if family:
            boxes = _narrowed(boxes, [V6 if family == "ip6" else V4])
        if self.scope.untracking:
            boxes = _narrowed(boxes, [((UNCERTAIN, self.scope.untracking),)])
        self.end(action, address=address, port=port, boxes=boxes)

    def _flags(self) -> None:
        while self.peek() in ("random", "fully-random", "persistent", ","):
            self.at += 1


HARMLESS = (
    "meta mark", "meta priority", "meta nftrace", "meta secmark", "ct mark", "ct label", "ct event", "ct secmark",
    "ip dscp", "ip ecn", "ip ttl", "ip6 dscp", "ip6 ecn", "ip6 hoplimit", "ip6 flowlabel", "tcp options",
)  # fmt: skip
"""What a rule may change without changing where packets go; marks count as unknown wherever they are tested."""

TRANSLATION_HOOKS = {
    Action.DNAT: ("prerouting", "output"), Action.REDIRECT: ("prerouting", "output"),
    Action.SNAT: ("postrouting", "input"), Action.MASQUERADE: ("postrouting",),
}  # fmt: skip

KEY_STARTS = frozenset({*HEADERS, *UNQUALIFIED, "meta", "ct", "fib", "numgen", "jhash", "symhash", "rt", "socket"})


def title(text: str) -> str:
    """How a report calls a rule: its own words, without what was counted and with long sets cut short."""
    if "packets" in text:
        text = COUNTED.sub("counter", text)
    text = " ".join(text.split())
    if len(text) > 90:
        text = LONG_SET.sub(lambda found: _shortened(found.group()), text)
    return text


def _shortened(text: str) -> str:
    elements = text[1:-1].split(",")
    if len(elements) < 4:
        return text
    return f"{{ {elements[0].strip()}, {elements[1].strip()}, and {len(elements) - 2} more }}"


def split_pair(text: str) -> tuple[str, str]:
    """Key and datum of one element of a map. Raises ``NftError``."""
    found = re.search(r"\s+:\s*|:\s+", text)
    if found:
        key, datum = text[: found.start()], text[found.end() :]
    else:
        key, _, datum = text.rpartition(":")
    key = OPTIONS_AFTER_KEY.sub("", key + " ").strip()
    if not key or not datum.strip():
        raise NftError(0, text, "an element of a map is a key, a colon and a value", "write key : value")
    return key, datum.strip()


OPTIONS_AFTER_KEY = values.OPTIONS

TYPES = {
    "ipv4_addr": "v4", "ip saddr": "v4", "ip daddr": "v4", "ipv6_addr": "v6", "ip6 saddr": "v6", "ip6 daddr": "v6",
    "inet_service": "port", "tcp dport": "port", "udp dport": "port", "th dport": "port", "tcp sport": "port",
    "udp sport": "port", "inet_proto": "protocol", "ip protocol": "protocol", "meta l4proto": "protocol",
    "icmp_type": "icmp type", "icmpv6_type": "icmpv6 type", "icmp type": "icmp type", "icmpv6 type": "icmpv6 type",
}  # fmt: skip


def check_elements(name: str, type_: str, elements: list[str], *, is_map: bool) -> None:
    """Whether elements are of the type of their set. Raises ``NftError``, ``NotUnderstood``."""
    if not type_:
        raise NotUnderstood("its type is not declared")
    key_type, _, datum_type = (part.strip() for part in type_.partition(" : "))
    kinds = [TYPES.get(part.strip()) for part in key_type.split(" . ")]
    seen: dict[str, set[str]] = {}
    for each in elements:
        key, datum = split_pair(each) if is_map else (each, "")
        if key == "*":
            continue
        fields = re.split(r"\s+\.\s+", key)
        if len(fields) != len(kinds):
            raise NftError(0, f"{name}: {each}", f"an element has {len(kinds)} fields here", "write one value for each field")
        for kind, field in zip(kinds, fields, strict=True):
            if kind is not None and field not in seen.setdefault(kind, set()):
                values.element(kind, field)
                seen[kind].add(field)
        if datum_type == "verdict" and not VERDICT.fullmatch(datum):
            raise NftError(0, f"{name}: {datum}", "no verdict", "write accept, drop, return, continue, jump or goto")


VERDICT = re.compile(r"accept|drop|return|continue|queue.*|(?:jump|goto)\s+\S+")


def _target(text: str, family: str) -> tuple[Intervals | None, tuple[int, int] | None]:
    """The address and the port of ``to``: ``10.0.0.1:80``, ``[2001:db8::1]:80``, ``:80``, ranges of both."""
    if text[0] == "[" or "[" in text:
        found = re.fullmatch(r"\[([^\]]+)\](?:-\[([^\]]+)\])?(?::(.+))?", text)
        if not found:
            raise NftError(0, text, "no address to translate to", "write [2001:db8::1]:80")
        first, last, port = found.groups()
        return (values.element("v6", f"{first}-{last}" if last else first),), values.element("port", port) if port else None
    if text[0] == ":":
        return None, values.element("port", text[1:])
    if text[0] in ('"', "{", "@", "$"):
        raise NotUnderstood(f"translation to {text!r}")
    if text.count(":") > 1:
        return (values.element("v6", text),), None
    address, _, port = text.partition(":")
    if family == "ip6" or not address:
        raise NftError(0, text, "an IPv6 address stands here", "write an IPv6 address, in brackets before a port")
    return (values.element("v4", address),), values.element("port", port) if port else None


def _everything(keys: list[Key]) -> Parts:
    """The packets in which all of the fields occur."""
    parts: Parts = [()]
    for key in keys:
        if key.kind in values.WHOLE:
            whole = key.parts(values.WHOLE[key.kind])
        else:
            whole = key.parts(()) if key.kind == "" else [()]
        parts = [(*one, *other) for one in parts for other in whole]
    return parts


def _narrowed(boxes: list[Box], parts: Parts) -> list[Box]:
    found = []
    for part in parts:
        for box in boxes:
            narrowed = box.copy()
            for field, value in part:
                present = narrowed[field]
                if present is None or present == "":
                    narrowed[field] = value
                else:
                    met = _MEET[field](present, value)
                    if met == () or met == frozenset():
                        break
                    narrowed[field] = met
            else:
                found.append(narrowed)
    return found


def _without(boxes: list[Box], removed: list[Box]) -> list[Box]:
    """The packets of ``boxes`` that are in none of ``removed``."""
    for other in removed:
        if other[UNCERTAIN]:
            boxes = _narrowed(boxes, [((UNCERTAIN, other[UNCERTAIN]),)])
            continue
        boxes = [piece for box in boxes for piece in _cut(box, other)]
        if len(boxes) > MOST_BOXES:
            raise NotUnderstood("the rule falls apart into too many cases")
    return boxes


_WHOLE_FIELD: list[Intervals] = [addresses.EVERYWHERE, addresses.EVERYWHERE, services.ANY, (services.PORTS,)]


def _cut(box: Box, other: Box) -> list[Box]:
    """``box`` without ``other``, in disjoint pieces."""
    pieces = []
    rest = box
    for field, value in enumerate(other[:UNCERTAIN]):
        if value is None:
            continue
        present = rest[field]
        if field <= SOURCE_PORTS:
            have = _WHOLE_FIELD[field] if present is None else present
            outside: object = difference(have, value)
            inside: object = intersection(have, value)
        elif field == STATES:
            have = frozenset(State) if present is None else present
            outside, inside = have - value, have & value
        elif field in (INCOMING, OUTGOING):
            if isinstance(value, Devices):
                raise NotUnderstood("all interfaces but those of a set")
            inside = value if present is None else _both_devices(present, value)
            outside = devices(value, negated=True) if present is None else _both_devices(
                present, devices(value, negated=True))  # fmt: skip
        else:
            if present is not None and present is not value:
                return [*pieces, rest]
            outside, inside = (not value if present is None else None), value
        if outside or (outside is False):
            piece = rest.copy()
            piece[field] = outside
            pieces.append(piece)
        if not inside and inside is not False:
            return pieces
        rest = rest.copy()
        rest[field] = inside
    return pieces


def _counter(reader: RuleReader) -> None:
    reader.at += 1
    if reader.skip("packets"):
        reader.take()
        reader.expect("bytes")
        reader.take()
    elif reader.skip("name"):
        _object_name(reader)


def _object_name(reader: RuleReader) -> bool:
    """The name of a counter, limit or quota, or a map of names; whether it is a map."""
    if reader.peek() in KEY_STARTS:
        keys = [reader.key()]
        while reader.skip("."):
            keys.append(reader.key())
        reader.expect("map")
        reader._value()
        return True
    reader.objects.add(reader.take().strip('"'))
    return False


def _log(reader: RuleReader) -> None:
    reader.at += 1
    reader.logs = True
    while True:
        word = reader.peek()
        if word in ("prefix", "level", "group", "snaplen", "queue-threshold"):
            reader.at += 1
            value = reader.take()
            if word == "level" and value not in LEVELS:
                raise NftError(0, value, "no level of the system log", f"write {', '.join(sorted(LEVELS))}")
        elif word == "flags":
            reader.at += 1
            first = reader.take()
            if first in ("tcp", "ip"):
                reader.take()
                while reader.skip(","):
                    reader.take()
        else:
            return


def _limit(reader: RuleReader) -> None:
    reader.at += 1
    if reader.skip("name"):
        _object_name(reader)
    else:
        reader.expect("rate")
        reader.skip("over")
        words = []
        while reader.peek() and (not words or not words[-1].endswith(PERIODS)) and len(words) < 4:
            words.append(reader.take())
        if not words or not words[-1].endswith(PERIODS):
            raise NftError(0, reader.text, "a limit has a rate", "write limit rate 10/second")
        if reader.skip("burst"):
            reader.take()
            if reader.peek() in ("packets", "bytes", "kbytes", "mbytes"):
                reader.at += 1
    reader.doubt("a limit decides, by what came before")


PERIODS = ("second", "minute", "hour", "day", "week")


def _quota(reader: RuleReader) -> None:
    reader.at += 1
    if reader.skip("name"):
        _object_name(reader)
    else:
        reader.skip("over") or reader.skip("until")
        reader.take()
        reader.take()
        if reader.skip("used"):
            reader.take()
            reader.take()
    reader.doubt("a quota decides, by what came before")


def _ct(reader: RuleReader) -> None:
    following = reader.tokens[reader.at + 1 : reader.at + 3]
    if following[:1] == ["count"]:
        reader.at += 2
        reader.skip("over")
        reader.take()
        reader.doubt("the number of connections decides")
    elif following in (["helper", "set"], ["timeout", "set"], ["expectation", "set"], ["zone", "set"]):
        if following[0] == "timeout":
            reader.at += 3
            reader.take()
            return
        raise NotUnderstood(f"'ct {following[0]} set' changes which connections belong together")
    else:
        reader._test()


def _comment(reader: RuleReader) -> None:
    reader.at += 1
    if reader.take()[:1] != '"':
        raise NftError(0, reader.text, "a comment stands in quotes", "quote it")


def _plain(word: str) -> Callable[[RuleReader], None]:
    def statement(reader: RuleReader) -> None:
        reader.at += 1
        reader.verdict([word, *([reader.take()] if word in ("jump", "goto") else [])], reader.boxes)

    return statement


def _reject(reader: RuleReader) -> None:
    reader.at += 1
    reader.stands("", ("input", "forward", "output", "prerouting"))
    if reader.skip("with"):
        kind = reader.take()
        if kind == "tcp":
            reader._requires(services.TCP, "", "reject with tcp reset")
            reader.narrow([((SERVICES, (services.of(services.TCP),)),)])
            reader.expect("reset")
        elif kind in ("icmp", "icmpv6", "icmpx"):
            reader.skip("type")
            reader.skip("code")
            code = reader.take()
            if code not in REJECT_CODES[kind] and not code.isdigit():
                raise NftError(0, code, f"no code of {kind}", f"write {', '.join(sorted(REJECT_CODES[kind]))}")
            if kind == "icmpx" and reader.scope.family != "inet":
                raise NftError(0, reader.text, "icmpx is for tables of family inet", "write icmp or icmpv6")
            if kind != "icmpx":
                family = "ip" if kind == "icmp" else "ip6"
                reader._requires(0, family, f"reject with {kind}")
                if reader.scope.family == "inet":
                    reader.narrow([V4 if kind == "icmp" else V6])
        else:
            raise NftError(0, reader.text, "a packet is rejected with tcp reset, icmp, icmpv6 or icmpx", "correct it")
    reader.end(Action.DROP)


REJECT_CODES = {
    "icmp": frozenset(values.ICMP_CODES), "icmpv6": frozenset(values.ICMPV6_CODES),
    "icmpx": frozenset({"port-unreachable", "admin-prohibited", "no-route", "host-unreachable"}),
}  # fmt: skip
LEVELS = frozenset({"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug", "audit"})


def _queue(reader: RuleReader) -> None:
    reader.at = len(reader.tokens)
    reader.verdict(["queue"], reader.boxes)


def _notrack(reader: RuleReader) -> None:
    reader.at += 1


def _translation(action: Action) -> Callable[[RuleReader], None]:
    def statement(reader: RuleReader) -> None:
        reader.at += 1
        reader.translate(action)

    return statement


def _dynamic(reader: RuleReader) -> None:
    """``add @set { ... }``, ``update``, ``delete``: what is in the set changes; a full one stops the rule."""
    reader.at += 1
    reader.take()
    inner = reader.take()
    if inner[:1] != "{":
        raise NotUnderstood("a set is changed in a way that is not understood")
    reader.doubt("a set that packets change decides")


def _meter(reader: RuleReader) -> None:
    reader.at += 1
    reader.take()
    if reader.skip("size"):
        reader.take()
    if reader.take()[:1] != "{":
        raise NotUnderstood("a meter that is not understood")
    reader.doubt("a meter decides, by what came before")


def _flow(reader: RuleReader) -> None:
    reader.at += 1
    if reader.take() not in ("add", "offload"):
        raise NotUnderstood("a flow statement that is not understood")
    reader.take()


def _last(reader: RuleReader) -> None:
    reader.at += 1
    if reader.skip("used"):
        reader.take()


def _redirected(reader: RuleReader) -> None:
    raise NotUnderstood(f"'{reader.peek()}' hands packets to something that is not modelled")


STATEMENTS: dict[str, Callable[[RuleReader], None]] = {
    **{word: _plain(word) for word in ("accept", "drop", "return", "continue", "jump", "goto")},
    "counter": _counter, "log": _log, "limit": _limit, "quota": _quota, "ct": _ct, "comment": _comment,
    "reject": _reject, "queue": _queue, "notrack": _notrack, "snat": _translation(Action.SNAT),
    "dnat": _translation(Action.DNAT), "masquerade": _translation(Action.MASQUERADE),
    "redirect": _translation(Action.REDIRECT), "add": _dynamic, "update": _dynamic, "delete": _dynamic,
    "meter": _meter, "flow": _flow, "last": _last, "tproxy": _redirected, "synproxy": _redirected,
    "dup": _redirected, "fwd": _redirected, "xt": _redirected,
}  # fmt: skip
