"""The intermediate model between resources and stages: VPCs, subnets, route tables, groups, interfaces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reachability.addresses import Interval, Intervals
from reachability.frontends.aws.index import Index
from reachability.network import Chain, Fragment, Route, Rule
from reachability.resources import Resource

if TYPE_CHECKING:
    from reachability.frontends.aws.balancers import Balancer
    from reachability.frontends.aws.peering import Peering
    from reachability.frontends.aws.transit import Transit
    from reachability.frontends.aws.vpn import Connection


@dataclass(slots=True, eq=False)
class Table:
    """A route table. ``static`` and ``propagated`` by destination; ``stage`` routes the packets that leave a subnet."""

    label: str
    vpc: Vpc
    resource: Resource | None
    static: dict[Interval, Route] = field(default_factory=dict)
    from_lists: dict[Interval, Route] = field(default_factory=dict)
    propagated: dict[Interval, Route] = field(default_factory=dict)
    vague: list[tuple[tuple[str, ...], str, Intervals]] = field(default_factory=list)
    """(stages, reason, range): routes whose destination is an unknown part of a range."""

    @property
    def stage(self) -> str:
        return f"route table {self.label}"

    @property
    def origin(self) -> str:
        return self.resource.urn if self.resource else self.vpc.resource.urn


@dataclass(slots=True, eq=False)
class Acl:
    """A network ACL: its two chains."""

    label: str
    ingress: Chain
    egress: Chain


@dataclass(slots=True, eq=False)
class Subnet:
    """``blocks``: IPv4 first. ``automatic``: whether interfaces get a public IPv4 address; ``automatic_v6``: an IPv6
    address. ``None``: unknown.
    """

    resource: Resource
    label: str
    vpc: Vpc
    blocks: list[Interval]
    zone: str
    automatic: bool | None
    automatic_v6: bool | None
    own_table: Table | None = None
    own_acl: Acl | None = None
    nics: list[Nic] = field(default_factory=list)

    @property
    def table(self) -> Table:
        """The associated route table, else the main one of its VPC."""
        return self.own_table or self.vpc.main

    @property
    def acl(self) -> Acl:
        """The associated network ACL, else the default one of its VPC."""
        return self.own_acl or self.vpc.default_acl

    @property
    def stage(self) -> str:
        """The stage for what an interface in the subnet sends."""
        return f"subnet {self.label}"

    @property
    def delivery(self) -> str:
        """The stage for what goes to an interface in the subnet, past the subnet's ACL."""
        return f"subnet {self.label} delivery"

    def add_block(self, block: Interval) -> None:
        """Adds an address that is known to be in a subnet that is known by its id only."""
        if block not in self.blocks:
            self.blocks.append(block)
            if self.vpc.unseen:
                self.vpc.blocks.append(block)

    @property
    def leaving(self) -> str:
        """The stage for what leaves the subnet, before its ACL."""
        return f"subnet {self.label} leaving"

    @property
    def entering(self) -> str:
        """The stage for what comes from outside of the subnet, before its ACL."""
        return f"subnet {self.label} entering"


@dataclass(slots=True, eq=False)
class Vpc:
    """``blocks``: all of its CIDR blocks. ``internet``: gateways attached, by kind of stage."""

    resource: Resource
    label: str
    id: str
    region: str
    blocks: list[Interval]
    resolver: bool = True
    unseen: bool = False
    """Whether it is known by its id only: then ``blocks`` are the addresses of what is known to be in it."""
    elsewhere: tuple[Route, ...] = ()
    """The routes to what is in it, but not among the resources, if it is unseen."""
    subnets: list[Subnet] = field(default_factory=list)
    main: Table = field(init=False)
    default_acl: Acl = field(init=False)
    """Set by ``acls.compile``, before checks are compiled."""
    default_group: Group = field(init=False)
    peers: dict[str, Vpc] = field(default_factory=dict)
    """Peer VPCs with an active peering, by the URN of the peering."""
    transit_peers: set[Vpc] = field(default_factory=set)
    """VPCs whose groups inbound rules may reference through a transit gateway."""

    def __post_init__(self) -> None:
        self.main = Table(f"{self.label} (main)", self, None)
        self.default_group = Group(f"{self.label} default group", self, None)

    @property
    def stage(self) -> str:
        """The stage for what is for an address of the VPC: inbound packets end in the VPC (no transit)."""
        return f"vpc {self.label}"


@dataclass(slots=True, eq=False)
class Group:
    """A security group. ``name`` is for reports. ``members``: interfaces that have it, certainly or possibly."""

    name: str
    vpc: Vpc
    resource: Resource | None
    ingress: list[Rule] = field(default_factory=list)
    referred: list[tuple[Group, Rule]] = field(default_factory=list)
    """Groups that inbound rules reference, with the rule."""
    strangers: list[tuple[str, Intervals | None, str]] = field(default_factory=list)
    """Groups outside of the input that inbound rules reference: (name, services, origin of the rule)."""
    egress: list[Rule] = field(default_factory=list)
    members: list[Nic] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return self.resource.urn if self.resource else self.vpc.resource.urn


