"""Claims about required connectivity: blocks to the validators, gossip between regions, also during failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from estate.model import SENTRY_ROLES, Role
from estate.plan.addressing import ROLE_TIERS, Tier
from estate.plan.hosts import Host
from reachability import services
from reachability.claims.case import Case
from reachability.claims.checks import opens
from reachability.claims.claim import Claim, Finding, Violation
from reachability.claims.party import partner_links
from reachability.network import INTERNET
from reachability.prover import Prover

ENOUGH = 2
"""Required numbers of sentries, regions and clouds for each validator."""


def _p2p(case: Case) -> int:
    return services.of(services.TCP, case.network.chain.ports.p2p)[0]


def _sentries(case: Case) -> tuple[Host, ...]:
    return case.hosts(*SENTRY_ROLES)


def provider(case: Case, host: Host) -> str:
    """The cloud of a host; for a bare-metal host, the datacentre's vendor."""
    machine = case.machine(host.name)
    return (machine.labels.get("Provider") if machine else None) or ("aws" if host.in_cloud else host.place)


def _regions_meshed(case: Case) -> Iterator[Finding]:
    for source in _sentries(case):
        for target in _sentries(case):
            if source.place != target.place:
                violation = opens(case, source, target, _p2p(case))
                if violation is not None:
                    yield violation


def _validator_fed(case: Case) -> Iterator[Finding]:
    sentries = _sentries(case)
    clouds = {provider(case, sentry) for sentry in sentries}
    edges = {site: [host for host in case.hosts(Role.EDGE) if host.place == site] for site in case.network.sites}
    for validator in case.hosts(Role.VALIDATOR):
        remaining: Sequence[Host | None] = edges[validator.place] or [None]
        for one in remaining:
            others = [edge.name for edge in edges[validator.place] if edge is not one]
            prover = case.without(others)
            fed_by, failures = _feeding(case, validator, prover, min(ENOUGH, max(len(clouds), 1)))
            for what, have, want in (
                ("sentries", len(fed_by), ENOUGH),
                ("regions", len({sentry.place for sentry in fed_by}), ENOUGH),
                ("clouds", len({provider(case, sentry) for sentry in fed_by}), min(ENOUGH, max(len(clouds), 1))),
            ):
                if have < want:
                    first = failures[0] if failures else None
                    by = f" by {one.name}" if one is not None else ""
                    yield Violation(
                        f"{validator.name} reaches p2p in {have} {what}{by}; it must reach it in {want}"
                        + (f": {first.sentence}" if first else ""),
                        sender=first.sender if first else None,
                        obstacles=first.obstacles if first else (),
                    )
                    break


def _feeding(case: Case, validator: Host, prover: Prover, clouds: int) -> tuple[list[Host], list[Violation]]:
    """The sentries that a validator reaches, at most as many as required, and why it does not reach others."""
    fed_by: list[Host] = []
    failures: list[Violation] = []
    for sentry in sorted(_sentries(case), key=lambda host: (_turn(case, host), host.name)):
        failure = opens(case, validator, sentry, _p2p(case), prover)
        if failure is not None:
            failures.append(failure)
            continue
        fed_by.append(sentry)
        regions = {host.place for host in fed_by}
        if min(len(fed_by), len(regions)) >= ENOUGH and len({provider(case, host) for host in fed_by}) >= clouds:
            break
    return fed_by, failures


def _turn(case: Case, sentry: Host) -> int:
    """The rank of a sentry in its region: one of each region is tried before a second of any."""
    return [host.name for host in _sentries(case) if host.place == sentry.place].index(sentry.name)


def _unfed(case: Case, prover: Prover, remaining: tuple[Host, ...], lost: str) -> Iterator[Finding]:
    """Yields each remaining validator that reaches no remaining sentry."""
    for validator in case.hosts(Role.VALIDATOR):
        if validator.name in prover.dead:
            continue
        first = None
        for sentry in remaining:
            failure = opens(case, validator, sentry, _p2p(case), prover)
            if failure is None:
                break
            first = first or failure
        else:
            yield Violation(
                f"without {lost}, {validator.name} reaches p2p of no sentry"
                + (f": {first.sentence}" if first else ": no sentry remains"),
                sender=first.sender if first else None,
                obstacles=first.obstacles if first else (),
            )


