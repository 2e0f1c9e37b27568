"""Instances, key pairs and placement groups.

Source: the EC2 API reference of RunInstances and its error codes; which change replaces an instance, from the AWS
provider's documentation of the resource.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import address, at_least_one, between, conflicts, matches, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.services.gateways import public_dns
from lab.clouds.aws.services.interfaces import (
    GROUPS,
    NO_GROUP,
    NO_INTERFACE,
    check_groups,
    check_private_address,
    default_group_of,
    make_interface,
    private_dns,
    refuse_busy_interface,
)
from lab.clouds.aws.services.virtual_processors import bucket_of, vcpus_of
from lab.clouds.aws.services.volumes import VOLUME_TYPES, check_volume
from lab.clouds.aws.services.vpc import NO_SUBNET
from lab.clouds.aws.spec import Autoname, Computed, Reference, TypeSpec
from lab.clouds.store import Row

NO_KEY_PAIR = ("InvalidKeyPair.NotFound", "The key pair '{id}' does not exist")
_FAMILIES = (
    r"(a1|t[234][ag]?|m[45678][agidflexn-]*|c[45678][agidflexn-]*|r[45678][agidflexnbz-]*|i[34578][a-z]*|x[128][a-z]*|z1d"
    r"|d[23][a-z]*|h1|im4gn|is4gen|g[456][a-z]*|p[3456][a-z]*|inf[12]|trn[12]n?|u-[a-z0-9]+|hpc[678][a-z]*|mac[12][a-z0-9-]*)"
)
_SIZES = r"(nano|micro|small|medium|large|\d*xlarge|metal(-\d+xl)?)"
_INSTANCE_TYPE = re.compile(rf"{_FAMILIES}\.{_SIZES}")
_MOST_USER_DATA = 16384
_METADATA = {
    "httpEndpoint": "enabled",
    "httpProtocolIpv6": "disabled",
    "httpPutResponseHopLimit": 1,
    "httpTokens": "optional",
    "instanceMetadataTags": "disabled",
}


def _primary_interface_id(props: Mapping[str, Any]) -> str | None:
    primary = props.get("primaryNetworkInterface")
    if primary:
        return str(primary["networkInterfaceId"])
    for entry in props.get("networkInterfaces") or []:
        if entry["deviceIndex"] == 0:
            return str(entry["networkInterfaceId"])
    return None


def _subnet_of(call: Call) -> Row | None:
    interface = call.get(tokens.NETWORK_INTERFACE, _primary_interface_id(call.props) or "")
    return call.get(tokens.SUBNET, interface.properties["subnetId"] if interface else call.props.get("subnetId", ""))


def _refuse_image_and_type(call: Call) -> None:
    image, kind = call.props.get("ami"), call.props.get("instanceType")
    if not image:
        call.refuse("MissingParameter", "The request must contain the parameter ImageId")
    if not re.fullmatch(r"ami-([0-9a-f]{8}|[0-9a-f]{17})|resolve:ssm:.+", image):
        call.refuse("InvalidAMIID.Malformed", f'Invalid id: "{image}" (expecting "ami-...")')
    if not kind:
        call.refuse("MissingParameter", "The request must contain the parameter InstanceType")
    if not _INSTANCE_TYPE.fullmatch(kind):
        call.refuse("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")


def _refuse_too_many_vcpus(call: Call) -> None:
    kind = call.props["instanceType"]
    if not call.changed("instanceType"):
        return
    bucket = bucket_of(kind)
    running = [row.properties["instanceType"] for row in call.find(tokens.INSTANCE)]
    used = sum(vcpus_of(each) for each in running if bucket_of(each) == bucket)
    most = {
        "standard": call.quotas.on_demand_standard_vcpus,
        "x": call.quotas.on_demand_x_vcpus,
    }.get(bucket, call.quotas.on_demand_other_vcpus)
    if used + vcpus_of(kind) > most:
        call.refuse(
            "VcpuLimitExceeded",
            f"You have requested more vCPU capacity than your current vCPU limit of {most} allows for the instance"
            " bucket that the specified instance type belongs to. Please visit"
            " http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.",
        )


def _refuse_placement(call: Call) -> None:
    subnet = _subnet_of(call)
    if subnet is None:
        call.refuse("MissingInput", f"No subnets found for the default VPC in {call.region}. Please specify a subnet.")
    zone = call.inputs.get("availabilityZone")
    if zone and zone != subnet.properties["availabilityZone"]:
        call.refuse(
            "InvalidParameterValue",
            f"The availability zone {zone} does not match that of {subnet.id}, {subnet.properties['availabilityZone']}",
        )
    primary = _primary_interface_id(call.props)
    check_groups(call, call.inputs.get("vpcSecurityGroupIds") or [], subnet.properties["vpcId"])
    if call.old is not None:
        return
    for entry in _interface_ids(call.props):
        refuse_busy_interface(call, entry)
    if call.props.get("privateIp") and not primary:
        check_private_address(call, subnet, call.props["privateIp"])


def _interface_ids(props: Mapping[str, Any]) -> list[str]:
    primary = props.get("primaryNetworkInterface")
    listed = [entry["networkInterfaceId"] for entry in props.get("networkInterfaces") or []]
    return [primary["networkInterfaceId"], *listed] if primary else listed


def _refuse_user_data(call: Call) -> None:
    plain = str(call.props.get("userData") or "").encode()
    try:
        encoded = base64.b64decode(call.props.get("userDataBase64") or "", validate=True)
    except ValueError:
        call.refuse("InvalidParameterValue", "Invalid BASE64 encoding of user data.")
    if max(len(plain), len(encoded)) > _MOST_USER_DATA:
        call.refuse("InvalidParameterValue", f"User data is limited to {_MOST_USER_DATA} bytes")


def _refuse_profile(call: Call) -> None:
    profile = call.props.get("iamInstanceProfile")
    if profile and call.get(tokens.INSTANCE_PROFILE, profile) is None:
        call.refuse(
            "InvalidParameterValue",
            f"Value ({profile}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
        )


def _refuse_disks(call: Call) -> None:
    devices = []
    root = call.props.get("rootBlockDevice") or {}
    for disk in (root, *(call.props.get("ebsBlockDevices") or [])):
        check_volume(
            call,
            kind=disk.get("volumeType") or "gp3",
            size=disk.get("volumeSize"),
            iops=disk.get("iops"),
            throughput=disk.get("throughput"),
        )
        if disk.get("deviceName") in devices:
            call.refuse(
                "InvalidBlockDeviceMapping",
                f"The device '{disk['deviceName']}' is used in more than one block-device mapping",
            )
        if disk.get("deviceName"):
            devices.append(disk["deviceName"])


def _instance_attributes(call: Call) -> Computed:
    subnet = _subnet_of(call)
    assert subnet is not None
    vpc_id = subnet.properties["vpcId"]
    given = _primary_interface_id(call.props)
    interface = call.get(tokens.NETWORK_INTERFACE, given) if given else None
    public = ""
    if interface is None:
        wants_public = call.props.get("associatePublicIpAddress")
        wants_public = subnet.properties.get("mapPublicIpOnLaunch") if wants_public is None else wants_public
        public = call.take_public_address() if wants_public else ""
        groups = call.props.get("vpcSecurityGroupIds") or [default_group_of(call, vpc_id)]
        interface = make_interface(
            call,
            subnet,
            private=call.props.get("privateIp"),
            public=public,
            groups=groups,
            description=f"Primary interface of {call.id}",
            source_dest_check=call.props["sourceDestCheck"],
        )
    private = interface.properties["privateIp"]
    return {
        "availabilityZone": subnet.properties["availabilityZone"],
        "subnetId": subnet.id,
        "primaryNetworkInterfaceId": interface.id,
        "privateIp": private,
        "privateDns": private_dns(private, call.region),
        "publicIp": public,
        "publicDns": public_dns(public, call.region) if public else "",
        "associatePublicIpAddress": bool(public),
        "ipv6Addresses": interface.properties.get("ipv6Addresses", []),
        "vpcSecurityGroupIds": interface.properties["securityGroups"],
        "securityGroups": [],
        "rootBlockDevice": _root_disk(call, subnet),
        "ebsBlockDevices": _data_disks(call, subnet),
        "instanceState": "running",
        "outpostArn": "",
        "passwordData": "",
        "instanceLifecycle": "",
        "spotInstanceRequestId": "",
    } | _settled(call)


def _settled(call: Call) -> Computed:
    return {"metadataOptions": _METADATA | (call.props.get("metadataOptions") or {})}


def _instance_updated(call: Call) -> Computed:
    root = {**call.row.properties.get("rootBlockDevice", {}), **(call.inputs.get("rootBlockDevice") or {})}
    _regroup(call)
    return {"rootBlockDevice": root} | _settled(call)


def _regroup(call: Call) -> None:
    interface = call.get(tokens.NETWORK_INTERFACE, call.props["primaryNetworkInterfaceId"])
    if interface and interface.maker is not None:
        interface.properties["securityGroups"] = call.props["vpcSecurityGroupIds"]
        interface.properties["sourceDestCheck"] = call.props["sourceDestCheck"]
        call.change.save(interface)


def _disk(call: Call, subnet: Row, wanted: Mapping[str, Any], device: str) -> dict[str, Any]:
    kind = wanted.get("volumeType") or "gp3"
    size = wanted.get("volumeSize") or 8
    id = call.new_id("vol-", device)
    iops = wanted.get("iops") or {"gp3": 3000, "gp2": max(100, 3 * size)}.get(kind, 0)
    throughput = wanted.get("throughput") or (125 if kind == "gp3" else 0)
    encrypted = bool(
        wanted.get("encrypted") or wanted.get("kmsKeyId") or call.find(tokens.ENCRYPTION_BY_DEFAULT, enabled=True)
    )
    disk = {
        "deleteOnTermination": True,
        "kmsKeyId": "",
        **wanted,
        "deviceName": device,
        "encrypted": encrypted,
        "iops": iops,
        "throughput": throughput,
        "volumeId": id,
        "volumeSize": size,
        "volumeType": kind,
    }
    call.make(
        tokens.VOLUME,
        id,
        {
            "availabilityZone": subnet.properties["availabilityZone"],
            "size": size,
            "type": kind,
            "encrypted": encrypted,
            "iops": iops,
            "throughput": throughput,
            "arn": call.arn("ec2", f"volume/{id}"),
            "region": call.region,
        },
    )
    return disk


def _root_disk(call: Call, subnet: Row) -> dict[str, Any]:
    return _disk(call, subnet, call.props.get("rootBlockDevice") or {}, "/dev/xvda")


def _data_disks(call: Call, subnet: Row) -> list[dict[str, Any]]:
    return [_disk(call, subnet, wanted, wanted["deviceName"]) for wanted in call.props.get("ebsBlockDevices") or []]


def _refuse_protected(call: Call) -> None:
    """AWS's provider lifts the protection before it deletes, if ``forceDestroy`` was set by an update before."""
    if call.row.properties.get("disableApiTermination") and not call.row.properties.get("forceDestroy"):
        call.refuse(
            "OperationNotPermitted",
            f"The instance '{call.id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and"
            " try again.",
        )


