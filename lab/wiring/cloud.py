"""The cloud's state as the wiring needs it: the one module that knows the properties of AWS resources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from lab.clouds.store import Resource

EVERYWHERE = IPv4Network("0.0.0.0/0")
PROTOCOL_NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "-1": "all"}
ROUTE_TARGETS = ("gatewayId", "natGatewayId", "vpcPeeringConnectionId", "networkInterfaceId", "instanceId")
UNWIRED_ROUTE_TARGETS = (
    "transitGatewayId",
    "vpcEndpointId",
    "egressOnlyGatewayId",
    "carrierGatewayId",
    "coreNetworkArn",
    "localGatewayId",
)


@dataclass(frozen=True, kw_only=True)
class Permission:
    """What one rule of a security group or network ACL matches.

    ``ports`` are inclusive, None is all; ``icmp`` is type and code, where None is any.

    Exactly one of ``blocks`` (addresses of the other end) and ``group`` (members of that security group) is given.
    """

    id: str
    protocol: str
    ports: tuple[int, int] | None
    blocks: tuple[IPv4Network, ...] = ()
    group: str = ""
    icmp: tuple[int | None, int | None] = (None, None)
    allow: bool = True
    number: int = 0


@dataclass(frozen=True, kw_only=True)
class SecurityGroup:
    id: str
    vpc: str
    ingress: tuple[Permission, ...]
    egress: tuple[Permission, ...]


@dataclass(frozen=True, kw_only=True)
class NetworkAcl:
    """Stateless rules in order of number; ``open`` if it lets everything pass both ways, as AWS's default does."""

    id: str
    ingress: tuple[Permission, ...]
    egress: tuple[Permission, ...]

    @property
    def open(self) -> bool:
        return all(
            bool(rules) and rules[0].allow and rules[0].protocol == "all" and EVERYWHERE in rules[0].blocks
            for rules in (self.ingress, self.egress)
        )


@dataclass(frozen=True, kw_only=True)
class Subnet:
    id: str
    vpc: str
    block: IPv4Network
    zone: str
    route_table: str
    acl: str


@dataclass(frozen=True, kw_only=True)
class CloudRoute:
    destination: IPv4Network
    target: str


@dataclass(frozen=True, kw_only=True)
class RouteTable:
    id: str
    vpc: str
    routes: tuple[CloudRoute, ...]
    propagating: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CloudInterface:
    """An interface in a VPC, of the instance, NAT gateway or load balancer ``owner``.

    ``groups`` is None where none apply.
    """

    id: str
    owner: str
    kind: str
    subnet: str
    address: IPv4Address
    groups: tuple[str, ...] | None
    checked: bool = True
    public: IPv4Address | None = None


@dataclass(frozen=True, kw_only=True)
class Peering:
    """A peering; ``accepter`` may be a VPC of another account, which is not among ``Cloud.vpcs``."""

    id: str
    requester: str
    accepter: str
    active: bool


@dataclass(frozen=True, kw_only=True)
class VpnGateway:
    id: str
    vpc: str
    region: str
    asn: int


@dataclass(frozen=True, kw_only=True)
class VpnConnection:
    """A site-to-site connection.

    ``insides`` are the /30 of its two tunnels, ``peer`` is the outside address of the customer gateway.
    """

    id: str
    gateway: str
    peer_asn: int
    peer: str
    insides: tuple[IPv4Network, ...]


@dataclass(frozen=True, kw_only=True)
class Listener:
    """``protocol`` TLS ends TLS at the load balancer, TCP does not. ``names`` are those of the certificate."""

    port: int
    protocol: str
    target_group: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Target:
    address: IPv4Address
    port: int
    zone: str


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """When a target is sent connections: ``path`` answers HTTP with ``matcher``; without a path, TCP connects."""

    path: str = ""
    matcher: str = "200-399"
    interval_seconds: int = 30
    rise: int = 5
    fall: int = 2


@dataclass(frozen=True, kw_only=True)
class LoadBalancer:
    id: str
    name: str
    region: str
    across_zones: bool
    listeners: tuple[Listener, ...]