def _feed_survives_region(case: Case) -> Iterator[Finding]:
    sentries = _sentries(case)
    for region in case.network.regions:
        members = [host.name for host in case.everyone if host.place == region]
        prover = case.without([*case.failures.of(region=region), *members])
        yield from _unfed(case, prover, tuple(each for each in sentries if each.place != region), region)
    clouds = {provider(case, sentry) for sentry in sentries}
    for cloud in sorted(clouds) if len(clouds) > 1 else ():
        members = [host.name for host in case.everyone if provider(case, host) == cloud]
        prover = case.without([*case.failures.of(provider=cloud), *members])
        yield from _unfed(case, prover, tuple(each for each in sentries if provider(case, each) != cloud), cloud)
    for site in case.network.sites:
        members = [host.name for host in case.everyone if host.place == site]
        yield from _unfed(case, case.without(members), sentries, site)


def _feed_survives_sentries_down(case: Case) -> Iterator[Finding]:
    prover = case.without([host.name for host in case.hosts(Role.PUBLIC_SENTRY)])
    private = case.hosts(Role.PRIVATE_SENTRY)
    yield from _unfed(case, prover, private, "all public sentries")
    if not any(_reaches_peers(case, sentry, prover) for sentry in private):
        yield Violation("without all public sentries, no private sentry reaches a peer on the internet or at a partner")


def _reaches_peers(case: Case, sentry: Host, prover: Prover) -> bool:
    """Whether a private sentry can open p2p to a peer outside the network, and the answers come back."""
    if case.machine(sentry.name) is None:
        return False
    beyond = {INTERNET, *(end for link_ends in partner_links(case).values() for end in link_ends)}
    return any(_answered(case, sentry, prover, to) for to in sorted(beyond))


def _answered(case: Case, host: Host, prover: Prover, to: str) -> bool:
    """Whether some TCP packet of ``host`` to ``to`` arrives for certain, and its answer too."""
    sender = case.estate.senders[host.name]
    for arrival in case.arrivals_at(sender, to):
        packet = arrival.packet(services=(services.of(services.TCP, 1),))
        if packet is not None:
            way = prover.trace(sender, packet, to, may=False)
            if way.delivered and way.to == to and prover.reply(way) == "passes":
                return True
    return False


def _nat_survives_zone(case: Case) -> Iterator[Finding]:
    """For each zone: the private hosts in the other zones of its region must still reach the internet."""
    private = [host for host in case.everyone if host.in_cloud and ROLE_TIERS.get(host.role) is Tier.PRIVATE]
    for region, declared in case.network.regions.items():
        for letter in declared.zones:
            left = [host for host in private if host.place == region and host.zone != letter]
            if not left:
                continue
            members = [host.name for host in case.everyone if (host.place, host.zone) == (region, letter)]
            prover = case.without([*case.failures.of(region=region, zone=f"{region}{letter}"), *members])
            for host in left:
                if case.machine(host.name) is None:
                    yield Violation(f"{host.name} is declared but not deployed")
                elif not _answered(case, host, prover, INTERNET):
                    yield Violation(f"without {region}{letter}, {host.name} cannot reach the internet")


REGIONS_MESHED = Claim(
    "regions-meshed",
    "regions of an instance reach each other's p2p",
    "Every sentry of a region opens p2p to every sentry of every other region at its private address, for every "
    "possible value of the unknowns, and the answers come back for every client port in 32768-60999.",
    _regions_meshed,
)
VALIDATOR_FED = Claim(
    "validator-fed",
    "every validator reaches ≥ 2 sentries in ≥ 2 regions and ≥ 2 clouds where declared",
    "Every validator, the spare included, opens p2p to two sentries in two regions, through either edge firewall of "
    "its site as VRRP master, and the answers come back. Two clouds are required where sentries are declared in two.",
    _validator_fed,
)
NAT_SURVIVES_ZONE = Claim(
    "nat-survives-zone",
    "with any one zone removed, the promise still holds",
    "For every zone of every region: with its hosts, NAT gateway and subnets failed, each host of a private subnet "
    "in the region's other zones still opens connections to the internet, and the answers come back.",
    _nat_survives_zone,
)
FEED_SURVIVES_REGION = Claim(
    "feed-survives-region",
    "with any one region or provider removed, the promise still holds",
    "With any one region, cloud (where sentries are declared in two) or datacentre failed, every remaining "
    "validator still opens p2p to a remaining sentry, and the answers come back.",
    _feed_survives_region,
)
FEED_SURVIVES_SENTRIES_DOWN = Claim(
    "feed-survives-sentries-down",
    "with all public sentries removed, the promise still holds",
    "With every public sentry failed, every validator still opens p2p to a private sentry, and some private sentry "
    "opens connections to peers on the internet or at a partner, and the answers come back.",
    _feed_survives_sentries_down,
)
CLAIMS = (REGIONS_MESHED, VALIDATOR_FED, NAT_SURVIVES_ZONE, FEED_SURVIVES_REGION, FEED_SURVIVES_SENTRIES_DOWN)
