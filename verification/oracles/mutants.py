"""Seeded mistakes in real estates: which of them break a promise, which checkers find it, and which raise false alarms.

    python -m verification.oracles.mutants [--most N] [--checkov DIR]

A mutant is a small function on a subject, with the claims that it threatens and the hosts that it concerns. z3 decides
by ``promises`` whether a promise is broken; many mutants break none, because another layer still stops the packets.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from estate.model import Network
from reachability import addresses
from reachability.assembly import assemble
from reachability.claims import Case, Estate, prove
from reachability.prover import Prover
from reachability.resources import Resource
from reachability.subject import Guest, Subject
from verification.oracles import google
from verification.oracles.facts import Facts
from verification.oracles.promises import CLAIMS, Broken, Promises

CHECKOUT = Path(__file__).parents[2]
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
SETTINGS = frozenset({"layers-agree"})
"""Claims about settings and not about packets: they may refuse what no packet can use."""

HIDDEN = ("validator-hidden", "signer-dials-out", "private-sentry-hidden")
INBOUND = ("no-public-ssh", "ssh-from-vpn-only", "public-sentry-p2p-only", "public-endpoints-tls", *HIDDEN)


@dataclass(frozen=True)
class Mutant:
    """``claims``: those threatened. ``hosts``: those whose packets can have changed; empty: any. ``inward``: only
    packets to them.
    """

    kind: str
    name: str
    claims: tuple[str, ...]
    subject: Subject
    hosts: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    inward: bool = False


class Bed:
    """One estate to plant mistakes in."""

    def __init__(self, name: str, subject: Subject, networks: Iterable[Network]) -> None:
        self.name = name
        self.subject = subject
        self.networks = tuple(networks)
        self.facts = Facts(subject)
        self.resources = {each.urn: each for each in subject.resources}

    def of(self, suffix: str) -> list[Resource]:
        return [each for each in self.subject.resources if each.type.endswith(suffix)]

    def role(self, *roles: str) -> list[str]:
        return sorted(n for n, h in self.facts.hosts.items() if h.labels.get("Role") in roles)

    def instance(self, host: str) -> Resource:
        return self.resources[self.facts.hosts[host].urn]

    def members(self, group: str) -> tuple[str, ...]:
        return tuple(sorted({n.name for n in self.facts.nics.values() if group in n.groups and n.holder == "machine"}))

    def near(self, host: str) -> tuple[str, ...]:
        """Whose packets a change of a host can touch: its own, and of an edge all of its site's."""
        labels = self.facts.hosts[host].labels
        if labels.get("Role") != "edge":
            return (host,)
        same = [n for n, h in self.facts.hosts.items() if h.labels.get("Place") == labels.get("Place")]
        return tuple(sorted(n for n in same if self.facts.hosts[n].labels.get("Network") == labels.get("Network")))

    def within(self, vpc: str) -> tuple[str, ...]:
        return tuple(sorted({n.name for n in self.facts.nics.values() if n.vpc == vpc and n.holder == "machine"}))

    # -- changes

    def change(self, urn: str, **properties: Any) -> Subject:
        kept = []
        for each in self.subject.resources:
            if each.urn == urn:
                each = replace(each, properties={**each.properties, **properties})
            kept.append(each)
        return replace(self.subject, resources=tuple(kept))

    def without(self, *urns: str) -> Subject:
        return replace(self.subject, resources=tuple(r for r in self.subject.resources if r.urn not in urns))

    def adding(self, *resources: Resource, subject: Subject | None = None) -> Subject:
        subject = subject or self.subject
        return replace(subject, resources=(*subject.resources, *resources))

    def ruleset(self, host: str, text: str | None) -> Subject:
        kept = {name: each for name, each in self.subject.rulesets.items() if name != host}
        if text is not None:
            kept[host] = text
        return replace(self.subject, rulesets=kept)


def resource(type_: str, name: str, **properties: Any) -> Resource:
    """A resource that the mistake brings."""
    urn = f"urn:pulumi:{properties.pop('stack', 'cosmoshub')}::estate::{type_}::{name}"
    return Resource(urn, type_, name, f"id-{name}", properties, {})


def stack(bed: Bed) -> str:
    return bed.networks[0].name if bed.networks else "gcp"


def group_rule(bed: Bed, group: str, name: str, protocol: str, low: int, high: int, **who: Any) -> Resource:
    region = bed.facts.groups[group].region
    ports = {} if protocol == "-1" else {"fromPort": low, "toPort": high}
    return resource(
        INGRESS,
        name,
        stack=stack(bed),
        region=region,
        securityGroupId=group,
        ipProtocol=protocol,
        description="planted",
        **ports,
        **who,
    )


