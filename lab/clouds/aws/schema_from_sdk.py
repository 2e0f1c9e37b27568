"""Derives `aws_schema.json` from the installed Pulumi AWS SDK.

Run `python -m lab.clouds.aws.schema_from_sdk` after raising the pinned SDK or adding a type to `TYPES`; a test
fails while the file and the SDK disagree. The file exists because importing the SDK costs a second at each
start of the provider, and because the provider then needs no SDK at all.
"""

import importlib
import inspect
import json
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

SCHEMA_FILE = Path(__file__).with_name("aws_schema.json")

PROVIDER_TOKEN = "pulumi:providers:aws"

TYPES: Mapping[str, tuple[str, ...]] = {
    "acm": ("Certificate", "CertificateValidation"),
    "cloudwatch": ("LogGroup", "MetricAlarm"),
    "dynamodb": ("Table",),
    "ebs": ("EncryptionByDefault", "Volume"),
    "ec2": (
        "CustomerGateway",
        "DefaultNetworkAcl",
        "DefaultRouteTable",
        "DefaultSecurityGroup",
        "EgressOnlyInternetGateway",
        "Eip",
        "EipAssociation",
        "FlowLog",
        "Instance",
        "InternetGateway",
        "InternetGatewayAttachment",
        "KeyPair",
        "MainRouteTableAssociation",
        "ManagedPrefixList",
        "NatGateway",
        "NetworkAcl",
        "NetworkAclAssociation",
        "NetworkAclRule",
        "NetworkInterface",
        "NetworkInterfaceAttachment",
        "PeeringConnectionOptions",
        "PlacementGroup",
        "Route",
        "RouteTable",
        "RouteTableAssociation",
        "SecurityGroup",
        "SecurityGroupRule",
        "Subnet",
        "VolumeAttachment",
        "Vpc",
        "VpcEndpoint",
        "VpcEndpointRouteTableAssociation",
        "VpcIpv4CidrBlockAssociation",
        "VpcPeeringConnection",
        "VpcPeeringConnectionAccepter",
        "VpnConnection",
        "VpnConnectionRoute",
        "VpnGateway",
        "VpnGatewayAttachment",
        "VpnGatewayRoutePropagation",
    ),
    "iam": ("InstanceProfile", "Policy", "Role", "RolePolicy", "RolePolicyAttachment"),
    "kms": ("Alias", "Key"),
    "lb": ("Listener", "ListenerCertificate", "ListenerRule", "LoadBalancer", "TargetGroup", "TargetGroupAttachment"),
    "route53": ("HealthCheck", "Record", "Zone"),
    "s3": (
        "Bucket",
        "BucketLifecycleConfiguration",
        "BucketOwnershipControls",
        "BucketPolicy",
        "BucketPublicAccessBlock",
        "BucketServerSideEncryptionConfiguration",
        "BucketVersioning",
    ),
    "sns": ("Topic",),
    "vpc": ("SecurityGroupEgressRule", "SecurityGroupIngressRule"),
}


def describe_sdk() -> dict[str, Any]:
    """Returns `{token: {"inputs", "required", "outputs"}}` for every type in `TYPES`, with camelCase names."""
    described = {}
    for area, nouns in TYPES.items():
        module = importlib.import_module(f"pulumi_aws.{area}")
        for noun in nouns:
            resource = getattr(module, noun)
            own_module = sys.modules[resource.__module__]
            # Where a nested shape has taken the name, the SDK calls the resource's own arguments `<Noun>InitArgs`.
            args = getattr(own_module, f"{noun}InitArgs", None) or getattr(own_module, f"{noun}Args")
            described[resource.pulumi_type] = _describe_resource(resource, args)
    provider = importlib.import_module("pulumi_aws.provider")
    described[PROVIDER_TOKEN] = _describe_resource(provider.Provider, provider.ProviderArgs)
    return dict(sorted(described.items()))


def _describe_resource(resource: type, args: type) -> dict[str, Any]:
    from pulumi import _types

    outputs = _types.resource_types(resource)
    shape = _describe_object(args)
    shape["inputs"] = shape.pop("properties")
    shape.setdefault("required", [])
    shape["outputs"] = sorted(outputs)
    return shape


def _describe_object(args: type) -> dict[str, Any]:
    from pulumi import _types

    names = _types.input_type_py_to_pulumi_names(args)
    parameters = inspect.signature(args).parameters
    required = sorted(
        pulumi_name
        for python_name, pulumi_name in names.items()
        if python_name in parameters and parameters[python_name].default is inspect.Parameter.empty
    )
    properties = {name: _describe_type(kind) for name, kind in sorted(_types.input_type_types(args).items())}
    return {"properties": properties} | ({"required": required} if required else {})


def _describe_type(kind: Any) -> Any:
    from pulumi import _types

    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _describe_type(_first_plain(typing.get_args(kind)))
    if origin in (Sequence, list, typing.Sequence):
        return {"items": _describe_type(typing.get_args(kind)[0])}
    if origin in (Mapping, dict, typing.Mapping):
        return {"values": _describe_type(typing.get_args(kind)[1])}
    if isinstance(kind, type):
        if issubclass(kind, Enum):
            return "string"
        scalar = {str: "string", bool: "boolean", int: "integer", float: "number"}.get(kind)
        if scalar:
            return scalar
        if _types.is_input_type(kind):
            return _describe_object(kind)
    return "any"


def _first_plain(options: tuple[Any, ...]) -> Any:
    return next((option for option in options if option in (str, bool, int, float)), options[0])


def render(described: Mapping[str, Any]) -> str:
    """Renders the schema as the committed file has it: one property a line is enough to read a change in a diff."""
    return json.dumps(described, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(render(describe_sdk()))
