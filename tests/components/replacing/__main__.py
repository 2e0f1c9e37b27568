"""A region's seeds, and the little that they need; ``estate:replace`` as the whole program takes it."""

from __future__ import annotations

import os
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.aws.machine import Machine
from components.aws.policy_document import trust
from components.aws.provider import provider
from components.base import Args, Component
from components.machines import KINDS
from components.nouns import MachineArgs
from estate.declaration import load
from estate.model import Role
from estate.plan import addressing
from estate.plan.addressing import Tier
from estate.plan.hosts import of_role


class Instance(Component):
    TOKEN = "estate:instance:ServiceInstance"


stacks = Path(os.environ["REPLACING_STACKS"])
network = load.network(
    pulumi.Config("estate").require_object("network"), source="the stack's configuration", beside=load.beside(stacks)
)
region = network.nodes[0].region
seeds = [host for host in of_role(network, Role.SEED) if host.place == region]
cloud = pulumi.ResourceOptions(provider=provider(network))
top = Instance(network.name, Args(network=network), pulumi.ResourceOptions(providers=[cloud.provider]))
under = pulumi.ResourceOptions(parent=top)
role = aws.iam.Role("seed", assume_role_policy=trust({"Service": "ec2.amazonaws.com"}), opts=under)
profile = aws.iam.InstanceProfile("profile", role=role.name, opts=under)
key = aws.kms.Key("key", region=region, opts=under)
block = str(addressing.region_block(network, region))
vpc = aws.ec2.Vpc("vpc", cidr_block=block, region=region, tags={"Name": "hub"}, opts=under)
gateway = aws.ec2.InternetGateway("gateway", vpc_id=vpc.id, region=region, opts=under)
group = aws.ec2.SecurityGroup("group", vpc_id=vpc.id, region=region, opts=under)
for host in seeds:
    subnet = aws.ec2.Subnet(
        f"subnet-{host.zone}",
        vpc_id=vpc.id,
        cidr_block=str(addressing.subnet(network, region, Tier.PUBLIC, host.zone)),
        availability_zone=f"{region}{host.zone}",
        region=region,
        opts=pulumi.ResourceOptions(parent=top, depends_on=[gateway]),
    )
    args = MachineArgs(
        network=network,
        region=region,
        host=host,
        released=host.name in (pulumi.Config("estate").get("replace") or "").split(","),
        token=KINDS[host.role].token,
        data_disk=True,
        user_data=KINDS[host.role].user_data(network, host),
        subnet_id=subnet.id,
        group_ids=[group.id],
        identity_id=profile.name,
        key_id=key.arn,
    )
    Machine(host.name, args, opts=under)
