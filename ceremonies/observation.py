"""The state of a signer host, read by one script, which deployments and ceremonies share. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TypeVar

from ceremonies.public_key import ConsensusKey
from configuration import gate_config
from configuration.signer_config import (
    CONFIG,
    CONNECTION_KEY,
    CONSENSUS_KEY,
    CONSENSUS_PUBLIC,
    HOME,
    STANDBY_KEY,
    STATE,
    UNIT,
    Duty,
)
from coordinator import floor
from coordinator.decision.position import MAX_HEIGHT, MAX_ROUND, Position, Step
from coordinator.floor import Floor

T = TypeVar("T")

INCOMING = f"{HOME}/incoming"
"""The directory of an incoming key: the ephemeral key, its certificate, and the encrypted package."""

EPHEMERAL_KEY = f"{INCOMING}/ephemeral.key"
CERTIFICATE = f"{INCOMING}/certificate.pem"
SEALED = f"{INCOMING}/sealed.cms"

LOCK = "/run/estate-key.lock"
"""The lock for reading or changing a signer's keys."""

DESTROYING = f"{CONSENSUS_KEY}.destroying"
PRIVATE_KEY_PREFIX = r"\060\056\002\001\000\060\005\006\003\053\145\160\004\042\004\040"
"""What comes before the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410), as `printf` takes it."""

INITIAL_STATE = '{"height":"0","round":"0","step":0,"block_id":{"hash":"","parts":{"total":0,"hash":""}}}'
"""The state of a key that has signed nothing, as tmkms writes it."""


MOST_BYTES = 65_536
"""What is read of tmkms's state, which has some hundreds of bytes: a longer file is none."""


def public_half(key_file: str) -> str:
    """A shell pipeline that prints the base64 of the public half of the base64 seed in `key_file`."""
    private = f"{{ printf '{PRIVATE_KEY_PREFIX}'; base64 -d {key_file}; }}"
    return f"{private} | openssl pkey -inform DER -pubout -outform DER | tail -c 32 | base64"


@dataclass(frozen=True, kw_only=True, order=True)
class SignedState:
    """The last height, round and step that were signed. `step`: 0 proposal, 1 prevote, 2 precommit, as tmkms counts
    (its `privval.rs`, `consensus_state`).
    """

    height: int
    round: int
    step: int

    @property
    def position(self) -> Position:
        """The same position, as gates claim it."""
        return Position(self.height, self.round, self.step + 1)


def spent_state(height: int) -> str:
    """tmkms's state of a key that signs nothing at or below `height`: the same position as `position.spent`."""
    state = {"height": str(height), "round": str(MAX_ROUND), "step": Step.PRECOMMIT - 1}
    return json.dumps(json.loads(INITIAL_STATE) | state, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True)
class GateObservation:
    """The gate on a signer host. `provisioned`: its unit is there. `generation`: the one that it is pinned to.
    `written`: something is in its directory, put there by a gate or a ceremony.

    `floor`: of the consensus key's chain, `None` if there is none, or none that can be read; then it is `damaged`.
    """

    provisioned: bool = False
    written: bool = False
    generation: int | None = None
    masked: bool = False
    enabled: bool = False
    active: bool = False
    processes: int = 0
    floor: Floor | None = None
    damaged: bool = False

    @property
    def runs(self) -> bool:
        return self.active or self.processes > 0

    @property
    def used(self) -> bool:
        """Whether a gate was ever to sign here, whatever is left of it."""
        return self.written or self.floor is not None or self.damaged


