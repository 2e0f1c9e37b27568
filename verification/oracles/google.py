"""A Google Cloud estate written by hand, its promises, and mistakes in it: tags, priorities, routes, peerings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

from reachability import addresses, services
from reachability.claims import Claim, allow, anyone, forbid, host, internet, tcp
from reachability.resources import Resource
from reachability.subject import Guest, Subject
from verification.oracles.promises import ASKED, INTERNET, SSH, Broken, Promises
from verification.oracles.simulator import Start

P2P = (services.of(services.TCP, 26656, 26656),)
LINK = "https://www.googleapis.com/compute/v1/projects/p/"
HOSTS = {
    "gcp-sentry": ("core", "core-eu", "10.201.0.11", "192.0.2.81", ("sentry", "node")),
    "gcp-validator": ("core", "core-us", "10.201.1.11", "", ("validator", "node")),
    "gcp-vpn": ("core", "core-eu", "10.201.0.12", "192.0.2.82", ("vpn",)),
    "gcp-monitor": ("core", "core-us", "10.201.1.12", "", ("monitor",)),
    "gcp-other": ("other", "other-eu", "10.202.0.11", "192.0.2.83", ("sentry",)),
}
SUBNETS = {
    "core-eu": ("core", "10.201.0.0/24", "europe-west3"),
    "core-us": ("core", "10.201.1.0/24", "us-east1"),
    "other-eu": ("other", "10.202.0.0/24", "europe-west3"),
}
RULES: dict[str, dict[str, Any]] = {
    "core-p2p": {
        "network": "core",
        "priority": 1000,
        "allows": ["tcp:26656"],
        "sourceRanges": ["0.0.0.0/0"],
        "targetTags": ["sentry"],
    },
    "core-feed": {
        "network": "core",
        "priority": 1000,
        "allows": ["tcp:26656"],
        "sourceTags": ["sentry"],
        "targetTags": ["validator"],
    },
    "core-ssh": {
        "network": "core",
        "priority": 700,
        "allows": ["tcp:22"],
        "sourceTags": ["vpn"],
        "targetTags": ["node", "monitor"],
    },
    "core-ssh-denied": {"network": "core", "priority": 800, "denies": ["tcp:22"], "sourceRanges": ["0.0.0.0/0"]},
    "core-legacy": {
        "network": "core",
        "priority": 1100,
        "allows": ["tcp:20-26656"],
        "sourceRanges": ["0.0.0.0/0"],
        "targetTags": ["vpn"],
    },
    "core-scrape": {
        "network": "core",
        "priority": 1000,
        "allows": ["tcp:9100"],
        "sourceTags": ["monitor"],
        "targetTags": ["node"],
    },
    "core-out-denied": {
        "network": "core",
        "priority": 2000,
        "denies": ["all"],
        "destinationRanges": ["0.0.0.0/0"],
        "direction": "EGRESS",
        "targetTags": ["validator"],
    },
    "core-out-p2p": {
        "network": "core",
        "priority": 1000,
        "allows": ["tcp:26656"],
        "destinationRanges": ["10.201.0.0/16"],
        "direction": "EGRESS",
        "targetTags": ["validator"],
    },
    "other-p2p": {"network": "other", "priority": 1000, "allows": ["tcp:26656"], "sourceRanges": ["0.0.0.0/0"]},
}


def made(type_: str, name: str, **properties: Any) -> Resource:
    return Resource(
        f"urn:pulumi:gcp::estate::gcp:compute/{type_}::{name}",
        f"gcp:compute/{type_}",
        name,
        name,
        {"name": name, **properties},
        {},
    )


def item(text: str) -> dict[str, Any]:
    protocol, _, ports = text.partition(":")
    return {"protocol": protocol, **({"ports": [ports]} if ports else {})}


def firewall(name: str, rule: dict[str, Any]) -> Resource:
    kept = {key: value for key, value in rule.items() if key not in ("allows", "denies", "network")}
    for side in ("allows", "denies"):
        if side in rule:
            kept[side] = [item(each) for each in rule[side]]
    return made(
        "firewall:Firewall",
        name,
        network=f"{LINK}global/networks/{rule['network']}",
        direction=kept.pop("direction", "INGRESS"),
        **kept,
    )


def instance(name: str) -> Resource:
    network, subnet, address, public, tags = HOSTS[name]
    nic: dict[str, Any] = {"network": f"{LINK}global/networks/{network}", "subnetwork": subnet, "networkIp": address}
    if public:
        nic["accessConfigs"] = [{"natIp": public}]
    zone = SUBNETS[subnet][2] + "-b"
    return made(
        "instance:Instance",
        name,
        zone=zone,
        canIpForward=False,
        tags=list(tags),
        networkInterfaces=[nic],
        selfLink=f"{LINK}zones/{zone}/instances/{name}",
    )


def subject() -> Subject:
    """The estate as it should be."""
    found = [
        made("network:Network", n, autoCreateSubnetworks=False, selfLink=f"{LINK}global/networks/{n}")
        for n in ("core", "other")
    ]
    found += [
        made(
            "subnetwork:Subnetwork",
            n,
            network=f"{LINK}global/networks/{w}",
            ipCidrRange=c,
            region=r,
            stackType="IPV4_ONLY",
        )
        for n, (w, c, r) in SUBNETS.items()
    ]
    found += [instance(name) for name in HOSTS]
    found += [firewall(name, rule) for name, rule in RULES.items()]
    found += [made("router:Router", "core-router", network=f"{LINK}global/networks/core", region="us-east1")]
    found += [
        made("address:Address", "core-nat-address", address="192.0.2.90", region="us-east1", addressType="EXTERNAL")
    ]
    found += [
        made(
            "routerNat:RouterNat",
            "core-nat",
            router="core-router",
            region="us-east1",
            natIpAllocateOption="MANUAL_ONLY",
            natIps=["core-nat-address"],
            sourceSubnetworkIpRangesToNat="ALL_SUBNETWORKS_ALL_IP_RANGES",
        )
    ]
    guests = {
        each.urn: Guest(each.name, False, {}, {"Role": each.name.removeprefix("gcp-")})
        for each in found
        if each.type.endswith(":Instance")
    }
    return Subject(tuple(found), (), guests, {})


def _inbound(
    claim: str, to: tuple[str, ...], got: Any, fine: Callable[[Start, str], Any]
) -> Callable[[Promises], Iterator[Broken]]:
    def check(promises: Promises) -> Iterator[Broken]:
        for name in to:
            for start in (INTERNET, *promises.senders()):
                if start.name == name or name not in promises.facts.hosts:
                    continue
                rest = addresses.difference(got, addresses.union(fine(start, name)))
                if rest and (
                    packet := promises.find(
                        start, name, got=rest, points=None if start == INTERNET else promises.doors(name)
                    )
                ):
                    yield Broken(claim, start.name or "internet", name, packet)

    return check


CORE = ("gcp-sentry", "gcp-validator", "gcp-vpn", "gcp-monitor")
PROMISES: tuple[tuple[Claim, Callable[[Promises], Iterator[Broken]]], ...] = (
    (
        forbid(
            id="gcp-no-public-ssh",
            statement="no SSH from the internet",
            sources=internet(),
            destinations=host(*CORE),
            services=tcp(22),
        ),
        _inbound("gcp-no-public-ssh", CORE, (SSH,), lambda start, name: () if start == INTERNET else (SSH,)),
    ),
    (
        forbid(
            id="gcp-ssh-from-vpn",
            statement="SSH from the VPN only",
            sources=anyone(),
            destinations=host(*CORE),
            services=tcp(22),
            except_=[allow(sources=host("gcp-vpn"))],
        ),
        _inbound("gcp-ssh-from-vpn", CORE, (SSH,), lambda start, name: (SSH,) if start.name == "gcp-vpn" else ()),
    ),
    (
        forbid(
            id="gcp-validator-hidden",
            statement="only sentry, VPN and monitor reach the validator",
            sources=anyone(),
            destinations=host("gcp-validator"),
            except_=[
                allow(sources=host("gcp-sentry"), services=tcp(26656)),
                allow(sources=host("gcp-vpn"), services=tcp(22)),
                allow(sources=host("gcp-monitor"), services=tcp(9100)),
            ],
        ),
        _inbound(
            "gcp-validator-hidden",
            ("gcp-validator",),
            ASKED,
            lambda start, name: {
                "gcp-sentry": P2P,
                "gcp-vpn": (SSH,),
                "gcp-monitor": (services.of(services.TCP, 9100, 9100),),
            }.get(start.name, ()),
        ),
    ),
    (
        forbid(
            id="gcp-sentry-p2p-only",
            statement="the internet reaches the sentry's p2p only",
            sources=internet(),
            destinations=host("gcp-sentry"),
            except_=[allow(services=tcp(26656))],
        ),
        _inbound(
            "gcp-sentry-p2p-only", ("gcp-sentry",), ASKED, lambda start, name: P2P if start == INTERNET else ASKED
        ),
    ),
    (
        forbid(
            id="gcp-validator-out",
            statement="the validator reaches nothing outside",
            sources=host("gcp-validator"),
            destinations=internet(),
        ),
        lambda promises: (
            Broken("gcp-validator-out", "gcp-validator", "internet", p)
            for p in [promises.find(Start("machine", "gcp-validator"), "internet")]
            if p
        ),
    ),
)


def mutants(pick: Random) -> Iterator[tuple[str, str, Subject, tuple[str, ...]]]:
    """(kind, name, subject, changed URNs)."""
    whole = subject()

    def change(name: str, **properties: Any) -> Subject:
        return replace(
            whole,
            resources=tuple(
                replace(r, properties={**r.properties, **properties}) if r.name == name else r for r in whole.resources
            ),
        )

    def adding(*more: Resource) -> Subject:
        return replace(whole, resources=(*whole.resources, *more))

    urns = {r.name: r.urn for r in whole.resources}
    for name, rule in RULES.items():
        for priority in (100, 750, 1050, 1200, 3000):
            yield "GCP priority", f"{name} {priority}", change(name, priority=priority), (urns[name],)
        yield "GCP rule disabled", name, change(name, disabled=True), (urns[name],)
        yield "GCP rule without targets", name, change(name, targetTags=[]), (urns[name],)
        if "sourceTags" in rule:
            yield "GCP world-open rule", name, change(name, sourceTags=[], sourceRanges=["0.0.0.0/0"]), (urns[name],)
            yield (
                "GCP wrong tag",
                name,
                change(name, sourceTags=[pick.choice(("sentry", "vpn", "monitor", "validator"))]),
                (urns[name],),
            )
        side = "allows" if "allows" in rule else "denies"
        yield "GCP port range widened", name, change(name, **{side: [item("all")]}), (urns[name],)
    for priority in (600, 900, 65534):
        for tag in ("sentry", "validator", "vpn", "monitor"):
            added = firewall(
                f"open-{tag}-{priority}",
                {
                    "network": "core",
                    "priority": priority,
                    "allows": ["tcp:22"],
                    "sourceRanges": ["0.0.0.0/0"],
                    "targetTags": [tag],
                },
            )
            yield "GCP world-open rule", added.name, adding(added), (added.urn,)
    for name in HOSTS:
        found = instance(name)
        nic = found.properties["networkInterfaces"][0]
        yield (
            "GCP public address",
            name,
            change(name, networkInterfaces=[{**nic, "accessConfigs": [{"natIp": "192.0.2.99"}]}]),
            (urns[name],),
        )
        yield (
            "GCP tag added",
            name,
            change(name, tags=[*found.properties["tags"], pick.choice(("vpn", "sentry", "monitor"))]),
            (urns[name],),
        )
        yield "GCP canIpForward", name, change(name, canIpForward=True), (urns[name],)
    for open_rule in (False, True):
        both = [
            made(
                "networkPeering:NetworkPeering",
                f"{a}-{b}",
                network=f"{LINK}global/networks/{a}",
                peerNetwork=f"{LINK}global/networks/{b}",
            )
            for a, b in (("core", "other"), ("other", "core"))
        ]
        more = (
            [
                firewall(
                    "from-other",
                    {"network": "core", "priority": 700, "allows": ["tcp:22"], "sourceRanges": ["10.202.0.0/16"]},
                )
            ]
            if open_rule
            else []
        )
        yield "GCP peering to another instance", f"open {open_rule}", adding(*both, *more), tuple(r.urn for r in both)
        yield "GCP peering of one side", f"open {open_rule}", adding(both[0], *more), (both[0].urn,)
