"""A network's declaration is put together from its file, the company's people and the datacentres' machines."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from estate.declaration import example, load
from estate.declaration.composition import CONFIG_KEY
from estate.findings import DeclarationError, Problem
from tests.estate.declarations import TODAY, edit, place
from tests.estate.test_any_mistake import JUNK, paths

COMPANY, DAL1, HEL1 = "company.yaml", "datacentres/dal1.yaml", "datacentres/hel1.yaml"


LONG, *LONG_REST = [
    {key: server[key] for key in ("role", "zone", "number", "serial", "active")}
    for server in example.declared()["sites"]["dal1"]["servers"]
]
"""The servers of dal1 in the long form."""


def servers_of(site: str) -> list[str]:
    """Where the example's servers of a site are declared."""
    return [f"sites.{site}.servers.{role}.{index}" for role in ("edge", "validator", "signer") for index in (0, 1)]


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    place(tmp_path)
    return tmp_path


def change(stacks: Path, file: str, changes: dict[str, Any]) -> None:
    document = yaml.safe_load((stacks / file).read_text())
    (stacks / file).write_text(yaml.safe_dump(edit(document, changes), sort_keys=False))


def in_network(changes: dict[str, Any]) -> dict[str, Any]:
    return {f"config.{CONFIG_KEY}.{path}": value for path, value in changes.items()}


def told(stacks: Path) -> list[tuple[str, str, str]]:
    problems: tuple[Problem, ...] = load.examine(stacks / "Pulumi.example.yaml", today=TODAY).problems
    return [(str(Path(each.file).relative_to(stacks)), each.path, each.rule) for each in problems]


def test_the_parts_in_files_of_their_own_are_the_whole_in_one(stacks: Path) -> None:
    whole = example.declared("example", 7, today=TODAY)
    assert load.read(stacks / "Pulumi.example.yaml", today=TODAY) == load.network(whole, source="", today=TODAY)


def test_a_person_has_an_account_where_a_duty_gives_one_and_the_duty_of_an_instance_goes_before(stacks: Path) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh2bHVrN3JrZnV5eGZ2d2t6bHh1Z3JtYXN0ZXJr"
    place(stacks, "other", 8, number=8)
    duties = {
        "bob": {"*": "operator", "example": "watcher"},
        "carol": {"example": "watcher"},
        "dave": {"other": "operator"},
        "erin": {},
    }
    people = {
        f"people.{name}": {"ssh_public_keys": [f"{key}{name[:4]:x<4}"], "duties": held} for name, held in duties.items()
    }
    change(stacks, COMPANY, {"duties.watcher": ["monitor"], **people})
    operators = load.read(stacks / "Pulumi.example.yaml", today=TODAY).operators
    assert {name: len(each.roles) for name, each in operators.items()} == {"alice": 8, "bob": 1, "carol": 1}


