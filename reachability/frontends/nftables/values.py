"""Values in rules, as sets of points: addresses on their axis, ports, protocols, ICMP types, interfaces, states.

The names are those of nft (``nft describe``), of /etc/protocols and of /etc/services as Debian ships them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from reachability import addresses, services
from reachability.addresses import ALL_V4, ALL_V6, Intervals
from reachability.frontends.nftables.errors import NftError, NotModelled

PROTOCOLS = {
    **services.NUMBERS, "ip": 0, "hopopt": 0, "ggp": 3, "ipencap": 4, "st": 5, "egp": 8, "igp": 9, "dccp": 33,
    "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "rsvp": 46, "skip": 57, "ipv6-nonxt": 59, "ipv6-opts": 60,
    "eigrp": 88, "ospf": 89, "encap": 98, "pim": 103, "ipcomp": 108, "comp": 108, "l2tp": 115, "mobility-header": 135,
    "mpls-in-ip": 137, "hip": 139, "shim6": 140,
}  # fmt: skip
SERVICES = {
    "echo": 7, "discard": 9, "daytime": 13, "chargen": 19, "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23,
    "smtp": 25, "time": 37, "whois": 43, "tacacs": 49, "domain": 53, "bootps": 67, "bootpc": 68, "tftp": 69,
    "http": 80, "www": 80, "kerberos": 88, "pop3": 110, "sunrpc": 111, "nntp": 119, "ntp": 123, "netbios-ns": 137,
    "netbios-dgm": 138, "netbios-ssn": 139, "imap2": 143, "imap": 143, "snmp": 161, "snmp-trap": 162,
    "snmptrap": 162, "bgp": 179, "irc": 194, "ldap": 389, "https": 443, "microsoft-ds": 445, "isakmp": 500,
    "syslog": 514, "dhcpv6-client": 546, "dhcpv6-server": 547, "submission": 587, "ldaps": 636,
    "domain-s": 853, "rsync": 873, "imaps": 993, "pop3s": 995, "openvpn": 1194, "ms-sql-s": 1433, "radius": 1812,
    "nfs": 2049, "mysql": 3306, "ipsec-nat-t": 4500, "sip": 5060, "mdns": 5353, "postgresql": 5432, "x11": 6000,
    "http-alt": 8080,
}  # fmt: skip
ICMP_TYPES = {
    "echo-reply": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8,
    "router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "parameter-problem": 12,
    "timestamp-request": 13, "timestamp-reply": 14, "info-request": 15, "info-reply": 16,
    "address-mask-request": 17, "address-mask-reply": 18,
}  # fmt: skip
ICMPV6_TYPES = {
    "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4,
    "echo-request": 128, "echo-reply": 129, "mld-listener-query": 130, "mld-listener-report": 131,
    "mld-listener-done": 132, "mld-listener-reduction": 132, "nd-router-solicit": 133, "nd-router-advert": 134,
    "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136, "nd-redirect": 137, "router-renumbering": 138,
    "ind-neighbor-solicit": 141, "ind-neighbor-advert": 142, "mld2-listener-report": 143,
}  # fmt: skip
ICMP_CODES = {
    "net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2, "port-unreachable": 3, "frag-needed": 4,
    "net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13,
}  # fmt: skip
ICMPV6_CODES = {
    "no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4, "policy-fail": 5,
    "reject-route": 6,
}  # fmt: skip
NAMES = {
    "port": SERVICES, "protocol": PROTOCOLS, "icmp type": ICMP_TYPES, "icmpv6 type": ICMPV6_TYPES,
    "icmp code": ICMP_CODES, "icmpv6 code": ICMPV6_CODES, "family": {"ipv4": 2, "ipv6": 10},
    "frame": {"ip": 0x0800, "ip6": 0x86DD, "arp": 0x0806, "vlan": 0x8100, "8021q": 0x8100, "8021ad": 0x88A8},
}  # fmt: skip
BOUNDS = {
    "port": 65535, "protocol": 255, "icmp type": 255, "icmpv6 type": 255, "icmp code": 255, "icmpv6 code": 255,
    "family": 255, "frame": 65535,
}  # fmt: skip
WHOLE: dict[str, Intervals] = {
    "v4": (ALL_V4,),
    "v6": (ALL_V6,),
    **{kind: ((0, bound),) for kind, bound in BOUNDS.items()},
}
"""All values of each kind."""

STATES = frozenset({"new", "established", "related", "invalid", "untracked"})

OPTIONS = re.compile(
    r'\s+(?:timeout\s+\S+|expires\s+\S+|comment\s+"[^"]*"|counter(?:\s+packets\s+\d+\s+bytes\s+\d+)?|last\s+used\s+\S+)'
)
"""The options of an element of a set."""

SPLIT = re.compile(r'((?:[^",]|"[^"]*")*)(?:,|\Z)')
_HOST_NAME = re.compile(r"[A-Za-z][\w.-]*\Z")


def _number(kind: str, text: str) -> int:
    number = NAMES[kind].get(text)
    if number is None:
        try:
            number = int(text, 16) if text[:2] in ("0x", "0X") else int(text)
        except ValueError as error:
            if _HOST_NAME.match(text):
                raise NotModelled(
                    f"the {kind} {text!r} is a name that the host resolves when it loads the rule"
                ) from error
            raise NftError(0, text, f"it is not a {kind}", "write a number or a name that nft knows") from error
        if not 0 <= number <= BOUNDS[kind]:
            raise NftError(0, text, f"a {kind} is at most {BOUNDS[kind]}", "correct the number")
    return number


def _address(kind: str, text: str) -> tuple[int, int]:
    try:
        low, high = addresses.block(text)
    except addresses.AddressError as error:
        if _HOST_NAME.match(text) and not re.fullmatch(r"[0-9a-fA-F.:]+", text):
            raise NotModelled(
                f"the address {text!r} is a name that the host resolves when it loads the rule"
            ) from error
        raise NftError(
            0, text, "it is not an address or block", "write 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32"
        ) from error
    if (low >= addresses.V6) is (kind == "v4"):
        raise NftError(0, text, f"an IP{kind} address is expected here", f"write an IP{kind} address")
    return low, high


def _ends(kind: str, text: str) -> tuple[str, str, str]:
    """The ends of a range; names may contain dashes themselves."""
    names = NAMES[kind]
    for found in re.finditer("-", text) if text.count("-") > 1 else ():
        low, high = text[: found.start()].strip(), text[found.end() :].strip()
        if (low in names or low.isdigit()) and (high in names or high.isdigit()):
            return low, "-", high
    return text.partition("-")


def element(kind: str, text: str) -> tuple[int, int]:
    """One value, prefix or range as an interval. Raises ``NftError``, ``NotModelled``."""
    if text[:1] == '"':
        text = text[1:-1]
    if kind in ("v4", "v6"):
        low, dash, high = text.partition("-")
        if not dash:
            return _address(kind, text)
        first, last = _address(kind, low.strip())[0], _address(kind, high.strip())[1]
    else:
        if text in NAMES[kind]:
            return (NAMES[kind][text],) * 2
        low, dash, high = _ends(kind, text)
        first = _number(kind, low.strip())
        last = _number(kind, high.strip()) if dash else first
    if first > last:
        raise NftError(0, text, "a range must begin with its lower end", "swap the ends")
    return first, last


def elements(text: str) -> list[str]:
    """The elements of ``{ ... }``, without their options. Raises ``NftError`` where one is empty."""
    inner = text.strip()[1:-1].strip()
    if not inner:
        return []
    parts = SPLIT.findall(inner)[:-1] if '"' in inner else inner.split(",")
    if not parts[-1].strip():
        parts.pop()
    found = [part.strip() for part in parts]
    if not all(found):
        raise NftError(0, text, "a set must have an element between commas", "remove the comma")
    return [OPTIONS.sub("", each).strip() if " " in each or "\t" in each else each for each in found]


@lru_cache(maxsize=1 << 16)
def intervals(kind: str, text: str) -> Intervals:
    """One value or an anonymous set ``{ ... }`` as intervals. Raises ``NftError``, ``NotModelled``."""
    if text[:1] == "{":
        return addresses.union([element(kind, each) for each in elements(text)])
    return (element(kind, text),)


def device(text: str) -> str:
    """The name of an interface, without quotes; a trailing ``*`` matches any suffix."""
    name = text[1:-1] if text[:1] == '"' else text
    if not name:
        raise NotModelled("a set of interface patterns is listed by nft without its content")
    if "\\" in name:
        raise NotModelled(f"the interface {name!r} has a character with a special meaning in patterns")
    if len(name) > 15 + name.endswith("*"):
        raise NftError(0, name, "the name of an interface has at most 15 characters", "shorten it")
    return name


def state(text: str) -> str:
    """A connection tracking state. Raises ``NftError``."""
    if text not in STATES:
        raise NftError(0, text, f"it is not a connection tracking state ({', '.join(sorted(STATES))})", "correct it")
    return text
