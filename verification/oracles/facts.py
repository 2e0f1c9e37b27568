"""What resources say, in the providers' own nouns and nothing derived from them: both checkers read these.

Sources: the Amazon VPC user guide (subnets, route tables, security groups, network ACLs, NAT gateways, peering), the
Network Load Balancer guide, the Site-to-Site VPN guide, and Google Cloud's VPC documentation (routes, firewall rules,
Cloud NAT, VPC Network Peering).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reachability import addresses, services
from reachability.addresses import Interval, Intervals
from reachability.resources import UNKNOWN, Resource
from reachability.subject import Subject
from verification.oracles import netfilter

V4, V6 = addresses.ALL_V4, addresses.ALL_V6
ANY_SERVICE = services.ANY


@dataclass(frozen=True)
class GroupRule:
    """``blocks``, or the private addresses of the members of ``groups``."""

    blocks: Intervals
    groups: tuple[str, ...]
    services: Intervals
    name: str


@dataclass(frozen=True)
class Entry:
    """One numbered entry of a network ACL, or one GCP rule. ``allow`` or not."""

    number: int
    block: Interval
    services: Intervals
    allow: bool
    name: str


@dataclass
class Group:
    id: str
    vpc: str
    region: str
    ingress: list[GroupRule] = field(default_factory=list)
    egress: list[GroupRule] = field(default_factory=list)


@dataclass(frozen=True)
class TableRoute:
    """``kind``: local, igw, eigw, nat, peering, vgw, nic, tgw, other. ``static`` beats propagated at equal length."""

    block: Interval
    kind: str
    target: str
    static: bool = True
    name: str = ""


@dataclass
class Vpc:
    id: str
    region: str
    blocks: list[Interval]
    main: str
    acl: str
    group: str


@dataclass
class Subnet:
    id: str
    vpc: str
    zone: str
    blocks: list[Interval]
    auto_public: bool
    table: str = ""
    acl: str = ""


@dataclass
class Nic:
    """``holder``: machine, nat or balancer, with its name. ``floating``: its IPv4 address is some free one of the
    subnet. ``internal``: of a balancer that takes nothing through an internet gateway.
    """

    id: str
    vpc: str
    subnet: str
    addresses: tuple[int, ...]
    groups: tuple[str, ...]
    check: bool
    holder: str
    name: str
    device: str = ""
    public: dict[int, int] = field(default_factory=dict)
    floating: bool = False
    internal: bool = False
    tags: frozenset[str] = frozenset()
    account: str = ""
    cloud: str = "aws"


@dataclass(frozen=True)
class Target:
    nic: str
    address: int
    port: int | None


@dataclass(frozen=True)
class Listener:
    protocol: str
    port: int
    targets: tuple[Target, ...]
    keeps_client: bool
    origin: str = ""


@dataclass
class Balancer:
    id: str
    groups: tuple[str, ...]
    cross_zone: bool
    nodes: list[str] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)


@dataclass
class Vpn:
    """``tunnels``: keys. ``static``: the connection's own routes, None where BGP announces them."""

    id: str
    gateway: str
    tunnels: tuple[str, ...]
    static: tuple[Interval, ...] | None


@dataclass
class Host:
    """A machine: ``devices`` in order, the first is the default way out of a cloud instance."""

    name: str
    nics: list[str] = field(default_factory=list)
    forwards: bool = False
    pools: dict[str, Intervals] = field(default_factory=dict)
    rules: netfilter.Ruleset | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    urn: str = ""


@dataclass(frozen=True)
class GcpRule:
    """A VPC firewall rule. ``tags``/``accounts``: of the instances it is for; empty: all of the network."""

    network: str
    egress: bool
    priority: int
    allow: bool
    services: Intervals
    peers: Intervals
    own: Intervals | None
    peer_tags: frozenset[str]
    peer_accounts: frozenset[str]
    tags: frozenset[str]
    accounts: frozenset[str]
    name: str


@dataclass(frozen=True)
class GcpRoute:
    """``kind``: subnet, peer, internet, nic, tunnel. ``tags``: of the instances it is for."""

    block: Interval
    priority: int
    kind: str
    target: str
    tags: frozenset[str]
    name: str


@dataclass
class GcpNat:
    network: str
    region: str
    subnets: frozenset[str] | None
    addresses: tuple[int, ...]
    name: str


def texts(value: Any) -> list[str]:
    """A list of texts, from a list, one text or nothing."""
    if value is None or value is UNKNOWN:
        return []
    return [value] if isinstance(value, str) else [each for each in value if isinstance(each, str)]


def records(value: Any) -> list[Mapping[str, Any]]:
    return [] if value is None or value is UNKNOWN else [each for each in value if isinstance(each, Mapping)]


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def known(value: Any) -> Any:
    return None if value is UNKNOWN else value


def number(value: Any, default: int) -> int:
    return default if value is None or value is UNKNOWN or value == "" else int(float(value))


