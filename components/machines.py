"""What differs between the roles' instances: the type token, the data disk and the first boot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from components import cloud_config, vpn_forwarding
from estate.model import CLOUD_ROLES, ROLES, Network, Offer, Role
from estate.plan.hosts import Host


@dataclass(frozen=True, kw_only=True)
class Kind:
    """``token``: the component's type token, which must not change. ``data_disk``: whether the role's data outlives the
    instance. ``user_data``: cloud-init's user data for the first boot.
    """

    token: str
    data_disk: bool = True
    user_data: Callable[[Network, Host], str] = cloud_config.render


def _kind(role: Role) -> Kind:
    spec = ROLES[role]
    if Offer.VPN in spec.offers:
        return Kind(token=f"estate:host:{spec.component}", data_disk=False, user_data=vpn_forwarding.user_data)
    return Kind(token=f"estate:host:{spec.component}")


KINDS: Mapping[Role, Kind] = MappingProxyType({role: _kind(role) for role in CLOUD_ROLES})
"""Every role that has instances in a cloud."""
