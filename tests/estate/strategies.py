"""Generated declarations: valid networks of many shapes, and the parts they are made of."""

from __future__ import annotations

from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st

from estate.clouds import aws
from estate.declaration import example, load
from estate.model import Network
from tests.estate.declarations import TODAY

QUICK = settings(max_examples=10, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
"""The same examples each time, and no search for a smaller one: a declaration shrinks slowly and is readable as is."""

ROLES = ("public-sentry", "private-sentry", "seed", "vpn", "monitor", "edge", "validator", "signer")
SENTRIES = ("public-sentry", "private-sentry")
CONTINENTS = ("north-america", "europe", "asia", "south-america", "africa", "oceania")
REGION_NAMES = sorted(aws.REGIONS)
CHAIN_ROLES = ("public-sentry", "private-sentry", "seed", "validator")
MONITOR_RULES = 54
RAISED = {"elastic_ips_per_region": 100, "on_demand_standard_vcpus": 1000}
"""Service quotas with room for whatever is generated."""
INSTANCE_TYPES = {"vpn": "t3.small", "monitor": "t3.large"}


@st.composite
def _regions(draw: st.DrawFn, most: int) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(REGION_NAMES), min_size=2, max_size=most, unique=True))
    slots = draw(st.permutations(range(11)))
    regions = {}
    for index, name in enumerate(names):
        letters = draw(st.lists(st.sampled_from(aws.REGIONS[name].zones), min_size=2, max_size=3, unique=True))
        zone_slots = draw(st.permutations(range(5)))
        regions[name] = {
            "slot": slots[index],
            "asn": 64801 + index,
            "image": f"ami-{index:08x}{len(name):09x}",
            "zones": {letter: {"slot": zone_slots[place]} for place, letter in enumerate(letters)},
        }
    return regions


@st.composite
def _nodes(draw: st.DrawFn, regions: dict[str, Any]) -> list[dict[str, Any]]:
    """At least two regions have each role that needs two.

    Every region has a sentry; a role's nodes are spread over zones.
    """
    names = list(regions)
    nodes = []
    for role in ("public-sentry", "private-sentry", "seed", "vpn", "monitor"):
        everywhere = role == "private-sentry"
        some = st.lists(st.sampled_from(names), min_size=2, max_size=2 if role in INSTANCE_TYPES else 3, unique=True)
        chosen = names if everywhere else draw(some)
        for region in chosen:
            zones = list(regions[region]["zones"])
            numbers = draw(
                st.lists(st.integers(1, 30), min_size=1, max_size=3 if role in ("seed", *SENTRIES) else 1, unique=True)
            )
            first = draw(st.integers(0, len(zones) - 1))
            for index, number in enumerate(numbers):
                node = {"role": role, "region": region, "zone": zones[(first + index) % len(zones)], "number": number}
                if role in INSTANCE_TYPES:
                    node |= {"instance_type": INSTANCE_TYPES[role], "disk_gib": 64}
                nodes.append(node)
    return nodes


def _server(site: int, unit: int, role: str, zone: str, number: int, active: bool) -> dict[str, Any]:
    mac = f"d0:94:66:{site:02x}:{unit:02x}"
    server: dict[str, Any] = {
        "role": role,
        "zone": zone,
        "number": number,
        "hardware": "Supermicro SYS-510D",
        "serial": f"S{site}-{unit:04d}",
        "rack_units": [unit],
        "power": ["pdu-a", "pdu-b"],
        "nics": [{"mac": f"{mac}:00", "switch": "core-a"}, {"mac": f"{mac}:01", "switch": "core-b"}],
        "active": active,
    }
    if role == "edge":
        server["public_address"] = f"203.0.113.{site * 16 + 3 + number}"
    return server


@st.composite
def _sites(draw: st.DrawFn, regions: dict[str, Any], most: int) -> dict[str, Any]:
    count = draw(st.integers(2, most))
    slots, continents = draw(st.permutations(range(11, 15))), draw(st.permutations(CONTINENTS))
    vlans = iter(draw(st.lists(st.integers(2, 4094), min_size=40, max_size=40, unique=True)))
    sites = {}
    for site in range(count):
        name = f"dc{site + 1}"
        pairs = {role: draw(st.integers(2, 3 if count == 2 else 2)) for role in ("validator", "signer")}
        kinds = [
            *(("validator", f"validator-{n}") for n in range(pairs["validator"])),
            *(("signer", f"signer-{n}") for n in range(pairs["signer"])),
        ]
        kinds += [("management", "management"), ("edge", "edge")]
        zone_slots = draw(st.permutations(range(16)))
        zones = {
            zone: {"kind": kind, "slot": zone_slots[index], "vlan": next(vlans)}
            for index, (kind, zone) in enumerate(kinds)
        }
        servers: list[dict[str, Any]] = [_server(site, n, "edge", "edge", n, n == 1) for n in (1, 2)]
        for role, size in pairs.items():
            numbers = draw(st.lists(st.integers(1, 30), min_size=size, max_size=size, unique=True))
            active = draw(st.integers(0, size - 1))
            servers += [
                _server(site, len(servers) + index + 1, role, f"{role}-{index}", number, index == active)
                for index, number in enumerate(numbers)
            ]
        sites[name] = {
            "slot": slots[site],
            "vendor": f"Vendor {site}",
            "facility": f"Hall {site}",
            "continent": continents[site],
            "asn": 64901 + site,
            "uplink": f"203.0.113.{site * 16}/28",
            "cabinet": {"id": f"C-{site}", "pdus": ["pdu-a", "pdu-b"], "switches": ["core-a", "core-b"]},
            "zones": zones,
            "servers": servers,
            "links": {
                region: {
                    "certificates": [f"arn:aws:acm:{region}:111122223333:certificate/{name}-{edge}" for edge in (1, 2)]
                }
                for region in regions
            },
        }
    return sites