Maker = Callable[[Bed, Random], Iterator[Mutant]]
MAKERS: list[Maker] = []


def maker(function: Maker) -> Maker:
    MAKERS.append(function)
    return function


def cloud_groups(bed: Bed) -> list[str]:
    return [r.id for r in bed.of(":SecurityGroup") if bed.members(r.id)]


@maker
def world_open_rule(bed: Bed, pick: Random) -> Iterator[Mutant]:
    for group in cloud_groups(bed):
        for protocol, low, high in (("tcp", 22, 22), ("tcp", 26656, 26659), ("-1", 0, 0)):
            for who in ({"cidrIpv4": "0.0.0.0/0"}, {"cidrIpv6": "::/0"}):
                added = group_rule(
                    bed,
                    group,
                    f"open-{group}-{low}-{len(who['cidrIpv4' if 'cidrIpv4' in who else 'cidrIpv6'])}",
                    protocol,
                    low,
                    high,
                    **who,
                )
                yield Mutant(
                    "world-open rule",
                    f"{group} {protocol} {low} {who}",
                    INBOUND,
                    bed.adding(added),
                    bed.members(group),
                    (added.urn,),
                    True,
                )


@maker
def wide_prefix(bed: Bed, pick: Random) -> Iterator[Mutant]:
    for rule in pick.sample(bed.of(":SecurityGroupIngressRule"), min(40, len(bed.of(":SecurityGroupIngressRule")))):
        if "cidrIpv4" in rule.properties:
            to = pick.choice(("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16"))
            yield Mutant(
                "prefix widened",
                f"{rule.name} to {to}",
                INBOUND,
                bed.change(rule.urn, cidrIpv4=to),
                bed.members(rule.properties["securityGroupId"]),
                (rule.urn,),
                True,
            )


@maker
def wide_ports(bed: Bed, pick: Random) -> Iterator[Mutant]:
    rules = [
        r
        for r in bed.of(":SecurityGroupIngressRule")
        if r.properties.get("fromPort") and r.properties["ipProtocol"] in ("tcp", "udp")
    ]
    for rule in pick.sample(rules, min(30, len(rules))):
        yield Mutant(
            "port range widened",
            rule.name,
            INBOUND,
            bed.change(rule.urn, fromPort=1, toPort=65535),
            bed.members(rule.properties["securityGroupId"]),
            (rule.urn,),
            True,
        )


@maker
def wrong_group(bed: Bed, pick: Random) -> Iterator[Mutant]:
    groups = cloud_groups(bed)
    for group in groups:
        near = [g for g in groups if bed.facts.groups[g].vpc == bed.facts.groups[group].vpc]
        other = pick.choice(near)
        added = group_rule(bed, group, f"ref-{group}", "tcp", 22, 22, referencedSecurityGroupId=other)
        yield Mutant(
            "reference to a wrong group",
            f"{group} from {other}",
            INBOUND,
            bed.adding(added),
            bed.members(group),
            (added.urn,),
            True,
        )


@maker
def wide_egress(bed: Bed, pick: Random) -> Iterator[Mutant]:
    for group in cloud_groups(bed):
        added = resource(
            EGRESS,
            f"out-{group}",
            description="planted",
            stack=stack(bed),
            region=bed.facts.groups[group].region,
            securityGroupId=group,
            ipProtocol="-1",
            cidrIpv4="0.0.0.0/0",
        )
        yield Mutant("egress open", group, ("egress-allow-list",), bed.adding(added), bed.members(group), (added.urn,))


@maker
def open_acl(bed: Bed, pick: Random) -> Iterator[Mutant]:
    for acl in bed.of("NetworkAcl"):
        entries = list(acl.properties.get("ingress") or [])
        for name, changed in (
            ("deny removed", [e for e in entries if e["action"] != "deny"]),
            ("order turned", [{**e, "ruleNo": 1000 - int(e["ruleNo"])} for e in entries]),
            ("deny made allow", [{**e, "action": "allow"} for e in entries]),
            ("all denied", [{**e, "action": "deny"} for e in entries]),
            (
                "v6 opened",
                [
                    *entries,
                    {
                        "ruleNo": 90,
                        "protocol": "-1",
                        "action": "allow",
                        "fromPort": 0,
                        "toPort": 0,
                        "ipv6CidrBlock": "::/0",
                    },
                ],
            ),
        ):
            vpc = next(
                (v.id for v in bed.facts.vpcs.values() if v.acl == acl.properties.get("defaultNetworkAclId")), ""
            )
            yield Mutant(
                f"network ACL: {name}",
                f"{acl.name}",
                ("no-public-ssh", "ssh-from-vpn-only", "regions-meshed", "validator-fed"),
                bed.change(acl.urn, ingress=changed),
                bed.within(vpc),
                (acl.urn,),
            )


