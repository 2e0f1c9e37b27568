"""Random rulesets over the whole grammar that the prover accepts, and packets at the boundaries of their rules."""

from __future__ import annotations

from random import Random

from reachability import services
from reachability.addresses import address
from verification.kernel.frames import Sent
from verification.kernel.router import ADDRESSES, LOCAL

V4 = [
    "10.1.0.9", "10.1.0.10", "10.1.0.200", "10.2.0.9", "10.2.0.77", "10.9.3.4", "10.9.128.1", "192.0.2.7",
    "198.51.100.20", "203.0.113.5", "172.16.5.6", "8.8.8.8",
]  # fmt: skip
V6_ = [
    "2001:db8:1::9", "2001:db8:1::a", "2001:db8:1:0:8000::5", "2001:db8:2::9", "2001:db8:2::77", "2001:db8:9:3::4",
    "2001:db8:9:8000::1", "2001:db8:ffff::7", "2606:4700::1111", "fd00::5",
]  # fmt: skip
OWN = [pair[0] for pair in ADDRESSES.values()]
OWN_V6 = [pair[1] for pair in ADDRESSES.values()]
BLOCKS = ["10.1.0.0/24", "10.1.0.8/30", "10.0.0.0/8", "10.2.0.0/25", "10.9.0.0/17", "192.0.2.0/24", "0.0.0.0/1",
          "198.51.100.0/24", "172.16.0.0/12", "10.1.0.1/32"]  # fmt: skip
BLOCKS_V6 = ["2001:db8:1::/64", "2001:db8:1::8/126", "2001:db8::/32", "2001:db8:9::/49", "2000::/3", "fd00::/8",
             "2001:db8:ffff::/48", "2001:db8:2::/64"]  # fmt: skip
RANGES = [
    "10.1.0.9-10.1.0.10",
    "10.0.0.0-10.2.0.9",
    "10.9.3.4-10.9.128.1",
    "172.16.0.0-203.0.113.5",
    "8.8.8.8-10.1.0.1",
]
RANGES_V6 = ["2001:db8:1::9-2001:db8:1::a", "2001:db8:1::-2001:db8:2::9", "2001:db8:9::-2606:4700::1111"]
PORTS = ["22", "53", "80", "443", "1023", "1024", "8080", "26656", "26657", "65535", "0", "1"]
PORT_RANGES = ["1-1023", "1024-65535", "80-443", "0-22", "8080-26656", "26656-26660", "443-32767"]
CLIENT_PORTS = [67, 68, 80, 1023, 1024, 32768, 40000, 45000, 60999, 61000]
DEVICES = list(ADDRESSES)
TRANSPORTS = ["tcp", "udp", "tcp", "udp", "tcp", "udp", "sctp", "dccp", "udplite"]
ICMP = ["echo-request", "echo-reply", "destination-unreachable", "redirect", "time-exceeded", "parameter-problem",
        "timestamp-request", "router-advertisement", "17", "30"]  # fmt: skip
ICMPV6 = ["echo-request", "echo-reply", "destination-unreachable", "packet-too-big", "nd-neighbor-solicit",
          "nd-neighbor-advert", "nd-router-advert", "mld-listener-query", "mld2-listener-report", "139",
          "200"]  # fmt: skip
ICMP_NUMBERS = [8, 8, 8, 0, 3, 5, 11, 12, 13, 9, 17, 30]
ICMPV6_NUMBERS = [128, 128, 128, 129, 1, 2, 135, 136, 134, 130, 143, 139, 200]
PROTOCOLS = ["tcp", "udp", "icmp", "esp", "112", "sctp", "47"]
PROTOCOLS_V6 = ["tcp", "udp", "ipv6-icmp", "esp", "112", "sctp", "47"]
STATES = ["new", "established", "related", "invalid", "untracked"]
TRACKED_BY_PORT = (1, 6, 17, 132, 136)
"""Whose connections Linux tells apart by port or ICMP id; new kernels no longer know DCCP."""
PRIORITIES = {  # of filters: never that of translation, where what was loaded first decides
    "prerouting": ["raw", "mangle", "filter", "dstnat + 2", "-250", "dstnat - 1", "dstnat + 1", "-199", "50"],
    "input": ["filter", "mangle", "security", "filter - 10", "5"],
    "forward": ["filter", "mangle", "security", "filter + 10", "0"],
    "output": ["filter", "raw", "mangle", "-99", "-101", "-250", "10"],
    "postrouting": ["filter", "mangle", "srcnat + 2", "srcnat + 1", "srcnat - 1", "300"],
}


