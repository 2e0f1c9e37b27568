"""Loads an nftables ruleset without the risk of locking the operator out.

The host's own ``nft`` checks the ruleset and loads it in one transaction, while a timer is armed that restores the
previous one. The ruleset is kept only after a new connection has reached the host through it. Otherwise the timer
restores the previous ruleset.
"""

from __future__ import annotations

from collections.abc import Generator
from difflib import unified_diff
from hashlib import sha256

from pyinfra import logger
from pyinfra.api.command import FunctionCommand, StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.state import State
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.context import host
from pyinfra.facts.files import FileContents

from configuration.rulesets import PATH
from hosts.facts.firewall import LOADED_DIGEST, STATE, Firewall

TIMER = "estate-firewall-rollback"
REFUSED = "this ruleset is refused by nft; the loaded one and the kept one stay"
TOO_LATE = "confirmed too late: the previous ruleset is back"

TRACK = (
    "nft list ruleset | grep -q 'ct state' || { nft 'add table inet estate_tracking; "
    "add chain inet estate_tracking input { type filter hook input priority 0; }; "
    "add rule inet estate_tracking input ct state invalid counter'; "
    "echo tracking; sleep 0.3; echo tracked; sleep 0.2; }"
)
"""Shell: starts connection tracking and prints these words, so that the current connection is tracked before the new
ruleset tests its state."""


def trial(rollback_seconds: float) -> str:
    """Shell: checks the ruleset on standard input, arms the timer, loads the ruleset. The kept file does not change."""
    timer = (
        f"systemd-run -q --collect --unit={TIMER}-$$ --on-active={rollback_seconds:g}s "
        "--timer-property=AccuracySec=100ms"
    )
    return "\n".join(
        (
            "set -eu; umask 077",
            f"mkdir -p {STATE}; cd {STATE}; cat > new",
            f"if ! nft -c -f new; then echo {REFUSED!r} >&2; exit 1; fi",
            f"if ! systemctl is-active -q '{TIMER}-*.timer'; then",
            "  { echo 'flush ruleset'; nft -s list ruleset; } > previous.partial; mv -f previous.partial previous",
            "fi",
            f"old=$(systemctl list-units --plain --no-legend '{TIMER}-*.timer' | cut -d' ' -f1)",
            f"{timer} /usr/sbin/nft -f {STATE}/previous",
            'for each in $old; do systemctl stop "$each" || true; done',
            TRACK,
            "nft -f new",
            f"{LOADED_DIGEST} > trial",
        )
    )


def confirmation() -> str:
    """Shell: keeps the ruleset on trial, if it is still the loaded one, and disarms the timer."""
    return "\n".join(
        (
            "set -eu; umask 077",
            f"cd {STATE}",
            f'if [ "$({LOADED_DIGEST})" != "$(cat trial)" ]; then echo {TOO_LATE!r} >&2; exit 1; fi',
            f"install -m 600 new {PATH}.estate-new; mv -f {PATH}.estate-new {PATH}",
            "mv -f trial confirmed",
            "systemctl -q enable nftables.service 2>/dev/null",
            f"systemctl stop '{TIMER}-*.timer'",
        )
    )


def confirm(state: State, host: Host) -> bool:
    """Confirms the ruleset on trial over a new connection, or over the connector itself if it uses no network."""
    command = StringCommand(confirmation())
    if not isinstance(host.connector, SSHConnector):
        done, output = host.connector.run_shell_command(command, False, False, _sudo=True)
    else:
        fresh = SSHConnector(state, host)
        try:
            fresh.connect()
            done, output = fresh.run_shell_command(command, _sudo=True)
        except (ConnectError, OSError) as error:
            host.log(f"no new connection passed the new ruleset ({error}): the previous one is restored", logger.error)
            return False
        finally:
            if fresh.client is not None:
                fresh.client.close()
    if not done:
        host.log(f"the new ruleset was not confirmed; the previous one is restored: {output.stderr}", logger.error)
    return done


@operation()
def ruleset(text: str, rollback_seconds: float = 60) -> Generator[StringCommand | FunctionCommand, None, None]:
    """Loads and keeps the nftables ruleset ``text``. If it is kept, loaded and unchanged, only the fact is read."""
    now = host.get_fact(Firewall)
    if now.file == sha256(text.encode()).hexdigest() and now.loaded and now.loaded == now.confirmed and now.enabled:
        return
    if host.state.config.DIFF and not host.state.is_executing:
        current = host.get_fact(FileContents, path=PATH) if now.file else None
        for line in unified_diff(current or [], text.splitlines(), "on the host", "declared", lineterm=""):
            logger.info("  %s", line)
    yield StringCommand(trial(rollback_seconds), _stdin=text.splitlines())
    yield FunctionCommand(confirm, (), {})
