"""What sets one role's instances apart from another's: the type token, the data disk and the first boot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from components import cloud_config, vpn_forwarding
from estate.model import Network, Role
from estate.plan.hosts import Host


@dataclass(frozen=True, kw_only=True)
class Kind:
    """``token``: the component's type token, frozen. ``data_disk``: whether what the role keeps outlives the instance.

    ``user_data``: what cloud-init does at the first boot.
    """

    token: str
    data_disk: bool = True
    user_data: Callable[[Network, Host], str] = cloud_config.render


KINDS: Mapping[Role, Kind] = MappingProxyType(
    {
        Role.PUBLIC_SENTRY: Kind(token="estate:host:Sentry"),
        Role.PRIVATE_SENTRY: Kind(token="estate:host:Sentry"),
        Role.SEED: Kind(token="estate:host:Seed"),
        Role.VPN: Kind(token="estate:host:VpnGateway", data_disk=False, user_data=vpn_forwarding.user_data),
        Role.MONITOR: Kind(token="estate:host:Monitor"),
    }
)
"""Every role that has instances in a cloud."""