@maker
def stray_route(bed: Bed, pick: Random) -> Iterator[Mutant]:
    facts = bed.facts
    for table in bed.of(":RouteTable"):
        vpc = table.properties["vpcId"]
        hosts = tuple(
            sorted(
                {
                    n.name
                    for n in facts.nics.values()
                    if n.holder == "machine" and facts.subnets[n.subnet].table == table.id
                }
            )
        )
        if not hosts:
            continue
        for peering, (one, other, _) in facts.peerings.items():
            if vpc == one and other not in facts.vpcs:
                added = resource(
                    "aws:ec2/route:Route",
                    f"to-{peering}-{table.name}",
                    stack=stack(bed),
                    region=table.properties["region"],
                    routeTableId=table.id,
                    destinationCidrBlock="172.16.0.0/12",
                    vpcPeeringConnectionId=peering,
                )
                yield Mutant(
                    "route to a peering",
                    table.name,
                    ("partner-scope", "egress-allow-list"),
                    bed.adding(added),
                    hosts,
                    (added.urn,),
                )
        for route in bed.of(":Route"):
            if route.properties.get("routeTableId") == table.id and route.properties.get("natGatewayId"):
                gateway = next((i for i, v in facts.internet_gateways.items() if v == vpc), "")
                changed = bed.change(route.urn, natGatewayId=None, gatewayId=gateway)
                yield Mutant(
                    "route to the internet gateway in a private table",
                    route.name,
                    (*HIDDEN[:1], "private-sentry-hidden", "nat-survives-zone"),
                    changed,
                    hosts,
                    (route.urn,),
                )


@maker
def public_address(bed: Bed, pick: Random) -> Iterator[Mutant]:
    for index, host in enumerate(bed.role("private-sentry", "monitor", "public-sentry", "seed", "vpn")):
        instance = bed.instance(host)
        region = instance.properties["region"]
        eip = resource(
            "aws:ec2/eip:Eip",
            f"stray-{host}",
            stack=stack(bed),
            region=region,
            domain="vpc",
            publicIp=f"198.51.100.{200 + index}",
        )
        tie = resource(
            "aws:ec2/eipAssociation:EipAssociation",
            f"stray-{host}-tie",
            stack=stack(bed),
            region=region,
            allocationId=eip.id,
            instanceId=instance.id,
        )
        if any(bed.facts.nics[n].public for n in bed.facts.hosts[host].nics):
            continue
        yield Mutant(
            "public address on a private host",
            host,
            ("private-sentry-hidden", "no-public-ssh"),
            bed.adding(eip, tie),
            (host,),
            (eip.urn, tie.urn),
        )
        wide = [r for r in cloud_groups(bed) if host in bed.members(r)]
        opened = group_rule(bed, wide[0], f"stray-{host}-open", "tcp", 22, 22, cidrIpv4="0.0.0.0/0")
        bare = replace(
            bed.adding(eip, tie, opened), rulesets={n: t for n, t in bed.subject.rulesets.items() if n != host}
        )
        yield Mutant(
            "public address, open group, no ruleset", host, ("no-public-ssh",), bare, (host,), (eip.urn, opened.urn)
        )


@maker
def router(bed: Bed, pick: Random) -> Iterator[Mutant]:
    for host in bed.role("private-sentry", "public-sentry", "seed", "monitor"):
        instance = bed.instance(host)
        changed = bed.change(instance.urn, sourceDestCheck=False)
        guest = bed.subject.guests.get(instance.urn, Guest(host))
        routing = replace(changed, guests={**bed.subject.guests, instance.urn: replace(guest, forwards=True)})
        text = bed.subject.rulesets.get(host, "")
        opened = re.sub(r"(hook forward priority filter; policy) drop", r"\1 accept", text)
        yield Mutant("source_dest_check off", host, INBOUND, changed, (host,), (instance.urn,))
        yield Mutant(
            "source_dest_check off, forwarding, open forward chain",
            host,
            INBOUND,
            replace(routing, rulesets={**bed.subject.rulesets, host: opened}),
            (host,),
            (instance.urn,),
        )


