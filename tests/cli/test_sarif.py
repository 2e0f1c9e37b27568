"""``bin/estate check --sarif``: what a code host requires of the file, on every fault that the table of faults has."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from cli import sarif
from cli.__main__ import CHECKOUT, parser
from cli.commands import check
from cli.sarif import rule_id
from estate.errors import UsageError
from estate.findings import Problem
from estate.model import Network
from tests.estate.declarations import faults

Run = Callable[..., tuple[int, str, str]]

TABLE = faults()
LEVELS = ("none", "note", "warning", "error")
MOST_RESULTS = MOST_RULES = 25_000
LONGEST_NAME = 255


def problem(**changed: Any) -> Problem:
    parts = {"path": "slot", "value": "0", "rule": "must be more", "reason": "it is too few", "fix": "write 1"}
    return Problem(**{"file": str(CHECKOUT / "stacks/Pulumi.cosmoshub.yaml"), "line": 3, **parts, **changed})


def said(*problems: Problem, notices: tuple[Problem, ...] = ()) -> dict[str, Any]:
    """The document, as a host reads it."""
    found: dict[str, Any] = json.loads(json.dumps(sarif.document(problems, notices, CHECKOUT, "1.2.3")))
    return found


def refused(document: Any) -> list[str]:
    """What GitHub's code scanning would refuse or not display: its required properties, and the rules of SARIF 2.1.0 on
    those that are used."""
    return list(_refused(document))


def _texts(where: str, owner: Any, *names: str) -> Iterator[str]:
    for name in names:
        value: Any = owner
        for key in name.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, str) or not value.strip():
            yield f"{where}: {name} must be a text that is not empty"


def _refused(document: Any) -> Iterator[str]:
    yield from _texts("log", document, "$schema", "version")
    if document.get("version") != "2.1.0":
        yield "log: version must be 2.1.0"
    runs = document.get("runs")
    if not isinstance(runs, list) or len(runs) != 1:
        yield "log: there must be one run"
        return
    (run,) = runs
    driver = run.get("tool", {}).get("driver", {})
    yield from _texts("driver", driver, "name", "semanticVersion")
    if not re.fullmatch(r"\d+\.\d+\.\d+", driver.get("semanticVersion", "")):
        yield "driver: semanticVersion must be one"
    rules, results = driver.get("rules"), run.get("results")
    if not isinstance(rules, list) or not isinstance(results, list):
        yield "run: rules and results must be lists, be they empty"
        return
    if len(rules) > MOST_RULES or len(results) > MOST_RESULTS:
        yield "run: too many rules or results"
    ids = [rule.get("id") for rule in rules]
    if len(set(ids)) != len(ids):
        yield "run: a rule must be listed once"
    for rule in rules:
        yield from _texts(f"rule {rule.get('id')}", rule, "id", "shortDescription.text", "fullDescription.text")
        yield from _texts(f"rule {rule.get('id')}", rule, "help.text")
        if len(rule.get("id", "")) > LONGEST_NAME:
            yield f"rule {rule['id']}: the id is too long"
        for name in ("shortDescription", "fullDescription"):
            if len(rule.get(name, {}).get("text", "")) > 1024:
                yield f"rule {rule.get('id')}: {name} is too long"
        if rule.get("defaultConfiguration", {}).get("level") not in LEVELS:
            yield f"rule {rule.get('id')}: it must have a level"
    for number, result in enumerate(results):
        yield from _of_result(f"result {number}", result, ids)


def _of_result(where: str, result: Any, ids: list[str]) -> Iterator[str]:
    yield from _texts(where, result, "ruleId", "message.text")
    index = result.get("ruleIndex")
    if not isinstance(index, int) or not 0 <= index < len(ids) or ids[index] != result.get("ruleId"):
        yield f"{where}: ruleIndex must be that of its rule"
    if result.get("level") not in LEVELS:
        yield f"{where}: it must have a level"
    if not result.get("partialFingerprints"):
        yield f"{where}: it must have a fingerprint"
    locations = result.get("locations")
    if not isinstance(locations, list) or len(locations) != 1:
        yield f"{where}: it must have one location"
        return
    physical = locations[0].get("physicalLocation", {})
    yield from _texts(where, physical, "artifactLocation.uri")
    uri = physical.get("artifactLocation", {}).get("uri", "")
    if re.search(r"[^A-Za-z0-9\-._~/:%]", uri) or urlsplit(uri).scheme not in ("", "file"):
        yield f"{where}: {uri} must be a relative URI, or one of a file"
    region = physical.get("region", {})
    numbers = [region.get(name) for name in ("startLine", "startColumn", "endLine", "endColumn")]
    if not all(isinstance(each, int) and each >= 1 for each in numbers):
        yield f"{where}: lines and columns must be whole numbers from 1"
    elif tuple(numbers[:2]) > tuple(numbers[2:]):
        yield f"{where}: the region must not end before it begins"


def test_every_fault_of_the_table_is_a_result_that_a_host_takes() -> None:
    problems = [problem(**each) for case in TABLE for each in case["problems"]]
    document = said(*problems)
    assert refused(document) == []
    results = document["runs"][0]["results"]
    assert len(results) == len(problems)
    for each, result in zip(problems, results, strict=True):
        text = result["message"]["text"].replace("] (", "](")
        assert [part for part in (each.value, each.rule, each.reason, each.fix) if part not in text] == []


def test_without_findings_it_is_a_run_without_results() -> None:
    document = said()
    assert refused(document) == []
    assert document["runs"][0]["results"] == [] and document["runs"][0]["tool"]["driver"]["rules"] == []


SPOILED: list[tuple[str, Callable[[Any], Any], str]] = [
    ("version", lambda log: log.update(version="2.0.0"), "version must be 2.1.0"),
    ("schema", lambda log: log.pop("$schema"), "$schema"),
    ("results", lambda log: log["runs"][0].pop("results"), "must be lists"),
    ("help", lambda log: log["runs"][0]["tool"]["driver"]["rules"][0].pop("help"), "help.text"),
    ("index", lambda log: log["runs"][0]["results"][0].update(ruleIndex=7), "ruleIndex"),
    ("message", lambda log: log["runs"][0]["results"][0]["message"].update(text=" "), "message.text"),
    ("level", lambda log: log["runs"][0]["results"][0].update(level="fatal"), "level"),
    ("line", lambda log: _region(log).update(startLine=0), "from 1"),
    ("end", lambda log: _region(log).update(endLine=1), "end before"),
    ("uri", lambda log: _artifact(log).update(uri="a b.yaml"), "relative URI"),
]


def _region(log: Any) -> Any:
    return log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]


def _artifact(log: Any) -> Any:
    return log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]


@pytest.mark.parametrize(("spoil", "found"), [each[1:] for each in SPOILED], ids=[each[0] for each in SPOILED])
def test_what_a_host_refuses_is_found(spoil: Callable[[Any], Any], found: str) -> None:
    document = copy.deepcopy(said(problem()))
    spoil(document)
    assert any(found in each for each in refused(document))


def test_an_id_has_the_names_of_fields_and_nothing_that_a_company_chose() -> None:
    fields = {"file", "*", "unknown-field"}
    waiting: list[Any] = [Network]
    while waiting:
        each = waiting.pop()
        waiting += getattr(each, "__args__", ())
        for name, field in getattr(each, "model_fields", {}).items():
            fields.add(name)
            waiting.append(field.annotation)
    ids = {rule_id(each["path"]) for case in TABLE for each in case["problems"]}
    assert {part for each in ids for part in each.split(".")} - fields == set()
    assert len(ids) > 80, "the places are told apart"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("slot", "slot"),
        ("sites.ash1.servers.3.serial", "sites.*.servers.*.serial"),
        ("regions.regions.slot", "regions.*.slot"),
        ("config.estate:network.regions.eu.slot", "regions.*.slot"),
        ("regions.eu-central-1.imag", "regions.*.unknown-field"),
        ("aws.quotas.a.b.c", "aws.quotas.*.unknown-field"),
        ("partners.''.cidrs.0", "partners.*.cidrs.*"),
        ("(the file)", "file"),
        ("(the declaration)", "file"),
        ("config", "file"),
        ("config.estate:network", "file"),
        ("config.aws:region", "file"),
        ("", "unknown-field"),
    ],
)
def test_the_id_of_a_place(path: str, expected: str) -> None:
    assert rule_id(path) == expected


@pytest.mark.parametrize(
    ("file", "path", "expected"),
    [
        ("stacks/company.yaml", "people.alice.colour", "company.people.*.unknown-field"),
        ("stacks/company.yaml", "people.alice.ssh_public_keys.0", "company.people.*.ssh_public_keys.*"),
        ("stacks/company.yaml", "(the file)", "file"),
        ("/checkout/stacks/datacentres/ash1.yaml", "uplink", "datacentre.uplink"),
        ("stacks/Pulumi.company.yaml", "slot", "slot"),
    ],
)
def test_the_id_of_a_place_in_what_networks_share(file: str, path: str, expected: str) -> None:
    assert rule_id(path, file) == expected
    assert refused(said(problem(file=file, path=path))) == []


def test_a_fingerprint_follows_the_place_and_the_rule_and_not_the_value_or_line() -> None:
    def mark(**changed: Any) -> str:
        found: str = said(problem(**changed))["runs"][0]["results"][0]["partialFingerprints"]["declarationPath/v1"]
        return found

    assert mark() == mark(value="7", line=9)
    assert len({mark(), mark(path="name"), mark(rule="another"), mark(file="stacks/Pulumi.terra.yaml")}) == 4


def test_a_file_is_named_as_seen_from_the_checkout_and_one_outside_by_a_whole_uri(tmp_path: Path) -> None:
    inside = _artifact(said(problem(file=str(CHECKOUT / "stacks/Pulumi.a b#c.yaml"))))["uri"]
    assert (inside, unquote(inside)) == ("stacks/Pulumi.a%20b%23c.yaml", "stacks/Pulumi.a b#c.yaml")
    assert _artifact(said(problem(file="stacks/Pulumi.terra.yaml")))["uri"] == "stacks/Pulumi.terra.yaml"
    assert _artifact(said(problem(file=str(tmp_path / "x.yaml"))))["uri"] == (tmp_path / "x.yaml").as_uri()


def test_the_region_is_the_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("one\nzwölf\n")
    assert _region(said(problem(file=str(file), line=2))) == {
        "startLine": 2,
        "startColumn": 1,
        "endLine": 2,
        "endColumn": 6,
    }
    for missing in (problem(file=str(file), line=0), problem(file=str(tmp_path / "none"), line=7)):
        assert refused(said(missing)) == []


def test_a_hostile_value_is_one_line_without_a_link_or_control_characters() -> None:
    text = said(problem(value="[click](https://evil.example)\n\x1b[31m\u202e"))["runs"][0]["results"][0]["message"][
        "text"
    ]
    assert "](" not in text and text.isprintable() and "\\x1b" in text and "\\u202e" in text


def test_a_notice_is_a_note() -> None:
    document = said(problem(), notices=(problem(path="partners.a.expires"),))
    assert refused(document) == []
    assert [each["level"] for each in document["runs"][0]["results"]] == ["error", "note"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which the declaration of one network has two mistakes."""
    shutil.copytree(CHECKOUT / "stacks", tmp_path / "stacks")
    text = (CHECKOUT / "stacks/Pulumi.terra.yaml").read_text()
    text = re.sub(r"^    slot: .*$", "    slot: 255", text, count=1, flags=re.MULTILINE)
    (tmp_path / "stacks/Pulumi.terra.yaml").write_text(text.replace("    partners:", "    colour: blue\n    partners:"))
    (tmp_path / "pyproject.toml").write_text((CHECKOUT / "pyproject.toml").read_text())
    return tmp_path


