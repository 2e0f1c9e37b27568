"""The danger itself: two tmkms with one key, each dialing its own node, and nothing between them."""

from __future__ import annotations

from pathlib import Path

from lab.chaos import chain, fastnet, net
from lab.chaos.scale import Scale
from lab.errors import PromiseBroken

PATIENCE_SECONDS = 180


def run(checkout: Path, say: fastnet.Say, scale: Scale) -> None:
    """Two datacentres sign with one key and no gate: the key signs twice, and the chain tombstones it.

    Raises:
        PromiseBroken: it did not, so that the other drills prove nothing.
    """
    del scale
    with fastnet.running(checkout, say) as fast:
        for site in net.SITES:
            validator = f"tcp://{net.ADDRESSES[net.node(site)]}:{chain.PRIVVAL_PORT}"
            command = chain.make_tmkms(fast.homes, fast.tmkms, fast.root / "run" / f"tmkms-{site}", validator)
            fast.add(f"tmkms-{site}", net.signer(site), command).start()
        say("both signers sign, each for its own node")
        if not fast.wait_until(lambda: fast.height() > 0 and bool(fast.witness.evidence), PATIENCE_SECONDS):
            raise PromiseBroken(
                f"{fast.height()} blocks in {PATIENCE_SECONDS} s without evidence: two signers of one key were to "
                "sign twice"
            )
        first = fast.witness.evidence[0]
        if first.address != fast.witness.address:
            raise PromiseBroken(f"got evidence against {first.address}; {fast.witness.address} is ours")
        blocks = " and ".join(each[:12] or "nil" for each in first.blocks)
        say(f"block {first.found_at} has evidence: at height {first.height}, round {first.round} we voted for {blocks}")
        if not fast.wait_until(fast.tombstoned, PATIENCE_SECONDS):
            raise PromiseBroken("there is evidence, but the chain did not tombstone our key")
        say("our key is tombstoned")
