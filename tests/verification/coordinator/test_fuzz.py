"""Two hundred thousand inputs, twenty million in the long run: each is read or refused, and as CometBFT reads it."""

from __future__ import annotations

import pytest

from coordinator.privval import for_node
from coordinator.privval.messages import Dialect, SignProposalRequest, SignVoteRequest
from coordinator.privval.wire import Malformed
from verification.coordinator import fuzz, judge

pytestmark = pytest.mark.slow
INPUTS = 200_000


@pytest.fixture(scope="module")
def report() -> fuzz.Report:
    return fuzz.run(INPUTS, seed=1)


def test_inputs_are_read_or_refused(report: fuzz.Report) -> None:
    assert report.inputs == INPUTS
    assert report.read > INPUTS // 10, "most mutations must not be trivially wrong"
    assert report.signable > INPUTS // 20


def test_cometbft_reads_what_is_accepted_as_the_same(report: fuzz.Report) -> None:
    compared = 0
    for data, theirs in zip(report.accepted, judge.readings(report.accepted), strict=True):
        ours = for_node.decode(data, Dialect.TENDERMINT)
        if isinstance(ours, SignVoteRequest | SignProposalRequest):
            assert theirs.chain_id == ours.chain_id, data.hex()
            assert (theirs.vote or theirs.proposal) == (
                ours.vote if isinstance(ours, SignVoteRequest) else ours.proposal
            )
            try:
                request = ours.request()
            except Malformed:
                continue
            assert theirs.sign_bytes == request.sign_bytes, data.hex()
            compared += 1
    assert compared > 1000
