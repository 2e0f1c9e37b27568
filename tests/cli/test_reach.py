"""``bin/estate reach``: questions about the Cosmos Hub as exported, and about a stack of somebody else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def reach(estate: Run, exported: Path) -> Callable[..., dict]:
    """The document of one question."""

    def ask(*words: str) -> dict:
        code, out, _ = estate("reach", *words, "--state", exported, "--json")
        assert code == 0
        return json.loads(out)

    return ask


def verdict(document: dict, port: int, protocol: str = "tcp") -> str:
    (found,) = [
        flow["verdict"]
        for flow in document["flows"]
        if flow["protocol"] == protocol and any(low <= port <= high for low, high in flow["ports"])
    ]
    return found


def test_every_port_of_a_public_sentry_has_one_verdict(reach: Callable[..., dict]):
    document = reach("internet", "cosmoshub-public-sentry-us-east-1-01")
    assert (document["from"], document["to"]) == ("internet", "cosmoshub-public-sentry-us-east-1-01")
    ports = sorted(tuple(each) for flow in document["flows"] if flow["protocol"] == "tcp" for each in flow["ports"])
    assert ports[0][0] == 0 and ports[-1][1] == 65535
    assert all(low == high + 1 for (_, high), (low, _) in zip(ports, ports[1:], strict=False))
    assert verdict(document, 26656) == "reachable" and verdict(document, 22) == "unreachable"


def test_the_way_and_the_answers_are_told(reach: Callable[..., dict]):
    (flow,) = reach("internet", "public-sentry-us-east-1-01", "--protocol", "tcp", "--port", "26656")["flows"]
    assert (flow["ports"], flow["verdict"], flow["reply"]) == ([[26656, 26656]], "reachable", "passes")
    assert flow["path"][-1]["at"] == "cosmoshub-public-sentry-us-east-1-01"
    assert flow["blocked_by"] == []


def test_every_setting_in_the_way_is_told(reach: Callable[..., dict]):
    (flow,) = reach("internet", "public-sentry-us-east-1-01", "--protocol", "tcp", "--port", "22")["flows"]
    assert flow["verdict"] == "unreachable" and flow["path"] == []
    told = [each["at"] for each in flow["blocked_by"]]
    assert any("acl" in at for at in told) and any("group" in at for at in told)
    assert any("input" in at for at in told), "the host's own firewall stops it too"


def test_a_private_address_asked_from_the_internet_is_not_reachable(reach: Callable[..., dict]):
    document = reach("internet", "10.1.0.17", "--protocol", "tcp", "--port", "26656")
    assert document["flows"][0]["verdict"] == "unreachable"


def test_a_signer_dials_its_validator_and_not_the_other_way(reach: Callable[..., dict]):
    there = reach("signer-ash1-01", "validator-ash1-01")
    assert any(flow["verdict"] == "reachable" for flow in there["flows"])
    back = reach("validator-ash1-01", "signer-ash1-01", "--protocol", "tcp")
    assert {flow["verdict"] for flow in back["flows"]} == {"unreachable"}


def test_an_instances_id_urn_and_name_are_the_same(reach: Callable[..., dict], exported: Path):
    resources = json.loads(exported.read_text())["deployment"]["resources"]
    instance = next(each for each in resources if each["urn"].endswith("::cosmoshub-seed-us-east-1-01-instance"))
    answers = [
        reach("internet", name, "--protocol", "tcp", "--port", "26656")["flows"]
        for name in (instance["id"], instance["urn"], "cosmoshub-seed-us-east-1-01")
    ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0]["verdict"] == "reachable"


def test_a_person_reads_the_way(estate: Run, exported: Path):
    code, out, _ = estate("reach", "internet", "seed-us-east-1-01", "--state", exported)
    assert code == 0
    assert "reachable" in out and "tcp 26656" in out and "unreachable" in out


def test_the_matrix_is_a_list(estate: Run, exported: Path):
    code, out, _ = estate("reach", "--all-pairs", "--protocol", "tcp", "--port", "22", "--state", exported, "--json")
    found = json.loads(out)
    assert code == 0 and isinstance(found, list)
    from_internet = [each for each in found if each["from"] == "internet" and each["to"] != "internet"]
    assert from_internet
    assert {flow["verdict"] for each in from_internet for flow in each["flows"]} == {"unreachable"}


def test_a_network_as_declared_can_be_asked_too(estate: Run):
    code, out, _ = estate("reach", "internet", "seed-us-east-1-01", "--protocol", "tcp", "--port", "26656", "--json")
    assert code == 0 and json.loads(out)["flows"][0]["verdict"] == "reachable"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("internet",), "got FROM alone; both are required"),
        ((), "got neither FROM nor TO; both are required"),
        (("internet", "web", "--all-pairs"), "got --all-pairs and internet web;"),
        (("--ruleset", "x"), "got --ruleset and --state;"),
        (("internet", "seed-us-east-1-01", "--port", "22"), "has no protocol"),
        (("internet", "seed-us-east-1-01", "--protocol", "tcp", "--port", "70000"), "is not a port"),
        (("internet", "nosuchhost"), "is not a host"),
        (("internet", "10.0.0.0/99"), "the prefix length must be a number from 0 to 32"),
        (("internet", "seed"), "is not a host"),
        (("cosmoshub-us-east-1-seed-group", "internet"), "sends no packets"),
    ],
)
def test_a_question_that_cannot_be_asked_is_bad_usage(estate: Run, exported: Path, words: tuple[str, ...], reason: str):
    code, out, err = estate("reach", *words, "--state", exported)
    assert (code, out) == (2, "")
    assert reason in err


def test_somebody_elses_estate_is_asked_without_a_declaration(estate: Run, tmp_path: Path):
    def made(type_: str, name: str, id_: str, **outputs: object) -> dict:
        urn = f"urn:pulumi:prod::shop::{type_}::{name}"
        return {"urn": urn, "type": type_, "custom": True, "id": id_, "outputs": outputs}

    everyone = {"cidrBlocks": ["0.0.0.0/0"], "protocol": "tcp"}
    resources = [
        made(
            "aws:ec2/vpc:Vpc",
            "vpc",
            "vpc-1",
            cidrBlock="10.0.0.0/16",
            mainRouteTableId="rtb-0",
            defaultNetworkAclId="acl-0",
            defaultSecurityGroupId="sg-0",
        ),
        made("aws:ec2/subnet:Subnet", "public", "subnet-1", vpcId="vpc-1", cidrBlock="10.0.1.0/24"),
        made("aws:ec2/internetGateway:InternetGateway", "gateway", "igw-1", vpcId="vpc-1"),
        made(
            "aws:ec2/routeTable:RouteTable",
            "table",
            "rtb-1",
            vpcId="vpc-1",
            routes=[{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}],
        ),
        made(
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
            "association",
            "assoc-1",
            subnetId="subnet-1",
            routeTableId="rtb-1",
        ),
        made(
            "aws:ec2/securityGroup:SecurityGroup",
            "web",
            "sg-1",
            vpcId="vpc-1",
            ingress=[{**everyone, "fromPort": 443, "toPort": 443}],
            egress=[{"cidrBlocks": ["0.0.0.0/0"], "protocol": "-1", "fromPort": 0, "toPort": 0}],
        ),
        made(
            "aws:ec2/instance:Instance",
            "server",
            "i-1",
            subnetId="subnet-1",
            privateIp="10.0.1.10",
            publicIp="54.1.2.3",
            associatePublicIpAddress=True,
            vpcSecurityGroupIds=["sg-1"],
            sourceDestCheck=True,
            tags={"Name": "shop-web"},
        ),
    ]
    path = tmp_path / "state.json"
    path.write_text(json.dumps({"version": 3, "deployment": {"resources": resources}}))
    for name in ("i-1", "shop-web", "54.1.2.3", "server"):
        code, out, _ = estate("reach", "internet", name, "--protocol", "tcp", "--state", path, "--json")
        document = json.loads(out)
        assert code == 0, name
        assert verdict(document, 443) == "reachable", document
        assert verdict(document, 22) == "unreachable"
    for port, expected, code in (
        (22, "unreachable", 0),
        (22, "reachable", 1),
        (443, "unreachable", 1),
        (443, "reachable", 0),
    ):
        words = ("--protocol", "tcp", "--port", str(port), "--state", path, "--expect", expected)
        found, out, _ = estate("reach", "internet", "server", *words)
        assert found == code and ("expected " in out) is bool(code)
    assert "internet → shop-web" in out, "a machine is called by its Name tag"
    lost = made("aws:ec2/instance:Instance", "lost", "i-2", subnetId="subnet-of-another-stack")
    path.write_text(json.dumps({"version": 3, "deployment": {"resources": [*resources, lost]}}))
    code, out, _ = estate("reach", "--all-pairs", "--protocol", "tcp", "--port", "22", "--state", path)
    assert code == 0
    assert any(line.split()[:2] == ["internet", "lost"] and "not modelled" in line for line in out.splitlines())
    words = ("--protocol", "tcp", "--port", "22", "--state", path, "--json", "--expect", "unreachable")
    code, out, _ = estate("reach", "--all-pairs", *words)
    assert code == 1 and "lost" in {each["to_name"] for each in json.loads(out)}


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "cannot read .*No such file"), (b"table \x92", "byte 6 is 0x92: must be UTF-8, because a ruleset is text")],
)
def test_a_ruleset_that_cannot_be_read_is_bad_usage(
    estate: Run, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "ruleset.nft"
    if content is not None:
        path.write_bytes(content)
    code, out, err = estate("reach", "--ruleset", path)
    assert (code, out) == (2, "")
    assert re.search(reason, err) and err.rstrip().endswith("give a file that `nft list ruleset` wrote")
