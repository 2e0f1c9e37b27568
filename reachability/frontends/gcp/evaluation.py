"""The evaluation order of an interface's firewall rules, as one chain per direction.

Order: cloud.google.com/firewall/docs/firewall-policies-rule-eval-order. Hierarchical policies, then VPC firewall
rules, then global and regional network policies (or these before the VPC rules), then the implied rules: deny ingress,
allow egress.
"""

from __future__ import annotations

from reachability.addresses import block, union
from reachability.frontends.gcp.accounts import NOBODY
from reachability.frontends.gcp.filter_rules import FilterRule
from reachability.frontends.gcp.firewall_policies import AttachedPolicy, FirewallPolicies
from reachability.frontends.gcp.firewall_rules import FirewallRules
from reachability.frontends.gcp.interfaces import Nic
from reachability.network import Action, Chain, Match, Rule

METADATA_SERVER = union([block("169.254.169.254"), block("fd20:ce::254")])
"""DHCP, DNS, NTP and instance metadata: always allowed (cloud.google.com/firewall/docs/firewalls, "Always allowed
traffic")."""

_METADATA = Rule(Match(destinations=METADATA_SERVER), Action.ACCEPT, "always allowed: the metadata server")


class Evaluation:
    """The chains of every interface; interfaces that no rule distinguishes share theirs."""

    def __init__(self, rules: FirewallRules, policies: FirewallPolicies) -> None:
        self._rules = rules
        self._policies = policies
        self._apart: dict[tuple[str, bool], tuple[frozenset[str], frozenset[str]]] = {}
        self._known: dict[tuple[object, ...], tuple[Chain, dict[str, Chain]]] = {}
        self._written: dict[tuple[int, str], tuple[FilterRule, list[Rule]]] = {}

    def chain(self, nic: Nic, *, ingress: bool) -> tuple[Chain, dict[str, Chain]]:
        """The chain of an interface, and the chains to which it jumps."""
        network, policies = nic.network, self._policies
        tags, accounts = self._distinguished(nic, ingress)
        key = (
            network.urn,
            ingress,
            None if nic.tags is None else nic.tags & tags,
            nic.account if nic.account is None or nic.account in accounts else NOBODY,
            nic.region if policies.differ_by_region(network) else "",
            nic.project if policies.differ_by_project else "",
        )
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._build(nic, ingress)
        return found

    def _distinguished(self, nic: Nic, ingress: bool) -> tuple[frozenset[str], frozenset[str]]:
        """The tags and accounts in the rules of this direction."""
        key = nic.network.urn, ingress
        found = self._apart.get(key)
        if found is None:
            targets = [each.targets for each in self._rules.of(nic.network) if each.ingress is ingress]
            targets += [each.targets for each in self._policies.rules() if each.ingress is ingress]
            found = self._apart[key] = (
                frozenset(tag for each in targets for tag in each.tags or ()),
                frozenset(account for each in targets for account in each.accounts or ()),
            )
        return found

    def _at(self, rules: list[FilterRule], nic: Nic, ingress: bool) -> list[Rule]:
        """The rules at one interface; equal rules of several interfaces are the same objects."""
        found: list[Rule] = []
        for rule in rules:
            if rule.ingress is not ingress:
                continue
            included, perhaps = rule.targets.include(nic)
            if included or perhaps:
                key = id(rule), perhaps
                if key not in self._written:
                    self._written[key] = rule, rule.written(included, perhaps)
                found += self._written[key][1]
        return found

    def _jump(self, policy: AttachedPolicy, nic: Nic, ingress: bool, chains: dict[str, Chain]) -> list[Rule]:
        """A policy is a separate chain, which returns at ``goto_next`` and at its end."""
        rules = self._at(policy.rules, nic, ingress)
        if not rules:
            return []
        name = f"{policy.name} {'ingress' if ingress else 'egress'}"
        while name in chains:
            name += "'"
        chains[name] = Chain(name, tuple(rules), Action.DROP, policy.origin)
        return [Rule(Match(uncertain=policy.uncertainty), Action.JUMP, policy.name, policy.origin, name)]

    def _build(self, nic: Nic, ingress: bool) -> tuple[Chain, dict[str, Chain]]:
        network = nic.network
        chains: dict[str, Chain] = {}
        rules: list[Rule] = [] if ingress else [_METADATA]
        for policy in self._policies.hierarchical(nic):
            rules += self._jump(policy, nic, ingress, chains)
        classic = self._at(self._rules.of(network), nic, ingress)
        policies = [
            rule for policy in self._policies.of_network(nic) for rule in self._jump(policy, nic, ingress, chains)
        ]
        if network.policies_first is None:
            classic = [_as_uncertain(each) for each in classic]
            policies = [_as_uncertain(each) for each in policies]
        rules += policies + classic if network.policies_first else classic + policies
        way = "ingress" if ingress else "egress"
        action, verb = (Action.DROP, "deny") if ingress else (Action.ACCEPT, "allow")
        rules.append(Rule(Match(), action, f"implied rule: {verb} all {way}", network.urn))
        return Chain(f"firewall of {network.name}, {way}", tuple(rules), Action.DROP, network.urn), chains


def _as_uncertain(rule: Rule) -> Rule:
    match = rule.match
    uncertainty = match.uncertain or "the order of firewall policies and rules is known only after deployment"
    return Rule(
        Match(match.sources, match.destinations, match.services, uncertain=uncertainty),
        rule.action,
        rule.name,
        rule.origin,
        rule.chain,
    )
