"""``bin/estate prove``: its contract, on the Cosmos Hub as declared, on exported stacks, and on what is none."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.__main__ import CHECKOUT
from cli.commands import prove
from estate.declaration import files
from proofs import registered
from reachability.claims.registry import ORDER

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]
VPC = {
    "urn": "urn:pulumi:dev::shop::aws:ec2/vpc:Vpc::main",
    "type": "aws:ec2/vpc:Vpc",
    "custom": True,
    "id": "vpc-1",
    "outputs": {"cidrBlock": "10.0.0.0/16"},
}
FOREIGN = {"version": 3, "deployment": {"resources": [VPC]}}
AZURE = {
    "version": 3,
    "deployment": {
        "resources": [
            {
                "urn": "urn:pulumi:dev::site::azure-native:network:VirtualNetwork::net",
                "type": "azure-native:network:VirtualNetwork",
                "custom": True,
                "id": "/subscriptions/1",
            }
        ]
    },
}


@pytest.fixture
def state(tmp_path: Path) -> Callable[[object], Path]:
    """A state file with this content."""

    def write(content: object) -> Path:
        path = tmp_path / "state.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def opened(exported: Path, target: Path) -> Path:
    """The stack after somebody opened a port of every security group for an office on the internet."""
    document = json.loads(exported.read_text())
    resources = document["deployment"]["resources"]
    groups = [each for each in resources if each["type"] == "aws:ec2/securityGroup:SecurityGroup"]
    for group in groups:
        rule = {
            "securityGroupId": group["id"],
            "region": group["outputs"]["region"],
            "ipProtocol": "tcp",
            "fromPort": 26656,
            "toPort": 26656,
            "cidrIpv4": "203.0.113.0/24",
        }
        type_ = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
        urn = f"urn:pulumi:cosmoshub::estate::{type_}::by-hand-{group['id']}"
        resources.append({"urn": urn, "type": type_, "custom": True, "id": f"sgr-{group['id']}", "outputs": rule})
    target.write_text(json.dumps(document))
    return target


def test_the_document_has_the_contracts_keys(estate: Run, exported: Path):
    code, out, _ = estate("prove", "--state", exported, "--json")
    document = json.loads(out)
    assert set(document) == {"network", "verdict", "claims", "coverage", "seconds"}
    assert document["network"] == "cosmoshub"
    assert [claim["id"] for claim in document["claims"]][: len(ORDER)] == list(ORDER)
    assert all({"id", "statement", "verdict", "witness"} <= set(claim) for claim in document["claims"])
    assert code == (0 if {claim["verdict"] for claim in document["claims"]} == {"proved"} else 1)


def test_what_is_declared_is_proved_and_the_second_time_no_program_runs(
    estate: Run, exported: Path, monkeypatch: pytest.MonkeyPatch
):
    code, out, _ = estate("prove", "cosmoshub", "--json")
    document = json.loads(out)
    assert (code, document["verdict"]) == (0, "proved"), [
        (claim["id"], claim["violations"][:2], claim["reasons"][:2])
        for claim in document["claims"]
        if claim["verdict"] != "proved"
    ]

    def never(*_: object) -> None:
        raise AssertionError("the program ran again though nothing has changed")

    monkeypatch.setattr(registered, "_recording", never)
    _, again, _ = estate("prove", "--json")
    assert [claim["verdict"] for claim in json.loads(again)["claims"]] == ["proved"] * len(document["claims"])


def test_a_rule_made_by_hand_is_refuted_and_told(estate: Run, exported: Path, tmp_path: Path):
    code, out, _ = estate("prove", "--state", opened(exported, tmp_path / "state.json"), "--json")
    document = json.loads(out)
    refuted = {claim["id"]: claim for claim in document["claims"] if claim["verdict"] == "refuted"}
    assert code == 1 and document["verdict"] == "refuted"
    assert "layers-agree" in refuted, "the groups now permit what the topology has not"


def test_a_table_names_every_claim_and_its_verdict(estate: Run, exported: Path):
    _, out, _ = estate("prove", "--state", exported)
    for name in ORDER:
        assert name in out
    assert "17 claims" in " ".join(out.split()) and "coverage" in out


def test_one_claim_is_explained_in_full(estate: Run, exported: Path):
    code, out, _ = estate("prove", "--state", exported, "--explain", "no-public-ssh")
    assert code == 0
    assert "no-public-ssh" in out and "proved" in out and "validator-hidden" not in out
    seed = out.split("cosmoshub-seed-us-east-1-01\n")[1].split("\n\n")[0]
    assert "arrives  internet: tcp" in seed and "stopped  internet: tcp 22" in seed
    assert "nothing matches, its policy is drop" in seed, "each rule that stops it is named"
    code, out, _ = estate("prove", "--state", exported, "--explain", "ssh-from-vpn-only", "--json")
    (checked,) = json.loads(out)["checked"].values()
    assert code == 0 and {"host", "arrives", "nothing_from", "stopped_by"} <= set(checked[0])
    (host,) = [each for each in checked if each["host"] == "cosmoshub-validator-ash1-01"]
    assert "internet" in host["nothing_from"] and all(way["accepted_by"] for way in host["arrives"])


def test_an_unknown_claim_is_bad_usage_and_the_known_ones_are_named(estate: Run):
    code, _, err = estate("prove", "--explain", "no-ssh")
    assert code == 2
    assert "'no-ssh'" in err and "no-public-ssh" in err


def test_a_foreign_stack_is_not_modelled_and_reach_is_offered(estate: Run, state: Callable[[object], Path]):
    code, out, _ = estate("prove", "--state", state(FOREIGN), "--json")
    document = json.loads(out)
    assert code == 1 and document["verdict"] == "not-modelled"
    assert {claim["verdict"] for claim in document["claims"]} == {"not-modelled"}
    assert "bin/estate reach" in document["claims"][0]["reasons"][0]


def test_a_foreign_cloud_named_as_ours_is_never_proved(estate: Run, state: Callable[[object], Path]):
    code, out, _ = estate("prove", "cosmoshub", "--state", state(AZURE), "--json")
    document = json.loads(out)
    assert code == 1
    assert "proved" not in {claim["verdict"] for claim in document["claims"]}


def test_a_stack_with_nothing_in_it_is_never_proved(estate: Run, state: Callable[[object], Path]):
    empty = {"version": 3, "deployment": {"resources": []}}
    code, out, _ = estate("prove", "--state", state(empty), "--json")
    assert code == 1 and {claim["verdict"] for claim in json.loads(out)["claims"]} == {"not-modelled"}
    code, out, _ = estate("prove", "cosmoshub", "--state", state(empty), "--json")
    assert code == 1 and json.loads(out)["verdict"] == "refuted"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 3}', '{"version": 4, "terraform_version": "1"}', "\x00"]
)
def test_what_is_no_exported_stack_is_bad_usage(estate: Run, state: Callable[[object], Path], content: str):
    path = state(content)
    for words in (
        ("prove", "--state", path),
        ("reach", "internet", "web", "--state", path),
        ("prove", "--diff", path, path),
    ):
        code, out, err = estate(*words)
        assert (code, out) == (2, "")
        assert str(path) in err and "because" in err


def test_a_truncated_stack_is_bad_usage(estate: Run, exported: Path, tmp_path: Path):
    path = tmp_path / "state.json"
    path.write_bytes(exported.read_bytes()[:-200])
    code, out, err = estate("prove", "--state", path, "--json")
    assert (code, out) == (2, "")
    assert "ends in the middle" in err


def test_a_file_that_is_not_there_is_bad_usage(estate: Run, tmp_path: Path):
    code, _, err = estate("prove", "--state", tmp_path / "none.json")
    assert code == 2 and "No such file" in err


def test_a_stack_of_ours_with_an_inventory_that_is_none_is_told(estate: Run, exported: Path, tmp_path: Path):
    document = json.loads(exported.read_text())
    document["deployment"]["resources"][0]["outputs"]["inventory"] = {"links": ["nonsense"]}
    path = tmp_path / "state.json"
    path.write_text(json.dumps(document))
    code, _, err = estate("prove", "--state", path)
    assert code == 1 and "inventory" in err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--all", "cosmoshub"), "got --all and cosmoshub;"),
        (("--all", "--state", "x"), "got --state and --all;"),
        (("a", "b", "--state", "x"), "got --state and a b;"),
        (("--expect", "reachable"), "got --expect reachable without --diff;"),
        (("nosuch",), "no network is called 'nosuch'"),
        (("--markdown", "--json"), "got --markdown and --json;"),
        (("--markdown", "--explain", "no-public-ssh"), "got --markdown and --explain;"),
        (("--markdown", "--unexercised"), "got --markdown and --unexercised;"),
        (("--diff", "x", "y", "--all"), "got --diff with a state and --all;"),
        (("a", "b", "--diff", "x", "y"), "got --diff with a state and a b;"),
        (("--diff", CHECKOUT / "docs", CHECKOUT), "it has no directory stacks/"),
        (("nosuch", "--diff", CHECKOUT, CHECKOUT), "no network is called 'nosuch'"),
    ],
)
def test_contradicting_words_are_bad_usage(estate: Run, words: tuple[str | Path, ...], reason: str):
    code, out, err = estate("prove", *words)
    assert (code, out) == (2, "")
    assert reason in err


def test_a_state_does_not_differ_from_itself(estate: Run, exported: Path):
    code, out, _ = estate("prove", "--diff", exported, exported)
    assert code == 0 and "nothing becomes reachable" in out


def test_a_difference_is_told_in_words_and_as_json(estate: Run, exported: Path, tmp_path: Path):
    document = json.loads(exported.read_text())
    kept = [
        each
        for each in document["deployment"]["resources"]
        if not (each["type"].endswith(":SecurityGroupIngressRule") and each["outputs"].get("toPort") == 22)
    ]
    document["deployment"]["resources"] = kept
    path = tmp_path / "without-ssh.json"
    path.write_text(json.dumps(document))
    _, out, _ = estate("prove", "--diff", exported, path)
    assert "stops being reachable" in out and "tcp 22" in out and "becomes reachable" not in out
    _, out, _ = estate("prove", "--diff", path, exported, "--json")
    found = json.loads(out)
    assert found["stops_being_reachable"] == []
    assert all(
        flow == {"protocol": "tcp", "ports": [[22, 22]]}
        for each in found["becomes_reachable"]
        for flow in each["flows"]
    )
    assert found["becomes_reachable"]
    for old, new, expected, code in ((path, exported, "unreachable", 1), (path, exported, "reachable", 0)):
        assert estate("prove", "--diff", old, new, "--expect", expected)[0] == code
    assert estate("prove", "--expect", "reachable")[0] == 2


@pytest.mark.slow
def test_a_difference_that_cannot_be_told_says_so_first_and_fails(estate: Run, state: Callable[[object], Path]):
    path = state(AZURE)
    code, out, _ = estate("prove", "--diff", path, path)
    assert code == 1
    assert out.startswith("cannot tell") and "nothing becomes reachable" not in out
    code, out, _ = estate("prove", "--diff", path, path, "--json")
    assert code == 1 and json.loads(out)["verdict"] == "not-modelled"


def test_a_difference_as_markdown_has_the_claims_of_the_new_state(estate: Run, exported: Path, tmp_path: Path):
    code, out, _ = estate("prove", "--diff", exported, opened(exported, tmp_path / "state.json"), "--markdown")
    first, verdict, *_ = out.splitlines()
    assert code == 1 and first == "<!-- bin/estate prove --markdown -->"
    assert verdict.startswith("**Refuted:** 17 claims, ") and "<code>layers-agree</code>" in out
    assert "hosts of this checkout's networks keep the firewalls of its declarations in both states" in out


def test_a_foreign_state_as_markdown_is_never_proved(estate: Run, state: Callable[[object], Path]):
    path = state(FOREIGN)
    code, out, _ = estate("prove", "--diff", path, path, "--markdown")
    assert code == 1 and "**Not proved:**" in out and "no network is declared for this stack" in out


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A checkout of before: the declarations of this one, but Terra's partner has not been declared yet."""
    for name in ("components", "estate", "configuration", "templates", "ceremonies", "coordinator", "requirements.txt"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    shutil.copytree(CHECKOUT / "stacks", tmp_path / "stacks")
    declared = (CHECKOUT / "stacks/Pulumi.terra.yaml").read_text()
    pattern = r"^    partners:\n(?:      .*\n|\n)+"
    without, count = re.subn(pattern, "    partners: {}\n\n", declared, flags=re.MULTILINE)
    assert count == 1
    (tmp_path / "stacks/Pulumi.terra.yaml").write_text(without)
    return tmp_path


def test_two_checkouts_are_compared_as_each_declares(estate: Run, before: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(CHECKOUT)
    code, out, _ = estate("prove", "terra", "--diff", before, ".", "--markdown")
    assert "| becomes reachable | `terra-private-sentry-ap-southeast-1-01 → outside terra-partner-southlight" in out
    assert "| stops being reachable |" not in out and "<details>" not in out
    assert "the firewalls of a checkout's hosts follow from its declarations" in out
    assert code == int("**Cannot tell" in out)
    assert "**Proved:** all 17 claims hold." in out
    other = registered.registered(before, ["terra"])["terra"]
    monkeypatch.setattr("configuration.rulesets.rulesets", lambda *_: {"host": "rendered by its own code"})
    own = registered.rulesets(before, files.read(before, "terra"), other.inventory)
    assert own == {"host": "rendered by its own code"}, "what this code rendered is not kept as what that code would"


def test_the_state_of_another_network_is_refused(estate: Run, exported: Path):
    code, out, err = estate("prove", "terra", "--state", exported)
    assert (code, out) == (2, "")
    assert "by its URNs it is the stack of cosmoshub" in err and "pulumi stack export --stack terra" in err


def test_all_networks_are_those_that_are_declared() -> None:
    assert prove._names(CHECKOUT, argparse.Namespace(all=True, networks=[])) == files.names(CHECKOUT)


def test_several_networks_are_one_document(estate: Run):
    code, out, _ = estate("prove", "cosmoshub", "terra", "--json")
    document = json.loads(out)
    assert set(document) == {"networks", "verdict"}
    assert [each["network"] for each in document["networks"]] == ["cosmoshub", "terra"]
    assert code == (0 if document["verdict"] == "proved" else 1)


def test_with_a_state_no_pulumi_is_imported(exported: Path):
    script = (
        "import sys\n"
        "from cli.__main__ import main\n"
        f"main(['prove', '--state', {str(exported)!r}, '--json'])\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "sys.exit(bool(loaded & {'pulumi', 'pulumi_aws', 'pulumi_gcp', 'grpc', 'pyinfra'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
