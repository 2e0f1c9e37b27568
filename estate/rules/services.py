"""Rules about central services: which there must be, who may call them, where they may be."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from estate.model import Network, Role
from estate.plan import addressing
from estate.rules import promises
from estate.rules.finding import Finding, repeated, show, words

_REASONS = {
    "packages": "a host that cannot fetch packages cannot be configured or patched",
    "time": "a validator whose clock drifts votes too late, and TLS fails",
    "logs": "what a host logged must outlive the host",
}


def necessary_services_are_declared(network: Network) -> Iterator[Finding]:
    """Each host has packages, time and logs."""
    for name in promises.NECESSARY_SERVICES:
        service = network.services.get(name)
        if service is None:
            yield Finding(
                path=f"services.{name}",
                value="nothing",
                rule="must be declared",
                reason=_REASONS[name],
                fix=f"add {name} to services, for all roles",
                involves=("services.[keys]",),
            )
            continue
        missing = [role for role in promises.roles_with_hosts(network) if role not in service.consumers]
        if missing:
            yield Finding(
                path=f"services.{name}.consumers",
                value=show(service.consumers),
                rule="must list every role",
                reason=_REASONS[name],
                fix=f"add {words(missing)}",
                involves=(f"services.{name}.consumers.*", *promises.PLACES_OF_ROLES),
            )


def vault_serves_every_role_with_a_lease(network: Network) -> Iterator[Finding]:
    """A host that takes leases can reach Vault."""
    leasing = {role: name for name, lease in network.leases.items() for role in lease.roles}
    if not leasing:
        return
    service = network.services.get("vault")
    if service is None:
        yield Finding(
            path="services.vault",
            value="nothing",
            rule="must be declared where there are leases",
            reason="Vault issues them",
            fix=f"add vault to services, for {words(sorted(leasing))}",
            involves=("services.[keys]", "leases.[keys]", "leases.*.roles.*"),
        )
        return
    missing = [role for role in Role if role in leasing and role not in service.consumers]
    if missing:
        yield Finding(
            path="services.vault.consumers",
            value=show(service.consumers),
            rule="must list every role that has a lease",
            reason=(
                f"{words(f'{leasing[role]} is for {role}' for role in missing)}, and firewalls would keep it from Vault"
            ),
            fix=f"add {words(missing)}",
            involves=("services.vault.consumers.*", "leases.*.roles.*"),
        )


def signers_call_few_services(network: Network) -> Iterator[Finding]:
    """A signer opens connections to its validators and to few services only."""
    allowed = promises.signer_services(network)
    for name, service in network.services.items():
        if Role.SIGNER in service.consumers and name not in allowed:
            index = service.consumers.index(Role.SIGNER)
            yield Finding(
                path=f"services.{name}.consumers.{index}",
                value=show(Role.SIGNER),
                rule=f"must not be signer, which may call only {words(sorted(allowed))}",
                reason=f"each connection out of a signer is a way out for its key, and it does not need {name}",
                fix=f"remove signer from the consumers of {name}",
                involves=("signing.coordination.replicas.*", "signing.coordination.detours.*.*"),
            )


def time_is_ntp(network: Network) -> Iterator[Finding]:
    """Time is requested over UDP."""
    service = network.services.get("time")
    if service and service.protocol != "udp":
        yield Finding(
            path="services.time.protocol",
            value=show(service.protocol),
            rule="must be udp",
            reason="NTP does not run over TCP (RFC 5905)",
            fix="write protocol: udp",
        )


def services_are_distinct(network: Network) -> Iterator[Finding]:
    """One address and port is one service."""
    for path, (address, port, protocol), first in repeated(
        (f"services.{name}.address", (each.address, each.port, each.protocol))
        for name, each in network.services.items()
    ):
        name, other = path.split(".")[1], first.split(".")[1]
        yield Finding(
            path=path,
            value=show(address),
            rule="each service must have an address and port of its own",
            reason=f"{other} is at {address}, {protocol} port {port} too",
            fix="correct the address or the port of one of the two",
            involves=(
                first,
                f"services.{other}.port",
                f"services.{other}.protocol",
                f"services.{name}.port",
                f"services.{name}.protocol",
            ),
        )


def services_are_outside(network: Network) -> Iterator[Finding]:
    """A central service is not inside this instance, nor inside a partner's network."""
    ours = addressing.network_block(network)
    theirs = [
        (f"partner {name}", block, f"partners.{name}.cidrs.*")
        for name, partner in network.partners.items()
        for block in partner.cidrs
    ]
    uplinks = [(f"the uplink of {name}", site.uplink, f"sites.{name}.uplink") for name, site in network.sites.items()]
    for name, service in network.services.items():
        for what, block, source in (("this network", ours, "slot"), *theirs, *uplinks):
            if service.address in block:
                yield Finding(
                    path=f"services.{name}.address",
                    value=show(service.address),
                    rule="must be the address of a central service",
                    reason=f"it lies in {block}, which belongs to {what}",
                    fix="write the address that the service has",
                    involves=(source,),
                )
                break


def service_addresses_are_hosts(network: Network) -> Iterator[Finding]:
    """A service's address can be sent to."""
    never = [IPv4Network(each) for each in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")]
    for name, service in network.services.items():
        if any(service.address in block for block in never):
            yield Finding(
                path=f"services.{name}.address",
                value=show(service.address),
                rule="must be the address of another machine",
                reason="loopback, link-local, multicast and reserved addresses are never routed",
                fix="write the address that the service has",
            )
