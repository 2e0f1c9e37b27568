"""What nft refuses is refused, with a reason, and what it loads is read; nft itself is the judge where it is installed.

A host whose file nft refuses stands without a firewall after its next boot.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from reachability.frontends.nftables import NftError, firewall


def chain(
    *rules: str, base: str = "type filter hook input priority 0; policy drop;", family: str = "inet", top: str = ""
) -> str:
    return f"table {family} t {{\n{top}\nchain c {{\n{base}\n" + "\n".join(rules) + "\n}\n}\n"


def nat(*rules: str, hook: str = "prerouting", priority: str = "-100", family: str = "inet", top: str = "") -> str:
    return chain(*rules, base=f"type nat hook {hook} priority {priority};", family=family, top=top)


def named(type_: str, elements: str, *options: str, noun: str = "set") -> str:
    return chain(
        top=f"{noun} s {{\ntype {type_};\n{' '.join(f'{each};' for each in options)}\nelements = {{ {elements} }}\n}}"
    )


V4, PORT, BOTH = "ipv4_addr", "inet_service", "ipv4_addr . inet_service"

REFUSED = {
    "a prefix without the flag": (named(V4, "192.0.2.0/24"), "only an interval set"),
    "a prefix of one address without the flag": (named(V4, "192.0.2.1/32"), "only an interval set"),
    "a range without the flag": (named(V4, "192.0.2.1-192.0.2.9"), "only an interval set"),
    "a range of ports without the flag": (named(PORT, "8000-8100"), "only an interval set"),
    "a prefix in a concatenation without the flag": (named(BOTH, "192.0.2.0/24 . 22"), "only an interval set"),
    "overlapping intervals": (named(V4, "192.0.2.0/24, 192.0.2.128/25", "flags interval"), "overlaps with"),
    "overlapping concatenations": (
        named(BOTH, "192.0.2.0/24 . 22-30, 192.0.2.7 . 22-40", "flags interval"),
        "overlaps with",
    ),
    "overlapping ranges of a map": (
        named(f"{PORT} : {V4}", "80-90 : 1.1.1.1, 85 : 1.1.1.1", "flags interval", noun="map"),
        "overlaps with",
    ),
    "a key with two values": (named(f"{PORT} : {V4}", "80 : 1.1.1.1, 80 : 1.1.1.2", noun="map"), "has the value"),
    "a key with two verdicts": (named(f"{PORT} : verdict", "80 : accept, 80 : drop", noun="map"), "has the value"),
    "a timeout without the flag": (named(V4, "192.0.2.1 timeout 1h"), "has not the flag"),
    "more elements than the size": (named(V4, "192.0.2.1, 192.0.2.2", "size 1"), "more elements than its size"),
    "a flag that is none": (named(V4, "192.0.2.1", "flags quick"), "a flag is one of"),
    "an overlap that is added later": (
        named(V4, "10.0.0.0/8", "flags interval") + "add element inet t s { 10.1.0.0/16 }\n",
        "overlaps with",
    ),
    "a port with two verdicts": (chain("tcp dport vmap { 22 : accept, 22 : drop }"), "has the value"),
    "overlapping ports in a verdict map": (chain("tcp dport vmap { 22 : accept, 20-30 : drop }"), "overlaps with"),
    "overlapping concatenations in a rule": (
        chain("ip saddr . tcp dport { 192.0.2.0/24 . 22, 192.0.2.1 . 22 } accept"),
        "overlaps with",
    ),
    "a constant set that packets change": (
        chain("tcp dport 22 add @s { ip saddr }", top="set s {\ntype ipv4_addr; flags constant;\n}"),
        "cannot change",
    ),
    "an interval set that packets change": (
        chain("tcp dport 22 add @s { ip saddr }", top="set s {\ntype ipv4_addr; flags interval;\n}"),
        "cannot change",
    ),
    "a timeout that packets set without the flag": (
        chain("update @s { ip saddr timeout 1m }", top="set s {\ntype ipv4_addr; flags dynamic;\n}"),
        "not the flag for timeouts",
    ),
    "an address without family": (nat("tcp dport 80 dnat to 10.0.0.1"), "needs the family"),
    "an address of a map without family": (nat("dnat to tcp dport map { 80 : 10.0.0.1 }"), "needs the family"),
    "a port without protocol": (nat("dnat to 10.0.0.1:8080", family="ip"), "test of the protocol"),
    "a redirection without protocol": (nat("redirect to :80"), "test of the protocol"),
    "ports after a test for another protocol": (
        nat("meta l4proto != tcp snat ip to 192.0.2.1:1024-2000", hook="postrouting", priority="100"),
        "test of the protocol",
    ),
    "nat before connection tracking": (nat(priority="-200"), "after connection tracking"),
    "dstnat at output": (nat(hook="output", priority="dstnat"), "at prerouting only"),
    "srcnat at input": (nat(hook="input", priority="srcnat"), "at postrouting only"),
    "two policies": (chain(base="type filter hook input priority 0; policy drop; policy accept;"), "one policy"),
    "a variable defined twice": ("define a = 22\ndefine a = 23\n" + chain(), "defined once"),
    "a variable of another table": (
        "table ip t {\ndefine a = 22\n}\ntable ip u {\nchain c {\ntcp dport $a accept\n}\n}\n",
        "no such variable",
    ),
    "a field without its header": (chain("dport 22 accept"), "a field of no header"),
}  # fmt: skip

LOADED = {
    "equal intervals": named(V4, "192.0.2.0/24, 192.0.2.0/24", "flags interval"),
    "intervals beside each other": named(V4, "192.0.2.0/25, 192.0.2.128/25", "flags interval"),
    "overlaps to be merged": named(V4, "192.0.2.0/24, 192.0.2.7", "flags interval", "auto-merge"),
    "overlapping ports of a rule": chain("tcp dport { 20-30, 22 } accept"),
    "a key twice with one value": named(f"{PORT} : {V4}", "80 : 1.1.1.1, 80 : 1.1.1.1", noun="map"),
    "a verdict for the rest": chain("tcp dport vmap { 22 : accept, * : drop }"),
    "a timeout in a set with one": named(V4, "192.0.2.1 timeout 1m", "timeout 1h"),
    "as many elements as the size": named(V4, "192.0.2.1, 192.0.2.2", "size 2"),
    "a set that packets change": chain(
        "add @s { ip saddr timeout 1m }", top="set s {\ntype ipv4_addr; flags dynamic,timeout;\n}"
    ),
    "a concatenation around an earlier one": named(BOTH, "192.0.2.7 . 22, 192.0.2.0/24 . 22", "flags interval"),
    "a family by a test": nat("ip daddr 192.0.2.1 tcp dport 80 dnat to 10.0.0.1:8080"),
    "a family by another test": nat("meta nfproto ipv4 dnat to 10.0.0.1"),
    "a port after several protocols": nat("meta l4proto { tcp, udp } dnat ip to 10.0.0.1:80"),
    "a port after a negated port": nat("tcp dport != 22 redirect to :80"),
    "nat just after connection tracking": nat("tcp dport 80 redirect to :8080", priority="-199"),
    "a variable defined anew": "define a = 22\nredefine a = 23\n" + chain("tcp dport $a accept"),
    "a variable of each table": "table ip t {\ndefine a = 22\n}\ntable ip u {\ndefine a = 23\n}\n",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_nft_refuses_is_refused_with_its_reason(name: str) -> None:
    text, reason = REFUSED[name]
    with pytest.raises(NftError, match=reason):
        firewall(text)


@pytest.mark.parametrize("name", LOADED)
def test_what_nft_loads_is_read(name: str) -> None:
    firewall(LOADED[name])


@pytest.mark.lab
@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("nft") or not shutil.which("unshare"), reason="needs root and nft"
)
def test_nft_agrees() -> None:
    for name, text in {**{name: text for name, (text, _) in REFUSED.items()}, **LOADED}.items():
        command = ["unshare", "--net", "nft", "--check", "--file", "-"]
        said = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert (said.returncode != 0) is (name in REFUSED), f"{name}: {said.stderr}"
