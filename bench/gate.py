"""The gate's overhead: tmkms dialling the node directly, tmkms behind the gate, and the whole path with a real table.

    .venv/bin/python -m bench.gate [--requests 2000] [--chains 20] [--gates 1]

All in one run, by one client over a SecretConnection, with a pause after each response as with a real node. The table
of "without table" is in the gate's memory; that of the whole path is DynamoDB Local, without TLS. Watermark files are
on the disk of ``--directory``, and flushed. ``--gates N`` distributes the chains that are asked at the same time
over N gate processes. Client, gates, tmkms and table share this machine's processors: the last lines say how much each
took.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator import config, floor, node, service
from coordinator.decision.position import spent
from coordinator.decision.records import Head
from coordinator.events import Events
from coordinator.metrics import Metrics
from coordinator.privval.messages import SignedResponse
from coordinator.table import items
from lab.table import local
from tests.coordinator.gate import tmkms
from tests.coordinator.gate.peers import Node, precommit, prevote
from tests.coordinator.gate.rows import MemoryTable, Rows

ROOT = Path(__file__).resolve().parents[1]
GATE = "bench-gate"
WARMING = 50
PAUSE_SECONDS = 0.005
WITHOUT_TABLE = "without-table"
CHAIN = """
[[chain]]
chain_id = "{chain}"
generation = 1
dialect = "tendermint"
node = "127.0.0.1:{node}"
signer = "{directory}/{chain}.sock"
deadline_seconds = 1.5
head = "head"
claims = "claims"
credentials = "{directory}/credentials.json"
ca_file = "/etc/ssl/certs/ca-certificates.crt"

[[chain.endpoint]]
region = "us-east-1"
host = "127.0.0.1"
address = "127.0.0.1"
port = {table}
scheme = "http"
"""


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of the milliseconds from a request to its response."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: list[float]) -> Latency:
        cuts = statistics.quantiles(seconds, n=100)
        return cls(statistics.median(seconds) * 1000, cuts[98] * 1000)

    @property
    def text(self) -> str:
        return f"{self.p50:.2f} / {self.p99:.2f} ms"


def line(name: str, value: str, target: str = "") -> None:
    print(f"{name:56s} {value:>22s}  {target}", flush=True)


def ask(node: Node, chain: str, requests: int, first: int = 10) -> list[float]:
    """Seconds of each of ``requests`` votes, two per height, from height ``first``."""
    seconds = []
    for number in range(WARMING + requests):
        height = first + number // 2
        asked = (precommit if number % 2 else prevote)(height, chain=chain, time_ns=time.time_ns())
        began = time.perf_counter()
        told = node.ask(asked)
        seconds.append(time.perf_counter() - began)
        assert isinstance(told, SignedResponse) or number < WARMING, told
        time.sleep(PAUSE_SECONDS)
    return seconds[WARMING:]


def direct(directory: Path, requests: int) -> Latency:
    listening, key = Node(), Ed25519PrivateKey.generate()
    where = tmkms.configure(directory / "direct", key, {"bench-1": f"tcp://127.0.0.1:{listening.address[1]}"})
    with tmkms.running(where):
        listening.accept()
        found = ask(listening, "bench-1", requests)
    listening.close()
    return Latency.of(found)


def busy_seconds(pids: Iterable[int]) -> float:
    """Processor time that these processes have used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Gated:
    """Gate processes and the tmkms behind them, with the node of each chain."""

    gates: list[int]
    tmkms: int
    nodes: Mapping[str, Node]


@contextmanager
def gated(directory: Path, chains: list[str], table: int | None, gates: int = 1) -> Iterator[Gated]:
    """Gates that share these chains, with tmkms behind them; ``table`` is DynamoDB Local's port."""
    directory.mkdir()
    key = Ed25519PrivateKey.generate()
    public_key = key.public_key().public_bytes_raw()
    nodes = {chain: Node() for chain in chains}
    (directory / "credentials.json").write_text(json.dumps({"AccessKeyId": "bench", "SecretAccessKey": "bench"}))
    node.identity(directory / "connection.key")
    head = 'gate_id = "{gate}"\nstate = "{directory}"\nmetrics = "{directory}/metrics-{number}.prom"\n'
    texts = [head.format(gate=GATE, directory=directory, number=number) for number in range(gates)]
    for number, (chain, listening) in enumerate(nodes.items()):
        floor.seed(floor.path_of(directory, chain), chain, public_key, spent(9))
        port = listening.address[1]
        texts[number % gates] += CHAIN.format(chain=chain, node=port, directory=directory, table=table or 1)
        if table:
            pk = items.key(chain, public_key)
            item = items.head_item(pk, Head(1, spent(9), ((GATE, ""),)))
            assert not local.call("127.0.0.1", table, "PutItem", {"TableName": "head", "Item": item})
    words = ["coordinator", "run", "--config"] if table else ["bench.gate", WITHOUT_TABLE]
    where = tmkms.configure(directory / "tmkms", key, {chain: f"unix://{directory}/{chain}.sock" for chain in chains})
    with ExitStack() as stack:
        log = stack.enter_context((directory / "gate.log").open("ab"))
        processes = []
        for number, text in enumerate(texts):
            config_file = directory / f"gate-{number}.toml"
            config_file.write_text(text)
            command = [sys.executable, "-m", *words, str(config_file)]
            process = subprocess.Popen(command, cwd=directory, stdout=log, env=os.environ | {"PYTHONPATH": str(ROOT)})
            stack.callback(process.wait)
            stack.callback(process.terminate)
            processes.append(process)
        signer = stack.enter_context(tmkms.running(where))
        for listening in nodes.values():
            listening.accept()
        _wait(directory / "gate.log", "signer-up", len(chains))
        yield Gated([each.pid for each in processes], signer.pid, nodes)
    for listening in nodes.values():
        listening.close()