def _replaced_by_user_data(inputs: Mapping[str, Any]) -> frozenset[str]:
    return frozenset({"userData", "userDataBase64"}) if inputs.get("userDataReplaceOnChange") else frozenset()


def _refuse_key(call: Call) -> None:
    if call.old is None and call.find(tokens.KEY_PAIR, keyName=call.props["keyName"]):
        call.refuse("InvalidKeyPair.Duplicate", f"The keypair '{call.props['keyName']}' already exists.")
    words = call.props["publicKey"].split()
    if len(words) < 2 or words[0] not in ("ssh-rsa", "ssh-ed25519"):
        call.refuse("InvalidKey.Format", "Key is not in valid OpenSSH public key format")


def _key_attributes(call: Call) -> Computed:
    kind, body = call.props["publicKey"].split()[:2]
    fingerprint = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    return {
        "keyPairId": call.new_id("key-"),
        "keyType": kind.removeprefix("ssh-"),
        "fingerprint": ":".join(fingerprint[at : at + 2] for at in range(0, 32, 2)),
    }


def _refuse_group(call: Call) -> None:
    if call.old is None and call.find(tokens.PLACEMENT_GROUP, name=call.props["name"]):
        call.refuse("InvalidPlacementGroup.Duplicate", f"The placement group '{call.props['name']}' already exists.")


