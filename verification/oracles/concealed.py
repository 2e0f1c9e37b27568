"""What a concealed value may hide: no packet that surely arrives may become unreachable when a value is hidden.

    python -m verification.oracles.concealed [--estates N] [--seed FIRST]

Generated estates, each several times with one property of one resource hidden, as an export hides an encrypted value.
Whatever the hidden value is, it may be the one that was there: so what surely arrives with it may still arrive, or the
prover says that it does not know.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from reachability.addresses import Intervals, difference, union
from reachability.assembly import assemble
from reachability.prover import Prover
from reachability.resources import UNKNOWN
from reachability.subject import Subject
from verification.oracles.generate import estate

TIMES = 4
"""How many values of each estate are hidden, one at a time."""
KEPT = frozenset({"region", "arn"})


def arriving(prover: Prover, *, may: bool) -> dict[tuple[str, str], Intervals]:
    """By sender and machine: the services that arrive."""
    found: dict[tuple[str, str], Intervals] = {}
    for sender in prover.senders():
        for arrival in prover.arrivals(sender, may=may):
            if arrival.to in prover.assembly.machines:
                pair = sender.name, arrival.to
                found[pair] = union(found.get(pair, ()), arrival.received_services())
    return found


def lost(subject: Subject, hidden: Subject) -> Iterator[str]:
    """What surely arrives in an estate, and is called unreachable when a part of it is hidden."""
    before, after = Prover(assemble(subject)), Prover(assemble(hidden))
    if before.assembly.unmodelled or after.assembly.unmodelled:
        return
    senders = {sender.name: sender for sender in after.senders()}
    maybe = arriving(after, may=True)
    for (name, to), used in arriving(before, may=False).items():
        if name in senders and after.unmodelled(senders[name]):
            continue
        if difference(used, maybe.get((name, to), ())):
            yield f"{name} -> {to}"


def hide(subject: Subject, pick: Random) -> tuple[str, Subject]:
    """The estate with one property of one resource hidden, and the name of that property."""
    resources = list(subject.resources)
    index = pick.choice([index for index, each in enumerate(resources) if each.properties.keys() - KEPT])
    chosen = resources[index]
    name = pick.choice(sorted(chosen.properties.keys() - KEPT))
    hidden = {**chosen.properties, name: UNKNOWN}
    resources[index] = replace(chosen, properties=hidden, concealed=frozenset({name}))
    return f"{chosen.urn}: {name}", replace(subject, resources=tuple(resources))


def check(seed: int) -> Iterator[str]:
    """The disagreements of one estate."""
    subject, pick = estate(seed), Random(seed)
    for _ in range(TIMES):
        what, hidden = hide(subject, pick)
        yield from (f"seed {seed}: {what} hidden: {each}" for each in lost(subject, hidden))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--estates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    found = [each for seed in range(asked.seed, asked.seed + asked.estates) for each in check(seed)]
    for each in found[:40]:
        print(each)
    print(f"estates {asked.estates}, values hidden {asked.estates * TIMES}, disagreements {len(found)}")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
