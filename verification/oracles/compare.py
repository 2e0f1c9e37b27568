"""The prover, z3 and the simulator on generated estates: who answers differently, and why.

    python -m verification.oracles.compare --estates 10000 --seed 1

For every ordered pair of senders and destinations and a set of services: the prover's answer against z3's, every
witness of either replayed in the simulator, and for every "unreachable" packets drawn at random, none of which may
get there.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from reachability import addresses, services
from reachability.addresses import Intervals
from reachability.assembly import assemble
from reachability.packet import Packet as Sent
from reachability.prover import Arrival, Prover, Sender
from verification.oracles.encoding import Encoding
from verification.oracles.facts import Facts
from verification.oracles.generate import estate
from verification.oracles.simulator import Packet, Run, Simulator, Start

TCP, UDP, ICMP = services.TCP, services.UDP, services.ICMP
SERVICES: dict[str, Intervals] = {
    "tcp 22": (services.of(TCP, 22, 22),),
    "tcp 443": (services.of(TCP, 443, 443),),
    "tcp 1317": (services.of(TCP, 1317, 1317),),
    "tcp 26656-26659": (services.of(TCP, 26656, 26659),),
    "tcp 1-1023": (services.of(TCP, 1, 1023),),
    "udp": (services.of(UDP),),
    "icmp echo": (services.icmp(ICMP, 8),),
    "protocol 50": (services.of(50),),
    "anything": services.ANY,
}
CLIENT_PORTS = (32768, 32769, 40000, 49999, 50000, 50001, 60998, 60999)


@dataclass(frozen=True)
class Disagreement:
    """``kind``: verdict, witness, model, sample or reply."""

    seed: int
    kind: str
    sender: str
    to: str
    asked: str
    text: str

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.kind}: {self.sender} -> {self.to} {self.asked}: {self.text}"


@dataclass
class Tally:
    """What was compared so far."""

    counts: Counter[str] = field(default_factory=Counter)
    disagreements: list[Disagreement] = field(default_factory=list)
    seconds: Counter[str] = field(default_factory=Counter)


def starts(facts: Facts) -> list[Start]:
    """Every sender."""
    found = [Start("internet")] + [Start("machine", name) for name in facts.hosts]
    return found + [Start("pool", host.name, device) for host in facts.hosts.values() for device in host.pools]


def name_of(start: Start) -> str:
    return " ".join(each for each in (start.kind, start.name, start.device) if each)


def sender_of(prover: Prover, start: Start) -> Sender:
    """The same sender in the prover's terms."""
    if start.kind == "internet":
        return prover.internet()
    if start.kind == "pool":
        return prover.pool(start.name, start.device)
    return prover.machine(start.name)


def halves(asked: Intervals) -> Iterator[tuple[Intervals, Intervals]]:
    """(destinations, services) of what is asked, for each address family with some: ICMP of the other family is left
    out, as no host sends or takes that."""
    for family, foreign in ((addresses.ALL_V4, services.ICMPV6), (addresses.ALL_V6, services.ICMP)):
        wanted = addresses.difference(asked, (services.of(foreign),))
        if wanted:
            yield (family,), wanted


def arrived(runs: list[Run], to: str) -> Run | None:
    return next((run for run in runs if run.outcome == "delivered" and run.to == to), None)