@dataclass(frozen=True, kw_only=True)
class Vpc:
    id: str
    region: str
    blocks: tuple[IPv4Network, ...]
    main_route_table: str


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The network part of an AWS account, by id."""

    vpcs: Mapping[str, Vpc]
    subnets: Mapping[str, Subnet]
    route_tables: Mapping[str, RouteTable]
    acls: Mapping[str, NetworkAcl]
    groups: Mapping[str, SecurityGroup]
    interfaces: tuple[CloudInterface, ...]
    instance_names: Mapping[str, str]
    internet_gateways: Mapping[str, str]
    peerings: tuple[Peering, ...]
    vpn_gateways: Mapping[str, VpnGateway]
    vpn_connections: tuple[VpnConnection, ...]
    balancers: Mapping[str, LoadBalancer]
    targets: Mapping[str, tuple[Target, ...]]
    health_checks: Mapping[str, HealthCheck]
    not_modelled: tuple[str, ...] = ()

    def members(self, group: str) -> tuple[IPv4Address, ...]:
        return tuple(sorted(each.address for each in self.interfaces if each.groups and group in each.groups))

    def vpc_of(self, interface: CloudInterface) -> str:
        return self.subnets[interface.subnet].vpc


@dataclass
class _Reader:
    """Resources by type and id, while the view is made of them."""

    resources: Iterable[Resource]
    by_type: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    by_id: dict[str, Resource] = field(default_factory=dict)
    not_modelled: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for resource in sorted(self.resources, key=lambda each: (each.type, each.region, each.id)):
            self.by_type[resource.type].append(resource)
            self.by_id.setdefault(resource.id, resource)

    def of(self, *nouns: str) -> list[Resource]:
        """Resources by ``<module>/<noun>`` such as ``ec2/vpc``."""
        return [resource for noun in nouns for resource in self.by_type[_token(noun)]]


def _token(noun: str) -> str:
    module, name = noun.split("/")
    return f"aws:{module}/{name}:{name[0].upper()}{name[1:]}"


def _blocks(values: Iterable[str | None]) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(value, strict=False) for value in values if value and ":" not in value)


def _protocol(value: Any) -> str:
    return PROTOCOL_NUMBERS.get(str(value).lower(), str(value).lower())


def _number(value: Any) -> int | None:
    return None if value in (None, -1, "-1", "") else int(value)


def _matched(protocol: str, start: Any, end: Any) -> dict[str, Any]:
    """Ports, or ICMP type and code, of a rule with AWS's ``fromPort`` and ``toPort``."""
    first, last = _number(start), _number(end)
    if protocol.startswith("icmp"):
        return {"ports": None, "icmp": (first, last)}
    if protocol not in ("tcp", "udp") or first is None or last is None or (first, last) in ((0, 65535),):
        return {"ports": None}
    return {"ports": (first, last)}


def _prefix_list(reader: _Reader, id: str) -> tuple[IPv4Network, ...]:
    entries = reader.by_id[id].properties.get("entries", ()) if id in reader.by_id else ()
    return _blocks(entry.get("cidr") for entry in entries)


def _group_permissions(reader: _Reader, resource: Resource) -> list[Permission]:
    """The permissions of one rule of its own; none where it is for IPv6 only."""
    properties = resource.properties
    protocol = _protocol(properties["ipProtocol"])
    matched = {
        "id": resource.id,
        "protocol": protocol,
        **_matched(protocol, properties.get("fromPort"), properties.get("toPort")),
    }
    if referenced := properties.get("referencedSecurityGroupId"):
        return [Permission(**matched, group=str(referenced).rsplit("/", 1)[-1])]
    if prefix_list := properties.get("prefixListId"):
        return [Permission(**matched, blocks=_prefix_list(reader, prefix_list))]
    blocks = _blocks([properties.get("cidrIpv4")])
    return [Permission(**matched, blocks=blocks)] if blocks else []


