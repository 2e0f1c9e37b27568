"""Rules about leases: short, renewed in time, and for every role."""

from __future__ import annotations

from collections.abc import Iterator

from estate.model import Network, Role
from estate.plan.coordination import gate_leases
from estate.rules import promises
from estate.rules.finding import Finding, repeated, show, words


def leases_are_renewed_in_time(network: Network) -> Iterator[Finding]:
    """A lease is renewed before it expires, and not immediately."""
    for name, lease in network.leases.items():
        if lease.renew_before_seconds * 2 > lease.ttl_seconds:
            yield Finding(
                path=f"leases.{name}.renew_before_seconds",
                value=show(lease.renew_before_seconds),
                rule=f"must be at most half of ttl_seconds, which is {lease.ttl_seconds}",
                reason="a lease that is renewed in the first half of its life is renewed without end",
                fix=f"write {max(10, lease.ttl_seconds // 4)}, a quarter",
                involves=(f"leases.{name}.ttl_seconds",),
            )


def single_use_leases_are_short(network: Network) -> Iterator[Finding]:
    """A single-use lease expires soon."""
    for name, lease in network.leases.items():
        if lease.single_use and lease.ttl_seconds > promises.SINGLE_USE_SECONDS and Role.SIGNER not in lease.roles:
            yield Finding(
                path=f"leases.{name}.ttl_seconds",
                value=show(lease.ttl_seconds),
                rule=f"must be at most {promises.SINGLE_USE_SECONDS} for a single-use lease",
                reason="until it is used, an intruder who finds it can use it first",
                fix="write 120",
                involves=(f"leases.{name}.single_use", f"leases.{name}.roles.*"),
            )


def signer_leases_are_single_use(network: Network) -> Iterator[Finding]:
    """What unlocks the key works once."""
    for name, lease in network.leases.items():
        if Role.SIGNER in lease.roles and name not in gate_leases(network) and not lease.single_use:
            yield Finding(
                path=f"leases.{name}.single_use",
                value="false",
                rule="must be true for a lease of a signer",
                reason="an intruder must not be able to reuse the token that unlocked the key",
                fix="write single_use: true",
                involves=(f"leases.{name}.roles.*", "signing.coordination.sites.*"),
            )


def signer_leases_are_short(network: Network) -> Iterator[Finding]:
    """What unlocks the key lives for minutes."""
    for name, lease in network.leases.items():
        unlocks = Role.SIGNER in lease.roles and name not in gate_leases(network)
        if unlocks and lease.ttl_seconds > promises.SIGNER_LEASE_SECONDS:
            yield Finding(
                path=f"leases.{name}.ttl_seconds",
                value=show(lease.ttl_seconds),
                rule=f"must be at most {promises.SIGNER_LEASE_SECONDS} for a lease of a signer",
                reason="the signer takes it when it starts and does not need it afterwards",
                fix="write 120",
                involves=(f"leases.{name}.roles.*", "signing.coordination.sites.*"),
            )


def every_role_has_a_lease(network: Network) -> Iterator[Finding]:
    """No role has to keep a password of its own."""
    leasing = {role for lease in network.leases.values() for role in lease.roles}
    missing = [role for role in promises.roles_with_hosts(network) if role not in leasing]
    if missing:
        yield Finding(
            path="leases",
            value=f"none for {words(missing)}",
            rule="must have a lease for each role",
            reason="a host without one would keep a credential that never expires",
            fix=f"declare a lease with {words(missing)} among its roles",
            involves=("leases.[keys]", "leases.*.roles.*", *promises.PLACES_OF_ROLES),
        )


def lease_paths_are_distinct(network: Network) -> Iterator[Finding]:
    """Two leases are two credentials."""
    for path, value, first in repeated((f"leases.{name}.path", lease.path) for name, lease in network.leases.items()):
        yield Finding(
            path=path,
            value=show(value),
            rule="each lease must have a path of its own",
            reason=f"{first.split('.')[1]} has it too, so neither could be revoked alone",
            fix="give each its own path in Vault, or join the two leases",
            involves=(first,),
        )
