"""Failures rehearsed in a running lab: each breaks one thing, watches the chain, repairs it and checks the promise.

Every drill undoes what it did, also when it is stopped; ``bin/estate up`` repairs whatever a killed one left.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.chaos import campaign, harness, no_gate
from lab.chaos.scale import Scale
from lab.drills import nodes, signing
from lab.drills.estate import Estate

DRILLS: dict[str, Callable[[Estate], None]] = {
    "stop-signer": signing.stop_signer,
    "kill-owner": signing.kill_owner,
    "lose-datacentre": signing.lose_datacentre,
    "partition": signing.partition,
    "lose-table": signing.lose_table,
    "public-sentries-down": nodes.public_sentries_down,
    "lose-region": nodes.lose_region,
}

ON_THE_FAST_NET: dict[str, Callable[[Path, Callable[[str], None], Scale], None]] = {
    "harness": harness.run,
    "no-gate": no_gate.run,
    "last-writer-wins": campaign.last_writer_wins,
    "chaos": campaign.run,
}
"""Drills that need no running lab: on a small chain with fast blocks that they make themselves, of this checkout."""