def _inline_permissions(reader: _Reader, id: str, rules: Iterable[Mapping[str, Any]], group: str) -> list[Permission]:
    """The permissions of rules written inside a group, or of the older kind of rule."""
    permissions = []
    for rule in rules:
        protocol = _protocol(rule["protocol"])
        matched = {"id": id, "protocol": protocol, **_matched(protocol, rule.get("fromPort"), rule.get("toPort"))}
        blocks = _blocks(rule.get("cidrBlocks") or ())
        for prefix_list in rule.get("prefixListIds") or ():
            blocks += _prefix_list(reader, prefix_list)
        if blocks:
            permissions.append(Permission(**matched, blocks=blocks))
        others = [
            *(rule.get("securityGroups") or ()),
            rule.get("sourceSecurityGroupId"),
            group if rule.get("self") else None,
        ]
        permissions += [Permission(**matched, group=other) for other in others if other]
    return permissions


def _groups(reader: _Reader) -> dict[str, SecurityGroup]:
    rules: dict[tuple[str, str], list[Permission]] = defaultdict(list)
    for direction, noun in (("ingress", "vpc/securityGroupIngressRule"), ("egress", "vpc/securityGroupEgressRule")):
        for resource in reader.of(noun):
            rules[resource.properties["securityGroupId"], direction] += _group_permissions(reader, resource)
    for resource in reader.of("ec2/securityGroupRule"):
        group = resource.properties["securityGroupId"]
        rules[group, resource.properties["type"]] += _inline_permissions(
            reader, resource.id, [resource.properties], group
        )
    groups = {}
    for resource in [*reader.of("ec2/securityGroup"), *reader.of("ec2/defaultSecurityGroup")]:
        for direction in ("ingress", "egress"):
            if not rules[resource.id, direction]:
                inline = resource.properties.get(direction) or ()
                rules[resource.id, direction] += _inline_permissions(reader, resource.id, inline, resource.id)
        groups[resource.id] = SecurityGroup(
            id=resource.id,
            vpc=resource.properties.get("vpcId", ""),
            ingress=tuple(rules[resource.id, "ingress"]),
            egress=tuple(rules[resource.id, "egress"]),
        )
    return groups


def _acl_permission(id: str, rule: Mapping[str, Any], number: int, action: str) -> Permission | None:
    blocks = _blocks([rule.get("cidrBlock")])
    protocol = _protocol(rule["protocol"])
    if not blocks:
        return None
    matched = _matched(protocol, rule.get("fromPort"), rule.get("toPort"))
    if protocol == "icmp":
        matched = {"ports": None, "icmp": (_number(rule.get("icmpType")), _number(rule.get("icmpCode")))}
    return Permission(
        id=f"{id} {number}", protocol=protocol, blocks=blocks, allow=action == "allow", number=number, **matched
    )


def _acls(reader: _Reader) -> dict[str, NetworkAcl]:
    rules: dict[tuple[str, bool], list[Permission | None]] = defaultdict(list)
    for resource in reader.of("ec2/networkAclRule"):
        rule = resource.properties
        permission = _acl_permission(rule["networkAclId"], rule, int(rule["ruleNumber"]), rule["ruleAction"])
        rules[rule["networkAclId"], bool(rule.get("egress"))].append(permission)
    acls = {}
    for resource in [*reader.of("ec2/networkAcl"), *reader.of("ec2/defaultNetworkAcl")]:
        for egress, name in ((False, "ingress"), (True, "egress")):
            inline = resource.properties.get(name) or ()
            rules[resource.id, egress] += [
                _acl_permission(resource.id, rule, int(rule["ruleNo"]), rule["action"]) for rule in inline
            ]
        ordered = {
            egress: tuple(
                sorted(
                    {rule.number: rule for rule in rules[resource.id, egress] if rule}.values(),
                    key=lambda rule: rule.number,
                )
            )
            for egress in (False, True)
        }
        acls[resource.id] = NetworkAcl(id=resource.id, ingress=ordered[False], egress=ordered[True])
    return acls


def _is_default_acl(resource: Resource, declared: set[str]) -> bool:
    return resource.id in declared or (bool(resource.made_for) and resource.type == _token("ec2/networkAcl"))


