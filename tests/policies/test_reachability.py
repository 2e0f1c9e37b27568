"""The prover as a rule: what the engine shows is proved, and what is not is told with the packet and its way."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.export import document
from components.recording import Recorded, record
from estate.declaration import load
from estate.model import Network
from policies import declaration
from policies.rules import proved_reachability as reachability
from policies.rules import registry
from tests.policies.engine_view import shown
from tests.policies.judging import STRING
from tests.policies.sound import changed, resources

pytestmark = pytest.mark.slow

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
NAME = "cosmoshub"
ROOT = f"urn:pulumi:{NAME}::estate::pulumi:pulumi:Stack::estate-{NAME}"


@pytest.fixture(scope="module")
def network() -> Network:
    return load.read(load.stack_file(declaration.ROOT, NAME))


@pytest.fixture(scope="module")
def program(network: Network) -> Recorded:
    import asyncio

    asyncio.set_event_loop(asyncio.new_event_loop())
    return record(network)


@pytest.fixture(scope="module")
def standing(program: Recorded) -> dict[str, Any]:
    """The stack as it stands."""
    return document(program, stack=NAME)


@pytest.fixture(scope="module")
def planned(program: Recorded) -> dict[str, Any]:
    """The stack before anything is made."""
    return document(program, stack=NAME, preview=True)


def found(stack: Mapping[str, Any], **how: Any) -> list[tuple[str, str]]:
    return list(reachability.check(shown(stack, **how)))


def with_changes(stack: Mapping[str, Any], change: Callable[[list[dict[str, Any]]], None]) -> dict[str, Any]:
    given = copy.deepcopy(dict(stack))
    change(given["deployment"]["resources"])
    return given


def named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(each for each in entries if each["urn"].endswith(f"::{name}"))


@pytest.mark.parametrize("ids", [True, False], ids=["ids among the outputs", "no ids"])
@pytest.mark.parametrize("when", ["standing", "planned"])
def test_the_declared_network_is_proved(when: str, ids: bool, request: pytest.FixtureRequest) -> None:
    assert found(request.getfixturevalue(when), with_ids=ids) == []


def test_what_the_cloud_will_make_up_is_not_taken_for_something_given(planned: dict[str, Any]) -> None:
    """A preview shows every computed output as unknown: a route's other targets, an instance's other addresses."""

    def change(entries: list[dict[str, Any]]) -> None:
        for each in entries:
            if each["type"] == "aws:ec2/route:Route":
                each["inputs"] |= {"instanceId": STRING, "state": STRING, "origin": STRING}
            if each["type"] == "aws:ec2/instance:Instance":
                each["inputs"] |= {"publicIp": STRING, "ipv6Addresses": STRING}

    assert found(with_changes(planned, change)) == []


def test_an_unknown_that_was_taken_from_a_resource_stays_unknown(planned: dict[str, Any]) -> None:
    """Whose group this rule will belong to is not known: it may be anybody's."""

    def change(entries: list[dict[str, Any]]) -> None:
        rule = next(each for each in entries if each["type"] == INGRESS and "public-sentry" in each["urn"])
        groups = [each["urn"] for each in entries if each["type"] == "aws:ec2/securityGroup:SecurityGroup"]
        rule["inputs"] |= {"securityGroupId": STRING}
        rule["propertyDependencies"]["securityGroupId"] = groups

    said = found(with_changes(planned, change))
    assert said
    assert any("not modelled" in message for message, _ in said)


def opened(role: str, cidr: str, port: int) -> Callable[[list[dict[str, Any]]], None]:
    """TCP ``port`` from ``cidr`` for a role, in every region, on the security group and nothing else."""

    def change(entries: list[dict[str, Any]]) -> None:
        for each in list(entries):
            if each["type"] == INGRESS and f"-{role}-in-tcp-" in each["urn"]:
                more = copy.deepcopy(each)
                more["urn"] += "-more"
                inputs = more["inputs"]
                inputs.pop("cidrIpv4", None)
                inputs |= {"cidrIpv6" if ":" in cidr else "cidrIpv4": cidr, "fromPort": port, "toPort": port}
                more["outputs"] = {**(more.get("outputs") or {}), **inputs}
                if "cidrIpv6" in inputs:
                    more["outputs"].pop("cidrIpv4", None)
                entries.append(more)

    return change


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "::/0"])
@pytest.mark.parametrize("when", ["standing", "planned"])
def test_a_group_that_permits_more_than_is_declared_is_refused(
    when: str, cidr: str, request: pytest.FixtureRequest
) -> None:
    said = found(with_changes(request.getfixturevalue(when), opened("private-sentry", cidr, 22)))
    assert any("claim layers-agree is refuted" in message for message, _ in said), said


