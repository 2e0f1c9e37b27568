"""The configuration of a signer: which key it signs with, and which validators it dials. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from configuration import gate_config
from estate.model import Network
from estate.plan import signers
from estate.plan.hosts import Host
from estate.plan.signers import FILE_MODE, MODES
from estate.plan.signers import PACKAGE as PACKAGE
from estate.plan.signers import Duty as Duty
from estate.plan.signers import duty as duty

HOME = "/var/lib/tmkms"
KEYS = f"{HOME}/keys"
STATE = f"{HOME}/state"
CONSENSUS_KEY = f"{KEYS}/consensus.key"
CONSENSUS_PUBLIC = f"{KEYS}/consensus.pub"
"""The public half, in base64. It is kept where the key has been, as the record that this network has a key."""

STANDBY_KEY = f"{KEYS}/standby.key"
CONNECTION_KEY = f"{HOME}/secret_connection.key"
CONFIG = "/etc/tmkms/tmkms.toml"
UNIT = "tmkms.service"
UNIT_FILE = f"/usr/local/lib/systemd/system/{UNIT}"
USER = "tmkms"
VERSION = "0.15.0"
PASSWORD_FILE = "/run/tmkms/hsm-password"


@dataclass(frozen=True, kw_only=True)
class SignerSettings:
    """What `templates/signer` fills in for tmkms. `validators`: what it dials, as `tcp://host:port` or `unix://path`.

    `key_in_file`, `by_usb`: where `backend` keeps the key, and whether tmkms reaches it by USB. `gate_unit`,
    `gate_group`: of the gate that it dials; empty where it dials validators itself. `gate_state`: the directory that
    must be empty before tmkms signs with the consensus key for validators that it dials itself; empty otherwise.
    """

    duty: Duty
    backend: str
    key_in_file: bool
    by_usb: bool
    key_file: str
    state_file: str
    connection_key: str
    validators: tuple[str, ...]
    validator_addresses: tuple[str, ...]
    gate_unit: str
    gate_group: str
    gate_state: str
    address_families: tuple[str, ...]
    hsm_auth_key: int = 2
    hsm_key: int = 1
    hsm_password_file: str = PASSWORD_FILE


def state_file(network: Network, what: Duty) -> str:
    """The file in which tmkms keeps the last height, round and step that it signed with a key."""
    suffix = "" if what is Duty.CONSENSUS else "-standby"
    return f"{STATE}/{network.chain.chain_id}{suffix}.json"


def settings(network: Network, host: Host) -> SignerSettings:
    """The settings of the signer on `host`: it dials its gate, or the active validators of its own site."""
    signer = signers.describe(network, host)
    what = signer.duty
    gate = gate_config.settings(network, host)
    validators = () if gate else signer.active_validators
    dialled = tuple(f"tcp://{each.address}:{network.chain.ports.privval}" for each in validators)
    backend = network.signing.backend if what is Duty.CONSENSUS else FILE_MODE
    mode = MODES[backend]
    return SignerSettings(
        duty=what,
        backend=backend,
        key_in_file=mode.key_in_file,
        by_usb=mode.usb_device is not None,
        key_file=CONSENSUS_KEY if what is Duty.CONSENSUS else STANDBY_KEY,
        state_file=state_file(network, what),
        connection_key=CONNECTION_KEY,
        validators=(f"unix://{gate.socket}",) if gate else dialled,
        validator_addresses=tuple(str(each.address) for each in validators),
        gate_unit=gate_config.UNIT if gate else "",
        gate_group=gate_config.USER if gate else "",
        gate_state=gate_config.STATE if what is Duty.CONSENSUS and not gate else "",
        address_families=(
            *(["AF_UNIX"] if gate else ["AF_INET"]),
            *([] if mode.usb_device is None else ["AF_NETLINK"] if gate else ["AF_NETLINK", "AF_UNIX"]),
        ),
    )
