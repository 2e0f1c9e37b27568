"""One parse of the declaration: from a file, with lines, everything wrong at once."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from estate import findings, rules
from estate.declaration import example, load
from estate.findings import DeclarationError, Problem
from tests.estate.declarations import REMOVED, SOURCE, TODAY, edited, place, problems, sound

ROOT = Path(__file__).parents[2]
STACKS = sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))
GOOD = example.declaration("example", 7, today=date(2030, 1, 1))


def written(tmp_path: Path, text: str, name: str = "example") -> Path:
    path = place(tmp_path, name)
    path.write_text(text)
    return path


def found(path: Path, **options: object) -> dict[str, Problem]:
    return {each.path: each for each in load.examine(path, today=TODAY, **options).problems}  # type: ignore[arg-type]


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_every_network_of_the_estate_is_declared_without_a_problem(path: Path) -> None:
    assert load.examine(path, today=date(2026, 11, 1)).problems == ()


def test_the_networks_of_the_estate_go_together() -> None:
    networks = load.all_networks(ROOT, today=date(2026, 11, 1))
    assert {"cosmoshub", "terra"} <= set(networks)
    assert [networks[name].name for name in networks] == list(networks)


def test_many_faults_of_every_kind_are_reported_at_once() -> None:
    declared = edited(
        {
            "name": "Example",
            "chain.ports.rpc": 26656,
            "chain.genesis.sha256": "abc",
            "aws.account_id": 111122223333,
            "regions.eu-west-1.slot": 0,
            "regions.us-east-2.asn": "many",
            "nodes.0.zone": "q",
            "nodes.1.region": "ap-south-1",
            "nodes.4.rol": "seed",
            "nodes.4.role": REMOVED,
            "nodes.2.instance_type": "t3.large",
            "endpoints.lcd": "elsewhere.example",
            "partners.northwind.expires": "2020-01-01",
            "partners.northwind.cidrs.0": "10.7.0.0/16",
            "partners.northwind.colour": "blue",
            "sites.dal1.slot": 40,
            "sites.hel1.vendor": "DataBank",
            "sites.dal1.servers.4.zone": "validator-a",
            "sites.dal1.servers.3.public_address": "192.0.2.200",
            "sites.hel1.servers.2.nics.0.mac": "zz",
            "sites.hel1.servers.3.power": ["pdu-a"],
            "sites.dal1.links.us-east-2.certificates": [],
            "signing.custody": "par1",
            "operators.alice.roles.0": "sentry",
            "services.time.protocol": "tcp",
            "leases.signer-unlock.single_use": False,
            "monitoring.host.port": 22,
            "colour": "blue",
        }
    )
    told = problems(declared)
    assert [problem.path for problem in told] == sorted(
        [
            "aws.account_id",
            "chain.genesis.sha256",
            "chain.ports.rpc",
            "colour",
            "endpoints.lcd",
            "leases.signer-unlock.single_use",
            "monitoring.host.port",
            "name",
            "nodes.0.zone",
            "nodes.1.region",
            "nodes.2.instance_type",
            "nodes.4.rol",
            "operators.alice.roles.0",
            "partners.northwind.cidrs.0",
            "partners.northwind.cidrs.0",
            "partners.northwind.colour",
            "partners.northwind.expires",
            "partners.northwind.peers.0",
            "regions.eu-west-1.slot",
            "regions.us-east-2.asn",
            "services.time.protocol",
            "signing.custody",
            "sites.dal1.links.us-east-2.certificates",
            "sites.dal1.servers.3.public_address",
            "sites.dal1.servers.4.zone",
            "sites.dal1.slot",
            "sites.hel1.servers.2.nics.0.mac",
            "sites.hel1.servers.3.power",
            "sites.hel1.vendor",
            "nodes",
        ],
        key=lambda path: path,
    )
    assert all(problem.rule and problem.reason and problem.fix for problem in told)


def test_what_follows_from_a_malformed_value_is_not_reported() -> None:
    """The slot is no number: whether it collides with another cannot be known."""
    told = problems(edited({"regions.eu-west-1.slot": "first", "regions.us-east-2.slot": 0}))
    assert [problem.path for problem in told] == ["regions.eu-west-1.slot"]


def test_a_malformed_entry_does_not_hide_a_fault_elsewhere() -> None:
    told = problems(edited({"nodes.0": "sentry", "sites.hel1.vendor": "DataBank", "nodes.9.zone": "d"}))
    assert [problem.path for problem in told] == ["nodes.0", "nodes.9.zone", "sites.hel1.vendor"]


def test_a_misspelt_field_is_read_as_the_one_it_was_meant_to_be() -> None:
    told = problems(
        edited({"regions.us-east-2.zone": {"a": {"slot": 9}, "b": {"slot": 1}}, "regions.us-east-2.zones": REMOVED})
    )
    assert [problem.path for problem in told] == ["regions.us-east-2.zone", "regions.us-east-2.zones.a.slot"]


def test_a_whole_section_may_be_missing_without_hiding_the_rest() -> None:
    told = problems(edited({"sites": REMOVED, "services.time.protocol": "tcp"}))
    assert [problem.path for problem in told] == ["services.time.protocol", "sites"]


@pytest.mark.parametrize(
    "declared", [None, "cosmoshub", [], 7, {}], ids=["nothing", "a word", "a list", "a number", "an empty mapping"]
)
def test_what_is_no_declaration_at_all_is_reported_and_does_not_crash(declared: object) -> None:
    assert problems(declared)


def test_each_problem_names_the_line_it_is_on(tmp_path: Path) -> None:
    text = (
        GOOD.replace("asn: 64802", "asn: 13335")
        .replace("zone: b, number: 1}\n", "zone: f, number: 1}\n", 1)
        .replace("custody: dal1", "custody: nowhere")
    )
    told = found(written(tmp_path, text))
    assert {path: problem.line for path, problem in told.items()} == {
        "regions.eu-west-1.asn": line_of(text, "asn: 13335"),
        "nodes.1.zone": line_of(text, "zone: f"),
        "signing.custody": line_of(text, "custody: nowhere"),
    }
    assert str(told["signing.custody"]).startswith(
        f"{tmp_path}/Pulumi.example.yaml:{line_of(text, 'custody: nowhere')}: signing.custody: got 'nowhere'; "
    )


def test_problems_stand_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        GOOD.replace("custody: dal1", "custody: nowhere")
        .replace("slot: 7 ", "slot: 700 ")
        .replace("role: seed, region: eu-west-1", "role: sed, region: eu-west-1")
    )
    lines = [problem.line for problem in load.examine(written(tmp_path, text), today=TODAY).problems]
    assert lines == sorted(lines)
    assert len(lines) == 3


def test_a_missing_field_is_reported_on_the_line_of_what_lacks_it(tmp_path: Path) -> None:
    text = GOOD.replace("        asn: 64802\n", "")
    region = line_of(text, "image: ami-0fedcba9876543210") - 2
    assert found(written(tmp_path, text))["regions.eu-west-1.asn"].line == region


def test_a_key_that_stands_twice_is_a_problem(tmp_path: Path) -> None:
    text = GOOD.replace("    owner: network-operations", "    slot: 9\n    owner: network-operations")
    first, second = line_of(text, "slot: 7"), line_of(text, "slot: 9")
    assert load.examine(written(tmp_path, text), today=TODAY).problems == (
        Problem(
            file=str(tmp_path / "Pulumi.example.yaml"),
            path="config.estate:network.slot",
            value="'slot' a second time",
            rule="each key must occur once",
            reason=f"line {first} has it already, and only one of the two would count",
            fix="remove or rename one of the two",
            line=second,
        ),
    )


@pytest.mark.parametrize("depth", [51, 100_000])
def test_a_document_without_bound_is_one_problem_with_its_line(tmp_path: Path, depth: int) -> None:
    text = GOOD.replace("zones: {a: {slot: 0}, b: {slot: 1}}", f"zones: {'[' * depth}{']' * depth}", 1)
    (told,) = load.examine(written(tmp_path, text), today=TODAY).problems
    assert (told.path, told.rule) == ("(the file)", "must be at most 50 deep")
    assert "[[[" in text.splitlines()[told.line - 1]


def test_broken_yaml_is_one_problem_with_its_line(tmp_path: Path) -> None:
    text = GOOD.replace("zones: {a: {slot: 0}, b: {slot: 1}}", "zones: {a: {slot: 0, b: {slot: 1}", 1)
    told = load.examine(written(tmp_path, text), today=TODAY).problems
    assert [(problem.path, problem.rule) for problem in told] == [("(the file)", "must be YAML")]
    assert line_of(text, "{a: {slot: 0, b") <= told[0].line <= line_of(text, "{a: {slot: 0, b") + 3


def test_a_date_that_does_not_exist_is_reported_like_any_other_value(tmp_path: Path) -> None:
    rules_broken = {"must be a valid YAML value", "must be a date in quotes, year-month-day"}
    text = GOOD.replace('expires: "2031-01-01"', "expires: 2031-02-30")
    assert {problem.rule for problem in load.examine(written(tmp_path, text), today=TODAY).problems} == rules_broken


def test_a_date_without_quotes_is_a_problem_because_the_engine_refuses_it(tmp_path: Path) -> None:
    text = GOOD.replace('expires: "2031-01-01"', "expires: 2031-01-01")
    told = load.examine(written(tmp_path, text), today=TODAY).problems
    assert [(problem.path, problem.rule, problem.fix) for problem in told] == [
        ("partners.northwind.expires", "must be in quotes", 'write "2031-01-01"')
    ]


def test_an_alias_of_itself_is_reported_and_does_not_hang(tmp_path: Path) -> None:
    text = GOOD.replace("    partners:\n", "    partners: &partners\n      again: *partners\n")
    assert "must not contain itself" in {
        problem.rule for problem in load.examine(written(tmp_path, text), today=TODAY).problems
    }


def test_anchors_and_merges_are_understood(tmp_path: Path) -> None:
    text = GOOD.replace(
        "        zones: {a: {slot: 0}, b: {slot: 1}}\n", "        zones: &zones {a: {slot: 0}, b: {slot: 1}}\n", 1
    )
    text = text.replace("        zones: {a: {slot: 0}, b: {slot: 1}}\n", "        zones: {<<: *zones}\n", 1)
    assert load.examine(written(tmp_path, text), today=TODAY).problems == ()


@pytest.mark.parametrize(
    ("text", "path", "rule"),
    [
        ("", "(the file)", "must declare a network"),
        ("# nothing but a comment\n", "(the file)", "must declare a network"),
        ("just a word\n", "config", "must be a mapping"),
        ("config:\n", "config", "must be a mapping"),
        ("encryptionsalt: v1:abc\n", "config", "must be a mapping"),
        ("config:\n  aws:region: eu-west-1\n", "config.estate:network", "must be given: the network's declaration"),
        ("config:\n  estate:netwrk: {}\n", "config.estate:network", "must be given: the network's declaration"),
        ("config:\n  estate:network: cosmoshub\n", "(the declaration)", "must be a mapping (field: value)"),
    ],
)
def test_a_file_without_a_declaration_says_what_is_lacking(tmp_path: Path, text: str, path: str, rule: str) -> None:
    assert [
        (problem.path, problem.rule) for problem in load.examine(written(tmp_path, text), today=TODAY).problems
    ] == [(path, rule)]


def test_a_missing_file_says_which_files_there_are(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    with pytest.raises(DeclarationError) as refused:
        load.read(tmp_path / "Pulumi.exampel.yaml", today=TODAY)
    assert [problem.fix for problem in refused.value.problems] == [
        "write it, or see which there are: Pulumi.example.yaml"
    ]


def test_a_file_that_is_not_text_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.example.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert [problem.rule for problem in load.examine(path, today=TODAY).problems] == ["must be a readable file"]


def test_the_network_is_named_as_its_file(tmp_path: Path) -> None:
    told = found(written(tmp_path, GOOD, "osmosis"))
    assert told["name"].rule == "must be osmosis, as the file says"
    assert told["name"].line == line_of(GOOD, "    name: example")


def test_chain_facts_of_another_file_replace_the_declared_ones(tmp_path: Path) -> None:
    chain = tmp_path / "chain.yaml"
    chain.write_text(
        """\