def undeclared_instance(entries: list[dict[str, Any]]) -> None:
    """An instance that nobody declares, with a public address and without a firewall, in a seed's group and subnet."""
    instance = next(each for each in entries if "Seed" in each["urn"] and each["type"] == "aws:ec2/instance:Instance")
    more = copy.deepcopy(instance)
    more["urn"] += "-more"
    more["id"] = "i-0000000000000more"
    for side in ("inputs", "outputs"):
        more[side] |= {"privateIp": None, "associatePublicIpAddress": True}
    entries.append(more)


def test_a_refuted_claim_tells_the_packet_each_hop_and_what_decided_there(standing: dict[str, Any]) -> None:
    said = dict(found(with_changes(standing, undeclared_instance)))
    (message,) = [each for each in said if each.startswith("claim public-endpoints-tls is refuted")]
    assert "the internet reaches" in message
    assert re.search(r"path of .*tcp 26656: the internet \(route: internet gateway", message)
    assert message.count(" -> ") > 3
    assert "SecurityGroupIngressRule::" in said[message], "it is reported on the setting that decides last"


def test_a_resource_that_the_prover_does_not_know_is_not_passed(planned: dict[str, Any]) -> None:
    def change(entries: list[dict[str, Any]]) -> None:
        urn = f"urn:pulumi:{NAME}::estate::cloudflare:index/tunnel:Tunnel::way-in"
        entries.append(
            {"urn": urn, "type": "cloudflare:index/tunnel:Tunnel", "custom": True, "id": STRING, "inputs": {}}
        )

    said = found(with_changes(planned, change))
    assert any("not modelled" in message and "cloudflare" in message for message, _ in said)


def test_a_stack_of_ours_without_a_declaration_is_refused(standing: dict[str, Any]) -> None:
    foreign = json.loads(json.dumps(standing).replace(f"urn:pulumi:{NAME}::", "urn:pulumi:nobody::"))
    ((message, urn),) = found(foreign)
    assert "no network nobody is declared" in message
    assert urn == ROOT.replace(f"urn:pulumi:{NAME}::", "urn:pulumi:nobody::")


def test_a_stack_of_another_project_promises_nothing() -> None:
    assert list(reachability.check(resources(changed()))) == []
    assert list(reachability.check([])) == []


def test_an_empty_stack_of_ours_proves_nothing() -> None:
    stack = {"deployment": {"resources": [{"urn": ROOT, "type": "pulumi:pulumi:Stack", "custom": False}]}}
    said = found(stack)
    assert said
    assert any("not modelled" in message for message, _ in said)


def test_a_prover_that_fails_stops_the_stack(standing: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("of a test")

    monkeypatch.setattr(reachability, "report", fail)
    ((message, urn),) = found(standing)
    assert "the proof failed: RuntimeError: of a test" in message
    assert urn == ROOT


def test_the_declaration_is_the_one_that_the_engine_was_given(
    standing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file may say something else: a rehearsal's declaration is a copy."""
    given = yaml.safe_load(load.stack_file(declaration.ROOT, NAME).read_text())["config"][load.CONFIG_KEY]
    given["partners"] = {}
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({load.CONFIG_KEY: json.dumps(given, default=str)}))
    given_network = declaration.network(NAME)
    assert given_network is not None
    assert not given_network.partners
    assert found(standing), "the stack has a peering with a partner that this declaration has not"


def test_a_declaration_that_does_not_hold_is_told(standing: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({load.CONFIG_KEY: json.dumps({"name": NAME})}))
    ((message, _),) = found(standing)
    assert "the declaration is not valid" in message


def test_chain_facts_take_the_place_of_declared_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = yaml.safe_load(load.stack_file(declaration.ROOT, NAME).read_text())["config"][load.CONFIG_KEY]
    facts = tmp_path / "chain.yaml"
    facts.write_text(yaml.safe_dump(declared["chain"] | {"chain_id": "rehearsal-1"}))
    monkeypatch.setenv(declaration.CHAIN, str(facts))
    for configured in ("{}", json.dumps({load.CONFIG_KEY: json.dumps(declared, default=str)})):
        monkeypatch.setenv("PULUMI_CONFIG", configured)
        given = declaration.network(NAME)
        assert given is not None
        assert given.chain.chain_id == "rehearsal-1"


def test_the_rule_is_mandatory_and_never_lifted() -> None:
    assert reachability.RULE in registry.rules()
    assert reachability.RULE.about.firm
