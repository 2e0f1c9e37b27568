"""The same estate, written as real exports are: what may pass stays the same, or the export is refused.

    python -m verification.oracles.rewritten [--estates N] [--seed FIRST]

Generated estates, each rewritten in several ways. Some must change no answer: other tokens of the same types, one Name
tag and one logical name for many resources, another order. Others leave more than one state of the cloud possible: a
resource that awaits its deletion still stands, and one whose update failed may be as it was before. Such an export is
refused, or nothing that surely arrives in one of the possible states becomes unreachable.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from reachability import state
from reachability.addresses import difference
from reachability.assembly import assemble
from reachability.encoding import StateError
from reachability.frontends.aws_tokens import ALIASES
from reachability.prover import Prover
from reachability.resources import Resource
from reachability.subject import Subject
from verification.oracles.concealed import KEPT, arriving, lost
from verification.oracles.generate import estate

OTHER_TOKENS: Mapping[str, tuple[str, ...]] = {
    known: tuple(other for other, own in ALIASES.items() if own == known) for known in ALIASES.values()
}

Rewriting = Callable[[Subject, Random], Subject]


def aliases(subject: Subject, pick: Random) -> Subject:
    """Each type under any of its tokens."""

    def renamed(each: Resource) -> Resource:
        return replace(each, type=pick.choice([each.type, *OTHER_TOKENS.get(each.type, ())]))

    return replace(subject, resources=tuple(map(renamed, subject.resources)))


def shared_names(subject: Subject, pick: Random) -> Subject:
    """One of two Name tags and one logical name for all AWS resources: URNs and ids alone tell them apart."""

    def renamed(each: Resource) -> Resource:
        if not each.type.startswith("aws:"):
            return each
        tags = {**each.properties.get("tags", {}), "Name": pick.choice(("one", "two"))}
        return replace(each, name="same", properties={**each.properties, "tags": tags})

    return replace(subject, resources=tuple(map(renamed, subject.resources)))


def shuffled(subject: Subject, pick: Random) -> Subject:
    """The resources in another order."""
    return replace(subject, resources=tuple(pick.sample(subject.resources, len(subject.resources))))


SAME: tuple[Rewriting, ...] = (aliases, shared_names, shuffled)


OUTSIDE = "outside "


def differing(subject: Subject, other: Subject, *, outsides: bool = True) -> Iterator[str]:
    """What arrives in one of two estates and not in the other. ``outsides``: whether external networks, which are
    called as what leads to them, have the same names in both."""
    before, after = Prover(assemble(subject)), Prover(assemble(other))
    if bool(before.assembly.unmodelled) != bool(after.assembly.unmodelled):
        yield f"not modelled: {before.assembly.unmodelled[:1]} and {after.assembly.unmodelled[:1]}"
        return
    for may in (True, False):
        one, two = arriving(before, may=may), arriving(after, may=may)
        for pair in sorted(one.keys() | two.keys()):
            if not outsides and pair[0].startswith(OUTSIDE):
                continue
            if difference(one.get(pair, ()), two.get(pair, ())) or difference(two.get(pair, ()), one.get(pair, ())):
                yield f"{' -> '.join(pair)} ({'may' if may else 'must'})"


def _changed(subject: Subject, pick: Random, change: Callable[[dict[str, Any]], dict[str, Any]]) -> tuple[str, str]:
    """The URN of a resource, and the export with its entry changed."""
    document = json.loads(state.write(subject.resources))
    entries = document["deployment"]["resources"]
    index = pick.randrange(len(entries))
    entries[index] = change(entries[index])
    return entries[index]["urn"], json.dumps(document)


def awaiting_deletion(subject: Subject, pick: Random) -> tuple[str, str]:
    """The export with one resource that awaits its deletion. It still stands: the estate is as before."""
    return _changed(subject, pick, lambda entry: {**entry, "delete": True})


def failed_update(subject: Subject, pick: Random) -> tuple[str, str]:
    """The export after an update of one resource that failed, and that left out one of its properties. The cloud may
    have it: the estate may be as before."""

    def change(entry: dict[str, Any]) -> dict[str, Any]:
        names = sorted(entry["outputs"].keys() - KEPT)
        outputs = dict(entry["outputs"])
        if names:
            del outputs[pick.choice(names)]
        return {**entry, "outputs": outputs, "initErrors": ["it timed out"]}

    return _changed(subject, pick, change)


POSSIBLE = (awaiting_deletion, failed_update)


def check(seed: int, refused: Counter[str] | None = None) -> Iterator[str]:
    """The disagreements of one estate; ``refused`` counts the exports that are refused, by the way of rewriting."""
    subject, pick = estate(seed), Random(seed)
    for rewrite in SAME:
        for each in differing(subject, rewrite(subject, pick), outsides=rewrite is not shared_names):
            yield f"seed {seed}: {rewrite.__name__}: {each}"
    for leave in POSSIBLE:
        urn, text = leave(subject, pick)
        try:
            resources = state.read(text)
        except StateError:
            if refused is not None:
                refused[leave.__name__] += 1
            continue
        for each in lost(subject, replace(subject, resources=resources)):
            yield f"seed {seed}: {leave.__name__} of {urn}: {each}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--estates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    refused: Counter[str] = Counter()
    found = [each for seed in range(asked.seed, asked.seed + asked.estates) for each in check(seed, refused)]
    for each in found[:40]:
        print(each)
    print(f"estates {asked.estates}, exports refused {sum(refused.values())}, disagreements {len(found)}")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
