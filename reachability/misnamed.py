"""Errors for a text in a question that is neither a name nor an address: value, rule, reason and fix.

Known mistakes: a misspelt address, a name with a port, a URL, several names, a word for everything, a netmask, a range
of addresses, another case.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from ipaddress import IPv4Network
from itertools import zip_longest

from reachability.addresses import AddressError, block, texts
from reachability.network import INTERNET

NUMBERS = re.compile(r"[0-9]+(\.[0-9]*)+")
V6 = re.compile(r"([0-9A-Za-z]{0,4}:){2,}[0-9A-Za-z:.]*")
PORT = re.compile(r"(?P<host>.+?):(?P<port>[0-9]{1,5})")
URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>[^/:]+|\[[^]]+\])(:(?P<port>[0-9]+))?(/.*)?")
RANGE = re.compile(r"(?P<low>[0-9.]+)\s*-\s*(?P<high>[0-9.]+)")
CLOUD_ID = re.compile(r"(i|eni|subnet|vpc|sg|igw|nat|rtb|acl|tgw|pcx|vpce|eipalloc|lb)-[0-9a-f]{8,17}|arn:[a-z-]+:.+")
PORTS = {"http": 80, "https": 443, "ssh": 22, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "redis": 6379}
EVERYTHING = frozenset({"*", "any", "all", "everything", "everyone", "anywhere", "anyone"})
OUTSIDE = frozenset({"world", "public", "www", "wan", "external", "outside", "the internet"})
ITSELF = frozenset({"localhost", "self", "me"})
LISTED = 12
"""The maximum number of names that an error lists."""


def explained(given: str, known: Collection[str]) -> str:
    """The error for a text that names nothing. ``known``: the names that can be asked about."""
    return _mistake(given, known) or (
        f"{given!r} is not a host, resource id, URN, name or CIDR of this estate, nor 'internet'; {_hint(given, known)}"
    )


def _hint(given: str, known: Collection[str]) -> str:
    close = get_close_matches(given, known, n=3, cutoff=0.4)
    if close:
        return f"did you mean {' or '.join(close)}?"
    names = sorted(known)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"there are {', '.join(names[:LISTED]) or 'none'}{more}"


def _wrong(given: str, rule: str, reason: str, fix: str) -> str:
    return f"{given!r}: {rule}, because {reason}; {fix}"


def _mistake(given: str, known: Collection[str]) -> str | None:
    plain = given.strip()
    alike = [name for name in known if name.casefold() == plain.casefold()]
    if alike and given:
        return _wrong(given, "must be written exactly", "names differ by case and spaces", f"write {alike[0]!r}")
    if plain.casefold() in OUTSIDE:
        return _wrong(
            given, f"must be {INTERNET!r}", "all public addresses outside are one sender", f"write {INTERNET!r}"
        )
    if plain.casefold() in EVERYTHING:
        return _wrong(
            given,
            "must name one thing",
            "an answer is about one sender and one receiver",
            "ask for every pair with --all-pairs, or name a CIDR block",
        )
    if plain.casefold() in ITSELF:
        return _wrong(
            given,
            "must be a host of the estate",
            "what a machine sends to itself does not leave it",
            f"write the host's name; {_hint('', known)}",
        )
    if "," in plain:
        return _wrong(
            given,
            "must name one thing",
            "an answer is about one sender and one receiver",
            "ask for each by itself, or for every pair with --all-pairs",
        )
    return _of_another_stack(given, plain) or _with_port(given, plain) or _address(given, plain)


def _with_port(given: str, plain: str) -> str | None:
    found = URL.fullmatch(plain)
    if found is None and plain.count(":") == 1:
        found = PORT.fullmatch(plain)
    if found is None:
        return None
    parts = found.groupdict()
    port = parts["port"] or PORTS.get(parts.get("scheme") or "")
    udp = parts.get("scheme") == "udp"
    service = f" with --protocol {'udp' if udp else 'tcp'} --port {port}" if port else ""
    return _wrong(
        given,
        "must be a host without a port" if parts["port"] else "must be a host",
        "protocol and port are asked for by options",
        f"write {parts['host'].strip('[]')!r}{service}",
    )


def _of_another_stack(given: str, plain: str) -> str | None:
    if CLOUD_ID.fullmatch(plain) is None:
        return None
    return _wrong(
        given,
        "must be among the resources",
        "only these are known",
        "ask about one of them, or give the state of the stack that has it with --state",
    )


def _address(given: str, plain: str) -> str | None:
    """What is wrong with an address or a CIDR block."""
    found = RANGE.fullmatch(plain)
    if found is not None and "." in found["low"]:
        return _wrong(given, "must be an address or a CIDR block", "a range is neither", _as_blocks(found))
    address, slash, prefix = plain.partition("/")
    if NUMBERS.fullmatch(address):
        return _v4(given, address, prefix if slash else None)
    if V6.fullmatch(address.partition("%")[0]):
        return _v6(given, address, prefix if slash else None)
    return None


def _as_blocks(found: re.Match[str]) -> str:
    low, high = found["low"], found["high"]
    if "." not in high:
        high = f"{low.rpartition('.')[0]}.{high}"
    try:
        blocks = texts(((block(low)[0], block(high)[0]),))
    except AddressError:
        blocks = []
    return f"ask about each of {', '.join(blocks)}" if 0 < len(blocks) <= LISTED else "write for example 10.0.1.0/28"


def _v4(given: str, address: str, prefix: str | None) -> str:
    parts = address.split(".")
    for part in parts:
        if part and int(part) > 255:
            reason, fix = "each part of an IPv4 address is one byte", f"write another number instead of {part}"
            return _wrong(given, f"{part} must be a number from 0 to 255", reason, fix)
    if len(parts) != 4 or not all(parts):
        count = sum(map(bool, parts))
        padded = [part or "0" for part, _ in zip_longest(parts[:4], range(4), fillvalue="0")]
        example = ".".join(padded) + ("" if count >= 4 else f"/{8 * count}")
        fix = f"write for example {example}"
        return _wrong(given, "must have four numbers", f"an IPv4 address has four, and this has {count}", fix)
    if any(len(part) > 1 and part[0] == "0" for part in parts):
        fix = f"write {'.'.join(str(int(part)) for part in parts)}"
        return _wrong(given, "must have no leading zeros", "some programs read such numbers as octal", fix)
    return _prefix(given, address, prefix, 32)


def _v6(given: str, address: str, prefix: str | None) -> str:
    if "%" in address:
        fix = f"write {address.partition('%')[0]}"
        return _wrong(given, "must have no zone", "a zone is the name of an interface on one host", fix)
    try:
        block(address)
    except AddressError:
        rule = "must be eight groups of up to four hexadecimal digits, with '::' for zeros at most once"
        return _wrong(given, rule, "that is how IPv6 addresses are written", "write for example 2001:db8::1")
    return _prefix(given, address, prefix, 128)


def _prefix(given: str, address: str, prefix: str | None, bits: int) -> str:
    if bits == 32 and prefix is not None and NUMBERS.fullmatch(prefix):
        return _wrong(
            given,
            "must have a prefix length",
            "blocks are written in CIDR notation",
            f"write {_masked(address, prefix)}",
        )
    rule = f"the prefix length must be a number from 0 to {bits}"
    return _wrong(given, rule, f"the address has {bits} bits", f"write for example {address}/{bits}")


def _masked(address: str, mask: str) -> str:
    """The block of an address and a netmask or wildcard mask; an example if the mask is neither."""
    try:
        return str(IPv4Network(f"{address}/{mask}", strict=False))
    except ValueError:
        return "for example 10.0.1.0/24"


def shortest(names: Iterable[str]) -> str:
    """The shortest of a thing's names; an ARN or URN only if it has no other."""
    return min(names, key=lambda name: (name.startswith(("arn:", "urn:")), len(name), name))
