"""What becomes of one packet: followed step by step through the providers' rules, with no sets and no sharing.

Where the network may choose (equal routes, targets of a load balancer), every choice is followed. ``simulate`` gives
one ``Run`` a choice; ``replies`` sends the answer of a run back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from reachability import addresses, services
from reachability.addresses import GLOBAL, contains
from reachability.subject import Subject
from verification.oracles.facts import Facts, GcpRule, Nic, TableRoute
from verification.oracles.netfilter import Chain, Ruleset, Test, first_state

MOST_STEPS = 60
NAT_PROTOCOLS = frozenset({services.TCP, services.UDP, services.ICMP})


@dataclass(frozen=True)
class Packet:
    """``service`` and addresses on their axes."""

    source: int
    destination: int
    service: int
    source_port: int = 40000

    def __str__(self) -> str:
        return (
            f"{addresses.text(self.source)}:{self.source_port} -> {addresses.text(self.destination)} "
            f"{services.text(self.service)}"
        )


@dataclass(frozen=True)
class Start:
    """``kind``: machine, internet, pool. ``device``: of the pool."""

    kind: str
    name: str = ""
    device: str = ""


@dataclass(frozen=True)
class Way:
    """What happened so far. ``tracked``: connection tables that know the connection. ``changes``: what each device made
    of the packet (device, before, after). ``session``: the way of the packet that this one answers.
    """

    hops: tuple[str, ...] = ()
    tracked: frozenset[str] = frozenset()
    changes: tuple[tuple[str, Packet, Packet], ...] = ()
    seen: frozenset[tuple[str, Packet]] = frozenset()
    session: Way | None = None

    def hop(self, text: str) -> Way:
        return replace(self, hops=(*self.hops, text))

    def track(self, table: str) -> Way:
        return replace(self, tracked=self.tracked | {table})

    def change(self, device: str, before: Packet, after: Packet) -> Way:
        return replace(self, changes=(*self.changes, (device, before, after)))

    def knows(self, table: str) -> bool:
        return self.session is not None and table in self.session.tracked


@dataclass(frozen=True)
class Run:
    """``outcome``: delivered or dropped. ``to``: a machine, ``internet`` or ``pool <machine> <device>``."""

    outcome: str
    to: str
    packet: Packet
    way: Way
    device: str = ""


class Simulator:
    """Follows packets through one subject."""

    def __init__(self, subject: Subject | Facts) -> None:
        self.facts = subject if isinstance(subject, Facts) else Facts(subject)
        self._edges = sorted(self._boundaries())

    def _boundaries(self) -> set[int]:
        """Addresses at which the verdict of some rule changes: enough to represent the unknown address of a node."""
        found: set[int] = set()
        for group in self.facts.groups.values():
            for rule in (*group.ingress, *group.egress):
                found.update(edge for block in rule.blocks for edge in (block[0], block[1] + 1))
        for sides in self.facts.acls.values():
            found.update(edge for side in sides for e in side for edge in (e.block[0], e.block[1] + 1))
        for host in self.facts.hosts.values():
            for chain in host.rules.chains.values() if host.rules else ():
                for statement in chain.statements:
                    for test in statement.tests:
                        if test.field in ("source", "destination"):
                            found.update(edge for low, high in test.values for edge in (low, high + 1))
        return found

    # -- who sends

    def simulate(self, start: Start, packet: Packet) -> list[Run]:
        """Every run that the network's choices allow for a new packet."""
        way = Way()
        if start.kind == "internet":
            return list(self.internet(packet, way))
        if start.kind == "pool":
            return list(self.arrive(start.name, start.device, packet, way))
        return list(self.send(start.name, packet, way))

    def replies(self, start: Start, packet: Packet, run: Run) -> list[Run]:
        """The runs of the answer to what ``run`` delivered."""
        got = run.packet
        number, detail = services.number(got.service), got.service & 0xFFFF
        if number in services.WITH_PORTS:
            answer = Packet(got.destination, got.source, number << 16 | got.source_port, detail)
        else:
            answer = Packet(got.destination, got.source, got.service, got.source_port)
        way = Way(session=run.way)
        if run.to == "internet":
            return list(self.internet(answer, way))
        if run.to.startswith("pool "):
            _, name, device = run.to.split(" ", 2)
            return list(self.arrive(name, device, answer, way))
        return list(self.send(run.to, answer, way))

    # -- helpers

    def dropped(self, packet: Packet, way: Way, why: str) -> Iterator[Run]:
        yield Run("dropped", "", packet, way.hop(why))

    def repeated(self, place: str, packet: Packet, way: Way) -> Way | None:
        if (place, packet) in way.seen or len(way.seen) > MOST_STEPS:
            return None
        return replace(way, seen=way.seen | {(place, packet)})

    @staticmethod
    def reverse(packet: Packet) -> Packet:
        number, detail = services.number(packet.service), packet.service & 0xFFFF
        if number in services.WITH_PORTS:
            return Packet(packet.destination, packet.source, number << 16 | packet.source_port, detail)
        return Packet(packet.destination, packet.source, packet.service, packet.source_port)

    def undone(self, device: str, packet: Packet, way: Way) -> Packet | None:
        """What the answer becomes at a device that changed the question."""
        for owner, before, after in reversed(way.session.changes if way.session else ()):
            if owner == device and self.reverse(after) == packet:
                return self.reverse(before)
        return None

    @staticmethod
    def state(name: str, packet: Packet, way: Way) -> str:
        if way.session is not None:
            return "established" if way.knows(name) else "invalid"
        return first_state(packet.service, packet.destination >= addresses.V6)

    # -- machines

    def send(self, name: str, packet: Packet, way: Way) -> Iterator[Run]:
        """A process on the machine sends: output, postrouting, and out."""
        host = self.facts.hosts[name]
        way = way.hop(f"{name} sends {packet}")
        out_devices = self.ways_out(name, packet)
        if not out_devices:
            yield from self.dropped(packet, way, f"{name} has no route")
        for device in out_devices:
            found = self.output(host.rules, name, device, packet, way)
            if found is None:
                yield from self.dropped(packet, way, f"{name} output drops")
                continue
            changed, onward = found
            for other in self.ways_out(name, changed) if changed.destination != packet.destination else [device]:
                yield from self.post(name, "", other, changed, onward)

    def output(
        self, rules: Ruleset | None, name: str, device: str, packet: Packet, way: Way
    ) -> tuple[Packet, Way] | None:
        state = self.state(name, packet, way)
        if rules is not None:
            for chain in rules.base("output", "filter"):
                if not self.passes(rules, chain, packet, "", device, state, translated=False):
                    return None
            if state == "new":
                for chain in rules.base("output", "nat"):
                    verdict, changed = self.translate(rules, chain, packet, "", device, own=None)
                    if verdict == "drop":
                        return None
                    if changed != packet:
                        way = way.change(name, packet, changed)
                        packet = changed
        return packet, way.track(name)

    def arrive(self, name: str, device: str, packet: Packet, way: Way) -> Iterator[Run]:
        """A packet comes in at a device: prerouting, then input, or forward and out."""
        again = self.repeated(f"{name}/{device}", packet, way)
        if again is None:
            yield from self.dropped(packet, way, "loop")
            return
        way = again.hop(f"{name} {device} receives {packet}")
        host = self.facts.hosts[name]
        rules = host.rules
        known = way.knows(name)
        state = self.state(name, packet, way)
        original = packet
        translated = False
        if rules is not None:
            bases = sorted(
                rules.base("prerouting", "filter") + rules.base("prerouting", "nat"), key=lambda each: each.priority
            )
            for chain in bases:
                if chain.kind == "nat":
                    if state != "new":
                        continue
                    own = self.device_address(name, device, packet)
                    verdict, packet = self.translate(rules, chain, packet, device, "", own)
                    translated = packet.destination != original.destination or packet.service != original.service
                    if verdict == "drop":
                        yield from self.dropped(packet, way, f"{name} {chain.name} drops")
                        return
                elif not self.passes(rules, chain, packet, device, "", state, translated):
                    yield from self.dropped(packet, way, f"{name} {chain.name} drops")
                    return
        if known:
            packet = self.undone(name, packet, way) or packet
        if packet != original and not known:
            way = way.change(name, original, packet)
        if packet.destination in self.facts.own_addresses(name):
            if rules is not None:
                for chain in rules.base("input", "filter"):
                    if not self.passes(rules, chain, packet, device, "", state, translated):
                        yield from self.dropped(packet, way, f"{name} {chain.name} drops")
                        return
            yield Run("delivered", name, packet, way.track(name).hop(f"{name} takes it"), device)
            return
        if not host.forwards:
            yield from self.dropped(packet, way, f"{name} does not forward")
            return
        devices = self.ways_out(name, packet)
        if not devices:
            yield from self.dropped(packet, way, f"{name} has no route")
        for out in devices:
            verdict = True
            for chain in rules.base("forward", "filter") if rules is not None else ():
                if not self.passes(rules, chain, packet, device, out, state, translated):
                    yield from self.dropped(packet, way, f"{name} {chain.name} drops")
                    verdict = False
                    break
            if verdict:
                yield from self.post(name, device, out, packet, way.track(name))

    def post(self, name: str, came: str, device: str, packet: Packet, way: Way) -> Iterator[Run]:
        rules = self.facts.hosts[name].rules
        state = self.state(name, packet, way)
        if way.session is not None and not came:
            packet = self.undone(name, packet, way) or packet
        if rules is not None:
            bases = sorted(
                rules.base("postrouting", "filter") + rules.base("postrouting", "nat"), key=lambda each: each.priority
            )
            for chain in bases:
                if chain.kind != "nat":
                    if not self.passes(rules, chain, packet, "", device, state, translated=False):
                        yield from self.dropped(packet, way, f"{name} {chain.name} drops")
                        return
                elif state == "new":
                    own = self.device_address(name, device, packet)
                    verdict, changed = self.translate(rules, chain, packet, "", device, own)
                    if verdict == "drop":
                        yield from self.dropped(packet, way, f"{name} {chain.name} drops")
                        return
                    if changed != packet:
                        way = way.change(name, packet, changed)
                        packet = changed
        yield from self.out(name, device, packet, way)

    def device_address(self, name: str, device: str, packet: Packet) -> int | None:
        """The address that masquerade and redirect take: the device's first of the packet's family."""
        v6 = packet.destination >= addresses.V6
        if name in self.facts.servers:
            server = self.facts.servers[name]
            held = [a for leg in server.legs if leg.device == device for a in leg.addresses]
            held += [end.address for end in server.tunnels if end.device == device]
        else:
            held = [
                a
                for n in self.facts.hosts[name].nics
                for a in self.facts.nics[n].addresses
                if self.facts.nics[n].device == device
            ]
        return next((a for a in held if (a >= addresses.V6) == v6), None)

    def ways_out(self, name: str, packet: Packet) -> list[str]:
        host = self.facts.hosts[name]
        for device, pool in host.pools.items():
            if contains(pool, packet.destination):
                return [device]
        routes, policy = self.facts.own_routes(name)
        special = [
            (high - low, device)
            for source, (low, high), device in policy
            if source == packet.source and low <= packet.destination <= high
        ]
        found = special or [(high - low, d) for (low, high), d in routes if low <= packet.destination <= high]
        best = min((size for size, _ in found), default=None)
        return list(dict.fromkeys(device for size, device in found if size == best))

    def out(self, name: str, device: str, packet: Packet, way: Way) -> Iterator[Run]:
        host = self.facts.hosts[name]
        if device in host.pools:
            yield Run("delivered", f"pool {name} {device}", packet, way, device)
            return
        if name in self.facts.servers:
            yield from self.site_out(name, device, packet, way)
            return
        nic = next(self.facts.nics[n] for n in host.nics if self.facts.nics[n].device == device)
        yield from (self.gcp_out if nic.cloud == "gcp" else self.nic_out)(nic, packet, way)

    # -- nftables

    def fits(self, test: Test, packet: Packet, came: str, leaves: str, state: str, translated: bool) -> bool:
        match test.field:
            case "in":
                found = came in test.values
            case "out":
                found = leaves in test.values
            case "source":
                found = contains(test.values, packet.source)
            case "destination":
                found = contains(test.values, packet.destination)
            case "service":
                found = contains(test.values, packet.service)
            case "source_port":
                found = contains(test.values, packet.source_port)
            case "state":
                found = state in test.values
            case "translated":
                found = translated
            case _:
                return True
        return found != test.negated

    def verdict(
        self, rules: Ruleset, chain: Chain, packet: Packet, came: str, leaves: str, state: str, translated: bool
    ) -> tuple[str, object]:
        """``accept``, ``drop``, ``none`` (ran out), or a translation with its statement."""
        for statement in chain.statements:
            if not all(self.fits(test, packet, came, leaves, state, translated) for test in statement.tests):
                continue
            if any(test.field == "may" for test in statement.tests) and statement.verdict != "accept":
                continue
            match statement.verdict:
                case "":
                    continue
                case "accept" | "drop":
                    return statement.verdict, statement
                case "return":
                    return "none", None
                case "jump" | "goto":
                    found = self.verdict(rules, rules.chains[statement.chain], packet, came, leaves, state, translated)
                    if found[0] != "none" or statement.verdict == "goto":
                        return found
                case _:
                    return statement.verdict, statement
        return "none", None

    def passes(
        self, rules: Ruleset, chain: Chain, packet: Packet, came: str, leaves: str, state: str, translated: bool
    ) -> bool:
        if chain.family == "ip" and packet.destination >= addresses.V6:
            return True
        if chain.family == "ip6" and packet.destination < addresses.V6:
            return True
        verdict, _ = self.verdict(rules, chain, packet, came, leaves, state, translated)
        return (chain.policy if verdict == "none" else verdict) == "accept"

    def translate(
        self, rules: Ruleset, chain: Chain, packet: Packet, came: str, leaves: str, own: int | None
    ) -> tuple[str, Packet]:
        v6 = packet.destination >= addresses.V6
        if (chain.family == "ip" and v6) or (chain.family == "ip6" and not v6):
            return "accept", packet
        verdict, statement = self.verdict(rules, chain, packet, came, leaves, "new", False)
        if verdict in ("accept", "drop", "none"):
            return (chain.policy if verdict == "none" else verdict), packet
        number = services.number(packet.service)
        port = statement.port if number in services.WITH_PORTS else None
        if verdict in ("dnat", "redirect"):
            to = statement.address if verdict == "dnat" else own
            to = packet.destination if to is None else to
            service = packet.service if port is None else number << 16 | port
            return "accept", replace(packet, destination=to, service=service)
        source = statement.address if verdict == "snat" else own
        if source is None:
            return "drop", packet
        return "accept", replace(packet, source=source, source_port=packet.source_port if port is None else port)

    # -- datacentres

    def site_out(self, name: str, device: str, packet: Packet, way: Way) -> Iterator[Run]:
        server = self.facts.servers[name]
        for end in server.tunnels:
            if end.device == device:
                yield from self.tunnel_to_cloud(end.key, packet, way)
                return
        leg = next((leg for leg in server.legs if leg.device == device), None)
        if leg is None:
            yield from self.dropped(packet, way, f"{name} has no device {device}")
            return
        site = self.facts.site_of[name]
        segment = self.facts.segments[site, leg.segment]
        on_link = self.on_link(site, leg.segment, packet.destination)
        blocks = [segment.block] + ([segment.public] if segment.public else [])
        if on_link or contains(addresses.union(blocks), packet.destination):
            if not on_link:
                yield from self.dropped(packet, way, f"nobody on {leg.segment} has the address")
            for other, its in on_link:
                yield from self.arrive(other, its, packet, way)
            return
        gateways = [
            (other.name, each.device)
            for other in self.facts.servers.values()
            if self.facts.site_of[other.name] == site and other.name in segment.gateways
            for each in other.legs
            if each.segment == leg.segment
        ]
        if name not in segment.gateways and gateways:
            for other, its in gateways:
                yield from self.arrive(other, its, packet, way)
        elif segment.uplink and segment.public and segment.public[0] <= packet.source <= segment.public[1]:
            yield from self.internet(packet, way)
        else:
            yield from self.dropped(packet, way, f"nothing beyond {leg.segment}")

    def on_link(self, site: str, segment: str, point: int) -> list[tuple[str, str]]:
        return [
            (server.name, leg.device)
            for server in self.facts.servers.values()
            if self.facts.site_of[server.name] == site
            for leg in server.legs
            if leg.segment == segment and point in leg.addresses
        ]

    def tunnel_to_cloud(self, key: str, packet: Packet, way: Way) -> Iterator[Run]:
        for vpn in self.facts.vpns:
            if key in vpn.tunnels:
                vpc = self.facts.vpn_gateways.get(vpn.gateway, "")
                yield from self.vpc_in(vpc, packet, way.hop(f"{key} into {vpc}"))
                return
        yield from self.dropped(packet, way, f"{key} ends nowhere")

    # -- the internet

    def internet(self, packet: Packet, way: Way) -> Iterator[Run]:
        point = packet.destination
        if not contains(GLOBAL, point):
            yield from self.dropped(packet, way, "the internet does not carry it")
            return
        session = way.session
        if point in self.facts.public:
            nic_id, private = self.facts.public[point]
            nic = self.facts.nics[nic_id]
            way = way.hop(f"{addresses.text(point)} is {nic_id}")
            if nic.cloud == "gcp":
                yield from self.gcp_in(nic, replace(packet, destination=private), way)
            elif nic.vpc not in self.facts.internet_gateways.values():
                yield from self.dropped(packet, way, f"{nic.vpc} has no internet gateway")
            elif private < 0:
                yield from self.node_in(nic, packet, way)
            else:
                yield from self.vpc_in(nic.vpc, replace(packet, destination=private), way)
            return
        for nat in self.facts.gcp_nats:
            if point in nat.addresses:
                before = self.undone(nat.name, packet, way)
                if before is None:
                    yield from self.dropped(packet, way, f"{nat.name} knows no such connection")
                    return
                holder = self.facts.holders.get((nat.network, before.destination))
                yield from self.gcp_in(self.facts.nics[holder], before, way)
                return
        for vpc in self.facts.vpcs.values():
            if point >= addresses.V6 and contains(addresses.union(vpc.blocks), point):
                held = self.facts.nics.get(self.facts.holders.get((vpc.id, point), ""))
                if held is not None and held.internal:
                    yield from self.dropped(packet, way, f"{held.id} is internal")
                elif (
                    vpc.id in self.facts.internet_gateways.values()
                    or session is not None
                    and f"eigw {vpc.id}" in session.tracked
                ):
                    yield from self.vpc_in(vpc.id, packet, way)
                else:
                    yield from self.dropped(packet, way, f"{vpc.id} has no internet gateway")
                return
        for (site, name), segment in self.facts.segments.items():
            if segment.uplink and segment.public and segment.public[0] <= point <= segment.public[1]:
                found = self.on_link(site, name, point)
                if not found:
                    yield from self.dropped(packet, way, f"nobody on {name} has the address")
                for server, device in found:
                    yield from self.arrive(server, device, packet, way)
                return
        yield Run("delivered", "internet", packet, way)

    # -- AWS

    def group_allows(
        self, groups: tuple[str, ...], egress: bool, packet: Packet, balancer: tuple[str, ...] = ()
    ) -> bool:
        peer = packet.destination if egress else packet.source
        for id_ in groups:
            group = self.facts.groups.get(id_)
            if group is None:
                continue
            for rule in group.egress if egress else group.ingress:
                if not contains(rule.services, packet.service):
                    continue
                if contains(rule.blocks, peer):
                    return True
                if any(contains(self.facts.members.get(g, ()), peer) or g in balancer for g in rule.groups):
                    return True
        return False

    def acl_allows(self, subnet: str, egress: bool, packet: Packet) -> bool:
        peer = packet.destination if egress else packet.source
        for entry in self.facts.acls[self.facts.subnets[subnet].acl][1 if egress else 0]:
            if entry.block[0] <= peer <= entry.block[1] and contains(entry.services, packet.service):
                return entry.allow
        return False

    def nic_out(self, nic: Nic, packet: Packet, way: Way) -> Iterator[Run]:
        if nic.check and packet.source not in nic.addresses:
            yield from self.dropped(packet, way, f"{nic.id} source check")
            return
        if contains(self.facts.vpc_services(nic.vpc), packet.destination):
            yield Run("delivered", f"services of {nic.vpc}", packet, way)
            return
        if not way.knows(nic.id):
            if not self.group_allows(nic.groups, True, packet):
                yield from self.dropped(packet, way, f"{nic.id} security group egress")
                return
            way = way.track(nic.id)
        node = self.balanced(packet, way)
        if node is not None:
            for subnet, egress in ((nic.subnet, True), (node.subnet, False)) if node.subnet != nic.subnet else ():
                if not self.acl_allows(subnet, egress, packet):
                    yield from self.dropped(packet, way, f"{subnet} network ACL")
                    return
            yield from self.balancer_in(node, packet, way.hop("the load balancer takes the answer back"))
            return
        yield from self.subnet_out(nic.subnet, packet, way)

    def balanced(self, packet: Packet, way: Way) -> Nic | None:
        """The node that handed the question on with its client's address: the answer goes back through it."""
        for device, before, after in way.session.changes if way.session else ():
            nic = self.facts.nics.get(device)
            kept = nic is not None and nic.holder == "balancer" and before.source == after.source
            if kept and self.reverse(after) == packet:
                return nic
        return None

    def subnet_out(self, subnet_id: str, packet: Packet, way: Way, balancer: tuple[str, ...] = ()) -> Iterator[Run]:
        """Out of an interface in a subnet: to a neighbour, or by the network ACL and the route table."""
        subnet = self.facts.subnets[subnet_id]
        again = self.repeated(f"out {subnet_id}", packet, way)
        if again is None:
            yield from self.dropped(packet, way, "loop")
            return
        way = again
        if any(low <= packet.destination <= high for low, high in subnet.blocks):
            yield from self.to_holder(subnet.vpc, subnet_id, packet, way, balancer)
            return
        if not self.acl_allows(subnet_id, True, packet):
            yield from self.dropped(packet, way, f"{subnet_id} network ACL egress")
            return
        for route in self.routes(subnet.table, packet.destination):
            yield from self.by_route(subnet, route, packet, way.hop(f"route {route.name}"), balancer)
            return
        yield from self.dropped(packet, way, f"{subnet.table} has no route")

    def routes(self, table: str, point: int) -> list[TableRoute]:
        """The route that AWS takes: longest prefix, static before propagated."""
        found = [r for r in self.facts.tables[table] if r.block[0] <= point <= r.block[1]]
        return sorted(found, key=lambda r: (r.block[1] - r.block[0], r.kind != "local", not r.static))[:1]

    def by_route(self, subnet, route: TableRoute, packet: Packet, way: Way, balancer: tuple[str, ...]) -> Iterator[Run]:
        facts = self.facts
        match route.kind:
            case "local":
                yield from self.vpc_in(subnet.vpc, packet, way, balancer)
            case "igw":
                if facts.internet_gateways.get(route.target) != subnet.vpc:
                    yield from self.dropped(packet, way, f"{route.target} is not attached here")
                elif packet.source >= addresses.V6:
                    if contains(addresses.union(facts.vpcs[subnet.vpc].blocks), packet.source):
                        yield from self.internet(packet, way)
                    else:
                        yield from self.dropped(packet, way, "not a source of this network")
                else:
                    nic = facts.nics.get(facts.holders.get((subnet.vpc, packet.source), ""))
                    public = nic.public.get(packet.source) if nic else None
                    for device, before, after in way.session.changes if way.session and public is None else ():
                        if device.startswith("public ") and after.destination == packet.source:
                            public = before.destination
                    if public is None:
                        yield from self.dropped(packet, way, "the source has no public address")
                    else:
                        yield from self.internet(replace(packet, source=public), way)
            case "eigw":
                if packet.source < addresses.V6 or facts.egress_only.get(route.target) != subnet.vpc:
                    yield from self.dropped(packet, way, "egress-only gateway")
                else:
                    yield from self.internet(packet, way.track(f"eigw {subnet.vpc}"))
            case "nat":
                yield from self.nat_in(subnet, f"eni of {route.target}", packet, way)
            case "peering":
                peering = facts.peerings.get(route.target)
                if peering is None or not peering[2] or subnet.vpc not in peering[:2]:
                    yield from self.dropped(packet, way, f"{route.target} is not active")
                else:
                    other = peering[1] if peering[0] == subnet.vpc else peering[0]
                    yield from self.vpc_in(other, packet, way.hop(route.target))
            case "vgw":
                if facts.vpn_gateways.get(route.target) != subnet.vpc:
                    yield from self.dropped(packet, way, f"{route.target} is not attached here")
                else:
                    yield from self.gateway_out(route.target, packet, way)
            case "nic":
                nic = facts.nics.get(route.target)
                if nic is None or nic.vpc != subnet.vpc:
                    yield from self.dropped(packet, way, f"{route.target}: blackhole")
                elif nic.subnet != subnet.id and not self.acl_allows(nic.subnet, False, packet):
                    yield from self.dropped(packet, way, f"{nic.subnet} network ACL ingress")
                else:
                    yield from self.nic_in(nic, packet, way, balancer)
            case _:
                yield from self.dropped(packet, way, f"{route.name}: blackhole")

    def gateway_out(self, gateway: str, packet: Packet, way: Way) -> Iterator[Run]:
        """A VPN gateway takes the tunnels whose other end has the longest prefix."""
        found = [
            (high - low, tunnel)
            for vpn in self.facts.vpns
            if vpn.gateway == gateway
            for tunnel in vpn.tunnels
            for block in addresses.texts(self.facts.beyond(vpn, tunnel))
            for low, high in [addresses.block(block)]
            if low <= packet.destination <= high
        ]
        best = min((size for size, _ in found), default=None)
        if best is None:
            yield from self.dropped(packet, way, f"{gateway} knows no way")
        for tunnel in dict.fromkeys(tunnel for size, tunnel in found if size == best):
            for server, device in self.facts.tunnel_ends.get(tunnel, ()):
                yield from self.arrive(server, device, packet, way.hop(tunnel))

    def nat_in(self, subnet, nic_id: str, packet: Packet, way: Way) -> Iterator[Run]:
        nic = self.facts.nics.get(nic_id)
        if nic is None or nic.vpc != subnet.vpc:
            yield from self.dropped(packet, way, f"{nic_id}: blackhole")
            return
        if nic.subnet != subnet.id and not self.acl_allows(nic.subnet, False, packet):
            yield from self.dropped(packet, way, f"{nic.subnet} network ACL ingress")
            return
        if packet.source >= addresses.V6 or services.number(packet.service) not in NAT_PROTOCOLS:
            yield from self.dropped(packet, way, f"{nic_id} does not translate it")
            return
        after = replace(packet, source=nic.addresses[0], source_port=max(packet.source_port, 1024))
        yield from self.subnet_out(nic.subnet, after, way.change(nic.id, packet, after).hop(f"{nic.id} translates"))

    def vpc_in(self, vpc: str, packet: Packet, way: Way, balancer: tuple[str, ...] = ()) -> Iterator[Run]:
        """Into a network from its local route or a gateway: only to an interface that has the address."""
        point = packet.destination
        subnet = next(
            (s for s in self.facts.subnets.values() if s.vpc == vpc and any(lo <= point <= hi for lo, hi in s.blocks)),
            None,
        )
        if subnet is None:
            yield from self.dropped(packet, way, f"{vpc} has no such subnet")
            return
        if not self.acl_allows(subnet.id, False, packet):
            yield from self.dropped(packet, way, f"{subnet.id} network ACL ingress")
            return
        yield from self.to_holder(vpc, subnet.id, packet, way, balancer)

    def to_holder(self, vpc: str, subnet: str, packet: Packet, way: Way, balancer: tuple[str, ...]) -> Iterator[Run]:
        holder = self.facts.holders.get((vpc, packet.destination))
        floating = [n for n in self.facts.nics.values() if n.floating and n.subnet == subnet]
        if holder is not None:
            yield from self.nic_in(self.facts.nics[holder], packet, way, balancer)
            return
        if not floating or packet.destination >= addresses.V6:
            yield from self.dropped(packet, way, "nobody has the address")
            return
        for nic in floating:
            yield from self.nic_in(nic, packet, way, balancer)

    def nic_in(self, nic: Nic, packet: Packet, way: Way, balancer: tuple[str, ...]) -> Iterator[Run]:
        if nic.holder == "nat":
            before = self.undone(nic.id, packet, way)
            if before is None:
                yield from self.dropped(packet, way, f"{nic.id} knows no such connection")
            else:
                yield from self.subnet_out(nic.subnet, before, way.hop(f"{nic.id} translates back"))
            return
        if nic.holder == "balancer":
            yield from self.balancer_in(nic, packet, way)
            return
        if not way.knows(nic.id):
            if not self.group_allows(nic.groups, False, packet, balancer):
                yield from self.dropped(packet, way, f"{nic.id} security group ingress")
                return
            way = way.track(nic.id)
        if nic.check and packet.destination not in nic.addresses:
            yield from self.dropped(packet, way, f"{nic.id} destination check")
            return
        yield from self.arrive(nic.name, nic.device, packet, way)

    # -- network load balancers

    def node_in(self, nic: Nic, packet: Packet, way: Way) -> Iterator[Run]:
        for point in self.standing_for(nic):
            onward = replace(packet, destination=point)
            if not self.acl_allows(nic.subnet, False, onward):
                yield from self.dropped(onward, way, f"{nic.subnet} network ACL ingress")
            else:
                yield from self.nic_in(nic, onward, way.change(f"public {nic.id}", packet, onward), ())

    def standing_for(self, nic: Nic) -> list[int]:
        if not nic.floating:
            return [nic.addresses[0]]
        low, high = self.facts.subnets[nic.subnet].blocks[0]
        taken = {a for n in self.facts.nics.values() if n.subnet == nic.subnet for a in n.addresses}
        found = [low + 4] + [edge for edge in self._edges if low + 4 <= edge <= high - 1]
        return [each for each in dict.fromkeys(found) if each not in taken]

    def balancer_in(self, nic: Nic, packet: Packet, way: Way) -> Iterator[Run]:
        balancer = self.facts.balancers[nic.name]
        if way.session is not None:
            before = self.undone(nic.id, packet, way)
            if before is not None:
                yield from self.subnet_out(nic.subnet, before, way)
                return
            yield from self.dropped(packet, way, f"{nic.id} knows no such connection")
            return
        if balancer.groups and not self.group_allows(balancer.groups, False, packet):
            yield from self.dropped(packet, way, f"{nic.id} security group ingress")
            return
        number, port = services.number(packet.service), packet.service & 0xFFFF
        zone = self.facts.subnets[nic.subnet].zone
        taken = False
        for listener in balancer.listeners:
            wanted = {"TLS": "TCP", "TCP_UDP": "TCP UDP"}.get(listener.protocol, listener.protocol).split()
            if services.NAMES.get(number, "").upper() not in wanted or port != listener.port:
                continue
            for target in listener.targets:
                held = self.facts.nics[target.nic]
                if not balancer.cross_zone and self.facts.subnets[held.subnet].zone != zone:
                    continue
                taken = True
                for source in self.sources_to(nic, packet, listener.keeps_client, target.address >= addresses.V6):
                    onward = Packet(source, target.address, number << 16 | (target.port or port), packet.source_port)
                    if balancer.groups and not self.group_allows(balancer.groups, True, onward):
                        yield from self.dropped(onward, way, f"{nic.id} security group egress")
                        continue
                    after = way.change(nic.id, packet, onward).track(nic.id).hop(f"{nic.id} to {target.nic}")
                    yield from self.subnet_out(nic.subnet, onward, after, balancer.groups)
        if not taken:
            yield from self.dropped(packet, way, f"{nic.id} has no listener or target for it")

    def sources_to(self, nic: Nic, packet: Packet, keeps: bool, v6: bool) -> list[int]:
        """The possible source addresses of what a node sends to a target: a client's own, if its family is the
        target's, else the node's."""
        if (packet.destination >= addresses.V6) == v6:
            return [packet.source if keeps else packet.destination]
        own = [each for each in nic.addresses if (each >= addresses.V6) == v6]
        return own or ([] if v6 else self.standing_for(nic))

    # -- Google Cloud

    def gcp_rule_fits(self, rule: GcpRule, nic: Nic, packet: Packet) -> bool:
        if rule.network != nic.vpc or not contains(rule.services, packet.service):
            return False
        if (rule.tags or rule.accounts) and not (rule.tags & nic.tags or nic.account in rule.accounts):
            return False
        peer, own = (packet.destination, packet.source) if rule.egress else (packet.source, packet.destination)
        if rule.own is not None and not contains(rule.own, own):
            return False
        if contains(rule.peers, peer):
            return True
        sender = self.facts.nics.get(self.facts.holders.get((nic.vpc, peer), ""))
        return sender is not None and bool(rule.peer_tags & sender.tags or sender.account in rule.peer_accounts)

    def gcp_allows(self, nic: Nic, egress: bool, packet: Packet) -> bool:
        """Lowest number first, deny before allow; implied: out yes, in no."""
        for rule in self.facts.gcp_rules:
            if rule.egress == egress and self.gcp_rule_fits(rule, nic, packet):
                return rule.allow
        return egress

    def gcp_out(self, nic: Nic, packet: Packet, way: Way) -> Iterator[Run]:
        again = self.repeated(f"out {nic.id}", packet, way)
        if again is None:
            yield from self.dropped(packet, way, "loop")
            return
        way = again
        if nic.check and packet.source not in nic.addresses:
            yield from self.dropped(packet, way, f"{nic.id} may not forward")
            return
        if not way.knows(nic.id):
            if not self.gcp_allows(nic, True, packet):
                yield from self.dropped(packet, way, f"{nic.id} firewall egress")
                return
            way = way.track(nic.id)
        point = packet.destination
        found = [
            r
            for r in self.facts.gcp_routes.get(nic.vpc, ())
            if r.block[0] <= point <= r.block[1] and (not r.tags or r.tags & nic.tags)
        ]
        found.sort(key=lambda r: (r.kind != "subnet", r.block[1] - r.block[0], r.priority))
        if not found:
            yield from self.dropped(packet, way, f"{nic.vpc} has no route")
            return
        best = found[0]
        if best.kind == "subnet":
            holder = self.facts.holders.get((best.target, point))
            if holder is None:
                yield from self.dropped(packet, way, "nobody has the address")
            else:
                yield from self.gcp_in(self.facts.nics[holder], packet, way.hop(best.name))
            return
        size = best.block[1] - best.block[0]
        for route in found:
            if (route.block[1] - route.block[0], route.priority) != (size, best.priority):
                continue
            if route.kind == "internet":
                yield from self.gcp_internet(nic, packet, way.hop(route.name))
            elif route.kind == "nic" and route.target in self.facts.nics:
                yield from self.gcp_in(self.facts.nics[route.target], packet, way.hop(route.name))
            else:
                yield from self.dropped(packet, way, f"{route.name}: no next hop")

    def gcp_internet(self, nic: Nic, packet: Packet, way: Way) -> Iterator[Run]:
        public = nic.public.get(packet.source)
        if public is not None:
            yield from self.internet(replace(packet, source=public), way)
            return
        _, region, _ = self.facts.gcp_subnets[nic.subnet]
        for nat in self.facts.gcp_nats:
            if nat.network != nic.vpc or nat.region != region or packet.source not in nic.addresses:
                continue
            if nat.subnets is not None and nic.subnet not in nat.subnets:
                continue
            if services.number(packet.service) not in NAT_PROTOCOLS or nic.public:
                continue
            for point in nat.addresses:
                after = replace(packet, source=point, source_port=max(packet.source_port, 1024))
                yield from self.internet(after, way.change(nat.name, packet, after))
            return
        yield from self.dropped(packet, way, f"{nic.id} has no public address and no NAT")

    def gcp_in(self, nic: Nic, packet: Packet, way: Way) -> Iterator[Run]:
        if nic.check and packet.destination not in nic.addresses:
            yield from self.dropped(packet, way, f"{nic.id} may not forward")
            return
        if not way.knows(nic.id):
            if not self.gcp_allows(nic, False, packet):
                yield from self.dropped(packet, way, f"{nic.id} firewall ingress")
                return
            way = way.track(nic.id)
        yield from self.arrive(nic.name, nic.device, packet, way)


def simulate(subject: Subject, start: Start, packet: Packet) -> list[Run]:
    """Every run of a new packet."""
    return Simulator(subject).simulate(start, packet)
