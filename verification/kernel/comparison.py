"""One ruleset in the kernel and in the prover: the same packets through both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from reachability import addresses, services
from reachability.frontends.nftables import NftError
from reachability.network import Action
from verification.kernel.frames import Sent
from verification.kernel.generator import Generator
from verification.kernel.router import LOCAL, Router, Seen
from verification.kernel.verdicts import Verdicts, outcome, sources_of

ANSWERS = 25
"""How many answers are sent for each ruleset."""


@dataclass(slots=True)
class Tally:
    """Counts, and every disagreement in words."""

    rulesets: int = 0
    packets: int = 0
    delivered: int = 0
    answers: int = 0
    refused_by_both: int = 0
    unmodelled: int = 0
    disagreements: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for name in ("rulesets", "packets", "delivered", "answers", "refused_by_both", "unmodelled"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.disagreements += other.disagreements


def compare(router: Router, seed: int, packets: int) -> Tally:
    """Makes the ruleset of a seed and compares every packet's fate."""
    rng = Random(seed)
    generator = Generator(rng, loose=rng.random() < 0.3)
    text = generator.ruleset()
    return compare_ruleset(router, text, generator.packets(packets), f"seed {seed}", several=generator.several)


def compare_ruleset(
    router: Router, text: str, packets: list[tuple[str, Sent]], label: str, *, several: bool = False
) -> Tally:
    """``several``: a translation may go to more than one address, so that only what may be is known."""
    tally = Tally()
    refused = router.load(text)
    try:
        verdicts = Verdicts(text, sources_of(packets))
    except NftError as error:
        verdicts, complaint = None, str(error)
    else:
        broken = [each for each in verdicts.unmodelled if "cannot be read" in each]
        complaint = broken[0] if broken else ""
    if refused or complaint:
        if refused and complaint:
            tally.refused_by_both = 1
        else:
            tally.disagreements.append(
                f"{label}: nft says {refused or 'nothing'!r}, the reader {complaint or 'nothing'!r}"
            )
        return tally
    assert verdicts is not None
    tally.rulesets = 1
    if verdicts.unmodelled:
        tally.unmodelled = 1
        tally.disagreements.append(f"{label}: not modelled: {verdicts.unmodelled}")
        return tally
    router.forget()
    for number, (device, packet) in enumerate(packets):
        router.send(device, packet, number)
    seen = router.seen()
    tally.packets = len(packets)
    first = [
        number for number, each in enumerate(packets) if not _agrees(verdicts, *each, seen.get(number, []), several)
    ]
    wrong = _again(router, verdicts, packets, first, seen, several) if first else []
    for number in wrong:
        device, packet = packets[number]
        tally.disagreements.append(f"{label}: packet {number}: {_told(verdicts, device, packet, seen.get(number, []))}")
    tally.delivered = len(seen)
    if not several and not first:
        for message in _answers(router, verdicts, packets, seen, tally):
            tally.disagreements.append(f"{label}: {message}")
    return tally


def _agrees(verdicts: Verdicts, device: str, packet: Sent, seen: list[Seen], several: bool) -> bool:
    """What a host sends to itself is not walked: it crosses no network. Behind a new source the prover takes the source
    port to be any; rules that test it there are not compared for packets that they drop."""
    if len(seen) > 1:
        return False
    if device == LOCAL and seen and seen[0].place == LOCAL:
        return True
    if seen:
        return any(each.fits(seen[0], packet) for each in verdicts.outcomes(device, packet, may=True))
    must = verdicts.outcomes(device, packet, may=False)
    return several or not must or (verdicts.tests_source_ports and all(each.any_port for each in must))


def _again(
    router: Router,
    verdicts: Verdicts,
    packets: list[tuple[str, Sent]],
    wrong: list[int],
    seen: dict[int, list[Seen]],
    several: bool,
) -> list[int]:
    """Sends the packets of disagreements once more, slowly: one that got lost on the way is no verdict."""
    router.forget()
    for number in wrong:
        router.send(*packets[number], number)
    second = router.seen(0.1)
    for number in wrong:
        seen.pop(number, None)
        if number in second:
            seen[number] = second[number]
    return [number for number in wrong if not _agrees(verdicts, *packets[number], seen.get(number, []), several)]


def _told(verdicts: Verdicts, device: str, packet: Sent, seen: list[Seen]) -> str:
    may = verdicts.outcomes(device, packet, may=True)
    must = verdicts.outcomes(device, packet, may=False)
    return (
        f"{describe(packet)} by {device}: the kernel {[outcome(each, packet) for each in seen] or 'dropped it'}, "
        f"the prover: may {may or 'nothing'}, must {must or 'nothing'}"
    )


def describe(packet: Sent) -> str:
    """A packet for people."""
    return (
        f"{addresses.text(packet.source)} port {packet.source_port} → {addresses.text(packet.destination)} "
        f"{services.text(packet.service)}"
    )


def _answer(packet: Sent) -> Sent | None:
    """What the recipient of a packet would answer."""
    number, detail = packet.service >> 16, packet.service & 0xFFFF
    if number in (services.TCP, services.UDP):
        return Sent(packet.destination, packet.source, number << 16 | packet.source_port, detail, answers=True)
    if packet.service in (services.icmp(1, 8, 0)[0], services.icmp(58, 128, 0)[0]):
        reply = services.icmp(number, 0 if number == 1 else 129, 0)[0]
        return Sent(packet.destination, packet.source, reply, packet.source_port)
    return None


def _answers(
    router: Router, verdicts: Verdicts, packets: list[tuple[str, Sent]], seen: dict[int, list[Seen]], tally: Tally
) -> Iterator[str]:
    asked: dict[int, tuple[int, str]] = {}
    for number, found in seen.items():
        if number >= len(packets) or len(asked) >= ANSWERS:
            continue
        device, packet = packets[number]
        there = found[0]
        answer = _answer(there.packet)
        if answer is None or (there.place == LOCAL and packet.service >> 16 == services.TCP):
            continue
        if packet.service >> 16 in services.WITH_PORTS and not 32768 <= packet.source_port <= 60999:
            continue
        came = [each for each in verdicts.outcomes(device, packet, may=True) if each.fits(there, packet)]
        if not came or (came[0].any_port and not 32768 <= there.packet.source_port <= 60999):
            continue
        try:
            said = verdicts.answered(device, packet, came[0])
        except Exception as error:  # a bug of the prover is a disagreement like any other
            yield f"packet {number}: the answer to {describe(packet)} by {device}: {type(error).__name__}: {error}"
            continue
        asked[1_000_000 + number] = number, said
        router.send(there.place, answer, 1_000_000 + number)
    if not asked:
        return
    back = router.seen()
    tally.answers = len(asked)
    certain = not verdicts.assembly.uncertain
    for mark, (number, said) in asked.items():
        device, packet = packets[number]
        expected = _answer(packet)
        came_back = any(
            (each.place == LOCAL) is (device == LOCAL)
            and (each.packet.source, each.packet.destination) == (packet.destination, packet.source)
            and expected is not None
            and each.packet.service == expected.service
            for each in back.get(mark, [])
        )
        if (said == "passes" and not came_back) or (certain and said != "passes" and came_back):
            yield (
                f"packet {number}: the answer to {describe(packet)} by {device} "
                f"{'came back' if came_back else f'did not come back ({back.get(mark)})'}, the prover says {said}"
            )


TRANSLATING = (Action.SNAT, Action.DNAT, Action.MASQUERADE, Action.REDIRECT)
