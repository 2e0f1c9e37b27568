"""What the names in a query stand for: hosts, interfaces, ids, URNs and names of resources, blocks, the internet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from estate.errors import UsageError
from reachability import addresses, misnamed
from reachability.addresses import GLOBAL, AddressError, Intervals, contains, intersection, union
from reachability.frontends.gcp.interfaces import INSTANCES as GCP_INSTANCES
from reachability.network import INTERNET, Interface, Machine, Unmodelled
from reachability.prover import Arrival, Prover, Sender
from reachability.resources import UNKNOWN, Resource
from reachability.walk import Start

BLOCKS = ("cidrBlock", "ipCidrRange")
SUBNETS = (":Subnet", ":Subnetwork", ":DefaultSubnet", ":Vpc", ":DefaultVpc", ":VpcIpv4CidrBlockAssociation")
"""How the types end of resources whose block may hold machines of other stacks."""
INSTANCES = frozenset({"aws:ec2/instance:Instance", *GCP_INSTANCES, "aws:ec2/spotInstanceRequest:SpotInstanceRequest"})
"""The types of which every resource is a machine."""
EKS_CLUSTER = "aws:eks/cluster:Cluster"
PUBLIC_ADDRESSES = ("publicIp", "address")
ADDRESSES = ("publicIp", "privateIp")
PRIMARY = "primaryNetworkInterfaceId"
"""The property with the id of the interface that a cloud made together with an instance."""
INSTEAD = {
    "SecurityGroup": "a host with that group",
    "TargetGroup": "its load balancer, or a host that is its target",
    "Listener": "its load balancer, with --protocol and --port",
    "Firewall": "a host to which it applies",
    "NatGateway": "the hosts behind it",
}
"""What to ask about instead, by noun of the type."""
LISTED = 6
"""The maximum number of things that an error names."""


class QuestionError(UsageError):
    """The queried thing does not exist, is not the only one of its name, or does not send or receive packets."""


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a query. ``ends``: where packets are delivered, by name and optionally device. ``stages``: places
    that they must pass. ``destinations``: their destination addresses as sent. ``None`` means no restriction.

    ``unknown``: why something that is not among the resources may take packets there.
    """

    name: str
    ends: frozenset[tuple[str, str | None]] | None = None
    stages: frozenset[str] | None = None
    destinations: Intervals | None = None
    machine: Machine | None = None
    known_addresses: tuple[int, ...] = ()
    """Addresses of a target that is not a machine."""
    unknown: tuple[str, ...] = ()

    def takes(self, arrival: Arrival) -> bool:
        """Whether the arrival is at this target."""
        return self.ends is None or bool(self.ends & {(arrival.to, arrival.device), (arrival.to, None)})

    def unknown_to(self, sender: Sender) -> tuple[str, ...]:
        """``unknown``, unless the sender is the internet, from which no packet comes to a private address."""
        private = self.destinations is not None and not intersection(self.destinations, GLOBAL)
        return () if private and sender.name == INTERNET else self.unknown


@dataclass(frozen=True, slots=True)
class _Place:
    """One thing that a name may stand for: a machine, one interface of it, stages that packets to it pass, or a block.

    ``called``: its URN or the machine's name. ``unknown``: why it is not known where it is, if so.
    """

    called: str
    machine: Machine | None = None
    leg: Interface | None = None
    stages: tuple[str, ...] = ()
    block: Intervals | None = None
    unknown: tuple[str, ...] = ()

    @property
    def key(self) -> object:
        """Equal for two descriptions of the same place."""
        machine = self.machine.name if self.machine is not None else None
        return machine, self.leg.id if self.leg is not None else None, frozenset(self.stages), self.block, self.unknown

    def is_of(self, other: _Place) -> bool:
        """Whether this is an interface or an address of the other place, a machine."""
        if other.machine is None or other.leg is not None or self.key == other.key:
            return False
        if self.machine is not None:
            return self.machine is other.machine and self.leg is not None
        return self.block is not None and _is_point(self.block) and _owns(other.machine, self.block)


