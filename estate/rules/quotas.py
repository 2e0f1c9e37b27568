"""Rules about the service quotas of the AWS account: what may be declared of them, and that they suffice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from estate.clouds.aws import QUOTAS
from estate.model import Network
from estate.plan import quotas
from estate.plan.quotas import Use
from estate.rules.finding import Finding, choose, show, words

ANOTHER_ACCOUNT = "move a network to an account of its own"
LESS = {
    "elastic_ips_per_region": "declare fewer public hosts or zones there",
    "rules_per_security_group": "declare fewer hosts, partners or services",
    "routes_per_route_table": "declare fewer blocks of partners",
    "route_tables_per_vpc": "declare fewer zones",
    "vpn_connections_per_gateway": "link fewer datacentres",
    "on_demand_standard_vcpus": "declare fewer or smaller instances there",
    "on_demand_x_vcpus": "declare fewer or smaller instances there",
}
"""How to need less of a quota; of the others, each network of an account needs one, or what its datacentres need."""


def quotas_are_of_our_regions(network: Network) -> Iterator[Finding]:
    """AWS raises a quota in one region; it matters where the network has something."""
    for region in network.aws.quotas:
        if region not in network.regions:
            yield Finding(
                path=f"aws.quotas.{region}",
                value=show(region),
                rule=f"must be one of the network's regions: {words(network.regions)}",
                reason="AWS raises a quota in one region only, and the network has no VPC there",
                fix=choose(region, network.regions),
                involves=("regions.[keys]",),
            )


def quotas_are_raised(network: Network) -> Iterator[Finding]:
    """A declared quota is more than AWS grants to everybody, and no more than it grants to anybody."""
    for region, declared in network.aws.quotas.items():
        for name, raised in declared:
            quota, path = QUOTAS[name], f"aws.quotas.{region}.{name}"
            if raised is not None and raised < quota.default:
                yield Finding(
                    path=path,
                    value=show(raised),
                    rule=f"must be at least {quota.default}",
                    reason=f'every account has {quota.default} by default ("{quota.title}")',
                    fix="write what AWS has raised it to, or leave it out",
                )
            elif raised is not None and quota.most is not None and raised > quota.most:
                yield Finding(
                    path=path,
                    value=show(raised),
                    rule=f"must be at most {quota.most}",
                    reason=f'AWS raises "{quota.title}" no further',
                    fix="write what AWS has raised it to",
                )


def exceeded(use: Use, limit: int, *, whose: str, raised: bool) -> Finding:
    """The finding about a use of more than ``limit``.

    Args:
        whose: what the use is of, in one account: follows "in one account".
        raised: whether the limit is a declared one.
    """
    quota = QUOTAS[use.quota]
    name = quota.follows or use.quota
    path = f"aws.quotas.{use.region}.{name}"
    where = f" ({use.where})" if use.where else ""
    title = QUOTAS[name].title
    less = LESS.get(use.quota, ANOTHER_ACCOUNT)
    ask = f'ask AWS to raise "{title}" in {use.region} to {use.count}, then declare {path}: {use.count}'
    return Finding(
        path=path,
        value=f"{use.count} {quota.counted} in {use.region}{where}{whose}",
        rule=f"must be at most {limit}",
        reason=(
            f'the account\'s quota "{quota.title}" is declared to be raised to no more'
            if raised
            else f'AWS grants an account no more by default ("{quota.title}")'
        ),
        fix=less if quota.most is not None and use.count > quota.most else f"{ask}, or {less}",
    )


def _exceeding(network: Network, uses: Iterable[Use]) -> Iterator[Finding]:
    for use in uses:
        limit = quotas.granted(network, use.region, use.quota)
        if use.count > limit:
            raised = limit != QUOTAS[use.quota].default
            yield exceeded(use, limit, whose="", raised=raised)


def quotas_suffice(network: Network) -> Iterator[Finding]:
    """What the network needs of its account, AWS grants: the deployment does not stop in the middle."""
    yield from _exceeding(network, quotas.shared(network))
    yield from _exceeding(network, quotas.separate(network))
