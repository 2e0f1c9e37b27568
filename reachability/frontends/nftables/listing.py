"""The JSON of ``nft -j list ruleset`` (libnftables-json(5)), converted to rule text, which is then read.

So both forms of a ruleset have the same meaning.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from reachability.frontends.nftables.errors import NftError, NotModelled
from reachability.frontends.nftables.keys import UNQUALIFIED
from reachability.frontends.nftables.ruleset import FAMILIES, HOOKS, Base, ChainText, Ruleset, SetText, Table

DEEPEST = 60
"""The maximum nesting of expressions."""


def read(text: str) -> Ruleset:
    """The ruleset of a listing. Raises ``NftError``."""
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 0
        raise NftError(
            line, text[:60], "it must be valid JSON", "give the whole output of nft -j list ruleset"
        ) from error
    commands = document.get("nftables") if isinstance(document, dict) else None
    if not isinstance(commands, list):
        raise NftError(0, text[:60], "it must have a list 'nftables'", "give the output of nft -j list ruleset")
    ruleset = Ruleset()
    for command in commands:
        try:
            _command(ruleset, command)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, NftError):
                raise
            shown = json.dumps(command)
            raise NftError(
                0, shown, "an entry lacks a key that nft always writes", "give the unchanged output of nft"
            ) from error
    return ruleset


def _command(ruleset: Ruleset, command: Mapping[str, Any]) -> None:
    if not isinstance(command, dict) or len(command) != 1:
        raise NftError(0, json.dumps(command), "an entry is an object with one key", "give the output of nft")
    ((what, given),) = command.items()
    if what in ("add", "create", "insert"):
        ((what, given),) = given.items()
        if command.get("insert") is not None:
            ruleset.unmodelled.append(f"the command {json.dumps(command)[:80]} is not modelled")
            return
    match what:
        case "counter" | "quota" | "limit":
            _known(ruleset, given).objects |= {given["name"]}
        case "metainfo" | "flowtable" | "ct timeout" | "secmark" | "synproxy":
            return
        case "table":
            table = _table(ruleset, given["family"], given["name"])
            flags = given.get("flags", ())
            table.dormant = "dormant" in ([flags] if isinstance(flags, str) else flags)
        case "chain":
            _chain(ruleset, given)
        case "rule":
            _rule(ruleset, given)
        case "set" | "map":
            _set(ruleset, given, is_map=what == "map")
        case "element":
            made = _known(ruleset, given).sets[given["name"]]
            made.elements += [_element(each, 0) for each in _several(given["elem"])]
        case "ct helper" | "ct expectation":
            ruleset.unmodelled.append("connection tracking helpers open connections that no rule names")
        case "flush":
            if "ruleset" not in given:
                ruleset.unmodelled.append(f"the command {json.dumps(command)[:80]} is not modelled")
            ruleset.tables.clear()
        case _:
            ruleset.unmodelled.append(f"the entry {json.dumps(command)[:80]} is not modelled")


def _table(ruleset: Ruleset, family: str, name: str) -> Table:
    if family not in FAMILIES:
        raise NftError(0, str(family), f"a family is one of {', '.join(FAMILIES)}", "give the output of nft")
    return ruleset.tables.setdefault((family, str(name)), Table(family, str(name)))


def _known(ruleset: Ruleset, given: Mapping[str, Any]) -> Table:
    table = ruleset.tables.get((given["family"], given["table"]))
    if table is None:
        raise NftError(0, f"{given['family']} {given['table']}", "there is no such table", "give the whole listing")
    return table


def _chain(ruleset: Ruleset, given: Mapping[str, Any]) -> None:
    base = None
    if "hook" in given:
        if given["hook"] not in (*HOOKS, "ingress", "egress") or given["type"] not in ("filter", "nat", "route"):
            raise NftError(
                0, json.dumps(given), "a base chain has a type and a hook that nft knows", "give the output of nft"
            )
        base = Base(given["type"], given["hook"], int(given["prio"]), given.get("policy", "accept") == "drop")
    chain = ChainText(str(given["name"]), base, (), 0, ruleset.next_number())
    _known(ruleset, given).chains[chain.name] = chain


def _rule(ruleset: Ruleset, given: Mapping[str, Any]) -> None:
    chain = _known(ruleset, given).chains.get(given["chain"])
    if chain is None:
        raise NftError(0, str(given["chain"]), "a rule of a chain that is not listed", "give the whole listing")
    handle = -int(given.get("handle", 1))
    try:
        text = " ".join(_statement(each) for each in given["expr"])
    except NotModelled as reason:
        ruleset.unmodelled.append(f"handle {-handle}: {json.dumps(given['expr'])[:160]}: {reason}")
        return
    if given.get("comment"):
        text += f' comment "{given["comment"]}"'
    chain.add(text, handle)


def _set(ruleset: Ruleset, given: Mapping[str, Any], *, is_map: bool) -> None:
    flags = frozenset(_several(given.get("flags", ())))
    if "size" in given and not given.get("elem") and not is_map:
        flags |= {"dynamic"}  # nft 1.0.6 leaves this flag out of its JSON
    flags |= {"timeout"} if "timeout" in given else frozenset()
    made = SetText(str(given["name"]), is_map, [], flags, "timeout" in given)
    made.type = " . ".join(str(each) for each in _several(given["type"])) if "type" in given else ""
    if "map" in given:
        made.type += f" : {given['map']}"
    for each in _several(given.get("elem", ())):
        if isinstance(each, dict) and "elem" in each and ("timeout" in each["elem"] or "expires" in each["elem"]):
            made.timeout = True
        made.elements.append(_element(each, 0))
    if is_map is False and "map" in given:
        made.is_map = True
    _known(ruleset, given).sets[made.name] = made


def _several(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]


# Expressions.


def _element(given: Any, depth: int) -> str:
    """An element of a set, or key and datum of a map."""
    if isinstance(given, list) and len(given) == 2:
        datum = given[1]
        if isinstance(datum, dict) and set(datum) & VERDICTS.keys():
            return f"{_element(given[0], depth)} : {_statement(datum)}"
        return f"{_element(given[0], depth)} : {_expression(datum, depth + 1)}"
    if isinstance(given, dict) and "elem" in given:
        return _element(given["elem"]["val"], depth + 1)
    return _expression(given, depth + 1)


def _expression(given: Any, depth: int = 0) -> str:
    """An expression as nft writes it. Raises ``NotModelled``."""
    if depth > DEEPEST:
        raise NftError(0, "…", f"expressions must be nested at most {DEEPEST} deep", "give the output of nft")
    if isinstance(given, bool):
        return "exists" if given else "missing"
    if isinstance(given, int):
        return str(given)
    if isinstance(given, str):
        return (
            given
            if given[:1] in ("@", "*", '"') or (given and given.isprintable() and not set(given) & _QUOTED)
            else f'"{given}"'
        )
    if isinstance(given, list):
        return ",".join(_expression(each, depth + 1) for each in given)
    if not isinstance(given, dict) or len(given) != 1:
        raise NotModelled("an expression that is not modelled")
    ((what, inner),) = given.items()
    if what in OPERATORS:
        return f" {what} ".join(_operand(each, depth + 1, what) for each in _several(inner))
    form = EXPRESSIONS.get(what)
    if form is None:
        raise NotModelled(f"{what!r} is not a supported expression")
    return form(inner, depth + 1)


_QUOTED = set(' \t\n"{};,()')
OPERATORS = frozenset({"|", "^", "&", "<<", ">>"})


def _operand(given: Any, depth: int, within: str) -> str:
    text = _expression(given, depth)
    if within == "|" and isinstance(given, dict) and "|" in given:
        return text
    return (
        f"({text.replace(',', ' | ')})"
        if isinstance(given, list) or (isinstance(given, dict) and set(given) & OPERATORS)
        else text
    )


def _payload(given: Mapping[str, Any], depth: int) -> str:
    del depth
    if "base" in given:
        return f"@{given['base']},{given['offset']},{given['len']}"
    return f"{given['protocol']} {given['field']}"


def _tracking(given: Mapping[str, Any], depth: int) -> str:
    del depth
    words = [
        "ct",
        *([given["dir"]] if "dir" in given else []),
        *([given["family"]] if "family" in given else []),
        given["key"],
    ]
    return " ".join(words)


def _fib(given: Mapping[str, Any], depth: int) -> str:
    del depth
    return f"fib {' . '.join(_several(given['flags']))} {given['result']}"


def _numgen(given: Mapping[str, Any], depth: int) -> str:
    del depth
    return f"numgen {given['mode']} mod {given['mod']} offset {given.get('offset', 0)}"


def _hash(given: Mapping[str, Any], depth: int) -> str:
    text = f"jhash {_expression(given['expr'], depth)} mod {given['mod']}"
    return (
        text
        + (f" seed {given['seed']}" if "seed" in given else "")
        + (f" offset {given['offset']}" if given.get("offset") else "")
    )


def _set_of(given: Any, depth: int) -> str:
    if isinstance(given, str):
        return given
    return "{ " + ", ".join(_element(each, depth) for each in _several(given)) + " }"


def _map_of(given: Mapping[str, Any], depth: int) -> str:
    data = given["data"]
    return f"{_expression(given['key'], depth)} map {data if isinstance(data, str) else _expression(data, depth)}"


def _option(name: str) -> Callable[[Mapping[str, Any], int], str]:
    def form(given: Mapping[str, Any], depth: int) -> str:
        del depth
        return f"{name} option {given['name']}" + (f" {given['field']}" if "field" in given else "")

    return form


EXPRESSIONS: dict[str, Callable[[Any, int], str]] = {
    "payload": _payload,
    "meta": lambda given, depth: given["key"] if given["key"] in UNQUALIFIED else f"meta {given['key']}",
    "ct": _tracking,
    "fib": _fib,
    "prefix": lambda given, depth: f"{_expression(given['addr'], depth)}/{given['len']}",
    "range": lambda given, depth: "-".join(_expression(each, depth) for each in given),
    "concat": lambda given, depth: " . ".join(_expression(each, depth) for each in given),
    "set": _set_of,
    "elem": lambda given, depth: _element(given["val"], depth),
    "map": _map_of,
    "numgen": _numgen,
    "jhash": _hash,
    "symhash": lambda given, depth: f"symhash mod {given['mod']}",
    "rt": lambda given, depth: f"rt {given['key']}",
    "socket": lambda given, depth: f"socket {given['key']}",
    "osf": lambda given, depth: f"osf {given['key']}",
    "tcp option": _option("tcp"),
    "ip option": _option("ip"),
    "sctp chunk": lambda given, depth: f"sctp chunk {given['name']}",
    "exthdr": lambda given, depth: f"exthdr {given['name']}",
}


# Statements.


def _match(given: Mapping[str, Any]) -> str:
    left, right, operator = _expression(given["left"]), given["right"], given["op"]
    if left in DEVICES:
        right = _quoted(right)
    written = _expression(right)
    if isinstance(right, dict) and set(right) == {"set"} and isinstance(right["set"], str):
        written = right["set"]
    return (
        f"{left} {written}"
        if operator in ("==", "in") and not _is_bits(operator, right)
        else f"{left} {operator} {written}"
    )


DEVICES = ("iif", "oif", "iifname", "oifname")


def _quoted(given: Any) -> Any:
    """Names of interfaces, quoted like nft's output."""
    if isinstance(given, str):
        return given if given[:1] == "@" else f'"{given}"'
    if isinstance(given, dict) and isinstance(given.get("set"), list):
        return {"set": [_quoted(each) for each in given["set"]]}
    return given


