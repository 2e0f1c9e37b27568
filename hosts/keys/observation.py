"""What a signer host holds: asked by one script, so that deploys and ceremonies see the same. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from hosts.signer_config import (
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

INCOMING = f"{HOME}/incoming"
"""Where a key arrives: the ephemeral key and certificate made for it, and the encrypted package."""

EPHEMERAL_KEY = f"{INCOMING}/ephemeral.key"
CERTIFICATE = f"{INCOMING}/certificate.pem"
SEALED = f"{INCOMING}/sealed.cms"

LOCK = "/run/estate-key.lock"
"""Held by whatever looks at a signer's keys or changes them."""

DESTROYING = f"{CONSENSUS_KEY}.destroying"
PRIVATE_KEY_PREFIX = r"\060\056\002\001\000\060\005\006\003\053\145\160\004\042\004\040"
"""What stands before the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410), as `printf` takes it."""

INITIAL_STATE = '{"height":"0","round":"0","step":0,"block_id":{"hash":"","parts":{"total":0,"hash":""}}}'
"""The state of a key that has signed nothing, as tmkms writes it."""


def public_half(key_file: str) -> str:
    """A shell pipeline that prints the base64 of the public half of the base64 seed in `key_file`."""
    private = f"{{ printf '{PRIVATE_KEY_PREFIX}'; base64 -d {key_file}; }}"
    return f"{private} | openssl pkey -inform DER -pubout -outform DER | tail -c 32 | base64"


@dataclass(frozen=True, kw_only=True, order=True)
class SignedState:
    """The last height, round and step that were signed."""

    height: int
    round: int
    step: int


@dataclass(frozen=True, kw_only=True)
class SignerObservation:
    """What a signer host holds. Keys by their public half in base64; `None`: none there.

    `provisioned`: a deploy has made its user, directories and connection key.
    `recorded`: the public key that was here once. `key_file`: what its configuration signs with. `processes`: of tmkms.
    `invited`: a certificate for an incoming key is there; `sealed`: its encrypted package is. `remnant`: a key that is
    being destroyed, out of reach of tmkms, but not yet gone.
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

    @property
    def halted(self) -> bool:
        """Nothing signs here, and nothing can start it by mistake."""
        return self.masked and not self.active and self.processes == 0

    @property
    def duty(self) -> Duty | None:
        """What tmkms is configured to sign with."""
        return {CONSENSUS_KEY: Duty.CONSENSUS, STANDBY_KEY: Duty.STANDBY}.get(self.key_file or "")

    @property
    def signs_consensus(self) -> bool:
        return self.key is not None and (self.active or self.processes > 0) and self.duty is Duty.CONSENSUS


def observe(state_file: str) -> str:
    """The script, run as root. `state_file`: of the consensus key."""
    return "\n".join(
        [
            f"export LC_ALL=C; exec 9>{LOCK}; flock -w 60 9 || exit 1",
            "[ -x /usr/bin/tmkms ] && echo installed yes",
            f"[ -s {CONNECTION_KEY} ] && [ -d {STATE} ] && echo provisioned yes",
            f"[ -s {CONSENSUS_KEY} ] && echo key $({public_half(CONSENSUS_KEY)})",
            f"[ -s {CONSENSUS_PUBLIC} ] && echo recorded $(cat {CONSENSUS_PUBLIC})",
            f"[ -s {STANDBY_KEY} ] && echo standby yes",
            f"[ -s {state_file} ] && echo state $(cat {state_file})",
            f"""sed -n 's/^path = "\\(.*\\)"$/key_file \\1/p' {CONFIG} 2>/dev/null""",
            f'[ "$(readlink /etc/systemd/system/{UNIT})" = /dev/null ] && echo masked yes',
            f"""systemctl show -p ActiveState -p UnitFileState {UNIT} | tr = ' '""",
            "echo processes $(grep -lx tmkms /proc/[0-9]*/comm 2>/dev/null | wc -l)",
            f"[ -s {CERTIFICATE} ] && [ -s {EPHEMERAL_KEY} ] && echo invited yes",
            f"[ -s {SEALED} ] && echo sealed yes",
            f"[ -e {DESTROYING} ] && echo remnant yes",
            "true",
        ]
    )


def parse_state(text: str) -> SignedState:
    """tmkms's state file. Raises ValueError if it is not one."""
    try:
        document = json.loads(text)
        return SignedState(height=int(document["height"]), round=int(document["round"]), step=int(document["step"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"got {text!r}: not a signing state: {error}") from None


def parse(output: str) -> SignerObservation:
    """What the script printed."""
    found = dict(line.partition(" ")[::2] for line in output.splitlines() if line)
    return SignerObservation(
        installed="installed" in found,
        provisioned="provisioned" in found,
        key=found.get("key"),
        recorded=found.get("recorded"),
        standby="standby" in found,
        state=parse_state(found["state"]) if "state" in found else None,
        key_file=found.get("key_file"),
        masked="masked" in found,
        enabled=found.get("UnitFileState") == "enabled",
        active=found.get("ActiveState") in ("active", "activating", "reloading", "deactivating"),
        processes=int(found.get("processes", "0")),
        invited="invited" in found,
        sealed="sealed" in found,
        remnant="remnant" in found,
    )