@maker
def default_group(bed: Bed, pick: Random) -> Iterator[Mutant]:
    for host in bed.role("private-sentry", "public-sentry", "seed", "monitor", "vpn"):
        instance = bed.instance(host)
        vpc = bed.facts.vpcs[bed.facts.subnets[instance.properties["subnetId"]].vpc]
        for group in bed.of(":DefaultSecurityGroup"):
            if group.properties["vpcId"] != vpc.id:
                continue
            everything = {"protocol": "-1", "fromPort": 0, "toPort": 0}
            changed = bed.change(
                group.urn, ingress=[{**everything, "self": True}], egress=[{**everything, "cidrBlocks": ["0.0.0.0/0"]}]
            )
            bed2 = replace(
                changed,
                resources=tuple(
                    replace(
                        r,
                        properties={
                            **r.properties,
                            "vpcSecurityGroupIds": [*r.properties["vpcSecurityGroupIds"], group.id],
                        },
                    )
                    if r.urn == instance.urn
                    else r
                    for r in changed.resources
                ),
            )
            yield Mutant(
                "default group left on an instance",
                host,
                ("egress-allow-list", "ssh-from-vpn-only"),
                bed2,
                (host,),
                (group.urn, instance.urn),
            )
            bare = replace(bed2, rulesets={n: t for n, t in bed.subject.rulesets.items() if n != host})
            yield Mutant(
                "default group left, no ruleset",
                host,
                ("egress-allow-list", "ssh-from-vpn-only"),
                bare,
                (host,),
                (group.urn, instance.urn),
            )


@maker
def docker(bed: Bed, pick: Random) -> Iterator[Mutant]:
    for host in sorted(bed.subject.rulesets):
        device = "bond0.140" if "edge" in host else "bond0.110" if bed.facts.hosts[host].nics == [] else "ens5"
        targets = bed.role("private-sentry", "validator", "signer")
        target = pick.choice(targets) if targets else host
        to = bed.facts.own_addresses(target)[-1]
        own = bed.facts.own_addresses(host)[0]
        for port, inner in ((2222, f"{addresses.text(to)}:22"), (8080, f"{addresses.text(own)}:22")):
            more = (
                "\ntable ip docker {\n\tchain PREROUTING {\n"
                "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
                f'\t\tiifname "{device}" tcp dport {port} dnat to {inner}\n\t}}\n}}\n'
            )
            yield Mutant(
                "DNAT as Docker writes it",
                f"{host} {port} to {inner}",
                INBOUND,
                bed.ruleset(host, bed.subject.rulesets[host] + more),
                tuple({host, target}),
            )


@maker
def forgotten_ruleset(bed: Bed, pick: Random) -> Iterator[Mutant]:
    for host in sorted(bed.subject.rulesets):
        yield Mutant(
            "forgotten host ruleset", host, (*INBOUND, "egress-allow-list"), bed.ruleset(host, None), bed.near(host)
        )


@maker
def policy_accept(bed: Bed, pick: Random) -> Iterator[Mutant]:
    for host, text in sorted(bed.subject.rulesets.items()):
        for hook in ("input", "forward", "output"):
            changed = re.sub(rf"(hook {hook} priority filter; policy) drop", r"\1 accept", text)
            if changed != text:
                claims = ("egress-allow-list", "signer-dials-out") if hook == "output" else (*INBOUND, "vpn-scope")
                yield Mutant(
                    f"policy accept ({hook})",
                    host,
                    claims,
                    bed.ruleset(host, changed),
                    bed.near(host) if hook == "forward" else (host,),
                )


@maker
def rule_order(bed: Bed, pick: Random) -> Iterator[Mutant]:
    for host, text in sorted(bed.subject.rulesets.items()):
        first = text.replace('\t\tiif "lo" accept\n', '\t\tiif "lo" accept\n\t\ttcp dport 22 accept\n', 1)
        yield Mutant("rule before the others: tcp 22", host, INBOUND, bed.ruleset(host, first), (host,), inward=True)
        dead = text.replace(
            "\t\tcounter name dropped-in\n", "\t\tcounter name dropped-in drop\n\t\ttcp dport 22 accept\n", 1
        )
        yield Mutant("rule after a drop: tcp 22", host, INBOUND, bed.ruleset(host, dead), (host,), inward=True)


