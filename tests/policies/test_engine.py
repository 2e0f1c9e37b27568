"""The pack, run by the real engine: a violation stops an update before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT, stack_files
from tests.engine_stack import engine_stack

pytestmark = pytest.mark.engine

PROJECT = f"""\
name: estate
runtime:
  name: python
  options:
    virtualenv: {ROOT / ".venv"}
"""
PROGRAM = """\
import pulumi
import pulumi_aws as aws

provider = aws.Provider("aws", region="us-east-1", allowed_account_ids=["123456789012"])
own = pulumi.ResourceOptions(provider=provider)
tags = {"Name": "x", "Network": "x", "Owner": "x", "Stage": "testnet", "Role": "seed"}
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", tags=tags, opts=own)
aws.ec2.DefaultSecurityGroup("default", vpc_id=vpc.id, tags=tags, opts=own)
group = aws.ec2.SecurityGroup("group", vpc_id=vpc.id, description="of a test", tags=tags, opts=own)
"""
RULE = """\
aws.vpc.SecurityGroupIngressRule(
    "rule", security_group_id=group.id, ip_protocol="tcp", from_port={port}, to_port={port}, {source},
    description="of a test", tags=tags | {{"Exposure": "p2p"}}, opts=own,
)
"""
POLICIES = ("--policy-pack", str(ROOT / "policies"))


def program(directory: Path, *parts: str) -> Path:
    path = directory / "program"
    path.mkdir()
    (path / "Pulumi.yaml").write_text(PROJECT)
    (path / "__main__.py").write_text("".join((PROGRAM, *parts)))
    return path


@pytest.mark.parametrize("source", ['cidr_ipv4="0.0.0.0/0"', 'cidr_ipv6="::/0"'])
def test_ssh_for_the_world_is_never_made(tmp_path: Path, source: str) -> None:
    path = program(tmp_path, RULE.format(port=22, source=source))
    with engine_stack(tmp_path, stack_files()[0], program=path) as stack:
        for said in (stack.run("preview", *POLICIES, fails=True), stack.up(*POLICIES, fails=True)):
            assert "ssh-is-never-public" in said
            assert "no-undeclared-port-is-open-to-the-world" in said


def test_the_same_program_without_the_open_port_goes_up(tmp_path: Path) -> None:
    with engine_stack(tmp_path, stack_files()[0], program=program(tmp_path)) as stack:
        stack.up(*POLICIES)


def test_a_type_that_no_rule_knows_stops_the_preview(tmp_path: Path) -> None:
    unknown = 'aws.ec2.PlacementGroup("placement", strategy="spread", tags=tags, opts=own)\n'
    with engine_stack(tmp_path, stack_files()[0], program=program(tmp_path, unknown)) as stack:
        assert "types-are-reviewed" in stack.run("preview", *POLICIES, fails=True)