def _acl_of_subnets(reader: _Reader) -> dict[str, str]:
    """Which network ACL guards each subnet; AWS's default ACL of the VPC where none was chosen."""
    defaults: dict[str, str] = {}
    declared = {resource.properties["defaultNetworkAclId"] for resource in reader.of("ec2/defaultNetworkAcl")}
    for resource in reader.of("ec2/networkAcl", "ec2/defaultNetworkAcl"):
        if _is_default_acl(resource, declared):
            defaults[resource.properties.get("vpcId") or resource.made_for] = resource.id
    chosen = {}
    for resource in reader.of("ec2/networkAcl", "ec2/defaultNetworkAcl"):
        chosen.update(dict.fromkeys(resource.properties.get("subnetIds") or (), resource.id))
    for resource in reader.of("ec2/networkAclAssociation"):
        chosen[resource.properties["subnetId"]] = resource.properties["networkAclId"]
    return {
        subnet.id: chosen.get(subnet.id) or defaults.get(subnet.properties["vpcId"], "")
        for subnet in reader.of("ec2/subnet")
    }


def _routes(reader: _Reader, properties: Mapping[str, Any], origin: str) -> list[CloudRoute]:
    destinations = _blocks([properties.get("destinationCidrBlock") or properties.get("cidrBlock")])
    if prefix_list := properties.get("destinationPrefixListId"):
        destinations += _prefix_list(reader, prefix_list)
    target = next((properties[name] for name in ROUTE_TARGETS if properties.get(name)), "")
    unwired = next((properties[name] for name in UNWIRED_ROUTE_TARGETS if properties.get(name)), "")
    if unwired:
        reader.not_modelled.append(f"{origin}: routes to {unwired} lead nowhere in the lab")
    return [CloudRoute(destination=destination, target=target) for destination in destinations if target != "local"]


def _route_tables(reader: _Reader) -> dict[str, RouteTable]:
    routes: dict[str, list[CloudRoute]] = defaultdict(list)
    propagating: dict[str, set[str]] = defaultdict(set)
    tables = {resource.id: resource for resource in reader.of("ec2/routeTable", "ec2/defaultRouteTable")}
    for resource in tables.values():
        propagating[resource.id].update(resource.properties.get("propagatingVgws") or ())
        for inline in resource.properties.get("routes") or ():
            routes[resource.id] += _routes(reader, inline, resource.id)
    for resource in reader.of("ec2/route"):
        routes[resource.properties["routeTableId"]] += _routes(reader, resource.properties, resource.id)
    for resource in reader.of("ec2/vpnGatewayRoutePropagation"):
        propagating[resource.properties["routeTableId"]].add(resource.properties["vpnGatewayId"])
    return {
        id: RouteTable(
            id=id,
            vpc=resource.properties.get("vpcId") or resource.made_for,
            routes=tuple(sorted(set(routes[id]), key=lambda route: (route.destination, route.target))),
            propagating=tuple(sorted(propagating[id])),
        )
        for id, resource in tables.items()
    }


def _main_route_table(reader: _Reader, vpc: Resource) -> str:
    for resource in reader.of("ec2/mainRouteTableAssociation"):
        if resource.properties["vpcId"] == vpc.id:
            return str(resource.properties["routeTableId"])
    return str(vpc.properties.get("mainRouteTableId") or vpc.properties.get("defaultRouteTableId") or "")


def _public_addresses(reader: _Reader) -> dict[str, IPv4Address]:
    """Elastic addresses by what they belong to: instance, interface or allocation id."""
    found = {}
    addresses = {resource.id: resource for resource in reader.of("ec2/eip") if resource.properties.get("publicIp")}
    for resource in addresses.values():
        public = IPv4Address(resource.properties["publicIp"])
        found[resource.id] = public
        for name in ("allocationId", "instance", "networkInterface"):
            if owner := resource.properties.get(name):
                found[owner] = public
    for resource in reader.of("ec2/eipAssociation"):
        address = addresses.get(resource.properties.get("allocationId", ""))
        for name in ("instanceId", "networkInterfaceId"):
            if address and (owner := resource.properties.get(name)):
                found[owner] = IPv4Address(address.properties["publicIp"])
    return found


