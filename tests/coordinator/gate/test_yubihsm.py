"""The gate before tmkms's other backend: the key is in the mock of a YubiHSM, which tmkms reaches over HTTP.

tmkms's own feature `yubihsm-mock` puts the mock into its process, where it is empty at every start; this is the same
mock, with a key, and tmkms as it is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from lab.table import local
from tests.coordinator.gate import tmkms
from tests.coordinator.gate.conftest import KEY, Estate, until
from tests.coordinator.gate.peers import NOON, OTHER_BLOCK, precommit, prevote, proposal
from verification.coordinator import judge
from verification.coordinator.judge import JudgeNode

pytestmark = pytest.mark.slow
HEIGHTS = 100


@pytest.fixture
def hsm_port() -> Iterator[int]:
    port = local.free_port()
    with tmkms.hsm(KEY, port):
        yield port


def test_cometbft_verifies_what_the_hsm_signs_and_a_second_block_is_refused(
    real: Callable[..., Estate], hsm_port: int
) -> None:
    chain = "hsm-1"
    with JudgeNode(chain_id=chain, accept=10) as node:
        made = real(node.port, chain_id=chain, hsm_port=hsm_port)
        assert not list(made.directory.rglob("consensus.key"))
        node.wait(10)
        assert node.public_key().public_key == made.public_key
        released = []
        for height in range(10, 10 + HEIGHTS):
            for asked in (
                proposal(height, time_ns=NOON + height, chain=chain),
                prevote(height, time_ns=NOON + height + 1, chain=chain),
                precommit(height, time_ns=NOON + height + 2, chain=chain),
            ):
                one = getattr(asked, "vote", None) or asked.proposal
                reply = node.proposal(one) if hasattr(asked, "proposal") else node.vote(one)
                assert reply.granted and reply.verified, (reply, made.log.getvalue()[-2000:])
                signed = replace(one, time_ns=reply.time_ns, signature=reply.signature)
                released.append((chain, made.public_key, signed))
            if height % 10 == 0:
                lower = prevote(height - 1, block=OTHER_BLOCK, chain=chain)
                conflicting = precommit(height, block=OTHER_BLOCK, chain=chain)
                for refused in (node.vote(lower.vote), node.vote(conflicting.vote)):
                    assert refused.refused and not refused.fatal
                again = node.vote(precommit(height, time_ns=NOON + height + 99, chain=chain).vote)
                assert (again.signature, again.time_ns) == (reply.signature, reply.time_ns)
        verdict = judge.verdict(released)
        assert verdict.messages == 3 * HEIGHTS
        assert (verdict.invalid_signatures, verdict.duplicates, verdict.conflicting_proposals) == ([], [], [])
        assert node.connected()
        assert len(made.events("node-up")) == 1


def test_a_restarted_tmkms_signs_on_with_the_key_in_the_hsm(real: Callable[..., Estate], hsm_port: int) -> None:
    chain = "hsm-restart-1"
    with JudgeNode(chain_id=chain, accept=10) as node:
        made = real(node.port, chain_id=chain, hsm_port=hsm_port)
        node.wait(10)
        node.public_key()
        assert node.vote(prevote(10, chain=chain).vote).verified
        made.tmkms.kill()
        until(lambda: not made.signer_is_up)
        reply = node.vote(prevote(11, chain=chain).vote)
        assert reply.refused and "signer-absent" in reply.error
        with tmkms.running(made.directory / "tmkms" / "tmkms.toml"):
            until(lambda: made.signer_is_up, 60)
            refused = node.vote(prevote(10, block=OTHER_BLOCK, chain=chain).vote)
            assert refused.refused and not refused.fatal
            until(lambda: node.vote(prevote(20, chain=chain).vote).verified, 60)
        assert node.connected()
        assert len(made.events("node-up")) == 1


def test_an_hsm_that_is_gone_is_a_refusal_and_its_return_needs_no_operator(real: Callable[..., Estate]) -> None:
    chain, port = "hsm-gone-1", local.free_port()
    with JudgeNode(chain_id=chain, accept=10) as node:
        with tmkms.hsm(KEY, port):
            made = real(node.port, chain_id=chain, hsm_port=port)
            node.wait(10)
            node.public_key()
            assert node.vote(prevote(10, chain=chain).vote).verified
        for height in (11, 40):
            until(lambda: made.signer_is_up, 60)
            reply = node.vote(prevote(height, chain=chain).vote)
            assert (
                reply.refused and not reply.fatal and ("signer-failed" in reply.error or "signer-absent" in reply.error)
            )
            until(lambda: not made.signer_is_up)
        assert node.connected()
        with tmkms.hsm(KEY, port):
            heights = iter(range(100, 100_000, 30))
            until(lambda: node.vote(prevote(next(heights), chain=chain).vote).verified, 60)
        assert len(made.events("node-up")) == 1
