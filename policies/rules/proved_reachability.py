"""Proves every claim for the resources to be deployed, host firewalls included."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pulumi_policy import PolicyResource, Severity

from configuration.node_config import listening
from configuration.rulesets import rulesets as every_ruleset
from estate.findings import DeclarationError
from estate.model import Network
from policies import declaration, shown
from policies.rule import stack_rule, violation
from reachability import declared
from reachability.assembly import assemble
from reachability.claims import Estate, Outcome, Report, Verdict, claims, prove, read
from reachability.prover import Prover
from reachability.resources import Resource

STACK = "pulumi:pulumi:Stack"
OWN_CLAIMS = declaration.ROOT / "stacks" / "claims.py"
"""The file of a company's own claims."""

MOST_REASONS = 5
"""The number of reasons shown for a claim that is not modelled."""

REASON = "an attacker will find a hole that was not found before the deployment"


def _inventory(resources: Iterable[Resource]) -> Mapping[str, Any]:
    """The stack's output ``inventory`` as far as it is known, without tunnels whose remote end is unknown."""
    for each in resources:
        if each.type == STACK and isinstance(found := each.properties.get("inventory"), dict):
            return {"links": _ends(found.get("links"))}
    return {}


def _ends(links: Any) -> dict[str, Any]:
    if not isinstance(links, dict):
        return {}
    return {
        site: {
            region: {
                edge: [tunnel for tunnel in tunnels if _is_known(tunnel)]
                for edge, tunnels in edges.items()
                if isinstance(tunnels, list)
            }
            for region, edges in regions.items()
            if isinstance(edges, dict)
        }
        for site, regions in links.items()
        if isinstance(regions, dict)
    }


def _is_known(tunnel: Any) -> bool:
    return isinstance(tunnel, dict) and isinstance(tunnel.get("outside_address"), str)


def report(network: Network, resources: Sequence[Resource]) -> Report:
    """The verdicts of every claim, the company's own included, for one network's stack."""
    inventory = _inventory(resources)
    rulesets = every_ruleset(network, inventory)
    subject = declared.subject(network, resources, rulesets)
    estate = Estate(Prover(assemble(subject)), (network,), subject.resources, listening(network))
    own = read(OWN_CLAIMS.read_text(), str(OWN_CLAIMS)) if OWN_CLAIMS.is_file() else ()
    return prove(estate.case(network), claims(own))


def _path(verdict: Verdict) -> Iterator[str]:
    """The witness's packet, and the deciding setting at each hop."""
    if verdict.witness is None:
        return
    packet = verdict.witness.packet
    hops = [f"{hop.at} ({hop.action}: {hop.decided_by})" for hop in verdict.witness.hops]
    yield (f"path of {packet}: " if packet else "blocked by: ") + (" -> ".join(hops) or "no hops")


def _message(verdict: Verdict) -> str:
    refuted = verdict.outcome is Outcome.REFUTED
    lines = list(verdict.sentences[:1] if refuted else verdict.reasons[:MOST_REASONS])
    more = len(verdict.sentences if refuted else verdict.reasons) - len(lines)
    if refuted:
        lines += _path(verdict)
    return violation(
        f"claim {verdict.claim.id} is {'refuted' if refuted else 'not modelled'}: {'. '.join(lines)}"
        + (f" (and {more} more)" if more > 0 else ""),
        verdict.claim.statement,
        REASON,
        f"bin/estate prove --explain {verdict.claim.id} shows every packet and hop; fix the setting that decides",
    )


def _about(verdict: Verdict, root: str, urns: set[str]) -> str:
    """The resource with the last deciding setting on the path; the stack if there is none."""
    hops = verdict.witness.hops if verdict.witness else ()
    return next((hop.origin for hop in reversed(hops) if hop.origin in urns), root)


def judged(network: Network, given: Sequence[PolicyResource]) -> Iterator[tuple[str, str]]:
    """A message and a URN for every claim that is not proved for a network's stack."""
    resources = shown.resources(given)
    urns = {each.urn for each in resources}
    root = next((each.urn for each in resources if each.type == STACK), resources[0].urn)
    for verdict in report(network, resources).verdicts:
        if verdict.outcome is not Outcome.PROVED:
            yield _message(verdict), _about(verdict, root, urns)


def _closed(judge: Callable[[], Iterator[tuple[str, str]]], root: str) -> Iterator[tuple[str, str]]:
    """The findings of ``judge``; an invalid declaration and an exception in ``judge`` are findings too."""
    try:
        yield from list(judge())
    except DeclarationError as error:
        yield (
            violation(
                f"the declaration is not valid: {error}",
                "a stack must match its declaration",
                "the claims compare the two",
                "fix the declaration",
            ),
            root,
        )
    except Exception as error:  # noqa: BLE001
        yield (
            violation(
                f"the proof failed: {type(error).__name__}: {error}",
                "every claim must be proved",
                REASON,
                "this is a defect of the prover: report it with the stack's state",
            ),
            root,
        )


def check(given: Sequence[PolicyResource]) -> Iterator[tuple[str, str]]:
    """The findings for a stack; none for a stack of another project, about which there are no claims."""
    if not given:
        return
    stack, project, *_ = given[0].urn.removeprefix("urn:pulumi:").split("::")
    if project != declaration.PROJECT:
        return
    root = next((each.urn for each in given if each.resource_type == STACK), given[0].urn)

    def judge() -> Iterator[tuple[str, str]]:
        network = declaration.network(stack)
        if network is not None:
            yield from judged(network, given)
        else:
            yield (
                violation(
                    f"no network {stack} is declared: every claim is not modelled",
                    "a stack of this project must have a declaration",
                    "nothing else defines what its hosts may do",
                    f"write stacks/Pulumi.{stack}.yaml (bin/estate new {stack})",
                ),
                root,
            )

    yield from _closed(judge, root)


RULE = stack_rule(
    "proved-reachability",
    "Every reachability claim must be proved for the stack, its datacentres and its host firewalls.",
    check,
    Severity.CRITICAL,
    why="Rules on single resources cannot see that a route, a security group and a host's firewall together open a "
    "path; the prover follows every packet. A claim that is not modelled counts as not proved.",
    fix="Fix the setting that decides: the violation shows the packet, each hop and its deciding rule.",
    source="https://docs.aws.amazon.com/vpc/latest/reachability/what-is-reachability-analyzer.html",
    example="A security group rule for TCP 22 from `::/0` in a VPC with IPv6 refutes the claim `no-public-ssh`: the "
    "violation shows the packet and its path.",
    firm="an exception would turn a proved claim into an assertion",
)
