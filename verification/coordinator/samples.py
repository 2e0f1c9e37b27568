"""Votes, proposals and messages to test with: drawn by Hypothesis, and a fixed corpus to mutate."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from coordinator.decision.records import Signed
from coordinator.privval import for_node, for_signer
from coordinator.privval.encoding import AFTER_LAST_SECOND, FIRST_SECOND, SECOND
from coordinator.privval.messages import Dialect, SignProposalRequest, SignVoteRequest
from coordinator.privval.votes import NIL, PRECOMMIT, PREVOTE, PROPOSAL, BlockId, Proposal, Vote

BLOCK = BlockId(b"h" * 32, 3, b"p" * 32)
VOTE = Vote(PRECOMMIT, 1234567, 2, BLOCK, 1_700_000_000_123_456_789, b"a" * 20, 7)
PROPOSED = Proposal(PROPOSAL, 1234567, 2, -1, BLOCK, 1_700_000_000_123_456_789)
SIGNED = Signed(b"s" * 64, b"e" * 64)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
"""Settings for property tests on a busy machine."""

hashes = st.binary(min_size=32, max_size=32)
blocks = st.builds(BlockId, hashes, st.integers(1, 2**32 - 1), hashes)
times = st.integers(FIRST_SECOND * SECOND, AFTER_LAST_SECOND * SECOND - 1)
heights = st.integers(1, 2**63 - 1)
rounds = st.integers(0, 2**31 - 1)
chains = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=50)


@st.composite
def votes(draw: st.DrawFn) -> Vote:
    """Votes that may be signed."""
    type_ = draw(st.sampled_from((PREVOTE, PRECOMMIT)))
    block = draw(st.just(NIL) | blocks)
    extends = type_ == PRECOMMIT and block != NIL
    return Vote(
        type=type_,
        height=draw(heights),
        round=draw(rounds),
        block_id=block,
        time_ns=draw(times),
        validator_address=draw(st.binary(min_size=20, max_size=20)),
        validator_index=draw(st.integers(0, 2**31 - 1)),
        extension=draw(st.binary(max_size=300)) if extends else b"",
    )


@st.composite
def proposals(draw: st.DrawFn) -> Proposal:
    """Proposals that may be signed."""
    round_ = draw(rounds)
    return Proposal(PROPOSAL, draw(heights), round_, draw(st.integers(-1, round_ - 1)), draw(blocks), draw(times))


def questions() -> list[bytes]:
    """One valid request of each kind and shape, for mutation."""
    asked = [
        SignVoteRequest("cosmoshub-4", vote, dialect, skip)
        for dialect, skip in ((Dialect.TENDERMINT, False), (Dialect.COMETBFT_V1, True))
        for vote in (
            VOTE,
            Vote(PREVOTE, 1, 0, NIL, 0, b"\0" * 20, 0),
            Vote(
                PRECOMMIT, 2**63 - 1, 2**31 - 1, BLOCK, FIRST_SECOND * SECOND, b"\xff" * 20, 2**31 - 1, b"", b"x" * 40
            ),
        )
    ] + [
        SignProposalRequest("c", proposal, Dialect.TENDERMINT)
        for proposal in (PROPOSED, Proposal(PROPOSAL, 2**63 - 1, 9, 8, BLOCK, AFTER_LAST_SECOND * SECOND - 1))
    ]
    return [
        for_signer.ping(),
        for_signer.ask_public_key("cosmoshub-4"),
        *(
            for_signer.ask(one, (one.vote if isinstance(one, SignVoteRequest) else one.proposal).time_ns)
            for one in asked
        ),
    ]


def answers() -> list[bytes]:
    """One valid response of each kind and shape, for mutation."""
    vote = SignVoteRequest("c", VOTE, Dialect.TENDERMINT)
    proposal = SignProposalRequest("c", PROPOSED, Dialect.TENDERMINT)
    return [
        for_node.pong(),
        *(for_node.public_key_reply(b"k" * 32, dialect) for dialect in Dialect),
        *(for_node.refused(tag, -1, "no") for tag in (1, 3, 5)),
        for_node.granted(vote, VOTE.time_ns, SIGNED),
        for_node.granted(vote, 0, Signed(b"s" * 64)),
        for_node.granted(proposal, PROPOSED.time_ns, Signed(b"s" * 64)),
    ]
