"""A claim of one's own takes a few lines, and is proved and refuted as the others are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from estate.model import Role
from reachability.claims import (
    Claim,
    ClaimError,
    Outcome,
    allow,
    anyone,
    chain_port,
    claims,
    forbid,
    internet,
    own_hosts,
    prove,
    read,
    require,
    role,
    tcp,
)
from tests.reachability.claims.estates import Built, packet, sentences

pytestmark = pytest.mark.slow

DOCUMENT = Path(__file__).parents[3] / "docs" / "add-a-claim.md"
REGION = "us-east-2"


@pytest.fixture(scope="module")
def documented() -> tuple[Claim, ...]:
    """The example that the document gives, as it stands there."""
    found = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found
    return read(found[1], "stacks/claims.py")


def test_the_documents_example_is_proved_of_a_new_network(sound: Built, documented: tuple[Claim, ...]):
    report = prove(sound.case(), documented)
    found = {each.claim.id: (each.outcome, each.sentences, each.reasons) for each in report.verdicts}
    assert found == dict.fromkeys([claim.id for claim in documented], (Outcome.PROVED, (), ()))


def test_the_documents_example_can_be_refuted(sound: Built, documented: tuple[Claim, ...]):
    metrics, takes, reads = documented
    seed, monitor = sound.host(Role.SEED, REGION), sound.host(Role.MONITOR, REGION)
    changed = (
        sound.permitting("monitor", REGION, "tcp", 9100, f"{seed.address}/32")
        .permitting("seed", REGION, "tcp", 9100, f"{monitor.address}/32", egress=True)
        .accepting(seed, "output", "tcp dport 9100 accept")
        .accepting(monitor, "input", "tcp dport 9100 accept")
    )
    for claim in (metrics, takes):
        found = changed.verdict(claim)
        assert found.outcome is Outcome.REFUTED
        assert f"{seed.name} reaches {monitor.name}" in sentences(found)
        assert (packet(found)["src"], packet(found)["dst_port"]) == (str(seed.address), 9100)
    deaf = sound.loading(monitor, sound.rulesets[monitor.name].replace("tcp dport 26660", "tcp dport 26661"))
    assert "must reach" in sentences(deaf.verdict(reads))


def test_every_word_of_the_document_exists():
    import reachability.claims as words

    named = set(re.findall(r"`([a-z_]+)\(", DOCUMENT.read_text()))
    assert {each for each in named if not hasattr(words, each)} == {"check"}, "which the user writes"


def test_an_exception_is_as_wide_as_it_says_and_no_wider(sound: Built):
    def seeds(*ports: int) -> Claim:
        return forbid(
            id="seeds", statement="seeds take p2p", sources=internet(), destinations=role("seed"),
            except_=[allow(services=tcp(port)) for port in ports],
        )  # fmt: skip

    assert sound.verdict(seeds(26656, 26657, 1317)).outcome is Outcome.PROVED
    found = sound.verdict(seeds(26657, 1317))
    assert (found.outcome, packet(found)["dst_port"]) == (Outcome.REFUTED, 26656)


def test_everybody_else_is_everybody_but_those_named(sound: Built):
    claim = forbid(
        id="p2p", statement="sentries and validators gossip", sources=~(role("public-sentry", "private-sentry")),
        destinations=role("validator"), services=chain_port("p2p"),
    )  # fmt: skip
    assert sound.verdict(claim).outcome is Outcome.PROVED
    narrower = forbid(
        id="p2p", statement="public sentries gossip", sources=~role("public-sentry"), destinations=role("validator"),
        services=chain_port("p2p"),
    )  # fmt: skip
    assert "private-sentry" in sentences(sound.verdict(narrower))


def test_a_requirement_of_nobody_is_not_taken_for_kept(sound: Built):
    claim = require(id="outside", statement="…", sources=internet(), destinations=own_hosts(), services=tcp(22))
    found = sound.verdict(claim)
    assert found.outcome is Outcome.NOT_MODELLED
    assert "a requirement applies to hosts" in found.reasons[0]


def test_a_check_that_fails_itself_proves_nothing(sound: Built):
    def broken(case):
        raise ZeroDivisionError("division by zero")
        yield

    found = sound.verdict(Claim("broken", "…", "…", broken))
    assert found.outcome is Outcome.NOT_MODELLED
    assert found.reasons == ("the check of broken failed: ZeroDivisionError: division by zero",)


def one_claim(id_: str, statement: str) -> str:
    return (
        "from reachability.claims import anyone, forbid\n"
        f"CLAIMS = (forbid(id={id_!r}, statement={statement!r}, sources=anyone(), destinations=anyone()),)\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CLAIMS = (", r"stacks/claims.py:1: SyntaxError"),
        ("x = 1\ny = x / 0\nCLAIMS = ()", r"stacks/claims.py:2: ZeroDivisionError"),
        ("x = 1", r"got no CLAIMS"),
        ("CLAIMS = (1,)", r"1: got no claim"),
        (one_claim("no-public-ssh", "x"), r"no-public-ssh: two claims have this id"),
        (one_claim("No SSH", "x"), r"'No SSH': got no id of lower-case words"),
        (one_claim("mine", ""), r"mine: got no statement"),
    ],
)
def test_a_file_of_claims_that_cannot_be_read_is_refused_in_words(text: str, message: str):
    with pytest.raises(ClaimError, match=message):
        read(text, "stacks/claims.py")


def test_own_claims_come_after_the_estates():
    mine = forbid(id="mine", statement="x", sources=anyone(), destinations=own_hosts())
    assert [claim.id for claim in claims([mine])][-2:] == ["layers-agree", "mine"]
