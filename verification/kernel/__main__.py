"""``python -m verification.kernel --rulesets 1000 --packets 1000000 --seed 1``; needs root and nft."""

from __future__ import annotations

import argparse
import sys
import time

from verification.kernel.comparison import Tally, compare
from verification.kernel.router import Router


def main() -> int:
    """Compares until as many rulesets have been loaded; prints counts and every disagreement with the seed that
    brings it back."""
    parser = argparse.ArgumentParser(prog="python -m verification.kernel", description=__doc__)
    parser.add_argument("--rulesets", type=int, default=1000)
    parser.add_argument("--packets", type=int, default=1_000_000, help="all together")
    parser.add_argument("--seed", type=int, default=1, help="of the first ruleset; the others follow")
    parser.add_argument("--stop-at", type=int, default=0, help="stop after this many disagreements (0: never)")
    chosen = parser.parse_args()
    each = -(-chosen.packets // chosen.rulesets)
    total, seed, begun = Tally(), chosen.seed, time.monotonic()
    with Router() as router:
        while total.rulesets < chosen.rulesets:
            tally = compare(router, seed, each)
            for line in tally.disagreements[:5]:
                print(line, flush=True)
            total.add(tally)
            seed += 1
            if chosen.stop_at and len(total.disagreements) >= chosen.stop_at:
                break
            if total.rulesets % 100 == 0 and tally.rulesets:
                print(
                    f"… {total.rulesets} rulesets, {total.packets} packets, {len(total.disagreements)} disagreements",
                    flush=True,
                )
    seconds = time.monotonic() - begun
    print(
        f"rulesets {total.rulesets} (seeds {chosen.seed} to {seed - 1}), packets {total.packets} of which "
        f"{total.delivered} came out, answers {total.answers}, refused by nft and the reader {total.refused_by_both}, "
        f"disagreements {len(total.disagreements)}, {seconds:.0f} s, {total.packets / seconds:.0f} packets/s"
    )
    return 1 if total.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