def span(protocol: Any, low: Any, high: Any, *, icmp_type: Any = None, icmp_code: Any = None) -> Intervals:
    """The services of an AWS rule: protocol ``-1`` means all; ICMP takes type and code in place of ports."""
    name = str(protocol).lower()
    if name in ("-1", "all"):
        return ANY_SERVICE
    code = services.protocol(name)
    if code in (services.ICMP, services.ICMPV6):
        kind = number(low if icmp_type is None else icmp_type, -1)
        sub = number(high if icmp_code is None else icmp_code, -1)
        return (services.icmp(code, None if kind < 0 else kind, None if sub < 0 else sub),)
    if code not in (services.TCP, services.UDP):
        return (services.of(code),)
    first, last = number(low, 0), number(high, 65535)
    return (services.of(code, 0, 65535) if first < 0 else services.of(code, first, last),)


class Facts:
    """Everything the checkers know of a subject. Read once, never changed."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.by_type: dict[str, list[Resource]] = {}
        for resource in subject.resources:
            self.by_type.setdefault(resource.type, []).append(resource)
        self.hosts: dict[str, Host] = {}
        self.nics: dict[str, Nic] = {}
        self.vpcs: dict[str, Vpc] = {}
        self.subnets: dict[str, Subnet] = {}
        self.groups: dict[str, Group] = {}
        self.tables: dict[str, list[TableRoute]] = {}
        self.acls: dict[str, tuple[list[Entry], list[Entry]]] = {}
        self.internet_gateways: dict[str, str] = {}
        self.egress_only: dict[str, str] = {}
        self.peerings: dict[str, tuple[str, str, bool]] = {}
        self.vpn_gateways: dict[str, str] = {}
        self.vpns: list[Vpn] = []
        self.balancers: dict[str, Balancer] = {}
        self.prefix_lists: dict[str, Intervals] = {}
        self.gcp_rules: list[GcpRule] = []
        self.gcp_routes: dict[str, list[GcpRoute]] = {}
        self.gcp_subnets: dict[str, tuple[str, str, Interval]] = {}
        self.gcp_nats: list[GcpNat] = []
        self._instances()
        self._aws()
        self._gcp()
        self._sites()
        self.holders: dict[tuple[str, int], str] = {
            (nic.vpc, each): nic.id for nic in self.nics.values() for each in nic.addresses
        }
        self.public: dict[int, tuple[str, int]] = {
            public: (nic.id, private) for nic in self.nics.values() for private, public in nic.public.items()
        }
        self.members: dict[str, Intervals] = {
            group: addresses.union([(a, a) for n in self.nics.values() if group in n.groups for a in n.addresses])
            for group in self.groups
        }

    def of(self, *types: str) -> Iterable[Resource]:
        for type_ in types:
            yield from self.by_type.get(type_, ())

    def rules_of(self, name: str) -> netfilter.Ruleset | None:
        found = self.subject.rulesets.get(name)
        return None if found is None else netfilter.read(found)

    def own_public(self) -> Intervals:
        """Every public address that the estate holds: no outsider sends from them."""
        found = [(public, public) for public in self.public]
        found += [b for v in self.vpcs.values() for b in v.blocks if b[0] >= addresses.V6]
        found += [(a, a) for nat in self.gcp_nats for a in nat.addresses]
        found += [s.public for site in self.subject.sites for s in site.segments if s.uplink and s.public]
        for each in self.of("aws:ec2/eip:Eip", "gcp:compute/address:Address"):
            value = text(each.properties.get("publicIp") or each.properties.get("address"))
            found += [addresses.block(value)] if value else []
        return addresses.union(found)

    def _instances(self) -> None:
        for each in self.of("aws:ec2/instance:Instance", "gcp:compute/instance:Instance"):
            guest = self.subject.guests.get(each.urn)
            name = guest.name if guest else each.urn
            host = Host(name, rules=self.rules_of(name), urn=each.urn)
            host.labels = guest.labels if guest else {}
            host.pools = dict(guest.pools) if guest else {}
            self.hosts[name] = host

    def name_of(self, urn: str) -> str:
        guest = self.subject.guests.get(urn)
        return guest.name if guest else urn

    def _aws(self) -> None:
        for each in self.of("aws:ec2/managedPrefixList:ManagedPrefixList"):
            blocks = [addresses.block(entry["cidr"]) for entry in records(each.properties.get("entries"))]
            self.prefix_lists[each.id] = addresses.union(blocks)
        for each in self.of("aws:ec2/vpc:Vpc"):
            p = each.properties
            blocks = [addresses.block(b) for b in (text(p.get("cidrBlock")), text(p.get("ipv6CidrBlock"))) if b]
            self.vpcs[each.id] = Vpc(
                each.id,
                text(p.get("region")),
                blocks,
                text(p.get("mainRouteTableId")) or text(p.get("defaultRouteTableId")) or f"main {each.id}",
                text(p.get("defaultNetworkAclId")) or f"acl {each.id}",
                text(p.get("defaultSecurityGroupId")) or f"sg {each.id}",
            )
        for each in self.of("aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation"):
            self.vpcs[each.properties["vpcId"]].blocks.append(addresses.block(each.properties["cidrBlock"]))
        self._subnets()
        self._groups()
        self._acls()
        self._gateways()
        self._tables()
        self._instance_nics()
        self._nat_gateways()
        self._addresses()
        self._balancers()

    def _subnets(self) -> None:
        for each in self.of("aws:ec2/subnet:Subnet"):
            p = each.properties
            blocks = [addresses.block(b) for b in (text(p.get("cidrBlock")), text(p.get("ipv6CidrBlock"))) if b]
            self.subnets[each.id] = Subnet(
                each.id, p["vpcId"], text(p.get("availabilityZone")), blocks, bool(known(p.get("mapPublicIpOnLaunch")))
            )

    def _groups(self) -> None:
        for vpc in self.vpcs.values():
            everyone = (V4, V6)
            group = Group(vpc.group, vpc.id, vpc.region)
            group.ingress.append(GroupRule((), (vpc.group,), ANY_SERVICE, "default group: itself"))
            group.egress.append(GroupRule(everyone, (), ANY_SERVICE, "default group: everywhere"))
            self.groups[vpc.group] = group
        for each in self.of("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"):
            vpc = self.vpcs[each.properties["vpcId"]]
            group = self.groups[vpc.group] = Group(vpc.group, vpc.id, vpc.region)
            if isinstance(each.id, str):
                self.groups[each.id] = group
                vpc.group = group.id = each.id
            self._inline(group, each)
        for each in self.of("aws:ec2/securityGroup:SecurityGroup"):
            p = each.properties
            group = self.groups[each.id] = Group(each.id, text(p.get("vpcId")), text(p.get("region")))
            self._inline(group, each)
        for each in self.of(
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        ):
            p = each.properties
            blocks = [addresses.block(b) for b in (text(p.get("cidrIpv4")), text(p.get("cidrIpv6"))) if b]
            blocks += self.prefix_lists.get(text(p.get("prefixListId")), ())
            reference = text(p.get("referencedSecurityGroupId"))
            rule = GroupRule(
                addresses.union(blocks),
                (reference,) if reference else (),
                span(p["ipProtocol"], p.get("fromPort"), p.get("toPort")),
                each.name,
            )
            group = self.groups[p["securityGroupId"]]
            (group.ingress if "Ingress" in each.type else group.egress).append(rule)
        for each in self.of("aws:ec2/securityGroupRule:SecurityGroupRule"):
            p = each.properties
            group = self.groups[p["securityGroupId"]]
            source = text(p.get("sourceSecurityGroupId"))
            rule = self._rule(p, group.id, [source] if source else [], each.name)
            (group.ingress if p["type"] == "ingress" else group.egress).append(rule)

    def _inline(self, group: Group, each: Resource) -> None:
        for side in ("ingress", "egress"):
            for p in records(each.properties.get(side)):
                rule = self._rule(p, group.id, texts(p.get("securityGroups")), f"{each.name} {side}")
                (group.ingress if side == "ingress" else group.egress).append(rule)

    def _rule(self, p: Mapping[str, Any], own: str, references: list[str], name: str) -> GroupRule:
        blocks = [addresses.block(b) for b in texts(p.get("cidrBlocks")) + texts(p.get("ipv6CidrBlocks"))]
        for prefix_list in texts(p.get("prefixListIds")):
            blocks += self.prefix_lists.get(prefix_list, ())
        groups = references + ([own] if known(p.get("self")) else [])
        return GroupRule(
            addresses.union(blocks), tuple(groups), span(p["protocol"], p.get("fromPort"), p.get("toPort")), name
        )

    def _acls(self) -> None:
        for vpc in self.vpcs.values():
            everything = [Entry(100, block, ANY_SERVICE, True, "default") for block in (V4, V6)]
            self.acls[vpc.acl] = (list(everything), list(everything))
        chosen: dict[str, str] = {}
        for each in self.of("aws:ec2/defaultNetworkAcl:DefaultNetworkAcl", "aws:ec2/networkAcl:NetworkAcl"):
            p = each.properties
            id_ = text(p.get("defaultNetworkAclId")) or each.id
            self.acls[id_] = tuple(
                [self._entry(e, each.name) for e in records(p.get(s))] for s in ("ingress", "egress")
            )
            for subnet in texts(p.get("subnetIds")):
                chosen[subnet] = id_
        for each in self.of("aws:ec2/networkAclRule:NetworkAclRule"):
            p = each.properties
            entry = self._entry({**p, "ruleNo": p["ruleNumber"], "action": p["ruleAction"]}, each.name)
            self.acls[p["networkAclId"]][1 if known(p.get("egress")) else 0].append(entry)
        for each in self.of("aws:ec2/networkAclAssociation:NetworkAclAssociation"):
            chosen[each.properties["subnetId"]] = each.properties["networkAclId"]
        for subnet in self.subnets.values():
            subnet.acl = chosen.get(subnet.id) or self.vpcs[subnet.vpc].acl
        for sides in self.acls.values():
            for side in sides:
                side.sort(key=lambda entry: entry.number)

    def _entry(self, p: Mapping[str, Any], name: str) -> Entry:
        return Entry(
            number(p["ruleNo"], 0),
            addresses.block(text(p.get("cidrBlock")) or text(p.get("ipv6CidrBlock"))),
            span(
                p["protocol"],
                p.get("fromPort"),
                p.get("toPort"),
                icmp_type=p.get("icmpType", -1),
                icmp_code=p.get("icmpCode", -1),
            ),
            p["action"] == "allow",
            f"{name} {number(p['ruleNo'], 0)}",
        )

    def _gateways(self) -> None:
        for each in self.of("aws:ec2/internetGateway:InternetGateway"):
            self.internet_gateways[each.id] = text(each.properties.get("vpcId"))
        for each in self.of("aws:ec2/internetGatewayAttachment:InternetGatewayAttachment"):
            self.internet_gateways[each.properties["internetGatewayId"]] = each.properties["vpcId"]
        for each in self.of("aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway"):
            self.egress_only[each.id] = each.properties["vpcId"]
        accepted = {
            each.properties["vpcPeeringConnectionId"]
            for each in self.of("aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter")
            if known(each.properties.get("autoAccept"))
        }
        for each in self.of("aws:ec2/vpcPeeringConnection:VpcPeeringConnection"):
            p = each.properties
            status = text(p.get("acceptStatus"))
            active = status == "active" if status else bool(known(p.get("autoAccept"))) or each.id in accepted
            if each.id in accepted and status in ("", "pending-acceptance"):
                active = True
            self.peerings[each.id] = (p["vpcId"], p["peerVpcId"], active)
        for each in self.of("aws:ec2/vpnGateway:VpnGateway"):
            self.vpn_gateways[each.id] = text(each.properties.get("vpcId"))
        for each in self.of("aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment"):
            self.vpn_gateways[each.properties["vpnGatewayId"]] = each.properties["vpcId"]
        static: dict[str, list[Interval]] = {}
        for each in self.of("aws:ec2/vpnConnectionRoute:VpnConnectionRoute"):
            block = addresses.block(each.properties["destinationCidrBlock"])
            static.setdefault(each.properties["vpnConnectionId"], []).append(block)
        edges = {
            each.id: text(each.properties.get("ipAddress"))
            for each in self.of("aws:ec2/customerGateway:CustomerGateway")
        }
        for each in self.of("aws:ec2/vpnConnection:VpnConnection"):
            p = each.properties
            edge = edges.get(text(p.get("customerGatewayId")), "")
            to = f" to {edge}" if edge else ""
            keys = tuple(f"tunnel {p[k]}{to}" for k in ("tunnel1InsideCidr", "tunnel2InsideCidr") if text(p.get(k)))
            routes = tuple(static.get(each.id, ())) if known(p.get("staticRoutesOnly")) else None
            self.vpns.append(Vpn(each.id, text(p.get("vpnGatewayId")), keys, routes))

    def announced(self, tunnel: str) -> Intervals:
        """The routes that the other end of a tunnel announces to the cloud by BGP."""
        found = [
            site.announces
            for site in self.subject.sites
            for server in site.servers
            for end in server.tunnels
            if end.key == tunnel
        ]
        return addresses.union(*found)

    def beyond(self, vpn: Vpn, tunnel: str) -> Intervals:
        """Where a gateway sends through a tunnel."""
        return addresses.union(vpn.static) if vpn.static is not None else self.announced(tunnel)

    def _tables(self) -> None:
        for vpc in self.vpcs.values():
            self.tables[vpc.main] = []
        owner = {vpc.main: vpc.id for vpc in self.vpcs.values()}
        for each in self.of("aws:ec2/routeTable:RouteTable", "aws:ec2/defaultRouteTable:DefaultRouteTable"):
            p = each.properties
            id_ = text(p.get("defaultRouteTableId")) or each.id
            owner[id_] = text(p.get("vpcId")) or owner.get(id_, "")
            self.tables[id_] = [self._route(r, each.name) for r in records(p.get("routes"))]
        for each in self.of("aws:ec2/route:Route"):
            p = each.properties
            self.tables[p["routeTableId"]].append(self._route(p, each.name))
        for each in self.of("aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation"):
            self.vpcs[each.properties["vpcId"]].main = each.properties["routeTableId"]
        chosen = {
            each.properties["subnetId"]: each.properties["routeTableId"]
            for each in self.of("aws:ec2/routeTableAssociation:RouteTableAssociation")
            if text(each.properties.get("subnetId"))
        }
        spreads: dict[str, list[str]] = {}
        for each in self.of("aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"):
            spreads.setdefault(each.properties["routeTableId"], []).append(each.properties["vpnGatewayId"])
        for each in self.of("aws:ec2/routeTable:RouteTable", "aws:ec2/defaultRouteTable:DefaultRouteTable"):
            id_ = text(each.properties.get("defaultRouteTableId")) or each.id
            spreads.setdefault(id_, []).extend(texts(each.properties.get("propagatingVgws")))
        for table, gateways in spreads.items():
            for gateway in dict.fromkeys(gateways):
                if self.vpn_gateways.get(gateway) != owner.get(table):
                    continue
                for vpn in self.vpns:
                    if vpn.gateway == gateway:
                        for tunnel in vpn.tunnels:
                            for low, high in self.beyond(vpn, tunnel):
                                for block in addresses.texts(((low, high),)):
                                    route = TableRoute(
                                        addresses.block(block), "vgw", gateway, False, f"propagated {block}"
                                    )
                                    self.tables[table].append(route)
        for table, vpc in owner.items():
            if vpc in self.vpcs:
                for block in self.vpcs[vpc].blocks:
                    self.tables[table].append(TableRoute(block, "local", vpc, True, "local"))
        for subnet in self.subnets.values():
            subnet.table = chosen.get(subnet.id) or self.vpcs[subnet.vpc].main

    def _route(self, p: Mapping[str, Any], name: str) -> TableRoute:
        where = next(
            text(p.get(key))
            for key in ("destinationCidrBlock", "cidrBlock", "destinationIpv6CidrBlock", "ipv6CidrBlock")
            if text(p.get(key))
        )
        kinds = {
            "natGatewayId": "nat",
            "vpcPeeringConnectionId": "peering",
            "networkInterfaceId": "nic",
            "egressOnlyGatewayId": "eigw",
            "transitGatewayId": "tgw",
        }
        kind, target = "other", ""
        for key, value in kinds.items():
            if text(p.get(key)):
                kind, target = value, text(p.get(key))
        gateway = text(p.get("gatewayId"))
        if gateway:
            kind, target = ("vgw" if gateway in self.vpn_gateways else "igw"), gateway
            if gateway == "local":
                kind = "local"
        return TableRoute(addresses.block(where), kind, target, True, f"{name} {where}")

    def _instance_nics(self) -> None:
        standalone = {each.id: each for each in self.of("aws:ec2/networkInterface:NetworkInterface")}
        attached: dict[str, dict[int, str]] = {}
        for each in standalone.values():
            for attachment in records(each.properties.get("attachments")):
                attached.setdefault(attachment["instance"], {})[number(attachment.get("deviceIndex"), 1)] = each.id
        for each in self.of("aws:ec2/networkInterfaceAttachment:NetworkInterfaceAttachment"):
            p = each.properties
            attached.setdefault(p["instanceId"], {})[number(p.get("deviceIndex"), 1)] = p["networkInterfaceId"]
        self.by_instance: dict[str, str] = {}
        for each in self.of("aws:ec2/instance:Instance"):
            p = each.properties
            host = self.hosts[self.name_of(each.urn)]
            guest = self.subject.guests.get(each.urn)
            slots = dict(attached.get(each.id, {}))
            for inline in records(p.get("networkInterfaces")):
                slots[number(inline.get("deviceIndex"), 0)] = inline["networkInterfaceId"]
            if 0 not in slots:
                subnet = self.subnets[p["subnetId"]]
                own = [addresses.address(a) for a in [text(p.get("privateIp"))] if a]
                own += [addresses.address(a) for a in texts(p.get("secondaryPrivateIps"))]
                own += [addresses.address(a) for a in texts(p.get("ipv6Addresses"))]
                groups = texts(p.get("vpcSecurityGroupIds")) or [self.vpcs[subnet.vpc].group]
                check = known(p.get("sourceDestCheck"))
                nic = Nic(
                    text(p.get("primaryNetworkInterfaceId")) or f"eni of {each.id}",
                    subnet.vpc,
                    subnet.id,
                    tuple(own),
                    tuple(groups),
                    check is not False,
                    "machine",
                    host.name,
                    "ens5",
                )
                public = text(p.get("publicIp"))
                asked = known(p.get("associatePublicIpAddress"))
                if public and (subnet.auto_public if asked is None else asked):
                    nic.public[own[0]] = addresses.address(public)
                self._add(host, nic)
                self.by_instance[each.id] = nic.id
            for index in sorted(slots):
                found = standalone.get(slots[index])
                if found is None:
                    continue
                q = found.properties
                subnet = self.subnets[q["subnetId"]]
                own = [addresses.address(a) for a in texts(q.get("privateIps")) + texts(q.get("ipv6Addresses"))]
                check = known(q.get("sourceDestCheck"))
                nic = Nic(
                    found.id,
                    subnet.vpc,
                    subnet.id,
                    tuple(own),
                    tuple(texts(q.get("securityGroups")) or [self.vpcs[subnet.vpc].group]),
                    check is not False,
                    "machine",
                    host.name,
                    f"ens{5 + index}",
                )
                self._add(host, nic)
                self.by_instance.setdefault(each.id, nic.id)
            routes = not all(self.nics[n].check for n in host.nics)
            host.forwards = routes if guest is None or guest.forwards is None else guest.forwards

    def own_routes(self, name: str) -> tuple[list[tuple[Interval, str]], list[tuple[int, Interval, str]]]:
        """(destinations, device), and what comes before it: (own source, destinations, device).

        Those of a server are declared. An instance with several interfaces has its subnets at the first interface in
        each, and all else at its first; what an address of another interface sends leaves there
        (docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-net-utils.html).
        """
        if name in self.servers:
            server = self.servers[name]
            return list(server.routes), list(server.source_routes)
        nics = [self.nics[each] for each in self.hosts[name].nics]
        families = (addresses.ALL_V4, addresses.ALL_V6)
        routes = [(family, nics[0].device) for family in families] if nics else []
        policy: list[tuple[int, Interval, str]] = []
        if nics and nics[0].cloud == "aws":
            for nic in nics if len(nics) > 1 else ():
                known_so = {block for block, _ in routes}
                routes += [(block, nic.device) for block in self.subnets[nic.subnet].blocks if block not in known_so]
            for nic in nics[1:]:
                policy += [(each, families[each >= addresses.V6], nic.device) for each in nic.addresses]
        return routes, policy

    def _add(self, host: Host, nic: Nic) -> None:
        self.nics[nic.id] = nic
        host.nics.append(nic.id)

    def _nat_gateways(self) -> None:
        eips = {each.id: text(each.properties.get("publicIp")) for each in self.of("aws:ec2/eip:Eip")}
        for each in self.of("aws:ec2/natGateway:NatGateway"):
            p = each.properties
            subnet = self.subnets[p["subnetId"]]
            private = text(p.get("privateIp"))
            nic = Nic(
                f"eni of {each.id}", subnet.vpc, subnet.id, (addresses.address(private),), (), False, "nat", each.id
            )
            public = eips.get(text(p.get("allocationId")), "")
            if public:
                nic.public[nic.addresses[0]] = addresses.address(public)
            self.nics[nic.id] = nic

    def _addresses(self) -> None:
        """Elastic addresses: at an instance, at an interface, or by an association of their own."""
        for each in self.of("aws:ec2/eip:Eip"):
            self._associate(each.properties, text(each.properties.get("publicIp")), "instance", "networkInterface")
        eips = {each.id: text(each.properties.get("publicIp")) for each in self.of("aws:ec2/eip:Eip")}
        for each in self.of("aws:ec2/eipAssociation:EipAssociation"):
            public = text(each.properties.get("publicIp")) or eips.get(text(each.properties.get("allocationId")), "")
            self._associate(each.properties, public, "instanceId", "networkInterfaceId")

    def _associate(self, p: Mapping[str, Any], public: str, instance: str, nic: str) -> None:
        found = self.nics.get(text(p.get(nic))) or self.nics.get(self.by_instance.get(text(p.get(instance)), ""))
        if found is None or not public:
            return
        private = text(p.get("privateIpAddress")) or text(p.get("associateWithPrivateIp"))
        point = addresses.address(private) if private else found.addresses[0]
        found.public[point] = addresses.address(public)

    def _balancers(self) -> None:
        eips = {each.id: text(each.properties.get("publicIp")) for each in self.of("aws:ec2/eip:Eip")}
        groups = {}
        for each in self.of("aws:lb/targetGroup:TargetGroup"):
            groups[each.id] = groups[text(each.properties.get("arn")) or each.id] = each
        attached: dict[int, list[Mapping[str, Any]]] = {}
        for each in self.of("aws:lb/targetGroupAttachment:TargetGroupAttachment"):
            group = groups[each.properties["targetGroupArn"]]
            attached.setdefault(id(group), []).append(each.properties)
        arns = {}
        for each in self.of("aws:lb/loadBalancer:LoadBalancer"):
            p = each.properties
            if text(p.get("loadBalancerType")) != "network":
                continue
            cross = bool(known(p.get("enableCrossZoneLoadBalancing")))
            balancer = Balancer(each.urn, tuple(texts(p.get("securityGroups"))), cross)
            arns[each.id] = arns[text(p.get("arn")) or each.id] = balancer
            self.balancers[each.urn] = balancer
            mappings = records(p.get("subnetMappings")) or [{"subnetId": s} for s in texts(p.get("subnets"))]
            for mapping in mappings:
                subnet = self.subnets[mapping["subnetId"]]
                private = text(mapping.get("privateIpv4Address"))
                six = text(mapping.get("ipv6Address")) if text(p.get("ipAddressType")).startswith("dual") else ""
                nic = Nic(
                    f"{each.urn} in {subnet.id}",
                    subnet.vpc,
                    subnet.id,
                    tuple(addresses.address(own) for own in (private, six) if own),
                    balancer.groups,
                    False,
                    "balancer",
                    each.urn,
                )
                nic.floating, nic.internal = not private, known(p.get("internal")) is True
                public = eips.get(text(mapping.get("allocationId")), "")
                if public:
                    nic.public[nic.addresses[0] if private else -1] = addresses.address(public)
                elif known(p.get("internal")) is not True:
                    nic.public[nic.addresses[0] if private else -1] = -1
                self.nics[nic.id] = nic
                balancer.nodes.append(nic.id)
        for each in self.of("aws:lb/listener:Listener"):
            p = each.properties
            balancer = arns.get(text(p.get("loadBalancerArn")))
            if balancer is None:
                continue
            for action in records(p.get("defaultActions")):
                group = groups.get(text(action.get("targetGroupArn")))
                if group is None:
                    continue
                balancer.listeners.append(self._listener(p, group, attached.get(id(group), []), each.urn))

    def _listener(self, p: Mapping[str, Any], group: Resource, attached: list[Mapping[str, Any]], urn: str) -> Listener:
        q = group.properties
        kind = text(q.get("targetType")) or "instance"
        v6 = text(q.get("ipAddressType")) == "ipv6"
        protocol = text(q.get("protocol")).upper()
        keep = str(known(q.get("preserveClientIp"))).lower()
        keeps = keep == "true" if keep in ("true", "false") else kind == "instance" or "UDP" in protocol
        if "UDP" in protocol:
            keeps = True
        targets = []
        for each in attached:
            port = number(each.get("port"), number(q.get("port"), 0)) or None
            if kind == "instance":
                nic = self.nics.get(self.by_instance.get(each["targetId"], ""))
                own = [a for a in nic.addresses if (a >= addresses.V6) is v6] if nic is not None else []
                if nic is not None and own:
                    targets.append(Target(nic.id, own[0], port))
            else:
                point = addresses.address(each["targetId"])
                holder = [n.id for n in self.nics.values() if n.vpc == text(q.get("vpcId")) and point in n.addresses]
                if holder:
                    targets.append(Target(holder[0], point, port))
        return Listener(text(p.get("protocol")).upper(), number(p.get("port"), 0), tuple(targets), keeps, urn)

    def _gcp(self) -> None:
        networks: dict[str, Resource] = {}
        for each in self.of("gcp:compute/network:Network"):
            for alias in (each.id, each.properties.get("selfLink"), each.properties.get("name"), each.name):
                if isinstance(alias, str):
                    networks[alias] = each
        if not networks:
            return
        self.gcp_networks = networks
        subnets: dict[str, str] = {}
        for each in self.of("gcp:compute/subnetwork:Subnetwork"):
            p = each.properties
            for alias in (each.id, p.get("selfLink"), p.get("name"), each.name):
                if isinstance(alias, str):
                    subnets[alias] = each.id
            network = networks[p["network"]].id
            self.gcp_subnets[each.id] = (network, text(p.get("region")), addresses.block(p["ipCidrRange"]))
        machines: dict[str, str] = {}
        for each in self.of("gcp:compute/instance:Instance"):
            p = each.properties
            host = self.hosts[self.name_of(each.urn)]
            for index, inline in enumerate(records(p.get("networkInterfaces"))):
                subnet = subnets[inline["subnetwork"]]
                private = addresses.address(inline["networkIp"])
                service = next((text(a.get("email")) for a in records([p.get("serviceAccount")])), "")
                nic = Nic(
                    f"{each.urn} nic{index}",
                    self.gcp_subnets[subnet][0],
                    subnet,
                    (private,),
                    (),
                    known(p.get("canIpForward")) is not True,
                    "machine",
                    host.name,
                    f"ens{4 + index}",
                    tags=frozenset(texts(p.get("tags"))),
                    account=service,
                    cloud="gcp",
                )
                for access in records(inline.get("accessConfigs")):
                    if text(access.get("natIp")):
                        nic.public[private] = addresses.address(text(access.get("natIp")))
                self._add(host, nic)
                if index == 0:
                    for alias in (each.id, p.get("selfLink"), p.get("name"), each.name):
                        if isinstance(alias, str):
                            machines[alias] = nic.id
            guest = self.subject.guests.get(each.urn)
            routes = known(p.get("canIpForward")) is True
            host.forwards = routes if guest is None or guest.forwards is None else guest.forwards
        self._gcp_firewalls()
        self._gcp_ways(networks, subnets, machines)

    def _gcp_firewalls(self) -> None:
        for each in self.of("gcp:compute/firewall:Firewall"):
            p = each.properties
            if known(p.get("disabled")):
                continue
            egress = text(p.get("direction")).upper() == "EGRESS"
            sources = [addresses.block(b) for b in texts(p.get("sourceRanges"))]
            targets = [addresses.block(b) for b in texts(p.get("destinationRanges"))]
            tags, accounts = frozenset(texts(p.get("sourceTags"))), frozenset(texts(p.get("sourceServiceAccounts")))
            if egress:
                peers, own = addresses.union(targets or [V4]), addresses.union(sources) if sources else None
            else:
                peers = addresses.union(sources if sources or tags or accounts else [V4])
                own = addresses.union(targets) if targets else None
            for allow, side in ((True, "allows"), (False, "denies")):
                for item in records(p.get(side)):
                    spans: list[Interval] = []
                    name = str(item["protocol"]).lower()
                    if name == "all":
                        spans = list(ANY_SERVICE)
                    else:
                        code = services.protocol(name)
                        for port in texts(item.get("ports")) or ["0-65535"]:
                            low, dash, high = port.partition("-")
                            spans.append(services.of(code, int(low), int(high if dash else low)))
                    self.gcp_rules.append(
                        GcpRule(
                            self.gcp_networks[p["network"]].id,
                            egress,
                            number(p.get("priority"), 1000),
                            allow,
                            addresses.union(spans),
                            peers,
                            own,
                            tags,
                            accounts,
                            frozenset(texts(p.get("targetTags"))),
                            frozenset(texts(p.get("targetServiceAccounts"))),
                            each.name,
                        )
                    )
        self.gcp_rules.sort(key=lambda rule: (rule.priority, rule.allow))

    def _gcp_ways(self, networks: dict[str, Resource], subnets: dict[str, str], machines: dict[str, str]) -> None:
        pairs = {
            (networks[each.properties["network"]].id, networks[each.properties["peerNetwork"]].id)
            for each in self.of("gcp:compute/networkPeering:NetworkPeering")
            if each.properties["peerNetwork"] in networks
        }
        nobody: frozenset[str] = frozenset()
        for network in {each.id: each for each in networks.values()}.values():
            routes = self.gcp_routes[network.id] = []
            for owner, _region, block in self.gcp_subnets.values():
                if owner == network.id:
                    routes.append(GcpRoute(block, 0, "subnet", owner, nobody, "subnet route"))
                elif (network.id, owner) in pairs and (owner, network.id) in pairs:
                    routes.append(GcpRoute(block, 0, "subnet", owner, nobody, "peering subnet route"))
            if not known(network.properties.get("deleteDefaultRoutesOnCreate")):
                routes.append(GcpRoute(V4, 1000, "internet", "", nobody, "default route"))
        for each in self.of("gcp:compute/route:Route"):
            p = each.properties
            owner = networks[p["network"]].id
            kind, target = "other", ""
            if text(p.get("nextHopGateway")):
                kind = "internet"
            elif text(p.get("nextHopInstance")):
                kind, target = "nic", machines.get(text(p.get("nextHopInstance")), "")
            elif text(p.get("nextHopIp")):
                point = addresses.address(text(p.get("nextHopIp")))
                held = [n.id for n in self.nics.values() if n.vpc == owner and point in n.addresses]
                kind, target = "nic", held[0] if held else ""
            self.gcp_routes[owner].append(
                GcpRoute(
                    addresses.block(p["destRange"]),
                    number(p.get("priority"), 1000),
                    kind,
                    target,
                    frozenset(texts(p.get("tags"))),
                    each.name,
                )
            )
        routers = {}
        for each in self.of("gcp:compute/router:Router"):
            for alias in (each.id, each.properties.get("name"), each.name, each.properties.get("selfLink")):
                if isinstance(alias, str):
                    routers[alias] = each
        held = {}
        for each in self.of("gcp:compute/address:Address"):
            for alias in (each.id, each.properties.get("selfLink"), each.properties.get("name")):
                if isinstance(alias, str):
                    held[alias] = text(each.properties.get("address"))
        for each in self.of("gcp:compute/routerNat:RouterNat"):
            p = each.properties
            router = routers[p["router"]]
            listed = None
            if text(p.get("sourceSubnetworkIpRangesToNat")) == "LIST_OF_SUBNETWORKS":
                listed = frozenset(subnets[s["name"]] for s in records(p.get("subnetworks")))
            points = tuple(addresses.address(held[n]) for n in texts(p.get("natIps")) if held.get(n))
            region = text(p.get("region")) or text(router.properties.get("region"))
            self.gcp_nats.append(GcpNat(networks[router.properties["network"]].id, region, listed, points, each.urn))

    def _sites(self) -> None:
        self.servers = {}
        self.segments = {}
        self.site_of: dict[str, str] = {}
        self.tunnel_ends: dict[str, list[tuple[str, str]]] = {}
        for site in self.subject.sites:
            for segment in site.segments:
                self.segments[site.name, segment.name] = segment
            for server in site.servers:
                self.servers[server.name] = server
                self.site_of[server.name] = site.name
                host = Host(
                    server.name, forwards=server.forwards, rules=self.rules_of(server.name), labels=server.labels
                )
                self.hosts[server.name] = host
                for end in server.tunnels:
                    self.tunnel_ends.setdefault(end.key, []).append((server.name, end.device))

    def vpc_services(self, vpc: str) -> Intervals:
        """Amazon's own services inside a network: DNS, metadata, time, licences. No group and no ACL filters them."""
        points = [low + 2 for low, _ in self.vpcs[vpc].blocks if low < addresses.V6]
        points += [addresses.address(f"169.254.169.{last}") for last in (123, 250, 251, 253, 254)]
        return addresses.union([(point, point) for point in points])

    def own_addresses(self, host: str) -> tuple[int, ...]:
        """The addresses that a machine has itself (not those translated to it)."""
        if host in self.servers:
            server = self.servers[host]
            return tuple(a for leg in server.legs for a in leg.addresses) + tuple(t.address for t in server.tunnels)
        return tuple(a for nic in self.hosts[host].nics for a in self.nics[nic].addresses)
