"""One firewall rule, from any kind of resource, and its rules at one interface."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reachability import services
from reachability.addresses import EVERYWHERE, Intervals
from reachability.frontends.gcp.interfaces import Nic
from reachability.frontends.gcp.properties import Extent
from reachability.network import Action, Match, Rule


class Verb(StrEnum):
    """The action of a rule. ``INSPECT``: a security profile group allows or denies the connection."""

    ALLOW = "allow"
    DENY = "deny"
    GOTO_NEXT = "goto_next"
    INSPECT = "inspect"
    UNKNOWN = "decide about"


@dataclass(frozen=True, slots=True)
class Targets:
    """The target interfaces of a rule: by network tag, by service account, or (both ``None``) all.

    ``uncertainty``: why others may be targets too. ``secure_tags``: the targets are
    interfaces with a secure tag, which is not modelled.
    """

    tags: frozenset[str] | None = None
    accounts: frozenset[str] | None = None
    uncertainty: str = ""
    secure_tags: bool = False

    def include(self, nic: Nic) -> tuple[bool, str]:
        """Whether the interface is a target of the rule, or why it may be."""
        if self.secure_tags:
            return False, "secure tags as targets are not modelled"
        if self.tags is None and self.accounts is None:
            return (False, self.uncertainty) if self.uncertainty else (True, "")
        if self.tags is not None:
            if nic.tags is None:
                return False, "the network tags of the instance are known only after deployment"
            if self.tags & nic.tags:
                return True, ""
        if self.accounts is not None:
            if nic.account is None:
                return False, "the service account of the instance is known only after deployment"
            if nic.account in self.accounts:
                return True, ""
        return False, self.uncertainty


@dataclass(frozen=True, slots=True)
class FilterRule:
    """``ingress`` or egress; ``uncertainty``: why it may not apply (or not at its position)."""

    name: str
    origin: str
    ingress: bool
    order: tuple[int, int]
    verb: Verb
    sources: Extent
    destinations: Extent
    services: Extent
    targets: Targets
    uncertainty: str = ""

    def written(self, included: bool, perhaps: str) -> list[Rule]:
        """The rules at an interface where it applies (or may: ``perhaps``): its certain and its possible effect."""
        if not included and not perhaps:
            return []
        uncertainties = [each for each in (self.uncertainty, perhaps) if each]
        parts = (self.sources, self.destinations, self.services)
        rules = []
        if not uncertainties and all(each.certain for each in parts):
            rules += self._emit([each.certain for each in parts], "")
        uncertainties += [each.uncertainty for each in parts if each.uncertainty]
        if uncertainties and all(each.possible for each in parts):
            rules += self._emit([each.possible for each in parts], "; ".join(dict.fromkeys(uncertainties)))
        return rules

    def _emit(self, parts: list[Intervals], uncertainty: str) -> list[Rule]:
        sources, destinations, service = parts
        match = Match(
            sources=None if sources == EVERYWHERE else sources,
            destinations=None if destinations == EVERYWHERE else destinations,
            services=None if service == services.ANY else service,
            uncertain=uncertainty,
        )
        uncertain = (
            match if uncertainty else Match(match.sources, match.destinations, match.services, uncertain=self.verb)
        )
        match self.verb:
            case Verb.ALLOW:
                return [Rule(match, Action.ACCEPT, self.name, self.origin)]
            case Verb.DENY:
                return [Rule(match, Action.DROP, self.name, self.origin)]
            case Verb.GOTO_NEXT:
                return [Rule(match, Action.RETURN, self.name, self.origin)]
            case Verb.INSPECT:
                return [
                    Rule(uncertain, Action.ACCEPT, self.name, self.origin),
                    Rule(match, Action.DROP, self.name, self.origin),
                ]
        return [
            Rule(uncertain, Action.ACCEPT, self.name, self.origin),
            Rule(uncertain, Action.DROP, self.name, self.origin),
        ]
