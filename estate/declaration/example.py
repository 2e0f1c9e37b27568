"""A complete, valid declaration to begin a network with, and the slot that a new network takes."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, reduce
from string import Template
from typing import Any

from estate.declaration import composition, defaults, document
from estate.declaration.composition import CONFIG_KEY
from estate.declaration.parts import Beside
from estate.model import CHAIN_ROLES, ROLES, Company, Datacentre, Model, Network

HIGHEST_SLOT = 254
_ALL_ROLES = f"[{', '.join(ROLES)}]"
_SCRAPED_ROLES = f"[{', '.join(role for role, spec in ROLES.items() if spec.scraped)}]"
_CHAIN_ROLES = f"[{', '.join(CHAIN_ROLES)}]"
_ACCOUNTS = 111122223326
_DOCUMENTATION_BLOCKS = ("192.0.2", "203.0.113")

_NETWORK = Template("""\
# yaml-language-server: $$schema=schema.json
# $name: one file declares the network's whole ServiceInstance. It is complete and valid.
# To edit: chain facts, account, images, partners. People are in company.yaml, machines in datacentres/.
# Public names, VPN, leases, monitoring and what each datacentre has are the defaults in company.yaml: to have others,
# declare endpoints, vpn, leases or monitoring here, or zones and links of a site.
config:
  estate:network:
    name: $name               # begins every host name, at most 16 letters and digits
    slot: $slot                    # 10.$slot.0.0/16 is this network's; it must never change
    owner: network-operations  # who is responsible; a tag on every resource
    stage: production          # or testnet

    # The chain itself, whoever validates it.
    chain:
      chain_id: $name-1
      client:                  # installed as this Debian package, in exactly this version
        package: ${letters}d
        version: 1.0.0
        daemon: ${letters}d
        release:               # what the package is made of
          url: https://downloads.example/${letters}d/v1.0.0/${letters}d-linux-amd64
          sha256: "$release_sha256"
      genesis:
        url: https://downloads.example/$name-1/genesis.json
        sha256: "$genesis_sha256"
      bech32_prefix: $letters
      minimum_gas_prices: 0.01u$letters
      block_seconds: 6
      ports: {p2p: 26656, rpc: 26657, lcd: 1317, privval: 26659, metrics: 26660}
      seeds: ["$seed_id@seed.$name.example:26656"]
      persistent_peers: ["$peer_id@peer.$name.example:26656"]

    aws:
      account_id: "$account"
      quotas:                  # what AWS has raised the account's service quotas to, in each region; see docs/quotas.md
        us-east-2: {on_demand_standard_vcpus: 16}
        eu-west-1: {on_demand_standard_vcpus: 16}

    # At least two regions of two zones. Slots place the subnets: never reuse or change one that is deployed.
    regions:
      us-east-2:
        slot: 0
        asn: 64801             # private, of its own in this network
        image: ami-0123456789abcdef0
        zones: {a: {slot: 0}, b: {slot: 1}}
      eu-west-1:
        slot: 1
        asn: 64802
        image: ami-0fedcba9876543210
        zones: {a: {slot: 0}, b: {slot: 1}}

    # Virtual machines. Role, region and number are a host's identity.
    nodes:
      - {role: public-sentry, region: us-east-2, zone: a, number: 1}
      - {role: private-sentry, region: us-east-2, zone: b, number: 1}
      - {role: public-sentry, region: eu-west-1, zone: a, number: 1}
      - {role: private-sentry, region: eu-west-1, zone: b, number: 1}
      - {role: seed, region: us-east-2, zone: b, number: 1}
      - {role: seed, region: eu-west-1, zone: a, number: 1}
      - {role: vpn, region: us-east-2, zone: a, number: 1, instance_type: t3.small, disk_gib: 16}
      - {role: vpn, region: eu-west-1, zone: b, number: 1, instance_type: t3.small, disk_gib: 16}
      - {role: monitor, region: us-east-2, zone: b, number: 1, instance_type: t3.large, disk_gib: 200}
      - {role: monitor, region: eu-west-1, zone: a, number: 1, instance_type: t3.large, disk_gib: 200}

    # Other validators whose private sentries peer with ours, until a date.
    partners:
      northwind:
        account_id: "444455556666"
        vpc_id: vpc-0a1b2c3d4e5f60718
        vpc_region: eu-west-1
        region: eu-west-1      # where the peering ends on our side
        cidrs: [172.20.$slot.0/24]
        peers: ["$partner_id@172.20.$slot.10:26656"]
        expires: "$expires"
        contact: noc@northwind.example

    # Datacentres, of different vendors on different continents.
    sites:
""")

_SITE = Template("""\
      $site:
        slot: $site_slot
        asn: $asn
        vlans: 100             # its VLANs are counted from it; of its own in the datacentre
        servers:               # by serial: pairs of identical machines, the first one active
""")

_DATACENTRE = Template("""\
# yaml-language-server: $$schema=schema.json
# $site: the facility and its machines. Networks say which of them they use, and for what.
vendor: $vendor
facility: $facility
continent: $continent
uplink: $uplink        # the carrier's block; its first address is the carrier's gateway
cabinet: {id: C$slot-$cabinet, pdus: [pdu-a, pdu-b], switches: [core-a, core-b]}
machines:                      # by serial
""")

_MACHINE = Template("""\
  $serial:
    hardware: $hardware
    rack_units: [$unit]
    power: [pdu-a, pdu-b]
    nics: [{mac: "$mac:00", switch: core-a}, {mac: "$mac:01", switch: core-b}]
""")

_COMPANY = """\
# yaml-language-server: $schema=company.schema.json
# Who works here, on whose hosts they may log in, and what every network calls.
duties:
  operator: ALL_ROLES
people:
  alice:
    ssh_public_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh2bHVrN3JrZnV5eGZ2d2t6bHh1Z3JtYXN0ZXJrZXkx alice"]
    duties: {"*": operator}    # in every network that names no other duty of hers
services:                      # what hosts of every network call
  packages: {address: 198.51.100.10, port: 80, consumers: ALL_ROLES}
  time: {address: 198.51.100.11, port: 123, protocol: udp, consumers: ALL_ROLES}
  resolver:
    address: 198.51.100.12
    port: 53
    protocol: udp
    consumers: [public-sentry, private-sentry, seed, vpn, monitor, edge]
  vault: {address: 198.51.100.13, port: 8200, consumers: ALL_ROLES}
  logs: {address: 198.51.100.14, port: 6514, consumers: ALL_ROLES}
  metrics: {address: 198.51.100.15, port: 443, consumers: [monitor]}

# What a network has unless its file declares the section itself. {network} and its like stand for what it declares.
defaults:
  endpoints:
    dns_zone: validators.example
    seed: "{network}-seed.validators.example"
    rpc: "{network}.validators.example"
    lcd: "{network}-lcd.validators.example"

  vpn: {port: 1194, certificate_authority: "vault:pki/{network}-vpn#ca_chain"}

  # Credentials from Vault, all short-lived. Hosts have no others. gate-{site}: one for each site that signs.
  leases:
    sentry-tls: {kind: pki, path: "pki-{network}/issue/sentry", roles: [public-sentry, private-sentry],
      ttl_seconds: 86400, renew_before_seconds: 21600}
    seed-tls: {kind: pki, path: "pki-{network}/issue/seed", roles: [seed],
      ttl_seconds: 86400, renew_before_seconds: 21600}
    vpn-server: {kind: pki, path: "pki-{network}/issue/vpn", roles: [vpn],
      ttl_seconds: 86400, renew_before_seconds: 21600}
    monitor-discovery: {kind: aws, path: "aws/creds/{network}-monitor", roles: [monitor],
      ttl_seconds: 3600, renew_before_seconds: 900}
    validator-tls: {kind: pki, path: "pki-{network}/issue/validator", roles: [validator],
      ttl_seconds: 86400, renew_before_seconds: 21600}
    signer-unlock: {kind: kv, path: "kv/{network}/signer", roles: [signer],
      ttl_seconds: 120, renew_before_seconds: 30, single_use: true}
    gate-{site}: {kind: aws, path: "aws/creds/{network}-gate-{site}", roles: [signer],
      ttl_seconds: 900, renew_before_seconds: 300}
    edge-bgp: {kind: kv, path: "kv/{network}/edge", roles: [edge],
      ttl_seconds: 3600, renew_before_seconds: 900}

  # What the monitors read. Only SSH opens connections to a signer, which sends its logs itself.
  monitoring:
    chain: {roles: CHAIN_ROLES, port: "{metrics_port}"}
    host: {roles: SCRAPED_ROLES, port: 9100}

  # In each datacentre: firewall zones, their VLANs counted from the vlans of the network's site; the zone of each
  # server of a role; the certificates of the tunnels to each region, edge 1 first.
  site:
    zones:
      validator-a: {kind: validator, slot: 0, vlan: 10}
      validator-b: {kind: validator, slot: 1, vlan: 11}
      signer-a: {kind: signer, slot: 2, vlan: 20}
      signer-b: {kind: signer, slot: 3, vlan: 21}
      management: {kind: management, slot: 4, vlan: 30}
      edge: {kind: edge, slot: 5, vlan: 40}
    servers: {edge: [edge, edge], validator: [validator-a, validator-b], signer: [signer-a, signer-b]}
    certificates:
      - "arn:aws:acm:{region}:{account}:certificate/{network}-{site}-edge-01"
      - "arn:aws:acm:{region}:{account}:certificate/{network}-{site}-edge-02"
