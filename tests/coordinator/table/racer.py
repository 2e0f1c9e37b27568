"""One process of a race: many threads, each claiming every position that comes down standard input, all at once.

Arguments: a JSON object. Input: lines `height`. Output: for each, a line with how often each thread won and what of it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from coordinator.decision.effects import Lost, Won
from coordinator.decision.position import Position
from coordinator.decision.records import Claim, Gate
from coordinator.table.client import Endpoint
from coordinator.table.credentials import CredentialsFile
from coordinator.table.store import Table


def main() -> None:
    told = json.loads(sys.argv[1])
    gate = Gate(told["gate"], told["boot"], "hub-4", 1)
    threads = told["threads"]
    endpoints = [Endpoint(**told["endpoint"])]
    credentials = CredentialsFile(Path(told["credentials"]))
    table = Table(endpoints, told["head"], told["claims"], told["key"], gate, credentials)
    table.announce(time.monotonic() + 10)
    start = threading.Barrier(threads)

    def one(height: int, thread: int) -> tuple[str, str, str]:
        claim_id = f"{gate.gate_id}-{height}-{thread}"
        claim = Claim(Position(height, 0, 1), 1, gate.gate_id, gate.boot_id, claim_id, b"bytes", bytes(32), 0)
        start.wait()
        outcome = table.claim(claim, time.monotonic() + 20)
        if isinstance(outcome, Won):
            return "won", claim_id, ""
        if isinstance(outcome, Lost) and outcome.head.claim:
            return "lost", claim_id, outcome.head.claim.claim_id
        return "other", claim_id, repr(outcome)

    print("ready", flush=True)
    with ThreadPoolExecutor(threads) as pool:
        for line in sys.stdin:
            results = list(pool.map(one, [int(line)] * threads, range(threads)))
            print(json.dumps(results), flush=True)


if __name__ == "__main__":
    main()
