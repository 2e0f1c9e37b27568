"""What the program registers, without an engine, an account or the network: the stack as a list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv4Network
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime.settings import set_root_resource

from components.aws.account import provider
from components.base import Args
from components.service_instance import ServiceInstance
from estate.collector import uncollected
from estate.model import Network

ID_PREFIXES = {
    "aws:ebs/volume:Volume": "vol",
    "aws:ec2/customerGateway:CustomerGateway": "cgw",
    "aws:ec2/eip:Eip": "eipalloc",
    "aws:ec2/eipAssociation:EipAssociation": "eipassoc",
    "aws:ec2/flowLog:FlowLog": "fl",
    "aws:ec2/instance:Instance": "i",
    "aws:ec2/internetGateway:InternetGateway": "igw",
    "aws:ec2/natGateway:NatGateway": "nat",
    "aws:ec2/routeTable:RouteTable": "rtb",
    "aws:ec2/securityGroup:SecurityGroup": "sg",
    "aws:ec2/subnet:Subnet": "subnet",
    "aws:ec2/vpc:Vpc": "vpc",
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": "pcx",
    "aws:ec2/vpnConnection:VpnConnection": "vpn",
    "aws:ec2/vpnGateway:VpnGateway": "vgw",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "sgr",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "sgr",
}

BENCHMARK_BLOCK = IPv4Network("198.18.0.0/15")


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One resource as the program asked for it. ``state``: ``inputs`` (in camelCase) with made-up outputs; ``id`` too.

    ``provider`` is the URN of the explicit provider, empty if none was given. ``property_dependencies``: URNs by input.
    """

    type: str
    name: str
    urn: str
    id: str
    parent: str
    provider: str
    custom: bool
    protect: bool
    retain_on_delete: bool
    ignore_changes: tuple[str, ...]
    inputs: Mapping[str, Any]
    state: Mapping[str, Any]
    dependencies: tuple[str, ...]
    property_dependencies: Mapping[str, tuple[str, ...]]


@dataclass
class Recorded:
    """Everything registered in one run, in order of arrival, and the value of the stack's ``inventory``."""

    resources: list[Registration] = field(default_factory=list)
    inventory: dict[str, Any] = field(default_factory=dict)

    def of(self, type_: str) -> list[Registration]:
        return [each for each in self.resources if each.type == type_]

    def named(self, name: str) -> Registration:
        return next(each for each in self.resources if each.name == name)


class _Cloud(mocks.Mocks):
    """Answers as a cloud would, in form: ids from names, so that every run says the same."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise RuntimeError(
            f"{args.token}: got a lookup; the program makes none, so that a preview needs no network; declare it"
        )

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if not args.custom:
            return "", args.inputs
        digest = sha256(f"{args.typ} {args.name}".encode()).hexdigest()
        id_ = f"{ID_PREFIXES.get(args.typ, 'id')}-{digest[:17]}"
        return id_, {**args.inputs, **_computed(args.typ, args.name, id_, args.inputs)}


def _address(name: str) -> str:
    """A made-up public address, from the block for benchmarks (RFC 2544), wide enough that no two names share one."""
    return str(BENCHMARK_BLOCK[1 + int(sha256(name.encode()).hexdigest(), 16) % (BENCHMARK_BLOCK.num_addresses - 2)])


def _computed(type_: str, name: str, id_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    service = type_.split(":")[1].split("/")[0]
    arn = f"arn:aws:{service}:{inputs.get('region') or ''}:000000000000:{name}"
    match type_.rsplit(":", 1)[1]:
        case "Vpc":
            return {"arn": arn, "defaultRouteTableId": f"rtb-{id_[4:]}", "defaultNetworkAclId": f"acl-{id_[4:]}"}
        case "Eip":
            return {"arn": arn, "publicIp": _address(name)}
        case "VpnConnection":
            return {"arn": arn, "tunnel1Address": _address(f"{name} 1"), "tunnel2Address": _address(f"{name} 2")}
        case "LoadBalancer":
            return {
                "arn": arn,
                "dnsName": f"{inputs['name']}.elb.{inputs['region']}.example",
                "zoneId": "Z00000000000000000000",
            }
        case "Certificate":
            domains = (inputs["domainName"], *inputs.get("subjectAlternativeNames", ()))
            return {"arn": arn, "domainValidationOptions": [_validation(domain) for domain in domains]}
        case "Zone":
            return {
                "arn": arn,
                "zoneId": "Z00000000000000000001",
                "nameServers": [f"ns-{number}.example" for number in range(1, 5)],
            }
        case "Record":
            return {"fqdn": inputs["name"]}
        case "Key":
            return {"arn": f"arn:aws:kms:{inputs['region']}:000000000000:key/{id_}", "keyId": id_}
        case _:
            return {"arn": arn}


def _validation(domain: str) -> dict[str, str]:
    return {
        "domainName": domain,
        "resourceRecordName": f"_validation.{domain}",
        "resourceRecordType": "CNAME",
        "resourceRecordValue": f"_{sha256(domain.encode()).hexdigest()[:32]}.acm-validations.aws",
    }


class _Monitor(mocks.MockMonitor):
    """Keeps what the plain hooks do not show: parent, provider, protection, dependencies."""

    def __init__(self, cloud: _Cloud, recorded: Recorded) -> None:
        super().__init__(cloud)
        self._recorded = recorded

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)
        if request.type == "pulumi:pulumi:Stack":
            return response
        made = self.resources[response.urn]
        self._recorded.resources.append(
            Registration(
                type=request.type,
                name=request.name,
                urn=response.urn,
                id=made.id,
                parent=request.parent,
                provider=request.provider.rsplit("::", 1)[0] if request.provider else "",
                custom=request.custom,
                protect=request.protect,
                retain_on_delete=request.retainOnDelete,
                ignore_changes=tuple(request.ignoreChanges),
                inputs=rpc.deserialize_properties(request.object),
                state=made.state,
                dependencies=tuple(sorted(request.dependencies)),
                property_dependencies={
                    key: tuple(sorted(value.urns)) for key, value in request.propertyDependencies.items()
                },
            )
        )
        return response


def record_program(build: Callable[[], Any], *, stack: str, preview: bool = False) -> Recorded:
    """Runs ``build`` as a Pulumi program. ``preview``: what the cloud decides stays unknown to the program."""
    recorded = Recorded()
    cloud = _Cloud()
    asyncio.set_event_loop(asyncio.new_event_loop())
    set_root_resource(None)
    mocks.set_mocks(cloud, project="estate", stack=stack, preview=preview, monitor=_Monitor(cloud, recorded))

    @pulumi.runtime.test
    def run() -> pulumi.Output[Any] | None:
        built = build()
        return (
            pulumi.Output.from_input(built.inventory).apply(recorded.inventory.update)
            if isinstance(built, ServiceInstance)
            else None
        )

    with uncollected():
        run()
    return recorded


def record(network: Network, *, preview: bool = False) -> Recorded:
    """What the program registers for ``network``."""

    def build() -> ServiceInstance:
        return ServiceInstance(
            network.name, Args(network=network), opts=pulumi.ResourceOptions(providers=[provider(network)])
        )

    return record_program(build, stack=network.name, preview=preview)