@pytest.mark.parametrize(
    ("file", "changes", "path", "rule"),
    [
        (
            "Pulumi.example.yaml",
            in_network({"operators": {"eve": {}}}),
            "operators",
            "must be declared with the company",
        ),
        (
            "Pulumi.example.yaml",
            in_network({"sites.dal1.vendor": "Equinix"}),
            "sites.dal1.vendor",
            "must be declared with the datacentre",
        ),
        (
            "Pulumi.example.yaml",
            in_network({"sites.dal1.servers": [LONG | {"power": ["pdu-a"]}, *LONG_REST]}),
            "sites.dal1.servers.0.power",
            "must be declared with the datacentre",
        ),
        (
            "Pulumi.example.yaml",
            in_network({"sites.hel1.servers.edge.0": "HEL1-007-99"}),
            "sites.hel1.servers.edge.0",
            "must be the serial of a machine of hel1",
        ),
        (
            "Pulumi.example.yaml",
            in_network({"services.time": {"address": "198.51.100.99", "port": 123, "consumers": ["seed"]}}),
            "services.time",
            "must have a name of its own",
        ),
        (COMPANY, {"services.vault.consumers": ["seed"]}, "services.vault.consumers", "must list every role that has"),
        (COMPANY, {"services": "(removed)"}, "services", "must be given"),
        (COMPANY, {"services": []}, "services", "must be a mapping"),
        (COMPANY, {"people.alice.duties": {"*": "oparator"}}, "people.alice.duties.*", "must be one of the company's"),
        (COMPANY, {"people.alice.duties.hub": "operator"}, "people.alice.duties.hub", "must be a declared network"),
        (COMPANY, {"duties.operator.0": "sentry"}, "duties.operator.0", "must be one of public-sentry"),
        (COMPANY, {"people.alice.ssh_public_keys.0": "ssh-rsa A"}, "people.alice.ssh_public_keys.0", "must be an SSH"),
        (COMPANY, {"people.alice.age": 30}, "people.alice.age", "must be a field of a person"),
        (DAL1, {"machines.DAL1-007-03.nics.0.mac": "zz"}, "machines.DAL1-007-03.nics.0.mac", "must be six pairs"),
        (DAL1, {"continent": "atlantis"}, "continent", "must be one of"),
        (DAL1, {"machines.DAL1-007-03.hardware": "(removed)"}, "machines.DAL1-007-03.hardware", "must be given"),
        (DAL1, {"machines.DAL1-007-03.slot": 3}, "machines.DAL1-007-03.slot", "must be a field of a machine"),
        (
            DAL1,
            {"machines.DAL1-007-01.public_address": "203.0.113.9"},
            "machines.DAL1-007-01.public_address",
            "must lie in the uplink",
        ),
        (
            DAL1,
            {"machines.DAL1-007-01.public_address": "(removed)"},
            "machines.DAL1-007-01.public_address",
            "an edge must have a public address",
        ),
        (
            DAL1,
            {"machines.DAL1-007-04.rack_units": [3]},
            "machines.DAL1-007-04.rack_units.0",
            "each rack unit of cabinet C7-1 must hold one machine",
        ),
    ],
)
def test_a_fault_is_told_once_in_the_file_that_has_it(
    stacks: Path, file: str, changes: dict[str, Any], path: str, rule: str
) -> None:
    change(stacks, file, changes)
    ((where, at, said),) = told(stacks)
    assert (where, at) == (file, path)
    assert said.startswith(rule)


def test_people_are_checked_together_wherever_they_have_a_duty(stacks: Path) -> None:
    """Two people of different networks with one key could not be told apart by what a login leaves."""
    place(stacks, "other", 8, number=8)
    key = yaml.safe_load((stacks / COMPANY).read_text())["people"]["alice"]["ssh_public_keys"][0]
    held = {"bob": {}, "carol": {"other": "operator"}}
    people = {f"people.{name}": {"ssh_public_keys": [key], "duties": duties} for name, duties in held.items()}
    torn = {"ssh_public_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"], "duties": {}}
    change(stacks, COMPANY, people | {"people.root": torn, "duties.operator.8": "seed"})
    assert sorted(told(stacks)) == [
        (COMPANY, "duties.operator.8", "each role must be listed once"),
        (COMPANY, "people.bob.ssh_public_keys.0", "each key must be listed once, for one person"),
        (COMPANY, "people.carol.ssh_public_keys.0", "each key must be listed once, for one person"),
        (COMPANY, "people.root", "must not be an account of the system"),
        (COMPANY, "people.root.ssh_public_keys.0", "must be a whole ssh-ed25519 key"),
    ]


def test_a_datacentre_that_is_not_declared_is_one_problem_and_nothing_follows_from_what_is_unknown(
    stacks: Path,
) -> None:
    (stacks / HEL1).unlink()
    assert told(stacks) == [("Pulumi.example.yaml", "sites.hel1", "must be a declared datacentre")]


