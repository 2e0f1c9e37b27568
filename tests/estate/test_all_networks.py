"""Networks are also checked against each other: what two ServiceInstances must never share."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from estate.declaration import example, load
from estate.findings import DeclarationError
from estate.rules import estates
from tests.estate.declarations import edit, place

TODAY = date(2030, 6, 1)


def declare(root: Path, name: str, slot: int, *changes: tuple[str, str]) -> None:
    """The example's files in the slot, with datacentres of its own; each change is made in the files that say it."""
    own = place(root / "stacks", name, slot, number=slot, today=TODAY)
    files = [own, *(own.parent / "datacentres" / f"{site}.yaml" for site in example.site_names(slot))]
    texts = {file: file.read_text() for file in files}
    for old, new in changes:
        assert any(old in text for text in texts.values()), f"the example no longer says {old}"
        texts = {file: text.replace(old, new) for file, text in texts.items()}
    for file, text in texts.items():
        file.write_text(text)


def told(root: Path) -> set[tuple[str, str, str]]:
    try:
        load.all_networks(root, today=TODAY)
    except DeclarationError as error:
        return {(Path(problem.file).stem, problem.path, problem.rule) for problem in error.problems}
    return set()


def test_two_examples_go_together(tmp_path: Path) -> None:
    declare(tmp_path, "alpha", 3)
    declare(tmp_path, "beta", 4)
    assert list(load.all_networks(tmp_path, today=TODAY)) == ["alpha", "beta"]


BETA = json.dumps(example.declared("beta", 4)).replace("dal1", "dal4").replace("hel1", "hel4")


def with_own(section: str, change: dict[str, Any]) -> tuple[str, str]:
    """The change that declares ``section`` in beta's file, as beta has it by default but for ``change``."""
    own = edit(json.loads(BETA)[section], change)
    before = "    # Other validators"
    return before, f"    {section}: {json.dumps(own)}\n{before}"


SHARED_ACCOUNT = ("111122223330", "111122223329")
LINKS = edit(
    json.loads(json.dumps(example.declared("beta", 3)["sites"]["dal1"]["links"]).replace("beta-dal1", "beta-dal4")),
    {"us-east-2.certificates.0": "arn:aws:acm:us-east-2:111122223329:certificate/alpha-dal3-edge-01"},
)
"""Of beta in alpha's account, and one of them alpha's."""
CASES = [
    ("two networks with one slot", [("slot: 4  ", "slot: 3  ")], "slot", "each network must have a slot of its own"),
    (
        "one chain validated twice",
        [("chain_id: beta-1", "chain_id: alpha-1")],
        "chain.chain_id",
        "each chain must be validated by one network",
    ),
    (
        "one server of two networks",
        [("DAL4-004-03", "DAL3-003-03")],
        "sites.dal4.servers.validator.0",
        "each server must serve one network",
    ),
    (
        "one network card of two networks",
        [("d0:94:66:04:03:00", "d0:94:66:03:03:00")],
        "machines.DAL4-004-03.nics.0.mac",
        "each network card must have a MAC address of its own",
    ),
    (
        "one rack unit of two networks",
        [("C4-1", "C3-1")],
        "machines.DAL4-004-01.rack_units.0",
        "each rack unit of a cabinet must hold one server",
    ),
    (
        "two uplinks that overlap",
        [
            ("uplink: 192.0.2.96/28", "uplink: 192.0.2.64/28"),
            ("192.0.2.100", "192.0.2.70"),
            ("192.0.2.101", "192.0.2.71"),
        ],
        "uplink",
        "must not overlap with the uplink of another datacentre",
    ),
    (
        "a partner inside another network",
        [("cidrs: [172.20.4.0/24]", "cidrs: [10.3.4.0/24]"), ("@172.20.4.10", "@10.3.4.10")],
        "partners.northwind.cidrs.0",
        "must not overlap with 10.3.0.0/16",
    ),
    (
        "one name for two networks' RPC",
        [with_own("endpoints", {"rpc": "alpha.validators.example"})],
        "endpoints.rpc",
        "each endpoint must belong to one network",
    ),
    (
        "one authority for two VPNs",
        [with_own("vpn", {"certificate_authority": "vault:pki/alpha-vpn#ca_chain"})],
        "vpn.certificate_authority",
        "each VPN must have a certificate authority of its own",
    ),
    (
        "one credential of two networks",
        [with_own("leases", {"signer-unlock.path": "kv/alpha/signer"})],
        "leases.signer-unlock.path",
        "each lease must belong to one network",
    ),
    (
        "one certificate of two edges",
        [
            SHARED_ACCOUNT,
            ("      dal4:\n", f"      dal4:\n        links: {json.dumps(LINKS)}\n"),
        ],
        "sites.dal4.links.us-east-2.certificates.0",
        "each edge must have certificates of its own",
    ),
    (
        "an account that grants too little for both",
        [SHARED_ACCOUNT],
        "aws.quotas.us-east-2.elastic_ips_per_region",
        "must be at most 5",
    ),
    (
        "two values of one account's quota",
        [SHARED_ACCOUNT, ("us-east-2: {on_demand_standard_vcpus: 16}", "us-east-2: {on_demand_standard_vcpus: 40}")],
        "aws.quotas.us-east-2.on_demand_standard_vcpus",
        "must be 16, as another network of the account declares",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "changes", "path", "rule"), CASES, ids=[case[0] for case in CASES])
def test_what_two_networks_share_is_reported_in_the_second(
    tmp_path: Path, fault: str, changes: list[tuple[str, str]], path: str, rule: str
) -> None:
    declare(tmp_path, "alpha", 3)
    declare(tmp_path, "beta", 4, *changes)
    assert (path, rule) in {each[1:] for each in told(tmp_path)}
    assert {file for file, _, _ in told(tmp_path)} <= {"Pulumi.beta", "dal4"}


def test_every_rule_between_networks_has_a_case() -> None:
    assert len({case[3].split(" must")[0] for case in CASES}) >= len(estates.RULES) - 2


def test_a_fault_in_one_file_does_not_hide_what_two_others_share(tmp_path: Path) -> None:
    declare(tmp_path, "alpha", 3)
    declare(tmp_path, "beta", 4, ("chain_id: beta-1", "chain_id: alpha-1"))
    declare(tmp_path, "gamma", 5, ("custody: dal5", "custody: nowhere"))
    assert {(file, path) for file, path, _ in told(tmp_path)} == {
        ("Pulumi.beta", "chain.chain_id"),
        ("Pulumi.gamma", "signing.custody"),
    }
