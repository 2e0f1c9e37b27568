"""Only the declared ports may be open to the internet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading import firewalls
from policies.reading.cidr import is_world
from policies.reading.properties import UNKNOWN, each, stated, tag, words
from policies.rule import Example, resource_rule, violation


@dataclass(frozen=True)
class Exposure:
    """What a rule with this Exposure tag may open, and for which roles (none: any)."""

    protocol: str
    roles: frozenset[str] = frozenset()


EXPOSURES = {
    "p2p": Exposure("tcp", frozenset({"public-sentry", "seed"})),
    "rpc": Exposure("tcp", frozenset({"load-balancer"})),
    "lcd": Exposure("tcp", frozenset({"load-balancer"})),
    "vpn": Exposure("udp", frozenset({"vpn"})),
    "path-mtu": Exposure("icmp"),
}
PATH_MTU = (3, 4)
NEVER = frozenset({22, 23, 135, 139, 445, 2375, 2376, 2379, 3389, 5900, 6443, 8200, 9090, 9100, 26659, 26660})
"""SSH, remote desktops, control planes, secrets, the signer's port, metrics."""

REASON = "each port that is open to the internet is a way in"


def _judge(args: ResourceValidationArgs) -> Iterator[str]:
    props = args.props
    exposure, role = tag(props, "Exposure"), tag(props, "Role")
    protocol, low, high = (stated(props, key) for key in ("ipProtocol", "fromPort", "toPort"))
    allowed = EXPOSURES.get(exposure) if isinstance(exposure, str) else None
    given = f"{protocol} {low}-{high} of {role} is open to the internet (Exposure: {exposure})"
    if UNKNOWN in (protocol, low, high, role):
        yield violation(
            given,
            "a rule that is open to the internet must set protocol and ports",
            "an unknown value cannot be checked",
            "set it",
        )
    elif allowed is None:
        yield violation(
            given,
            f"only {', '.join(EXPOSURES)} may be open to the internet",
            REASON,
            "name the sources, or tag a declared exposure",
        )
    elif protocol != allowed.protocol or (allowed.roles and role not in allowed.roles):
        yield violation(
            given,
            f"{exposure} must be {allowed.protocol} of {', '.join(sorted(allowed.roles)) or 'any role'}",
            REASON,
            "remove the rule, or correct its tag",
        )
    elif exposure == "path-mtu":
        if (low, high) != PATH_MTU:
            yield violation(
                given, "ICMP must be type 3 code 4 (fragmentation needed) only", REASON, "set fromPort 3 and toPort 4"
            )
    elif low != high or low in NEVER:
        yield violation(
            given,
            "it must be one port, and none that operators or signers use",
            REASON,
            "open the one port that is served",
        )


def _ingress(args: ResourceValidationArgs) -> Iterator[str]:
    sources = [stated(args.props, key) for key in ("cidrIpv4", "cidrIpv6")]
    if UNKNOWN in sources:
        yield violation(
            "the source is unknown",
            "a rule must state its source",
            "an unknown source may be the whole internet",
            "set the CIDR",
        )
    elif stated(args.props, "prefixListId") is not None:
        yield violation(
            "the source is a prefix list",
            "a rule must state its source",
            "the list's entries are not visible here",
            "set CIDRs",
        )
    elif any(source is not None and is_world(source) for source in sources):
        yield from _judge(args)


def _inline(args: ResourceValidationArgs) -> Iterator[str]:
    if each(args.props, "ingress") or each(args.props, "egress"):
        yield violation(
            "rules are given inline",
            "each rule must be a resource of its own",
            "only then can it be tagged, described and checked",
            "write a resource for each",
        )


def _firewall(args: ResourceValidationArgs) -> Iterator[str]:
    """Google's firewall rules have no tags of their own: the roles are their target tags."""
    if not firewalls.is_direction(args.props, "INGRESS"):
        return
    sources = firewalls.sources(args.resource_type, args.props)
    if not any(source is UNKNOWN or is_world(source) for source in sources):
        return
    roles = firewalls.targets(args.resource_type, args.props)
    for allowed in firewalls.allows(args.resource_type, args.props):
        served = [
            exposure
            for exposure in EXPOSURES.values()
            if exposure.protocol == allowed.protocol and exposure.roles and roles and exposure.roles.issuperset(roles)
        ]
        one_port = len(allowed.ports) == 1 and allowed.ports[0] is not UNKNOWN and len(set(allowed.ports[0])) == 1
        if not served or not one_port or allowed.ports[0][0] in NEVER:
            yield violation(
                f"{allowed.protocol} {words(allowed.ports) or 'on every port'} of {words(roles) or 'all instances'} "
                f"is open to the internet",
                f"only {', '.join(EXPOSURES)} may be, one port a rule, for the instances of their roles",
                REASON,
                "name the sources, or the one port and targetTags",
            )


RULE = resource_rule(
    "no-undeclared-port-is-open-to-the-world",
    "Only p2p, the load balancer's RPC and LCD, and the VPN may be open to the internet, over IPv4 and IPv6.",
    {
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _ingress,
        "aws:ec2/securityGroup:SecurityGroup": _inline,
        **dict.fromkeys(firewalls.TYPES, _firewall),
    },
    Severity.CRITICAL,
    why="Each port that is open to the internet is a way in: the few that are needed are declared.",
    fix="Name the sources; or tag the rule with a declared `Exposure`, for one port of the role that serves it.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
    example=Example(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {"tags": {"Exposure": None}, "cidrIpv6": "::/0", "fromPort": 8080, "toPort": 8080},
    ),
)
