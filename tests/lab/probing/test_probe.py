"""Packets of a probe in a small wired estate: lab and prover agree, and a disagreement is found and shown."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from configuration.rulesets import ruleset
from estate.model import Network, Role
from estate.plan.hosts import hosts
from lab.probing import probe, vantage
from reachability import declared, parts
from reachability.assembly import assemble
from reachability.prover import Prover
from reachability.resources import Resource
from reachability.subject import Guest, Subject
from tests.lab.wiring import small
from tests.lab.wiring.conftest import Wired, let_clients_in, wired_up

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wired]:
    with wired_up(small.build(), tmp_path_factory.mktemp("checkout")) as built:
        let_clients_in(built)
        protect(built)
        yield built


def protect(wired: Wired) -> None:
    """Gives every host its own firewall, as its role would."""
    for name, text in rulesets(wired.estate.network).items():
        inside = ["ip", "netns", "exec", wired.paths.namespace(name)]
        subprocess.run([*inside, "nft", "-f", "-"], input=text, text=True, check=True)


def rulesets(network: Network) -> dict[str, str]:
    return {host.name: ruleset(network, host, {}) for host in hosts(network)}


def subject(wired: Wired) -> Subject:
    """The estate as the prover reads it."""
    estate = wired.estate
    resources = tuple(
        Resource(each.urn, each.type, each.urn, each.id, {"region": each.region, **each.properties}, {})
        for each in estate.resources
        if not each.made_for
    )
    network = estate.network
    known = declared.guests(
        network,
        [
            Resource(f"urn:{id_}", declared.INSTANCE, f"{name}-instance", id_, {}, {})
            for name, id_ in estate.instances.items()
        ],
    )
    guests: dict[str, Guest] = dict(known)
    return Subject(resources, declared.sites(network), guests, rulesets(network))


def told(found: probe.Comparison) -> str:
    return "\n".join(
        f"{each.question.vantage.name} → {each.question.packet}: lab {each.lab} {each.lab_way}, prover {each.prover} "
        f"{[(hop.at, hop.decided_by) for hop in (each.trace.hops if each.trace else ())]}"
        for each in found.disagreements
    )


@pytest.fixture(scope="module")
def prover(wired: Wired) -> Prover:
    return Prover(assemble(subject(wired)))


def places_of(wired: Wired, prover: Prover) -> vantage.Places:
    resources = subject(wired).resources
    return vantage.places(wired.estate.network, wired.paths, prover, resources)


def test_every_host_client_partner_and_operator_is_a_vantage_point(wired: Wired, prover: Prover) -> None:
    places = places_of(wired, prover)
    kinds = {each.kind for each in places.vantages}
    assert {"client", "partner", "operator", "validator", "signer", "edge", "seed", "public-sentry"} <= kinds
    assert {each.name for each in places.vantages} >= {"client v4", "client v6"}


def test_lab_and_prover_agree_on_every_packet(wired: Wired, prover: Prover) -> None:
    places = places_of(wired, prover)
    network = wired.estate.network
    targets = probe.targets(network, wired.paths, prover)
    asked = probe.questions(network, places, targets, sample=300, seed=1)
    found = probe.compare(wired.paths, prover, places, asked, lambda _: None)
    assert found.disagreements == (), told(found)
    assert found.sent > 1000 and 0 < found.arrived < found.sent


@pytest.fixture
def neighbour(wired: Wired) -> Iterator[Wired]:
    """Another network in the same lab."""
    with wired_up(small.build_neighbour(), wired.paths.checkout) as built:
        protect(built)
        yield built


def test_lab_and_prover_agree_between_two_networks(wired: Wired, neighbour: Wired) -> None:
    own, theirs = subject(wired), subject(neighbour)
    prover = Prover(assemble(parts.union([own, theirs])))
    network = wired.estate.network
    beside = [vantage.Neighbour(neighbour.estate.network, neighbour.paths, assemble(theirs).public)]
    places = vantage.places(network, wired.paths, prover, own.resources, beside)
    targets = probe.targets(network, wired.paths, prover, beside)
    asked = [
        each
        for each in probe.questions(network, places, targets, sample=0, seed=1)
        if each.vantage.foreign or each.target.foreign
    ]
    ours = {each.address for each in targets if each.owner == probe.OURS}
    assert ours.isdisjoint(neighbour.estate.public(name) for name in neighbour.estate.elastic)
    assert {each.claims[-1] for each in asked} >= {"no-instance-traversal"}
    assert {each.vantage.foreign for each in asked} == {each.target.foreign for each in asked} == {True, False}
    found = probe.compare(wired.paths, prover, places, asked, lambda _: None)
    assert found.disagreements == (), told(found)
    assert 0 < found.arrived < found.sent


def test_a_prover_that_is_wrong_of_one_host_is_found_out_and_both_paths_are_reported(wired: Wired) -> None:
    real = subject(wired)
    sentry = wired.host(Role.PUBLIC_SENTRY, "us-east-1").name
    forgetful = replace(real, rulesets={name: text for name, text in real.rulesets.items() if name != sentry})
    prover = Prover(assemble(forgetful))
    network = wired.estate.network
    places = vantage.places(network, wired.paths, prover, forgetful.resources)
    targets = probe.targets(network, wired.paths, prover)
    asked = [
        each
        for each in probe.questions(network, places, targets, sample=0, seed=1)
        if each.vantage.name == sentry and each.target.owner == "internet"
    ]
    found = probe.compare(wired.paths, prover, places, asked, lambda _: None)
    assert found.disagreements, "the host's firewall stops what the prover lets pass, and nobody saw it"
    first = found.disagreements[0].document()
    assert first["from"] == sentry and not first["lab_path"], "it does not even leave the host"
    assert first["prover_path"][-1]["at"] == "internet"
    assert "egress-allow-list" in first["claims"]


def test_the_same_seed_asks_the_same(wired: Wired, prover: Prover) -> None:
    places = places_of(wired, prover)
    targets = probe.targets(wired.estate.network, wired.paths, prover)
    one, same, other = (
        probe.questions(wired.estate.network, places, targets, sample=50, seed=seed) for seed in (1, 1, 2)
    )
    assert one == same and one != other