@maker
def both_layers(bed: Bed, pick: Random) -> Iterator[Mutant]:
    """A wrong flow, drawn at every layer: the group and the host's own ruleset."""
    for host, rules in sorted(bed.subject.rulesets.items()):
        groups = [g for g in cloud_groups(bed) if host in bed.members(g)]
        for port in (22, 26657, 9100):
            opened = rules.replace('\t\tiif "lo" accept\n', f'\t\tiif "lo" accept\n\t\ttcp dport {port} accept\n', 1)
            added = [group_rule(bed, g, f"both-{host}-{port}", "tcp", port, port, cidrIpv4="0.0.0.0/0") for g in groups]
            changed = replace(bed.adding(*added), rulesets={**bed.subject.rulesets, host: opened})
            if groups:
                yield Mutant(
                    "open at both layers",
                    f"{host} {port}",
                    INBOUND,
                    changed,
                    (host,),
                    tuple(r.urn for r in added),
                    True,
                )
    pairs = [h for h in sorted(bed.subject.rulesets) if bed.facts.hosts[h].nics]
    for host in pairs:
        other = pick.choice([p for p in pairs if p != host])
        to = addresses.text(bed.facts.own_addresses(other)[0])
        more: list[Resource] = []
        for group in cloud_groups(bed):
            if other in bed.members(group):
                more.append(group_rule(bed, group, f"pair-{host}-in", "tcp", 22, 22, cidrIpv4="10.0.0.0/8"))
            if host in bed.members(group):
                more.append(
                    resource(
                        EGRESS,
                        f"pair-{host}-out",
                        description="planted",
                        stack=stack(bed),
                        region=bed.facts.groups[group].region,
                        securityGroupId=group,
                        ipProtocol="tcp",
                        fromPort=22,
                        toPort=22,
                        cidrIpv4=f"{to}/32",
                    )
                )
        opened = {
            name: each.replace('\t\tiif "lo" accept\n', '\t\tiif "lo" accept\n\t\ttcp dport 22 accept\n').replace(
                '\t\toif "lo" accept\n', '\t\toif "lo" accept\n\t\ttcp dport 22 accept\n'
            )
            for name, each in bed.subject.rulesets.items()
            if name in (host, other)
        }
        changed = replace(bed.adding(*more), rulesets={**bed.subject.rulesets, **opened})
        yield Mutant(
            "SSH from node to node at all layers",
            f"{host} to {other}",
            ("ssh-from-vpn-only", "egress-allow-list"),
            changed,
            (host, other),
            tuple(r.urn for r in more),
        )


@maker
def nft_prefix(bed: Bed, pick: Random) -> Iterator[Mutant]:
    for host, text in sorted(bed.subject.rulesets.items()):
        lines = text.splitlines()
        wide = [i for i, line in enumerate(lines) if "ip saddr" in line and "dport" in line and "accept" in line]
        for index in pick.sample(wide, min(2, len(wide))):
            changed = re.sub(r"ip saddr (\{[^}]*\}|\S+) ", "", lines[index])
            new = "\n".join([*lines[:index], changed, *lines[index + 1 :]]) + "\n"
            yield Mutant(
                "host rule without its sources",
                f"{host}: {changed.strip()[:60]}",
                INBOUND,
                bed.ruleset(host, new),
                bed.near(host),
            )
        ports = [i for i, line in enumerate(lines) if re.search(r"dport \d+ ", line) and "accept" in line]
        for index in pick.sample(ports, min(1, len(ports))):
            changed = re.sub(r"dport \d+ ", "dport 1-65535 ", lines[index])
            new = "\n".join([*lines[:index], changed, *lines[index + 1 :]]) + "\n"
            yield Mutant(
                "host rule with all ports",
                f"{host}: {changed.strip()[:60]}",
                (*INBOUND, "egress-allow-list"),
                bed.ruleset(host, new),
                bed.near(host),
            )