def _instance_interfaces(reader: _Reader, public: Mapping[str, IPv4Address]) -> list[CloudInterface]:
    interfaces = []
    for resource in reader.of("ec2/instance"):
        properties = resource.properties
        if properties.get("instanceState") in ("terminated", "shutting-down"):
            continue
        own = properties.get("publicIp") or None
        first = properties.get("primaryNetworkInterfaceId") or ""
        interfaces.append(
            CloudInterface(
                id=first or resource.id,
                owner=resource.id,
                kind="instance",
                subnet=properties["subnetId"],
                address=IPv4Address(properties["privateIp"]),
                groups=tuple(sorted(properties.get("vpcSecurityGroupIds") or ())),
                checked=properties.get("sourceDestCheck", True) is not False,
                public=public.get(resource.id) or public.get(first) or (IPv4Address(own) if own else None),
            )
        )
    return interfaces


def _nat_interfaces(reader: _Reader, public: Mapping[str, IPv4Address]) -> list[CloudInterface]:
    return [
        CloudInterface(
            id=resource.properties.get("networkInterfaceId") or resource.id,
            owner=resource.id,
            kind="nat",
            subnet=resource.properties["subnetId"],
            address=IPv4Address(resource.properties["privateIp"]),
            groups=None,
            checked=False,
            public=public.get(resource.properties.get("allocationId") or ""),
        )
        for resource in reader.of("ec2/natGateway")
    ]


def _balancer_interfaces(reader: _Reader, public: Mapping[str, IPv4Address]) -> list[CloudInterface]:
    """A load balancer's node in each of its subnets: the interfaces that AWS made for it."""
    balancers = {resource.id: resource for resource in reader.of("lb/loadBalancer")}
    interfaces = []
    for resource in reader.of("ec2/networkInterface"):
        balancer = balancers.get(resource.made_for)
        if balancer is None:
            continue
        subnet = resource.properties["subnetId"]
        mappings: list[Mapping[str, Any]] = balancer.properties.get("subnetMappings") or []
        mapping = next((each for each in mappings if each.get("subnetId") == subnet), {})
        own = (resource.properties.get("association") or {}).get("publicIp") or resource.properties.get("publicIp")
        interfaces.append(
            CloudInterface(
                id=resource.id,
                owner=balancer.id,
                kind="balancer",
                subnet=subnet,
                address=IPv4Address(resource.properties["privateIp"]),
                groups=tuple(sorted(balancer.properties.get("securityGroups") or ())) or None,
                public=IPv4Address(own)
                if own
                else public.get(mapping.get("allocationId") or "") or public.get(resource.id),
            )
        )
    return interfaces


def _declared_interfaces(reader: _Reader, public: Mapping[str, IPv4Address]) -> list[CloudInterface]:
    """Interfaces that the program made itself and attached to an instance as a further one."""
    attached = {
        each.properties["networkInterfaceId"]: each.properties["instanceId"]
        for each in reader.of("ec2/networkInterfaceAttachment")
    }
    return [
        CloudInterface(
            id=resource.id,
            owner=attached[resource.id],
            kind="instance",
            subnet=resource.properties["subnetId"],
            address=IPv4Address(resource.properties.get("privateIp") or resource.properties["privateIps"][0]),
            groups=tuple(sorted(resource.properties.get("securityGroups") or ())),
            checked=resource.properties.get("sourceDestCheck", True) is not False,
            public=public.get(resource.id),
        )
        for resource in reader.of("ec2/networkInterface")
        if not resource.made_for and resource.id in attached
    ]


def _internet_gateways(reader: _Reader) -> dict[str, str]:
    """The internet gateway of each VPC that has one."""
    found = {
        resource.properties["vpcId"]: resource.id
        for resource in reader.of("ec2/internetGateway")
        if resource.properties.get("vpcId")
    }
    for resource in reader.of("ec2/internetGatewayAttachment"):
        found[resource.properties["vpcId"]] = resource.properties["internetGatewayId"]
    return found


