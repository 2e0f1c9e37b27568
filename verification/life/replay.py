"""Carries out the model's traces on the real gate, watermark file, table calls and the ceremonies' calls for the row.

    python -m verification.life.replay --samples 2000 --kept 400 --seed 1

Each step of a trace is done on both sides and compared. Afterwards every gate is started again and asked for another
block at every position that the key has signed. In every state the ceremonies are asked for their next step
(`decided.py`). What is counted:

- `unsafe`: the product signs, starts or goes on where the model refuses; or the key signs twice;
- `stricter`: the product refuses where the model goes on. The two may differ from there on, so only double signatures
  are looked for in the rest of that trace.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ceremonies.row import Ceremony, NotDone
from coordinator import floor
from coordinator.decision.effects import Won
from coordinator.decision.records import Claim, Gate, Head
from coordinator.floor import FloorUnusable
from coordinator.table import items
from coordinator.table.client import Accepted, ConditionFailed, Endpoint
from coordinator.table.credentials import CredentialsFile
from coordinator.table.store import Table
from lab.table import local
from verification.life import decided, itf, worlds
from verification.life.gates import CHAIN, RealGate, Reply, Running, Tmkms, block_of, position
from verification.life.itf import State

HEAD, CLAIMS = "life-signing-head", "life-signing-claims"
REGION, HOST = "us-east-1", "dynamodb.us-east-1.amazonaws.com"
MISSING = -1
AHEAD = 6
"""How many heights a claim may jump, as the model has it."""
GATE_STEPS = ("request", "claim", "floor", "insert", "sign", "release")
SAME = {
    "released": "signed",
    "replayed": "replayed",
    "table-went-back": "halted",
    "row-taken": "halted",
}
"""What the model says at the end of a request, in the words of `Reply`; all else is a refusal."""


@dataclass
class Result:
    """Of the replayed traces. Texts name the step."""

    traces: int = 0
    steps: int = 0
    signed: int = 0
    unsafe: list[str] = field(default_factory=list)
    stricter: Counter[str] = field(default_factory=Counter)


class Stores:
    """The rows of one key in a DynamoDB Local, and copies of them."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key

    def _call(self, operation: str, **body: Any) -> dict[str, Any]:
        return local.call("127.0.0.1", self._port, operation, body)

    def head(self) -> dict[str, Any] | None:
        found = self._call("GetItem", TableName=HEAD, Key={"pk": {"S": self._key}}, ConsistentRead=True)
        return found.get("Item")

    def claims(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call(
            "Query",
            TableName=CLAIMS,
            KeyConditionExpression="pk = :key",
            ExpressionAttributeValues={":key": {"S": self._key}},
        )["Items"]
        return found

    def put_head(self, item: dict[str, Any] | None) -> None:
        if item is None:
            self._call("DeleteItem", TableName=HEAD, Key={"pk": {"S": self._key}})
        else:
            self._call("PutItem", TableName=HEAD, Item=item)

    def put_claims(self, kept: Iterable[dict[str, Any]]) -> None:
        for item in self.claims():
            self._call("DeleteItem", TableName=CLAIMS, Key={"pk": item["pk"], "hrs": item["hrs"]})
        for item in kept:
            self._call("PutItem", TableName=CLAIMS, Item=item)


class SteppedCeremony(Ceremony):
    """The ceremonies' calls for the row, of which `take_over` stops before each call to the table."""

    _running: Running | None = None

    def begin_take_over(self, head: Head, gate_id: str, precommits: Sequence[Claim]) -> Takeover:
        return Takeover(self, head, gate_id, precommits)

    def _call(self, operation: str, body: dict[str, Any]) -> Accepted | ConditionFailed:
        if self._running:
            self._running.stop("call")
        return super()._call(operation, body)

    def take_over_in(self, running: Running, head: Head, gate_id: str, precommits: Sequence[Claim]) -> None:
        self._running = running
        try:
            self.take_over(CLAIMS, head, gate_id, precommits)
        finally:
            self._running = None


class Takeover:
    """A take-over under way. `refused`: why it ended without the height; empty if it did not."""

    def __init__(self, ceremony: SteppedCeremony, head: Head, gate_id: str, precommits: Sequence[Claim]) -> None:
        self.refused = ""

        def work(running: Running) -> None:
            try:
                ceremony.take_over_in(running, head, gate_id, precommits)
            except NotDone as error:
                self.refused = str(error)

        self._running = Running(work)

    @property
    def ended(self) -> bool:
        return self._running.place == "end"

    def step(self) -> None:
        """The next call to the table."""
        if not self.ended:
            self._running.step()

    def kill(self) -> None:
        self._running.kill()


def _named(host: int, generation: int) -> Gate:
    """A new run of this host's gate, whose claims may jump as far as in the model."""
    return Gate(f"gate-{host}", uuid.uuid4().hex, CHAIN, generation, AHEAD)


class Replay:
    """One trace on the product. `port` is that of a DynamoDB Local with both tables; `directory` is the trace's own."""

    def __init__(self, port: int, directory: Path, states: Sequence[State], result: Result) -> None:
        self._states, self._result, self._directory = states, result, directory
        self._private = Ed25519PrivateKey.generate()
        self._public = self._private.public_key().public_bytes_raw()
        self._key = items.key(CHAIN, self._public)
        self._endpoint = Endpoint(REGION, HOST, "127.0.0.1", port, "http")
        credentials = directory / "credentials.json"
        credentials.write_text(json.dumps({"AccessKeyId": "LIFE", "SecretAccessKey": "secret"}))
        self._credentials = CredentialsFile(credentials)
        self._ceremony = SteppedCeremony([self._endpoint], HEAD, self._key, self._credentials)
        self._stores = Stores(port, self._key)
        self._gates: dict[int, RealGate] = {}
        self._tmkms: dict[int, Tmkms] = {}
        self._signers: list[Tmkms] = []
        self._copies: Counter[int] = Counter()
        self._hung: dict[int, RealGate] = {}
        self._takeover: Takeover | None = None
        self._late: dict[tuple[int, int, int], Callable[[], object]] = {}
        self._direct: set[tuple[int, int]] = set()
        self._head: dict[str, Any] | None = None
        self._claims: list[dict[str, Any]] = []
        self._floors: dict[int, bytes | None] = {}
        self._apart = False
        self._now = ""

    def run(self) -> None:
        first = self._states[0]
        hosts = first["hosts"]
        for host, there in hosts.items():
            self._new_tmkms(host, there["tmkms"], there["tmkmsBlock"])
            if there["floor"] != MISSING:
                self._seed(host, there["floor"])
        if first["row"]["exists"]:
            self._ceremony.seed(position(first["row"]["head"]), first["row"]["generation"], self._names(first["row"]))
        for host, there in hosts.items():
            if there["running"] and there["coordinated"]:
                self._start(host, there["generation"])
        self._keep()
        self._result.traces += 1
        try:
            for number, (before, after) in enumerate(zip(self._states, self._states[1:], strict=False), 1):
                if after["healing"]:
                    break
                did = after["did"]
                self._now = (
                    f"trace {self._result.traces}, step {number}: {did['act']} {did['host'] or ''} {did['out']}".strip()
                )
                self._step(before, after)
                self._result.steps += 1
                self._judge()
                self._result.unsafe += [f"{self._now}: {text}" for text in decided.wrong(after)]
            else:
                after = self._states[-1]
            self._now = f"trace {self._result.traces}, started again and asked for another block"
            self._ask_again(after)
        finally:
            self._drop_takeover()
            for gate in (*self._gates.values(), *self._hung.values()):
                gate.kill()

    def _new_tmkms(self, host: int, pos: int, block: int) -> None:
        self._tmkms[host] = Tmkms(self._private, pos, block)
        self._signers.append(self._tmkms[host])

    # what a step does

    def _step(self, before: State, after: State) -> None:
        did = after["did"]
        act, host = did["act"], did["host"]
        if act in GATE_STEPS:
            self._request(before["hosts"][host], after["hosts"][host], host, did)
        elif act == "start-gate":
            if not self._start(host, after["hosts"][host]["generation"]):
                self._differs(f"the gate is not started: {self._gates[host].said() or 'its watermark is unusable'}")
        elif act == "land":
            late = self._late.pop((host, did["pos"], did["pay"]), None)
            landed = late is not None and isinstance(late(), Won)
            if landed and did["out"] != "landed":
                self._unsafe("a late claim lands that must not")
            elif not landed and did["out"] == "landed":
                self._differs("a late claim of an earlier run does not land")
        elif act == "hang":
            self._hang(host, after["hosts"][host], did)
        elif act == "wake":
            if hung := self._hung.pop(host, None):
                self._compare(did["out"], hung.to_end())
                hung.kill()
        elif act == "take":
            self._take(before, did)
        elif act == "kill":
            self._drop_takeover()
        elif act == "keep":
            self._keep()
        elif act == "put-back":
            self._put_back(before, after)
        elif act == "sign-directly":
            if did["out"] == "signed":
                self._direct.add((did["pos"], block_of(did["pay"])))
            self._follow_hosts(before, after)
        else:
            self._follow_hosts(before, after)
            self._follow_row(before["row"], after["row"])
        for each, there in after["hosts"].items():
            gate = self._gates.get(each)
            if gate and not (there["running"] and there["coordinated"]) and not there["halted"]:
                self._stop(each)
            elif gate and gate.busy and there["stage"] == 0:
                self._unsafe_if_signed(gate.to_end(), "the product goes on with a request that the model ended")

    def _request(self, before: State, after: State, host: int, did: State) -> None:
        gate = self._gates.get(host)
        if gate is None:
            return
        begins = before["stage"] == 0
        if begins:
            gate.ask(did["pos"], did["pay"])
        elif not gate.busy:
            return
        if after["stage"]:
            if not gate.go_to(after["stage"]):
                reply = gate.to_end()
                self._unsafe_if_signed(reply, "the product signs without a claim of its own")
                self._differs(f"the model goes on, the product refuses: {reply.cause}")
            return
        out = did["out"]
        reply = gate.to_end(out if out in ("landed", "late", "never") else "")
        if out == "late" and (late := gate.take_late()):
            self._late[host, did["pos"], did["pay"]] = late
        self._compare(out, reply)

    def _compare(self, out: str, reply: Reply) -> None:
        expected = SAME.get(out, "refused")
        if reply.outcome == "signed":
            self._result.signed += 1
        if expected == reply.outcome or (expected == "halted" and reply.cause in ("table-went-back", "halted")):
            return
        if reply.outcome in ("signed", "replayed") and expected not in ("signed", "replayed"):
            if not (reply.outcome == "replayed" and expected == "refused"):
                self._unsafe_if_signed(reply, f"the model has {out}, the product signs")
            return
        if expected == "halted":
            self._unsafe(f"the model halts ({out}), the product only refuses: {reply.cause}")
            return
        self._differs(f"the model has {expected}, the product {reply.outcome}: {reply.cause}")

    def _hang(self, host: int, after: State, did: State) -> None:
        """The run stops where the model's does, until it wakes. A copy of the machine goes on as the host."""
        gate = self._gates.pop(host, None)
        if gate is None:
            return
        gate.ask(did["pos"], did["pay"])
        if not gate.go_to(3 if after["floor"] >= did["pos"] else 2):
            reply = gate.to_end()
            gate.kill()
            self._unsafe_if_signed(reply, "the product signs without a claim of its own")
            self._differs(f"the model hangs, the product refuses: {reply.cause}")
            return
        self._hung[host] = gate
        file, was = self._file(host), self._tmkms[host]
        self._copies[host] += 1
        shutil.copyfile(file, self._file(host))
        self._new_tmkms(host, was.pos, was.block)

    def _take(self, before: State, did: State) -> None:
        """A step of a take-over: what it decides by what it sees, a claim for nothing, or the row."""
        out, target = did["out"], did["host"]
        if self._takeover is None:
            if before["taking"]["on"]:
                return
            head = self._ceremony.read()
            wanted = head is not None and decided.takes_over(before, target, head, self._precommits)
            if wanted and out != "look":
                self._unsafe(f"the model has {out}, the product takes the height over")
            elif head is None or not wanted:
                if out == "look":
                    self._differs("the model takes the height over, the product refuses")
            else:
                self._takeover = self._ceremony.begin_take_over(head, f"gate-{target}", self._precommits(head))
            return
        self._takeover.step()
        done, refused = self._takeover.ended, self._takeover.refused
        if out == "refused" and not refused:
            self._unsafe("the model does not go on with a take-over, the product does")
        elif out == "spend" and done and not refused:
            self._unsafe("the product takes the height over before every earlier precommit is spent")
        elif out != "refused" and (refused or done != (out == "take-over")):
            self._differs(f"the model goes on with a take-over ({out}), the product does not: {refused}")
        if done or out in ("refused", "take-over"):
            self._drop_takeover()

    def _precommits(self, head: Head) -> list[Claim]:
        return self._ceremony.precommits(CLAIMS, head.position)

    def _drop_takeover(self) -> None:
        if self._takeover:
            self._takeover.kill()
            self._takeover = None

    # gates, watermarks, rows

    def _file(self, host: int) -> Path:
        return self._directory / f"{host}.{self._copies[host]}.floor.json"

    def _names(self, row: State) -> list[str]:
        return [f"gate-{host}" for host in row["admitted"]]

    def _start(self, host: int, generation: int) -> bool:
        self._stop(host)
        gate = _named(host, generation)
        table = Table([self._endpoint], HEAD, CLAIMS, self._key, gate, self._credentials)
        try:
            self._gates[host] = RealGate(gate, self._file(host), table, self._tmkms[host])
        except FloorUnusable:
            table.close()
            return False
        return self._gates[host].started

    def _stop(self, host: int) -> None:
        if gate := self._gates.pop(host, None):
            gate.kill()

    def _seed(self, host: int, pos: int) -> None:
        floor.seed(self._file(host), CHAIN, self._public, position(pos))

    def _keep(self) -> None:
        self._head, self._claims = self._stores.head(), self._stores.claims()
        self._floors = {
            host: self._file(host).read_bytes() if self._file(host).exists() else None for host in self._tmkms
        }

    def _put_back(self, before: State, after: State) -> None:
        what, host = after["did"]["out"], after["did"]["host"]
        if what == "lose":
            self._stores.put_head(None)
            self._stores.put_claims([])
        if what in ("head", "table"):
            self._stores.put_head(self._head)
        if what in ("claims", "table"):
            self._stores.put_claims(self._claims)
        if what == "floor":
            self._stop(host)
            kept = self._floors[host]
            if kept is not None:
                self._file(host).write_bytes(kept)
        if what == "tmkms":
            there = after["hosts"][host]
            self._tmkms[host].pos, self._tmkms[host].block = there["tmkms"], there["tmkmsBlock"]

    def _follow_hosts(self, before: State, after: State) -> None:
        """Ceremonies and deployments at a host: its units stop first, then its files change."""
        for host, there in after["hosts"].items():
            was = before["hosts"][host]
            if was["running"] and not there["running"]:
                self._stop(host)
            if was["halted"] and not there["halted"] and self._file(host).exists():
                self._stop(host)
                floor.clear_halt(self._file(host), CHAIN)
            if there["floor"] != was["floor"]:
                self._stop(host)
                if there["floor"] == MISSING:
                    self._file(host).unlink(missing_ok=True)
                else:
                    self._seed(host, there["floor"])
            if (there["tmkms"], there["tmkmsBlock"]) != (was["tmkms"], was["tmkmsBlock"]):
                self._tmkms[host].pos, self._tmkms[host].block = there["tmkms"], there["tmkmsBlock"]

    def _follow_row(self, was: State, row: State) -> None:
        try:
            if row["exists"] and not was["exists"]:
                self._ceremony.seed(position(row["head"]), row["generation"], self._names(row))
            elif row["generation"] != was["generation"]:
                old, new = was["generation"], row["generation"]
                self._ceremony.renew(old, new, position(row["head"]), self._names(row))
            if row["closed"] and not was["closed"]:
                self._ceremony.close(row["generation"])
            elif row["exists"] and was["exists"] and row["generation"] == was["generation"]:
                for host in set(row["admitted"]) - set(was["admitted"]):
                    self._ceremony.admit(f"gate-{host}", row["generation"])
                for host in set(was["admitted"]) - set(row["admitted"]):
                    self._ceremony.dismiss(f"gate-{host}", row["generation"])
        except NotDone as error:
            self._differs(f"the row is not changed: {error}")

    # verdicts

    def _ask_again(self, last: State) -> None:
        """Every gate is started again and asked for another block at every position that was signed."""
        signed = {(pos, block) for each in self._signers for pos, block, _ in each.signed} | self._direct
        for host, there in last["hosts"].items():
            ready = there["up"] and there["key"] and there["coordinated"] and not there["masked"]
            if not ready or not self._file(host).exists() or not self._start(host, there["generation"]):
                continue
            gate = self._gates[host]
            for pos, block in sorted(signed):
                gate.ask(pos, 2 if block != 1 else 4)
                gate.to_end()
        self._judge()

    def _judge(self) -> None:
        made: dict[int, set[tuple[int, bytes]]] = {}
        for each in self._signers:
            for pos, block, message in each.signed:
                made.setdefault(pos, set()).add((block, message))
        twice = sorted(pos for pos, found in made.items() if len(found) > 1)
        if not self._apart:
            blocks = {pos: {block for block, _ in found} for pos, found in made.items()}
            twice += sorted(pos for pos, block in self._direct if blocks.get(pos, {block}) != {block})
        if twice:
            self._unsafe(f"the key signed twice at {', '.join(map(str, twice))}")
            for each in self._signers:
                each.signed.clear()

    def _unsafe_if_signed(self, reply: Reply, text: str) -> None:
        if reply.outcome == "signed" and not self._apart:
            self._unsafe(text)

    def _unsafe(self, text: str) -> None:
        self._result.unsafe.append(f"{self._now}: {text}")
        self._apart = True

    def _differs(self, text: str) -> None:
        if not self._apart:
            self._result.stricter[text[:160]] += 1
        self._apart = True


def replay(traces: Iterable[Sequence[State]], port: int, directory: Path) -> Result:
    """Replays the traces that no fault was switched on for."""
    result = Result()
    for number, states in enumerate(traces):
        if not states[0]["faults"]:
            place = directory / str(number)
            place.mkdir()
            Replay(port, place, states, result).run()
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The model's traces on the real gate.")
    parser.add_argument("--samples", type=int, default=2000, help="traces that Quint makes")
    parser.add_argument("--kept", type=int, default=400, help="traces that are replayed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--world", default="replayed", help="an init action of the model")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name, local.running(Path(name) / "dynamodb.log") as table:
        directory = Path(name)
        local.create_tables("127.0.0.1", table.port, HEAD, CLAIMS)
        outcome = worlds.simulate(
            chosen.world,
            "soundHolds",
            samples=chosen.samples,
            seed=chosen.seed,
            traces=directory / "trace-{seq}.itf.json",
            kept=chosen.kept,
        )
        if not outcome.held:
            print(outcome.text)
            return 1
        result = replay(map(itf.read, sorted(directory.glob("trace-*.itf.json"))), table.port, directory)
    for text, count in result.stricter.most_common():
        print(f"stricter in {count} traces: {text}")
    for text in result.unsafe:
        print(f"unsafe: {text}")
    print(
        f"{result.traces} traces, {result.steps} steps, {result.signed} signatures compared, {len(result.unsafe)} "
        f"unsafe, {sum(result.stricter.values())} stricter"
    )
    return 1 if result.unsafe else 0


if __name__ == "__main__":
    sys.exit(main())
