"""Load balancers, their listeners and rules, target groups and their targets.

Source: the Elastic Load Balancing API reference (error codes of each operation) and its user guides.
"""

import ipaddress
from collections import Counter
from collections.abc import Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import arn, at_least_one, between, exactly_one, matches, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.services.gateways import NO_ALLOCATION, refuse_taken_address
from lab.clouds.aws.services.interfaces import GROUPS, check_private_address, default_group_of, make_interface
from lab.clouds.aws.services.vpc import blocks_of, has_internet_gateway, vpc_of_subnet
from lab.clouds.aws.spec import Autoname, Computed, Found, Reference, TypeSpec
from lab.clouds.store import Row

_NETWORK_PROTOCOLS = ("TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC")
_APPLICATION_PROTOCOLS = ("HTTP", "HTTPS")
_FORWARDS = {
    "TCP": ("TCP", "TCP_UDP"),
    "TLS": ("TCP", "TLS"),
    "UDP": ("UDP", "TCP_UDP"),
    "TCP_UDP": ("TCP_UDP",),
    "HTTP": ("HTTP", "HTTPS"),
    "HTTPS": ("HTTP", "HTTPS"),
}
_POLICIES = (
    "ELBSecurityPolicy-2016-08",
    "ELBSecurityPolicy-TLS-1-2-2017-01",
    "ELBSecurityPolicy-TLS-1-2-Ext-2018-06",
    "ELBSecurityPolicy-FS-1-2-Res-2020-10",
    "ELBSecurityPolicy-TLS13-1-0-2021-06",
    "ELBSecurityPolicy-TLS13-1-1-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
)
_NAME = matches("name", r"(?!internal-)(?!-)[A-Za-z0-9-]{1,32}(?<!-)", "at most 32 letters, digits and inner hyphens")
_NO_SUBNET = ("SubnetNotFound", "The subnet ID '{id}' does not exist")
_NO_BALANCER = ("LoadBalancerNotFound", "Load balancer '{id}' not found")
_NO_TARGET_GROUP = ("TargetGroupNotFound", "Target groups '{id}' not found")
_NO_LISTENER = ("ListenerNotFound", "Listener '{id}' not found")
_NO_GROUP = ("InvalidSecurityGroup", "One or more security groups are invalid: {id}")
_NO_CERTIFICATE = ("CertificateNotFound", "Certificate '{id}' not found")
_BY_CERTIFICATE = Reference("certificateArn", (tokens.CERTIFICATE,), _NO_CERTIFICATE, by="arn")


