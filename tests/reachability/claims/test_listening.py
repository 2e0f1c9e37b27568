"""Node configurations are a layer too: a node listens where the topology lets somebody in, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from configuration.node_config import listening
from estate.model import Role
from reachability.assembly import assemble
from reachability.claims import Estate, Outcome, Verdict, verdict
from reachability.prover import Prover
from tests.reachability.claims.estates import CLAIMS, Built

pytestmark = pytest.mark.slow


def asked(built: Built, ports: Mapping[str, tuple[int, ...]]) -> Verdict:
    subject = built.subject()
    estate = Estate(Prover(assemble(subject)), [built.network], subject.resources, listening=ports)
    return verdict(estate.case(built.network), CLAIMS["layers-agree"])


def test_the_nodes_listen_where_the_topology_lets_somebody_in(sound: Built) -> None:
    assert asked(sound, listening(sound.network)).outcome is Outcome.PROVED


def test_a_sentry_that_serves_rpc_to_others_disagrees(sound: Built) -> None:
    sentry = sound.host(Role.PUBLIC_SENTRY)
    ports = listening(sound.network)
    rpc = sound.network.chain.ports.rpc
    ports[sentry.name] = (*ports[sentry.name], rpc)
    found = asked(sound, ports)
    assert found.outcome is Outcome.REFUTED
    assert f"the node of {sentry.name} listens on tcp {rpc}, which the topology does not open" in found.sentences


def test_a_validator_that_waits_for_no_signer_disagrees(sound: Built) -> None:
    validator = next(host for host in sound.case().hosts(Role.VALIDATOR) if host.active)
    ports = listening(sound.network)
    ports[validator.name] = (sound.network.chain.ports.p2p,)
    found = asked(sound, ports)
    assert found.outcome is Outcome.REFUTED
    assert "its node does not listen there" in found.sentences[0]
