"""The kernel's verdicts and the prover's, over a few dozen rulesets; the long run is a command (``__main__``)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from reachability.frontends.nftables import firewall
from reachability.network import Chain, Firewall
from verification.kernel.comparison import Tally, compare, compare_ruleset
from verification.kernel.generator import Generator
from verification.kernel.router import Router

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("nft") is None, reason="needs root and nft"),
]

RULESETS = 40
PACKETS = 300


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    with Router() as made:
        yield made


def test_the_kernel_and_the_prover_agree_on_every_packet_of_generated_rulesets(router: Router) -> None:
    total = Tally()
    for seed in range(RULESETS):
        total.add(compare(router, seed, PACKETS))
    assert total.disagreements == []
    assert total.rulesets >= RULESETS - 4
    assert 0.2 * total.packets < total.delivered < 0.9 * total.packets
    assert total.answers > 300


def test_a_prover_that_reads_another_ruleset_than_the_kernel_is_found_out(router: Router) -> None:
    generator = Generator(Random(1))
    packets = generator.packets(PACKETS)
    closed = "flush ruleset\ntable inet t {\nchain f {\ntype filter hook forward priority 0; policy drop;\n}\n}\n"
    assert compare_ruleset(router, closed, packets, "closed").disagreements == []
    load, router.load = router.load, lambda _: load("flush ruleset\n")  # type: ignore[method-assign]
    try:
        assert len(compare_ruleset(router, closed, packets, "open").disagreements) > 50
    finally:
        router.load = load  # type: ignore[method-assign]


def _nameless(read: Firewall) -> tuple[object, ...]:
    def chain(each: Chain) -> Chain:
        return replace(each, rules=tuple(replace(rule, name="") for rule in each.rules))

    hooks = {hook: tuple(chain(each) for each in found) for hook, found in read.hooks.items()}
    return hooks, read.kinds, {name: chain(each) for name, each in read.chains.items()}, len(read.unmodelled)


def test_text_and_json_of_the_same_ruleset_mean_the_same(router: Router) -> None:
    compared = 0
    for seed in range(RULESETS):
        text = Generator(Random(seed), loose=seed % 3 == 0).ruleset()
        if router.load(text):
            continue
        assert _nameless(firewall(router.listed())) == _nameless(firewall(router.listed(as_json=True))), f"seed {seed}"
        compared += 1
    assert compared >= RULESETS - 4
