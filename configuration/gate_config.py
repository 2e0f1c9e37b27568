"""The configuration of a signer's gate: whose requests it answers, and in which table it makes signing claims. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from coordinator.version import version
from estate.model import Network
from estate.plan import coordination, signers
from estate.plan.coordination import Endpoint
from estate.plan.hosts import Host

PACKAGE = "signing-gate"
USER = "signing-gate"
UNIT = "signing-gate.service"
LEASE_USER = "signing-gate-lease"
LEASE_UNIT = "signing-gate-lease.service"
UNITS = "/usr/local/lib/systemd/system"
"""Not in /etc: systemd cannot mask units there."""

UNIT_FILE = f"{UNITS}/{UNIT}"
LEASE_UNIT_FILE = f"{UNITS}/{LEASE_UNIT}"
DIRECTORY = "/etc/signing-gate"
CONFIG = f"{DIRECTORY}/gate.toml"
LEASE_CONFIG = f"{DIRECTORY}/lease.toml"
STATE = "/var/lib/signing-gate"
LEASE_STATE = "/var/lib/signing-gate-lease"
RUN = "/run/signing-gate"
METRICS = f"{RUN}/metrics.prom"
SIGNER_RUN = "/run/signing-gate-signer"
"""Only the sockets on which the gates listen for tmkms, so that tmkms's user has no other reason to come here."""

LEASE_RUN = "/run/signing-gate-lease"
"""Not below the gate's directory, which systemd removes when the gate stops."""

CREDENTIALS = f"{LEASE_RUN}/credentials.json"
SECRET_ID = f"{LEASE_STATE}/secret-id"
WRAPPED_SECRET_ID = f"{LEASE_STATE}/wrapped-secret-id"
CA_FILE = "/etc/ssl/certs/ca-certificates.crt"

DIALECT = "tendermint"
"""The privval dialect of CometBFT 0.34 to 0.40. No declared chain runs CometBFT 1."""

PREVOTE_TIMEOUT_SECONDS = 1.0
"""CometBFT's default of `timeout_prevote`, which our nodes keep. A chain with faster blocks has a shorter one."""

SHARE_OF_PREVOTE_TIMEOUT = 0.4
LEAST_DEADLINE_SECONDS = 0.25
"""Room for a round trip between regions and the signature of a hardware module."""

REACH_SECONDS = 86_400
"""A day: sites that have not signed for longer are started by people, with a look at the chain."""


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """What `templates/signer` fills in for the gate. `node`: the privval listener that it dials, `host:port`; `socket`:
    where tmkms finds it. `reach`: how many heights above the row a claim may be.
    """

    gate_id: str
    generation: int
    dialect: str
    node: str
    node_address: str
    socket: str
    deadline_seconds: float
    reach: int
    sign_extensions: bool
    head: str
    claims: str
    endpoints: tuple[Endpoint, ...]
    version: str


@dataclass(frozen=True, kw_only=True)
class LeaseSettings:
    """What `templates/signer` fills in for the lease by which the gate calls the table. `path`: in Vault."""

    vault: str
    role_id: str
    path: str
    ttl_seconds: int
    renew_before_seconds: int


def floor_file(chain_id: str) -> str:
    """The file in which the gate keeps its watermark: the highest position at which it saw the row."""
    return f"{STATE}/{chain_id}.floor.json"


def reports(chain_id: str) -> dict[str, str]:
    """By what it says: a line of the gate's own report (`METRICS`), which systemd removes when the gate stops."""
    words = {
        "started": "is admitted by the table",
        "node_connected": "is connected with its validator",
        "signer_connected": "is connected with its tmkms",
    }
    return {text: f'signing_gate_{gauge}{{chain="{chain_id}"}} 1' for gauge, text in words.items()}


def socket(chain_id: str) -> str:
    """The socket on which the gate listens for tmkms only."""
    return f"{SIGNER_RUN}/{chain_id}.sock"


def deadline_seconds(block_seconds: float) -> float:
    """How long one request may take. A later refusal would cost the node its round."""
    timeout = min(PREVOTE_TIMEOUT_SECONDS, block_seconds)
    return max(LEAST_DEADLINE_SECONDS, round(SHARE_OF_PREVOTE_TIMEOUT * timeout, 3))


def reach(block_seconds: float) -> int:
    """How many heights above the row a claim may be, where the declaration does not say it."""
    return math.ceil(REACH_SECONDS / block_seconds)


def settings(network: Network, host: Host) -> GateSettings | None:
    """The settings of the gate on `host`; `None` where there is none.

    It answers the one active validator of its own site.
    """
    declared = network.signing.coordination
    if declared is None or not coordination.is_gated(network, host):
        return None
    validator = signers.describe(network, host).active_validators[0]
    head, claims = coordination.table_names(network)
    return GateSettings(
        gate_id=host.name,
        generation=declared.generation,
        dialect=DIALECT,
        node=f"{validator.address}:{network.chain.ports.privval}",
        node_address=str(validator.address),
        socket=socket(network.chain.chain_id),
        deadline_seconds=deadline_seconds(network.chain.block_seconds),
        reach=declared.reach_blocks or reach(network.chain.block_seconds),
        sign_extensions=network.chain.vote_extensions,
        head=head,
        claims=claims,
        endpoints=coordination.endpoints(network),
        version=version(),
    )


def lease_settings(network: Network, host: Host) -> LeaseSettings | None:
    """How the gate on `host` gets its credentials; `None` where there is no gate.

    The role id is not secret. It is set in Vault when the role is created.
    """
    name = coordination.lease_of(network, host)
    if name is None:
        return None
    lease, vault = network.leases[name], network.services["vault"]
    return LeaseSettings(
        vault=f"https://{vault.address}:{vault.port}",
        role_id=f"{network.name}-{name}",
        path=lease.path,
        ttl_seconds=lease.ttl_seconds,
        renew_before_seconds=lease.renew_before_seconds,
    )