@maker
def listener(bed: Bed, pick: Random) -> Iterator[Mutant]:
    for balancer in bed.of(":LoadBalancer"):
        region, arn = balancer.properties["region"], balancer.properties["arn"]
        for host in bed.role("seed", "private-sentry"):
            instance = bed.instance(host)
            if instance.properties["region"] != region:
                continue
            name = f"ssh-{region}-{host}"
            group = resource(
                "aws:lb/targetGroup:TargetGroup",
                name,
                stack=stack(bed),
                region=region,
                vpcId=bed.facts.subnets[instance.properties["subnetId"]].vpc,
                port=22,
                protocol="TCP",
                targetType="instance",
                arn=f"arn:{name}",
            )
            tie = resource(
                "aws:lb/targetGroupAttachment:TargetGroupAttachment",
                f"{name}-tie",
                stack=stack(bed),
                region=region,
                targetGroupArn=f"arn:{name}",
                targetId=instance.id,
                port=22,
            )
            front = resource(
                "aws:lb/listener:Listener",
                f"{name}-front",
                stack=stack(bed),
                region=region,
                loadBalancerArn=arn,
                port=22,
                protocol="TCP",
                defaultActions=[{"type": "forward", "targetGroupArn": f"arn:{name}"}],
            )
            yield Mutant(
                "listener on 22",
                name,
                ("no-public-ssh", "public-endpoints-tls"),
                bed.adding(group, tie, front),
                (host,),
                (group.urn, front.urn),
            )
            opened = [
                group_rule(bed, g, f"{name}-{g}", "tcp", 22, 22, cidrIpv4="0.0.0.0/0")
                for g in balancer.properties["securityGroups"]
            ]
            yield Mutant(
                "listener on 22 and an open group",
                name,
                ("no-public-ssh", "public-endpoints-tls"),
                bed.adding(group, tie, front, *opened),
                (host,),
                (front.urn, *[o.urn for o in opened]),
            )
    for front in bed.of(":Listener"):
        yield Mutant(
            "TLS made TCP",
            front.name,
            ("public-endpoints-tls",),
            bed.change(front.urn, protocol="TCP", certificateArn=None, sslPolicy=None),
            (),
            (front.urn,),
        )
    for group in bed.of(":TargetGroup"):
        yield Mutant(
            "client address preserved",
            group.name,
            ("public-endpoints-tls",),
            bed.change(group.urn, preserveClientIp="true"),
            (),
            (group.urn,),
        )


@maker
def missing(bed: Bed, pick: Random) -> Iterator[Mutant]:
    must = ("regions-meshed", "validator-fed")
    for route in bed.of(":Route"):
        if route.properties.get("vpcPeeringConnectionId"):
            yield Mutant("missing route", route.name, must, bed.without(route.urn), (), (route.urn,))
    for accepter in bed.of(":VpcPeeringConnectionAccepter"):
        yield Mutant("peering not accepted", accepter.name, must, bed.without(accepter.urn), (), (accepter.urn,))
    for propagation in bed.of(":VpnGatewayRoutePropagation"):
        yield Mutant(
            "propagation missing", propagation.name, must, bed.without(propagation.urn), (), (propagation.urn,)
        )
    rules = [r for r in bed.of("IngressRule") if r.properties.get("fromPort") == 26656]
    for rule in pick.sample(rules, min(15, len(rules))):
        yield Mutant("p2p rule missing", rule.name, must, bed.without(rule.urn), (), (rule.urn,))
    for nat in bed.of(":NatGateway"):
        yield Mutant("NAT gateway removed", nat.name, ("nat-survives-zone",), bed.without(nat.urn), (), (nat.urn,))
    for route in bed.of(":Route"):
        if route.properties.get("natGatewayId"):
            other = pick.choice(
                [n.id for n in bed.of(":NatGateway") if n.properties["region"] == route.properties["region"]]
            )
            if other != route.properties["natGatewayId"]:
                yield Mutant(
                    "NAT gateway of another zone",
                    route.name,
                    ("nat-survives-zone",),
                    bed.change(route.urn, natGatewayId=other),
                    (),
                    (route.urn,),
                )