def checked(checkout: Path, *words: str | Path) -> int:
    return check.run(checkout, parser("check").parse_args(["check", *map(str, words)]))


@pytest.mark.slow
def test_check_writes_what_it_prints_and_keeps_its_exit_code(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "found.sarif"
    assert checked(checkout) == 2
    printed = capsys.readouterr()
    assert checked(checkout, "--sarif", target) == 2
    assert capsys.readouterr() == printed
    document = json.loads(target.read_text())
    assert refused(document) == []
    results = document["runs"][0]["results"]
    assert sorted(each["ruleId"] for each in results) == ["slot", "unknown-field"]
    lines = (checkout / "stacks/Pulumi.terra.yaml").read_text().splitlines()
    for each in results:
        place = each["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "stacks/Pulumi.terra.yaml"
        key = each["message"]["text"].split(":")[0]
        assert lines[place["region"]["startLine"] - 1].strip().startswith(f"{key}:")


@pytest.mark.slow
def test_check_of_sound_declarations_writes_an_empty_run(estate: Run, tmp_path: Path) -> None:
    target = tmp_path / "found.sarif"
    assert estate("check", "--sarif", target)[0] == 0
    document = json.loads(target.read_text())
    assert refused(document) == []
    assert [each for each in document["runs"][0]["results"] if each["level"] != "note"] == []


@pytest.mark.parametrize("where", ["", ".", "none/found.sarif"])
def test_a_file_that_cannot_be_written_is_bad_usage(
    checkout: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout)
    with pytest.raises(UsageError, match=r"cannot write .*; name another file with --sarif FILE"):
        checked(checkout, "--sarif", where)
