"""Blocks of a real chain, signed by our validator through tmkms and a sentry; what each does when another is gone."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ceremonies.observation import parse_state
from ceremonies.public_key import ConsensusKey
from lab.chain import join, outside
from tests.lab.chain.small_network import SmallNetwork
from tools import cache, recipes

pytestmark = pytest.mark.lab


def program(part: str) -> Path:
    found = cache.root() / "parts" / recipes.recipe(part).directory_name / "bin" / part
    if not found.exists():
        pytest.skip(f"{part} is not built yet: python -m tools ensure {part}")
    return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallNetwork]:
    if os.geteuid() != 0:
        pytest.skip("this is not root, which network namespaces need")
    network = SmallNetwork(root=tmp_path_factory.mktemp("chain"), daemon=program("wasmd"), tmkms=program("tmkms"))
    try:
        network.connect()
        network.configure()
        for member in (*network.members,):
            network.start(member)
        outside.wait_for_blocks(network.outside, wait_seconds=90)
        yield network
    finally:
        network.down()


@pytest.fixture(scope="module")
def key(running: SmallNetwork) -> ConsensusKey:
    seed = base64.b64decode((running.home("signer") / "consensus.key").read_text())
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    found = ConsensusKey(public.public_bytes(Encoding.Raw, PublicFormat.Raw))
    wallet = join.OperatorWallet(
        chain=running.chain, binary=running.daemon, chain_id=running.network.chain.chain_id, node=running.outside
    )
    assert join.join(wallet, found, moniker="ours"), "the first time, our validator is bonded"
    assert not join.join(wallet, found, moniker="ours"), "the second time, nothing is left to do"
    return found


def until(what: Callable[[], bool], *, seconds: float, why: str) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.5)


def signed(running: SmallNetwork, key: ConsensusKey) -> int:
    """The last height of ten that our key signed; 0 if none."""
    return running.outside.signing(key.address, 10).last_signed_height or 0


def blocks(running: SmallNetwork, count: int) -> None:
    reached = running.outside.head().height + count
    until(lambda: running.outside.head().height >= reached, seconds=60, why="the chain has stopped")


def test_our_validator_signs_every_block_through_its_signer(running: SmallNetwork, key: ConsensusKey) -> None:
    until(lambda: signed(running, key) > 0, seconds=60, why="our validator never signed")
    blocks(running, 12)
    record = running.outside.signing(key.address, 10)
    assert record.bonded
    assert record.missed == 0


def test_the_validator_knows_only_its_sentry(running: SmallNetwork, key: ConsensusKey) -> None:
    peers = running.outside.peers()
    assert running.sentry.name in peers
    assert running.validator.name not in peers, "another company's validator is a peer of ours"


def test_without_its_signer_our_validator_signs_nothing_and_then_goes_on(
    running: SmallNetwork, key: ConsensusKey
) -> None:
    running.stop("signer")
    blocks(running, 2)
    last = signed(running, key)
    blocks(running, 4)
    assert signed(running, key) == last, "somebody signs with our key while our signer is stopped"
    state = parse_state((running.home("signer") / "state/state.json").read_text())
    assert state.height >= last, "what was signed is written down"
    running.start("signer")
    until(lambda: signed(running, key) > last + 4, seconds=60, why="signing does not resume by itself")


def test_a_validator_that_is_restarted_waits_for_its_signer_and_for_its_own_signatures_to_be_past(
    running: SmallNetwork, key: ConsensusKey
) -> None:
    running.stop("signer")
    running.stop("validator")
    last = signed(running, key)
    running.start("validator")
    deadline = time.monotonic() + 12
    while time.monotonic() < deadline:
        running.keep("validator")
        time.sleep(0.5)
    assert signed(running, key) <= last + 1, "without a signer nothing is signed"
    running.start("signer")

    def resumed() -> bool:
        running.keep("validator")
        return signed(running, key) > last + 1

    until(resumed, seconds=120, why="the validator does not come back to its signer")
