"""VPC firewall rules (``gcp:compute/firewall:Firewall``).

Semantics: cloud.google.com/firewall/docs/firewalls, "Firewall rule components".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reachability import services
from reachability.addresses import union
from reachability.frontends.gcp.accounts import Accounts
from reachability.frontends.gcp.filter_rules import FilterRule, Targets, Verb
from reachability.frontends.gcp.interfaces import Nic
from reachability.frontends.gcp.inventory import Inventory
from reachability.frontends.gcp.properties import (
    ANYWHERE,
    EVERY_V4,
    NOTHING,
    Extent,
    blocks,
    flag,
    is_given,
    items,
    number,
    protocol_services,
    records,
    word,
)
from reachability.frontends.gcp.vpc import NETWORK, Network
from reachability.resources import UNKNOWN, Resource

FIREWALL = "gcp:compute/firewall:Firewall"
UNCERTAIN = "uncertain"
"""A property of a rule that stands for others: why it is unknown whether it applies."""
DEFAULT_PRIORITY = 1000


class FirewallRules:
    """The VPC firewall rules of every network, in evaluation order."""

    def __init__(
        self, inventory: Inventory, networks: Mapping[str, Network], nics: Iterable[Nic], accounts: Accounts
    ) -> None:
        self._inventory = inventory
        self._accounts = accounts
        self._nics: dict[str, list[Nic]] = {urn: [] for urn in networks}
        for nic in nics:
            self._nics[nic.network.urn].append(nic)
        self._rules: dict[str, list[FilterRule]] = {urn: [] for urn in networks}
        for each in inventory.of(FIREWALL):
            self._read(each, networks)
        for rules in self._rules.values():
            rules.sort(key=lambda rule: rule.order)

    def of(self, network: Network) -> list[FilterRule]:
        """The rules of a network: lower priority numbers first, deny rules first among equals."""
        return self._rules[network.urn]

    def _read(self, resource: Resource, networks: Mapping[str, Network]) -> None:
        given, problems = resource.properties, self._inventory.problems
        disabled = flag(given.get("disabled"))
        if disabled is True:
            return
        uncertainty = "" if disabled is False else "whether it is disabled is known only after deployment"
        uncertainty = word(given.get(UNCERTAIN)) or uncertainty
        owner = self._inventory.resolve(resource, "network", (NETWORK,))
        if owner is not None:
            targets = [owner.urn]
        elif given.get("network") is UNKNOWN:
            targets, uncertainty = list(networks), "its network is known only after deployment"
        else:
            problems(f"{resource.urn}: its network {given.get('network')!r} is not in the input")
            return
        direction = given.get("direction")
        if direction is UNKNOWN:
            uncertainty = "its direction is known only after deployment"
        elif direction is not None and str(direction).upper() not in ("INGRESS", "EGRESS"):
            problems(f"{resource.urn}: direction: {direction!r} is neither INGRESS nor EGRESS")
            return
        ways = (True, False) if direction is UNKNOWN else (str(direction or "INGRESS").upper() == "INGRESS",)
        for urn in targets:
            for ingress in ways:
                self._rules[urn] += self._filter_rules(resource, ingress, uncertainty, urn)

    def _filter_rules(self, resource: Resource, ingress: bool, uncertainty: str, network: str) -> Iterable[FilterRule]:
        given, problems = resource.properties, self._inventory.problems
        priority = number(given.get("priority"), DEFAULT_PRIORITY, 0, 65535)
        if priority is None:
            if given.get("priority") is not UNKNOWN:
                problems(f"{resource.urn}: priority: {given.get('priority')!r} is not a number from 0 to 65535")
            uncertainty, priority = "its priority is not known", -1
        sources = self._sources(resource, ingress, network)
        destinations = self._side(resource, "destinationRanges", not ingress)
        targets = self._targets(resource)
        verbs = [(Verb.ALLOW, "allows"), (Verb.DENY, "denies")]
        if not any(is_given(given.get(key)) for _, key in verbs):
            problems(f"{resource.urn}: it neither allows nor denies anything")
        name = word(given.get("name"), resource.name)
        ranges = _origin_text(given, ingress)
        for verb, key in verbs:
            value = given.get(key)
            if value is None or (isinstance(value, (list, tuple)) and not value):
                continue
            service, spoken = self._services(resource, key, value)
            spoken_priority = "unknown" if priority < 0 else priority
            yield FilterRule(
                f"firewall {name} (priority {spoken_priority}): {verb} {spoken} {ranges}",
                resource.urn,
                ingress,
                (priority, 0 if verb is Verb.DENY else 1),
                verb,
                sources,
                destinations,
                service,
                targets,
                uncertainty,
            )

    def _services(self, resource: Resource, key: str, value: Any) -> tuple[Extent, str]:
        where = f"{resource.urn}: {key}"
        found, more = records(value, where, self._inventory.problems)
        extent = Extent.maybe(services.ANY, f"{where} is known only after deployment") if more else NOTHING
        spoken = ["something not known yet"] if more else []
        for each in found:
            extent |= protocol_services(each.get("protocol"), each.get("ports"), where, self._inventory.problems)
            spoken.append(_service_text(each.get("protocol"), each.get("ports")))
        return extent, ", ".join(spoken)

    def _side(self, resource: Resource, field: str, defaults_to_v4: bool) -> Extent:
        value = resource.properties.get(field)
        if value is None or (isinstance(value, (list, tuple)) and not value):
            return Extent.of(EVERY_V4) if defaults_to_v4 else ANYWHERE
        return blocks(value, f"{resource.urn}: {field}", self._inventory.problems)

    def _sources(self, resource: Resource, ingress: bool, network: str) -> Extent:
        given = resource.properties
        tags, more_tags = items(given.get("sourceTags"))
        accounts = self._accounts.of_rule(resource, "sourceServiceAccounts", given.get("sourceServiceAccounts"))
        tagged = bool(tags) or more_tags or accounts is not None
        if not tagged:
            return self._side(resource, "sourceRanges", ingress)
        extent = NOTHING
        if is_given(given.get("sourceRanges")):
            extent = blocks(given.get("sourceRanges"), f"{resource.urn}: sourceRanges", self._inventory.problems)
        named = frozenset(map(str, tags))
        for nic in self._nics.get(network, ()):
            for wanted, more, own in (
                (named, more_tags, nic.tags),
                (*(accounts or (frozenset(), False)), None if nic.account is None else frozenset({nic.account})),
            ):
                extent |= _sent_by(nic, wanted, more, own)
        return extent

    def _targets(self, resource: Resource) -> Targets:
        given = resource.properties
        tags, more = items(given.get("targetTags"))
        accounts = self._accounts.of_rule(resource, "targetServiceAccounts", given.get("targetServiceAccounts"))
        uncertainty = "its target tags are known only after deployment" if more else ""
        if accounts is not None and accounts[1]:
            uncertainty = "its target service accounts are known only after deployment"
        return Targets(
            frozenset(map(str, tags)) if tags or more else None,
            accounts[0] if accounts is not None else None,
            uncertainty,
        )


def _sent_by(nic: Nic, wanted: frozenset[str], more: bool, own: frozenset[str] | None) -> Extent:
    """A source tag or account at one interface means its primary internal IPv4 and its IPv6 addresses, no alias
    ranges, no external IPv4 (cloud.google.com/firewall/docs/firewalls, "How source tags imply packet sources")."""
    if not wanted and not more:
        return NOTHING
    points = union(((each, each) for each in nic.primary), [nic.v6] if nic.v6 else [])
    if own is not None and wanted & own:
        return Extent.maybe(points, nic.uncertainty) if nic.uncertainty else Extent.of(points)
    if more or own is None:
        return Extent.maybe(points, "its source instances are known only after deployment")
    return NOTHING


def _texts(value: Any) -> list[str]:
    known, more = items(value)
    return [str(each) for each in known] + (["?"] if more else [])


def _service_text(protocol: Any, port_list: Any) -> str:
    spoken = "?" if protocol is UNKNOWN else str(protocol)
    return " ".join([spoken, ",".join(_texts(port_list))]).strip()


def _origin_text(given: Mapping[str, Any], ingress: bool) -> str:
    if not ingress:
        return f"to {', '.join(_texts(given.get('destinationRanges'))) or '0.0.0.0/0'}"
    parts = [
        ", ".join(_texts(given.get("sourceRanges"))),
        "tag " + ", ".join(_texts(given.get("sourceTags"))) if _texts(given.get("sourceTags")) else "",
        "account " + ", ".join(_texts(given.get("sourceServiceAccounts")))
        if _texts(given.get("sourceServiceAccounts"))
        else "",
    ]
    return f"from {', '.join(each for each in parts if each) or '0.0.0.0/0'}"