def _is_bits(operator: str, right: Any) -> bool:
    """Whether a comparison is with several bits: then ``==`` must be written, or the meaning differs."""
    return operator == "==" and (isinstance(right, list) or (isinstance(right, dict) and "|" in right))


def _translation(word: str) -> Callable[[Any], str]:
    def form(given: Any) -> str:
        if not given:
            return word
        text = word
        family = given.get("family")
        if family:
            text += f" {family}"
        if "prefix" in _several(given.get("type_flags", ())):
            text += " prefix"
        address, port = given.get("addr"), given.get("port")
        if address is not None:
            written = _expression(address)
            if port is not None and ":" in written and not isinstance(address, dict):
                written = f"[{written}]"
            elif port is not None and isinstance(address, dict) and ":" in written and "range" in address:
                written = "-".join(f"[{_expression(each)}]" for each in address["range"])
            text += f" to {written}" + (f":{_expression(port)}" if port is not None else "")
        elif port is not None:
            text += f" to {'' if isinstance(port, dict) and 'map' in port else ':'}{_expression(port)}"
        flags = [each for each in _several(given.get("flags", ())) if each != "netmap"]
        return text + (f" {','.join(flags)}" if flags else "")

    return form


def _limit(given: Any) -> str:
    if isinstance(given, str) or "map" in given or "rate" not in given:
        return f"limit name {_named(given)}"
    unit = given.get("rate_unit", "packets")
    rate = f"{given['rate']}/{given['per']}" if unit == "packets" else f"{given['rate']} {unit}/{given['per']}"
    return f"limit rate {'over ' if given.get('inv') else ''}{rate}"


