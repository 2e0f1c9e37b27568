"""Hierarchical, global network and regional network firewall policies, their rules and associations.

Semantics: cloud.google.com/firewall/docs/firewall-policies-rule-details and .../firewall-policies-rule-eval-order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reachability import services
from reachability.addresses import EVERYWHERE
from reachability.frontends.gcp.accounts import Accounts
from reachability.frontends.gcp.filter_rules import FilterRule, Targets, Verb
from reachability.frontends.gcp.hierarchy import Hierarchy
from reachability.frontends.gcp.interfaces import Nic
from reachability.frontends.gcp.inventory import Inventory
from reachability.frontends.gcp.properties import (
    ANY_SERVICE,
    ANYWHERE,
    NOTHING,
    Extent,
    blocks,
    flag,
    is_given,
    items,
    number,
    protocol_services,
    records,
    setting,
    word,
)
from reachability.frontends.gcp.vpc import NETWORK, Network, region_of
from reachability.resources import UNKNOWN, Resource

HIERARCHICAL = "gcp:compute/firewallPolicy:FirewallPolicy"
HIERARCHICAL_FULL = "gcp:compute/firewallPolicyWithRules:FirewallPolicyWithRules"
HIERARCHICAL_RULE = "gcp:compute/firewallPolicyRule:FirewallPolicyRule"
HIERARCHICAL_ASSOCIATION = "gcp:compute/firewallPolicyAssociation:FirewallPolicyAssociation"
GLOBAL = "gcp:compute/networkFirewallPolicy:NetworkFirewallPolicy"
GLOBAL_FULL = "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules"
GLOBAL_RULE = "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule"
GLOBAL_ASSOCIATION = "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation"
REGIONAL = "gcp:compute/regionNetworkFirewallPolicy:RegionNetworkFirewallPolicy"
REGIONAL_FULL = "gcp:compute/regionNetworkFirewallPolicyWithRules:RegionNetworkFirewallPolicyWithRules"
REGIONAL_RULE = "gcp:compute/regionNetworkFirewallPolicyRule:RegionNetworkFirewallPolicyRule"
REGIONAL_ASSOCIATION = "gcp:compute/regionNetworkFirewallPolicyAssociation:RegionNetworkFirewallPolicyAssociation"
POLICIES = (HIERARCHICAL, HIERARCHICAL_FULL, GLOBAL, GLOBAL_FULL, REGIONAL, REGIONAL_FULL)
RULES = {
    HIERARCHICAL_RULE: (HIERARCHICAL,),
    GLOBAL_RULE: (GLOBAL,),
    REGIONAL_RULE: (REGIONAL,),
}
_VERBS = {
    "allow": Verb.ALLOW,
    "deny": Verb.DENY,
    "goto_next": Verb.GOTO_NEXT,
    "apply_security_profile_group": Verb.INSPECT,
}
_PRIORITIES = (0, 2147483647)
_INDEFINITE = {
    "AddressGroups": "address groups",
    "Fqdns": "domain names",
    "RegionCodes": "countries",
    "ThreatIntelligences": "threat lists",
    "SecureTags": "secure tags",
}
"""Criteria that match addresses which are not in the input."""
LAYER4 = "layer4Configs"
_NARROWING = {"NetworkScope": "the kind of network", "NetworkContext": "the kind of network", "Networks": "the network"}
"""Criteria that further restrict the packets."""


@dataclass(frozen=True, slots=True)
class AttachedPolicy:
    """A policy where it applies; ``uncertainty``: why it may not be."""

    name: str
    origin: str
    rules: list[FilterRule]
    uncertainty: str = ""


@dataclass(frozen=True, slots=True)
class _ScopedRule:
    """A rule of a hierarchical policy that applies to some networks only."""

    rule: FilterRule
    networks: frozenset[str] | None
    uncertainty: str


class FirewallPolicies:
    """Every policy associated with a network of the input, or with a folder or organization above its project."""

    def __init__(
        self, inventory: Inventory, networks: Mapping[str, Network], accounts: Accounts, hierarchy: Hierarchy
    ) -> None:
        self._inventory = inventory
        self._accounts = accounts
        self._hierarchy = hierarchy
        self._rules: dict[str, list[_ScopedRule]] = {each.urn: [] for each in inventory.of(*POLICIES)}
        for each in inventory.of(HIERARCHICAL_FULL, GLOBAL_FULL, REGIONAL_FULL):
            self._inline(each)
        for kind, policies in RULES.items():
            for each in inventory.of(kind):
                self._separate(each, policies)
        for rules in self._rules.values():
            rules.sort(key=lambda scoped: scoped.rule.order)
        self._hierarchical = [
            (each, each.properties.get("attachmentTarget")) for each in inventory.of(HIERARCHICAL_ASSOCIATION)
        ]
        self._global: dict[str, list[AttachedPolicy]] = {urn: [] for urn in networks}
        self._regional: dict[tuple[str, str], list[AttachedPolicy]] = {}
        for each in inventory.of(GLOBAL_ASSOCIATION):
            for network, uncertainty in self._attached_to(each, networks):
                self._global[network].append(self._policy(each, (GLOBAL, GLOBAL_FULL), network, uncertainty))
        regional = sorted(inventory.of(REGIONAL_ASSOCIATION), key=_association_priority)
        for each in regional:
            for network, uncertainty in self._attached_to(each, networks):
                policy = self._policy(each, (REGIONAL, REGIONAL_FULL), network, uncertainty)
                self._regional.setdefault((network, region_of(each, inventory)), []).append(policy)

    def hierarchical(self, nic: Nic) -> list[AttachedPolicy]:
        """The policies of the organization and then of each folder above the interface's network."""
        found = []
        for resource, target in self._hierarchical:
            depth, uncertainty = self._hierarchy.above(nic.network.project or nic.project, target)
            if depth is not None or uncertainty:
                policy = self._policy(resource, (HIERARCHICAL, HIERARCHICAL_FULL), nic.network.urn, uncertainty)
                found.append((-1 if depth is None else depth, policy))
        return [policy for _, policy in sorted(found, key=lambda each: each[0])]

    def of_network(self, nic: Nic) -> list[AttachedPolicy]:
        """The global and then the regional network policies of an interface."""
        return self._global[nic.network.urn] + self._regional.get((nic.network.urn, nic.region), [])

    @property
    def differ_by_project(self) -> bool:
        """Whether interfaces of one network may have different policies, by the project of their instance."""
        return bool(self._hierarchical)

    def differ_by_region(self, network: Network) -> bool:
        """Whether a network has policies of single regions."""
        return any(urn == network.urn for urn, _ in self._regional)

    def rules(self) -> list[FilterRule]:
        """The rules of all policies."""
        return [scoped.rule for rules in self._rules.values() for scoped in rules]

    def _attached_to(self, association: Resource, networks: Mapping[str, Network]) -> list[tuple[str, str]]:
        owner = self._inventory.resolve(association, "attachmentTarget", (NETWORK,))
        if owner is not None:
            return [(owner.urn, "")]
        if association.properties.get("attachmentTarget") is UNKNOWN:
            return [(urn, f"the target of {association.urn} is not known yet") for urn in networks]
        return []

    def _policy(self, association: Resource, kinds: tuple[str, ...], network: str, uncertainty: str) -> AttachedPolicy:
        policy = self._inventory.resolve(association, "firewallPolicy", kinds)
        if policy is None:
            text = f"the rules of the policy of {association.urn} are not in the input"
            name = f"policy {word(association.properties.get('firewallPolicy'), 'not known yet')}"
            anything = [
                FilterRule(
                    f"{name}: anything",
                    association.urn,
                    ingress,
                    (0, 0),
                    Verb.UNKNOWN,
                    ANYWHERE,
                    ANYWHERE,
                    ANY_SERVICE,
                    Targets(),
                    text,
                )
                for ingress in (True, False)
            ]
            return AttachedPolicy(name, association.urn, anything, uncertainty)
        rules = []
        for scoped in self._rules[policy.urn]:
            if scoped.networks is None or network in scoped.networks:
                rules.append(scoped.rule)
            elif scoped.uncertainty:
                rules.append(_with_uncertainty(scoped.rule, scoped.uncertainty))
        return AttachedPolicy(f"policy {_policy_name(policy)}", policy.urn, rules, uncertainty)

    def _inline(self, policy: Resource) -> None:
        where = f"{policy.urn}: rules"
        for field in ("rules", "predefinedRules"):
            found, more = records(policy.properties.get(field), where, self._inventory.problems)
            if more:
                self._inventory.problems(f"{where} are known only after deployment")
            for each in found:
                self._read(policy, policy, each)

    def _separate(self, resource: Resource, kinds: tuple[str, ...]) -> None:
        policy = self._inventory.resolve(resource, "firewallPolicy", kinds)
        if policy is not None:
            self._read(resource, policy, resource.properties)
        elif resource.properties.get("firewallPolicy") is UNKNOWN:
            self._inventory.problems(f"{resource.urn}: its policy is not known yet")

    def _read(self, resource: Resource, policy: Resource, given: Mapping[str, Any]) -> None:
        problems = self._inventory.problems
        disabled = flag(given.get("disabled"))
        if disabled is True:
            return
        if setting(given.get("targetType"), "INSTANCES") != "INSTANCES":
            problems(f"{resource.urn}: rules for load balancers ({given.get('targetType')}) are not modelled")
            return
        uncertainty = "" if disabled is False else "whether it is disabled is known only after deployment"
        priority = number(given.get("priority"), -1, *_PRIORITIES)
        if priority is None or priority < 0:
            if given.get("priority") is not UNKNOWN:
                problems(f"{resource.urn}: priority: {given.get('priority')!r} is not a rule priority")
            uncertainty, priority = "its priority is not known", -1
        action = given.get("action")
        verb = _VERBS.get(str(action).lower(), Verb.UNKNOWN)
        if verb is Verb.UNKNOWN:
            if action is not UNKNOWN:
                problems(f"{resource.urn}: action: {action!r} is not modelled")
            uncertainty = uncertainty or "its action is not known"
        direction = given.get("direction")
        if direction is UNKNOWN:
            uncertainty = "its direction is known only after deployment"
        ways = (True, False) if direction is UNKNOWN else (str(direction or "INGRESS").upper() != "EGRESS",)
        match = given.get("match")
        if isinstance(match, (list, tuple)) and len(match) == 1:
            match = match[0]
        if not isinstance(match, Mapping):
            if match is not UNKNOWN:
                problems(f"{resource.urn}: match: {match!r} is not an object")
            match, uncertainty = {}, uncertainty or "its match is unknown"
        networks, scope_uncertainty = self._scope(resource, given)
        spoken_priority = "unknown" if priority < 0 else priority
        service, spoken = self._services(resource, match)
        for ingress in ways:
            rule = FilterRule(
                f"policy {_policy_name(policy)} rule {spoken_priority}: {verb} {spoken} "
                + (f"from {_side_text(match, 'src')}" if ingress else f"to {_side_text(match, 'dest')}"),
                resource.urn,
                ingress,
                (priority, 0),
                verb,
                self._side(resource, match, "src"),
                self._side(resource, match, "dest"),
                service,
                self._targets(resource, given),
                uncertainty,
            )
            self._rules[policy.urn].append(_ScopedRule(rule, networks, scope_uncertainty))

    def _scope(self, resource: Resource, given: Mapping[str, Any]) -> tuple[frozenset[str] | None, str]:
        value = given.get("targetResources")
        if value is None or (isinstance(value, (list, tuple)) and not value):
            return None, ""
        found, _, more = self._inventory.resolve_all(resource, "targetResources", (NETWORK,), value)
        uncertainty = "its target networks are known only after deployment" if more else ""
        return frozenset(each.urn for each in found), uncertainty

    def _services(self, resource: Resource, match: Mapping[str, Any]) -> tuple[Extent, str]:
        where = f"{resource.urn}: layer4Configs"
        value = match.get(LAYER4)
        found, more = records(value, where, self._inventory.problems)
        extent = NOTHING
        if more or not found:
            extent = Extent.maybe(services.ANY, f"{where} is not known")
        spoken = ["something not known yet"] if more or not found else []
        for each in found:
            protocol, port_list = each.get("ipProtocol"), each.get("ports")
            extent |= protocol_services(protocol, port_list, where, self._inventory.problems)
            shown = [] if port_list is UNKNOWN else [str(port) for port in items(port_list)[0]]
            spoken.append(f"{'?' if protocol is UNKNOWN else protocol} {','.join(shown)}".strip())
        return extent, ", ".join(spoken)

    def _side(self, resource: Resource, match: Mapping[str, Any], side: str) -> Extent:
        ranges = match.get(f"{side}IpRanges")
        extent = NOTHING
        if is_given(ranges):
            extent = blocks(ranges, f"{resource.urn}: {side}IpRanges", self._inventory.problems)
        others = [text for name, text in _INDEFINITE.items() if is_given(match.get(f"{side}{name}"))]
        if others:
            extent |= Extent.maybe(EVERYWHERE, f"it also matches by {' and '.join(others)}, which is not modelled")
        elif not is_given(ranges):
            extent = ANYWHERE
        narrowing = [text for name, text in _NARROWING.items() if is_given(match.get(f"{side}{name}"))]
        if narrowing:
            extent = Extent.maybe(extent.possible, f"it matches only by {narrowing[0]} too, which is not modelled")
        others = [name for name in match if _is_new(name, side) and is_given(match[name])]
        if others:
            extent = Extent.maybe(EVERYWHERE, f"it also matches by {', '.join(others)}, which is not modelled")
        return extent

    def _targets(self, resource: Resource, given: Mapping[str, Any]) -> Targets:
        accounts = self._accounts.of_rule(resource, "targetServiceAccounts", given.get("targetServiceAccounts"))
        uncertainty = "its target service accounts are known only after deployment" if accounts and accounts[1] else ""
        return Targets(None, accounts[0] if accounts else None, uncertainty, is_given(given.get("targetSecureTags")))


