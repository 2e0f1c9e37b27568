"""Properties that all instances of the estate share."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.nouns import MachineArgs
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
"""IMDSv2 only, with a hop limit of 1."""


class Machine(AwsComponent):
    """An instance at its fixed address, with encrypted disks; in the public tier with a fixed public address too.

    Its type token is its role's. Its id is the instance's. As two instances cannot have one address, a replacement
    deletes the old one first.
    """

    host: Host
    id: pulumi.Output[str]
    public_address: pulumi.Output[str] | None

    def __init__(self, name: str, args: MachineArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts, token=args.token)
        self.host = args.host
        node = args.host.node
        if node is None:
            raise ValueError(f"{args.host.name}: got a bare-metal server; a machine is an instance; leave it out")
        tier = ROLE_TIERS[args.host.role]
        purpose = {"role": args.host.role.value, "tier": tier.value}
        zone = f"{args.region}{args.host.zone}"
        # An elastic address sets the property to true; to declare it false there would replace the instance.
        without_public_address: dict[str, Any] = {} if tier is Tier.PUBLIC else {"associate_public_ip_address": False}
        disk: dict[str, Any] = {"encrypted": True, "kms_key_id": args.key_id}
        # AWS's provider lifts the termination protection of an instance that it deletes only if told so in an update
        # before. Set only then, as false it would be a change of every instance.
        without_protection: dict[str, Any] = {"force_destroy": True} if args.released else {}
        instance = self._resource(
            aws.ec2.Instance,
            "instance",
            purpose=purpose,
            keep=not args.released,
            delete_first=True,
            ami=args.network.regions[args.region].image,
            instance_type=node.instance_type,
            availability_zone=zone,
            subnet_id=args.subnet_id,
            private_ip=str(args.host.address),
            vpc_security_group_ids=list(args.group_ids),
            iam_instance_profile=args.identity_id,
            metadata_options=METADATA,
            root_block_device={
                **disk,
                "volume_type": "gp3",
                "volume_size": ROOT_GIB if args.data_disk else node.disk_gib,
                "delete_on_termination": True,
            },
            ebs_optimized=True,
            monitoring=True,
            disable_api_termination=self.production,
            instance_initiated_shutdown_behavior="stop",
            user_data=args.user_data,
            ignore_changes=["user_data", "ami"],
            **without_public_address,
            **without_protection,
        )
        if args.data_disk:
            volume = self._resource(
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
            self._resource(
                aws.ec2.VolumeAttachment,
                "data-attachment",
                delete_first=True,
                instance_id=instance.id,
                volume_id=volume.id,
                device_name=DATA_DEVICE,
                stop_instance_before_detaching=True,
            )
        self.id = instance.id
        self.public_address = None
        if tier is Tier.PUBLIC:
            address = self._resource(aws.ec2.Eip, "address", purpose=purpose, keep=True, domain="vpc")
            self._resource(
                aws.ec2.EipAssociation, "address-association", instance_id=instance.id, allocation_id=address.id
            )
            self.public_address = address.public_ip
        self.register_outputs({"instance_id": instance.id, "public_address": self.public_address})
