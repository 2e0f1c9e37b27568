"""Block storage: volumes, their attachment, encryption by default.

Source: the EBS user guide on volume types and their limits.
"""

import zlib

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import arn, at_least_one, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.services.interfaces import AN_INSTANCE
from lab.clouds.aws.spec import Computed, Reference, TypeSpec

VOLUME_TYPES = ("standard", "gp2", "gp3", "io1", "io2", "sc1", "st1")
_SIZES = {
    "standard": (1, 1024),
    "gp2": (1, 16384),
    "gp3": (1, 65536),
    "io1": (4, 16384),
    "io2": (4, 65536),
    "sc1": (125, 16384),
    "st1": (125, 16384),
}
_IOPS = {"gp3": (3000, 80000), "io1": (100, 64000), "io2": (100, 256000)}
_THROUGHPUT = {"gp3": (125, 2000)}


def check_volume(
    call: Call, *, kind: str, size: int | None, iops: int | None = None, throughput: int | None = None
) -> None:
    """Refuses a size (GiB), I/O rate (operations/s) or throughput (MiB/s) that the type of volume cannot have."""
    low, high = _SIZES[kind]
    if size is not None and not low <= size <= high:
        call.refuse(
            "InvalidParameterValue",
            f"Volume of {size}GiB is not valid for volume type {kind}; it must be from {low}GiB to {high}GiB.",
        )
    for name, value, limits in (("iops", iops, _IOPS), ("throughput", throughput, _THROUGHPUT)):
        if value is None:
            continue
        if kind not in limits:
            call.refuse("InvalidParameterCombination", f"The parameter {name} is not supported for {kind} volumes.")
        low, high = limits[kind]
        if not low <= value <= high:
            call.refuse(
                "InvalidParameterValue",
                f"Volume {name} of {value} is not valid for {kind}; it must be from {low} to {high}.",
            )


def _refuse_volume(call: Call) -> None:
    props = call.props
    zone = props["availabilityZone"]
    if zone not in call.zones():
        call.refuse("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
    if not props.get("size") and not props.get("snapshotId"):
        call.refuse("MissingParameter", "The request must contain the parameter size/snapshot")
    check_volume(
        call,
        kind=props["type"],
        size=props.get("size"),
        iops=call.inputs.get("iops"),
        throughput=call.inputs.get("throughput"),
    )
    if call.old and (call.old.properties.get("size") or 0) > (props.get("size") or 0):
        call.refuse("InvalidParameterValue", "New size cannot be smaller than existing size")


def _volume_attributes(call: Call) -> Computed:
    props = call.props
    size = props.get("size") or 8
    found = {
        "size": size,
        "iops": props.get("iops") or {"gp3": 3000, "gp2": max(100, 3 * size)}.get(props["type"], 0),
        "throughput": props.get("throughput") or (125 if props["type"] == "gp3" else 0),
    }
    if call.old is None:
        by_default = bool(call.find(tokens.ENCRYPTION_BY_DEFAULT, enabled=True))
        found["encrypted"] = bool(props.get("encrypted") or props.get("kmsKeyId") or by_default)
        found["createTime"] = ""
    return found


def _refuse_attachment(call: Call) -> None:
    volume = call.get(tokens.VOLUME, call.props["volumeId"])
    instance = call.get(tokens.INSTANCE, call.props["instanceId"])
    if volume is None or instance is None:
        return
    if call.mentioning(volume.id, tokens.VOLUME_ATTACHMENT) and not volume.properties.get("multiAttachEnabled"):
        call.refuse("VolumeInUse", f"{volume.id} is already attached to an instance")
    if volume.properties["availabilityZone"] != instance.properties["availabilityZone"]:
        call.refuse(
            "InvalidVolume.ZoneMismatch",
            f"The volume '{volume.id}' is not in the same availability zone as instance '{instance.id}'",
        )
    device = call.props["deviceName"]
    root = instance.properties.get("rootBlockDevice") or {}
    taken = {disk.get("deviceName") for disk in (root, *(instance.properties.get("ebsBlockDevices") or []))}
    taken |= {row.properties["deviceName"] for row in call.find(tokens.VOLUME_ATTACHMENT, instanceId=instance.id)}
    if device in taken:
        call.refuse(
            "InvalidParameterValue",
            f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use",
        )


def _attachment_id(call: Call) -> str:
    words = "-".join((call.props["deviceName"], call.props["instanceId"], call.props["volumeId"]))
    return f"vai-{zlib.crc32(words.encode())}"


SPECS = (
    TypeSpec(
        token=tokens.VOLUME,
        noun="EBS Volume",
        service="EC2",
        create="CreateVolume",
        id="vol-",
        arn="arn:aws:ec2:{region}:{account}:volume/{id}",
        replaces=frozenset(
            {"availabilityZone", "encrypted", "kmsKeyId", "multiAttachEnabled", "outpostArn", "snapshotId"}
        ),
        computed_inputs=frozenset({"encrypted", "iops", "kmsKeyId", "size", "snapshotId", "throughput", "type"}),
        defaults={"type": "gp2", "multiAttachEnabled": False, "finalSnapshot": False},
        rules=(one_of("type", *VOLUME_TYPES), arn("kmsKeyId"), at_least_one("size", "snapshotId")),
        refusals=(_refuse_volume,),
        compute=_volume_attributes,
        recompute=_volume_attributes,
        in_use=("VolumeInUse", "Volume {id} is currently attached ({by})"),
    ),
    TypeSpec(
        token=tokens.VOLUME_ATTACHMENT,
        noun="EBS Volume Attachment",
        service="EC2",
        create="AttachVolume",
        delete="DetachVolume",
        id=_attachment_id,
        replaces=frozenset({"deviceName", "instanceId", "volumeId"}),
        references=(
            AN_INSTANCE,
            Reference("volumeId", (tokens.VOLUME,), ("InvalidVolume.NotFound", "The volume '{id}' does not exist.")),
        ),
        refusals=(_refuse_attachment,),
    ),
    TypeSpec(
        token=tokens.ENCRYPTION_BY_DEFAULT,
        noun="EBS Encryption By Default",
        service="EC2",
        create="EnableEbsEncryptionByDefault",
        update="EnableEbsEncryptionByDefault",
        delete="DisableEbsEncryptionByDefault",
        id=lambda call: f"terraform-{call.digest('id')[:26]}",
        defaults={"enabled": True},
    ),
)