@dataclass(frozen=True, kw_only=True)
class SignerObservation:
    """The state of a signer host. Keys are given by their public half in base64; `None`: no key.

    `provisioned`: a deploy has made its user, directories and connection key.
    `recorded`: the public key that this host once held. `key_file`: the configured key. `processes`: of tmkms.
    `invited`: a certificate for an incoming key is there; `sealed`: its encrypted package is. `remnant`: a key that is
    being destroyed, out of reach of tmkms, but not yet gone.

    `damaged`: the paths of the key, its record, tmkms's state and the gate's configuration, where the file is there and
    cannot be read as what it is. What it said is unknown; its field is `None`, which then does not mean that there is
    none.
    """

    installed: bool = False
    provisioned: bool = False
    key: str | None = None
    recorded: str | None = None
    standby: bool = False
    state: SignedState | None = None
    key_file: str | None = None
    masked: bool = False
    enabled: bool = False
    active: bool = False
    processes: int = 0
    invited: bool = False
    sealed: bool = False
    remnant: bool = False
    damaged: tuple[str, ...] = ()
    gate: GateObservation = field(default_factory=GateObservation)

    @property
    def key_damaged(self) -> bool:
        """Whether a file is in the key's place that is no key: nobody knows whether it becomes readable again."""
        return CONSENSUS_KEY in self.damaged

    @property
    def damaged_state(self) -> str | None:
        """The path of tmkms's state if it is there and cannot be read: what was signed here is unknown."""
        return next((path for path in self.damaged if path.startswith(f"{STATE}/")), None)

    @property
    def runs(self) -> bool:
        return self.active or self.processes > 0

    @property
    def still(self) -> bool:
        """Neither tmkms nor a gate runs here, and both are masked or absent, so that neither is started by mistake."""
        return self.halted and not self.gate.runs and (self.gate.masked or not self.gate.provisioned)

    @property
    def halted(self) -> bool:
        """Nothing signs here, and what signs is masked, so that it is not started by mistake."""
        return self.masked and not self.runs

    @property
    def duty(self) -> Duty | None:
        """The key that tmkms is configured to sign with."""
        return {CONSENSUS_KEY: Duty.CONSENSUS, STANDBY_KEY: Duty.STANDBY}.get(self.key_file or "")

    @property
    def signs_consensus(self) -> bool:
        return self.key is not None and self.runs and self.duty is Duty.CONSENSUS


def _unit(name: str, prefix: str = "") -> list[str]:
    """Prints a unit's systemd state and the number of its processes."""
    process = name.removesuffix(".service")
    return [
        f'[ "$(readlink /etc/systemd/system/{name})" = /dev/null ] && echo {prefix}masked yes',
        f"systemctl show -p ActiveState -p UnitFileState {name} | sed 's/^/{prefix}/; s/=/ /'",
        f"echo {prefix}processes $(grep -lx {process} /proc/[0-9]*/comm 2>/dev/null | wc -l)",
    ]


def _floor(path: str) -> list[str]:
    """Prints a file that may be overwritten in place meanwhile: it prints once two readings are equal."""
    return [
        f"if [ -e {path} ]; then for reading in 1 2 3 4 5 6 7 8; do",
        f'  found=$(base64 -w 0 {path}); [ "$found" = "$(base64 -w 0 {path})" ] && break',
        'done; echo gate-floor "$found"; fi',
    ]


def observe(state_file: str) -> str:
    """The script, run as root. `state_file`: of the consensus key, named for its chain.

    It prints only ASCII, and nothing of a file's content as it stands: a power cut leaves zeros, and a disk anything.
    """
    floor_file = gate_config.floor_file(PurePosixPath(state_file).stem)
    state = f"{PurePosixPath(state_file).name} $(head -c {MOST_BYTES} {state_file} | base64 -w 0)"
    printable = "tr -cd '[:print:]\\n'"
    return "\n".join(
        [
            f"export LC_ALL=C; exec 9>{LOCK}; flock -w 60 9 || exit 1",
            "[ -x /usr/bin/tmkms ] && echo installed yes",
            f"[ -s {CONNECTION_KEY} ] && [ -d {STATE} ] && echo provisioned yes",
            f"[ -e {CONSENSUS_KEY} ] && echo key $({public_half(CONSENSUS_KEY)})",
            f"[ -e {CONSENSUS_PUBLIC} ] && echo recorded $(tr -cd 'A-Za-z0-9+/=' < {CONSENSUS_PUBLIC})",
            f"[ -s {STANDBY_KEY} ] && echo standby yes",
            f"[ -e {state_file} ] && echo state {state}",
            f"""sed -n 's/^path = "\\(.*\\)"$/key_file \\1/p' {CONFIG} 2>/dev/null | {printable}""",
            *_unit(UNIT),
            f"[ -e {gate_config.UNIT_FILE} ] && echo gate-provisioned yes",
            f'[ -n "$(ls -A {gate_config.STATE} 2>/dev/null)" ] && echo gate-written yes',
            f"sed -n 's/^generation = /gate-generation /p' {gate_config.CONFIG} 2>/dev/null | {printable}",
            *_floor(floor_file),
            *_unit(gate_config.UNIT, "gate-"),
            f"[ -s {CERTIFICATE} ] && [ -s {EPHEMERAL_KEY} ] && echo invited yes",
            f"[ -s {SEALED} ] && echo sealed yes",
            f"[ -e {DESTROYING} ] && echo remnant yes",
            "true",
        ]
    )


