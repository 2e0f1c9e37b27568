"""Rules about sites that sign with one key: which sites, with which leases, and in which regions the table is."""

from __future__ import annotations

from collections.abc import Iterator

from estate.clouds import aws
from estate.model import Network, Role
from estate.rules import promises
from estate.rules.finding import Finding, choose, repeated, show, words

_HERE = "signing.coordination"


def coordinated_sites_exist(network: Network) -> Iterator[Finding]:
    """The key signs in datacentres that we have."""
    coordination = network.signing.coordination
    for site in coordination.sites if coordination else ():
        if site not in network.sites:
            yield Finding(
                path=f"{_HERE}.sites.{site}",
                value=show(site),
                rule="must be one of the declared sites",
                reason="the active signer there signs",
                fix=choose(site, network.sites),
                involves=("sites.[keys]",),
            )


def custody_is_coordinated(network: Network) -> Iterator[Finding]:
    """The site where the key is made signs with it, through its gate as the others do."""
    coordination = network.signing.coordination
    custody = network.signing.custody
    if coordination and custody in network.sites and custody not in coordination.sites:
        yield Finding(
            path=f"{_HERE}.sites",
            value=show(list(coordination.sites)),
            rule=f"must list {custody}, which has custody",
            reason="a signer that holds the key and does not ask the table would sign beside the others, and the "
            "validator would be slashed",
            fix=f"add {custody} with a lease of its own, or move custody to {words(coordination.sites, 'or')}",
            involves=("signing.custody", "sites.[keys]", f"{_HERE}.sites.[keys]"),
        )


def coordinated_sites_can_sign(network: Network) -> Iterator[Finding]:
    """Each coordinated site has a signer and a validator that it signs for."""
    coordination = network.signing.coordination
    for site in coordination.sites if coordination else ():
        servers = network.sites[site].servers if site in network.sites else ()
        missing = [
            role for role in (Role.VALIDATOR, Role.SIGNER) if servers and all(each.role != role for each in servers)
        ]
        if missing:
            yield Finding(
                path=f"{_HERE}.sites.{site}",
                value=show(site),
                rule="must be a site with a validator and a signer",
                reason=f"{site} has no {words(missing)}, so nothing would sign there",
                fix=f"add {words(f'{role}s' for role in missing)} to {site}, or remove it here",
                involves=(f"sites.{site}.servers.*.role",),
            )


def replicas_are_strongly_consistent(network: Network) -> Iterator[Finding]:
    """The table is in one region, or in three that AWS keeps strongly consistent."""
    coordination = network.signing.coordination
    if coordination is None:
        return
    regions = [*coordination.replicas, *([coordination.witness] if coordination.witness else [])]
    if len(coordination.replicas) == 1 and coordination.witness is None:
        return
    if len(set(regions)) == 3 and len(coordination.replicas) > 1 and _one_set(regions):
        return
    named = coordination.witness and f" with the witness {coordination.witness}"
    yield Finding(
        path=f"{_HERE}.replicas",
        value=show(words(coordination.replicas) + (named or "")),
        rule="must be one region, or three different regions of one set, of which one may be the witness: "
        + "; ".join(words(sorted(each)) for each in aws.STRONG_REGION_SETS),
        reason="any other table over regions keeps the last write, so that two gates can each be told that their claim "
        "succeeded, and both sign",
        fix=_three(regions),
        involves=(f"{_HERE}.witness", f"{_HERE}.replicas.[keys]"),
    )


def _one_set(regions: list[str]) -> bool:
    return any(set(regions) <= each for each in aws.STRONG_REGION_SETS)


def _three(regions: list[str]) -> str:
    """Advice that keeps as many of the declared regions as it can."""
    nearest = max(aws.STRONG_REGION_SETS, key=lambda each: len(each & set(regions)))
    ordered = sorted(nearest, key=lambda region: (regions.index(region) if region in regions else len(regions), region))
    return f"write replicas in {words(ordered[:2])} with witness: {ordered[2]}, or only {ordered[0]} without a witness"


def replica_regions_exist(network: Network) -> Iterator[Finding]:
    """One home region is a region of AWS."""
    coordination = network.signing.coordination
    for region in coordination.replicas if coordination else ():
        if region not in aws.REGIONS:
            yield Finding(
                path=f"{_HERE}.replicas.{region}",
                value=show(region),
                rule="must be a region of AWS",
                reason="the table is created there",
                fix=choose(region, aws.REGIONS),
            )


def detours_lead_to_replicas(network: Network) -> Iterator[Finding]:
    """A detour leads to a region where the table is."""
    coordination = network.signing.coordination
    for region in coordination.detours if coordination else ():
        if coordination and region not in coordination.replicas:
            yield Finding(
                path=f"{_HERE}.detours.{region}",
                value=show(region),
                rule="must be a region of the replicas",
                reason="a detour is another way to a replica, and there is none in this region",
                fix=choose(region, coordination.replicas),
                involves=(f"{_HERE}.replicas.[keys]",),
            )


