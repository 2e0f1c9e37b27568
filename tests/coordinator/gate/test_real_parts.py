"""The gate between the real tmkms, DynamoDB Local and CometBFT's own code as the node."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.privval.votes import NIL
from lab.table import local
from tests.coordinator.gate import tmkms
from tests.coordinator.gate.conftest import Estate, until
from tests.coordinator.gate.peers import BLOCK, CHAIN, NOON, OTHER_BLOCK, precommit, prevote, proposal
from tools import parts
from verification.coordinator import judge
from verification.coordinator.judge import JudgeNode

pytestmark = pytest.mark.slow
Make = Callable[..., Estate]
HEIGHTS = 300


@pytest.fixture
def node() -> Iterator[JudgeNode]:
    with JudgeNode(chain_id=CHAIN, accept=10) as node:
        yield node


def test_cometbft_verifies_everything_that_comes_through_the_whole_path(
    real: Callable[..., Estate], node: JudgeNode
) -> None:
    made = real(node.port)
    node.wait(10)
    assert node.public_key().public_key == made.public_key
    released = []

    def sign(asked) -> None:
        one = getattr(asked, "vote", None) or asked.proposal
        reply = node.proposal(one) if hasattr(asked, "proposal") else node.vote(one)
        assert reply.granted and reply.verified, (reply, made.log.getvalue()[-2000:])
        released.append((CHAIN, made.public_key, replace(one, time_ns=reply.time_ns, signature=reply.signature)))

    for height in range(10, 10 + HEIGHTS):
        sign(proposal(height, time_ns=NOON + height))
        sign(prevote(height, time_ns=NOON + height + 1))
        sign(precommit(height, time_ns=NOON + height + 2))
        if height % 5 == 0:
            sign(prevote(height, 1, NIL))
            sign(precommit(height, 1, NIL))
            refused = node.vote(prevote(height, block=OTHER_BLOCK).vote)
            assert refused.refused and not refused.fatal
            assert node.connected()
    verdict = judge.verdict(released)
    assert verdict.messages == len(released) > 3 * HEIGHTS
    assert (verdict.invalid_signatures, verdict.duplicates, verdict.conflicting_proposals) == ([], [], [])
    assert len(made.events("node-up")) == 1


def test_the_judge_would_see_a_second_signature(estate: Make) -> None:
    made = estate()
    released = []
    for block in (BLOCK, OTHER_BLOCK):
        asked = prevote(10, block=block)
        signature = made.key.sign(asked.request().sign_bytes)
        released.append((CHAIN, made.public_key, replace(asked.vote, signature=signature)))
    assert len(judge.verdict(released).duplicates) == 1


def test_two_gates_give_one_signature(real: Callable[..., Estate], node: JudgeNode) -> None:
    chain = "pair-1"
    with JudgeNode(chain_id=chain, accept=10) as other, JudgeNode(chain_id=chain, accept=10) as first:
        one = real(first.port, ("gate-a", "gate-b"), chain_id=chain)
        two = real(other.port, ("gate-a", "gate-b"), chain_id=chain, gate_id="gate-b")
        for each in (first, other):
            each.wait(10)
            assert each.public_key().public_key == one.public_key == two.public_key
        for height in range(10, 60):
            owner, reader = (first, other) if height % 2 else (other, first)
            signed = owner.vote(prevote(height, chain=chain).vote)
            assert signed.granted and signed.verified
            refused = reader.vote(prevote(height, block=OTHER_BLOCK, chain=chain).vote)
            assert refused.refused
            until(lambda height=height, reader=reader, signed=signed: _same(reader, height, chain, signed))
        proposed = first.proposal(proposal(60, chain=chain).proposal)
        assert proposed.granted and proposed.verified
        until(lambda: other.proposal(proposal(60, chain=chain).proposal).verified)
        later = other.proposal(proposal(60, time_ns=NOON + 77, chain=chain).proposal)
        assert later.refused and "other-time" in later.error


def _same(reader: JudgeNode, height: int, chain: str, signed: judge.Reply) -> bool:
    replayed = reader.vote(prevote(height, time_ns=NOON + 77, chain=chain).vote)
    assert replayed.refused or (replayed.signature, replayed.time_ns) == (signed.signature, signed.time_ns)
    return replayed.granted


def test_a_killed_tmkms_comes_back_and_a_stopped_one_is_refused_in_time(
    real: Callable[..., Estate],
) -> None:
    chain = "kill-1"
    with JudgeNode(chain_id=chain, accept=10) as node:
        made = real(node.port, chain_id=chain)
        node.wait(10)
        node.public_key()
        assert node.vote(prevote(10, chain=chain).vote).verified
        made.tmkms.kill()
        until(lambda: not made.signer_is_up)
        reply = node.vote(prevote(11, chain=chain).vote)
        assert reply.refused and "signer-absent" in reply.error
        with tmkms.running(made.directory / "tmkms" / "tmkms.toml") as again:
            until(lambda: made.signer_is_up, 60)
            assert node.vote(prevote(12, chain=chain).vote).verified
            os.kill(again.pid, signal.SIGSTOP)
            reply = node.vote(prevote(13, chain=chain).vote)
            assert reply.refused and "signer" in reply.error
            os.kill(again.pid, signal.SIGCONT)
            until(lambda: made.signer_is_up, 60)
            until(lambda: node.vote(prevote(20, chain=chain).vote).verified, 60)
        assert node.connected()
        assert len(made.events("node-up")) == 1


def _tendermint_home(home: Path, chain: str, key: Ed25519PrivateKey) -> None:
    """What the harness reads of a Tendermint node's home: its key, its state and its genesis."""
    public = key.public_key().public_bytes_raw()
    public_key = {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(public).decode()}
    secret = base64.b64encode(key.private_bytes_raw() + public).decode()
    address = hashlib.sha256(public).hexdigest()[:40].upper()
    files = {
        "config/priv_validator_key.json": {
            "address": address,
            "pub_key": public_key,
            "priv_key": {"type": "tendermint/PrivKeyEd25519", "value": secret},
        },
        "data/priv_validator_state.json": {"height": "0", "round": 0, "step": 0},
        "config/genesis.json": {
            "genesis_time": "2026-01-01T00:00:00Z",
            "chain_id": chain,
            "initial_height": "1",
            "consensus_params": {
                "block": {"max_bytes": "22020096", "max_gas": "-1", "time_iota_ms": "1000"},
                "evidence": {"max_age_num_blocks": "100000", "max_age_duration": "172800000000000"},
                "validator": {"pub_key_types": ["ed25519"]},
                "version": {},
            },
            "validators": [{"address": address, "pub_key": public_key, "power": "10", "name": ""}],
            "app_hash": "",
        },
    }
    for name, content in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(json.dumps(content))


def test_tm_signer_harness_passes_through_the_gate(real: Callable[..., Estate], tmp_path: Path) -> None:
    """Tendermint's own acceptance tests for remote signers, unchanged."""
    chain, home = "harness-1", tmp_path / "tendermint"
    key = Ed25519PrivateKey.generate()
    _tendermint_home(home, chain, key)
    port = local.free_port()
    program = parts.ensure("tm-signer-harness") / "bin" / "tm-signer-harness"
    harness = subprocess.Popen(
        [program, "run", "-addr", f"tcp://127.0.0.1:{port}", "-tmhome", str(home), "-accept-retries", "300"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        real(port, chain_id=chain, key=key)
        output, _ = harness.communicate(timeout=120)
    finally:
        harness.kill()
    assert harness.returncode == 0, output
