"""Signers: their users and own keys, and whether a deployment may start them. A deployment never creates, moves or
removes a consensus key.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from pyinfra import logger
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from ceremonies.observation import INITIAL_STATE, SignerObservation
from configuration import gate_config
from configuration.signer_config import (
    CONNECTION_KEY,
    CONSENSUS_KEY,
    HOME,
    KEYS,
    STANDBY_KEY,
    STATE,
    UNIT,
    USER,
    Duty,
)
from hosts.facts.signer import Signer


def provision(state: SignerObservation, what: Duty, standby_state: str) -> str | None:
    """The script that creates a signer's user, directories, connection key and, if needed, standby key. Pure.

    The standby key's state is written before the key: no key ever exists without a state.
    """
    wants_standby = what is Duty.STANDBY
    if state.provisioned and (state.standby or not wants_standby):
        return None
    lines = [
        "set -eu; umask 077",
        f"getent passwd {USER} >/dev/null ||",
        f"  useradd --system --user-group --home-dir {HOME} --no-create-home --shell /usr/sbin/nologin {USER}",
        f"install -d -o root -g {USER} -m 750 {HOME} {KEYS}",
        f"install -d -o {USER} -g {USER} -m 700 {STATE}",
    ]

    def make(path: str) -> list[str]:
        return [
            f"if [ ! -s {path} ]; then",
            f"  rm -f {path}.new; /usr/bin/tmkms softsign keygen -t consensus {path}.new >/dev/null",
            f"  chown root:{USER} {path}.new; chmod 640 {path}.new; sync {path}.new; mv -nT {path}.new {path}",
            "fi",
        ]

    lines += make(CONNECTION_KEY)
    if wants_standby:
        lines += [
            f"if [ ! -s {standby_state} ]; then",
            f"  printf %s '{INITIAL_STATE}' > {standby_state}.new; chown {USER}:{USER} {standby_state}.new",
            f"  sync {standby_state}.new; mv -fT {standby_state}.new {standby_state}",
            "fi",
            *make(STANDBY_KEY),
        ]
    lines.append(f"sync {HOME} {KEYS} {STATE}")
    return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether tmkms may run; `because` is the reason if this differs from the declaration."""

    run: bool
    unmask: bool = False
    touch: bool = True
    because: str | None = None


def verdict(
    what: Duty, state: SignerObservation, custody: str, *, in_hsm: bool = False, site: str = "", gated: bool = False
) -> Verdict:
    """Whether tmkms, and the gate before it, may run on a signer. Pure. In any doubt, they may not.

    Args:
        in_hsm: the consensus key is in a device, not in a file.
        site: where the signer is.
        gated: whether a gate belongs before it.
    """
    if what is Duty.SPARE:
        return Verdict(run=False)
    masked = state.masked or (gated and state.gate.masked)
    if masked and (state.key is not None or state.key_damaged):
        return Verdict(
            run=False,
            touch=False,
            because="a move of its key has begun and is not done; nothing is started; finish it: bin/estate key move",
        )
    if what is Duty.STANDBY:
        return Verdict(run=True, unmask=state.masked)
    if state.key_damaged and not in_hsm:
        return Verdict(
            run=False,
            because=(
                f"{CONSENSUS_KEY} is damaged; nothing is started; keep the file elsewhere, remove it, and bring the "
                "key again: bin/estate key status"
            ),
        )
    if state.key is None and not in_hsm:
        return Verdict(run=False, because=_no_key(custody, site, gated))
    if masked:
        return Verdict(
            run=False,
            touch=False,
            because="its service is masked; nothing is started; finish what masked it: bin/estate key status",
        )
    if not gated and state.gate.used:
        return Verdict(
            run=False,
            because=(
                "a gate was used here, and signing.coordination is not declared; nothing is started: tmkms's state "
                "does not say what other sites have signed since, and they may be signing; declare "
                "signing.coordination again: with one site if only one is to sign, or to end the key with "
                "bin/estate key retire"
            ),
        )
    if state.damaged_state:
        mend = (
            f"a ceremony writes it anew, above the watermark and the table: bin/estate key join {site}"
            if gated
            else "restore it, or write one above the chain's height"
        )
        return Verdict(
            run=False,
            because=(
                f"{state.damaged_state} is damaged; nothing is started, because what its consensus key has signed is "
                f"unknown; {mend}"
            ),
        )
    if state.state is None:
        return Verdict(
            run=False,
            because=(
                "its consensus key has no signing state; nothing is started, because it might sign again what it "
                "has signed; restore the state file, or "
                "write one above the chain's height"
            ),
        )
    if gated and state.gate.floor is None:
        ceremony = "bin/estate key start" if site == custody else f"bin/estate key join {site}"
        return Verdict(
            run=False,
            because=(
                f"its gate has {'a damaged' if state.gate.damaged else 'no'} watermark file; nothing is started: "
                "it could not know what this key has signed; a ceremony asks the chain and the table, and writes it: "
                f"{ceremony}"
            ),
        )
    return Verdict(run=True)


def _no_key(custody: str, site: str, gated: bool) -> str:
    if gated and site != custody:
        return (
            f"it holds no consensus key; nothing is started; bring it the key of {custody} and admit its gate: "
            f"bin/estate key join {site}"
        )
    bring = "" if gated else f" or bring it here (bin/estate key move --to {custody})"
    return (
        f"{custody} has the custody, but its signer holds no consensus key; nothing is started; make one "
        f"(bin/estate key generate){bring}"
    )


@operation()
def prepare(what: Duty, state_file: str, standby_state: str) -> Generator[StringCommand, None, None]:
    """Creates a signer's user, directories and own keys, unless they exist."""
    needed = provision(host.get_fact(Signer, state_file=state_file), what, standby_state)
    if needed:
        yield StringCommand(needed)


@operation()
def run(
    what: Duty, state_file: str, custody: str, in_hsm: bool, site: str, gated: bool
) -> Generator[StringCommand, None, None]:
    """Starts tmkms and the gate before it if they may run; otherwise stops them and reports why."""
    state = host.get_fact(Signer, state_file=state_file)
    decided = verdict(what, state, custody, in_hsm=in_hsm, site=site, gated=gated)
    if decided.because:
        logger.warning(f"{host.name}: {decided.because}")
    if not decided.touch:
        return
    needed = commands(decided, state, gated=gated)
    if needed:
        yield StringCommand(" && ".join(needed))


def commands(decided: Verdict, state: SignerObservation, *, gated: bool) -> list[str]:
    """The `systemctl` calls that carry out a verdict. The gate starts before its signer and stops after it. Pure."""
    needed = [f"systemctl unmask {UNIT}"] if decided.unmask else []
    gate_runs = not gated or (state.gate.enabled and state.gate.active)
    if decided.run and not (state.enabled and state.active and gate_runs):
        units = f"{gate_config.UNIT} {UNIT}" if gated else UNIT
        needed.append(f"systemctl daemon-reload && systemctl enable --now {units}")
    if not decided.run and (state.enabled or state.active):
        needed.append(f"systemctl disable --now {UNIT}")
    if not decided.run and gated and (state.gate.enabled or state.gate.active):
        needed.append(f"systemctl disable --now {gate_config.UNIT}")
    return needed