@dataclass(slots=True, eq=False)
class Nic:
    """An elastic network interface. ``public`` by private address. ``checked``: the source/destination check;
    ``None``: unknown. ``arrival``: the stage after its groups. ``filtered`` is false if no group applies.
    """

    label: str
    resource: Resource
    subnet: Subnet
    addresses: list[int]
    arrival: str
    groups: tuple[Group, ...] = ()
    uncertainty: str = ""
    """Why it is unknown which of the groups apply."""
    filtered: bool = True
    checked: bool | None = True
    public: dict[int, list[int]] = field(default_factory=dict)
    public_uncertainty: str = ""
    """Why it is unknown whether it has the subnet's automatic public address."""
    faces_internet: bool | None = True
    """Whether it takes what an internet gateway sends to its IPv6 addresses; ``None``: unknown."""
    preserving: list[str] = field(default_factory=list)
    """Load balancers that preserve the client's address towards it: answers return through them."""

    @property
    def entry(self) -> str:
        """The stage for packets delivered to it, before its groups."""
        return f"interface {self.label} ingress"

    @property
    def out(self) -> str:
        """The stage for packets that it sends."""
        return f"interface {self.label} egress"

    @property
    def foreign(self) -> str:
        """The stage for packets to other destinations that a route sends to it."""
        return f"interface {self.label} forwarding"


@dataclass(slots=True, eq=False)
class Instance:
    """An instance: its interfaces with their devices, its routes, and its routes by source."""

    resource: Resource
    legs: list[tuple[Nic, str]]
    routes: list[tuple[Interval, str]]
    source_routes: list[tuple[int, Interval, str]]


@dataclass(slots=True)
class Cloud:
    """Everything that was read. Dictionaries are by URN, but ``tables`` by URN or, for an implied main table, by
    the VPC's.
    """

    index: Index
    fragment: Fragment
    announcements: dict[str, Intervals]
    vpcs: dict[str, Vpc] = field(default_factory=dict)
    subnets: dict[str, Subnet] = field(default_factory=dict)
    unseen_vpcs: dict[str, Vpc] = field(default_factory=dict)
    unseen_subnets: dict[str, Subnet] = field(default_factory=dict)
    """VPCs and subnets that are not among the resources, by id; they are in ``vpcs`` and ``subnets``, too."""
    tables: dict[str, Table] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    nics: dict[str, list[Nic]] = field(default_factory=dict)
    """Interfaces by the URN of the instance, interface, NAT gateway, load balancer or endpoint."""
    machines: list[Instance] = field(default_factory=list)
    edge_tables: dict[str, Table] = field(default_factory=dict)
    """Gateway route tables (ingress routing), by the gateway's URN."""
    zoned: dict[str, str] = field(default_factory=dict)
    """Stages that replace the route tables of subnets whose zone matters, by the subnet's URN."""
    attached: dict[str, Vpc] = field(default_factory=dict)
    """The attachments of gateways, by URN."""
    adopted: dict[Vpc, str] = field(default_factory=dict)
    """The ids of internet gateways that are not among the resources, by the VPC whose routes lead to them."""
    doubted: dict[str, str] = field(default_factory=dict)
    """Why it is unknown whether a gateway is still attached, by its URN."""
    peerings: dict[str, Peering] = field(default_factory=dict)
    accepters: dict[str, Resource] = field(default_factory=dict)
    """The peering that an accepter accepts, by the accepter's URN."""
    foreign_peerings: dict[str, str] = field(default_factory=dict)
    """Ids of peerings requested by another account and accepted here, by the accepter's URN."""
    connections: dict[str, Connection] = field(default_factory=dict)
    """VPN connections, by URN."""
    connections_of: dict[str, list[Connection]] = field(default_factory=dict)
    """The VPN connections of each VPN gateway, by its URN."""
    opened: set[tuple[str, str]] = field(default_factory=set)
    """Link ends of peerings, by key and side."""
    at: dict[int, list[Nic]] = field(default_factory=dict)
    """Interfaces by private address."""
    transit: Transit = field(init=False)
    """Set by ``transit.read``."""
    by_balancer: dict[str, tuple[Nic, Nic]] = field(default_factory=dict)
    """By stage: the node of a balancer and the target to which it sends with the client's address."""
    balancers: dict[str, Balancer] = field(default_factory=dict)
    registered: dict[str, list[tuple[Resource, int | None]]] = field(default_factory=dict)
    """Services whose interfaces are targets, with their port, by the URN of the target group."""
    balanced_elsewhere: dict[Nic, list[tuple[Intervals, str]]] = field(default_factory=dict)
    """Interfaces to which load balancers outside of the input may send: at which services, and what says so."""
    cuts: list[int] | None = None
    """The boundaries of all blocks in the input; ``None`` until first used."""
    elsewhere: dict[str, str] = field(default_factory=dict)
    """Associations of elastic addresses with things outside the input, by URN."""
    elastic: dict[str, int] = field(default_factory=dict)
    """Placeholders of elastic addresses, by URN."""
    lists: dict[str, list[Interval | None]] = field(default_factory=dict)
    """The entries of prefix lists; ``None`` for an unknown block."""
    taken: set[tuple[str, int]] = field(default_factory=set)
    """(URN of the VPC, private address) and (nothing, public address) that are in use."""
