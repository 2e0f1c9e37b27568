"""What the configuration of a signer says: which key it signs with, and whose validators it dials. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from estate.hosts import Host, hosts
from estate.model import Network, Role

HOME = "/var/lib/tmkms"
KEYS = f"{HOME}/keys"
STATE = f"{HOME}/state"
CONSENSUS_KEY = f"{KEYS}/consensus.key"
CONSENSUS_PUBLIC = f"{KEYS}/consensus.pub"
"""The public half, in base64. It stays where the key has been, so that no site forgets that this network has a key."""

STANDBY_KEY = f"{KEYS}/standby.key"
CONNECTION_KEY = f"{HOME}/secret_connection.key"
CONFIG = "/etc/tmkms/tmkms.toml"
UNIT = "tmkms.service"
UNIT_FILE = f"/usr/local/lib/systemd/system/{UNIT}"
USER = "tmkms"
PACKAGE = "tmkms"
VERSION = "0.15.0"
PASSWORD_FILE = "/run/tmkms/hsm-password"


class Duty(StrEnum):
    """What a signer signs with. `CONSENSUS`: the key of this network; `STANDBY`: a key that no chain knows, made on the
    host.
    """

    CONSENSUS = "consensus"
    STANDBY = "standby"
    SPARE = "spare"


@dataclass(frozen=True, kw_only=True)
class SignerSettings:
    """What `templates/signer` fills in. `validators`: privval addresses as `tcp://host:port`."""

    duty: Duty
    backend: str
    key_file: str
    state_file: str
    connection_key: str
    validators: tuple[str, ...]
    validator_addresses: tuple[str, ...]
    hsm_auth_key: int = 2
    hsm_key: int = 1
    hsm_password_file: str = PASSWORD_FILE


def duty(network: Network, host: Host) -> Duty:
    """A site that has not the custody signs with a key of no weight, so that its whole path is in use and known to
    work.
    """
    if not host.active:
        return Duty.SPARE
    return Duty.CONSENSUS if host.place == network.signing.custody else Duty.STANDBY


def state_file(network: Network, what: Duty) -> str:
    """Where tmkms keeps the last height, round and step that it signed, for each key its own."""
    suffix = "" if what is Duty.CONSENSUS else "-standby"
    return f"{STATE}/{network.chain.chain_id}{suffix}.json"


def settings(network: Network, host: Host) -> SignerSettings:
    """The settings of the signer on `host`: it dials the active validators of its own site and nothing else."""
    what = duty(network, host)
    validators = [
        each for each in hosts(network) if each.role is Role.VALIDATOR and each.place == host.place and each.active
    ]
    return SignerSettings(
        duty=what,
        backend=network.signing.backend if what is Duty.CONSENSUS else "softsign",
        key_file=CONSENSUS_KEY if what is Duty.CONSENSUS else STANDBY_KEY,
        state_file=state_file(network, what),
        connection_key=CONNECTION_KEY,
        validators=tuple(f"tcp://{each.address}:{network.chain.ports.privval}" for each in validators),
        validator_addresses=tuple(str(each.address) for each in validators),
    )