def _peerings(reader: _Reader) -> tuple[Peering, ...]:
    accepted = {
        resource.properties["vpcPeeringConnectionId"]
        for resource in reader.of("ec2/vpcPeeringConnectionAccepter")
        if resource.properties.get("autoAccept") or resource.properties.get("acceptStatus") == "active"
    }
    peerings: dict[str, Peering] = {}
    for resource in reader.of("ec2/vpcPeeringConnection", "ec2/vpcPeeringConnectionAccepter"):
        properties = resource.properties
        id = properties.get("vpcPeeringConnectionId") or resource.id
        active = id in accepted or properties.get("acceptStatus") == "active"
        known = peerings.get(id)
        peerings[id] = Peering(
            id=id,
            requester=known.requester if known else properties.get("vpcId", ""),
            accepter=known.accepter if known else properties.get("peerVpcId", ""),
            active=active or (known is not None and known.active),
        )
    return tuple(sorted(peerings.values(), key=lambda each: each.id))


def _vpn_gateways(reader: _Reader) -> dict[str, VpnGateway]:
    attached = {
        each.properties["vpnGatewayId"]: each.properties["vpcId"] for each in reader.of("ec2/vpnGatewayAttachment")
    }
    gateways = {}
    for resource in reader.of("ec2/vpnGateway"):
        vpc = attached.get(resource.id) or resource.properties.get("vpcId") or ""
        if vpc:
            asn = int(resource.properties.get("amazonSideAsn") or 64512)
            gateways[resource.id] = VpnGateway(id=resource.id, vpc=vpc, region=resource.region, asn=asn)
    return gateways


def _vpn_connections(reader: _Reader) -> tuple[VpnConnection, ...]:
    connections = []
    for resource in reader.of("ec2/vpnConnection"):
        properties = resource.properties
        customer = reader.by_id.get(properties.get("customerGatewayId", ""))
        if customer is None or not properties.get("vpnGatewayId"):
            reader.not_modelled.append(
                f"{resource.id}: only connections to a VPN gateway and a known customer gateway are wired"
            )
            continue
        asn = customer.properties.get("bgpAsnExtended") or customer.properties.get("bgpAsn") or 65000
        connections.append(
            VpnConnection(
                id=resource.id,
                gateway=properties["vpnGatewayId"],
                peer_asn=int(asn),
                peer=customer.properties.get("ipAddress") or "",
                insides=_blocks([properties.get("tunnel1InsideCidr"), properties.get("tunnel2InsideCidr")]),
            )
        )
    return tuple(connections)


def _certificate_names(reader: _Reader, arn: str) -> tuple[str, ...]:
    for resource in reader.of("acm/certificate"):
        if arn in (resource.id, resource.properties.get("arn")):
            properties = resource.properties
            return tuple(
                dict.fromkeys([properties["domainName"], *sorted(properties.get("subjectAlternativeNames") or ())])
            )
    return ()


def _balancers(reader: _Reader) -> dict[str, LoadBalancer]:
    listeners: dict[str, list[Listener]] = defaultdict(list)
    for resource in reader.of("lb/listener"):
        properties = resource.properties
        actions: list[Mapping[str, Any]] = properties.get("defaultActions") or []
        action = next((each for each in actions if each.get("type") == "forward"), {})
        listeners[properties["loadBalancerArn"]].append(
            Listener(
                port=int(properties["port"]),
                protocol=str(properties.get("protocol", "TCP")).upper(),
                target_group=action.get("targetGroupArn", ""),
                names=_certificate_names(reader, properties.get("certificateArn") or ""),
            )
        )
    balancers = {}
    for resource in reader.of("lb/loadBalancer"):
        properties = resource.properties
        kind = properties.get("loadBalancerType", "application")
        if kind != "network":
            reader.not_modelled.append(
                f"{resource.id}: a load balancer of type {kind} is not wired, only network load balancers are"
            )
            continue
        balancers[resource.id] = LoadBalancer(
            id=resource.id,
            name=properties.get("name", ""),
            region=resource.region,
            across_zones=bool(properties.get("enableCrossZoneLoadBalancing")),
            listeners=tuple(sorted(listeners[properties.get("arn", resource.id)], key=lambda each: each.port)),
        )
    return balancers


