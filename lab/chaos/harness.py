"""Tendermint's own acceptance tests for remote signers, unchanged, in the place of a validator node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ceremonies.public_key import ConsensusKey
from lab.chaos import chain, fastnet, judge, net, testbed
from lab.chaos.scale import Scale
from lab.errors import PromiseBroken
from tools import parts

ACCEPT_RETRIES = 300
PATIENCE_SECONDS = 120


def run(checkout: Path, say: fastnet.Say, scale: Scale) -> None:
    """tm-signer-harness, as the node of a datacentre, finds nothing wrong with what gate and tmkms answer.

    Raises:
        PromiseBroken: it did.
    """
    del scale
    program = parts.ensure("tm-signer-harness", say) / "bin" / "tm-signer-harness"
    with fastnet.running(checkout, say, with_nodes=False) as fast:
        home = fast.root / "run" / "harness"
        _make_home(home, fast.homes)
        place = net.node(net.SITES[0])
        address = f"tcp://{net.ADDRESSES[place]}:{chain.PRIVVAL_PORT}"
        options = ("-addr", address, "-tmhome", str(home), "-accept-retries", str(ACCEPT_RETRIES))
        harness = fast.add("harness", place, (str(program), "run", *options))
        gate = testbed.build(fast).sites[net.SITES[0]].gate
        if not fast.wait_until(lambda: _is_ready(gate.log), PATIENCE_SECONDS):
            raise PromiseBroken(f"the gate was not ready within {PATIENCE_SECONDS} s; see {gate.log}")
        harness.start()
        harness.wanted = False
        ended = fast.wait_until(lambda: not harness.running, PATIENCE_SECONDS)
        said = harness.log.read_text(errors="replace").strip().splitlines()
        if not ended or harness.status:
            raise PromiseBroken(f"tm-signer-harness ended with {harness.status}: {' | '.join(said[-5:])}")
        say(f"tm-signer-harness ended with 0; {said[-1].split('] ')[-1]}")


def _is_ready(log: Path) -> bool:
    """Whether a gate has been admitted by the table and has its signer; the node may come later."""
    said = {event["event"] for event in judge.gate_events(log.read_text(errors="replace").splitlines())}
    return {"started", "signer-up"} <= said


def _make_home(home: Path, homes: chain.Homes) -> None:
    """What the harness reads of a Tendermint node's home: the key, to compare with, its state and a genesis."""
    key: ConsensusKey = homes.public_key
    public = {"type": "tendermint/PubKeyEd25519", "value": key.base64}
    secret = homes.private_key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()) + key.raw
    private = {"type": "tendermint/PrivKeyEd25519", "value": chain.base64_text(secret)}
    files: dict[str, dict[str, Any]] = {
        "config/priv_validator_key.json": {"address": key.address, "pub_key": public, "priv_key": private},
        "data/priv_validator_state.json": {"height": "0", "round": 0, "step": 0},
        "config/genesis.json": {
            "genesis_time": "2026-01-01T00:00:00Z",
            "chain_id": chain.CHAIN_ID,
            "initial_height": "1",
            "validators": [{"address": key.address, "pub_key": public, "power": "10", "name": ""}],
            "app_hash": "",
        },
    }
    for name, content in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(json.dumps(content))