"""

_REST = Template("""\

    # One consensus key: made at the site of custody, used by the active signer of each coordinated site. Before each
    # signature they agree in one table. Two that signed without it would be slashed.
    signing:
      backend: softsign
      custody: $first
      coordination:
        sites: {$first: gate-$first, $second: gate-$second}   # each with the lease for calling the table
        generation: 1
        replicas: {us-east-1: coordination, us-east-2: coordination-2}   # each with the service that reaches it
        witness: us-west-2     # the third region that decides with the two; a single region has none

    # Central services of this network alone, by address; those of every network are in company.yaml. Hosts may connect
    # to no others.
    services:
      coordination: {address: 198.51.100.16, port: 443, consumers: [signer]}
      coordination-2: {address: 198.51.100.17, port: 443, consumers: [signer]}
""")

_PAIRS = (
    ("edge", "Dell PowerEdge R250"),
    ("validator", "Dell PowerEdge R660"),
    ("signer", "Dell PowerEdge R250"),
)
_SITES = (
    {"city": "dal", "vendor": "DataBank", "facility": "DFW3 Dallas", "continent": "north-america"},
    {"city": "hel", "vendor": "Equinix", "facility": "HE7 Helsinki", "continent": "europe"},
)


def _uplink(slot: int, position: int) -> str:
    """The first three bytes and the last one of a /28 for a site.

    Of a documentation range, which the owner replaces.
    """
    index = (slot - 1) * len(_SITES) + position
    return f"{_DOCUMENTATION_BLOCKS[index // 16 % len(_DOCUMENTATION_BLOCKS)]}.{index % 16 * 16}"


@dataclass(frozen=True)
class _Placed:
    """A machine of the example, and what the network does with it."""

    role: str
    number: int
    serial: str
    values: Mapping[str, object]


def _machines(slot: int, position: int, number: int) -> list[_Placed]:
    pairs = [(role, ordinal, hardware) for role, hardware in _PAIRS for ordinal in (1, 2)]
    found = []
    for unit, (role, ordinal, hardware) in enumerate(pairs, 1):
        serial = f"{site_names(number)[position].upper()}-{slot:03d}-{unit:02d}"
        mac = f"d0:94:66:{slot:02x}:{position * 16 + unit:02x}"
        values = {"serial": serial, "hardware": hardware, "unit": unit, "mac": mac}
        found.append(_Placed(role, ordinal, serial, values))
    return found


def site_names(number: int) -> tuple[str, ...]:
    """The names of the example's datacentres, the ``number``-th of their cities."""
    return tuple(f"{site['city']}{number}" for site in _SITES)


def _site(slot: int, position: int, number: int) -> str:
    site = site_names(number)[position]
    lines = [_SITE.substitute(site=site, site_slot=11 + position, asn=64901 + position)]
    for role, machines in itertools.groupby(_machines(slot, position, number), key=lambda each: each.role):
        lines.append(f"          {role}: [{', '.join(each.serial for each in machines)}]\n")
    return "".join(lines)


