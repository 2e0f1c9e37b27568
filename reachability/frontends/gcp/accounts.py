"""Service accounts of instances and in rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reachability.frontends.gcp.inventory import Inventory, project_of
from reachability.frontends.gcp.properties import word
from reachability.resources import UNKNOWN, Resource

SERVICE_ACCOUNT = "gcp:serviceaccount/account:Account"
NOBODY = ""
"""An instance without a service account."""


class Accounts:
    """Service accounts by a unique name: the URN of those in the input, the e-mail address of others."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._by_email: dict[str, str] = {}
        for each in inventory.of(SERVICE_ACCOUNT):
            email = word(each.properties.get("email"))
            account, project = word(each.properties.get("accountId")), project_of(each)
            if not email and account and project:
                email = f"{account}@{project}.iam.gserviceaccount.com"
            if email:
                self._by_email[email] = each.urn

    def named(self, value: str) -> str:
        """The unique name of an account with an e-mail address."""
        return self._by_email.get(value, value)

    def of_instance(self, resource: Resource) -> tuple[str, bool]:
        """The account of an instance, and whether it is uncertain."""
        given: Any = resource.properties.get("serviceAccount")
        if given is None:
            return NOBODY, False
        if isinstance(given, (list, tuple)) and len(given) == 1:
            given = given[0]
        email = given.get("email") if isinstance(given, Mapping) else UNKNOWN
        if isinstance(email, str) and email:
            return self.named(email), False
        found = self._inventory.candidates(resource, "serviceAccount", (SERVICE_ACCOUNT,))
        if email is UNKNOWN and len(found) == 1:
            return found[0].urn, False
        return NOBODY, True

    def of_rule(self, resource: Resource, field: str, value: Any) -> tuple[frozenset[str], bool] | None:
        """The accounts in an input of a rule, and whether there may be others; ``None`` if there are none."""
        if value is None or (isinstance(value, (list, tuple)) and not value):
            return None
        found, unresolved, more = self._inventory.resolve_all(resource, field, (SERVICE_ACCOUNT,), value)
        return frozenset([each.urn for each in found] + [self.named(each) for each in unresolved]), more