@maker
def other_instance(bed: Bed, pick: Random) -> Iterator[Mutant]:
    if len(bed.networks) < 2:
        return
    vpcs = {r.id: r for r in bed.of("aws:ec2/vpc:Vpc")}
    one_side = [v for v in vpcs.values() if f":{bed.networks[0].name}::" in v.urn]
    other_side = [v for v in vpcs.values() if f":{bed.networks[1].name}::" in v.urn]
    claims = ("no-instance-traversal", "vpn-scope", "ssh-from-vpn-only")
    for one in one_side:
        for other in other_side:
            name = f"{one.name}-{other.name}"
            joined = resource(
                "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
                name,
                stack=stack(bed),
                region=one.properties["region"],
                vpcId=one.id,
                peerVpcId=other.id,
                peerRegion=other.properties["region"],
                autoAccept=False,
                acceptStatus="active",
            )
            routes = []
            for here, there in ((one, other), (other, one)):
                for table in bed.of(":RouteTable"):
                    if table.properties["vpcId"] == here.id:
                        routes.append(
                            resource(
                                "aws:ec2/route:Route",
                                f"{name}-{table.name}",
                                stack=stack(bed),
                                region=here.properties["region"],
                                routeTableId=table.id,
                                destinationCidrBlock=there.properties["cidrBlock"],
                                vpcPeeringConnectionId=joined.id,
                            )
                        )
            plain = bed.adding(joined, *routes)
            near = (*bed.within(one.id), *bed.within(other.id))
            yield Mutant("peering to another instance", name, claims, plain, near, (joined.urn,))
            opened, bare = [], set()
            for vpc in (one, other):
                for group in cloud_groups(bed):
                    if bed.facts.groups[group].vpc == vpc.id:
                        opened.append(group_rule(bed, group, f"{name}-{group}", "tcp", 22, 22, cidrIpv4="10.0.0.0/8"))
                        opened.append(
                            replace(
                                resource(
                                    EGRESS,
                                    f"{name}-out-{group}",
                                    description="planted",
                                    stack=stack(bed),
                                    region=vpc.properties["region"],
                                    securityGroupId=group,
                                    ipProtocol="tcp",
                                    fromPort=22,
                                    toPort=22,
                                    cidrIpv4="10.0.0.0/8",
                                )
                            )
                        )
            yield Mutant(
                "peering to another instance, open groups",
                name,
                claims,
                bed.adding(joined, *routes, *opened),
                near,
                (joined.urn,),
            )
            bare = {pick.choice(bed.within(one.id)), pick.choice(bed.within(other.id))}
            loose = replace(
                bed.adding(joined, *routes, *opened),
                rulesets={n: t for n, t in bed.subject.rulesets.items() if n not in bare},
            )
            yield Mutant(
                "peering to another instance, open groups, rulesets forgotten", name, claims, loose, near, (joined.urn,)
            )


def every(bed: Bed, seed: int = 0) -> list[Mutant]:
    """All mutants of an estate, in a seeded order."""
    found = [mutant for make in MAKERS for mutant in make(bed, Random(f"{seed} {make.__name__}"))]
    Random(seed).shuffle(found)
    return found


# -- verdicts


def confirmed(mutant: Mutant, bed: Bed, claims: Iterable[str], focus: bool = True) -> Broken | None:
    """What z3 finds broken of the claims, the first."""
    promises = Promises(Facts(mutant.subject), bed.networks, mutant.hosts if focus else (), mutant.inward)
    for claim in claims:
        found = next(promises.check(claim), None)
        if found is not None:
            return found
    return None


def refuted(subject: Subject, bed: Bed) -> dict[str, str]:
    """By claim: its outcome, of those that are not proved."""
    found: dict[str, str] = {}
    estate = Estate(Prover(assemble(subject)), bed.networks, subject.resources)
    for network in bed.networks:
        for verdict in prove(Case(estate, network)).verdicts:
            if verdict.outcome.value != "proved" and found.get(verdict.claim.id) != "refuted":
                found[verdict.claim.id] = verdict.outcome.value
    return found


@dataclass
class Row:
    """One mutant's fate."""

    bed: str
    kind: str
    name: str
    broken: str
    refuted: dict[str, str]
    seconds: Mapping[str, float]

    @property
    def caught(self) -> bool:
        return any(claim not in SETTINGS and outcome == "refuted" for claim, outcome in self.refuted.items())

    @property
    def unsure(self) -> bool:
        return any(claim not in SETTINGS for claim in self.refuted)

    @property
    def verdict(self) -> str:
        if self.broken:
            return (
                "caught" if self.caught else "not modelled" if self.unsure else "setting" if self.refuted else "missed"
            )
        return (
            "false alarm"
            if self.caught
            else "unsure"
            if self.unsure
            else "setting only"
            if self.refuted
            else "equivalent"
        )


def judge_google(most: int | None, seed: int, network: Network) -> Iterator[Row]:
    """The mistakes in the Google Cloud estate, each against its promises."""
    found = list(google.mutants(Random(seed)))
    Random(seed).shuffle(found)
    for kind, name, subject, _ in found[:most]:
        began = time.perf_counter()
        case = Case(Estate(Prover(assemble(subject)), [network], subject.resources), network)
        claims = [claim for claim, _ in google.PROMISES]
        alarms = {v.claim.id: v.outcome.value for v in prove(case, claims).verdicts if v.outcome.value != "proved"}
        lap = time.perf_counter()
        promises = Promises(Facts(subject), ())
        broken = next((b for _, check in google.PROMISES for b in check(promises)), None)
        yield Row(
            "gcp", kind, name, str(broken or ""), alarms, {"prover": lap - began, "z3": time.perf_counter() - lap}
        )