def _mappings(props: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return props.get("subnetMappings") or [{"subnetId": id} for id in props.get("subnets") or []]


def _subnets_of(call: Call) -> list[Row]:
    return [row for m in _mappings(call.props) if (row := call.get(tokens.SUBNET, m["subnetId"]))]


def _refuse_balancer(call: Call) -> None:
    props = call.props
    if call.old is None and call.find(tokens.LOAD_BALANCER, name=props["name"]):
        call.refuse(
            "DuplicateLoadBalancerName",
            f"A load balancer with the same name '{props['name']}' exists, but with different settings",
        )
    subnets = _subnets_of(call)
    zones = Counter(row.properties["availabilityZone"] for row in subnets)
    if props["loadBalancerType"] == "application" and len(zones) < 2:
        call.refuse("ValidationError", "At least two subnets in two different Availability Zones must be specified")
    for zone, times in zones.items():
        if times > 1:
            call.refuse(
                "InvalidConfigurationRequest",
                f"A load balancer cannot be attached to multiple subnets in the same Availability Zone ({zone})",
            )
    networks = sorted({row.properties["vpcId"] for row in subnets})
    if len(networks) > 1:
        call.refuse("InvalidConfigurationRequest", f"All subnets must belong to the same VPC: '{networks[0]}'")
    if not networks:
        call.refuse("ValidationError", "At least one subnet must be specified")
    if not props["internal"] and not has_internet_gateway(call, networks[0]):
        call.refuse("InvalidSubnet", f"VPC {networks[0]} has no internet gateway")
    for group_id in props.get("securityGroups") or []:
        group = call.get(GROUPS, group_id)
        if group is None or group.properties["vpcId"] != networks[0]:
            call.refuse("InvalidSecurityGroup", f"One or more security groups are invalid: {group_id}")
    _refuse_mappings(call)


def _refuse_mappings(call: Call) -> None:
    is_network = call.props["loadBalancerType"] == "network"
    before = {m.get("allocationId") for m in _mappings(call.old.properties)} if call.old else set()
    addressed = {m.get("privateIpv4Address") for m in _mappings(call.old.properties)} if call.old else set()
    for mapping in call.props.get("subnetMappings") or []:
        allocation, private = mapping.get("allocationId"), mapping.get("privateIpv4Address")
        if allocation and not is_network:
            call.refuse(
                "InvalidConfigurationRequest", "Elastic IP addresses are supported by network load balancers only"
            )
        if allocation and call.props["internal"]:
            call.refuse(
                "ValidationError",
                "Elastic IPs are not supported for load balancers with type 'network' and scheme 'internal'",
            )
        if allocation and allocation not in before:
            refuse_taken_address(call, allocation)
        if private and not call.props["internal"]:
            call.refuse("ValidationError", "Private IPv4 addresses are supported for internal load balancers only")
        subnet = call.get(tokens.SUBNET, mapping["subnetId"])
        if private and subnet and private not in addressed:
            check_private_address(call, subnet, private)


def _balancer_arn(call: Call) -> str:
    kind = {"network": "net", "application": "app", "gateway": "gwy"}[call.props["loadBalancerType"]]
    return call.arn("elasticloadbalancing", f"loadbalancer/{kind}/{call.props['name']}/{call.digest('lb')[:16]}")


def _balancer_attributes(call: Call) -> Computed:
    props = call.props
    subnets = _subnets_of(call)
    vpc_id = subnets[0].properties["vpcId"]
    groups = props.get("securityGroups")
    if not groups:
        groups = [default_group_of(call, vpc_id)] if props["loadBalancerType"] == "application" else []
    mappings = [_place(call, dict(mapping), groups) for mapping in _mappings(props)]
    suffix = call.id.split(":loadbalancer/")[-1]
    scheme = "internal-" if props["internal"] else ""
    network = props["loadBalancerType"] == "network"
    middle = f"elb.{call.region}" if network else f"{call.region}.elb"
    return {
        "arn": call.id,
        "arnSuffix": suffix,
        "vpcId": vpc_id,
        "dnsName": f"{scheme}{props['name']}-{call.digest('dns')[:16]}.{middle}.amazonaws.com",
        "zoneId": f"Z{call.digest(call.region, 'elb')[:13].upper()}",
        "subnets": [row.id for row in subnets],
        "subnetMappings": mappings,
        "securityGroups": groups,
    }


def _place(call: Call, mapping: dict[str, Any], groups: list[str]) -> dict[str, Any]:
    subnet = call.get(tokens.SUBNET, mapping["subnetId"])
    assert subnet is not None
    public = ""
    if not call.props["internal"]:
        address = call.get(tokens.EIP, mapping.get("allocationId", ""))
        public = address.properties["publicIp"] if address else call.take_public_address(subnet.id)
    make_interface(
        call,
        subnet,
        private=mapping.get("privateIpv4Address"),
        public=public,
        groups=groups,
        description=f"ELB {call.id.split(':loadbalancer/')[-1]} {subnet.id}",
        kind="network_load_balancer" if call.props["loadBalancerType"] == "network" else "interface",
    )
    return {"allocationId": "", "ipv6Address": "", "outpostId": "", "privateIpv4Address": "", **mapping}


def _balancer_updated(call: Call) -> Computed:
    present = {row.properties["subnetId"]: row for row in call.change.made_by(call.row.key)}
    wanted = _mappings(call.inputs) or _mappings(call.props)
    groups = call.props.get("securityGroups") or []
    for subnet_id, interface in present.items():
        if subnet_id not in {mapping["subnetId"] for mapping in wanted}:
            call.change.delete(interface)
        else:
            interface.properties["securityGroups"] = groups
            call.change.save(interface)
    placed = {m["subnetId"]: m for m in call.old.properties["subnetMappings"]} if call.old else {}
    mappings = [
        placed[m["subnetId"]] | dict(m) if m["subnetId"] in present else _place(call, dict(m), groups) for m in wanted
    ]
    return {"subnets": [m["subnetId"] for m in wanted], "subnetMappings": mappings}


def _refuse_protected(call: Call) -> None:
    if call.row.properties.get("enableDeletionProtection"):
        call.refuse(
            "OperationNotPermitted",
            f"Load balancer '{call.id}' cannot be deleted because deletion protection is enabled",
        )


def _network_groups_are_settled_at_birth(inputs: Mapping[str, Any]) -> Found:
    if inputs.get("loadBalancerType") == "gateway":
        yield "loadBalancerType", "the lab's AWS has no gateway load balancers"


def _refuse_target_group(call: Call) -> None:
    props = call.props
    if call.old is None and call.find(tokens.TARGET_GROUP, name=props["name"]):
        call.refuse(
            "DuplicateTargetGroupName",
            f"A target group with the same name '{props['name']}' exists, but with different settings",
        )
    if props["targetType"] != "lambda":
        missing = [name for name in ("port", "protocol", "vpcId") if props.get(name) is None]
        if missing:
            call.refuse("ValidationError", f"A {missing[0]} must be specified for target type '{props['targetType']}'")
    check = props.get("healthCheck") or {}
    if props.get("protocol") in _APPLICATION_PROTOCOLS and check.get("protocol") == "TCP":
        call.refuse(
            "InvalidConfigurationRequest",
            f"Health check protocol 'TCP' is not supported for target groups with protocol '{props['protocol']}'",
        )
    interval, timeout = check.get("interval", 30), check.get("timeout")
    if timeout is not None and timeout >= interval:
        call.refuse(
            "ValidationError", f"Health check timeout '{timeout}' must be smaller than the interval '{interval}'"
        )


def _target_group_arn(call: Call) -> str:
    return call.arn("elasticloadbalancing", f"targetgroup/{call.props['name']}/{call.digest('tg')[:16]}")


def _target_group_attributes(call: Call) -> Computed:
    http = call.props.get("protocol") in _APPLICATION_PROTOCOLS
    usual = {
        "enabled": True,
        "healthyThreshold": 5 if http else 3,
        "interval": 30,
        "matcher": "200" if http else "",
        "path": "/" if http else "",
        "port": "traffic-port",
        "protocol": "HTTP" if http else "TCP",
        "timeout": 5 if http else 10,
        "unhealthyThreshold": 2 if http else 3,
    }
    return {
        "arn": call.id,
        "arnSuffix": call.id.rsplit(":", 1)[-1],
        "loadBalancerArns": [],
        "healthCheck": usual | (call.props.get("healthCheck") or {}),
        "protocolVersion": call.props.get("protocolVersion") or ("HTTP1" if http else ""),
        "ipAddressType": call.props.get("ipAddressType") or "ipv4",
    }


def _refuse_target(call: Call) -> None:
    groups = call.find(tokens.TARGET_GROUP, arn=call.props["targetGroupArn"])
    if not groups:
        return
    group, target = groups[0].properties, call.props["targetId"]
    vpc_id = group.get("vpcId", "")
    if group["targetType"] == "instance":
        instance = call.get(tokens.INSTANCE, target)
        if instance is None:
            call.refuse("InvalidTarget", f"The following targets are not valid instances: '{target}'")
        if vpc_of_subnet(call, instance.properties["subnetId"]) != vpc_id:
            call.refuse(
                "InvalidTarget", f"The following targets are not in the target group VPC '{vpc_id}': '{target}'"
            )
    if group["targetType"] == "ip":
        _refuse_target_address(call, vpc_id, target)
    if group["targetType"] == "alb" and not call.find(tokens.LOAD_BALANCER, arn=target):
        call.refuse("InvalidTarget", f"The following targets are not valid load balancers: '{target}'")


def _refuse_target_address(call: Call, vpc_id: str, target: str) -> None:
    vpc = call.get(tokens.VPC, vpc_id)
    try:
        address = ipaddress.ip_address(target)
    except ValueError:
        call.refuse("ValidationError", f"The IP address '{target}' is not a valid IPv4 or IPv6 address")
    if address.version == 6 or vpc is None:
        return
    inside = any(address in block for block in blocks_of(call, vpc))
    if not inside and not address.is_private:
        call.refuse(
            "ValidationError", f"The IP address '{target}' must be in a CIDR block of the VPC or a private range"
        )
    if not inside and call.props.get("availabilityZone") != "all":
        call.refuse(
            "ValidationError",
            f"The IP address '{target}' is outside the VPC; you must specify the Availability Zone 'all' for it",
        )


def _target_groups_in(actions: list[Mapping[str, Any]]) -> list[str]:
    found = []
    for action in actions:
        if action.get("targetGroupArn"):
            found.append(action["targetGroupArn"])
        for target in (action.get("forward") or {}).get("targetGroups") or []:
            found.append(target["arn"])
    return found


def _refuse_listener(call: Call) -> None:
    props = call.props
    balancers = call.find(tokens.LOAD_BALANCER, arn=props["loadBalancerArn"])
    if not balancers:
        return
    balancer, protocol = balancers[0].properties, props.get("protocol")
    kind = balancer["loadBalancerType"]
    allowed = _NETWORK_PROTOCOLS if kind == "network" else _APPLICATION_PROTOCOLS
    if protocol not in allowed:
        call.refuse(
            "UnsupportedProtocol",
            f"The protocol '{protocol}' is not supported by a load balancer of type '{kind}'; one of"
            f" {', '.join(allowed)}",
        )
    for other in call.mentioning(props["loadBalancerArn"], tokens.LISTENER):
        if other.properties.get("port") == props.get("port"):
            call.refuse("DuplicateListener", "A listener already exists on this port for this load balancer")
    _refuse_listener_certificate(call, protocol)
    for group_arn in _target_groups_in(props["defaultActions"]):
        _refuse_forward(call, balancer, protocol, group_arn)


def _refuse_listener_certificate(call: Call, protocol: str | None) -> None:
    certificate = call.props.get("certificateArn")
    secure = protocol in ("TLS", "HTTPS")
    if secure and not certificate:
        call.refuse("ValidationError", f"A certificate must be specified for {protocol} listeners")
    if certificate and not secure:
        call.refuse("ValidationError", f"A certificate cannot be specified for {protocol} listeners")
    if certificate:
        refuse_unissued(call, certificate)
    policy = call.props.get("sslPolicy")
    if policy and policy not in _POLICIES:
        call.refuse("SSLPolicyNotFound", f"SSL policy '{policy}' not found")


def refuse_unissued(call: Call, certificate_arn: str) -> None:
    """Refuses a certificate that waits for its validation."""
    for row in call.find(tokens.CERTIFICATE, arn=certificate_arn):
        if row.properties["status"] != "ISSUED":
            call.refuse(
                "UnsupportedCertificate",
                f"The certificate '{certificate_arn}' must have a fully-qualified domain name, a supported signature,"
                f" and a supported key size. (it is {row.properties['status']}; wait for its validation)",
            )


def _refuse_forward(call: Call, balancer: Mapping[str, Any], protocol: str | None, group_arn: str) -> None:
    groups = call.find(tokens.TARGET_GROUP, arn=group_arn)
    if not groups:
        call.refuse("TargetGroupNotFound", f"Target groups '{group_arn}' not found")
    group = groups[0].properties
    if group.get("protocol") not in _FORWARDS.get(protocol or "", (group.get("protocol"),)):
        call.refuse(
            "IncompatibleProtocols",
            f"Listener protocol '{protocol}' cannot forward to a target group with protocol '{group.get('protocol')}'",
        )
    if group.get("vpcId") and group["vpcId"] != balancer["vpcId"]:
        call.refuse(
            "InvalidConfigurationRequest",
            f"The target group '{group_arn}' is in {group['vpcId']} and the load balancer in {balancer['vpcId']}",
        )
    for other in call.mentioning(group_arn, tokens.LISTENER):
        if other.properties["loadBalancerArn"] != balancer["arn"]:
            call.refuse(
                "TargetGroupAssociationLimit",
                f"The following target groups cannot be associated with more than one load balancer: {group_arn}",
            )


def _listener_arn(call: Call) -> str:
    balancer = call.props["loadBalancerArn"].replace(":loadbalancer/", ":listener/")
    return f"{balancer}/{call.digest('listener')[:16]}"


def _listener_attributes(call: Call) -> Computed:
    secure = call.props.get("protocol") in ("TLS", "HTTPS")
    actions = [{"order": number, **a} for number, a in enumerate(call.props["defaultActions"], start=1)]
    return {
        "arn": call.id,
        "sslPolicy": call.props.get("sslPolicy") or (_POLICIES[0] if secure else ""),
        "defaultActions": actions,
    }


def _refuse_extra_certificate(call: Call) -> None:
    refuse_unissued(call, call.props["certificateArn"])
    listeners = call.find(tokens.LISTENER, arn=call.props["listenerArn"])
    if listeners and listeners[0].properties.get("protocol") not in ("TLS", "HTTPS"):
        call.refuse("ValidationError", "Certificates can be added to TLS and HTTPS listeners only")


def _refuse_rule(call: Call) -> None:
    listener_arn, priority = call.props["listenerArn"], call.props.get("priority")
    for other in call.mentioning(listener_arn, tokens.LISTENER_RULE):
        if priority is not None and other.properties.get("priority") == priority:
            call.refuse("PriorityInUse", f"Priority '{priority}' is currently in use")
    listeners = call.find(tokens.LISTENER, arn=listener_arn)
    if listeners and listeners[0].properties["protocol"] not in _APPLICATION_PROTOCOLS:
        call.refuse(
            "InvalidConfigurationRequest", "Rules are supported by listeners of application load balancers only"
        )


def _rule_attributes(call: Call) -> Computed:
    others = [row.properties["priority"] for row in call.mentioning(call.props["listenerArn"], tokens.LISTENER_RULE)]
    return {"arn": call.id, "priority": call.props.get("priority") or max(others, default=0) + 1}


SPECS = (
    TypeSpec(
        token=tokens.LOAD_BALANCER,
        noun="ELBv2 Load Balancer",
        service="Elastic Load Balancing v2",
        create="CreateLoadBalancer",
        update="SetSubnets",
        id=_balancer_arn,
        replaces=frozenset({"name", "namePrefix", "internal", "loadBalancerType", "customerOwnedIpv4Pool"}),
        computed_inputs=frozenset({"ipAddressType", "securityGroups", "subnetMappings", "subnets", "internal"}),
        defaults={
            "enableCrossZoneLoadBalancing": False,
            "enableDeletionProtection": False,
            "internal": False,
            "ipAddressType": "ipv4",
            "loadBalancerType": "application",
        },
        autoname=Autoname(longest=32),
        rules=(
            _NAME,
            one_of("loadBalancerType", "application", "network", "gateway"),
            one_of("ipAddressType", "ipv4", "dualstack", "dualstack-without-public-ipv4"),
            exactly_one("subnets", "subnetMappings"),
            _network_groups_are_settled_at_birth,
        ),
        references=(
            Reference("subnets[]", (tokens.SUBNET,), _NO_SUBNET),
            Reference("subnetMappings[].subnetId", (tokens.SUBNET,), _NO_SUBNET),
            Reference("subnetMappings[].allocationId", (tokens.EIP,), NO_ALLOCATION, ignore=lambda id: not id),
            Reference("securityGroups[]", GROUPS, _NO_GROUP),
        ),
        refusals=(_refuse_balancer,),
        compute=_balancer_attributes,
        recompute=_balancer_updated,
        refuse_deletion=_refuse_protected,
        in_use=("ResourceInUse", "Load balancer '{id}' is currently in use ({by})"),
    ),
    TypeSpec(
        token=tokens.TARGET_GROUP,
        noun="ELBv2 Target Group",
        service="Elastic Load Balancing v2",
        create="CreateTargetGroup",
        id=_target_group_arn,
        replaces=frozenset(
            {"ipAddressType", "name", "namePrefix", "port", "protocol", "protocolVersion", "targetType", "vpcId"}
        ),
        computed_inputs=frozenset({"healthCheck", "ipAddressType", "protocolVersion", "stickiness"}),
        defaults={"deregistrationDelay": 300, "targetType": "instance", "slowStart": 0, "proxyProtocolV2": False},
        autoname=Autoname(longest=32),
        rules=(
            _NAME,
            one_of("targetType", "instance", "ip", "lambda", "alb"),
            one_of("protocol", *_NETWORK_PROTOCOLS, *_APPLICATION_PROTOCOLS, "GENEVE"),
            one_of("healthCheck.protocol", "TCP", "HTTP", "HTTPS"),
            between("port", 1, 65535),
            between("healthCheck.interval", 5, 300),
            between("healthCheck.healthyThreshold", 2, 10),
            between("healthCheck.unhealthyThreshold", 2, 10),
            between("deregistrationDelay", 0, 3600),
        ),
        references=(
            Reference("vpcId", (tokens.VPC,), ("ValidationError", "The VPC ID '{id}' is not found"), blocks=False),
        ),
        refusals=(_refuse_target_group,),
        compute=_target_group_attributes,
        recompute=_target_group_attributes,
        in_use=("ResourceInUse", "Target group '{id}' is currently in use by a listener or a rule ({by})"),
    ),
    TypeSpec(
        token=tokens.TARGET_GROUP_ATTACHMENT,
        noun="ELBv2 Target Group Attachment",
        service="Elastic Load Balancing v2",
        create="RegisterTargets",
        delete="DeregisterTargets",
        id=lambda call: f"{call.props['targetGroupArn']}-{call.digest('id')[:26]}",
        replaces=frozenset({"availabilityZone", "port", "quicServerId", "targetGroupArn", "targetId"}),
        rules=(between("port", 1, 65535),),
        references=(Reference("targetGroupArn", (tokens.TARGET_GROUP,), _NO_TARGET_GROUP, by="arn", blocks=False),),
        refusals=(_refuse_target,),
    ),
    TypeSpec(
        token=tokens.LISTENER,
        noun="ELBv2 Listener",
        service="Elastic Load Balancing v2",
        create="CreateListener",
        id=_listener_arn,
        replaces=frozenset({"loadBalancerArn"}),
        computed_inputs=frozenset({"sslPolicy"}),
        rules=(
            between("port", 1, 65535),
            arn("loadBalancerArn"),
            arn("certificateArn"),
            at_least_one("port"),
            at_least_one("protocol"),
            one_of(
                "defaultActions[].type",
                "authenticate-cognito",
                "authenticate-oidc",
                "fixed-response",
                "forward",
                "jwt-validation",
                "redirect",
            ),
        ),
        references=(
            Reference("loadBalancerArn", (tokens.LOAD_BALANCER,), _NO_BALANCER, by="arn", blocks=False),
            Reference("defaultActions[].targetGroupArn", (tokens.TARGET_GROUP,), _NO_TARGET_GROUP, by="arn"),
            Reference(
                "defaultActions[].forward.targetGroups[].arn", (tokens.TARGET_GROUP,), _NO_TARGET_GROUP, by="arn"
            ),
            _BY_CERTIFICATE,
        ),
        refusals=(_refuse_listener,),
        compute=_listener_attributes,
        recompute=_listener_attributes,
    ),
    TypeSpec(
        token=tokens.LISTENER_CERTIFICATE,
        noun="ELBv2 Listener Certificate",
        service="Elastic Load Balancing v2",
        create="AddListenerCertificates",
        delete="RemoveListenerCertificates",
        id=lambda call: f"{call.props['listenerArn']}_{call.props['certificateArn']}",
        replaces=frozenset({"certificateArn", "listenerArn"}),
        references=(
            Reference("listenerArn", (tokens.LISTENER,), _NO_LISTENER, by="arn", blocks=False),
            _BY_CERTIFICATE,
        ),
        refusals=(_refuse_extra_certificate,),
    ),
    TypeSpec(
        token=tokens.LISTENER_RULE,
        noun="ELBv2 Listener Rule",
        service="Elastic Load Balancing v2",
        create="CreateRule",
        id=lambda call: (
            f"{call.props['listenerArn'].replace(':listener/', ':listener-rule/')}/{call.digest('rule')[:16]}"
        ),
        replaces=frozenset({"listenerArn"}),
        computed_inputs=frozenset({"priority"}),
        rules=(between("priority", 1, 50000),),
        references=(
            Reference("listenerArn", (tokens.LISTENER,), _NO_LISTENER, by="arn", blocks=False),
            Reference("actions[].targetGroupArn", (tokens.TARGET_GROUP,), _NO_TARGET_GROUP, by="arn"),
        ),
        refusals=(_refuse_rule,),
        compute=_rule_attributes,
        recompute=_rule_attributes,
    ),
)