def test_a_machine_that_is_gone_from_its_datacentre_is_a_problem_even_if_it_was_the_last(stacks: Path) -> None:
    change(stacks, HEL1, {"machines": {}})
    assert {(file, path) for file, path, _ in told(stacks)} == {
        ("Pulumi.example.yaml", server) for server in servers_of("hel1")
    }


def test_without_people_nobody_is_left_out_silently(stacks: Path) -> None:
    (stacks / COMPANY).unlink()
    assert told(stacks) == [(COMPANY, "(the file)", "must be a readable file")]


def test_the_line_is_that_of_the_file_that_has_the_fault(stacks: Path) -> None:
    text = (stacks / DAL1).read_text().replace("uplink: 192.0.2.192/28", "uplink: 10.0.0.0/28")
    (stacks / DAL1).write_text(text)
    found = {each.path: each.line for each in load.examine(stacks / "Pulumi.example.yaml", today=TODAY).problems}
    assert found["uplink"] == next(n for n, line in enumerate(text.splitlines(), 1) if line.startswith("uplink"))


def told_of(stacks: Path, changes: dict[str, Any]) -> list[tuple[str, str]]:
    """What is told after changes of the company's file: path and rule."""
    change(stacks, COMPANY, changes)
    found = told(stacks)
    assert {file for file, _, _ in found} == {COMPANY}
    return [(path, rule) for _, path, rule in found]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"people": "alice"}, "people"),
        ({"people.alice": "alice"}, "people.alice"),
        ({"people.alice.duties": "operator"}, "people.alice.duties"),
        ({"people.alice.duties": {"Example": "operator"}}, "people.alice.duties.Example"),
        ({"people.alice.duties": {1: "operator"}}, "people.alice.duties.1"),
        ({"people.alice.duties": {"*": 1}}, "people.alice.duties.*"),
        ({"duties": ["operator"]}, "duties"),
        ({"people.Bob": {"ssh_public_keys": ["ssh-rsa"], "duties": {"*": "operator"}}}, "people.Bob"),
    ],
)
def test_nothing_is_concluded_from_people_whose_duties_are_unknown(
    stacks: Path, changes: dict[str, Any], path: str
) -> None:
    found = told_of(stacks, changes)
    assert {each for each, _ in found} - {f"{path}.ssh_public_keys.0"} == {path}
    assert len(found) == len(set(found))


def test_a_company_that_is_no_mapping_is_one_problem(stacks: Path) -> None:
    (stacks / COMPANY).write_text("nobody")
    assert [(file, path) for file, path, _ in told(stacks)] == [(COMPANY, "(the declaration)")]


def test_a_duty_that_is_no_name_is_told_as_a_duty(stacks: Path) -> None:
    assert told_of(stacks, {"people.alice.duties": {"*": ["operator"]}}) == [
        ("people.alice.duties.*", "must be the name of a duty")
    ]


def test_who_lacks_an_operator_is_told(stacks: Path) -> None:
    place(stacks, "other", 8, number=8)
    change(stacks, COMPANY, {"people.alice.duties": {"other": "operator"}})
    (problem,) = load.examine(stacks / "Pulumi.example.yaml", today=TODAY).problems
    assert problem.value.endswith("of example")


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        (DAL1, {"machines.DAL1-007-01": "(removed)", "machines.12345": {}}),
        (COMPANY, {"duties": {1: ["monitor"]}}),
    ],
)
def test_what_is_suggested_need_not_be_text(stacks: Path, file: str, changes: dict[str, Any]) -> None:
    document = yaml.safe_load((stacks / file).read_text())
    edit(document, changes)
    if file == DAL1:
        document["machines"][12345] = document["machines"].pop("12345")
    (stacks / file).write_text(yaml.safe_dump(document))
    assert file in {each for each, _, _ in told(stacks)}