def _named(given: Any) -> str:
    return f'"{given}"' if isinstance(given, str) else _expression(given)


def _counter(given: Any) -> str:
    if given is None or (isinstance(given, dict) and "packets" in given):
        return "counter"
    return f"counter name {_named(given)}"


def _quota(given: Any) -> str:
    if isinstance(given, dict) and "val" in given:
        return f"quota {'over ' if given.get('inv') else ''}{given['val']} {given.get('val_unit', 'bytes')}"
    return f"quota name {_named(given)}"


def _log(given: Any) -> str:
    text = "log"
    for name in ("prefix", "level", "group", "snaplen", "queue-threshold"):
        if given and name in given:
            text += f' {name} "{given[name]}"' if name == "prefix" else f" {name} {given[name]}"
    return text


def _reject(given: Any) -> str:
    if not given:
        return "reject"
    kind = given["type"]
    if kind == "tcp reset":
        return "reject with tcp reset"
    if given.get("expr") == "port-unreachable" and kind in ("icmp", "icmpv6", "icmpx"):
        return f"reject with {kind} port-unreachable"
    return f"reject with {kind} {_expression(given['expr'])}" if "expr" in given else f"reject with {kind}"


def _mangle(given: Mapping[str, Any]) -> str:
    return f"{_expression(given['key'])} set {_expression(given['value'])}"