def _wait(log: Path, event: str, times: int) -> None:
    until = time.monotonic() + 20
    while log.read_text().count(f'"{event}"') < times:
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)


def without_table(path: Path) -> int:
    """The gate, with a table in its memory."""
    rows = Rows(head=Head(1, spent(9), ((GATE, ""),)))
    return service.run(config.read(path), Events(), Metrics(), lambda chain, gate, key: MemoryTable(rows, gate))


def at_once(nodes: Mapping[str, Node], requests: int) -> Latency:
    """All chains asked at the same time, above every height that was asked before."""
    with ThreadPoolExecutor(len(nodes)) as pool:
        asked = [pool.submit(ask, node, chain, requests, WARMING + requests) for chain, node in nodes.items()]
    return Latency.of([each for done in asked for each in done.result()])


def main() -> int:
    if sys.argv[1:2] == [WITHOUT_TABLE]:
        return without_table(Path(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--chains", type=int, default=20)
    parser.add_argument("--gates", type=int, default=1, help="gate processes that share the chains (default: 1)")
    parser.add_argument("--directory", type=Path, help="of watermark and state files (default: a temporary directory)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.directory) as name, ExitStack() as stack:
        directory = Path(name)
        alone = direct(directory, asked.requests)
        line("tmkms alone, SecretConnection: p50 / p99", alone.text)
        with gated(directory / "memory", ["bench-1"], None) as gate:
            before = busy_seconds(gate.gates)
            overhead = Latency.of(ask(gate.nodes["bench-1"], "bench-1", asked.requests))
            busy = (busy_seconds(gate.gates) - before) / (asked.requests + WARMING)
        line("behind the gate, without table", overhead.text)
        line(
            "the gate's overhead: difference of p50, of p99",
            f"{overhead.p50 - alone.p50:.2f} / {overhead.p99 - alone.p99:.2f} ms",
            "target ≤ 0.7 / 4 ms",
        )
        line("processor time of the gate for one signature", f"{busy * 1000:.2f} ms")
        table = stack.enter_context(local.running(directory / "dynamodb.log"))
        local.create_tables("127.0.0.1", table.port, "head", "claims")
        with gated(directory / "table", ["bench-1"], table.port) as gate:
            whole = Latency.of(ask(gate.nodes["bench-1"], "bench-1", asked.requests))
        line("whole path, DynamoDB Local", whole.text, "target p50 ≤ 4.5 ms")
        line("whole path / tmkms alone, p50", f"{whole.p50 / alone.p50:.1f}")
        chains = [f"bench-{number}" for number in range(2, asked.chains + 2)]
        with gated(directory / "many", chains, table.port, asked.gates) as gate:
            one = Latency.of(ask(gate.nodes[chains[0]], chains[0], asked.requests // 10))
            line(f"one of {asked.chains} chains, the others idle", one.text)
            parts = {"gates": gate.gates, "table": [table.pid], "tmkms": [gate.tmkms], "client": [os.getpid()]}
            already, began = {name: busy_seconds(pids) for name, pids in parts.items()}, time.monotonic()
            together = at_once(gate.nodes, asked.requests // 10)
            took = time.monotonic() - began
            line(f"each of {asked.chains} chains at the same time", together.text, "target p99 ≤ 30 ms")
            for name, pids in parts.items():
                used = busy_seconds(pids) - already[name]
                each = used / (asked.chains * (asked.requests // 10 + WARMING))
                line(
                    f"  processor time of {name} for one signature",
                    f"{each * 1000:.2f} ms",
                    f"{used / took:.2f} processors",
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