def test_a_reason_names_places_that_the_file_has(stacks: Path) -> None:
    key = yaml.safe_load((stacks / COMPANY).read_text())["people"]["alice"]["ssh_public_keys"][0]
    change(stacks, COMPANY, {"people.bob": {"ssh_public_keys": [key], "duties": {"*": "operator"}}})
    (problem,) = load.examine(stacks / "Pulumi.example.yaml", today=TODAY).problems
    assert problem.reason.startswith("people.alice.ssh_public_keys.0 is the same key")


def test_a_facility_in_the_network_is_told_even_if_the_datacentre_is_not_declared(stacks: Path) -> None:
    (stacks / DAL1).unlink()
    change(stacks, "Pulumi.example.yaml", in_network({"sites.dal1.vendor": "Equinix"}))
    assert [path for _, path, _ in told(stacks)] == ["sites.dal1", "sites.dal1.vendor"]


def all_told(root: Path) -> set[tuple[str, str]]:
    with pytest.raises(DeclarationError) as refused:
        load.all_networks(root, today=TODAY)
    return {(Path(each.file).name, each.path) for each in refused.value.problems}


def test_a_spare_that_no_network_uses_is_checked_too(tmp_path: Path) -> None:
    place(tmp_path / "stacks")
    change(tmp_path / "stacks", DAL1, {"machines.DAL1-007-99": {"hardware": "Dell PowerEdge R250"}})
    assert all_told(tmp_path) == {
        ("dal1.yaml", f"machines.DAL1-007-99.{field}") for field in ("rack_units", "power", "nics")
    }


SPARE = {
    "hardware": "Dell PowerEdge R250",
    "rack_units": [40],
    "power": ["pdu-a", "pdu-b"],
    "nics": [{"mac": "d0:94:66:07:63:00", "switch": "core-a"}, {"mac": "d0:94:66:07:63:01", "switch": "core-b"}],
}


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"power": ["pdu-a", "pdu-z"]}, "power.1"),
        ({"power": ["pdu-a", "pdu-a"]}, "power"),
        ({"nics.1.switch": "core-z"}, "nics.1.switch"),
        ({"nics.1.switch": "core-a"}, "nics"),
        ({"nics.1.mac": "01:94:66:07:63:01"}, "nics.1.mac"),
        ({"public_address": "203.0.113.9"}, "public_address"),
        ({"public_address": "192.0.2.193"}, "public_address"),
    ],
)
def test_a_spare_is_checked_like_the_others(tmp_path: Path, wrong: dict[str, Any], path: str) -> None:
    place(tmp_path / "stacks", today=TODAY)
    change(tmp_path / "stacks", DAL1, {"machines.DAL1-007-99": edit(copy.deepcopy(SPARE), wrong)})
    assert all_told(tmp_path) == {("dal1.yaml", f"machines.DAL1-007-99.{path}")}


def test_a_machine_stands_in_one_datacentre(tmp_path: Path) -> None:
    place(tmp_path / "stacks", today=TODAY)
    for file in (DAL1, HEL1):
        change(tmp_path / "stacks", file, {"machines.DAL1-007-99": SPARE})
    assert all_told(tmp_path) == {
        ("hel1.yaml", f"machines.DAL1-007-99{rest}") for rest in ("", ".nics.0.mac", ".nics.1.mac")
    }


def test_a_cabinet_is_declared_once_and_with_it_the_vlans_of_its_networks(tmp_path: Path) -> None:
    stacks = tmp_path / "stacks"
    place(stacks, "alpha", 7, today=TODAY)
    place(stacks, "beta", 8, number=8, today=TODAY)
    declared = yaml.safe_load((stacks / DAL1).read_text())
    same = {
        "vendor": declared["vendor"].upper(),
        "facility": f"{declared['facility']} ",
        "cabinet": declared["cabinet"],
    }
    change(stacks, "datacentres/dal8.yaml", same)
    assert all_told(tmp_path) == {("dal8.yaml", "cabinet.id")}


