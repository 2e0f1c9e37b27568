"""The replacement of one cloud host: which instance, what else its plan may do, and when it must not begin. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from engine.preview import Change
from estate.errors import CheckFailed, UsageError
from estate.model import Network, Offer
from estate.model.roles import ROLES
from estate.plan import addressing
from estate.plan.hosts import Host, of_role

INSTANCE = "Instance"


@dataclass(frozen=True)
class Replacement:
    """A host by its name, and the URN of its instance in the stack."""

    host: str
    urn: str


def of(host: Host, state: Mapping[str, Any]) -> Replacement:
    """The replacement of ``host``, by the stack's state as ``pulumi stack export`` gives it.

    Raises:
        UsageError: the host is no cloud host.
        CheckFailed: the stack has no instance of it.
    """
    if not host.in_cloud:
        raise UsageError(
            f"--replace: got {host.name}, which is a server of {host.place}; it must be a cloud host,"
            " because a person must exchange a server; see docs/operations/replace-a-host.md"
        )
    resources = (state.get("deployment") or {}).get("resources") or ()
    ending = f"::{host.name}-instance"
    urn = next((each["urn"] for each in resources if each["urn"].endswith(ending) and not each.get("delete")), None)
    if urn is None:
        raise CheckFailed(
            f"{host.name} has no instance in the stack; only an instance that was made can be replaced; run the same"
            " command without --replace, which makes it"
        )
    return Replacement(host.name, urn)


def refuse_others(replacement: Replacement, planned: Iterable[Change]) -> None:
    """Accepts a plan that replaces the named host's instance and replaces or deletes no other.

    Raises:
        CheckFailed: it is another plan.
    """
    own = replacement.urn.rsplit("::", 1)[-1]
    ended = {change.name for change in planned if change.kind == INSTANCE and change.operation in ("replace", "delete")}
    if own not in ended:
        raise CheckFailed(
            f"the plan does not replace {own}; it was perhaps ended by hand, and then an update makes it again; run the"
            " same command without --replace"
        )
    if others := sorted(ended - {own}):
        raise CheckFailed(
            f"the plan would also end {', '.join(others)}; one host is replaced at a time, so that the others of its"
            " role carry on; deploy what else the declaration changes first, without --replace"
        )


def obstacles(network: Network, host: Host, ill: Mapping[str, str], local: Collection[IPv4Address] | None) -> list[str]:
    """Why ``host`` must not be replaced now; empty if it may be.

    Args:
        ill: what is wrong with each host that is not healthy, by name.
        local: the addresses of the computer from which hosts are reached; ``None`` if they are unknown.
    """
    found = [f"{name}: {why}" for name, why in sorted(ill.items()) if name != host.name]
    others = [each.name for each in of_role(network, host.role) if each.name != host.name]
    if not any(name not in ill for name in others):
        found.append(
            f"no other {host.role.value} is healthy, so its work would stop; declare and deploy another one first"
        )
    if Offer.VPN in ROLES[host.role].offers:
        pool = addressing.vpn_pool(network, host.place)
        if local is None:
            found.append("it is unknown whether you are connected through this gateway: `ip` does not run here")
        elif any(address in pool for address in local):
            found.append(
                f"you are connected through the VPN of {host.place} ({pool}), which ends with its gateway; connect"
                " through another region's"
            )
    return found