def judge(mutant: Mutant, bed: Bed) -> Row:
    began = time.perf_counter()
    alarms = refuted(mutant.subject, bed)
    lap = time.perf_counter()
    asked = [claim for claim in dict.fromkeys((*[c for c in alarms if c in CLAIMS], *mutant.claims)) if claim in CLAIMS]
    broken = confirmed(mutant, bed, asked)
    if broken is None and any(claim in CLAIMS for claim in alarms):
        wide = [claim for claim in alarms if claim in CLAIMS and claim not in ("egress-allow-list", "signer-dials-out")]
        broken = confirmed(mutant, bed, wide, focus=False)
    return Row(
        bed.name,
        mutant.kind,
        mutant.name,
        str(broken or ""),
        alarms,
        {"prover": lap - began, "z3": time.perf_counter() - lap},
    )


def beds(names: Iterable[str] = ("cosmoshub", "terra", "both")) -> Iterator[Bed]:
    """The real estates: each network, and both together."""
    from proofs import subjects

    for name in names:
        asked = ["cosmoshub", "terra"] if name == "both" else [name]
        question = subjects.of_declarations(CHECKOUT, asked)
        yield Bed(name, question.subject, question.networks.values())


def chosen(bed: Bed, seed: int) -> list[Mutant]:
    """For both networks together only the mistakes that join them."""
    found = every(bed, seed)
    return [m for m in found if "another instance" in m.kind] if len(bed.networks) > 1 else found


def report(rows: list[Row]) -> str:
    lines = []
    total = Counter(row.verdict for row in rows)
    broken = [row for row in rows if row.broken and not row.broken.startswith("failure")]
    lines.append(
        f"mutants {len(rows)}, confirmed by z3 {len(broken)}, caught {total['caught']} "
        f"(and {total['not modelled']} refused as not modelled, {total['setting']} by a claim about settings alone), "
        f"missed {total['missed']}; "
        f"equivalents {len(rows) - len(broken)}, false alarms {total['false alarm']}, "
        f"refused as settings {total['setting only']}, as not modelled {total['unsure']}"
    )
    lines.append(
        f"seconds: prover {sum(r.seconds['prover'] for r in rows):.0f}, z3 {sum(r.seconds['z3'] for r in rows):.0f}"
    )
    for kind in sorted({row.kind for row in rows}):
        of = [row for row in rows if row.kind == kind]
        lines.append(
            f"  {kind}: {len(of)}, confirmed {sum(bool(r.broken) for r in of)}, "
            f"caught {sum(r.verdict == 'caught' for r in of)}"
        )
    for row in rows:
        if row.verdict in ("missed", "false alarm", "setting", "not modelled"):
            lines.append(
                f"  {row.verdict}: {row.bed}: {row.kind}: {row.name}: "
                f"z3 {row.broken or 'finds nothing'}; prover {row.refuted}"
            )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=None, help="the maximum per estate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--beds", default="gcp,cosmoshub,terra,both")
    parser.add_argument("--rows", type=Path, default=None, help="write every mutant's fate here, as JSON lines")
    asked = parser.parse_args()
    rows = []
    names = asked.beds.split(",")
    if "gcp" in names:
        network = next(beds(["cosmoshub"])).networks[0]
        for row in judge_google(asked.most, asked.seed, network):
            rows.append(row)
            if asked.rows:
                with asked.rows.open("a") as out:
                    out.write(json.dumps({**row.__dict__, "verdict": row.verdict}) + "\n")
    for bed in beds(name for name in names if name != "gcp"):
        for index, mutant in enumerate(chosen(bed, asked.seed)[: asked.most]):
            try:
                rows.append(judge(mutant, bed))
            except Exception as error:  # a mutant that ends a checker is a finding
                rows.append(
                    Row(
                        bed.name,
                        mutant.kind,
                        mutant.name,
                        f"failure: {type(error).__name__}: {error}",
                        {},
                        {"prover": 0, "z3": 0},
                    )
                )
            if asked.rows:
                with asked.rows.open("a") as out:
                    out.write(json.dumps({**rows[-1].__dict__, "verdict": rows[-1].verdict, "index": index}) + "\n")
    print(report(rows))
    return 1 if any(row.verdict in ("missed", "false alarm") for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
