"""The prover's verdicts compared with what really happens: packets sent in a running lab, one by one.

A packet counts as arrived if it is answered: by a listener, or by the destination itself that says that nothing
listens. So what is compared is the way there and back.
"""

from __future__ import annotations

import random
import resource
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from estate.model import Network, Role
from estate.plan.hosts import Host, hosts
from estate.plan.topology import SSH_PORT, inbound, outbound
from lab.netns import entered
from lab.paths import LabPaths
from lab.probing.capture import way
from lab.probing.vantage import Neighbour, Places, Vantage
from lab.wiring import outside
from lab.wiring.send import SECONDS, Listener, Probe, Verdict, send
from reachability import addresses, services
from reachability.network import INTERNET
from reachability.packet import Packet
from reachability.prover import Prover
from reachability.trace import Trace

NOBODYS_PORT = 4444
"""A port that nothing is declared for."""
BATCH = 3000
SPARE_FILES = 200
PATIENCE_SECONDS = 3.0
SIGHTED = 10
"""The real path is captured for at most this many disagreements."""
OURS = "a public address of ours"
OUTSIDE = frozenset({"client", INTERNET})
HOSTS = frozenset(role.value for role in Role)
PROTOCOLS = {"tcp": services.TCP, "udp": services.UDP}


@dataclass(frozen=True, slots=True)
class Target:
    """An address to send to. ``owner``: a host, or a name for people; ``namespace``: where a listener can run;
    ``foreign``: it is one of another network's hosts.
    """

    address: str
    owner: str
    namespace: str | None = None
    listens_on: str = ""
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """One packet to send, and the claims that speak of it; none: it is of the sample."""

    vantage: Vantage
    target: Target
    protocol: str
    port: int
    claims: tuple[str, ...] = ()

    @property
    def packet(self) -> Packet:
        """As the prover names it."""
        service = services.of(PROTOCOLS[self.protocol], self.port, self.port)[0]
        return Packet(self.vantage.point, addresses.address(self.target.address), service, 40000)

    @property
    def probe(self) -> Probe:
        """As the lab sends it."""
        return Probe(
            namespace=self.vantage.namespace,
            destination=self.target.address,
            port=self.port,
            protocol=self.protocol,
            source=self.vantage.address if self.vantage.kind in HOSTS else None,
        )


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One packet of which lab and prover say different things, with the path by either."""

    question: Question
    lab: Verdict
    lab_way: tuple[str, ...]
    prover: str
    trace: Trace | None

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "from": self.question.vantage.name,
            "to": self.question.target.owner,
            "packet": self.question.packet.document(),
            "claims": list(self.question.claims),
            "lab": str(self.lab),
            "lab_path": list(self.lab_way),
            "prover": self.prover,
            "prover_path": [hop.document() for hop in self.trace.hops] if self.trace else [],
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of all packets. ``asked``: packets by claim; what speaks of no claim is under ``sample``."""

    sent: int
    arrived: int
    asked: Mapping[str, int]
    disagreements: tuple[Disagreement, ...]
    vantages: tuple[str, ...]
    left_out: tuple[str, ...] = field(default=())


def targets(
    network: Network, paths: LabPaths, prover: Prover, neighbours: Sequence[Neighbour] = ()
) -> tuple[Target, ...]:
    """Every address of ours, private and public, and those of others that the lab has."""
    found: dict[str, Target] = {}
    theirs = {host.name: each.paths for each in neighbours for host in hosts(each.network)}
    for machine in sorted(prover.assembly.machines.values(), key=lambda each: each.name):
        name, foreign = machine.name, machine.name in theirs
        namespace = theirs.get(name, paths).namespace(name)
        for leg in machine.interfaces:
            private = addresses.text(leg.addresses[0])
            listened = [(point, addresses.text(point)) for point in leg.addresses]
            for point, listens_on in (*listened, *((public, private) for public in leg.public)):
                text = addresses.text(point)
                found.setdefault(text, Target(text, name, namespace, listens_on, foreign))
    theirs_public = addresses.union(*(each.public for each in neighbours))
    for low, high in addresses.difference(prover.assembly.public, theirs_public):
        for point in range(low, min(high, low + 255) + 1):
            text = addresses.text(point)
            if low == high:
                found.setdefault(text, Target(text, OURS))
    world = paths.namespace(outside.WORLD)
    known = {*outside.WORLD_ADDRESSES, *(each.address for each in network.services.values())}
    for address in sorted(each for each in known if each in outside.PUBLIC_BLOCK):
        found.setdefault(str(address), Target(str(address), INTERNET, world, str(address)))
        v6 = f"{outside.PUBLIC_BLOCK6}{int(address) & 0xFF}"
        found.setdefault(v6, Target(v6, INTERNET, None))
    return tuple(found.values())