def _number(value: object, most: int) -> int:
    """A number from 0 to `most`, given as one or in digits. Raises ValueError."""
    found = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if type(found) is not int or not 0 <= found <= most:
        raise ValueError(f"{value!r} is no number from 0 to {most}")
    return found


def parse_state(text: str) -> SignedState:
    """tmkms's state file. Raises ValueError if it is not one. A state that was taken over from CometBFT's file signer
    counts its steps from 1, as tmkms leaves it.
    """
    try:
        document = json.loads(text)
        return SignedState(
            height=_number(document["height"], MAX_HEIGHT),
            round=_number(document["round"], MAX_ROUND),
            step=_number(document["step"], Step.PRECOMMIT),
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"got {text!r}: not a signing state: {error}") from None


def _runs(state: str | None) -> bool:
    return state in ("active", "activating", "reloading", "deactivating")


def _is_generation(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < len(str(MAX_HEIGHT))


def _gate(found: dict[str, str]) -> GateObservation:
    there, damaged, generation = None, False, found.get("gate-generation", "")
    if "gate-floor" in found:
        try:
            there = floor.decode(base64.b64decode(found["gate-floor"]))
        except ValueError:
            damaged = True
    return GateObservation(
        provisioned="gate-provisioned" in found,
        written="gate-written" in found,
        generation=int(generation) if _is_generation(generation) else None,
        masked="gate-masked" in found,
        enabled=found.get("gate-UnitFileState") == "enabled",
        active=_runs(found.get("gate-ActiveState")),
        processes=int(found.get("gate-processes", "0")),
        floor=there,
        damaged=damaged,
    )


def _public(text: str) -> str:
    return ConsensusKey.from_base64(text).base64


def _state(text: str) -> SignedState:
    return parse_state(base64.b64decode(text, validate=True).decode())


def parse(output: str) -> SignerObservation:
    """Parses the script's output. A file that cannot be read is `damaged`, and no reason to know nothing of a host."""
    found = dict(line.partition(" ")[::2] for line in output.splitlines() if line)
    name, _, content = found.get("state", "").partition(" ")
    damaged: list[str] = []

    def read(word: str, path: str, text: str, parser: Callable[[str], T]) -> T | None:
        if word not in found:
            return None
        try:
            return parser(text)
        except ValueError:
            damaged.append(path)
            return None

    key = read("key", CONSENSUS_KEY, found.get("key", ""), _public)
    recorded = read("recorded", CONSENSUS_PUBLIC, found.get("recorded", ""), _public)
    state = read("state", f"{STATE}/{name}", content, _state)
    if "gate-generation" in found and not _is_generation(found["gate-generation"]):
        damaged.append(gate_config.CONFIG)
    return SignerObservation(
        installed="installed" in found,
        provisioned="provisioned" in found,
        key=key,
        recorded=recorded,
        standby="standby" in found,
        state=state,
        key_file=found.get("key_file"),
        masked="masked" in found,
        enabled=found.get("UnitFileState") == "enabled",
        active=_runs(found.get("ActiveState")),
        processes=int(found.get("processes", "0")),
        invited="invited" in found,
        sealed="sealed" in found,
        remnant="remnant" in found,
        damaged=tuple(damaged),
        gate=_gate(found),
    )