def _health_checks(reader: _Reader) -> dict[str, HealthCheck]:
    checks = {}
    for resource in reader.of("lb/targetGroup"):
        declared = resource.properties.get("healthCheck") or {}
        by_http = str(declared.get("protocol", "TCP")).upper() == "HTTP"
        checks[resource.properties.get("arn", resource.id)] = HealthCheck(
            path=declared.get("path") or "/" if by_http else "",
            matcher=str(declared.get("matcher") or HealthCheck.matcher),
            interval_seconds=int(declared.get("interval") or HealthCheck.interval_seconds),
            rise=int(declared.get("healthyThreshold") or HealthCheck.rise),
            fall=int(declared.get("unhealthyThreshold") or HealthCheck.fall),
        )
    return checks


def _targets(reader: _Reader, subnets: Mapping[str, Subnet]) -> dict[str, tuple[Target, ...]]:
    groups = {resource.properties.get("arn", resource.id): resource for resource in reader.of("lb/targetGroup")}
    targets: dict[str, list[Target]] = defaultdict(list)
    for resource in reader.of("lb/targetGroupAttachment"):
        arn = resource.properties["targetGroupArn"]
        target = resource.properties["targetId"]
        port = int(resource.properties.get("port") or groups[arn].properties["port"])
        instance = reader.by_id.get(target)
        address = IPv4Address(instance.properties["privateIp"] if instance else target)
        zone = next((subnet.zone for subnet in subnets.values() if address in subnet.block), "")
        targets[arn].append(Target(address=address, port=port, zone=zone))
    return {arn: tuple(sorted(each, key=lambda target: (target.address, target.port))) for arn, each in targets.items()}


def read(resources: Iterable[Resource]) -> Cloud:
    """The network part of the cloud's state."""
    reader = _Reader(resources)
    vpcs = {
        resource.id: Vpc(
            id=resource.id,
            region=resource.region,
            blocks=_blocks(
                [
                    resource.properties["cidrBlock"],
                    *(
                        each.properties.get("cidrBlock")
                        for each in reader.of("ec2/vpcIpv4CidrBlockAssociation")
                        if each.properties["vpcId"] == resource.id
                    ),
                ]
            ),
            main_route_table=_main_route_table(reader, resource),
        )
        for resource in reader.of("ec2/vpc")
    }
    tables = {
        each.properties["subnetId"]: each.properties["routeTableId"]
        for each in reader.of("ec2/routeTableAssociation")
        if each.properties.get("subnetId")
    }
    acls = _acl_of_subnets(reader)
    subnets = {
        resource.id: Subnet(
            id=resource.id,
            vpc=resource.properties["vpcId"],
            block=IPv4Network(resource.properties["cidrBlock"]),
            zone=resource.properties.get("availabilityZone", ""),
            route_table=tables.get(resource.id) or vpcs[resource.properties["vpcId"]].main_route_table,
            acl=acls[resource.id],
        )
        for resource in reader.of("ec2/subnet")
    }
    public = _public_addresses(reader)
    makers = (_instance_interfaces, _nat_interfaces, _balancer_interfaces, _declared_interfaces)
    interfaces = [interface for make in makers for interface in make(reader, public)]
    return Cloud(
        vpcs=vpcs,
        subnets=subnets,
        route_tables=_route_tables(reader),
        acls=_acls(reader),
        groups=_groups(reader),
        interfaces=tuple(sorted(interfaces, key=lambda each: each.address)),
        instance_names={
            each.id: (each.properties.get("tags") or {}).get("Name", each.id) for each in reader.of("ec2/instance")
        },
        internet_gateways=_internet_gateways(reader),
        peerings=_peerings(reader),
        vpn_gateways=_vpn_gateways(reader),
        vpn_connections=_vpn_connections(reader),
        balancers=_balancers(reader),
        targets=_targets(reader, subnets),
        health_checks=_health_checks(reader),
        not_modelled=tuple(reader.not_modelled),
    )
