"""A generated estate of many networks: one rich declaration, its program run once, and a copy of it for each slot.

Names, ids and addresses differ from copy to copy as slots make them differ (``10.<slot>.0.0/16``).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from configuration.rulesets import rulesets
from estate.declaration import load
from estate.model import Network
from reachability import declared, state
from reachability.assembly import assemble
from reachability.prover import Prover
from reachability.question import Places, ask, asked_services
from reachability.resources import Resource
from reachability.subject import Subject

ROOT = Path(__file__).resolve().parents[1]
NAME = "cosmoshub"
MORE_NODES = [
    {"role": role, "region": region, "zone": zone, "number": number}
    for role, region, zone, number in [
        ("public-sentry", "us-east-1", "b", 2),
        ("public-sentry", "eu-central-1", "b", 2),
        ("public-sentry", "ap-northeast-2", "c", 2),
        ("private-sentry", "us-east-1", "a", 2),
        ("private-sentry", "eu-central-1", "a", 2),
        ("private-sentry", "ap-northeast-2", "a", 2),
        ("seed", "eu-central-1", "b", 2),
        ("seed", "ap-northeast-2", "a", 1),
        ("seed", "ap-northeast-2", "c", 2),
        ("public-sentry", "us-east-1", "a", 3),
    ]
]
RAISED = {"on_demand_standard_vcpus": 64, "elastic_ips_per_region": 16}
"""Service quotas of the account in each region, with room for these nodes."""


@dataclass(frozen=True)
class Template:
    """The declaration, the exported state of its stack and its hosts' rulesets, as text."""

    declaration: str
    state: str
    rulesets: str


def template() -> Template:
    """Cosmos Hub with 35 hosts: declared, its program run, its hosts' firewalls rendered."""
    stacks = ROOT / "stacks"
    document = yaml.safe_load((stacks / f"Pulumi.{NAME}.yaml").read_text())
    declared_network = document["config"]["estate:network"]
    declared_network["nodes"] += MORE_NODES
    declared_network["aws"]["quotas"] = dict.fromkeys(declared_network["regions"], RAISED)
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(stacks, directory, dirs_exist_ok=True)
        path = Path(directory) / f"Pulumi.{NAME}.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        output = Path(directory) / "state.json"
        command = [sys.executable, "-m", "components.export", str(path), "--output", str(output)]
        subprocess.run(command, cwd=ROOT, check=True)
        text = output.read_text()
        network, whole = load.read(path), load.whole(path)
    resources = state.read(text)
    told = next(each.properties["inventory"] for each in resources if each.type == "pulumi:pulumi:Stack")
    rules = rulesets(network, told)
    return Template(json.dumps(whole), text, json.dumps(rules))


def _copied(text: str, slot: int) -> str:
    text = text.replace(NAME, f"network{slot:03d}")
    text = re.sub(r"\b([a-z]+-[0-9a-f]{14})[0-9a-f]{3}\b", rf"\g<1>{slot:03x}", text)
    text = text.replace("192.0.2.", f"45.{slot}.2.")
    return re.sub(r"\b10\.1\.(\d+)\.", rf"10.{slot}.\1.", text)


@dataclass(frozen=True)
class Copy:
    """One network of the estate, as input for every prover."""

    network: Network
    resources: tuple[Resource, ...]
    state: str
    subject: Subject

    @property
    def rules(self) -> int:
        """Filter rules: of security groups, network ACLs and host firewalls."""
        groups = sum("ecurityGroup" in each.type and each.type.endswith("Rule") for each in self.resources)
        lists = sum(
            len(each.properties.get(direction, ()))
            for each in self.resources
            if each.type.endswith("NetworkAcl")
            for direction in ("ingress", "egress")
        )
        lines = (line.strip() for text in self.subject.rulesets.values() for line in text.splitlines())
        return groups + lists + sum(line.endswith(("accept", "drop")) or " snat " in line for line in lines)


def copies(made: Template, count: int) -> Iterator[Copy]:
    """``count`` networks, in slots 1 to ``count`` (at most 200)."""
    for slot in range(1, count + 1):
        mapping = {**json.loads(_copied(made.declaration, slot)), "slot": slot}
        network = load.network(mapping, source=f"network{slot:03d}")
        text = _copied(made.state, slot)
        resources = state.read(text)
        subject = declared.subject(network, resources, json.loads(_copied(made.rulesets, slot)))
        yield Copy(network, resources, text, subject)


def _resource(token: str, name: str, **properties: Any) -> Resource:
    noun = token.rsplit("/", 1)[-1]
    type_ = f"aws:{token}:{noun[0].upper()}{noun[1:]}"
    properties = {"region": "eu-central-1", "arn": f"arn:aws:ec2:eu-central-1:1:{noun}/{name}", **properties}
    return Resource(f"urn:pulumi:many::estate::{type_}::{name}", type_, name, name, properties, {})


def many_rules(count: int) -> Subject:
    """A public host whose security group has distinct rules, each with a block and a range of ports of its own."""
    pick = Random(7)
    rules = [
        {
            "protocol": "tcp",
            "fromPort": pick.randrange(1, 65000),
            "toPort": 65535,
            "cidrBlocks": [
                f"{pick.randrange(20, 200)}.{pick.randrange(256)}.{pick.randrange(256)}.0/{pick.randrange(16, 29)}"
            ],
        }
        for _ in range(count)
    ]
    everything = {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}
    return Subject(
        (
            _resource("ec2/vpc", "vpc-1", cidrBlock="10.0.0.0/16"),
            _resource(
                "ec2/subnet", "subnet-1", vpcId="vpc-1", cidrBlock="10.0.1.0/24", availabilityZone="eu-central-1a"
            ),
            _resource("ec2/securityGroup", "sg-1", vpcId="vpc-1", ingress=rules, egress=[everything]),
            _resource(
                "ec2/instance", "i-1", subnetId="subnet-1", privateIp="10.0.1.10", publicIp="203.0.113.9",
                vpcSecurityGroupIds=["sg-1"], tags={"Name": "host"},
            ),
            _resource("ec2/internetGateway", "igw-1", vpcId="vpc-1"),
            _resource(
                "ec2/routeTable", "rtb-1", vpcId="vpc-1", routes=[{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}]
            ),
            _resource("ec2/routeTableAssociation", "rtbassoc-1", subnetId="subnet-1", routeTableId="rtb-1"),
        )
    )  # fmt: skip


def asked_from_the_internet(subject: Subject) -> list[str]:
    """The verdicts on HTTPS from the internet to the host of ``many_rules``."""
    prover = Prover(assemble(subject))
    target = Places(prover, subject.resources).target("host")
    return [flow.verdict for flow in ask(prover, prover.internet(), target, asked_services("tcp", 443)).flows]