chain_id: example-lab
client: {package: wasmd, version: 0.61.2, daemon: wasmd}
genesis: {url: "file:///var/tmp/genesis.json", sha256: "%s"}
bech32_prefix: wasm
minimum_gas_prices: 0stake
block_seconds: 2
ports: {lcd: 1317}
"""
        % ("4c" * 32)
    )
    network = load.read(written(tmp_path, GOOD), chain=chain, today=TODAY)
    assert (network.chain.chain_id, network.chain.client.daemon, network.name) == ("example-lab", "wasmd", "example")


def test_a_fault_in_the_chain_facts_names_their_file_and_line(tmp_path: Path) -> None:
    chain = tmp_path / "chain.yaml"
    chain.write_text(
        "chain_id: example-lab\nclient: {package: wasmd, version: 0.61.2, daemon: wasmd}\nblock_seconds: 0\n"
    )
    told = load.examine(written(tmp_path, GOOD), chain=chain, today=TODAY).problems
    assert {(Path(problem.file).name, problem.path, problem.line) for problem in told} == {
        ("chain.yaml", "chain.block_seconds", 3),
        ("chain.yaml", "chain.genesis", 1),
        ("chain.yaml", "chain.bech32_prefix", 1),
        ("chain.yaml", "chain.minimum_gas_prices", 1),
        ("chain.yaml", "chain.ports.lcd", 1),
    }


def test_a_secret_in_the_place_of_its_reference_is_not_repeated() -> None:
    told = problems(edited({"vpn.certificate_authority": "s3cr3t-of-the-vpn"}))
    assert told
    assert all("s3cr3t" not in str(problem) for problem in told)


def test_a_partner_that_ends_within_thirty_days_is_a_notice_and_no_problem() -> None:
    network = sound({"partners.northwind.expires": "2030-06-20"})
    assert rules.notices(network, TODAY) == (
        Problem(
            file="stacks/Pulumi.example.yaml",
            path="partners.northwind.expires",
            value="2030-06-20",
            rule="must be renewed or removed by 2030-06-20: 19 days left",
            reason="after that day the declaration is refused until it is done",
            fix="agree on a new date with noc@northwind.example",
        ),
    )
    assert rules.notices(sound(), TODAY) == ()


def test_the_day_is_given_and_not_asked_of_the_clock() -> None:
    declared = edited({"partners.northwind.expires": "2030-06-01"})
    assert load.network(declared, source=SOURCE, today=date(2030, 6, 1)).partners
    with pytest.raises(DeclarationError, match="must not be past"):
        load.network(declared, source=SOURCE, today=date(2030, 6, 2))


def test_a_group_of_rules_that_aws_would_refuse_is_a_problem() -> None:
    """A security group holds sixty rules a direction; forty partners with eight blocks each need more than four."""
    partners = {
        f"partner-{letter}{number}": {
            "account_id": f"4444555566{number}{ord(letter) % 10}",
            "vpc_id": f"vpc-0a1b2c3d4e5f6{ord(letter):02x}{number:02x}",
            "vpc_region": "eu-west-1",
            "region": "eu-west-1",
            "cidrs": [f"172.{16 + number}.{ord(letter)}.{first}/28" for first in range(0, 128, 16)],
            "peers": [f"{ord(letter):02x}{number:02x}" * 10 + f"@172.{16 + number}.{ord(letter)}.10:26656"],
            "expires": "2031-01-01",
            "contact": "noc@partner.example",
        }
        for letter in "abcd"
        for number in range(10)
    }
    told = problems(edited({"partners": partners}))
    assert {(problem.path, problem.rule) for problem in told} == {
        ("aws.quotas.eu-west-1.rules_per_security_group", "must be at most 60")
    }
    assert any("of private-sentry, inbound, IPv4)" in problem.value for problem in told)


def test_problems_are_shown_as_json() -> None:
    told = problems(edited({"signing.custody": "nowhere"}))
    assert [(each["path"], each["value"]) for each in json.loads(findings.as_json(told))] == [
        ("signing.custody", "'nowhere'")
    ]
