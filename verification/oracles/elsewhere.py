"""Load balancers of other stacks: nothing that one of them sends to a host is called unreachable.

    python -m verification.oracles.elsewhere [--estates N] [--seed FIRST]

Generated estates, each with one load balancer that the prover does not read, because it is of another stack: the
balancer alone, with its listeners, with its target groups too, or with its own security group. z3 decides on the whole
estate what arrives. Hosts to which that balancer sends nothing must get the same answers as in the whole estate.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from reachability import addresses
from reachability.addresses import Intervals, union
from reachability.assembly import assemble
from reachability.places import Places
from reachability.prover import Prover
from reachability.question import UNREACHABLE, ask
from reachability.resources import Resource
from reachability.subject import Subject
from verification.oracles.compare import halves, name_of, sender_of, starts
from verification.oracles.encoding import Encoding
from verification.oracles.facts import Facts, texts
from verification.oracles.generate import estate
from verification.oracles.simulator import Packet, Start

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
WAYS = ("balancer", "listeners", "target groups", "security group")
"""What another stack holds: each with all before it."""


def left_out(subject: Subject, balancer: Resource, way: str) -> Subject:
    """The estate without a load balancer, and without what is of its stack by one of ``WAYS``."""
    gone = {balancer.urn}
    own = [
        each
        for each in subject.resources
        if each.type == LISTENER and each.properties["loadBalancerArn"] == balancer.properties["arn"]
    ]
    if way in WAYS[1:]:
        gone |= {each.urn for each in own}
    if way in WAYS[2:]:
        arns = {action["targetGroupArn"] for each in own for action in each.properties["defaultActions"]}
        found = [each for each in subject.resources if each.type == TARGET_GROUP and each.properties["arn"] in arns]
        gone |= {each.urn for each in found}
    if way in WAYS[3:]:
        groups = set(texts(balancer.properties.get("securityGroups")))
        used = {
            id_
            for each in subject.resources
            for name in ("vpcSecurityGroupIds", "securityGroups")
            for id_ in (texts(each.properties.get(name)) if each.urn != balancer.urn else ())
        }
        gone |= {each.urn for each in subject.resources if each.type == GROUP and each.id in groups - used}
    return replace(subject, resources=tuple(each for each in subject.resources if each.urn not in gone))


class Elsewhere:
    """One estate, of which a load balancer is of another stack.

    ``touched``: the hosts to which that balancer sends.
    """

    def __init__(self, subject: Subject, balancer: Resource, way: str) -> None:
        self.facts = Facts(subject)
        self.encoding = Encoding(self.facts)
        self.whole = Prover(assemble(subject))
        seen = left_out(subject, balancer, way)
        self.prover = Prover(assemble(seen))
        self.places = Places(self.prover, seen.resources)
        targets = [target for each in self.facts.balancers[balancer.urn].listeners for target in each.targets]
        self.touched = {self.facts.nics[target.nic].name for target in targets}

    def unreachable(self, prover: Prover, start: Start, to: str) -> Intervals:
        """The services that the prover calls unreachable."""
        places = self.places if prover is self.prover else Places(prover, ())
        answer = ask(prover, sender_of(prover, start), places.target(to), obstacles=False)
        return union(*(flow.services for flow in answer.flows if flow.verdict == UNREACHABLE))

    def arriving(self, start: Start, to: str, asked: Intervals) -> Packet | None:
        """A packet of one of the services that arrives in the whole estate, by z3."""
        for family, wanted in halves(asked):
            packet = self.encoding.ask(start, to, wanted, destinations=family)
            if packet is not None:
                return packet
        return None

    def check(self, counts: Counter[str]) -> Iterator[str]:
        """What is called unreachable and arrives, and what became unknown of hosts that the balancer does not touch."""
        routers = any(host.forwards for host in self.facts.hosts.values())
        for start in starts(self.facts):
            for to in self.facts.hosts:
                if to == start.name:
                    continue
                counts["questions"] += 1
                refused = self.unreachable(self.prover, start, to)
                packet = self.arriving(start, to, refused) if refused else None
                if packet is not None:
                    yield f"{name_of(start)} -> {to}: unreachable, but {packet} arrives"
                if to in self.touched:
                    counts["of its targets"] += 1
                elif not routers and addresses.difference(self.unreachable(self.whole, start, to), refused):
                    yield f"{name_of(start)} -> {to}: unknown, although the balancer does not send to it"


def check(seed: int, counts: Counter[str] | None = None) -> Iterator[str]:
    """The disagreements of one estate; none if it has no load balancer."""
    subject, pick = estate(seed), Random(f"{seed} elsewhere")
    balancers = [each for each in subject.resources if each.type == BALANCER]
    if not balancers:
        return
    counts = Counter() if counts is None else counts
    balancer, way = pick.choice(balancers), pick.choice(WAYS)
    counts["estates"] += 1
    for each in Elsewhere(subject, balancer, way).check(counts):
        yield f"seed {seed}: {balancer.name} and its {way} elsewhere: {each}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--estates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    counts: Counter[str] = Counter()
    found = [each for seed in range(asked.seed, asked.seed + asked.estates) for each in check(seed, counts)]
    for each in found[:40]:
        print(each)
    print(
        f"estates {asked.estates}, with a load balancer elsewhere {counts['estates']}, questions "
        f"{counts['questions']} ({counts['of its targets']} about its targets), disagreements {len(found)}"
    )
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