SPECS = (
    TypeSpec(
        token=tokens.INSTANCE,
        noun="EC2 Instance",
        service="EC2",
        create="RunInstances",
        update="ModifyInstanceAttribute",
        delete="TerminateInstances",
        id="i-",
        arn="arn:aws:ec2:{region}:{account}:instance/{id}",
        replaces=frozenset(
            {
                "ami",
                "associatePublicIpAddress",
                "availabilityZone",
                "cpuOptions",
                "ebsBlockDevices",
                "enclaveOptions",
                "ephemeralBlockDevices",
                "hibernation",
                "hostId",
                "instanceMarketOptions",
                "ipv6AddressCount",
                "ipv6Addresses",
                "keyName",
                "networkInterfaces",
                "placementGroup",
                "placementGroupId",
                "primaryNetworkInterface",
                "privateIp",
                "rootBlockDevice.encrypted",
                "rootBlockDevice.kmsKeyId",
                "secondaryNetworkInterfaces",
                "securityGroups",
                "subnetId",
                "tenancy",
            }
        ),
        replaces_if=_replaced_by_user_data,
        computed_inputs=frozenset(
            {
                "associatePublicIpAddress",
                "availabilityZone",
                "ebsBlockDevices",
                "ipv6Addresses",
                "metadataOptions",
                "networkInterfaces",
                "primaryNetworkInterface",
                "privateIp",
                "rootBlockDevice",
                "secondaryPrivateIps",
                "securityGroups",
                "subnetId",
                "vpcSecurityGroupIds",
            }
        ),
        defaults={
            "disableApiStop": False,
            "disableApiTermination": False,
            "ebsOptimized": False,
            "forceDestroy": False,
            "getPasswordData": False,
            "instanceInitiatedShutdownBehavior": "stop",
            "monitoring": False,
            "sourceDestCheck": True,
            "tenancy": "default",
            "userDataReplaceOnChange": False,
        },
        rules=(
            address("privateIp"),
            conflicts("userData", "userDataBase64"),
            conflicts("primaryNetworkInterface", "networkInterfaces", "subnetId", "vpcSecurityGroupIds", "privateIp"),
            conflicts("networkInterfaces", "subnetId", "privateIp", "vpcSecurityGroupIds", "associatePublicIpAddress"),
            one_of("metadataOptions.httpTokens", "optional", "required"),
            one_of("metadataOptions.httpEndpoint", "enabled", "disabled"),
            between("metadataOptions.httpPutResponseHopLimit", 1, 64),
            one_of("rootBlockDevice.volumeType", *VOLUME_TYPES),
            one_of("ebsBlockDevices[].volumeType", *VOLUME_TYPES),
            one_of("tenancy", "default", "dedicated", "host"),
        ),
        references=(
            Reference("subnetId", (tokens.SUBNET,), NO_SUBNET),
            Reference("vpcSecurityGroupIds[]", GROUPS, NO_GROUP),
            Reference("primaryNetworkInterface.networkInterfaceId", (tokens.NETWORK_INTERFACE,), NO_INTERFACE),
            Reference("networkInterfaces[].networkInterfaceId", (tokens.NETWORK_INTERFACE,), NO_INTERFACE),
            Reference("keyName", (tokens.KEY_PAIR,), NO_KEY_PAIR, blocks=False),
        ),
        refusals=(
            _refuse_image_and_type,
            _refuse_too_many_vcpus,
            _refuse_placement,
            _refuse_user_data,
            _refuse_profile,
            _refuse_disks,
        ),
        compute=_instance_attributes,
        recompute=_instance_updated,
        refuse_deletion=_refuse_protected,
    ),
    TypeSpec(
        token=tokens.KEY_PAIR,
        noun="EC2 Key Pair",
        service="EC2",
        create="ImportKeyPair",
        delete="DeleteKeyPair",
        id=lambda call: call.props["keyName"],
        arn="arn:aws:ec2:{region}:{account}:key-pair/{id}",
        replaces=frozenset({"keyName", "keyNamePrefix", "publicKey"}),
        autoname=Autoname("keyName", "keyNamePrefix"),
        rules=(matches("keyName", r"[\x20-\x7e]{1,255}", "at most 255 ASCII characters"),),
        refusals=(_refuse_key,),
        compute=_key_attributes,
    ),
    TypeSpec(
        token=tokens.PLACEMENT_GROUP,
        noun="EC2 Placement Group",
        service="EC2",
        create="CreatePlacementGroup",
        id=lambda call: call.props["name"],
        arn="arn:aws:ec2:{region}:{account}:placement-group/{id}",
        replaces=frozenset({"name", "strategy", "partitionCount", "spreadLevel"}),
        computed_inputs=frozenset({"partitionCount", "spreadLevel"}),
        autoname=Autoname(prefix_property=None),
        rules=(one_of("strategy", "cluster", "partition", "spread"), at_least_one("strategy")),
        refusals=(_refuse_group,),
        compute=lambda call: {"placementGroupId": call.new_id("pg-")},
    ),
)
