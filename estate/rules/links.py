"""Rules about the tunnels between datacentres and cloud regions."""

from __future__ import annotations

from collections.abc import Iterator

from estate.model import Network, Role
from estate.rules.finding import Finding, choose, repeated, show


def links_lead_to_declared_regions(network: Network) -> Iterator[Finding]:
    """A link ends in a region that we have."""
    for name, site in network.sites.items():
        for region in site.links:
            if region not in network.regions:
                yield Finding(
                    path=f"sites.{name}.links.{region}",
                    value=show(region),
                    rule="must be one of the declared regions",
                    reason="the tunnels must end in a VPC of ours",
                    fix=choose(region, network.regions),
                    involves=("regions.[keys]",),
                )


def every_site_reaches_every_region(network: Network) -> Iterator[Finding]:
    """Peering does not carry a site's traffic on, so each site has its own tunnels to each region."""
    for name, site in network.sites.items():
        for region in network.regions:
            if region not in site.links:
                yield Finding(
                    path=f"sites.{name}.links",
                    value=f"no link to {region}",
                    rule="must have a link to each declared region",
                    reason=(
                        "AWS does not carry traffic of a tunnel on through a peering, so sentries, VPN and "
                        f"monitors in {region} would not reach {name}"
                    ),
                    fix=f"add {region} with the certificates of both edges",
                    involves=(f"sites.{name}.links.[keys]", "regions.[keys]"),
                )


def links_have_a_certificate_per_edge(network: Network) -> Iterator[Finding]:
    """Each edge authenticates with a certificate of its own."""
    for name, site in network.sites.items():
        edges = sum(server.role == Role.EDGE for server in site.servers)
        for region, link in site.links.items():
            if len(link.certificates) != edges and edges == 2:
                yield Finding(
                    path=f"sites.{name}.links.{region}.certificates",
                    value=f"{len(link.certificates)} certificate{'' if len(link.certificates) == 1 else 's'}",
                    rule="must be one certificate for each of the two edges",
                    reason="the first is of edge 1, the second of edge 2, and an edge without one opens no tunnel",
                    fix="list two ARNs, edge 1 first",
                    involves=(f"sites.{name}.links.{region}.certificates.*", f"sites.{name}.servers.*.role"),
                )


def certificates_are_usable(network: Network) -> Iterator[Finding]:
    """A tunnel's certificate is one of ACM, in the tunnel's own region and account."""
    for path, region, arn in _certificates(network):
        _, _, service, where, account, _ = arn.split(":", 5)
        if service != "acm":
            yield Finding(
                path=path,
                value=show(arn),
                rule="must be the ARN of a certificate of ACM",
                reason=f"site-to-site VPN takes certificates from ACM only, and this one is of {service}",
                fix=f"write arn:aws:acm:{region}:{network.aws.account_id}:certificate/<id>",
            )
            continue
        if where != region:
            yield Finding(
                path=path,
                value=show(arn),
                rule=f"must be a certificate in {region}",
                reason=f"it is in {where}, and a tunnel takes certificates of its own region only",
                fix=f"issue one in {region} and write its ARN",
            )
        if account != network.aws.account_id:
            yield Finding(
                path=path,
                value=show(arn),
                rule=f"must be a certificate of account {network.aws.account_id}",
                reason=f"it is of account {account or 'none'}",
                fix="issue one in this account and write its ARN",
                involves=("aws.account_id",),
            )


def certificates_are_distinct(network: Network) -> Iterator[Finding]:
    """Two edges do not share an identity."""
    for path, arn, first in repeated((path, arn) for path, _, arn in _certificates(network)):
        yield Finding(
            path=path,
            value=show(arn),
            rule="each edge must have certificates of its own",
            reason=f"{first} is the same, and the two could not be distinguished or revoked separately",
            fix="issue another one",
            involves=(first,),
        )


def _certificates(network: Network) -> Iterator[tuple[str, str, str]]:
    for name, site in network.sites.items():
        for region, link in site.links.items():
            for index, arn in enumerate(link.certificates):
                yield f"sites.{name}.links.{region}.certificates.{index}", region, arn
