"""What every instance of the estate has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.aws import cloud_config
from components.base import Component, RegionalArgs
from estate.plan.addressing import ROLE_TIERS, Tier
from estate.plan.hosts import Host

ROOT_GIB = 32
DATA_DEVICE = "/dev/sdf"
METADATA = {
    "http_endpoint": "enabled",
    "http_tokens": "required",
    "http_put_response_hop_limit": 1,
    "http_protocol_ipv6": "disabled",
    "instance_metadata_tags": "disabled",
}
"""IMDSv2 only, and not past the instance's own network stack."""


@dataclass(frozen=True, kw_only=True)
class MachineArgs(RegionalArgs):
    host: Host
    subnet_id: pulumi.Input[str]
    security_group_id: pulumi.Input[str]
    profile: pulumi.Input[str]
    key_arn: pulumi.Input[str]


class Machine(Component):
    """An instance at its fixed address, with encrypted disks; in the public tier with a fixed public address too.

    Subclasses are the roles. ``DATA_DISK``: whether what the role keeps has a disk that outlives the instance.
    """

    DATA_DISK = True

    host: Host
    instance_id: pulumi.Output[str]
    public_address: pulumi.Output[str] | None

    def __init__(self, name: str, args: MachineArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self.host = args.host
        node = args.host.node
        if node is None:
            raise ValueError(f"{args.host.name}: got a bare-metal server; a machine is an instance; leave it out")
        tier = ROLE_TIERS[args.host.role]
        purpose = {"role": args.host.role.value, "tier": tier.value}
        zone = f"{args.region}{args.host.zone}"
        disk = {"encrypted": True, "kms_key_id": args.key_arn}
        instance = self._child(
            aws.ec2.Instance,
            "instance",
            purpose=purpose,
            ami=args.network.regions[args.region].image,
            instance_type=node.instance_type,
            availability_zone=zone,
            subnet_id=args.subnet_id,
            private_ip=str(args.host.address),
            vpc_security_group_ids=[args.security_group_id],
            iam_instance_profile=args.profile,
            metadata_options=METADATA,
            root_block_device={
                **disk,
                "volume_type": "gp3",
                "volume_size": ROOT_GIB if self.DATA_DISK else node.disk_gib,
                "delete_on_termination": True,
            },
            ebs_optimized=True,
            monitoring=True,
            disable_api_termination=self.production,
            instance_initiated_shutdown_behavior="stop",
            user_data=self._user_data(),
            ignore_changes=["user_data"],
            **self._public_address_property(tier),
        )
        if self.DATA_DISK:
            volume = self._child(
                aws.ebs.Volume,
                "data",
                purpose=purpose,
                keep=True,
                availability_zone=zone,
                size=node.disk_gib,
                type="gp3",
                final_snapshot=True,
                **disk,
            )
            self._child(
                aws.ec2.VolumeAttachment,
                "data-attachment",
                instance_id=instance.id,
                volume_id=volume.id,
                device_name=DATA_DEVICE,
                stop_instance_before_detaching=True,
            )
        self.instance_id = instance.id
        self.public_address = None
        if tier is Tier.PUBLIC:
            address = self._child(aws.ec2.Eip, "address", purpose=purpose, keep=True, domain="vpc")
            self._child(
                aws.ec2.EipAssociation, "address-association", instance_id=instance.id, allocation_id=address.id
            )
            self.public_address = address.public_ip
        self.register_outputs({"instance_id": instance.id, "public_address": self.public_address})

    def _public_address_property(self, tier: Tier) -> dict[str, Any]:
        """Stated only where there must be none: an elastic address makes it true; a stated false would replace."""
        return {} if tier is Tier.PUBLIC else {"associate_public_ip_address": False}

    def _user_data(self) -> str:
        return cloud_config.render(self.network, self.host)