class Places:
    """Resolves names in queries. An id or URN comes before a name, a name before the ending of a host's name."""

    def __init__(self, prover: Prover, resources: Iterable[Resource]) -> None:
        self._prover = prover
        self._assembly = prover.assembly
        self._resources = tuple(resources)
        self._by_urn = {each.urn: each for each in self._resources}

    def label(self, name: str) -> str:
        """A sender or target as a person calls it: a URN as the resource's Name tag or name, with its id if another
        has that name too."""
        for urn in (name, name.rsplit(" ", 1)[0]):
            if urn in self._labels:
                return self._labels[urn] + name[len(urn) :]
        return name

    @cached_property
    def _labels(self) -> dict[str, str]:
        urns = [*self._assembly.machines, *self._unplaced]
        called = {urn: self._name(urn) for urn in urns if urn.startswith("urn:pulumi:")}
        count = Counter(called.values())
        for urn, name in called.items():
            if count[name] > 1:
                resource = self._by_urn.get(urn)
                id_ = resource.id if resource is not None and isinstance(resource.id, str) else urn
                called[urn] = f"{name} ({id_})"
        return called

    def _name(self, urn: str) -> str:
        machine = self._assembly.machines.get(urn)
        resource = self._by_urn.get(urn)
        own = machine.labels.get("Name") if machine is not None else None
        return own or (_tag(resource) if resource is not None else "") or urn.rsplit("::", 1)[-1]

    @cached_property
    def _unplaced(self) -> dict[str, tuple[str, ...]]:
        """By URN: why the place of each instance is not known that is no machine of the network."""
        placed = {name for machine in self._assembly.machines.values() for name in (machine.name, machine.origin)}
        missing = [each.urn for each in self._resources if each.type in INSTANCES and each.urn not in placed]
        return {
            urn: tuple(each for each in self._assembly.unmodelled if urn in each)
            or (f"{urn}: its place in the network is not known",)
            for urn in missing
        }

    def _place(self, resource: Resource) -> _Place | None:
        """The place of one resource in the network, if it has one."""
        urn = resource.urn
        for machine in self._assembly.machines.values():
            if urn in (machine.name, machine.origin):
                return _Place(machine.name, machine)
        for machine in self._assembly.machines.values():
            for leg in machine.interfaces:
                if urn in (leg.id, leg.origin):
                    return _Place(urn, machine, leg)
        if urn in self._assembly.names:
            return _Place(urn, stages=self._assembly.names[urn])
        if urn in self._unplaced:
            return _Place(urn, unknown=self._unplaced[urn])
        for key in (*BLOCKS, *PUBLIC_ADDRESSES):
            value = resource.properties.get(key)
            if isinstance(value, str):
                try:
                    return _Place(urn, block=(addresses.block(value),))
                except AddressError:
                    continue
        why = tuple(each for each in self._assembly.unmodelled if each.startswith(f"{urn}: "))
        if why and resource.type.rsplit(":", 1)[-1] not in INSTEAD:
            return _Place(urn, unknown=why)
        return None

    def _exactly(self, text: str) -> list[_Place]:
        """The places with this id or URN; if there are none, those with this name."""
        by_id: dict[object, _Place] = {}
        by_name: dict[object, _Place] = {}
        for machine in self._assembly.machines.values():
            whole = _Place(machine.name, machine)
            if text in (machine.name, machine.origin):
                by_id[whole.key] = whole
            elif text in machine.aliases:
                by_name[whole.key] = whole
            primary = self._by_urn.get(machine.origin)
            legs = [leg for leg in machine.interfaces if text == leg.id]
            if primary is not None and machine.interfaces and primary.properties.get(PRIMARY) == text:
                legs.append(machine.interfaces[0])
            for leg in legs:
                one = _Place(text, machine, leg)
                if text != machine.name:
                    by_id[one.key] = one
        for resource in self._resources:
            is_id = text in (resource.urn, resource.id, resource.properties.get("arn"))
            if is_id or text in (resource.name, resource.properties.get("name"), _tag(resource)):
                place = self._place(resource)
                if place is not None:
                    (by_id if is_id else by_name)[place.key] = place
        if not by_id and not by_name and text in self._assembly.names:
            named = _Place(text, stages=self._assembly.names[text])
            by_id[named.key] = named
        found = list((by_id or by_name).values())
        return [each for each in found if not any(each.is_of(other) for other in found)]

    def _find(self, text: str) -> _Place | None:
        """The one thing that a text stands for. Raises ``QuestionError`` if there are several."""
        found = self._exactly(text) if text else []
        if not found and not any(text == each.name for each in self._resources):
            found = [_Place(each.name, each) for each in self._assembly.machines.values() if _ends(each, text)]
        if len(found) > 1:
            names = sorted(each.called for each in found)
            more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
            raise QuestionError(
                f"{text!r} may be any of {', '.join(names[:LISTED])}{more}; "
                f"an answer is about one of them, so ask with its URN or id"
            )
        return found[0] if found else None

    @staticmethod
    def _written_block(text: str) -> Intervals | None:
        """The addresses of a CIDR block or address that is written out."""
        try:
            return (addresses.block(text),)
        except AddressError:
            return None

    def _addresses(self, text: str) -> Iterator[int]:
        """The public, then the private address in a resource's properties."""
        for each in self._resources:
            if text not in (each.urn, each.id, each.name):
                continue
            allocation = each.properties.get("allocationId")
            of_its_own = [owner for owner in self._resources if isinstance(allocation, str) and owner.id == allocation]
            values = [owner.properties.get("publicIp") for owner in of_its_own]
            for value in (*values, *(each.properties.get(key) for key in ADDRESSES)):
                if isinstance(value, str):
                    try:
                        yield addresses.address(value)
                    except AddressError:
                        continue

    def _nothing(self, text: str, does: str) -> QuestionError:
        for each in self._resources:
            if text in (each.urn, each.id, each.name):
                return QuestionError(
                    f"{text!r} is of type {each.type}, which {does} no packets; "
                    f"ask about {INSTEAD.get(each.type.rsplit(':', 1)[-1], 'a host, a subnet or a CIDR')}"
                )
        by_place: dict[tuple[str, ...], list[str]] = {}
        for name, stages in self._assembly.names.items():
            by_place.setdefault(stages, []).append(name)
        others = [misnamed.shortest(names) for names in by_place.values()]
        hosts = [self.label(each) for each in self._assembly.machines]
        known = dict.fromkeys((*hosts, *others, *self._assembly.outsides, INTERNET))
        return QuestionError(misnamed.explained(text, known))

    def sender(self, text: str) -> Sender:
        """Resolves a sender. Raises ``QuestionError``."""
        if text == INTERNET:
            return self._prover.internet()
        for name in (text, f"outside {text}"):
            if name in self._assembly.outsides:
                return self._prover.outside(name)
        block = self._written_block(text)
        if block is not None:
            return self._from_block(text, block)
        place = self._find(text)
        if place is None:
            for machine in self._assembly.machines.values():
                for device in machine.pools:
                    if text == f"{machine.name} {device}":
                        return self._prover.pool(machine.name, device)
            raise self._nothing(text, "sends")
        if place.machine is not None and place.leg is not None:
            own = union([(point, point) for point in place.leg.addresses])
            return Sender(place.machine.name, (Start(("send", place.machine.name), own),))
        if place.machine is not None:
            return self._prover.machine(place.machine.name)
        if place.block is not None:
            return self._from_block(text, place.block)
        if place.unknown:
            return Sender(place.called, (), place.unknown)
        raise self._nothing(text, "sends")

    def _from_block(self, text: str, block: Intervals) -> Sender:
        found = self._prover.at(block)
        starts = (*found.starts, *self._behind(block))
        known = any(isinstance(start.key, tuple) for start in starts)
        return Sender(text, starts, () if known else self._unknown(text, block, "sends from"))

    def _unknown(self, text: str, block: Intervals, does: str) -> tuple[str, ...]:
        """Why machines of other stacks may be at these addresses: they are of a subnet, and of no machine known."""
        holders = []
        for each in self._resources:
            for key in BLOCKS if each.type.endswith(SUBNETS) else ():
                value = each.properties.get(key)
                try:
                    low, high = addresses.block(value if isinstance(value, str) else "")
                except AddressError:
                    continue
                if intersection(((low, high),), block):
                    holders.append((high - low, each.urn))
        if not holders:
            return ()
        return (f"nothing among the resources {does} {text}; what else is in {min(holders)[1]} is not known",)

    def _behind(self, block: Intervals) -> Iterator[Start]:
        """Starts of machines to which a gateway maps one of these public addresses, as seen on arrival."""
        for machine in self._assembly.machines.values():
            own = [
                (point, point)
                for leg in machine.interfaces
                if any(contains(block, public) for public in leg.public)
                for point in leg.addresses
                if not contains(block, point)
            ]
            if own:
                yield Start(("send", machine.name), union(own))

    def target(self, text: str) -> Target:
        """Resolves a target. Raises ``QuestionError``."""
        if text == INTERNET or text in self._assembly.outsides:
            return Target(text, ends=frozenset({(text, None)}))
        if f"outside {text}" in self._assembly.outsides:
            return Target(f"outside {text}", ends=frozenset({(f"outside {text}", None)}))
        block = self._written_block(text)
        if block is not None:
            return self._to_block(text, block)
        place = self._find(text)
        if place is None:
            raise self._nothing(text, "takes")
        if place.machine is not None and place.leg is not None:
            points = (*place.leg.addresses, *place.leg.public)
            return self._interface(place.machine, place.leg.device, text, union([(p, p) for p in points]))
        if place.machine is not None:
            name, beside = place.machine.name, self._beside(place.machine)
            return Target(name, ends=frozenset({(name, None)}), machine=place.machine, unknown=beside)
        if place.block is not None:
            return self._to_block(text, place.block)
        if place.unknown:
            return _nowhere(place.called, place.unknown)
        return self._to_stages(text, place.stages)

    def _beside(self, machine: Machine) -> tuple[str, ...]:
        """Why a service may be reached in another way than at its interfaces: it has a public endpoint of its cloud's,
        outside of any network here."""
        resource = self._by_urn.get(machine.origin)
        if resource is None or resource.type != EKS_CLUSTER:
            return ()
        given = resource.properties.get("vpcConfig")
        if isinstance(given, (list, tuple)) and len(given) == 1:
            (given,) = given
        public = given.get("endpointPublicAccess") if isinstance(given, dict) else UNKNOWN
        if public is False:
            return ()
        return (f"{resource.urn}: its public endpoint is outside of its VPC, and what reaches it is not modelled",)

    def _to_stages(self, name: str, stages: tuple[str, ...]) -> Target:
        found = [self._assembly.stages.get(each) for each in stages]
        reasons = tuple(each.reason for each in found if isinstance(each, Unmodelled))
        if len(reasons) == len(found):
            return _nowhere(name, reasons)
        return Target(name, stages=frozenset(stages), known_addresses=tuple(self._addresses(name)))

    def _to_block(self, text: str, block: Intervals) -> Target:
        owners = [machine for machine in self._assembly.machines.values() if _owns(machine, block)]
        owner = owners[0] if owners and _is_point(block) else None
        unknown = () if owners else self._unknown(text, block, "has an address in")
        return Target(text, destinations=block, machine=owner, unknown=unknown)

    @staticmethod
    def _interface(machine: Machine, device: str, name: str, own: Intervals) -> Target:
        return Target(name, ends=frozenset({(machine.name, None)}), destinations=own, machine=machine)

    def hold(self, block: Intervals) -> bool:
        """Whether something here has one of these addresses, or a resource is such an address."""
        if intersection(block, union(self._assembly.public, self._assembly.own)):
            return True
        if any(_owns(machine, block) for machine in self._assembly.machines.values()):
            return True
        held = (each.properties.get(key) for each in self._resources for key in PUBLIC_ADDRESSES)
        for value in held:
            try:
                if isinstance(value, str) and contains(block, addresses.address(value)):
                    return True
            except AddressError:
                continue
        return False

    def everyone(self) -> tuple[Sender, ...]:
        """Every sender of the matrix, those whose place is unknown too."""
        nowhere = [Sender(urn, (), reasons) for urn, reasons in sorted(self._unplaced.items())]
        return (*self._prover.senders(), *nowhere)

    def everything(self) -> Iterator[Target]:
        """Every target of the matrix: each interface of each machine, machines whose place is unknown, the internet,
        and the external networks."""
        for name in sorted(self._assembly.machines):
            machine = self._assembly.machines[name]
            for leg in machine.interfaces:
                own = union([(point, point) for point in (*leg.addresses, *leg.public)])
                label = name if len(machine.interfaces) == 1 else f"{name} {leg.device}"
                yield self._interface(machine, leg.device, label, own)
        for urn, reasons in sorted(self._unplaced.items()):
            yield _nowhere(urn, reasons)
        for name in (*sorted(self._assembly.outsides), INTERNET):
            yield Target(name, ends=frozenset({(name, None)}))


def _nowhere(name: str, reasons: tuple[str, ...]) -> Target:
    """The target of a name whose place is not known: nothing is known to arrive there."""
    return Target(name, ends=frozenset(), unknown=reasons)


def _tag(resource: Resource) -> str:
    """The Name tag, empty if there is none."""
    for key in ("tags", "tagsAll", "labels"):
        tags = resource.properties.get(key)
        if isinstance(tags, dict):
            for name in ("Name", "name"):
                if isinstance(tags.get(name), str):
                    return str(tags[name])
    return ""


def _ends(machine: Machine, text: str) -> bool:
    """Whether a host's name is the text behind a network's name; a URN is no such name."""
    return bool(text) and not machine.name.startswith("urn:") and machine.name.endswith(f"-{text}")


def _is_point(block: Intervals) -> bool:
    return len(block) == 1 and block[0][0] == block[0][1]


def _owns(machine: Machine, block: Intervals) -> bool:
    return any(contains(block, point) for leg in machine.interfaces for point in (*leg.addresses, *leg.public))
