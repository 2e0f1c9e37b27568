"""A signer: tmkms, which dials its gate or the validators of its site, and has no listening port."""

from __future__ import annotations

from configuration import gate_config, signer_config
from configuration.context import HostContext
from configuration.gate_config import UNITS
from configuration.rendering import render
from configuration.signer_config import CONFIG, HOME, PACKAGE, UNIT, UNIT_FILE, USER, VERSION, Duty, SignerSettings
from estate.plan.signers import MODES
from hosts.facts.work import Service
from hosts.operations import files, signer
from hosts.operations.files import Directory, File, Item
from hosts.roles import gate, packages

SETTLING_SECONDS = 1


def _restart(settings: SignerSettings, floor_file: str | None) -> str:
    """Restarts a running tmkms with its new configuration if it may start; otherwise stops it."""
    key = settings.key_file if settings.key_in_file else None
    needed = [each for each in (settings.state_file, key, floor_file) if each]
    may_start = [f"[ -s {path} ]" for path in needed]
    may_start += [f'[ -z "$(ls -A {settings.gate_state} 2>/dev/null)" ]'] if settings.gate_state else []
    return (
        f"systemctl daemon-reload; if systemctl -q is-active {UNIT}; then systemctl stop {UNIT}; "
        f"if {' && '.join(may_start)}; then "
        f"systemctl start {UNIT}; "
        f'sleep {SETTLING_SECONDS}; [ "$(systemctl show -p SubState --value {UNIT})" = running ]; fi; fi'
    )


def service(context: HostContext) -> Service:
    """What a restart of the signer interrupts: as its gate reports it, where there is one."""
    running = {"runs tmkms": f'[ "$(systemctl show -p SubState --value {UNIT})" = running ]'}
    if not gate.belongs(context):
        return Service(units=(UNIT,), tests=running)
    reports = gate_config.reports(context.chain.chain_id)
    tests = {words: f"grep -qxF '{line}' {gate_config.METRICS}" for words, line in reports.items()}
    return Service(units=(gate_config.UNIT, UNIT), tests=running | tests)


def items(context: HostContext) -> list[Item]:
    """The configuration of the gate and of the signer behind it, and their units."""
    settings = signer_config.settings(context.network, context.host)
    floor = gate_config.floor_file(context.chain.chain_id) if gate.belongs(context) else None
    then = _restart(settings, floor)
    values = {
        "signer": settings,
        "chain": context.chain,
        "host": context.host,
        "user": USER,
        "home": HOME,
        "config_file": CONFIG,
    }
    return [
        *gate.items(context),
        Directory(path="/etc/tmkms"),
        File(path=CONFIG, content=render("signer/tmkms.toml.j2", **values), group=USER, mode="640", then=then),
        Directory(path=UNITS),
        File(path=UNIT_FILE, content=render("signer/tmkms.service.j2", **values), then=then),
    ]


def apply(context: HostContext) -> None:
    """Declares the operations. An existing consensus key is used; none is ever created: see `ceremonies`."""
    network, what = context.network, signer_config.duty(context.network, context.host)
    state_file = signer_config.state_file(network, Duty.CONSENSUS)
    packages.install(f"Install {PACKAGE} {VERSION}", {PACKAGE: VERSION, "openssl": None})
    signer.prepare(
        name="Make the signer's user, directories and own keys",
        what=what,
        state_file=state_file,
        standby_state=signer_config.state_file(network, Duty.STANDBY),
    )
    gate.prepare(context)
    files.install(
        name="Configure tmkms and the gate before it",
        items=items(context),
        restarts=service(context),
    )
    gate.lease(context)
    signer.run(
        name=f"Run tmkms with its {what} key" if what is not Duty.SPARE else "Keep the spare signer stopped",
        what=what,
        state_file=state_file,
        custody=network.signing.custody,
        in_hsm=not MODES[network.signing.backend].key_in_file,
        site=context.host.place,
        gated=gate.belongs(context),
    )
