"""Our validator's place in the lab's chain: its operator bonds it, frees it from jail, and waits until it is in the
set.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceremonies.public_key import ConsensusKey
from estate.errors import ExpectedError
from lab import netns
from lab.chain import plan
from lab.chain.genesis import ChainHome
from lab.chain.watch import ChainUnreachable, Node

Progress = Callable[[str], None]
JAILED_FOR_EVER = "tombstoned"


class JoinFailed(ExpectedError):
    """Our validator could not be bonded."""


@dataclass(frozen=True, kw_only=True)
class OperatorWallet:
    """The operator's wallet, used through the node at `node` from within `namespace`. `binary` is the daemon on this
    machine.
    """

    chain: ChainHome
    binary: Path
    chain_id: str
    node: Node

    def run(self, *arguments: str) -> Mapping[str, Any]:
        """The JSON that a command of the daemon prints.

        Raises:
            JoinFailed: it failed, or the chain refused the transaction.
        """
        inside = netns.command(self.node.namespace) if self.node.namespace else ()
        command: Sequence[str] = (
            *inside,
            str(self.binary),
            *arguments,
            "--home",
            str(self.chain.wallet),
            "--node",
            f"tcp://{self.node.host}:{self.node.port}",
            "--output",
            "json",
        )
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60
        )
        if done.returncode:
            raise JoinFailed(f"{' '.join(arguments[:3])}: exit {done.returncode}: {done.stderr.strip()[-600:]}")
        document: Mapping[str, Any] = json.loads(done.stdout)
        return document

    def address(self, *options: str) -> str:
        done = subprocess.run(
            [
                self.binary,
                "keys",
                "show",
                plan.OPERATOR,
                "-a",
                *options,
                "--keyring-backend",
                "test",
                "--home",
                self.chain.wallet,
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def send(self, *transaction: str, wait_seconds: float = 30) -> None:
        """Sends a transaction of the operator and waits until a block has it.

        Raises:
            JoinFailed: the chain refused it, or no block took it in time.
        """
        sent = self.run(
            "tx",
            *transaction,
            "--from",
            plan.OPERATOR,
            "--keyring-backend",
            "test",
            "--chain-id",
            self.chain_id,
            "--gas",
            "400000",
            "--fees",
            f"0{plan.DENOM}",
            "--broadcast-mode",
            "sync",
            "--yes",
        )
        if sent["code"]:
            raise JoinFailed(f"{' '.join(transaction[:2])}: refused: {sent['raw_log']}")
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                found = self.node.ask(("tx", {"hash": f"0x{sent['txhash']}"}))[0]
            except ChainUnreachable:
                if time.monotonic() > deadline:
                    raise JoinFailed(f"{' '.join(transaction[:2])}: no block took it in {wait_seconds:.0f} s") from None
                time.sleep(0.5)
                continue
            if found["tx_result"]["code"]:
                raise JoinFailed(f"{' '.join(transaction[:2])}: failed: {found['tx_result']['log']}")
            return

    def validator(self) -> Mapping[str, Any] | None:
        """The operator's validator as the staking module has it; none if there is none."""
        operator = self.address("--bech", "val")
        validators = self.run("query", "staking", "validators").get("validators") or []
        return next((each for each in validators if each["operator_address"] == operator), None)


def creation(key: ConsensusKey, moniker: str) -> dict[str, str | dict[str, str]]:
    """The file that `tx staking create-validator` takes. Pure."""
    return {
        "pubkey": {"@type": "/cosmos.crypto.ed25519.PubKey", "key": key.base64},
        "amount": f"{plan.OPERATOR_STAKE}{plan.DENOM}",
        "moniker": moniker,
        "identity": "",
        "website": "",
        "security": "",
        "details": "",
        "commission-rate": "0.05",
        "commission-max-rate": "0.20",
        "commission-max-change-rate": "0.01",
        "min-self-delegation": "1",
    }


def missing_step(validator: Mapping[str, Any] | None, key: ConsensusKey) -> str | None:
    """What our validator lacks: `create`, `unjail`, or nothing. Pure.

    Raises:
        JoinFailed: the operator's validator has another consensus key, which cannot be corrected.
    """
    if validator is None:
        return "create"
    known = validator["consensus_pubkey"].get("value") or validator["consensus_pubkey"].get("key")
    if known != key.base64:
        raise JoinFailed(
            f"got consensus key {key.base64}; the chain has {known} for our validator, and a validator keeps its "
            "key for life; "
            f"find the key, or take the lab down and start another chain"
        )
    return "unjail" if validator.get("jailed") else None


def join(
    wallet: OperatorWallet,
    key: ConsensusKey,
    *,
    moniker: str,
    wait_seconds: float = 90,
    progress: Progress = lambda _: None,
) -> bool:
    """Bonds our validator with the consensus key `key`, unless it is bonded, and waits until it is in the set. Whether
    anything was sent.

    Raises:
        JoinFailed, ChainUnreachable
    """
    step = missing_step(wallet.validator(), key)
    if step == "create":
        progress(f"bonding {moniker} with {plan.OPERATOR_STAKE}{plan.DENOM}")
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(creation(key, moniker), file)
            file.flush()
            wallet.send("staking", "create-validator", file.name)
    elif step == "unjail":
        progress(f"freeing {moniker} from jail")
        wallet.send("slashing", "unjail")
    deadline = time.monotonic() + wait_seconds
    while key.address not in wallet.node.validators():
        if time.monotonic() > deadline:
            raise JoinFailed(f"{moniker} ({key.address}) is not in the validator set after {wait_seconds:.0f} s")
        progress(f"waiting until {moniker} is in the validator set")
        time.sleep(1)
    return step is not None