def _is_new(name: str, side: str) -> bool:
    """Whether a criterion of a match is none of those that are known, and may concern this side."""
    other = "dest" if side == "src" else "src"
    known = {f"{side}IpRanges", LAYER4, *(f"{side}{each}" for each in (*_INDEFINITE, *_NARROWING))}
    return name not in known and not name.startswith(other)


def _policy_name(policy: Resource) -> str:
    given = policy.properties
    return word(given.get("shortName")) or word(given.get("name")) or policy.name


def _side_text(match: Mapping[str, Any], side: str) -> str:
    ranges, more = items(match.get(f"{side}IpRanges"))
    spoken = [str(each) for each in ranges] + (["?"] if more else [])
    spoken += [text for name, text in _INDEFINITE.items() if is_given(match.get(f"{side}{name}"))]
    return ", ".join(spoken) or "anywhere"


def _association_priority(resource: Resource) -> int:
    priority = number(resource.properties.get("priority"), 1000, 0, 1 << 31)
    return 1000 if priority is None else priority


def _with_uncertainty(rule: FilterRule, uncertainty: str) -> FilterRule:
    return FilterRule(
        rule.name,
        rule.origin,
        rule.ingress,
        rule.order,
        rule.verb,
        rule.sources,
        rule.destinations,
        rule.services,
        rule.targets,
        uncertainty,
    )
