"""Rules about access: who gets in where, and which site's signer holds the key."""

from __future__ import annotations

from collections.abc import Iterator

from estate.model import Network, Role
from estate.rules import people, promises
from estate.rules.finding import Finding, choose, show, words


def signers_sign_all_of_a_vote(network: Network) -> Iterator[Finding]:
    """The signer signs whatever a vote of this chain has."""
    if network.chain.vote_extensions:
        yield Finding(
            path="chain.vote_extensions",
            value="true",
            rule="must be false while blocks are signed with tmkms",
            reason="tmkms 0.15.0 answers a vote without the signature of its extension, even of an empty one, and the "
            "node stops for good; every backend here is signed with by tmkms",
            fix="run this chain's validator with a signer that signs vote extensions; it cannot be run from here yet",
        )


def custody_is_a_site(network: Network) -> Iterator[Finding]:
    """The key is held in a datacentre that we have."""
    if network.signing.custody not in network.sites:
        yield Finding(
            path="signing.custody",
            value=show(network.signing.custody),
            rule="must be one of the declared sites",
            reason="the active signer there holds the consensus key",
            fix=choose(network.signing.custody, network.sites),
            involves=("sites.[keys]",),
        )


def custody_has_an_active_signer(network: Network) -> Iterator[Finding]:
    """There is a signer to hold the key."""
    site = network.sites.get(network.signing.custody)
    if site and not any(server.role == Role.SIGNER for server in site.servers):
        others = [
            name for name, each in network.sites.items() if any(server.role == Role.SIGNER for server in each.servers)
        ]
        yield Finding(
            path="signing.custody",
            value=show(network.signing.custody),
            rule="must be a site with a signer",
            reason=f"{network.signing.custody} has none, so nothing would sign",
            fix=f"add signers to {network.signing.custody}" + (f", or move custody to {others[0]}" if others else ""),
            involves=(f"sites.{network.signing.custody}.servers.*.role",),
        )


def every_role_has_an_operator(network: Network) -> Iterator[Finding]:
    """At least one operator has an account on hosts of every role."""
    reached = {role for operator in network.operators.values() for role in operator.roles}
    missing = [role for role in promises.roles_with_hosts(network) if role not in reached]
    if missing:
        yield Finding(
            path="operators",
            value=f"no operator for {words(missing)} of {network.name}",
            rule="must give at least one operator access to hosts of every role",
            reason="a host that nobody can log in to cannot be repaired",
            fix=f"give somebody a duty in {network.name} whose roles include {words(missing)}",
            involves=("operators.[keys]", "operators.*.roles.*", *promises.PLACES_OF_ROLES),
        )


def operators_are_people(network: Network) -> Iterator[Finding]:
    """A person's account is not one of the system's."""
    yield from people.have_accounts_of_their_own("operators", network.operators)


def operator_keys_are_personal(network: Network) -> Iterator[Finding]:
    """A key is one person's, listed once."""
    yield from people.have_keys_of_their_own("operators", network.operators)


def operator_keys_are_whole(network: Network) -> Iterator[Finding]:
    """A key's body is of the kind that its first word says, and complete."""
    yield from people.have_whole_keys("operators", network.operators)


def roles_are_listed_once(network: Network) -> Iterator[Finding]:
    """A list of roles has each role once."""
    lists = [
        *((f"operators.{name}.roles", operator.roles) for name, operator in network.operators.items()),
        *((f"services.{name}.consumers", service.consumers) for name, service in network.services.items()),
        *((f"leases.{name}.roles", lease.roles) for name, lease in network.leases.items()),
        *((f"monitoring.{name}.roles", job.roles) for name, job in network.monitoring.items()),
    ]
    for path, roles in lists:
        yield from people.lists_each_role_once(path, roles)
