"""Which faults happen when: drawn from a seed, so that a campaign can be repeated. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from lab.chaos import net
from lab.chaos.faults import Kind

MOST_AT_ONCE = 6
WITHIN_SECONDS = 2.0
"""The faults of a step begin within this time."""

MEASURED_EVERY = 4
"""Of this many steps one breaks a single thing while nothing else is broken, and counts the heights that are missed."""

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
    """Steps without end; the same ones for the same seed and kinds.

    The first steps have each kind once, in as few steps as possible; after them kinds are drawn by their weight.
    """
    random = Random(seed)
    first = sorted(kinds)
    random.shuffle(first)
    measured = 0
    while True:
        for _ in range(MEASURED_EVERY - 1):
            yield _next_of(random, kinds, first) if first else _drawn(random, kinds)
        measured += 1
        yield Measured(LOSE_DATACENTRE if measured % 3 == 2 else KILL_OWNER)


def _next_of(random: Random, kinds: Mapping[str, Kind], first: list[str]) -> Mixed:
    """A step of kinds that have not been yet, which are taken from ``first``: those that most others compete with."""
    rivals = Counter(target for name in first for target in kinds[name].target.split())
    most = sorted(first, key=lambda name: -max(rivals[target] for target in kinds[name].target.split()))
    step = _Step()
    for name in most:
        sites = random.sample(net.SITES, len(net.SITES))
        if len(step.faults) < MOST_AT_ONCE and any(step.add(random, kinds, name, site) for site in sites):
            first.remove(name)
    return step.mixed()


def _drawn(random: Random, kinds: Mapping[str, Kind]) -> Mixed:
    names = sorted(kinds)
    weights = [kinds[name].weight for name in names]
    step = _Step()
    for _ in range(random.randint(2, MOST_AT_ONCE)):
        step.add(random, kinds, random.choices(names, weights)[0], random.choice(net.SITES))
    return step.mixed()


@dataclass
class _Step:
    """A mixed step, while faults are added that do not break the same thing."""

    faults: list[Planned] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def add(self, random: Random, kinds: Mapping[str, Kind], name: str, site: str) -> bool:
        """Whether it could be added."""
        targets = {each.format(site=site) for each in kinds[name].target.split()}
        after, seconds = random.uniform(0, WITHIN_SECONDS), random.uniform(*kinds[name].seconds)
        seed = random.getrandbits(32)
        if self.broken & targets:
            return False
        self.broken |= targets
        self.faults.append(Planned(name, site, after, seconds, seed))
        return True

    def mixed(self) -> Mixed:
        return Mixed(tuple(sorted(self.faults, key=lambda each: each.after)))