class Generator:
    """``loose``: rules that the prover can only over-approximate (limits, marks, users) may occur."""

    def __init__(self, rng: Random, *, loose: bool = False) -> None:
        self.rng = rng
        self.loose = loose
        self.several = False
        self.translates = False

    def ruleset(self) -> str:
        """The text of a script."""
        rng = self.rng
        lines = ["flush ruleset"]
        self.defines = {}
        if rng.random() < 0.3:
            self.defines = {"v4": "$some", "v6": "$some6", "port": "$ports"}
            lines += [
                f"define some = {self._set('v4')}",
                f"define some6 = {self._set('v6')}",
                f"define ports = {{ {', '.join(sorted(set(rng.sample(PORTS, 3))))} }}",
            ]
        families = rng.choice(
            [["inet"], ["inet"], ["inet"], ["ip", "ip6"], ["ip"], ["ip6"], ["inet", "ip"], ["inet", "inet", "ip6"]]
        )
        for number, family in enumerate(families):
            lines += self._table(family, f"t{number}")
        return "\n".join(lines) + "\n"

    def _table(self, family: str, name: str) -> list[str]:
        rng = self.rng
        self.family = family
        self.versions = {"inet": ["v4", "v6"], "ip": ["v4"], "ip6": ["v6"]}[family]
        self.sets: dict[str, list[tuple[str, ...]]] = {}
        self.maps: list[tuple[str, tuple[str, ...]]] = []
        lines = [f"table {family} {name} {{"]
        for number in range(rng.choice([0, 0, 1, 2, 3])):
            lines += self._named_set(f"s{number}")
        chains = [f"c{number}" for number in range(rng.choice([0, 1, 2, 3]))]
        self.callable: list[str] = []
        if chains and rng.random() < 0.4:
            lines += self._verdict_map_of_table("vm", chains)
        if rng.random() < 0.2:
            lines.append("\tcounter hits {\n\t}")
            self.counter = "counter name hits "
        else:
            self.counter = "counter "
        self.nat = False
        self.hook = ""
        made = []
        for chain in reversed(chains):
            body = [f"\tchain {chain} {{", *(f"\t\t{self.rule()}" for _ in range(rng.randrange(0, 5))), "\t}"]
            made = [*body, *made]
            self.callable.append(chain)
        lines += made
        for hook in rng.sample(list(PRIORITIES), rng.choice([1, 2, 2, 3, 4])):
            lines += self._base(hook, hook)
            if rng.random() < 0.15:
                lines += self._base(hook, f"{hook}2")
        if rng.random() < 0.45:
            for hook in rng.sample(["prerouting", "postrouting", "output", "input"], rng.choice([1, 1, 2])):
                lines += self._nat_base(hook)
        return [*lines, "}"]

    def _base(self, hook: str, name: str) -> list[str]:
        rng = self.rng
        self.hook, self.nat = hook, False
        policy = rng.choice(["accept", "accept", "drop"])
        kind = "route" if hook == "output" and rng.random() < 0.2 else "filter"
        rules = [self.rule() for _ in range(rng.choice([1, 2, 3, 5, 8]))]
        if policy == "drop" and rng.random() < 0.7:
            rules.insert(rng.randrange(len(rules) + 1), rng.choice(
                [
                    "ct state vmap { established : accept, related : accept, invalid : drop }",
                    "ct state established,related accept",
                ]
            ))  # fmt: skip
        return [
            f"\tchain {name} {{",
            f"\t\ttype {kind} hook {hook} priority {rng.choice(PRIORITIES[hook])}; policy {policy};",
            *(f"\t\t{each}" for each in rules),
            "\t}",
        ]

    def _nat_base(self, hook: str) -> list[str]:
        rng = self.rng
        self.hook, self.nat, self.translates = hook, True, True
        priority = rng.choice({"prerouting": ["dstnat", "dstnat + 3", "-150", "10"], "output": ["-100", "-90"],
                               "postrouting": ["srcnat", "srcnat + 5", "90"],
                               "input": ["100", "50"]}[hook])  # fmt: skip
        rules = [self.translation(hook) if rng.random() < 0.75 else self.rule() for _ in range(rng.choice([1, 2, 3]))]
        return [
            f"\tchain nat-{hook} {{",
            f"\t\ttype nat hook {hook} priority {priority}; policy accept;",
            *(f"\t\t{each}" for each in rules),
            "\t}",
        ]

    # Sets and maps.

    def _named_set(self, name: str) -> list[str]:
        rng = self.rng
        version = rng.choice(self.versions)
        kind = {"v4": "ipv4_addr", "v6": "ipv6_addr"}[version]
        choice = rng.randrange(4)
        if choice == 0:
            self.sets[name] = [(version,)]
            return [f"\tset {name} {{", f"\t\ttype {kind}", "\t\tflags interval", "\t\tauto-merge",
                    f"\t\telements = {self._set(version)}", "\t}"]  # fmt: skip
        if choice == 1:
            self.sets[name] = [("port",)]
            return [f"\tset {name} {{", "\t\ttypeof tcp dport", "\t\tflags interval", "\t\tauto-merge",
                    f"\t\telements = {self._set('port')}", "\t}"]  # fmt: skip
        if choice == 2:
            self.sets[name] = [(version, "port")]
            pairs = {(self._single(version), self._single("port")) for _ in range(rng.randrange(1, 5))}
            elements = ", ".join(f"{one} . {other}" for one, other in sorted(pairs))
            return [f"\tset {name} {{", f"\t\ttype {kind} . inet_service", f"\t\telements = {{ {elements} }}", "\t}"]
        self.sets[name] = [(version, "protocol", "port")]
        protocols = {"v4": ["tcp", "udp"], "v6": ["tcp", "udp"]}[version]
        triples = {
            (self._single(version), rng.choice(protocols), self._single("port")) for _ in range(rng.randrange(1, 5))
        }
        elements = ", ".join(" . ".join(each) for each in sorted(triples))
        return [
            f"\tset {name} {{",
            f"\t\ttype {kind} . inet_proto . inet_service",
            f"\t\telements = {{ {elements} }}",
            "\t}",
        ]

    def _verdict_map_of_table(self, name: str, chains: list[str]) -> list[str]:
        rng = self.rng
        self.maps.append((name, ("port",)))
        verdicts = [f"{port} : {rng.choice(['accept', 'drop', 'return', 'continue'])}" for port in rng.sample(PORTS, 3)]
        if rng.random() < 0.4:
            verdicts.append(f"* : {rng.choice(['accept', 'drop'])}")
        return [
            f"\tmap {name} {{",
            "\t\ttype inet_service : verdict",
            f"\t\telements = {{ {', '.join(verdicts)} }}",
            "\t}",
        ]

    def _single(self, kind: str) -> str:
        rng = self.rng
        return rng.choice({"v4": V4 + OWN, "v6": V6_ + OWN_V6, "port": PORTS}[kind])

    def _value(self, kind: str) -> str:
        """A value, a prefix or a range."""
        rng = self.rng
        several = {"v4": BLOCKS + RANGES, "v6": BLOCKS_V6 + RANGES_V6, "port": PORT_RANGES}[kind]
        return self._single(kind) if rng.random() < 0.5 else rng.choice(several)

    def _set(self, kind: str) -> str:
        """An anonymous set; overlaps are merged by nft."""
        rng = self.rng
        if kind == "port":
            picked = sorted(set(rng.sample(PORTS, rng.randrange(1, 4))), key=int)
            return (
                "{ " + ", ".join(picked) + " }"
                if rng.random() < 0.6
                else "{ " + rng.choice(PORT_RANGES) + ", 53 }".replace("53", "53")
            )
        return "{ " + ", ".join(sorted({self._value(kind) for _ in range(rng.randrange(1, 5))})) + " }"

    def _operand(self, kind: str) -> str:
        rng = self.rng
        chosen = rng.random()
        if chosen < 0.1 and kind in self.defines:
            return self.defines[kind]
        if chosen < 0.25:
            names = [name for name, keys in self.sets.items() if keys == [(kind,)]]
            if names:
                return f"@{rng.choice(names)}"
        if chosen < 0.55:
            return self._set(kind)
        return self._value(kind)

    # Tests.

    def rule(self) -> str:
        """Any rule that narrows down and ends with a verdict, or only counts."""
        rng = self.rng
        self.version = rng.choice([*self.versions, *self.versions, ""])
        self.transport = rng.choice(["", "", *TRANSPORTS, "icmp"])
        parts = [self._test() for _ in range(rng.choice([0, 1, 1, 2, 2, 3]))]
        parts = [each for each in parts if each]
        if not parts and rng.random() < 0.8:
            parts = [self._test() or "counter"]
        if self.loose and rng.random() < 0.25:
            parts.append(self._uncertain())
        if rng.random() < 0.15:
            parts.append(self.counter.strip())
        if rng.random() < 0.1:
            parts.append('log prefix "a: {b}, " level info')
        parts.append(self._end())
        if rng.random() < 0.1:
            parts.append('comment "it is; so: { 1 }"')
        return " ".join(each for each in parts if each)

    def _end(self) -> str:
        rng = self.rng
        options = ["accept", "accept", "accept", "drop", "drop", "return", "continue", ""]
        if not self.nat and self.hook in ("input", "forward", "output"):
            options += ["reject", "reject with icmpx type admin-prohibited"] if self.family == "inet" else ["reject"]
            if self.transport == "tcp":
                options.append("reject with tcp reset")
        options += [f"jump {each}" for each in self.callable] + [f"goto {each}" for each in self.callable]
        if rng.random() < 0.2:
            return self._verdict_map()
        return rng.choice(options)

    def _verdicts(self) -> list[str]:
        return ["accept", "drop", "return", "continue", *(f"jump {each}" for each in self.callable),
                *(f"goto {each}" for each in self.callable)]  # fmt: skip

    def _verdict_map(self) -> str:
        rng = self.rng
        verdicts = self._verdicts()
        chosen = rng.randrange(6)
        if chosen == 0 and self.maps and self._has_ports():
            return f"{self._transport_name()} dport vmap @{self.maps[0][0]}"
        if chosen == 1 and self._has_ports():
            low, high = rng.choice(["22", "53", "0-79"]), rng.choice(["443", "1024-65535", "80"])
            other = f", * : {rng.choice(verdicts)}" if rng.random() < 0.3 else ""
            one, two = rng.choice(verdicts), rng.choice(verdicts)
            return f"{self._transport_name()} dport vmap {{ {low} : {one}, {high} : {two}{other} }}"
        if chosen == 2:
            picked = rng.sample(DEVICES, 2)
            return "iifname vmap { " + ", ".join(f'"{each}" : {rng.choice(verdicts)}' for each in picked) + " }"
        if chosen == 3 and self.version:
            name = {"v4": "ip", "v6": "ip6"}[self.version]
            picked = rng.sample({"v4": V4, "v6": V6_}[self.version], 2)
            return (
                f"{name} {rng.choice(['saddr', 'daddr'])} vmap {{ "
                + ", ".join(f"{each} : {rng.choice(verdicts)}" for each in picked)
                + " }"
            )
        if chosen == 4 and self.version and self._has_ports():
            name = {"v4": "ip", "v6": "ip6"}[self.version]
            pairs = {(self._single(self.version), self._single("port")) for _ in range(3)}
            elements = ", ".join(f"{one} . {other} : {rng.choice(verdicts)}" for one, other in sorted(pairs))
            return f"{name} daddr . {self._transport_name()} dport vmap {{ {elements} }}"
        words = rng.sample(STATES, rng.choice([2, 3]))
        return "ct state vmap { " + ", ".join(f"{each} : {rng.choice(verdicts)}" for each in words) + " }"

    def _has_ports(self) -> bool:
        return self.transport not in ("", "icmp")

    def _transport_name(self) -> str:
        return self.transport

    def _test(self) -> str:
        rng = self.rng
        name = {"v4": "ip", "v6": "ip6", "": ""}[self.version]
        negation = "!= " if rng.random() < 0.2 else ""
        chosen = rng.randrange(13)
        if chosen <= 2 and name:
            operator = rng.choice(["", "", "", "", "< ", ">= "])
            if operator and not negation:
                return f"{name} {rng.choice(['saddr', 'daddr'])} {operator}{self._single(self.version)}"
            return f"{name} {rng.choice(['saddr', 'daddr'])} {negation}{self._operand(self.version)}"
        if chosen in (3, 4) and self._has_ports():
            operator = rng.choice(["", "", "", "< ", ">= "])
            field = rng.choice(["dport", "dport", "dport", "sport"])
            if operator and not negation:
                return f"{self.transport} {field} {operator}{rng.choice(['80', '1024', '8080'])}"
            return f"{self.transport} {field} {negation}{self._operand('port')}"
        if chosen == 5 and self.transport == "icmp" and name:
            which, types = ("icmp", ICMP) if self.version == "v4" else ("icmpv6", ICMPV6)
            if rng.random() < 0.3:
                return f"{which} code {negation}{rng.choice(['0', '1', '{ 0, 3 }', '1-4'])}"
            picked = rng.sample(types, rng.randrange(1, 4))
            return f"{which} type {negation}" + (picked[0] if len(picked) == 1 else "{ " + ", ".join(picked) + " }")
        if chosen == 6:
            key = rng.choice(["iifname", "oifname", "iif", "oif"])
            if key in ("iif", "oif"):
                return f'{key} {negation}"{rng.choice([*DEVICES, "lo"])}"'
            picked = rng.sample(DEVICES, 2)
            return f"{key} {negation}" + rng.choice([f'"{picked[0]}"', '"ens*"', '"vti-*"', '"nothing0"',
                                                      f'{{ "{picked[0]}", "{picked[1]}" }}'])  # fmt: skip
        if chosen in (7, 8):
            words = rng.sample(STATES, rng.choice([1, 1, 2, 3]))
            form = rng.randrange(3)
            if form == 0:
                return f"ct state {negation}{','.join(words)}"
            if form == 1:
                return f"ct state {negation}{{ {', '.join(words)} }}"
            return rng.choice(
                [
                    "ct state ! invalid",
                    "ct state new",
                    "ct status dnat",
                    "ct direction original",
                    "ct state established,related",
                ]
            )
        if chosen == 9 and self.transport in ("", "icmp"):
            if name and rng.random() < 0.5:
                key = "ip protocol" if name == "ip" else "ip6 nexthdr"
                if key == "ip6 nexthdr" and not self.loose:
                    key = "meta l4proto"
            else:
                key = "meta l4proto"
            names = PROTOCOLS_V6 if self.version == "v6" else PROTOCOLS
            picked = rng.sample(names, rng.randrange(1, 4))
            return f"{key} {negation}" + (
                picked[0] if len(picked) == 1 and self.transport != "icmp" else "{ " + ", ".join(picked) + " }"
            )
        if chosen == 10 and self.family == "inet":
            if self.version:
                return f"meta nfproto ipv{self.version[1]}"
            return rng.choice(["meta nfproto ipv4", "meta nfproto != ipv4", "meta protocol ip6"])
        if chosen == 11 and name and self._has_ports():
            return self._concatenation(name, negation)
        if chosen == 12 and self.transport == "":
            if not self.loose:
                return f"meta l4proto {{ tcp, udp }} th dport {negation}{self._operand('port')}"
            return f"th {rng.choice(['sport', 'dport'])} {negation}{self._operand('port')}"
        return ""

    def _concatenation(self, name: str, negation: str) -> str:
        rng = self.rng
        version = self.version
        named = [key for key, kinds in self.sets.items() if kinds in ([(version, "port")],)]
        triple = [key for key, kinds in self.sets.items() if kinds == [(version, "protocol", "port")]]
        if triple and rng.random() < 0.5 and self.transport == "tcp":
            return f"{name} saddr . meta l4proto . th dport {negation}@{rng.choice(triple)}" if self.loose else (
                f"{name} daddr . meta l4proto . tcp dport {negation}@{rng.choice(triple)}")  # fmt: skip
        if named and rng.random() < 0.5:
            return f"{name} saddr . {self.transport} dport {negation}@{rng.choice(named)}"
        pairs = {(self._value(version), self._value("port")) for _ in range(rng.randrange(1, 4))}
        if rng.random() < 0.3:
            both = {(one, rng.choice(DEVICES)) for one, _ in pairs}
            both = {(self._single(version), device) for _, device in both}
            elements = ", ".join(f'{one} . "{other}"' for one, other in sorted(both))
            return f"{name} saddr . iifname {negation}{{ {elements} }}"
        pairs = {(self._single(version), port) for _, port in pairs} if rng.random() < 0.5 else pairs
        seen: set[str] = set()
        kept = [pair for pair in sorted(pairs) if not (pair[0] in seen or seen.add(pair[0]))][
            : 1 if rng.random() < 0.5 else 3
        ]
        if len(kept) > 1:
            kept = [(self._single(version), port) for _, port in kept]
            kept = list({one: (one, port) for one, port in kept}.values())
        elements = ", ".join(f"{one} . {other}" for one, other in kept)
        return f"{name} {rng.choice(['saddr', 'daddr'])} . {self.transport} dport {negation}{{ {elements} }}"

    def _uncertain(self) -> str:
        rng = self.rng
        return rng.choice([
            *(["fib saddr . iif oif missing"] if self.hook in ("prerouting", "input") else []),
            "limit rate 5/second burst 3 packets", "limit rate over 10/minute", "meta mark 0x1", "meta mark != 0",
            "meta mark & 0xff == 0", "ct mark 7", "meta skuid 0", "quota over 1 mbytes", "meta length < 100",
            "meta priority 0",
            "meta random < 1000000000", "meta pkttype host", "meta cpu 0", "ct status snat", "fib daddr type local",
            "fib saddr type != local",
        ])  # fmt: skip

    # Translations.

    def translation(self, hook: str) -> str:
        """A rule of a nat chain."""
        rng = self.rng
        self.version = rng.choice(self.versions)
        self.transport = rng.choice(["", "tcp", "udp", "tcp", "udp", "icmp"])
        parts = [each for each in (self._test() for _ in range(rng.choice([0, 1, 1, 2]))) if each]
        family = {"v4": "ip", "v6": "ip6"}[self.version]
        named = f" {family}" if self.family == "inet" else ""
        if self.family == "inet":
            parts.insert(0, f"meta nfproto ipv{self.version[1]}")
        if self._has_ports() and not any(each.startswith(self.transport) for each in parts):
            parts.append(
                rng.choice([f"meta l4proto {self.transport}", f"{self.transport} dport {self._value('port')}"])
            )
        text = " ".join(parts)
        with_port = self._has_ports() and rng.random() < 0.5
        port = rng.choice(["80", "8080", "22", "26657"])
        if hook in ("postrouting", "input"):
            address_ = rng.choice(
                {"v4": ["192.0.2.7", "10.2.0.50", "203.0.113.99"], "v6": ["2001:db8:ffff::99", "2001:db8:2::50"]}[
                    self.version
                ]
            )
            form = rng.randrange(4)
            if form == 0 and hook == "postrouting":
                return (
                    f"{text} masquerade"
                    + (" to :2000-3000" if with_port else "")
                    + rng.choice(["", " random", " persistent"])
                )
            if form == 1 and not with_port:
                pool = {"v4": V4, "v6": V6_}[self.version]
                one, other = rng.sample(pool, 2)
                return f"{text} snat{named} to {family} saddr map {{ {one} : {address_}, {other} : {pool[0]} }}"
            return f"{text} snat{named} to {self._target(address_, '1024-65000' if with_port else '')}"
        targets = {"v4": ["10.2.0.77", "10.1.0.10", "10.9.3.4", "10.2.0.1", "198.51.100.20"],
                   "v6": ["2001:db8:2::77", "2001:db8:1::a", "2001:db8:2::1",
                          "2606:4700::1111"]}[self.version]  # fmt: skip
        form = rng.randrange(6)
        if form == 0 and hook == "prerouting":
            return f"{text} redirect" + (f" to :{port}" if with_port else "")
        if form == 1 and self._has_ports():
            first, second, third = targets[:3]
            ports = f"80 : {first}, 443 : {second}, 22 : {third}"
            return f"{text} dnat{named} to {self.transport} dport map {{ {ports} }}"
        if form == 2 and self._has_ports():
            ports = f"80 : {targets[0]} . 8080, 53 : {targets[1]} . 22"
            return f"{text} dnat{named} to {self.transport} dport map {{ {ports} }}"
        if form == 3:
            pool = {"v4": V4 + OWN, "v6": V6_ + OWN_V6}[self.version]
            one, other = rng.sample(pool, 2)
            return f"{text} dnat{named} to {family} daddr map {{ {one} : {targets[0]}, {other} : {targets[1]} }}"
        if form == 4 and rng.random() < 0.15:
            self.several = True
            first, last = {"v4": ("10.2.0.76", "10.2.0.77"), "v6": ("2001:db8:2::76", "2001:db8:2::77")}[self.version]
            return f"{text} dnat{named} to {first}-{last}"
        return f"{text} dnat{named} to {self._target(rng.choice(targets), port if with_port else '')}"

    def _target(self, address_: str, port: str) -> str:
        if not port:
            return address_
        return f"[{address_}]:{port}" if ":" in address_ else f"{address_}:{port}"

    # Packets.

    def packets(self, count: int) -> list[tuple[str, Sent]]:
        """Packets with the interface that they come by, or ``local``.

        No two can be taken for one connection, translated or not: the kernel would drop one or change its port.
        """
        rng = self.rng
        found: list[tuple[str, Sent]] = []
        used: set[tuple[int, ...]] = set()
        pools = {"v4": [address(each) for each in V4], "v6": [address(each) for each in V6_]}
        own = {"v4": [address(each) for each in OWN], "v6": [address(each) for each in OWN_V6]}
        ports = [int(each) for each in PORTS] + [2, 79, 81, 444, 5000, 26658, 40000]
        attempts = 0
        while len(found) < count and attempts < 20 * count:
            attempts += 1
            version = rng.choice(["v4", "v4", "v6"])
            device = rng.choice([*DEVICES, *DEVICES, LOCAL])
            source = rng.choice(own[version] if device == LOCAL else pools[version])
            destination = rng.choice(pools[version] if device == LOCAL or rng.random() < 0.6 else own[version])
            protocol = rng.choice([6, 6, 6, 6, 17, 17, 17, 1, 1, 132, 33, 136, 50, 112, 47])
            port = 0
            if protocol == 1:
                number = services.ICMP if version == "v4" else services.ICMPV6
                kind = rng.choice(ICMP_NUMBERS if version == "v4" else ICMPV6_NUMBERS)
                service = services.icmp(number, kind, rng.choice([0, 0, 0, 1, 3]))[0]
                port = rng.randrange(1, 65536)
            else:
                service = (
                    services.of(protocol, rng.choice(ports))[0] if protocol in services.WITH_PORTS else protocol << 16
                )
                if protocol in services.WITH_PORTS:
                    port = rng.choice(CLIENT_PORTS) if rng.random() < 0.4 else rng.randrange(32768, 61000)
            if protocol in TRACKED_BY_PORT:
                connections = [(source, service >> 16, port)]
            elif self.translates:
                connections = [(version == "v6", service >> 16)]
            else:
                connections = [(source, service >> 16, -1), (destination, service >> 16, -2)]
            if source == destination or used.intersection(connections):
                continue
            used.update(connections)
            found.append((device, Sent(source, destination, service, port)))
        return found