class Comparison:
    """One estate, checked by the prover, z3 and the simulator."""

    def __init__(self, seed: int, tally: Tally) -> None:
        self.seed = seed
        self.tally = tally
        self.random = Random(seed * 7919 + 1)
        subject = estate(seed)
        self.facts = Facts(subject)
        began = time.perf_counter()
        self.prover = Prover(assemble(subject))
        self.tally.seconds["prover"] += time.perf_counter() - began
        self.encoding = Encoding(self.facts)
        self.simulator = Simulator(self.facts)

    def questions(self, most: int | None) -> Iterator[tuple[Start, str, str]]:
        senders = starts(self.facts)
        pairs = [
            (start, to)
            for start in senders
            for to in ("internet", *self.facts.hosts)
            if not (start.kind == to == "internet") and to != start.name
        ]
        if most is not None and len(pairs) > most:
            chosen = self.random.sample(senders, min(len(senders), max(2, most // 4)))
            pairs = [(start, to) for start, to in pairs if start in chosen]
            pairs = self.random.sample(pairs, min(most, len(pairs)))
        for index, (start, to) in enumerate(pairs):
            yield start, to, "anything" if index % 3 == 0 else self.random.choice(list(SERVICES))

    def wrong(self, kind: str, start: Start, to: str, asked: str, text: str) -> None:
        self.tally.disagreements.append(Disagreement(self.seed, kind, name_of(start), to, asked, text))

    def run(self, most: int | None = None) -> None:
        counts, seconds = self.tally.counts, self.tally.seconds
        counts["estates"] += 1
        if self.prover.assembly.unmodelled:
            counts["estates not modelled"] += 1
            self.tally.counts["why: " + self.prover.assembly.unmodelled[0][:120]] += 1
        for start, to, asked in self.questions(most):
            counts["questions"] += 1
            began = time.perf_counter()
            sender = sender_of(self.prover, start)
            arrivals = [arrival for arrival in self.prover.arrivals(sender) if arrival.to == to]
            unsure = bool(self.prover.unmodelled(sender))
            counts["not modelled"] += unsure
            seconds["prover"] += time.perf_counter() - began
            found = [self.half(start, to, asked, sender, arrivals, unsure, *half) for half in halves(SERVICES[asked])]
            counts["reachable"] += any(found)

    def half(
        self,
        start: Start,
        to: str,
        asked: str,
        sender: Sender,
        arrivals: list[Arrival],
        unsure: bool,
        family: Intervals,
        wanted: Intervals,
    ) -> bool:
        """Compares the answers for destinations of one address family; whether z3 has a packet that arrives."""
        counts, seconds = self.tally.counts, self.tally.seconds
        began = time.perf_counter()
        packets = (arrival.packet(services=wanted, destinations=family) for arrival in arrivals)
        witness = next((packet for packet in packets if packet is not None), None)
        lap = time.perf_counter()
        model = self.encoding.ask(start, to, wanted, destinations=family)
        seconds["prover"] += lap - began
        seconds["z3"] += time.perf_counter() - lap
        if unsure and (model is None or witness is not None):
            return model is not None
        if (witness is None) != (model is None):
            said = "prover unreachable" if witness is None else f"prover {witness} port {witness.source_port}"
            self.wrong("verdict", start, to, asked, f"{said}; z3 {model or 'unsat'}")
        if model is not None:
            counts["models replayed"] += 1
            if arrived(self.simulator.simulate(start, model), to) is None:
                self.wrong("model", start, to, asked, f"z3's {model} does not arrive")
        if witness is not None:
            self.replay(start, to, asked, sender, witness)
        elif model is None:
            self.sample(start, to, asked, family)
        return model is not None

    def replay(self, start: Start, to: str, asked: str, sender: Sender, witness: Sent) -> None:
        counts = self.tally.counts
        counts["witnesses replayed"] += 1
        sent = Packet(witness.source, witness.destination, witness.service, witness.source_port)
        if arrived(self.simulator.simulate(start, sent), to) is None:
            self.wrong("witness", start, to, asked, f"{sent} does not arrive")
            return
        traced = self.prover.trace(sender, witness, to)
        if not traced.delivered or traced.to != to:
            self.wrong("trace", start, to, asked, f"{sent} is traced to {traced.outcome} {traced.to}")
            return
        if services.number(witness.service) not in (TCP, UDP):
            return
        said = self.prover.reply(traced)
        answers = [self.answer(start, sent, port, to) for port in CLIENT_PORTS]
        if None in answers:
            counts["replies left out"] += 1
            return
        counts["replies"] += 1
        if (said == "passes") != all(answers):
            self.wrong("reply", start, to, asked, f"{sent}: prover {said}; simulator {answers}")

    def answer(self, start: Start, sent: Packet, port: int, to: str) -> bool | None:
        """Whether the answer comes back; None where the network's choices differ in that."""
        packet = Packet(sent.source, sent.destination, sent.service, port)
        runs = [r for r in self.simulator.simulate(start, packet) if r.outcome == "delivered" and r.to == to]
        found = set()
        for run in runs:
            back = self.simulator.replies(start, packet, run)
            found |= {self.returned(start, packet, each) for each in back}
        return found.pop() if len(found) == 1 else None

    def returned(self, start: Start, sent: Packet, run: Run) -> bool:
        if run.outcome != "delivered" or run.packet.destination != sent.source or run.packet.source != sent.destination:
            return False
        if run.packet.source_port != sent.service & 0xFFFF:
            return False
        if start.kind == "internet":
            return run.to == "internet"
        if start.kind == "pool":
            return run.to == f"pool {start.name} {start.device}"
        return run.to == start.name

    def sample(self, start: Start, to: str, asked: str, family: Intervals, tries: int = 4) -> None:
        """Packets at random to addresses of a family: none may arrive."""
        for _ in range(tries):
            packet = self.some_packet(start, to, asked)
            if packet is None or not addresses.contains(family, packet.destination):
                continue
            self.tally.counts["packets sampled"] += 1
            if arrived(self.simulator.simulate(start, packet), to) is not None:
                self.wrong("sample", start, to, asked, f"{packet} arrives")
                return

    def some_packet(self, start: Start, to: str, asked: str) -> Packet | None:
        pick = self.random
        if to == "internet":
            aims = [
                addresses.address("192.0.2.17"),
                addresses.address("203.0.113.200"),
                addresses.address("2001:db8:ffff::1"),
            ]
        else:
            aims = list(self.facts.own_addresses(to))
            aims += [public for n in self.facts.hosts[to].nics for public in self.facts.nics[n].public.values()]
        aims += [p for p in self.facts.public if p >= 0]
        aims += [a for n in self.facts.nics.values() if n.holder == "balancer" for a in n.addresses]
        aim = pick.choice(aims)
        v6 = aim >= addresses.V6
        if start.kind == "internet":
            own = [
                addresses.address("2001:db8:ffff::9" if v6 else pick.choice(("192.0.2.17", "203.0.113.200", "8.8.8.8")))
            ]
        elif start.kind == "pool":
            own = [self.facts.hosts[start.name].pools[start.device][0][0] + 5]
        else:
            own = list(self.facts.own_addresses(start.name))
        own = [each for each in own if (each >= addresses.V6) == v6]
        if not own:
            return None
        low, high = pick.choice(SERVICES[asked])
        if asked == "anything":
            low, high = pick.choice(
                [SERVICES[k][0] for k in ("tcp 22", "tcp 443", "tcp 26656-26659", "udp", "icmp echo")]
            )
        if services.number(low) == ICMP and v6:
            return None
        return Packet(pick.choice(own), aim, pick.randint(low, high), pick.choice((1024, 32768, 40000, 60999)))


def compare(seeds: range, most: int | None = None, progress: int = 0) -> Tally:
    """Compares the estates of the seeds, at most ``most`` questions an estate."""
    tally = Tally()
    told = 0
    began = time.perf_counter()
    for done, seed in enumerate(seeds, 1):
        try:
            Comparison(seed, tally).run(most)
        except Exception as error:  # every way to fail on a seed is a finding
            tally.counts["failures"] += 1
            tally.disagreements.append(Disagreement(seed, "failure", "", "", "", f"{type(error).__name__}: {error}"))
        while progress and told < len(tally.disagreements):
            print(tally.disagreements[told], flush=True)
            told += 1
        if progress and done % progress == 0:
            print(
                f"{done} estates, {len(tally.disagreements)} disagreements, {time.perf_counter() - began:.0f} s",
                flush=True,
            )
    tally.seconds["all"] += time.perf_counter() - began
    return tally


def report(tally: Tally, seeds: range, shown: int) -> str:
    counts: dict[str, Any] = tally.counts
    questions = counts["questions"] or 1
    seconds = tally.seconds
    rate = counts["estates"] / max(seconds["all"], 1e-9)
    lines = [
        f"estates {counts['estates']} (seeds {seeds.start} to {seeds.stop - 1}), questions {counts['questions']}",
        f"reachable {counts['reachable'] / questions:.0%}, not modelled {counts['not modelled']}",
        f"disagreements {len(tally.disagreements)}",
        f"witnesses replayed {counts['witnesses replayed']}, models replayed {counts['models replayed']}",
        f"packets sampled {counts['packets sampled']}, replies compared {counts['replies']}",
        f"seconds {seconds['all']:.0f} ({rate:.1f} estates/s), prover {seconds['prover']:.1f}, z3 {seconds['z3']:.1f}",
        *(f"  {count} x {why}" for why, count in sorted(counts.items()) if why.startswith("why: ")),
        *(f"  {each}" for each in tally.disagreements[:shown]),
    ]
    if tally.disagreements:
        lines.append("replay one with: python -m verification.oracles.compare --estates 1 --seed SEED")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--estates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--questions", type=int, default=None, help="the maximum per estate")
    parser.add_argument("--shown", type=int, default=40)
    parser.add_argument("--progress", type=int, default=500)
    asked = parser.parse_args()
    seeds = range(asked.seed, asked.seed + asked.estates)
    tally = compare(seeds, asked.questions, asked.progress)
    print(report(tally, seeds, asked.shown))
    return 1 if tally.disagreements else 0


if __name__ == "__main__":
    raise SystemExit(main())
