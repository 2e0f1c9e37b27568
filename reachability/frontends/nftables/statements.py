"""The statements of a rule by their first word, and the reader of whole rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from reachability import services
from reachability.addresses import Intervals, difference
from reachability.frontends.nftables import values
from reachability.frontends.nftables.boxes import SERVICES, UNCERTAIN, V4, V6
from reachability.frontends.nftables.errors import NftError, NotModelled
from reachability.frontends.nftables.keys import TRANSPORTS
from reachability.frontends.nftables.rules import KEY_STARTS, RuleReader, Scope
from reachability.network import Action, Match, Rule

LONG_SET = re.compile(r"\{[^{}]{60,}\}")
COUNTED = re.compile(r"\bcounter packets \d+ bytes \d+")


def title(text: str) -> str:
    """The name of a rule for reports: its text, without counter values and with long sets shortened."""
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
        reader.value()
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
                raise NftError(0, value, "it is not a level of the system log", f"write {', '.join(sorted(LEVELS))}")
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
        words: list[str] = []
        while reader.peek() and (not words or not words[-1].endswith(PERIODS)) and len(words) < 4:
            words.append(reader.take())
        if not words or not words[-1].endswith(PERIODS):
            raise NftError(0, reader.text, "a limit needs a rate", "write limit rate 10/second")
        if reader.skip("burst"):
            reader.take()
            if reader.peek() in ("packets", "bytes", "kbytes", "mbytes"):
                reader.at += 1
    reader.mark_uncertain("a limit decides, by earlier packets")


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
    reader.mark_uncertain("a quota decides, by earlier packets")


def _ct(reader: RuleReader) -> None:
    following = reader.tokens[reader.at + 1 : reader.at + 3]
    if following[:1] == ["count"]:
        reader.at += 2
        reader.skip("over")
        reader.take()
        reader.mark_uncertain("the number of connections decides")
    elif following in (["helper", "set"], ["timeout", "set"], ["expectation", "set"], ["zone", "set"]):
        if following[0] == "timeout":
            reader.at += 3
            reader.take()
            return
        raise NotModelled(f"'ct {following[0]} set' changes which connections belong together")
    else:
        reader.test()


def _comment(reader: RuleReader) -> None:
    reader.at += 1
    if reader.take()[:1] != '"':
        raise NftError(0, reader.text, "a comment must be in quotes", "quote it")


def _plain(word: str) -> Callable[[RuleReader], None]:
    def statement(reader: RuleReader) -> None:
        reader.at += 1
        reader.verdict([word, *([reader.take()] if word in ("jump", "goto") else [])], reader.boxes)

    return statement


def _reject(reader: RuleReader) -> None:
    reader.at += 1
    reader.require_hook("", ("input", "forward", "output", "prerouting"))
    if reader.skip("with"):
        kind = reader.take()
        if kind == "tcp":
            reader.requires(services.TCP, "", "reject with tcp reset")
            reader.narrow([((SERVICES, (services.of(services.TCP),)),)])
            reader.expect("reset")
        elif kind in ("icmp", "icmpv6", "icmpx"):
            reader.skip("type")
            reader.skip("code")
            code = reader.take()
            if code not in REJECT_CODES[kind] and not code.isdigit():
                raise NftError(0, code, f"it is not a code of {kind}", f"write {', '.join(sorted(REJECT_CODES[kind]))}")
            if kind == "icmpx" and reader.scope.family != "inet":
                raise NftError(0, reader.text, "icmpx is for tables of family inet", "write icmp or icmpv6")
            if kind != "icmpx":
                family = "ip" if kind == "icmp" else "ip6"
                reader.requires(0, family, f"reject with {kind}")
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
    """``add @set { ... }``, ``update``, ``delete``: the elements of the set change; a full set ends the rule."""
    reader.at += 1
    name = reader.take()
    inner = reader.take()
    if inner[:1] != "{" or name[:1] != "@":
        raise NotModelled("a set is changed in a way that is not modelled")
    changed = reader.named(name)
    for flag in ("constant", "interval"):
        if flag in changed.flags:
            raise NftError(0, reader.text, f"packets cannot change a set with 'flags {flag}'", "use another set")
    if re.search(r"\btimeout\s", inner) and "timeout" not in changed.flags:
        raise NftError(0, reader.text, "the set has not the flag for timeouts", "add 'flags timeout' to it")
    reader.mark_uncertain("a set that packets change decides")


def _meter(reader: RuleReader) -> None:
    reader.at += 1
    reader.take()
    if reader.skip("size"):
        reader.take()
    if reader.take()[:1] != "{":
        raise NotModelled("a meter that is not modelled")
    reader.mark_uncertain("a meter decides, by earlier packets")


def _flow(reader: RuleReader) -> None:
    reader.at += 1
    if reader.take() not in ("add", "offload"):
        raise NotModelled("a flow statement that is not modelled")
    reader.take()


def _last(reader: RuleReader) -> None:
    reader.at += 1
    if reader.skip("used"):
        reader.take()


def _redirected(reader: RuleReader) -> None:
    raise NotModelled(f"'{reader.peek()}' passes packets to something that is not modelled")


STATEMENTS: dict[str, Callable[[RuleReader], None]] = {
    **{word: _plain(word) for word in ("accept", "drop", "return", "continue", "jump", "goto")},
    "counter": _counter, "log": _log, "limit": _limit, "quota": _quota, "ct": _ct, "comment": _comment,
    "reject": _reject, "queue": _queue, "notrack": _notrack, "snat": _translation(Action.SNAT),
    "dnat": _translation(Action.DNAT), "masquerade": _translation(Action.MASQUERADE),
    "redirect": _translation(Action.REDIRECT), "add": _dynamic, "update": _dynamic, "delete": _dynamic,
    "meter": _meter, "flow": _flow, "last": _last, "tproxy": _redirected, "synproxy": _redirected,
    "dup": _redirected, "fwd": _redirected, "xt": _redirected,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReadRule:
    """The compiled rules of one rule text, in order. ``objects``: the counters, limits and quotas that it names."""

    rules: tuple[Rule, ...]
    objects: frozenset[str]


_VALUE = r'(!= )?(\{[^{}"]*\}|[\d./-]+)'
COMMON = re.compile(
    r'(?:(iifname|oifname) (\{[^{}]*\}|"[^"\\*]+") )?'
    rf"(?:ip saddr {_VALUE} )?(?:ip daddr {_VALUE} )?(?:(tcp|udp) dport ([\d-]+) )?"
    r"(?:counter (?:name ([\w-]+) )?)?(accept|drop)"
)


def _common(found: re.Match[str], text: str) -> ReadRule:
    """Fast path for rules of the most common form."""
    device, names, not_from, sources, not_to, destinations, protocol, ports, counter, verdict = found.groups()
    devices = None
    if device:
        devices = frozenset(map(values.device, values.elements(names) if names[0] == "{" else [names]))
    services_ = None
    if protocol:
        number = TRANSPORTS[protocol] << 16
        services_ = tuple((number | low, number | high) for low, high in values.intervals("port", ports))
    match = Match(
        sources=_addresses(sources, not_from),
        destinations=_addresses(destinations, not_to),
        services=services_,
        incoming=devices if device == "iifname" else None,
        outgoing=devices if device == "oifname" else None,
    )
    objects = frozenset((counter,)) if counter else frozenset()
    if match.sources == () or match.destinations == ():
        return ReadRule((), objects)
    rule = Rule(match, Action.ACCEPT if verdict == "accept" else Action.DROP, title(text))
    return ReadRule((rule,), objects)


def _addresses(text: str | None, negated: str | None) -> Intervals | None:
    if text is None:
        return None
    found = values.intervals("v4", text)
    return difference(values.WHOLE["v4"], found) if negated else found


def read(text: str, scope: Scope) -> ReadRule:
    """Reads one rule. Raises ``NftError`` for what nft rejects, ``NotModelled`` for what is not supported."""
    if scope.family != "ip6" and (common := COMMON.fullmatch(text)) and "*" not in text:
        return _common(common, text)
    reader = RuleReader(text, scope)
    tokens = reader.tokens
    while reader.at < len(tokens):
        word = tokens[reader.at]
        if reader.finished and word != "comment":
            raise NftError(0, text, "only a comment may follow a verdict", "move the verdict to the end")
        statement = STATEMENTS.get(word)
        if statement is None:
            reader.test()
        else:
            statement(reader)
    name = title(text)
    found = [
        Rule(Match(*box), action, name, "", chain, address, port)
        for boxes, (action, chain, address, port) in reader.ended
        for box in boxes
    ]
    if not reader.ended and reader.logs:
        found = [Rule(Match(*box[:UNCERTAIN]), Action.CONTINUE, name) for box in reader.boxes]
    return ReadRule(tuple(found), frozenset(reader.objects))