def test_uplinks_of_datacentres_do_not_overlap_whoever_uses_them(tmp_path: Path) -> None:
    stacks = tmp_path / "stacks"
    place(stacks, today=TODAY)
    declared = yaml.safe_load((stacks / DAL1).read_text())
    elsewhere = {"cabinet.id": "Z9", "machines": {}}
    (stacks / "datacentres" / "dal9.yaml").write_text(yaml.safe_dump(edit(declared, elsewhere)))
    assert all_told(tmp_path) == {("dal9.yaml", "uplink")}


def test_a_machine_of_two_networks_is_one_problem(tmp_path: Path) -> None:
    stacks = tmp_path / "stacks"
    place(stacks, "alpha", 7, today=TODAY)
    place(stacks, "beta", 8, number=8, today=TODAY)
    beta = stacks / "Pulumi.beta.yaml"
    beta.write_text(
        beta.read_text().replace("dal8", "dal1").replace("DAL8-008", "DAL1-007").replace("vlans: 1", "vlans: 2")
    )
    assert all_told(tmp_path) == {("Pulumi.beta.yaml", server) for server in servers_of("dal1")}


def test_two_networks_stand_in_one_datacentre_with_machines_and_vlans_of_their_own(tmp_path: Path) -> None:
    stacks = tmp_path / "stacks"
    place(stacks, "alpha", 7, today=TODAY)
    place(stacks, "beta", 8, number=8, today=TODAY)
    for old, new in (("dal8", "dal1"), ("hel8", "hel1")):
        beta = stacks / "Pulumi.beta.yaml"
        beta.write_text(beta.read_text().replace(old, new))
        extra = yaml.safe_load((stacks / "datacentres" / f"{old}.yaml").read_text())["machines"]
        shared = yaml.safe_load((stacks / "datacentres" / f"{new}.yaml").read_text())
        for machine in extra.values():
            machine["rack_units"] = [machine["rack_units"][0] + 20]
            if "public_address" in machine:
                first, last = shared["uplink"].partition("/")[0].rsplit(".", 1)
                machine["public_address"] = f"{first}.{int(last) + 10 + machine['rack_units'][0] % 2}"
        shared["machines"] |= extra
        (stacks / "datacentres" / f"{new}.yaml").write_text(yaml.safe_dump(shared, sort_keys=False))
        (stacks / "datacentres" / f"{old}.yaml").unlink()
    assert {("Pulumi.beta.yaml", f"sites.{site}.vlans") for site in ("dal1", "hel1")} <= all_told(tmp_path)
    beta.write_text(beta.read_text().replace("vlans: 1", "vlans: 2"))
    assert list(load.all_networks(tmp_path, today=TODAY)) == ["alpha", "beta"]


@pytest.mark.slow
@pytest.mark.parametrize("file", [COMPANY, DAL1])
def test_junk_anywhere_is_refused_in_words_and_nothing_crashes(file: str) -> None:
    around, network = example.beside(7), yaml.safe_load(example.declaration("example", 7, today=TODAY))
    given = around.company if file == COMPANY else around.datacentres["dal1"]
    for index, at in enumerate(paths(given.value)):
        document = copy.deepcopy(given.value)
        holder = document
        for key in at[:-1]:
            holder = holder[key]
        holder[at[-1]] = JUNK[index % len(JUNK)]
        broken = dataclasses.replace(given, value=document)
        beside = (
            dataclasses.replace(around, company=broken)
            if file == COMPANY
            else dataclasses.replace(around, datacentres={**around.datacentres, "dal1": broken})
        )
        try:
            load.network(network["config"][CONFIG_KEY], source="example", beside=beside, today=TODAY)
        except DeclarationError as error:
            assert all(all((each.path, each.value, each.rule, each.reason, each.fix)) for each in error.problems)