def _dynamic(given: Mapping[str, Any]) -> str:
    return f"{given['op']} {given['set']} {{ {_expression(given['elem'])} }}"


def _not_known(word: str) -> Callable[[Any], str]:
    def form(given: Any) -> str:
        del given
        return word

    return form


VERDICTS: dict[str, Callable[[Any], str]] = {
    "accept": _not_known("accept"),
    "drop": _not_known("drop"),
    "return": _not_known("return"),
    "continue": _not_known("continue"),
    "jump": lambda given: f"jump {given['target']}",
    "goto": lambda given: f"goto {given['target']}",
}
STATEMENTS: dict[str, Callable[[Any], str]] = {
    **VERDICTS,
    "match": _match,
    "vmap": lambda given: (
        f"{_expression(given['key'])} vmap "
        + (given["data"] if isinstance(given["data"], str) else _expression(given["data"]))
    ),
    "counter": _counter,
    "log": _log,
    "limit": _limit,
    "quota": _quota,
    "reject": _reject,
    "mangle": _mangle,
    "set": _dynamic,
    "map": _dynamic,
    "meter": lambda given: f"meter {given['name']} {{ {_expression(given['key'])} }}",
    "ct count": lambda given: f"ct count {'over ' if given.get('inv') else ''}{given['val']}",
    "ct timeout": lambda given: "ct timeout set x",
    "snat": _translation("snat"),
    "dnat": _translation("dnat"),
    "masquerade": _translation("masquerade"),
    "redirect": _translation("redirect"),
    "notrack": _not_known("notrack"),
    "queue": _not_known("queue"),
    "flow": lambda given: f"flow {given['op']} {given['flowtable']}",
    "last": _not_known("last"),
    "comment": lambda given: f'comment "{given}"',
}


def _statement(given: Any) -> str:
    if isinstance(given, str):
        return given
    if not isinstance(given, dict) or len(given) != 1:
        raise NotModelled("a statement that is not modelled")
    ((what, inner),) = given.items()
    form = STATEMENTS.get(what)
    if form is None:
        raise NotModelled(f"{what!r} is not a supported statement")
    return form(inner)
