"""Made-up AWS outputs, derived from names, for recording the program without an account."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from ipaddress import IPv4Network
from typing import Any

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


def outputs(type_: str, name: str, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The id and the computed properties of a resource, the same in every run."""
    digest = sha256(f"{type_} {name}".encode()).hexdigest()
    id_ = f"{ID_PREFIXES.get(type_, 'id')}-{digest[:17]}"
    return id_, _computed(type_, name, id_, inputs)


def _address(name: str) -> str:
    """A made-up public address from the benchmarking block (RFC 2544), which is large enough for unique addresses."""
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
