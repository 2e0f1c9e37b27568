"""Which faults happen when: drawn from a seed, so that a campaign can be had again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from lab.chaos import net
from lab.chaos.faults import Kind

MOST_AT_ONCE = 5
WITHIN_SECONDS = 2.0
"""The faults of a step begin within this time."""

MEASURED_EVERY = 3
"""Of so many steps one breaks a single thing while all is well, and counts the heights that are missed."""

KILL_OWNER, LOSE_DATACENTRE = "kill-owner", "lose-datacentre"
MISSED_AT_MOST = {KILL_OWNER: 1, LOSE_DATACENTRE: 2}


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault that begins ``after`` seconds of its step and lasts for ``seconds``. ``seed`` is for its own choices."""

    kind: str
    site: str
    after: float
    seconds: float
    seed: int


@dataclass(frozen=True, slots=True)
class Mixed:
    """Faults that overlap."""

    faults: tuple[Planned, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """One fault by itself, of ``MISSED_AT_MOST``."""

    kind: str


Step = Mixed | Measured


def steps(seed: int, kinds: Mapping[str, Kind]) -> Iterator[Step]:
    """Steps without end; the same ones for the same seed and kinds."""
    random = Random(seed)
    measured = 0
    while True:
        for _ in range(MEASURED_EVERY - 1):
            yield _mixed(random, kinds)
        measured += 1
        yield Measured(LOSE_DATACENTRE if measured % 3 == 0 else KILL_OWNER)


def _mixed(random: Random, kinds: Mapping[str, Kind]) -> Mixed:
    names = sorted(kinds)
    weights = [kinds[name].weight for name in names]
    found: list[Planned] = []
    broken: set[str] = set()
    for _ in range(random.randint(2, MOST_AT_ONCE)):
        name, site = random.choices(names, weights)[0], random.choice(net.SITES)
        targets = {each.format(site=site) for each in kinds[name].target.split()}
        after, seconds = random.uniform(0, WITHIN_SECONDS), random.uniform(*kinds[name].seconds)
        own = random.getrandbits(32)
        if broken & targets:
            continue
        broken |= targets
        found.append(Planned(name, site, after, seconds, own))
    return Mixed(tuple(sorted(found, key=lambda each: each.after)))