def datacentres(slot: int, number: int = 1) -> dict[str, str]:
    """By name, the texts of the files of the datacentres that the example's network in ``slot`` stands in."""
    found = {}
    for position, (name, site) in enumerate(zip(site_names(number), _SITES, strict=True)):
        uplink = _uplink(slot, position)
        block, _, first = uplink.rpartition(".")
        parts = [_DATACENTRE.substitute(site, site=name, uplink=f"{uplink}/28", cabinet=position + 1, slot=slot)]
        for each in _machines(slot, position, number):
            parts.append(_MACHINE.substitute(each.values))
            if each.role == "edge":
                parts.append(f"    public_address: {block}.{int(first) + 3 + each.number}\n")
        found[name] = "".join(parts)
    return found


def company() -> str:
    """The text of a ``company.yaml`` with one person, who operates every network."""
    roles = {"ALL_ROLES": _ALL_ROLES, "SCRAPED_ROLES": _SCRAPED_ROLES, "CHAIN_ROLES": _CHAIN_ROLES}
    return reduce(lambda text, name: text.replace(name, roles[name]), roles, _COMPANY)


def _account(slot: int) -> int:
    """A made-up account: each network's own, so that two new networks do not share service quotas."""
    return _ACCOUNTS + slot


def _node_id(slot: int, salt: int) -> str:
    return f"{slot:02x}{salt:02x}" * 10


def declaration(name: str, slot: int, *, number: int = 1, today: date | None = None) -> str:
    """The text of ``Pulumi.<name>.yaml``.

    A valid declaration of the network ``name`` in ``slot``, with comments, to edit; it stands in the datacentres of
    ``site_names(number)``.

    Its one partner expires a year after ``today`` (by default this day).
    """
    day = today or date.today()
    letters = "".join(letter for letter in name if letter.isalpha())
    first, second = site_names(number)
    values: dict[str, Any] = {
        "name": name,
        "first": first,
        "second": second,
        "slot": slot,
        "account": _account(slot),
        "letters": letters,
        "release_sha256": "2a" * 32,
        "genesis_sha256": "3b" * 32,
        "seed_id": _node_id(slot, 1),
        "peer_id": _node_id(slot, 2),
        "partner_id": _node_id(slot, 3),
        "expires": date(day.year + 1, day.month, min(day.day, 28)),
    }
    return (
        _NETWORK.substitute(values)
        + "".join(_site(slot, position, number) for position in range(len(_SITES)))
        + _REST.substitute(values)
    )


def files(name: str, slot: int, *, number: int = 1, today: date | None = None) -> dict[str, str]:
    """The texts of the network's own files by their paths below ``stacks``, its stack file last."""
    texts = {f"datacentres/{site}.yaml": text for site, text in datacentres(slot, number).items()}
    return texts | {f"Pulumi.{name}.yaml": declaration(name, slot, number=number, today=today)}


def beside(slot: int, number: int = 1) -> Beside:
    """What stands beside the example's network in ``slot``: its company and datacentres."""
    texts = datacentres(slot, number)
    return Beside(
        company=document.parse(company(), "company.yaml"),
        datacentres={name: document.parse(text, f"datacentres/{name}.yaml") for name, text in texts.items()},
        instances=frozenset(),
    )


def declared(name: str = "example", slot: int = 7, *, today: date = date(2030, 1, 1)) -> dict[str, Any]:
    """The example's whole declaration as plain values: a copy of its own for each call."""
    return copy.deepcopy(_declared(name, slot, today))


@lru_cache(maxsize=2)
def _declared(name: str, slot: int, today: date) -> dict[str, Any]:
    network = document.parse(declaration(name, slot, today=today), name).part("config", CONFIG_KEY)
    whole: dict[str, Any] = composition.composed(network, beside(slot)).value
    return whole


def of(root: type[Model]) -> dict[str, Any]:
    """The example of what the model ``root`` declares, as plain values.

    Raises:
        KeyError: no file declares a ``root``.
    """
    made: dict[type[Model], Callable[[], dict[str, Any]]] = {
        Network: declared,
        Company: lambda: defaults.sampled(beside(7).company.value),
        Datacentre: lambda: next(iter(beside(7).datacentres.values())).value,
    }
    return made[root]()


def next_slot(taken: Iterable[int]) -> int:
    """The lowest slot that no network has.

    Raises:
        ValueError: if all slots are taken.
    """
    used = set(taken)
    for slot in range(1, HIGHEST_SLOT + 1):
        if slot not in used:
            return slot
    raise ValueError(
        f"all slots from 1 to {HIGHEST_SLOT} are taken; 10.0.0.0/8 holds no more networks, so retire one first"
    )
