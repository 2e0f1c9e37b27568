"""A stack as the engine shows it to rules on all resources together, from the JSON of an export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.policy import PolicyProviderResource
from pulumi_policy.proxy import unknown_checking_proxy

from tests.policies.judging import options


def _provider(entries: Mapping[str, Mapping[str, Any]], reference: str) -> PolicyProviderResource | None:
    urn = reference.rsplit("::", 1)[0]
    if not reference:
        return None
    entry = entries.get(urn, {})
    return PolicyProviderResource("pulumi:providers:aws", dict(entry.get("inputs") or {}), urn, urn.rsplit("::", 1)[-1])


def shown(document: Mapping[str, Any], *, with_ids: bool = True) -> list[PolicyResource]:
    """The resources of an exported stack, their outputs over their inputs; ids among the outputs, if at all."""
    entries = {each["urn"]: each for each in document["deployment"]["resources"]}
    made = {}
    for urn, each in entries.items():
        outputs = each.get("outputs") or each.get("inputs") or {}
        identified = {"id": each["id"]} if with_ids and each.get("custom") else {}
        made[urn] = PolicyResource(
            each["type"],
            unknown_checking_proxy({**outputs, **identified}),
            urn,
            urn.rsplit("::", 1)[-1],
            options(protect=bool(each.get("protect"))),
            _provider(entries, each.get("provider") or ""),
            None,
            [],
            {},
        )
    for urn, each in entries.items():
        made[urn].dependencies = list(_existing(made, each.get("dependencies") or ()))
        made[urn].property_dependencies = {
            key: list(_existing(made, urns)) for key, urns in (each.get("propertyDependencies") or {}).items()
        }
    return list(made.values())


def _existing(made: Mapping[str, PolicyResource], urns: Iterable[str]) -> Iterable[PolicyResource]:
    return (made[urn] for urn in urns if urn in made)
