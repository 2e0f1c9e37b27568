"""What the prover says of concrete packets, to be compared with what the kernel did."""

from __future__ import annotations

from dataclasses import dataclass

from reachability import services
from reachability.addresses import V6, Intervals, union
from reachability.assembly import join
from reachability.network import Firewall
from reachability.packet import Packet
from reachability.prover import Prover, Sender
from reachability.steps import Strand
from reachability.walk import Start
from verification.kernel.frames import Sent
from verification.kernel.router import ADDRESSES, LOCAL, NAME, Seen, fragment


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a packet comes out and how it looks; ``any_port``: its source port may be any."""

    place: str
    source: int
    destination: int
    service: int
    any_port: bool

    def fits(self, seen: Seen, sent: Sent) -> bool:
        """Whether this is what was seen of a packet."""
        packet = seen.packet
        with_port = services.number(sent.service) in services.WITH_PORTS
        return (
            (self.place, self.source, self.destination, self.service)
            == (seen.place, packet.source, packet.destination, packet.service)
            and (self.any_port or not with_port or packet.source_port == sent.source_port)
        )  # fmt: skip


def outcome(seen: Seen, sent: Sent) -> Outcome:
    """What was seen, for people."""
    packet = seen.packet
    return Outcome(
        seen.place, packet.source, packet.destination, packet.service, packet.source_port != sent.source_port
    )


class Verdicts:
    """The prover on the router with one ruleset, for the packets that come in by each interface and for its own."""

    def __init__(self, text: str, sources: dict[str, Intervals]) -> None:
        self.assembly = join([fragment()], rulesets={NAME: text})
        self.prover = Prover(self.assembly)
        self.space = self.assembly.space
        self.tests_source_ports = " sport " in text
        self._walked = {
            (device, may): self._parts(device, part, may=may)
            for device, part in sources.items()
            for may in (True, False)
        }

    @property
    def firewall(self) -> Firewall:
        return self.assembly.firewalls[NAME]

    @property
    def unmodelled(self) -> tuple[str, ...]:
        return self.assembly.unmodelled

    def sender(self, device: str, sources: Intervals) -> Sender:
        key = ("send", NAME) if device == LOCAL else f"in {device}"
        return Sender(device, (Start(key, sources),))

    def _parts(self, device: str, sources: Intervals, *, may: bool) -> dict[int, list[tuple[str, Strand, int]]]:
        prover = self.prover
        walker = prover._may if may else prover._must
        found: dict[int, list[tuple[str, Strand, int]]] = {}
        walked = prover.walked(self.sender(device, sources), may=may)
        for (to, _), parts in walked.ends.items():
            place = LOCAL if to == NAME else to.removeprefix("outside ")
            for _, strand, packets in parts:
                sent = walker.as_sent(strand, packets)
                root = strand
                while root.parent is not None:
                    root = root.parent
                for low, high in root.sources:
                    for point in range(low, high + 1):
                        found.setdefault(point, []).append((place, strand, sent))
        return found

    def outcomes(self, device: str, packet: Sent, *, may: bool) -> list[Outcome]:
        """Every way in which the packet may (or must) come out."""
        bit = self.space.single(packet.destination, packet.service, packet.source_port)
        found = []
        for place, strand, sent in self._walked[device, may].get(packet.source, ()):
            if sent & bit:
                found.append(_as_received(place, strand, packet))
        return found

    def answered(self, device: str, packet: Sent, came_out: Outcome) -> str:
        """``passes`` or ``dropped``, for the answer to a packet that came out there."""
        sender = self.sender(device, ((packet.source, packet.source),))
        sent = Packet(packet.source, packet.destination, packet.service, packet.source_port)
        to = NAME if came_out.place == LOCAL else f"outside {came_out.place}"
        return self.prover.reply(self.prover.trace(sender, sent, to))


def _as_received(place: str, strand: Strand, packet: Sent) -> Outcome:
    source = destination = service = None
    any_port = False
    while strand.parent is not None:
        source = strand.source if source is None else source
        destination = strand.destination if destination is None else destination
        service = strand.service if service is None else service
        any_port = any_port or strand.source is not None
        strand = strand.parent
    return Outcome(
        place,
        packet.source if source is None else source,
        packet.destination if destination is None else destination,
        packet.service if service is None else service,
        any_port,
    )


def sources_of(packets: list[tuple[str, Sent]]) -> dict[str, Intervals]:
    """The sources used, by the place where they are sent from."""
    return {
        device: union([(each.source, each.source) for where, each in packets if where == device])
        for device in (*ADDRESSES, LOCAL)
    }


def is_v6(packet: Sent) -> bool:
    return packet.destination >= V6
