"""The estate's promises as questions to z3, written from their statements and apart from ``reachability.claims``.

Each promise yields what breaks it. Errors about other packets (ICMP) and neighbour discovery open no connection and
are not asked. What enters from the internet is asked about all packets; what enters from elsewhere, by every address
that a host, a gateway or a translation could give a packet a way to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import z3

from estate.model import Network
from estate.plan import topology
from estate.plan.hosts import hosts
from reachability import addresses, services
from reachability.addresses import Intervals
from verification.oracles.encoding import Encoding, Leaf, both, either, opposite
from verification.oracles.facts import Facts
from verification.oracles.simulator import Packet, Simulator, Start

TCP, UDP = services.TCP, services.UDP
SSH = services.of(TCP, 22, 22)
NEIGHBOURS = tuple(services.icmp(services.ICMPV6, kind) for kind in (133, 134, 135, 136))
ASKED = addresses.difference(services.ANY, addresses.union(services.ICMP_ERRORS, NEIGHBOURS))
INTERNET = Start("internet")
PRIVATE = (addresses.block("10.0.0.0/8"),)


@dataclass(frozen=True)
class Broken:
    """``packet`` breaks ``claim``; without one, something that must get there does not."""

    claim: str
    sender: str
    to: str
    packet: Packet | None

    def __str__(self) -> str:
        return f"{self.claim}: {self.sender} -> {self.to}: {self.packet or 'does not get there'}"


class Promises:
    """The promises of some networks, asked of one subject."""

    def __init__(
        self, facts: Facts, networks: Iterable[Network], focus: Iterable[str] = (), inward: bool = False
    ) -> None:
        self.facts = facts
        self.inward = inward
        self.focus = frozenset(focus)
        self.networks = tuple(networks)
        self.encoding = Encoding(facts)
        self.roles: dict[str, str] = {}
        self.owner: dict[str, str] = {}
        self.place: dict[str, str] = {}
        for network in self.networks:
            for host in hosts(network):
                if host.name in facts.hosts:
                    self.roles[host.name] = str(host.role)
                    self.owner[host.name] = network.name
                    self.place[host.name] = host.place

        self.translating = self._translating()

    def _translating(self) -> set[int]:
        """Addresses at which some device may give a packet another destination."""
        facts = self.facts
        found: set[int] = set()
        for nic in facts.nics.values():
            if nic.holder == "balancer":
                found.update(nic.addresses or (facts.subnets[nic.subnet].blocks[0][0] + 4,))
                found.update(p for p in nic.public.values() if p >= 0)
        for host in facts.hosts.values():
            chains = host.rules.chains.values() if host.rules else ()
            if any(s.verdict in ("dnat", "redirect") for c in chains for s in c.statements):
                found.update(facts.own_addresses(host.name))
                found.update(p for n in host.nics for p in facts.nics[n].public.values() if p >= 0)
        return found

    # -- who

    def of(self, *roles: str, network: str = "", place: str = "") -> list[str]:
        return [
            name
            for name, role in sorted(self.roles.items())
            if role in roles and network in ("", self.owner[name]) and place in ("", self.place[name])
        ]

    def senders(self) -> list[Start]:
        """Every sender except the internet."""
        found = [Start("machine", name) for name in self.facts.hosts]
        found += [Start("pool", host.name, device) for host in self.facts.hosts.values() for device in host.pools]
        return found + [
            Start("peer", id_) for id_, (_, other, _) in self.facts.peerings.items() if other not in self.facts.vpcs
        ]

    def concerned(self, start: Start, name: str) -> bool:
        """Whether a pair is to be asked about: all are, unless only some hosts can have changed."""
        if not self.focus or name in self.focus or start.kind == "peer":
            return True
        return start.name in self.focus and not self.inward

    def doors(self, name: str) -> list[int]:
        """Addresses by which packets may get to a host: its own, and those that are translated on the way."""
        facts = self.facts
        found = list(facts.own_addresses(name))
        found += [p for n in facts.hosts[name].nics for p in facts.nics[n].public.values() if p >= 0]
        found += sorted(self.translating)
        return list(dict.fromkeys(found))

    # -- questions

    def solve(self, leaves: list[Leaf], conditions: list[Any], *also: Any) -> tuple[Packet, Leaf] | None:
        """A packet that fulfils one of the conditions, each of a leaf, and all of ``also``."""
        solver = self.encoding.solver
        whole = both(either(*conditions), *also)
        if whole is False:
            return None
        solver.push()
        try:
            if whole is not True:
                solver.add(whole)
            if solver.check() != z3.sat:
                return None
            model = solver.model()
            for leaf, condition in zip(leaves, conditions, strict=True):
                if condition is True or (
                    condition is not False and z3.is_true(model.eval(condition, model_completion=True))
                ):
                    return self.encoding.packet(model, leaf.sent), leaf
            return None
        finally:
            solver.pop()

    def find(
        self, start: Start, to: str, *, got: Intervals | None = None, points: list[int] | None = None
    ) -> Packet | None:
        """A packet that arrives at ``to`` with a service among ``got``."""
        wanted = ASKED if got is None else got
        single = wanted[0][0] if len(wanted) == 1 and wanted[0][0] == wanted[0][1] else None
        leaves = []
        for point in points or [None]:
            service = single if point is not None and point not in self.translating else None
            leaves += [leaf for leaf in self.encoding.ways(start, point, service) if leaf.to == to]
        within = self.encoding.within
        found = self.solve(leaves, [both(leaf.condition, within(leaf.got.service, wanted)) for leaf in leaves])
        return found[0] if found else None

    def inbound(
        self, claim: str, name: str, allowed: Callable[[Start], Intervals], internet: Intervals = ()
    ) -> Iterator[Broken]:
        """What gets to a host besides what each sender is allowed."""
        rest = addresses.difference(ASKED, addresses.union(internet))
        packet = self.find(INTERNET, name, got=rest) if rest else None
        if packet:
            yield Broken(claim, "internet", name, packet)
        points = self.doors(name)
        for start in self.senders():
            if start.name == name or not self.concerned(start, name):
                continue
            rest = addresses.difference(ASKED, addresses.union(allowed(start)))
            packet = self.find(start, name, got=rest, points=points) if rest else None
            if packet:
                yield Broken(claim, f"{start.kind} {start.name}", name, packet)

    # -- promises

    def no_public_ssh(self) -> Iterator[Broken]:
        for leaf in self.encoding.ways(INTERNET):
            if leaf.to == "internet":
                continue
            ours = either_ssh(self.encoding, leaf)
            if found := self.solve([leaf], [both(leaf.condition, ours)]):
                yield Broken("no-public-ssh", "internet", leaf.to, found[0])

    def ssh_from_vpn_only(self) -> Iterator[Broken]:
        for name in self.roles:
            own = self.owner[name]
            if packet := self.find(INTERNET, name, got=(SSH,)):
                yield Broken("ssh-from-vpn-only", "internet", name, packet)
            points = self.doors(name)
            for start in self.senders():
                if start.name == name or start.name in self.of("vpn", network=own) or not self.concerned(start, name):
                    continue
                if packet := self.find(start, name, got=(SSH,), points=points):
                    yield Broken("ssh-from-vpn-only", f"{start.kind} {start.name}", name, packet)

    def ports(self, network: Network) -> dict[str, Intervals]:
        declared = network.chain.ports
        return {
            key: (services.of(TCP, number, number),) if (number := getattr(declared, key)) else ()
            for key in ("p2p", "rpc", "lcd", "privval", "metrics")
        }

    def no_public_address(self, claim: str, name: str) -> Iterator[Broken]:
        for nic in self.facts.hosts[name].nics:
            if self.facts.nics[nic].public or any(a >= addresses.V6 for a in self.facts.nics[nic].addresses):
                yield Broken(claim, "an address", name, None)

    def validator_hidden(self) -> Iterator[Broken]:
        for network in self.networks:
            ports = self.ports(network)
            for name in self.of("validator", network=network.name):
                yield from self.no_public_address("validator-hidden", name)

                def allowed(
                    start: Start, name: str = name, network: Network = network, ports: dict = ports
                ) -> Intervals:
                    if start.name in self.of("public-sentry", "private-sentry", network=network.name):
                        return ports["p2p"]
                    if start.name in self.of("signer", network=network.name, place=self.place[name]):
                        return ports["privval"]
                    if start.name in self.of("vpn", network=network.name):
                        return (SSH,)
                    if start.name in self.of("monitor", network=network.name):
                        return (*ports["metrics"], services.of(TCP, 9100, 9100))
                    return ()

                yield from self.inbound("validator-hidden", name, allowed)

    def signer_dials_out(self) -> Iterator[Broken]:
        for network in self.networks:
            vpns = self.of("vpn", network=network.name)
            for name in self.of("signer", network=network.name):

                def allowed(start: Start, vpns: list[str] = vpns) -> Intervals:
                    return (SSH,) if start.name in vpns else ()

                yield from self.inbound("signer-dials-out", name, allowed)
                if not self.focus or name in self.focus:
                    yield from self.egress(network, name, "signer-dials-out")

    def private_sentry_hidden(self) -> Iterator[Broken]:
        for network in self.networks:
            ports = self.ports(network)
            for name in self.of("private-sentry", network=network.name):
                yield from self.no_public_address("private-sentry-hidden", name)
                if packet := self.find(INTERNET, name):
                    yield Broken("private-sentry-hidden", "internet", name, packet)
                points = self.doors(name)
                near = self.of("public-sentry", "private-sentry", "validator", network=network.name)
                for start in self.senders():
                    if (
                        start.name == name
                        or start.name in near
                        or start.kind == "peer"
                        or not self.concerned(start, name)
                    ):
                        continue
                    if packet := self.find(start, name, got=ports["p2p"], points=points):
                        yield Broken("private-sentry-hidden", f"{start.kind} {start.name}", name, packet)

    def public_sentry_p2p_only(self) -> Iterator[Broken]:
        for network in self.networks:
            rest = addresses.difference(ASKED, self.ports(network)["p2p"])
            for name in self.of("public-sentry", network=network.name):
                if packet := self.find(INTERNET, name, got=rest):
                    yield Broken("public-sentry-p2p-only", "internet", name, packet)

    def public_endpoints_tls(self) -> Iterator[Broken]:
        for network in self.networks:
            ports = self.ports(network)
            behind = addresses.union(ports["rpc"], ports["lcd"])
            for name in self.roles:
                if self.owner[name] != network.name or self.roles[name] == "seed":
                    continue
                fine = {
                    "public-sentry": ports["p2p"],
                    "vpn": (services.of(UDP, 1194, 1194),),
                    "edge": (services.of(services.ESP), services.of(UDP, 500, 500), services.of(UDP, 4500, 4500)),
                }.get(self.roles[name], ())
                if packet := self.find(INTERNET, name, got=addresses.difference(ASKED, addresses.union(fine))):
                    yield Broken("public-endpoints-tls", "internet", name, packet)
            for name in self.of("seed", network=network.name):
                rest = addresses.difference(ASKED, addresses.union(ports["p2p"], behind))
                if packet := self.find(INTERNET, name, got=rest):
                    yield Broken("public-endpoints-tls", "internet", name, packet)
                publics = [p for n in self.facts.hosts[name].nics for p in self.facts.nics[n].public.values()]
                publics += [a for a in self.facts.own_addresses(name) if a >= addresses.V6]
                if publics and (packet := self.find(INTERNET, name, got=behind, points=publics)):
                    yield Broken("public-endpoints-tls", "internet", name, packet)
        asked = addresses.union(*(self.ports(n)[k] for n in self.networks for k in ("rpc", "lcd")))
        for leaf in self.encoding.ways(INTERNET):
            if " listener " in leaf.to:
                plain = not leaf.to.startswith("TLS ")
                condition = both(leaf.condition, True if plain else not_in(self.encoding, leaf, asked))
                if found := self.solve([leaf], [condition]):
                    yield Broken("public-endpoints-tls", "internet", leaf.to, found[0])

    def partner_scope(self) -> Iterator[Broken]:
        for network in self.networks:
            rest = addresses.difference(ASKED, self.ports(network)["p2p"])
            private = self.of("private-sentry", network=network.name)
            for id_, (vpc, other, _) in self.facts.peerings.items():
                if other in self.facts.vpcs or not any(
                    self.facts.nics[n].vpc == vpc for h in private for n in self.facts.hosts[h].nics
                ):
                    continue
                start = Start("peer", id_)
                for to in {leaf.to for leaf in self.encoding.ways(start)}:
                    if to.startswith("TLS "):
                        continue
                    role = self.roles.get(to, "")
                    got = rest if role in ("private-sentry", "public-sentry") else ASKED
                    if role == "seed":
                        ports = self.ports(network)
                        got = addresses.difference(rest, addresses.union(ports["rpc"], ports["lcd"]))
                    if role == "vpn":
                        got = addresses.difference(ASKED, (services.of(UDP, 1194, 1194),))
                    if packet := self.find(start, to, got=got):
                        yield Broken("partner-scope", f"peer {id_}", to, packet)

    def vpn_scope(self) -> Iterator[Broken]:
        for host in list(self.facts.hosts.values()):
            for device in host.pools:
                start = Start("pool", host.name, device)
                network = self.owner.get(host.name, "")
                others = [name for name in self.roles if self.owner[name] != network]
                for name in others:
                    if packet := self.find(start, name, points=self.doors(name)):
                        yield Broken("vpn-scope", f"pool {host.name}", name, packet)
                outside = [addresses.address(a) for a in ("8.8.8.8", "203.0.113.77", "192.0.2.200", "198.51.100.10")]
                if packet := self.find(start, "internet", points=outside):
                    yield Broken("vpn-scope", f"pool {host.name}", "internet", packet)

    def no_instance_traversal(self) -> Iterator[Broken]:
        """By private addresses; public addresses are reached as from the internet."""
        for name in self.roles:
            points = [a for a in self.facts.own_addresses(name) if addresses.contains(PRIVATE, a)]
            for other in self.roles:
                if self.owner[other] == self.owner[name] or not self.concerned(Start("machine", other), name):
                    continue
                if packet := self.find(Start("machine", other), name, points=points):
                    yield Broken("no-instance-traversal", other, name, packet)

    def egress(self, network: Network, name: str, claim: str = "egress-allow-list") -> Iterator[Broken]:
        """What a host sends, from any address that it may write, and is not declared for it."""
        declared = next(host for host in hosts(network) if host.name == name)
        anywhere = (addresses.ALL_V4,)
        allowed: list[tuple[Intervals, Intervals]] = []
        for rule in topology.outbound(network, declared):
            to = addresses.union([(int(b.network_address), int(b.broadcast_address)) for b in rule.addresses])
            allowed.append((to, (services.of(services.protocol(rule.protocol), *rule.ports),)))
        if declared.in_cloud:
            allowed.append((anywhere, (services.of(UDP, 67, 67),)))
            allowed.append(((addresses.block("169.254.169.254"),), (services.of(TCP, 80, 80),)))
        if str(declared.role) == "edge":
            allowed.append((anywhere, (services.of(services.ESP), services.of(services.VRRP))))
        encoding = self.encoding
        fine = [
            both(encoding.within(encoding.destination, to), encoding.within(encoding.service, used))
            for to, used in allowed
        ]
        asked = both(
            encoding.within(encoding.service, ASKED),
            *(z3.Not(each) for each in fine if each is not False and each is not True),
        )
        checked = all(self.facts.nics[n].check for n in self.facts.hosts[name].nics) and declared.in_cloud
        ways = encoding.ways(Start("machine" if checked else "spoof", name))
        leaves = [leaf for leaf in ways if leaf.to != name and " listener " not in leaf.to]
        if found := self.solve(leaves, [leaf.condition for leaf in leaves], asked):
            yield Broken(claim, name, found[1].to, found[0])

    def egress_allow_list(self) -> Iterator[Broken]:
        for network in self.networks:
            for name in self.roles:
                if self.owner[name] == network.name and (not self.focus or name in self.focus):
                    yield from self.egress(network, name)

    # -- must reach

    def works(self, name: str, to: str, used: Intervals) -> bool:
        """Whether a connection can be opened and answered."""
        points = [a for a in self.facts.own_addresses(to) if a < addresses.V6]
        packet = self.find(Start("machine", name), to, got=used, points=points)
        if packet is None:
            return False
        simulator = Simulator(self.facts)
        start = Start("machine", name)
        for port in (32768, 60999):
            asked = Packet(packet.source, packet.destination, packet.service, port)
            runs = [r for r in simulator.simulate(start, asked) if r.outcome == "delivered" and r.to == to]
            if not any(
                b.outcome == "delivered" and b.to == name for r in runs for b in simulator.replies(start, asked, r)
            ):
                return False
        return True

    def regions_meshed(self) -> Iterator[Broken]:
        for network in self.networks:
            used = self.ports(network)["p2p"]
            sentries = self.of("public-sentry", "private-sentry", network=network.name)
            for one in {self.place[name] for name in sentries}:
                for other in {self.place[name] for name in sentries} - {one}:
                    pairs = [
                        (a, b) for a in sentries for b in sentries if self.place[a] == one and self.place[b] == other
                    ]
                    for a, b in pairs:
                        if not self.works(a, b, used):
                            yield Broken("regions-meshed", a, b, None)

    def validator_fed(self) -> Iterator[Broken]:
        for network in self.networks:
            used = self.ports(network)["p2p"]
            sentries = self.of("public-sentry", "private-sentry", network=network.name)
            for name in self.of("validator", network=network.name):
                fed = [s for s in sentries if self.works(name, s, used)]
                if len(fed) < 2 or len({self.place[s] for s in fed}) < 2:
                    yield Broken("validator-fed", name, "sentries", None)

    def nat_survives_zone(self) -> Iterator[Broken]:
        """With the NAT gateways of any one zone gone, private hosts elsewhere still reach the package repository."""
        facts = self.facts
        gateways = [nic for nic in facts.nics.values() if nic.holder == "nat"]
        private = self.of("private-sentry", "monitor")
        zones = {facts.subnets[nic.subnet].zone for nic in gateways}
        zones |= {facts.subnets[facts.nics[n].subnet].zone for h in private for n in facts.hosts[h].nics}
        for zone in sorted(zones):
            left = copy(facts)
            left.nics = {
                id_: replace(nic, vpc="gone") if nic in gateways and facts.subnets[nic.subnet].zone == zone else nic
                for id_, nic in facts.nics.items()
            }
            encoding = Encoding(left)
            for name in private:
                if any(facts.subnets[facts.nics[n].subnet].zone == zone for n in facts.hosts[name].nics):
                    continue
                point, service = addresses.address("198.51.100.10"), TCP << 16 | 80
                leaves = [
                    leaf for leaf in encoding.ways(Start("machine", name), point, service) if leaf.to == "internet"
                ]
                if not self.solve(leaves, [leaf.condition for leaf in leaves]):
                    yield Broken("nat-survives-zone", f"{name} without {zone}", "internet", None)

    def check(self, claim: str) -> Iterator[Broken]:
        """What breaks one promise."""
        return {
            "egress-allow-list": self.egress_allow_list,
            "nat-survives-zone": self.nat_survives_zone,
            "no-public-ssh": self.no_public_ssh,
            "ssh-from-vpn-only": self.ssh_from_vpn_only,
            "validator-hidden": self.validator_hidden,
            "signer-dials-out": self.signer_dials_out,
            "private-sentry-hidden": self.private_sentry_hidden,
            "public-sentry-p2p-only": self.public_sentry_p2p_only,
            "public-endpoints-tls": self.public_endpoints_tls,
            "partner-scope": self.partner_scope,
            "vpn-scope": self.vpn_scope,
            "no-instance-traversal": self.no_instance_traversal,
            "regions-meshed": self.regions_meshed,
            "validator-fed": self.validator_fed,
        }[claim]()


CLAIMS = (
    "no-public-ssh", "ssh-from-vpn-only", "validator-hidden", "signer-dials-out", "private-sentry-hidden",
    "public-sentry-p2p-only", "public-endpoints-tls", "partner-scope", "vpn-scope", "no-instance-traversal",
    "egress-allow-list", "regions-meshed", "validator-fed", "nat-survives-zone",
)  # fmt: skip


def either_ssh(encoding: Encoding, leaf: Leaf) -> Any:
    """Whether a packet was sent to SSH's port or arrives at it."""
    return either(encoding.within(leaf.sent.service, (SSH,)), encoding.within(leaf.got.service, (SSH,)))


def not_in(encoding: Encoding, leaf: Leaf, asked: Intervals) -> Any:
    return opposite(encoding.within(leaf.sent.service, asked))