def _claims(
    network: Network, by_name: Mapping[str, Host], vantage: Vantage, target: Target, port: int
) -> Iterator[str]:
    """The claims that speak of a packet; those about what is left when something fails are for drills."""
    p2p = network.chain.ports.p2p
    source, destination = by_name.get(vantage.name.split(" (")[0]), by_name.get(target.owner)
    role = destination.role if destination else None
    if port == SSH_PORT:
        if vantage.kind == "client":
            yield "no-public-ssh"
        yield "ssh-from-vpn-only"
    if role is Role.VALIDATOR:
        yield "validator-hidden"
    if role is Role.SIGNER or (source and source.role is Role.SIGNER):
        yield "signer-dials-out"
    if role is Role.PRIVATE_SENTRY or (source and source.role is Role.PRIVATE_SENTRY):
        yield "private-sentry-hidden"
    if vantage.kind == "client":
        if role is Role.PUBLIC_SENTRY:
            yield "public-sentry-p2p-only"
        if role is Role.SEED or target.owner == OURS:
            yield "public-endpoints-tls"
    if vantage.kind == "partner":
        yield "partner-scope"
    if vantage.kind == "operator":
        yield "vpn-scope"
    if vantage.foreign or target.foreign:
        yield "no-instance-traversal"
    if source:
        yield "egress-allow-list"
        if destination:
            yield "layers-agree"
            if port == p2p and source.place != destination.place:
                yield "regions-meshed"
            if port == p2p and source.role is Role.VALIDATOR:
                yield "validator-fed"


def _declared_services(network: Network) -> list[tuple[str, int]]:
    """The protocols and ports that any host's declared flows use, ends of ranges included."""
    found = {
        (rule.protocol, port)
        for host in hosts(network)
        for rule in (*inbound(network, host), *outbound(network, host))
        if rule.protocol in PROTOCOLS
        for port in rule.ports
    }
    return sorted(found)


def _makes_sense(vantage: Vantage, target: Target) -> bool:
    """Not to oneself, not between hosts outside the network, and in the same address family.

    Between two networks, addresses of links mean something else in each, and each has its own client on the internet.
    """
    if (":" in vantage.address) != (":" in target.address):
        return False
    if target.owner == vantage.name.split(" (")[0]:
        return False
    if vantage.foreign or target.foreign:
        local = ip_address(target.address).is_link_local
        return vantage.foreign != target.foreign and not local and {vantage.kind, target.owner}.isdisjoint(OUTSIDE)
    return not (target.owner == INTERNET and vantage.kind in ("client", "partner"))


def questions(
    network: Network, places: Places, found: Sequence[Target], *, sample: int, seed: int
) -> tuple[Question, ...]:
    """The packets of every claim, then a random sample of others; the same for the same seed."""
    by_name = {host.name: host for host in hosts(network)}
    ports = network.chain.ports
    across = {SSH_PORT, ports.p2p, NOBODYS_PORT}
    claimed = sorted({*across, *ports.public().values(), ports.privval})
    pairs = [(vantage, target) for vantage in places.vantages for target in found if _makes_sense(vantage, target)]
    asked = []
    for vantage, target in pairs:
        for port in claimed if not (vantage.foreign or target.foreign) else sorted(across):
            claims = tuple(_claims(network, by_name, vantage, target, port))
            if claims:
                asked.append(Question(vantage, target, "tcp", port, claims))
    chosen = random.Random(seed)
    declared = _declared_services(network)
    for _ in range(sample if pairs else 0):
        vantage, target = chosen.choice(pairs)
        protocol, port = chosen.choice(declared)
        if chosen.random() < 0.3:
            protocol, port = chosen.choice(tuple(PROTOCOLS)), chosen.randint(1, 65535)
        asked.append(Question(vantage, target, protocol, port))
    return tuple(asked)