@st.composite
def _partners(draw: st.DrawFn, regions: dict[str, Any]) -> dict[str, Any]:
    return {
        f"partner-{index}": {
            "account_id": f"{444455556666 + index}",
            "vpc_id": f"vpc-{index:08x}",
            "vpc_region": draw(st.sampled_from(REGION_NAMES)),
            "region": draw(st.sampled_from(list(regions))),
            "cidrs": [f"172.{16 + index}.8.0/{draw(st.integers(22, 28))}"],
            "peers": [f"{index + 1:040x}@172.{16 + index}.8.10:{draw(st.sampled_from([26656, 26666]))}"],
            "expires": "2031-01-01",
            "contact": "noc@partner.example",
        }
        for index in range(draw(st.integers(0, 3)))
    }


def _trimmed(nodes: list[dict[str, Any]], sites: dict[str, Any]) -> list[dict[str, Any]]:
    """Without so many second nodes of a role that a monitor's security group overflows.

    It has a rule for each target.
    """
    servers = [server["role"] for site in sites.values() for server in site["servers"]]
    room = MONITOR_RULES - len(servers) - servers.count("validator")
    kept: list[dict[str, Any]] = []
    extra: list[dict[str, Any]] = []
    for node in nodes:
        same = any((node["role"], node["region"]) == (other["role"], other["region"]) for other in kept)
        (extra if same else kept).append(node)
    cost = {role: 2 if role in CHAIN_ROLES else 1 for role in ROLES}
    room -= sum(cost[node["role"]] for node in kept)
    for node in extra:
        if room < cost[node["role"]]:
            break
        kept.append(node)
        room -= cost[node["role"]]
    return [node for node in nodes if node in kept]


@st.composite
def _signing(draw: st.DrawFn, sites: list[str]) -> dict[str, Any]:
    """One site that signs, or some that are coordinated, with the services and leases that this takes."""
    custody = draw(st.sampled_from(sites))
    signing: dict[str, Any] = {"backend": "softsign", "custody": custody}
    declared = example.declared()
    services = {name: each for name, each in declared["services"].items() if not name.startswith("coordination")}
    leases = {name: each for name, each in declared["leases"].items() if not name.startswith("gate-")}
    if draw(st.booleans()):
        others = draw(st.lists(st.sampled_from([site for site in sites if site != custody]), unique=True))
        gates = {site: f"gate-{site}" for site in draw(st.permutations([custody, *others]))}
        known = sorted(draw(st.sampled_from(aws.STRONG_REGION_SETS)))
        chosen = draw(st.permutations(known))[:3]
        count = draw(st.integers(1, 3))
        replicas = {region: f"table-{index}" for index, region in enumerate(chosen[:count])}
        signing["coordination"] = {"sites": gates, "generation": draw(st.integers(1, 9)), "replicas": replicas}
        if count == 2:
            signing["coordination"]["witness"] = chosen[2]
        avoided = draw(st.sets(st.sampled_from(list(replicas))))
        around = {region: [f"around-{index}"] for index, region in enumerate(sorted(avoided))}
        if around:
            signing["coordination"]["detours"] = around
        services |= {
            name: {"address": f"198.51.100.{20 + index}", "port": 443, "consumers": ["signer"]}
            for index, name in enumerate([*replicas.values(), *(name for names in around.values() for name in names)])
        }
        leases |= {
            lease: {
                "kind": "aws",
                "path": f"aws/creds/{lease}",
                "roles": ["signer"],
                "ttl_seconds": 900,
                "renew_before_seconds": 300,
            }
            for lease in gates.values()
        }
    return {"signing": signing, "services": services, "leases": leases}


@st.composite
def declarations(
    draw: st.DrawFn, *, regions_at_most: int = 4, sites_at_most: int = 3, trimmed: bool = True
) -> dict[str, Any]:
    """A valid declaration as plain values; one that is not ``trimmed`` may need more firewall rules than AWS gives."""
    regions = draw(_regions(regions_at_most))
    sites = draw(_sites(regions, sites_at_most))
    nodes = draw(_nodes(regions))
    return {
        **example.declared(),
        "name": draw(st.from_regex(r"[a-z][a-z0-9]{1,15}", fullmatch=True)),
        "slot": draw(st.integers(1, 254)),
        "aws": {"account_id": "111122223333", "quotas": dict.fromkeys(regions, RAISED)},
        "regions": regions,
        "nodes": draw(st.permutations(_trimmed(nodes, sites) if trimmed else nodes)),
        "partners": draw(_partners(regions)),
        "sites": sites,
        **draw(_signing(list(sites))),
    }


def networks() -> st.SearchStrategy[Network]:
    """Valid networks of two to four regions and two or three datacentres."""
    return declarations().map(lambda declared: load.network(declared, source="generated", today=TODAY))


def large_networks() -> st.SearchStrategy[Network]:
    """Networks of up to seven regions and four datacentres, sound in shape.

    Some need more firewall rules than AWS gives.
    """
    return declarations(regions_at_most=7, sites_at_most=4, trimmed=False).map(Network.model_validate)
