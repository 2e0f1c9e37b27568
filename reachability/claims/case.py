"""The input of a claim's check: one network's declaration, and the prover for everything to be deployed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from estate.model import Network, Role
from estate.plan.hosts import Host, hosts
from estate.plan.topology import ForwardRule, Topology
from reachability import services
from reachability.addresses import Intervals, intersection, union
from reachability.claims.places import Failures
from reachability.claims.plan import Permitted, essentials, permitted
from reachability.claims.sets import Allowance
from reachability.coverage import NOTHING, Coverage, coverage
from reachability.frontends.aws_tokens import known_as
from reachability.network import INTERNET, Arrive, Check, Machine, Rule
from reachability.prover import Arrival, Prover, Sender
from reachability.resources import Resource
from reachability.walk import Start


class Estate:
    """Everything that is proved together: one prover, and its declared networks.

    Each sender is walked once for all claims of all networks. ``listening``: by host, the TCP ports on which its
    node is configured to listen on the network, where that is known.
    """

    def __init__(
        self,
        prover: Prover,
        networks: Iterable[Network],
        resources: Iterable[Resource] = (),
        listening: Mapping[str, Iterable[int]] | None = None,
    ) -> None:
        self.prover = prover
        self._stacks: dict[str, str] = {}
        self.networks = tuple(networks)
        self.resources = tuple(resources)
        self.listening = {
            name: union([services.of(services.TCP, port, port) for port in ports])
            for name, ports in (listening or {}).items()
        }

    @cached_property
    def senders(self) -> dict[str, Sender]:
        """Every sender that can open connections, by name.

        A sender in an external network behind a link may use any source address, but can open a connection only
        from one to which some route of the estate leads back through the link.
        """
        senders = {sender.name: sender for sender in self.prover.senders()}
        for name, end in self.prover.assembly.outsides.items():
            sources = intersection(end.sources, self.prover.answered[name])
            senders[name] = Sender(name, (Start(end.entry, sources),) if sources else ())
        return senders

    @cached_property
    def inbound(self) -> dict[str, tuple[tuple[Sender, Arrival], ...]]:
        """The arrivals of all senders, by destination name."""
        found: dict[str, list[tuple[Sender, Arrival]]] = {}
        for sender in self.senders.values():
            for arrival in self.prover.arrivals(sender):
                found.setdefault(arrival.to, []).append((sender, arrival))
        return {to: tuple(arrivals) for to, arrivals in found.items()}

    @cached_property
    def hosts(self) -> dict[str, tuple[Host, ...]]:
        """The declared hosts, by network."""
        return {network.name: hosts(network) for network in self.networks}

    @cached_property
    def owners(self) -> dict[str, str]:
        """By host name: the network that declares it."""
        return {host.name: network for network, members in self.hosts.items() for host in members}

    @cached_property
    def unmodelled(self) -> tuple[str, ...]:
        """Why the arrivals of all senders may be incomplete."""
        return tuple(
            dict.fromkeys(reason for sender in self.senders.values() for reason in self.prover.unmodelled(sender))
        )

    @cached_property
    def of_types(self) -> dict[tuple[str, str], tuple[Resource, ...]]:
        """The resources by type, under the token by which it is known, and network; those outside any network's stack
        under an empty name."""
        names = {network.name for network in self.networks}
        found: dict[tuple[str, str], list[Resource]] = {}
        for resource in self.resources:
            owner = stack(resource.urn)
            found.setdefault((known_as(resource.type), owner if owner in names else ""), []).append(resource)
        return {key: tuple(members) for key, members in found.items()}

    @cached_property
    def undeclared(self) -> dict[str, tuple[Machine, ...]]:
        """The undeclared machines, by the network whose stack contains them."""
        names = {network.name for network in self.networks}
        found: dict[str, list[Machine]] = {}
        for name, machine in sorted(self.prover.assembly.machines.items()):
            if name not in self.owners:
                owner = stack(machine.origin or name)
                found.setdefault(owner if owner in names else "", []).append(machine)
        return {owner: tuple(machines) for owner, machines in found.items()}

    @cached_property
    def group_checks(self) -> dict[str, tuple[Check, ...]]:
        """By machine: the stateful filters for packets that enter its interfaces."""
        stages = self.prover.assembly.stages
        found: dict[str, list[Check]] = {}
        for stage in stages.values():
            if isinstance(stage, Check) and stage.device:
                last = stages.get(stage.then)
                if isinstance(last, Arrive):
                    found.setdefault(last.machine, []).append(stage)
        return {machine: tuple(checks) for machine, checks in found.items()}

    def owner_of_rule(self, place: str, rule: Rule) -> str:
        """The network to whose stack or host a rule belongs; empty if unknown."""
        owner = self.owners.get(place) or self._stacks.get(rule.origin)
        if owner is None:
            owner = self._stacks[rule.origin] = stack(rule.origin)
        return owner

    @cached_property
    def coverage(self) -> dict[str, Coverage]:
        """By network: which of its rules decided some packet of any sender."""
        return coverage(self.prover, self.senders.values(), self.owner_of_rule)

    @cached_property
    def _without(self) -> dict[frozenset[str], Prover]:
        return {frozenset(): self.prover}

    def without(self, out_of_order: Iterable[str]) -> Prover:
        """The same estate with some machines and stages failed."""
        names = frozenset(out_of_order)
        prover = self._without.get(names)
        if prover is None:
            prover = self._without[names] = self.prover.without(names)
        return prover

    @cached_property
    def failures(self) -> Failures:
        """The machines and stages that fail with a place."""
        return Failures(self.resources, self.prover.assembly)

    def case(self, network: Network) -> Case:
        return Case(self, network)


class Case:
    """One network of an estate. Records the senders that are queried: a claim depends on their walks."""

    def __init__(self, estate: Estate, network: Network) -> None:
        self.estate = estate
        self.network = network
        self.prover = estate.prover
        self.everyone = estate.hosts[network.name]
        self._consulted: dict[Sender, None] = {}
        self._consulted_all = False
        self._asked: dict[Sender, None] = {}
        self._asked_all = False
        self._essentials: dict[str, tuple[tuple[Allowance, ...], tuple[Allowance, ...]]] = {}
        self._forwarded: dict[str, tuple[ForwardRule, ...]] = {}

    def hosts(self, *roles: Role) -> tuple[Host, ...]:
        """The declared hosts of these roles, or all hosts, sorted by name."""
        return tuple(host for host in self.everyone if not roles or host.role in roles)

    def essentials(self, host: Host) -> tuple[tuple[Allowance, ...], tuple[Allowance, ...]]:
        """The essential services of a host besides the topology's flows: inbound and outbound."""
        known = self._essentials.get(host.name)
        if known is None:
            known = self._essentials[host.name] = essentials(self.network, host)
        return known

    @cached_property
    def named(self) -> dict[str, Host]:
        return {host.name: host for host in self.everyone}

    @cached_property
    def topology(self) -> Topology:
        """The network's hosts and flows."""
        return Topology(self.network)

    @cached_property
    def permitted(self) -> dict[str, Permitted]:
        """By host: what the topology permits."""
        return permitted(self.topology)

    def machine(self, name: str) -> Machine | None:
        """The machine that is deployed as this host; ``None`` if there is none."""
        return self.prover.assembly.machines.get(name)

    @cached_property
    def undeclared(self) -> tuple[Machine, ...]:
        """Undeclared machines in this network's stack, or in no known stack."""
        found = self.estate.undeclared
        return (*found.get(self.network.name, ()), *found.get("", ()))

    def forwarded(self, site: str) -> tuple[ForwardRule, ...]:
        """The forwarding rules of a site's edges according to the topology."""
        known = self._forwarded.get(site)
        if known is None:
            known = self._forwarded[site] = self.topology.forwarded(site)
        return known

    @property
    def failures(self) -> Failures:
        return self.estate.failures

    def groups_in(self, machine: Machine) -> tuple[Check, ...]:
        """The security groups' filters for packets that enter a machine's interfaces."""
        return self.estate.group_checks.get(machine.name, ())

    def groups_out(self, machine: Machine) -> list[Check]:
        """The security groups' filters for packets that leave through a machine's interfaces."""
        stages = self.prover.assembly.stages
        found = []
        for leg in machine.interfaces:
            name, seen = leg.out, set[str]()
            while isinstance(stage := stages.get(name), Check) and name not in seen:
                seen.add(name)
                if stage.device:
                    found.append(stage)
                name = stage.then
        return found

    def without(self, out_of_order: Iterable[str]) -> Prover:
        """The estate with some machines and stages failed."""
        return self.estate.without(out_of_order)

    def resources(self, type_: str) -> tuple[Resource, ...]:
        """The resources of a type in this network's stack, or in no known stack."""
        found = self.estate.of_types
        return (*found.get((type_, self.network.name), ()), *found.get((type_, ""), ()))

    def coverage(self) -> Coverage:
        """Which of the network's rules decided a packet of the senders that the claims queried."""
        all_senders = self._asked_all and not self._asked.keys() - set(self.estate.senders.values())
        found = self.estate.coverage if all_senders else coverage(self.prover, self._asked, self.estate.owner_of_rule)
        return found.get(self.network.name, NOTHING).joined(found.get("", NOTHING))

    def sender(self, name: str) -> Sender | None:
        return self.estate.senders.get(name)

    @cached_property
    def internet(self) -> Sender:
        return self.estate.senders[INTERNET]

    def arrivals(self, sender: Sender) -> tuple[Arrival, ...]:
        """All arrivals of a sender's new packets."""
        self._consulted[sender] = None
        return self.prover.arrivals(sender)

    def arrivals_at(self, sender: Sender, to: str) -> tuple[Arrival, ...]:
        """The arrivals of a sender's new packets at one place."""
        return tuple(each for each in self.arrivals(sender) if each.to == to)

    def depends_on(self, sender: Sender) -> None:
        """Records that the claim depends on a sender's walk."""
        self._consulted[sender] = None

    def inbound(self, name: str) -> tuple[tuple[Sender, Arrival], ...]:
        """The packets of all senders that may reach a machine."""
        self._consulted_all = True
        return self.estate.inbound.get(name, ())

    def certain(
        self,
        sender: Sender,
        arrival: Arrival,
        *,
        services: Intervals | None = None,
        destinations: Intervals | None = None,
        received: Intervals | None = None,
    ) -> bool:
        """Whether such a packet arrives for every possible value of the unknowns."""
        if not self.prover.assembly.uncertain:
            return True
        return any(
            each.packet(services=services, destinations=destinations, received=received) is not None
            for each in self.prover.arrivals(sender, may=False)
            if (each.to, each.device) == (arrival.to, arrival.device)
        )

    def begin(self) -> None:
        """Starts another claim: the senders queried so far count for coverage only."""
        self._asked |= self._consulted
        self._asked_all |= self._consulted_all
        self._consulted, self._consulted_all = {}, False

    def reasons(self) -> tuple[str, ...]:
        """What is not modelled on the walks of the queried senders."""
        if self._consulted_all and self._consulted.keys() <= set(self.estate.senders.values()):
            return self.estate.unmodelled
        known = self.estate.unmodelled if self._consulted_all else self.prover.assembly.unmodelled
        found = dict.fromkeys(known)
        for sender in self._consulted:
            found |= dict.fromkeys(self.prover.unmodelled(sender))
        return tuple(found)


def stack(urn: str) -> str:
    """The stack name in a URN; empty if the text is not a URN."""
    parts = urn.split("::")
    return parts[0].removeprefix("urn:pulumi:") if len(parts) > 1 and urn.startswith("urn:pulumi:") else ""