class Verdicts:
    """What the prover says of packets, each way looked up once."""

    def __init__(self, prover: Prover) -> None:
        self._prover = prover
        self._flows: dict[str, list[tuple[addresses.Intervals, addresses.Intervals, addresses.Intervals]]] = {}
        self._known: dict[tuple[str, Packet], tuple[bool, str, Trace | None]] = {}

    def _may(self, vantage: Vantage, packet: Packet) -> bool:
        """Whether any of the sender's packets like this one ends anywhere."""
        name = vantage.sender.name
        if name not in self._flows:
            self._flows[name] = [flow for each in self._prover.arrivals(vantage.sender) for flow in each.flows()]
        return any(
            addresses.contains(sources, packet.source)
            and addresses.contains(destinations, packet.destination)
            and addresses.contains(sent, packet.service)
            for sources, destinations, sent in self._flows[name]
        )

    def of(self, question: Question) -> tuple[bool, str]:
        """Whether the packet is answered, and the same as text."""
        answered, words, _ = self._judge(question)
        return answered, words

    def _judge(self, question: Question) -> tuple[bool, str, Trace | None]:
        packet = question.packet
        key = question.vantage.sender.name, packet
        if key not in self._known:
            if not self._may(question.vantage, packet):
                self._known[key] = False, "unreachable", None
            else:
                found = self._prover.trace(question.vantage.sender, packet)
                reply = self._prover.reply(found) if found.delivered else "dropped"
                words = f"arrives at {found.to}, the answer {reply}" if found.delivered else "unreachable"
                self._known[key] = found.delivered and reply == "passes", words, found
        return self._known[key]

    def trace(self, question: Question) -> Trace:
        """The packet's way, as the prover sees it."""
        return self._judge(question)[2] or self._prover.trace(question.vantage.sender, question.packet)


def _is_free(namespace: str, address: str, port: int) -> bool:
    """Whether a UDP listener can run there; where a service has the port, its silence would say nothing."""
    with entered(namespace), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        try:
            made.bind((address, port))
        except OSError:
            return False
    return True


def _listeners(asked: Iterable[Question]) -> tuple[list[Question], list[Listener]]:
    """The packets that can be judged, and the UDP listeners that they need. TCP needs none: hosts refuse it."""
    kept: list[Question] = []
    wanted: dict[tuple[str, str, int], bool] = {}
    for each in asked:
        if each.protocol == "udp":
            if each.target.namespace is None:
                if each.target.owner != OURS:
                    continue
            else:
                key = each.target.namespace, each.target.listens_on, each.port
                if key not in wanted:
                    wanted[key] = _is_free(*key)
                if not wanted[key]:
                    continue
        kept.append(each)
    return kept, [
        Listener(namespace=namespace, address=address, port=port, protocol="udp")
        for (namespace, address, port), free in wanted.items()
        if free
    ]


def _sent(asked: Sequence[Question], say: Callable[[str], None], seconds: float = SECONDS) -> list[Verdict]:
    """What became of each packet in the lab; an answer is awaited for ``seconds``."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    batch = max(1, min(BATCH, hard - SPARE_FILES) // 2)
    verdicts: list[Verdict] = []
    try:
        for begin in range(0, len(asked), batch):
            part = asked[begin : begin + batch]
            _, listeners = _listeners(part)
            verdicts += send([each.probe for each in part], listeners=listeners, seconds=seconds)
            say(f"{len(verdicts)} of {len(asked)} packets sent")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return verdicts


def compare(
    paths: LabPaths, prover: Prover, places: Places, asked: Sequence[Question], say: Callable[[str], None]
) -> Comparison:
    """Sends every packet and holds the outcome against the prover's.

    Raises:
        lab.netns.NamespaceMissing: the lab is not up.
        OSError: the probing itself failed.
    """
    verdicts = Verdicts(prover)
    asked, _ = _listeners(asked)
    outcomes = _sent(asked, say)
    expected = [verdicts.of(each) for each in asked]
    doubtful = [index for index, each in enumerate(outcomes) if each.arrived is not expected[index][0]]
    if doubtful:
        say(f"{len(doubtful)} packets are sent again, with more patience: a busy machine may be late")
        for index, outcome in zip(
            doubtful, _sent([asked[index] for index in doubtful], say, PATIENCE_SECONDS), strict=True
        ):
            outcomes[index] = outcome
    counted: dict[str, int] = {}
    for each in asked:
        for claim in each.claims or ("sample",):
            counted[claim] = counted.get(claim, 0) + 1
    disagreements: list[Disagreement] = []
    for index in doubtful:
        each, outcome = asked[index], outcomes[index]
        if outcome.arrived is expected[index][0]:
            continue
        seen: tuple[str, ...] = ()
        if len(disagreements) < SIGHTED:
            outcome, seen = _sighted(paths, each, outcome)
        disagreements.append(Disagreement(each, outcome, seen, expected[index][1], verdicts.trace(each)))
    arrived = sum(each.arrived for each in outcomes)
    return Comparison(
        len(asked),
        arrived,
        counted,
        tuple(disagreements),
        tuple(each.name for each in places.vantages),
        places.left_out,
    )


def _sighted(paths: LabPaths, each: Question, outcome: Verdict) -> tuple[Verdict, tuple[str, ...]]:
    again, seen = way(paths, each.probe)
    return (outcome if each.protocol == "udp" else again), tuple(seen)