def replicas_are_reached_by_signers_only(network: Network) -> Iterator[Finding]:
    """A declared service leads to each replica over TLS, for signers only; so does each detour."""
    coordination = network.signing.coordination
    for place, name in coordination.services() if coordination else ():
        service = network.services.get(name)
        if service is None:
            yield Finding(
                path=f"{_HERE}.{place}",
                value=show(name),
                rule="must be a declared service",
                reason="firewalls let a signer reach declared services only, so its gate could not reach the table",
                fix=f"add {name} to services, with port 443 and consumers [signer]",
                involves=("services.[keys]",),
            )
        elif (service.port, service.protocol) != (443, "tcp"):
            yield Finding(
                path=f"services.{name}.port",
                value=f"{service.protocol} {service.port}",
                rule="must be tcp 443 for a replica of the coordination table",
                reason="DynamoDB is called over HTTPS",
                fix="write port: 443, and protocol: tcp or nothing",
                involves=(f"services.{name}.protocol", f"{_HERE}.{place}"),
            )
        elif service.consumers != (Role.SIGNER,):
            yield Finding(
                path=f"services.{name}.consumers",
                value=show(service.consumers),
                rule="must be [signer] for a replica of the coordination table",
                reason="a host that reaches the table is one step from deciding who signs, and no other host needs it",
                fix="write consumers: [signer]",
                involves=(f"services.{name}.consumers.*", f"{_HERE}.{place}"),
            )


def replicas_are_reached_apart(network: Network) -> Iterator[Finding]:
    """Two replicas are two services, and a detour is another one."""
    coordination = network.signing.coordination
    services = coordination.services() if coordination else ()
    for path, name, first in repeated((f"{_HERE}.{place}", each) for place, each in services):
        yield Finding(
            path=path,
            value=show(name),
            rule="each replica and each detour must have a service of its own",
            reason=f"{first} is reached by it too; one address is neither in two regions nor a way around itself",
            fix="declare another service, and write its name here",
            involves=(first,),
        )


def gates_have_leases(network: Network) -> Iterator[Finding]:
    """Each gate calls the table with an AWS lease that only signers take."""
    coordination = network.signing.coordination
    for site, name in coordination.sites.items() if coordination else ():
        lease = network.leases.get(name)
        if lease is None:
            yield Finding(
                path=f"{_HERE}.sites.{site}",
                value=show(name),
                rule="must be a declared lease",
                reason="the gate there calls the table with it",
                fix=f"add {name} to leases, of kind aws, for [signer]",
                involves=("leases.[keys]",),
            )
        elif lease.kind != "aws":
            yield Finding(
                path=f"leases.{name}.kind",
                value=show(lease.kind),
                rule="must be aws for the lease of a gate",
                reason=f"the gate in {site} calls DynamoDB with it",
                fix="write kind: aws",
                involves=(f"{_HERE}.sites.{site}",),
            )
        elif lease.roles != (Role.SIGNER,):
            yield Finding(
                path=f"leases.{name}.roles",
                value=show(lease.roles),
                rule="must be [signer] for the lease of a gate",
                reason="a host that takes it can make the validator's signing claims, and stop it from signing",
                fix="write roles: [signer]",
                involves=(f"leases.{name}.roles.*", f"{_HERE}.sites.{site}"),
            )


def gate_leases_last_long_enough(network: Network) -> Iterator[Finding]:
    """A gate's lease is as short as STS gives it, and used until it is renewed."""
    coordination = network.signing.coordination
    least, most = promises.GATE_LEASE_SECONDS
    for site, name in coordination.sites.items() if coordination else ():
        lease = network.leases.get(name)
        if lease and not least <= lease.ttl_seconds <= most:
            yield Finding(
                path=f"leases.{name}.ttl_seconds",
                value=show(lease.ttl_seconds),
                rule=f"must be from {least} to {most} for the lease of a gate",
                reason=f"AWS issues no credential for less than {least} seconds, and none for more than {most} to a "
                "role that was itself assumed, as Vault's is",
                fix=f"write {least}",
                involves=(f"{_HERE}.sites.{site}",),
            )
        if lease and lease.single_use:
            yield Finding(
                path=f"leases.{name}.single_use",
                value="true",
                rule="must be false for the lease of a gate",
                reason=f"the gate in {site} uses it for every signature and renews it",
                fix="remove single_use",
                involves=(f"{_HERE}.sites.{site}",),
            )


def gate_leases_are_distinct(network: Network) -> Iterator[Finding]:
    """Each gate can be shut out alone."""
    coordination = network.signing.coordination
    sites = coordination.sites if coordination else {}
    for path, name, first in repeated((f"{_HERE}.sites.{site}", each) for site, each in sites.items()):
        yield Finding(
            path=path,
            value=show(name),
            rule="each site must have a lease of its own",
            reason=f"{first} has it too, so neither gate could be shut out of the table alone",
            fix="declare another lease of kind aws, and write its name here",
            involves=(first,),
        )
