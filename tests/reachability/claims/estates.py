"""Whole estates for claims: what the program registers and hosts would load, and small changes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import Any

from components.export import document
from components.recording import Recorded, record
from configuration.rulesets import rulesets
from estate.declaration import example as example_of
from estate.declaration import load
from estate.model import Network, Role
from estate.plan.hosts import Host, hosts
from reachability import declared, state
from reachability.assembly import assemble
from reachability.claims import Case, Claim, Estate, Verdict, claims, verdict
from reachability.frontends.sites import Site
from reachability.prover import Prover
from reachability.resources import Resource
from reachability.subject import Guest, Subject

CLAIMS = {claim.id: claim for claim in claims()}
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
AFTER_STATE = "ct state vmap { established : accept, related : accept, invalid : drop }\n"


@dataclass(frozen=True)
class Built:
    """One network as it would be deployed. Every change makes another."""

    network: Network
    resources: tuple[Resource, ...]
    rulesets: Mapping[str, str]
    sites: tuple[Site, ...]
    guests: Mapping[str, Guest]
    others: tuple[Built, ...] = field(default=())

    def host(self, role: Role, place: str | None = None, number: int = 1) -> Host:
        return next(
            host
            for host in hosts(self.network)
            if host.role is role and place in (None, host.place) and host.number == number
        )

    def resource(self, name: str) -> Resource:
        return next(each for each in self.resources if each.name == name)

    def adding(self, *resources: Resource) -> Built:
        return replace(self, resources=(*self.resources, *resources))

    def without(self, wrong: Callable[[Resource], bool]) -> Built:
        kept = tuple(each for each in self.resources if not wrong(each))
        assert kept != self.resources, "the change changes nothing"
        return replace(self, resources=kept)

    def setting(self, name: str, **properties: Any) -> Built:
        """With other properties of the resource of a name."""
        assert self.resource(name)
        return replace(
            self,
            resources=tuple(
                replace(each, properties={**each.properties, **properties}) if each.name == name else each
                for each in self.resources
            ),
        )

    def permitting(self, role: str, region: str, protocol: str, port: int, cidr: str, *, egress: bool = False) -> Built:
        """With one more rule of a role's security group."""
        group = self.group(role, region)
        name = f"more-{role}-{region}-{protocol}-{port}-{cidr}-{egress}"
        properties = {
            "securityGroupId": group.id, "ipProtocol": protocol, "fromPort": port, "toPort": port, "region": region,
            "cidrIpv6" if ":" in cidr else "cidrIpv4": cidr,
        }  # fmt: skip
        type_ = EGRESS if egress else INGRESS
        urn = f"urn:pulumi:{self.network.name}::estate::{type_}::{name}"
        return self.adding(Resource(urn, type_, name, f"sgr-{name}", properties, {}))

    def filtering_nothing(self, region: str) -> Built:
        """With network ACLs that let everything through, as they come with a VPC."""
        everything = {"action": "allow", "ruleNo": 100, "protocol": "-1", "fromPort": 0, "toPort": 0}
        entries = [{**everything, "cidrBlock": "0.0.0.0/0"}]
        return self.setting(f"{self.network.name}-{region}-network-default-acl", ingress=entries, egress=entries)

    def group(self, role: str, region: str) -> Resource:
        return self.resource(f"{self.network.name}-{region}-{role}-group")

    def accepting(self, host: Host, chain: str, rule: str) -> Built:
        """With one more rule at the beginning of a chain of a host's firewall."""
        text = self.rulesets[host.name]
        head, found, rest = text.partition(f"\tchain {chain} {{\n")
        assert found, f"{host.name} has no chain {chain}"
        before, state_rule, after = rest.partition(AFTER_STATE)
        assert state_rule, f"{host.name}: {chain} keeps no state"
        return self.loading(host, f"{head}{found}{before}{state_rule}\t\t{rule}\n{after}")

    def loading(self, host: Host, text: str | None) -> Built:
        """With another ruleset of a host, or without one."""
        rulesets = {name: each for name, each in self.rulesets.items() if name != host.name}
        return replace(self, rulesets=rulesets | ({} if text is None else {host.name: text}))

    def edited(self, host: Host, old: str, new: str) -> Built:
        text = self.rulesets[host.name]
        assert old in text, f"{host.name}: its ruleset has no {old!r}"
        return self.loading(host, text.replace(old, new))

    def beside(self, other: Built) -> Built:
        return replace(self, others=(*self.others, other))

    def subject(self) -> Subject:
        parts = (self, *self.others)
        return Subject(
            resources=tuple(each for part in parts for each in part.resources),
            sites=tuple(each for part in parts for each in part.sites),
            guests={urn: guest for part in parts for urn, guest in part.guests.items()},
            rulesets={name: text for part in parts for name, text in part.rulesets.items()},
        )

    def case(self) -> Case:
        subject = self.subject()
        networks = [part.network for part in (self, *self.others)]
        return Estate(Prover(assemble(subject)), networks, subject.resources).case(self.network)

    def verdict(self, claim: str | Claim) -> Verdict:
        return verdict(self.case(), CLAIMS[claim] if isinstance(claim, str) else claim)


def deployed(network: Network, recorded: Recorded | None = None, *, preview: bool = False) -> Built:
    """What is deployed of a network, as a recording of its program tells: ``recorded``, or one made for it."""
    recorded = recorded or record(network)
    text = json.dumps(document(recorded, stack=network.name, preview=preview))
    resources = tuple(state.read(text.encode()))
    return Built(
        network=network,
        resources=resources,
        rulesets=rulesets(network, recorded.inventory),
        sites=declared.sites(network),
        guests=declared.guests(network, resources),
    )


@cache
def example(name: str = "osmosis", slot: int = 77) -> Network:
    """What ``bin/estate new`` writes."""
    return load.network(example_of.declared(name, slot, today=date.today()), source=f"{name}.yaml")


def sentences(found: Verdict) -> str:
    return "\n".join(found.sentences)


def packet(found: Verdict) -> dict[str, Any]:
    """The witness's packet."""
    assert found.witness is not None, f"{found.claim.id} is {found.outcome} without a witness"
    assert found.witness.packet is not None
    return found.witness.packet.document()


def deciding(found: Verdict) -> Iterable[str]:
    """What decides at each hop of the witness."""
    assert found.witness is not None
    return [hop.decided_by for hop in found.witness.hops]
