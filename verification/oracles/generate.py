"""Small estates from a seed, in the property shapes of pulumi-aws and pulumi-gcp, with what goes wrong in real ones.

Addresses: 10.N.0.0/16 and 2001:db8:N00::/56 a VPC, 10.20N.0.0/16 a Google network, 10.1N0.0.0/16 a datacentre,
public ones from 198.51.100.0/24 and 203.0.113.0/24. About half of
the questions about an estate have a packet for an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from reachability import addresses
from reachability.addresses import block
from reachability.frontends.sites import Leg, Segment, Server, Site, TunnelEnd
from reachability.resources import Resource
from reachability.subject import Guest, Subject

REGIONS = ("eu-central-1", "us-east-1")
PORTS = (22, 443, 1317, 26656, 26657, 26659, 9100)
PARTNERS = ("192.0.2.0/24", "192.0.2.17/32", "203.0.113.128/25", "2001:db8:ffff::/48")


@dataclass
class Subnet:
    id: str
    vpc: Vpc
    cidr: str
    six: str
    zone: str
    table: str = ""
    taken: int = 10

    def next(self) -> tuple[str, str]:
        self.taken += 1
        base = self.cidr.rsplit(".", 1)[0]
        return f"{base}.{self.taken}", self.six.replace("::/64", f"::{self.taken:x}") if self.six else ""


@dataclass
class Vpc:
    id: str
    number: int
    region: str
    cidr: str
    six: str
    subnets: list[Subnet] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    nics: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    gateway: str = ""
    vpn: str = ""
    hosts: list[tuple[str, str, str]] = field(default_factory=list)
    """(instance id, address, v6 address)"""


class Estate:
    """Builds one estate; ``subject`` is what came of it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.later = Random(f"{seed} later")
        """For what is added to a whole estate, which stays the same without it."""
        self.last = Random(f"{seed} dual-stack balancers")
        self.resources: list[Resource] = []
        self.guests: dict[str, Guest] = {}
        self.rulesets: dict[str, str] = {}
        self.sites: list[Site] = []
        self.vpcs: list[Vpc] = []
        self.blocks: list[str] = []
        self.public = 10
        self.number = 0
        self.peerings: list[str] = []
        self.gcp_taken: dict[str, int] = {}
        self.build()

    @property
    def subject(self) -> Subject:
        return Subject(tuple(self.resources), tuple(self.sites), dict(self.guests), dict(self.rulesets))

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def add(self, type_: str, prefix: str, properties: dict[str, Any], name: str = "") -> Resource:
        self.number += 1
        id_ = f"{prefix}-{self.number:04x}"
        name = name or id_
        resource = Resource(f"urn:pulumi:gen::estate::{type_}::{name}", type_, name, id_, properties, {})
        self.resources.append(resource)
        return resource

    def aws(self, type_: str, prefix: str, region: str, /, **properties: Any) -> Resource:
        service = type_.split(":")[0].split("/")[0]
        full = {"region": region, **properties}
        found = self.add(f"aws:{type_}", prefix, full)
        full.setdefault("arn", f"arn:aws:{service}:{region}:000000000000:{found.id}")
        return found

    def public_address(self) -> str:
        self.public += 1
        return f"198.51.100.{self.public}"

    # -- the whole

    def build(self) -> None:
        pick = self.random
        with_gcp = self.chance(0.3)
        vpcs = pick.choice((1, 1, 2, 2, 3)) if not with_gcp else pick.choice((0, 1, 1))
        regions = pick.choice((1, 2))
        for number in range(1, vpcs + 1):
            self.vpc(number, REGIONS[pick.randrange(regions)])
        if vpcs and self.chance(0.45):
            self.site()
        for one in self.vpcs:
            for other in self.vpcs:
                if one.number < other.number and self.chance(0.75):
                    self.peering(one, other)
        for vpc in self.vpcs:
            self.security(vpc)
        for vpc in self.vpcs:
            self.machines(vpc)
        for vpc in self.vpcs:
            self.acls(vpc)
            self.routes(vpc)
            if self.chance(0.3):
                self.balancer(vpc)
        if with_gcp:
            self.google()
        if self.later.random() < 0.35:
            for vpc in self.vpcs:
                self.further_interfaces(vpc)
        for vpc in self.vpcs:
            if self.last.random() < 0.5:
                self.dual_stack_balancer(vpc)

    # -- AWS

    def dual_stack_balancer(self, vpc: Vpc) -> None:
        """A network load balancer with addresses of both families, and targets of either."""
        pick = self.last
        subnets = list({subnet.zone: subnet for subnet in vpc.subnets if subnet.six}.values())
        if not subnets or not vpc.hosts:
            return
        internal = not vpc.gateway or pick.random() < 0.4
        id_, region = f"dual-{vpc.id}", {"region": vpc.region}
        mappings = []
        for subnet in subnets[: pick.choice((1, 2))]:
            four, six = subnet.next()
            if internal:
                mappings.append({"subnetId": subnet.id, "ipv6Address": six, "privateIpv4Address": four})
                continue
            elastic = f"eipalloc-{id_}-{subnet.id}"
            public = {**region, "domain": "vpc", "publicIp": self.public_address()}
            self.extra("ec2/eip:Eip", elastic, public)
            mappings.append({"subnetId": subnet.id, "ipv6Address": six, "allocationId": elastic})
        self.extra(
            "lb/loadBalancer:LoadBalancer",
            id_,
            {
                **region,
                "arn": f"arn:{id_}",
                "loadBalancerType": "network",
                "internal": internal,
                "ipAddressType": "dualstack",
                "subnetMappings": mappings,
                "enableCrossZoneLoadBalancing": pick.random() < 0.6,
                "securityGroups": [pick.choice(vpc.groups)] if pick.random() < 0.5 else [],
            },
        )
        for port in pick.sample((22, 443, 26657), pick.choice((1, 2))):
            self.dual_stack_listener(vpc, id_, port)

    def dual_stack_listener(self, vpc: Vpc, balancer: str, port: int) -> None:
        """A listener with a target group, and its targets at their addresses of one family."""
        pick = self.last
        region, id_ = {"region": vpc.region}, f"{balancer}-{port}"
        v6_hosts = [host for host in vpc.hosts if host[2]]
        v6 = bool(v6_hosts) and pick.random() < 0.3
        kind, protocol = pick.choice(("instance", "ip")), pick.choice(("TCP", "TCP", "TLS"))
        group = {**region, "arn": f"arn:{id_}", "vpcId": vpc.id, "port": pick.choice((port, 26657)), "protocol": "TCP"}
        group |= {"targetType": kind, "ipAddressType": "ipv6" if v6 else "ipv4"}
        if pick.random() < 0.6:
            group["preserveClientIp"] = pick.choice(("true", "false"))
        self.extra("lb/targetGroup:TargetGroup", id_, group)
        hosts = v6_hosts if v6 else vpc.hosts
        for instance, four, six in pick.sample(hosts, min(len(hosts), pick.choice((1, 2)))):
            target = instance if kind == "instance" else six if v6 else four
            tie = {**region, "targetGroupArn": f"arn:{id_}", "targetId": target}
            self.extra("lb/targetGroupAttachment:TargetGroupAttachment", f"{id_}-{instance}", tie)
        actions = [{"type": "forward", "targetGroupArn": f"arn:{id_}"}]
        front = {**region, "loadBalancerArn": f"arn:{balancer}", "port": port, "protocol": protocol}
        self.extra("lb/listener:Listener", f"{id_}-front", {**front, "defaultActions": actions})

    def further_interfaces(self, vpc: Vpc) -> None:
        """Second interfaces of instances, in the same or another subnet, attached in either way."""
        pick = self.later
        for instance, _, _ in vpc.hosts:
            if pick.random() < 0.6:
                continue
            subnet = pick.choice(vpc.subnets)
            four, six = subnet.next()
            count = pick.choice((1, min(2, len(vpc.groups))))
            given: dict[str, Any] = {
                "region": vpc.region,
                "subnetId": subnet.id,
                "privateIp": four,
                "privateIps": [four],
                "ipv6Addresses": [six] if six and pick.random() < 0.5 else [],
                "securityGroups": pick.sample(vpc.groups, count),
                "sourceDestCheck": pick.random() < 0.9,
            }
            nic = f"eni-second-{instance}"
            if pick.random() < 0.5:
                given["attachments"] = [{"instance": instance, "deviceIndex": 1}]
            else:
                tie = {"region": vpc.region, "instanceId": instance, "networkInterfaceId": nic, "deviceIndex": 1}
                self.extra("ec2/networkInterfaceAttachment:NetworkInterfaceAttachment", f"attach-{instance}", tie)
            self.extra("ec2/networkInterface:NetworkInterface", nic, given)
            if pick.random() < 0.4:
                elastic = {"region": vpc.region, "domain": "vpc", "publicIp": self.public_address()}
                self.extra("ec2/eip:Eip", f"eipalloc-second-{instance}", {**elastic, "networkInterface": nic})

    def extra(self, type_: str, id_: str, properties: dict[str, Any]) -> None:
        """A resource of AWS whose id does not count."""
        urn = f"urn:pulumi:gen::estate::aws:{type_}::{id_}"
        self.resources.append(Resource(urn, f"aws:{type_}", id_, id_, properties, {}))

    def vpc(self, number: int, region: str) -> None:
        six = f"2001:db8:{number}00::/56" if self.chance(0.5) else ""
        cidr = f"10.{number}.0.0/16"
        made = self.aws("ec2/vpc:Vpc", "vpc", region, cidrBlock=cidr)
        made.properties.update(
            {
                "defaultRouteTableId": f"rtb-main-{made.id}",
                "mainRouteTableId": f"rtb-main-{made.id}",
                "defaultNetworkAclId": f"acl-default-{made.id}",
                "defaultSecurityGroupId": f"sg-default-{made.id}",
            }
        )
        if six:
            made.properties.update({"assignGeneratedIpv6CidrBlock": True, "ipv6CidrBlock": six})
        vpc = Vpc(made.id, number, region, cidr, six)
        self.vpcs.append(vpc)
        self.blocks.append(cidr)
        for index in range(self.random.choice((1, 2, 2, 3))):
            properties: dict[str, Any] = {
                "vpcId": vpc.id,
                "cidrBlock": f"10.{number}.{index}.0/24",
                "availabilityZone": region + "ab"[index % 2],
                "mapPublicIpOnLaunch": self.chance(0.3),
            }
            if six and self.chance(0.8):
                properties["ipv6CidrBlock"] = f"2001:db8:{number}00:{index}::/64"
            found = self.aws("ec2/subnet:Subnet", "subnet", region, **properties)
            subnet = Subnet(
                found.id,
                vpc,
                properties["cidrBlock"],
                properties.get("ipv6CidrBlock", ""),
                properties["availabilityZone"],
            )
            vpc.subnets.append(subnet)
            self.blocks.append(subnet.cidr)
        if self.chance(0.95):
            attached = {"vpcId": vpc.id} if self.chance(0.95) else {}
            vpc.gateway = self.aws("ec2/internetGateway:InternetGateway", "igw", region, **attached).id
            if not attached and self.chance(0.5):
                self.aws(
                    "ec2/internetGatewayAttachment:InternetGatewayAttachment",
                    "igwa",
                    region,
                    internetGatewayId=vpc.gateway,
                    vpcId=vpc.id,
                )

    def peering(self, one: Vpc, other: Vpc) -> None:
        same = one.region == other.region
        how = self.random.choice(("auto", "accepter", "accepter", "none", "status"))
        properties: dict[str, Any] = {"vpcId": one.id, "peerVpcId": other.id}
        if not same:
            properties["peerRegion"] = other.region
            how = "accepter" if how == "auto" else how
        if how == "auto":
            properties.update({"autoAccept": True, "acceptStatus": "active"})
        elif how == "status":
            properties.update({"acceptStatus": self.random.choice(("active", "pending-acceptance"))})
        elif how == "none":
            properties["autoAccept"] = False
        made = self.aws("ec2/vpcPeeringConnection:VpcPeeringConnection", "pcx", one.region, **properties)
        if how == "accepter":
            self.aws(
                "ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter",
                "pcxa",
                other.region,
                vpcPeeringConnectionId=made.id,
                autoAccept=True,
            )
        one.tables.append(f"peering {made.id} {other.number}")
        other.tables.append(f"peering {made.id} {one.number}")

    def service(self) -> tuple[str, int, int]:
        pick = self.random.random()
        if pick < 0.3:
            return "-1", 0, 0
        if pick < 0.4:
            return "icmp", *self.random.choice(((-1, -1), (8, -1), (8, 0)))
        if pick < 0.45:
            return "icmpv6", -1, -1
        protocol = "udp" if self.chance(0.25) else "tcp"
        if self.chance(0.35):
            return protocol, *self.random.choice(((0, 65535), (1, 1023), (1024, 65535), (26656, 26659)))
        port = self.random.choice(PORTS)
        return protocol, port, port

    def some_block(self, six: bool) -> str:
        if six:
            return self.random.choice(["::/0", "::/0"] + [v.six for v in self.vpcs if v.six] + [PARTNERS[3]])
        own = [f"{a}/32" for v in self.vpcs for _, a, _ in v.hosts]
        wide = ["0.0.0.0/0", "0.0.0.0/0", "10.0.0.0/8", "0.0.0.0/1", *PARTNERS[:3], "198.51.100.0/24"]
        return self.random.choice(wide + self.blocks + own)

    def security(self, vpc: Vpc) -> None:
        pick = self.random
        lists = []
        if self.chance(0.25):
            entries = [{"cidr": self.some_block(False)} for _ in range(pick.choice((1, 2)))]
            made = self.aws(
                "ec2/managedPrefixList:ManagedPrefixList",
                "pl",
                vpc.region,
                addressFamily="IPv4",
                maxEntries=5,
                entries=entries,
            )
            lists.append(made.id)
        groups = []
        for _ in range(pick.choice((1, 2, 3))):
            inline = self.chance(0.5)
            made = self.aws("ec2/securityGroup:SecurityGroup", "sg", vpc.region, vpcId=vpc.id, name=f"g{self.number}")
            groups.append((made, inline))
            vpc.groups.append(made.id)
        for made, inline in groups:
            for egress in (False, True):
                rules = []
                if self.chance(0.75 if egress else 0.45):
                    rules.append(("-1", 0, 0, "0.0.0.0/0", "::/0"))
                for _ in range(pick.choice((0, 1, 2, 3)) if egress else pick.choice((1, 2, 3))):
                    rules.append((*self.service(), "", ""))
                self.group_rules(vpc, made, rules, egress, inline, lists)
        if self.chance(0.25):
            side = [{"protocol": "-1", "fromPort": 0, "toPort": 0, "self": True}] if self.chance(0.5) else []
            out = [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}] if side else []
            made = self.aws(
                "ec2/defaultSecurityGroup:DefaultSecurityGroup",
                "sg",
                vpc.region,
                vpcId=vpc.id,
                ingress=side,
                egress=out,
            )
            index = self.resources.index(made)
            self.resources[index] = Resource(
                made.urn, made.type, made.name, f"sg-default-{vpc.id}", made.properties, made.references
            )

    def group_rules(
        self, vpc: Vpc, made: Resource, rules: list[tuple], egress: bool, inline: bool, lists: list[str]
    ) -> None:
        pick = self.random
        kept = []
        for protocol, low, high, four, six in rules:
            who: dict[str, Any] = {}
            kind = pick.random()
            if four:
                who = {"cidrBlocks": [four], "ipv6CidrBlocks": [six] if vpc.six else []}
            elif protocol == "icmpv6":
                who = {"ipv6CidrBlocks": [self.some_block(True)]}
            elif kind < 0.15:
                who = {"securityGroups": [pick.choice(vpc.groups)]}
            elif kind < 0.22:
                who = {"self": True}
            elif kind < 0.32 and lists:
                who = {"prefixListIds": [pick.choice(lists)]}
            elif kind < 0.5 and vpc.six:
                who = {"ipv6CidrBlocks": [self.some_block(True)]}
            else:
                who = {"cidrBlocks": [self.some_block(False) for _ in range(pick.choice((1, 1, 2)))]}
            if inline:
                kept.append({"protocol": protocol, "fromPort": low, "toPort": high, "self": False, **who})
            else:
                self.rule_resources(vpc, made, protocol, low, high, who, egress)
        if inline:
            made.properties["egress" if egress else "ingress"] = kept

    def rule_resources(
        self, vpc: Vpc, made: Resource, protocol: str, low: int, high: int, who: dict[str, Any], egress: bool
    ) -> None:
        if self.chance(0.3) and "securityGroups" not in who:
            self.aws(
                "ec2/securityGroupRule:SecurityGroupRule",
                "sgrule",
                vpc.region,
                type="egress" if egress else "ingress",
                securityGroupId=made.id,
                protocol=protocol,
                fromPort=low,
                toPort=high,
                **who,
            )
            return
        peers = [{"cidrIpv4": b} for b in who.get("cidrBlocks", ())] + [
            {"cidrIpv6": b} for b in who.get("ipv6CidrBlocks", ())
        ]
        peers += [{"prefixListId": p} for p in who.get("prefixListIds", ())]
        peers += [{"referencedSecurityGroupId": g} for g in who.get("securityGroups", ())]
        peers += [{"referencedSecurityGroupId": made.id}] if who.get("self") else []
        side = "Egress" if egress else "Ingress"
        for peer in peers:
            ports = {} if protocol == "-1" else {"fromPort": low, "toPort": high}
            self.aws(
                f"vpc/securityGroup{side}Rule:SecurityGroup{side}Rule",
                "sgr",
                vpc.region,
                securityGroupId=made.id,
                ipProtocol=protocol,
                **ports,
                **peer,
            )

    def machines(self, vpc: Vpc) -> None:
        pick = self.random
        count = pick.choice((1, 2, 2, 3)) if len(self.vpcs) > 1 else pick.choice((2, 3, 4))
        for _ in range(count):
            subnet = pick.choice(vpc.subnets)
            four, six = subnet.next()
            router = self.chance(0.2)
            properties: dict[str, Any] = {"subnetId": subnet.id, "privateIp": four, "availabilityZone": subnet.zone}
            properties["ipv6Addresses"] = [six] if six and self.chance(0.7) else []
            if self.chance(0.92):
                properties["vpcSecurityGroupIds"] = pick.sample(vpc.groups, pick.choice((1, min(2, len(vpc.groups)))))
            else:
                properties["vpcSecurityGroupIds"] = [f"sg-default-{vpc.id}"]
            properties["sourceDestCheck"] = not router
            how = pick.choice(("none", "auto", "eip", "association", "association"))
            auto = next(r for r in self.resources if r.id == subnet.id).properties["mapPublicIpOnLaunch"]
            if how == "auto":
                properties["associatePublicIpAddress"] = True
            elif how == "none":
                properties["associatePublicIpAddress"] = False
            if how == "auto" or (how != "none" and auto):
                properties["publicIp"] = self.public_address()
            if self.chance(0.1):
                extra, _ = subnet.next()
                properties["secondaryPrivateIps"] = [extra]
            made = self.aws("ec2/instance:Instance", "i", vpc.region, **properties)
            nic = made.properties["primaryNetworkInterfaceId"] = f"eni-{made.id}"
            vpc.nics.append(nic)
            if how == "eip":
                address = self.public_address()
                made.properties["publicIp"] = address
                self.aws(
                    "ec2/eip:Eip",
                    "eipalloc",
                    vpc.region,
                    domain="vpc",
                    publicIp=address,
                    **pick.choice(({"instance": made.id}, {"networkInterface": nic})),
                )
            elif how == "association":
                address = self.public_address()
                made.properties["publicIp"] = address
                eip = self.aws("ec2/eip:Eip", "eipalloc", vpc.region, domain="vpc", publicIp=address)
                at = pick.choice(({"instanceId": made.id}, {"networkInterfaceId": nic}))
                self.aws(
                    "ec2/eipAssociation:EipAssociation",
                    "eipassoc",
                    vpc.region,
                    allocationId=eip.id,
                    publicIp=address,
                    **at,
                )
            name = f"host-{made.id}"
            forwards = pick.choice((None, True, False)) if router else pick.choice((None, False))
            pools = {"tun0": (block(f"10.24{vpc.number}.0.0/24"),)} if router and forwards and self.chance(0.4) else {}
            if self.chance(0.45):
                self.rulesets[name] = self.ruleset("ens5", four, bool(pools), router)
            elif router and forwards is None:
                forwards = True
            self.guests[made.urn] = Guest(name, forwards, pools, {"Role": "sentry"})
            vpc.hosts.append((made.id, four, properties["ipv6Addresses"][0] if properties["ipv6Addresses"] else ""))

    def acls(self, vpc: Vpc) -> None:
        for kind in ("default", "own"):
            if not self.chance(0.2):
                continue
            properties: dict[str, Any] = {s: self.entries(vpc) for s in ("ingress", "egress")}
            if kind == "default":
                self.aws(
                    "ec2/defaultNetworkAcl:DefaultNetworkAcl",
                    "acl",
                    vpc.region,
                    defaultNetworkAclId=f"acl-default-{vpc.id}",
                    **properties,
                )
                continue
            chosen = self.random.sample(vpc.subnets, self.random.randint(1, len(vpc.subnets)))
            how = self.random.choice(("list", "association"))
            if self.chance(0.3):
                made = self.aws("ec2/networkAcl:NetworkAcl", "acl", vpc.region, vpcId=vpc.id)
                for side, entries in properties.items():
                    for entry in entries:
                        moved = {"ruleNumber": entry.pop("ruleNo"), "ruleAction": entry.pop("action"), **entry}
                        self.aws(
                            "ec2/networkAclRule:NetworkAclRule",
                            "aclr",
                            vpc.region,
                            networkAclId=made.id,
                            egress=side == "egress",
                            **moved,
                        )
            else:
                made = self.aws("ec2/networkAcl:NetworkAcl", "acl", vpc.region, vpcId=vpc.id, **properties)
            if how == "list":
                made.properties["subnetIds"] = [s.id for s in chosen]
            else:
                for subnet in chosen:
                    self.aws(
                        "ec2/networkAclAssociation:NetworkAclAssociation",
                        "aclassoc",
                        vpc.region,
                        networkAclId=made.id,
                        subnetId=subnet.id,
                    )

    def entries(self, vpc: Vpc) -> list[dict[str, Any]]:
        found = []
        numbers = self.random.sample(range(50, 400, 10), 6)
        for index in range(self.random.choice((1, 2, 3, 4))):
            protocol, low, high = self.service()
            entry: dict[str, Any] = {
                "ruleNo": numbers[index],
                "protocol": protocol,
                "action": "allow" if self.chance(0.65) else "deny",
                "fromPort": low,
                "toPort": high,
            }
            if protocol in ("icmp", "icmpv6"):
                entry.update({"fromPort": 0, "toPort": 0, "icmpType": low, "icmpCode": high})
            if protocol == "icmpv6" or (vpc.six and self.chance(0.3)):
                entry["ipv6CidrBlock"] = self.some_block(True)
            else:
                entry["cidrBlock"] = self.some_block(False)
            found.append(entry)
        if self.chance(0.7):
            everything = {"protocol": "-1", "action": "allow", "fromPort": 0, "toPort": 0}
            found.append({"ruleNo": 500, "cidrBlock": "0.0.0.0/0", **everything})
            if vpc.six:
                found.append({"ruleNo": 501, "ipv6CidrBlock": "::/0", **everything})
        elif self.chance(0.7):
            last = self.random.choice((65535, 60999, 50000))
            found.append(
                {
                    "ruleNo": 450,
                    "cidrBlock": "0.0.0.0/0",
                    "protocol": "tcp",
                    "action": "allow",
                    "fromPort": self.random.choice((1024, 32768)),
                    "toPort": last,
                }
            )
        return found

    def routes(self, vpc: Vpc) -> None:
        pick = self.random
        peerings = [each.split()[1:] for each in vpc.tables if each.startswith("peering ")]
        tables = [f"rtb-main-{vpc.id}"]
        nat = ""
        if vpc.gateway and self.chance(0.5):
            subnet = pick.choice(vpc.subnets)
            four, _ = subnet.next()
            eip = self.aws("ec2/eip:Eip", "eipalloc", vpc.region, domain="vpc", publicIp=self.public_address())
            nat = self.aws(
                "ec2/natGateway:NatGateway",
                "nat",
                vpc.region,
                subnetId=subnet.id,
                allocationId=eip.id,
                connectivityType="public",
                privateIp=four,
                publicIp=eip.properties["publicIp"],
            ).id
        eigw = ""
        if vpc.six and self.chance(0.3):
            eigw = self.aws(
                "ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway", "eigw", vpc.region, vpcId=vpc.id
            ).id
        for subnet in vpc.subnets:
            if self.chance(0.65):
                if len(tables) == 1 or self.chance(0.6):
                    made = self.aws("ec2/routeTable:RouteTable", "rtb", vpc.region, vpcId=vpc.id)
                    tables.append(made.id)
                self.aws(
                    "ec2/routeTableAssociation:RouteTableAssociation",
                    "rtbassoc",
                    vpc.region,
                    routeTableId=tables[-1],
                    subnetId=subnet.id,
                )
        for table in tables:
            wanted: dict[str, dict[str, Any]] = {}
            default = pick.random()
            if vpc.gateway and default < 0.75:
                wanted["0.0.0.0/0"] = {"gatewayId": vpc.gateway}
                if vpc.six:
                    wanted["::/0"] = {"gatewayId": vpc.gateway}
            elif nat and default < 0.95:
                wanted["0.0.0.0/0"] = {"natGatewayId": nat}
                if eigw:
                    wanted["::/0"] = {"egressOnlyGatewayId": eigw}
            elif vpc.nics and self.chance(0.4):
                wanted["0.0.0.0/0"] = {"networkInterfaceId": pick.choice(vpc.nics)}
            elif vpc.vpn and self.chance(0.4):
                wanted["0.0.0.0/0"] = {"gatewayId": vpc.vpn}
            for peering, number in peerings:
                if self.chance(0.8):
                    other = next(v for v in self.vpcs if v.number == int(number))
                    wide = pick.choice((other.cidr, other.cidr, pick.choice(other.subnets).cidr, "10.0.0.0/8"))
                    wanted.setdefault(wide, {"vpcPeeringConnectionId": peering})
                    if other.six and vpc.six and self.chance(0.8):
                        wanted.setdefault(other.six, {"vpcPeeringConnectionId": peering})
            if vpc.vpn and self.chance(0.4):
                wanted.setdefault(f"10.1{vpc.number}0.0.0/16", {"gatewayId": vpc.vpn})
            if vpc.nics and self.chance(0.15):
                wanted.setdefault("192.0.2.0/24", {"networkInterfaceId": pick.choice(vpc.nics)})
            if self.chance(0.1):
                wanted.setdefault("198.51.100.0/25", {"networkInterfaceId": "eni-gone"})
            self.write(vpc, table, wanted)
            if vpc.vpn and self.chance(0.7):
                self.aws(
                    "ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation",
                    "vgwp",
                    vpc.region,
                    vpnGatewayId=vpc.vpn,
                    routeTableId=table,
                )

    def write(self, vpc: Vpc, table: str, wanted: dict[str, dict[str, Any]]) -> None:
        main = table.startswith("rtb-main-")
        if self.chance(0.5):
            inline = [{("ipv6CidrBlock" if ":" in to else "cidrBlock"): to, **via} for to, via in wanted.items()]
            if main:
                self.aws(
                    "ec2/defaultRouteTable:DefaultRouteTable",
                    "drt",
                    vpc.region,
                    defaultRouteTableId=table,
                    vpcId=vpc.id,
                    routes=inline,
                )
            else:
                next(r for r in self.resources if r.id == table).properties["routes"] = inline
            return
        for to, via in wanted.items():
            key = "destinationIpv6CidrBlock" if ":" in to else "destinationCidrBlock"
            self.aws("ec2/route:Route", "r", vpc.region, routeTableId=table, **{key: to}, **via)

    def balancer(self, vpc: Vpc) -> None:
        pick = self.random
        if not vpc.hosts:
            return
        internal = not vpc.gateway or self.chance(0.4)
        zones = {s.zone: s for s in vpc.subnets}
        mappings = []
        for subnet in list(zones.values())[: pick.choice((1, 2))]:
            mapping: dict[str, Any] = {"subnetId": subnet.id}
            if internal:
                mapping["privateIpv4Address"] = subnet.next()[0]
            else:
                eip = self.aws("ec2/eip:Eip", "eipalloc", vpc.region, domain="vpc", publicIp=self.public_address())
                mapping["allocationId"] = eip.id
            mappings.append(mapping)
        made = self.aws(
            "lb/loadBalancer:LoadBalancer",
            "lb",
            vpc.region,
            loadBalancerType="network",
            internal=internal,
            ipAddressType="ipv4",
            subnetMappings=mappings,
            enableCrossZoneLoadBalancing=self.chance(0.6),
            securityGroups=[pick.choice(vpc.groups)] if self.chance(0.5) else [],
        )
        for port in pick.sample((22, 443, 26657), pick.choice((1, 2))):
            kind = pick.choice(("instance", "instance", "ip"))
            protocol = pick.choice(("TCP", "TCP", "UDP", "TLS"))
            group: dict[str, Any] = {
                "vpcId": vpc.id,
                "port": pick.choice((port, 26657)),
                "targetType": kind,
                "protocol": {"TLS": "TCP"}.get(protocol, protocol),
            }
            if self.chance(0.6) and protocol != "UDP":
                group["preserveClientIp"] = pick.choice(("true", "false"))
            targets = self.aws("lb/targetGroup:TargetGroup", "tg", vpc.region, **group)
            for instance, four, _ in pick.sample(vpc.hosts, min(len(vpc.hosts), pick.choice((1, 2)))):
                port_of = {"port": 26656} if self.chance(0.2) else {}
                self.aws(
                    "lb/targetGroupAttachment:TargetGroupAttachment",
                    "tga",
                    vpc.region,
                    targetGroupArn=targets.properties["arn"],
                    targetId=instance if kind == "instance" else four,
                    **port_of,
                )
            self.aws(
                "lb/listener:Listener",
                "listener",
                vpc.region,
                loadBalancerArn=made.properties["arn"],
                port=port,
                protocol=protocol,
                defaultActions=[{"type": "forward", "targetGroupArn": targets.properties["arn"]}],
            )

    # -- hosts

    def ruleset(self, device: str, own: str, pool: bool, router: bool) -> str:
        """A ruleset: input, output and forward with first match, now and then translations as Docker writes them."""
        pick = self.random
        lines = ["flush ruleset", "", "table inet estate {"]
        named = self.chance(0.3)
        if named:
            inside = ", ".join(dict.fromkeys([pick.choice(["10.0.0.0/8", "10.1.0.0/16"]), "192.0.2.0/24"]))
            lines += ["\tset trusted {", "\t\ttype ipv4_addr; flags interval", f"\t\telements = {{ {inside} }}", "\t}"]
        if self.chance(0.3):
            lines += ["\tchain peers {", *(f"\t\t{self.statement(device, named)}" for _ in range(2)), "\t}"]
            jump = "jump peers"
        else:
            jump = ""
        for hook in ("input", "output", "forward"):
            if self.chance({"input": 0.1, "output": 0.4, "forward": 0.4}[hook]):
                continue
            policy = "drop" if self.chance(0.5) else "accept"
            lines += [f"\tchain {hook} {{", f"\t\ttype filter hook {hook} priority filter; policy {policy};"]
            if self.chance(0.8):
                lines.append("\t\tct state vmap { established : accept, related : accept, invalid : drop }")
            for _ in range(pick.choice((1, 2, 3))):
                lines.append(f"\t\t{self.statement(device, named, hook)}")
            if jump and self.chance(0.6):
                lines.append(f"\t\t{jump}")
            if policy == "drop" and self.chance(0.5):
                lines.append("\t\tmeta l4proto { tcp, icmp } accept")
            if hook == "forward" and self.chance(0.3):
                lines.append("\t\tct status dnat accept")
            lines.append("\t}")
        if self.chance(0.3):
            to = pick.choice([f"{a}" for v in self.vpcs for _, a, _ in v.hosts] + [own])
            port = pick.choice(("", ":26657", ":22"))
            change = pick.choice((f"dnat ip to {to}{port or ':443'}", "redirect to :22"))
            lines += [
                "\tchain publish {",
                "\t\ttype nat hook prerouting priority dstnat; policy accept;",
                f'\t\tiifname "{device}" ip daddr {own} tcp dport {pick.choice(PORTS)} {change}',
                "\t}",
            ]
        if router and self.chance(0.6):
            who = "ip saddr 10.0.0.0/8 " if self.chance(0.5) else ""
            change = pick.choice(("masquerade", f"snat ip to {own}"))
            lines += [
                "\tchain leave {",
                "\t\ttype nat hook postrouting priority srcnat; policy accept;",
                f'\t\toifname "{device}" {who}{change}',
                "\t}",
            ]
        return "\n".join([*lines, "}", ""])

    def statement(self, device: str, named: bool, hook: str = "input") -> str:
        pick = self.random
        parts = []
        if self.chance(0.3):
            parts.append(
                {
                    "input": f'iifname "{device}"',
                    "output": f'oifname "{device}"',
                    "forward": f'oifname {{ "{device}", "tun0" }}',
                }[hook]
            )
        if self.chance(0.5):
            side = pick.choice(("saddr", "daddr"))
            if named and self.chance(0.5):
                parts.append(f"ip {side} {pick.choice(('', '!= '))}@trusted")
            else:
                parts.append(f"ip {side} {pick.choice(('', '', '!= '))}{{ {self.nft_blocks()} }}")
        protocol = pick.random()
        if not parts and self.chance(0.15):
            parts.append(f"ip6 saddr {pick.choice(('2001:db8::/32', '2001:db8:100::/56'))}")
            protocol *= 0.6
        if protocol < 0.45:
            ports = pick.sample(PORTS, pick.choice((1, 2)))
            parts.append(
                f"tcp dport {{ {', '.join(map(str, sorted(ports)))} }}" if len(ports) > 1 else f"tcp dport {ports[0]}"
            )
        elif protocol < 0.6:
            parts.append(f"{pick.choice(('tcp', 'udp'))} dport {pick.choice(('1-1023', '1024-65535', '!= 22'))}")
        elif protocol < 0.7:
            parts.append("icmp type { echo-request, destination-unreachable }")
        elif protocol < 0.75:
            parts.append(f"udp sport {pick.choice(('1024-65535', '53'))}")
        elif protocol < 0.8:
            parts.append("ip protocol 50")
        if self.chance(0.2):
            parts.append("ct state new")
        if self.chance(0.2):
            parts.append("counter")
        return " ".join([*parts, "accept" if self.chance(0.8) else pick.choice(("drop", "reject", "return"))])

    def nft_blocks(self) -> str:
        found = self.random.sample(
            ["10.1.0.0/16", "10.2.0.0/16", "192.0.2.0/24", "198.51.100.0/24", "10.110.0.0/16"], 2
        )
        return ", ".join(found[: self.random.choice((1, 2))])

    # -- datacentres

    def site(self) -> None:
        vpc = self.random.choice(self.vpcs)
        pick = self.random
        base = f"10.1{vpc.number}0"
        self.blocks.append(f"{base}.0.0/16")
        vgw = self.aws("ec2/vpnGateway:VpnGateway", "vgw", vpc.region, vpcId=vpc.id)
        vpc.vpn = vgw.id
        cgw = self.aws(
            "ec2/customerGateway:CustomerGateway",
            "cgw",
            vpc.region,
            ipAddress="203.0.113.2",
            type="ipsec.1",
            bgpAsn="64901",
        )
        inside = [f"169.254.{vpc.number}.0/30", f"169.254.{vpc.number}.4/30"]
        static = self.chance(0.25)
        vpn = self.aws(
            "ec2/vpnConnection:VpnConnection",
            "vpn",
            vpc.region,
            vpnGatewayId=vgw.id,
            customerGatewayId=cgw.id,
            type="ipsec.1",
            staticRoutesOnly=static,
            tunnel1InsideCidr=inside[0],
            tunnel2InsideCidr=inside[1],
            tunnel1Address="192.0.2.250",
            tunnel2Address="192.0.2.251",
        )
        if static:
            self.aws(
                "ec2/vpnConnectionRoute:VpnConnectionRoute",
                "vpnr",
                vpc.region,
                vpnConnectionId=vpn.id,
                destinationCidrBlock=pick.choice((f"{base}.0.0/16", f"{base}.1.0/24")),
            )
        name = f"dc{vpc.number}"
        edge = f"{name}-edge"
        reach = (block(vpc.cidr),)
        tunnels = tuple(
            TunnelEnd(f"vti{n}", f"tunnel {cidr} to 203.0.113.2", reach, addresses.address(cidr.split("/")[0]) + 2)
            for n, cidr in enumerate(inside[: pick.choice((1, 2))])
        )
        segments = [
            Segment("servers", block(f"{base}.1.0/24"), (edge,)),
            Segment("uplink", block("203.0.113.0/28"), (edge,), True, block("203.0.113.0/28")),
        ]
        at = addresses.address
        servers = []
        two = self.chance(0.4)
        if two:
            segments.append(Segment("admin", block(f"{base}.2.0/24"), (edge,)))
        legs = [Leg("bond0.1", "servers", (at(f"{base}.1.1"),)), Leg("bond0.9", "uplink", (at("203.0.113.2"),))]
        routes = [
            (block(f"{base}.1.0/24"), "bond0.1"),
            (block("203.0.113.0/28"), "bond0.9"),
            (addresses.ALL_V4, "bond0.9"),
            *((interval, tunnel.device) for tunnel in tunnels for interval in reach),
        ]
        if two:
            legs.append(Leg("bond0.2", "admin", (at(f"{base}.2.1"),)))
            routes.append((block(f"{base}.2.0/24"), "bond0.2"))
        servers.append(Server(edge, tuple(legs), tuple(routes), True, tunnels=tunnels))
        if self.chance(0.7):
            text = self.ruleset("bond0.9", "203.0.113.2", False, True)
            self.rulesets[edge] = text
        for index in range(pick.choice((1, 2))):
            host = f"{name}-server-{index}"
            own = [Leg("bond0.1", "servers", (at(f"{base}.1.{20 + index}"),))]
            ways = [(block(f"{base}.1.0/24"), "bond0.1"), (addresses.ALL_V4, "bond0.1")]
            source_routes: tuple = ()
            if two and self.chance(0.6):
                own.append(Leg("bond0.2", "admin", (at(f"{base}.2.{20 + index}"),)))
                ways.append((block(f"{base}.2.0/24"), "bond0.2"))
                source_routes = ((at(f"{base}.2.{20 + index}"), addresses.ALL_V4, "bond0.2"),)
            servers.append(Server(host, tuple(own), tuple(ways), source_routes=source_routes))
            if self.chance(0.5):
                self.rulesets[host] = self.ruleset("bond0.1", f"{base}.1.{20 + index}", False, False)
        announces = (block(f"{base}.0.0/16"),) if self.chance(0.8) else (block(f"{base}.1.0/24"),)
        self.sites.append(Site(name, tuple(segments), tuple(servers), announces))

    # -- Google Cloud

    def google(self) -> None:
        pick = self.random
        networks = []
        for number in range(pick.choice((1, 1, 2))):
            name = f"net{number}"
            made = self.add(
                "gcp:compute/network:Network",
                "net",
                {
                    "name": name,
                    "autoCreateSubnetworks": False,
                    "deleteDefaultRoutesOnCreate": self.chance(0.2),
                    "selfLink": f"https://www.googleapis.com/compute/v1/projects/p/global/networks/{name}",
                },
                name,
            )
            subnets = []
            for index in range(pick.choice((1, 2))):
                region = pick.choice(("europe-west3", "us-east1"))
                cidr = f"10.20{number}.{index}.0/24"
                self.blocks.append(cidr)
                sub = self.add(
                    "gcp:compute/subnetwork:Subnetwork",
                    "subnetwork",
                    {
                        "name": f"{name}-{index}",
                        "network": made.id,
                        "ipCidrRange": cidr,
                        "region": region,
                        "stackType": "IPV4_ONLY",
                    },
                )
                subnets.append((sub, cidr, region))
            networks.append((made, subnets))
        if len(networks) == 2:
            for one, other in ((0, 1), (1, 0)):
                if self.chance(0.8):
                    self.add(
                        "gcp:compute/networkPeering:NetworkPeering",
                        "peer",
                        {
                            "network": networks[one][0].properties["selfLink"],
                            "peerNetwork": networks[other][0].properties["selfLink"],
                            "name": f"p{one}",
                        },
                    )
        for made, subnets in networks:
            self.google_network(made, subnets)

    def google_network(self, made: Resource, subnets: list[tuple[Resource, str, str]]) -> None:
        pick = self.random
        tags = ("sentry", "validator", "vpn")
        hosts = []
        for index in range(pick.choice((1, 2, 3))):
            sub, cidr, region = pick.choice(subnets)
            self.gcp_taken[cidr] = self.gcp_taken.get(cidr, 10) + 1
            own = f"{cidr.rsplit('.', 1)[0]}.{self.gcp_taken[cidr]}"
            nic: dict[str, Any] = {"network": made.id, "subnetwork": sub.id, "networkIp": own, "name": "nic0"}
            if self.chance(0.5):
                nic["accessConfigs"] = [{"natIp": self.public_address(), "networkTier": "PREMIUM"}]
            forward = self.chance(0.2)
            vm = self.add(
                "gcp:compute/instance:Instance",
                "vm",
                {
                    "name": f"{made.name}-vm{index}",
                    "zone": f"{region}-b",
                    "machineType": "e2-small",
                    "canIpForward": forward,
                    "networkInterfaces": [nic],
                    "tags": pick.sample(tags, pick.choice((0, 1, 2))),
                },
            )
            vm.properties["selfLink"] = (
                f"https://www.googleapis.com/compute/v1/projects/p/zones/{region}-b/instances/{vm.properties['name']}"
            )
            name = f"host-{vm.id}"
            self.guests[vm.urn] = Guest(name, None, {}, {"Role": "sentry"})
            if self.chance(0.4):
                self.rulesets[name] = self.ruleset("ens4", own, False, forward)
            hosts.append((vm, own, forward))
        if self.chance(0.5):
            wide = {"network": made.id, "direction": "INGRESS", "priority": 2000, "sourceRanges": ["0.0.0.0/0"]}
            self.add("gcp:compute/firewall:Firewall", "fw", {**wide, "allows": [{"protocol": "all"}]})
        for _ in range(pick.choice((2, 3, 4, 5))):
            self.google_firewall(made, tags)
        if self.chance(0.5):
            region = pick.choice(subnets)[2]
            router = self.add(
                "gcp:compute/router:Router", "router", {"name": f"{made.name}-r", "network": made.id, "region": region}
            )
            address = self.add(
                "gcp:compute/address:Address",
                "address",
                {
                    "name": f"{made.name}-nat",
                    "address": self.public_address(),
                    "region": region,
                    "addressType": "EXTERNAL",
                },
            )
            listed = self.chance(0.4)
            nat: dict[str, Any] = {
                "name": f"{made.name}-nat",
                "router": router.properties["name"],
                "region": region,
                "natIpAllocateOption": "MANUAL_ONLY",
                "natIps": [address.id],
                "sourceSubnetworkIpRangesToNat": "LIST_OF_SUBNETWORKS" if listed else "ALL_SUBNETWORKS_ALL_IP_RANGES",
            }
            if listed:
                near = [s for s in subnets if s[2] == region]
                nat["subnetworks"] = [{"name": pick.choice(near)[0].id, "sourceIpRangesToNats": ["ALL_IP_RANGES"]}]
            self.add("gcp:compute/routerNat:RouterNat", "routernat", nat)
        if self.chance(0.4):
            way: dict[str, Any] = {
                "network": made.id,
                "destRange": pick.choice(("0.0.0.0/0", "192.0.2.0/24", "10.1.0.0/16")),
                "priority": pick.choice((500, 900, 1100)),
            }
            kind = pick.choice(("gateway", "instance", "ip"))
            if kind == "gateway":
                way["nextHopGateway"] = "default-internet-gateway"
            elif kind == "instance":
                hop = pick.choice(hosts)
                way.update(
                    {"nextHopInstance": hop[0].properties["selfLink"], "nextHopInstanceZone": hop[0].properties["zone"]}
                )
            else:
                way["nextHopIp"] = pick.choice(hosts)[1]
            if self.chance(0.4):
                way["tags"] = [pick.choice(tags)]
            self.add("gcp:compute/route:Route", "route", way)

    def google_firewall(self, made: Resource, tags: tuple[str, ...]) -> None:
        pick = self.random
        egress = self.chance(0.3)
        deny = self.chance(0.3)
        protocol, low, high = self.service()
        if protocol == "-1":
            item: dict[str, Any] = {"protocol": "all"}
        elif protocol.startswith("icmp"):
            item = {"protocol": "icmp"}
        else:
            item = {"protocol": protocol, "ports": [str(low) if low == high else f"{low}-{high}"]}
        rule: dict[str, Any] = {
            "network": made.properties["selfLink"],
            "direction": "EGRESS" if egress else "INGRESS",
            "priority": pick.choice((100, 500, 1000, 1000)),
            ("denies" if deny else "allows"): [item],
        }
        wide = self.random.choice(
            ("0.0.0.0/0", "0.0.0.0/0", "10.0.0.0/8", *PARTNERS[:2], "198.51.100.0/24", pick.choice(self.blocks))
        )
        if egress:
            rule["destinationRanges"] = [wide]
        elif self.chance(0.3):
            rule["sourceTags"] = [pick.choice(tags)]
        else:
            rule["sourceRanges"] = [wide]
            if self.chance(0.2):
                rule["sourceTags"] = [pick.choice(tags)]
        if self.chance(0.4):
            rule["targetTags"] = pick.sample(tags, pick.choice((1, 2)))
        if self.chance(0.05):
            rule["disabled"] = True
        self.add("gcp:compute/firewall:Firewall", "fw", rule)


def estate(seed: int) -> Subject:
    """The estate of a seed: always the same."""
    return Estate(seed).subject
