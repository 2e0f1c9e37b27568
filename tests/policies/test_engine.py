"""The pack, run by the real engine: a violation stops an update before anything is made."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engine.stack import REHEARSAL
from tests.conftest import ROOT, stack_files
from tests.engine_stack import engine_stack

pytestmark = pytest.mark.engine

FOREIGN = "example"
"""A project that no declaration belongs to: nothing is proved of it, and the rules on resources judge it alone."""

PROJECT = f"""\
name: {FOREIGN}
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
to = {"log_destination_type": "s3", "log_destination": "arn:aws:s3:::flow-logs"}
aws.ec2.FlowLog("flow", vpc_id=vpc.id, traffic_type="ALL", tags=tags, opts=own, **to)
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


@pytest.mark.parametrize(
    ("source", "commands"),
    [('cidr_ipv4="0.0.0.0/0"', ("preview", "up --yes --skip-preview")), ('cidr_ipv6="::/0"', ("preview",))],
)
def test_ssh_for_the_world_is_never_made(tmp_path: Path, source: str, commands: tuple[str, ...]) -> None:
    path = program(tmp_path, RULE.format(port=22, source=source))
    with engine_stack(tmp_path, stack_files()[0], program=path, project=FOREIGN) as stack:
        for command in commands:
            said = stack.run(*command.split(), *POLICIES, fails=True)
            assert "ssh-is-never-public" in said
            assert "no-undeclared-port-is-open-to-the-world" in said


def test_the_same_program_without_the_open_port_goes_up(tmp_path: Path) -> None:
    with engine_stack(tmp_path, stack_files()[0], program=program(tmp_path), project=FOREIGN) as stack:
        stack.up(*POLICIES)


def test_a_type_that_no_rule_knows_stops_the_preview(tmp_path: Path) -> None:
    unknown = 'aws.ec2.PlacementGroup("placement", strategy="spread", tags=tags, opts=own)\n'
    with engine_stack(tmp_path, stack_files()[0], program=program(tmp_path, unknown), project=FOREIGN) as stack:
        assert "types-are-reviewed" in stack.run("preview", *POLICIES, fails=True)


DECLARED = f"""\
import runpy
import sys

import pulumi

ROOT = {str(ROOT)!r}
sys.path.insert(0, ROOT)


def opened(args):
    if "-seed-in-tcp-22-" in args.name:
        args.props["cidr_ipv4"] = args.props["cidr_ipv4"].rsplit(".", 1)[0] + ".0/24"
    return pulumi.ResourceTransformationResult(args.props, args.opts)


pulumi.runtime.register_stack_transformation(opened)
runpy.run_path(ROOT + "/__main__.py")
"""


def stopped(said: str) -> set[str]:
    """The rules that stopped the engine."""
    return {line.split("]")[-1].split()[0] for line in said.splitlines() if "[mandatory]" in line}


def of_our_project(directory: Path) -> Path:
    path = directory / "program"
    path.mkdir()
    (path / "Pulumi.yaml").write_text(PROJECT.replace(f"name: {FOREIGN}", "name: estate"))
    (path / "__main__.py").write_text(DECLARED)
    return path


def test_what_no_rule_on_a_resource_can_see_is_refuted_before_it_is_deployed(tmp_path: Path) -> None:
    """SSH from the VPN gateway's neighbours too: each resource is sound, the whole is not as declared.

    What is not served yet stops it only where it does not say that it is a rehearsal.
    """
    with engine_stack(tmp_path, stack_files()[0], program=of_our_project(tmp_path)) as stack:
        said = stack.up(*POLICIES, fails=True)
        assert stopped(said) == {"proved-reachability"}, said[-6000:]
        assert "claim layers-agree is refuted" in said
        live = replace(stack, environment=stack.environment | {REHEARSAL: ""})
        said = live.run("preview", *POLICIES, fails=True)
        assert stopped(said) == {"proved-reachability", "what-is-declared-is-served"}, said[-6000:]


EXPIRED = """\
exceptions:
  - rule: logs-are-kept
    resource: urn:pulumi:*::example::*::log
    owner: network-operations
    reason: of a test
    expires: 2026-01-01
"""


def test_an_expired_exception_stops_the_update_before_anything_is_made(tmp_path: Path) -> None:
    pack = tmp_path / "checkout"
    for name in ("policies", "estate", "configuration", "hosts", "reachability", "templates"):
        shutil.copytree(ROOT / name, pack / name, ignore=shutil.ignore_patterns("__pycache__"))
    (pack / ".venv").symlink_to(ROOT / ".venv")
    (pack / "policies" / "exceptions.yaml").write_text(EXPIRED)
    given = ("--policy-pack", str(pack / "policies"))
    with engine_stack(tmp_path, stack_files()[0], program=program(tmp_path), project=FOREIGN) as stack:
        said = stack.up(*given, fails=True)
        assert "it expired on 2026-01-01" in said
        assert "aws:ec2:Vpc" not in said
