"""Claims about what the internet can reach."""

from __future__ import annotations

from collections.abc import Iterator

from estate.model import Role
from estate.plan.topology import SSH_PORT
from reachability import services
from reachability.addresses import Intervals, difference, union
from reachability.claims.case import Case, stack
from reachability.claims.checks import found, undeployed
from reachability.claims.claim import Claim, Finding, Gap, Violation
from reachability.claims.sets import CONNECTIONS, port
from reachability.claims.vocabulary import NO_ERRORS
from reachability.frontends.aws_tokens import BALANCER, LISTENER
from reachability.network import INTERNET
from reachability.prover import Arrival
from reachability.resources import UNKNOWN, Resource

SSH = port(services.TCP, SSH_PORT)
ENCRYPTED = frozenset({"TLS", "HTTPS"})


def _reached(case: Case) -> Iterator[tuple[str, Arrival]]:
    """Arrivals from the internet at this network or at undeclared targets: (name, arrival)."""
    owners = case.estate.owners
    undeclared = {machine.name for machine in case.undeclared}
    machines = case.prover.assembly.machines
    networks = {network.name for network in case.estate.networks}
    for arrival in case.arrivals(case.internet):
        owner = owners.get(arrival.to)
        if owner is None and stack(arrival.to) in networks:
            owner = stack(arrival.to)
        if owner == case.network.name or arrival.to in undeclared or (owner is None and arrival.to not in machines):
            yield arrival.to, arrival


def _no_public_ssh(case: Case) -> Iterator[Finding]:
    for to, arrival in _reached(case):
        if to == INTERNET:
            continue
        sentence = f"the internet reaches SSH of {to}"
        violation = found(case, case.internet, arrival, sentence, services=SSH) or found(
            case, case.internet, arrival, sentence, received=SSH
        )
        if violation is not None:
            yield violation
    for listener in _public_listeners(case):
        number = listener.properties.get("port")
        if number is UNKNOWN:
            yield Gap(f"the port of {listener.name} is unknown until the deployment")


def _public_sentry_p2p_only(case: Case) -> Iterator[Finding]:
    p2p = port(services.TCP, case.network.chain.ports.p2p)
    sentries = case.hosts(Role.PUBLIC_SENTRY)
    yield from undeployed(case, *sentries)
    names = {host.name for host in sentries}
    for arrival in case.arrivals(case.internet):
        if arrival.to in names:
            sentence = f"the internet reaches {arrival.to}"
            rest = difference(CONNECTIONS, p2p)
            violation = found(case, case.internet, arrival, sentence, received=rest) or found(
                case, case.internet, arrival, sentence, services=rest
            )
            if violation is not None:
                yield violation


def _balanced(case: Case) -> Intervals:
    """What the load balancers pass on to the seeds."""
    return union(*(port(services.TCP, each) for each in case.network.chain.ports.public().values()))


def _answers_to_the_internet(case: Case) -> dict[str, Intervals]:
    """By host: the services that the internet may reach, over any path."""
    p2p = port(services.TCP, case.network.chain.ports.p2p)
    balanced = _balanced(case)
    answers = {
        Role.PUBLIC_SENTRY: p2p,
        Role.SEED: union(p2p, balanced),
        Role.VPN: port(services.UDP, case.network.vpn.port),
        Role.EDGE: (services.of(services.ESP),),
    }
    return {host.name: answers.get(host.role, ()) for host in case.everyone}


def _public_endpoints_tls(case: Case) -> Iterator[Finding]:
    p2p = port(services.TCP, case.network.chain.ports.p2p)
    balanced = _balanced(case)
    answers = _answers_to_the_internet(case) | _encrypted(case)
    yield from undeployed(case, *case.hosts(Role.SEED))
    for to, arrival in _reached(case):
        if to == INTERNET:
            continue
        rest = difference(CONNECTIONS, answers.get(to, ()))
        violation = found(case, case.internet, arrival, f"the internet reaches {to}", received=rest)
        if violation is None and to in case.named and case.named[to].role is Role.SEED:
            violation = _past_the_balancer(case, arrival, to, p2p, balanced)
        if violation is not None:
            yield violation
    yield from _listeners_encrypt(case)


