"""What a signer host is: what it signs with, whose validators it serves, and what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from estate.model import Network, Role
from estate.plan import coordination
from estate.plan.hosts import Host, of_role

PACKAGE = "tmkms"


@dataclass(frozen=True, kw_only=True)
class Mode:
    """What a signer mode needs.

    ``key_in_file``: the key is a file on the signer, not in a device. ``usb_device``: vendor:product of the device that
    must be plugged in.
    """

    key_in_file: bool
    usb_device: str | None = None


FILE_MODE = "softsign"
"""The mode of a key that is a file. A standby key always is one."""

MODES: Mapping[str, Mode] = MappingProxyType(
    {FILE_MODE: Mode(key_in_file=True), "yubihsm": Mode(key_in_file=False, usb_device="1050:0030")}
)
"""By ``signing.backend``."""


class Duty(StrEnum):
    """What a signer signs with. ``CONSENSUS``: the key of this network. ``STANDBY``: a key that no chain has, made on
    the host. ``SPARE``: nothing, because the other signer of its site is the active one.
    """

    CONSENSUS = "consensus"
    STANDBY = "standby"
    SPARE = "spare"


@dataclass(frozen=True, kw_only=True)
class SignerHost:
    """One signer host.

    ``custody``: its site has custody and it is the active signer there. ``validators``: those of its site, the active
    one first. ``gate_lease``: the lease by which its gate calls the coordination table; ``None`` without a gate.
    ``leases``: every declared lease that it may take, in order of name. ``usb_device``: vendor:product, or ``None``.
    """

    host: Host
    duty: Duty
    custody: bool
    validators: tuple[Host, ...]
    gate_lease: str | None
    leases: tuple[str, ...]
    package: str
    usb_device: str | None

    @property
    def gated(self) -> bool:
        return self.gate_lease is not None

    @property
    def active_validators(self) -> tuple[Host, ...]:
        """The validators that take signatures: the active ones of its site."""
        return tuple(each for each in self.validators if each.active)


def duty(network: Network, host: Host) -> Duty:
    """What the signer on ``host`` signs with.

    With coordination, that is the key of the network at each of its sites; without, at the site that has custody. Any
    other site signs with a key that carries no voting power, so that its whole path is in use and known to work.
    """
    if not host.active:
        return Duty.SPARE
    return Duty.CONSENSUS if host.place in coordination.signing_sites(network) else Duty.STANDBY


def describe(network: Network, host: Host) -> SignerHost:
    """What the signer on ``host`` is and needs."""
    here = [each for each in of_role(network, Role.VALIDATOR) if each.place == host.place]
    return SignerHost(
        host=host,
        duty=duty(network, host),
        custody=host.active and host.place == network.signing.custody,
        validators=tuple(sorted(here, key=lambda each: (not each.active, each.name))),
        gate_lease=coordination.lease_of(network, host),
        leases=tuple(sorted(name for name in network.leases if coordination.may_take(network, host, name))),
        package=PACKAGE,
        usb_device=MODES[network.signing.backend].usb_device,
    )