def _past_the_balancer(case: Case, arrival: Arrival, to: str, p2p: Intervals, balanced: Intervals) -> Violation | None:
    """RPC or LCD of a seed at the seed's own address, or a service behind a translated port."""
    machine = case.machine(to)
    own = (
        union([(each, each) for leg in machine.interfaces for each in (*leg.addresses, *leg.public)]) if machine else ()
    )
    direct = found(
        case,
        case.internet,
        arrival,
        f"the internet reaches {to} past the load balancer",
        destinations=own,
        received=balanced,
    )
    if direct is not None:
        return direct
    others = difference(CONNECTIONS, union(p2p, balanced))
    return found(case, case.internet, arrival, f"the internet reaches {to} through another port", services=others)


def _names(balancer: Resource) -> set[str]:
    """Everything by which a listener may name a load balancer."""
    return {each for each in (balancer.urn, balancer.id, balancer.properties.get("arn")) if isinstance(each, str)}


def _named(listener: Resource) -> set[str]:
    """The names of the listener's load balancer."""
    balancer = listener.properties.get("loadBalancerArn")
    return {balancer} if isinstance(balancer, str) else set(listener.references.get("loadBalancerArn", ()))


def _public_listeners(case: Case) -> Iterator[Resource]:
    """The listeners of every load balancer that is not declared internal."""
    internal = {
        name
        for balancer in case.resources(BALANCER)
        if balancer.properties.get("internal") is True
        for name in _names(balancer)
    }
    for listener in case.resources(LISTENER):
        if not _named(listener) & internal:
            yield listener


def _encrypted(case: Case) -> dict[str, Intervals]:
    """By URN of a load balancer: the services that its listeners hear with TLS, or with an unknown protocol."""
    urns = {name: balancer.urn for balancer in case.resources(BALANCER) for name in _names(balancer)}
    heard: dict[str, Intervals] = {}
    for listener in case.resources(LISTENER):
        if listener.properties.get("protocol") not in (*ENCRYPTED, UNKNOWN):
            continue
        number = str(listener.properties.get("port"))
        used = port(services.TCP, int(number)) if number.isdigit() else (services.of(services.TCP),)
        for name in _named(listener) & urns.keys():
            heard[urns[name]] = union(heard.get(urns[name], ()), used)
    return heard


def _reachable_from_the_internet(case: Case, number: object) -> bool:
    """Whether any packet from the internet with this destination port arrives in the network."""
    if not str(number).isdigit():
        return True
    sent = port(services.TCP, int(str(number)))
    return any(arrival.any(services=sent) for _, arrival in _reached(case))


def _listeners_encrypt(case: Case) -> Iterator[Finding]:
    """Every listener that the internet can reach terminates TLS."""
    for listener in _public_listeners(case):
        protocol, number = listener.properties.get("protocol"), listener.properties.get("port")
        if protocol is UNKNOWN:
            yield Gap(f"the protocol of {listener.name} is unknown until the deployment")
        elif protocol not in ENCRYPTED and _reachable_from_the_internet(case, number):
            yield Violation(f"{listener.name} listens on {number!r} with {protocol or 'no protocol'}, which is not TLS")


NO_PUBLIC_SSH = Claim(
    "no-public-ssh",
    "from the internet, no packet (v4, v6) reaches TCP 22 on any interface, load balancer or NAT",
    "Checked for every public source address outside the estate, towards every machine of the network, every "
    "undeclared machine and every load balancer. A packet counts if it is sent to port 22 or arrives at port 22, so a "
    "port translated to SSH counts too.",
    _no_public_ssh,
)
PUBLIC_SENTRY_P2P_ONLY = Claim(
    "public-sentry-p2p-only",
    "from the internet only the p2p port",
    "Checked for every public sentry. The VPN's port belongs to the VPN gateways, which are separate hosts. "
    + NO_ERRORS,
    _public_sentry_p2p_only,
)
PUBLIC_ENDPOINTS_TLS = Claim(
    "public-endpoints-tls",
    "seeds: p2p; RPC 26657 and LCD 1317 only through the load balancer, with TLS; nothing else",
    "From the internet a seed accepts p2p at its own address, and RPC and LCD only from a load balancer. Each listener "
    "of the load balancer whose port the internet can reach must terminate TLS (a property of the listener). Other "
    "services open to the internet are p2p of public sentries, the VPN's UDP port of VPN gateways and ESP of edge "
    "firewalls; nothing else. Ports are those of the declaration. " + NO_ERRORS,
    _public_endpoints_tls,
)
CLAIMS = (NO_PUBLIC_SSH, PUBLIC_SENTRY_P2P_ONLY, PUBLIC_ENDPOINTS_TLS)
