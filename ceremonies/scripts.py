"""The ceremonies' shell scripts for a signer host, run there as root. Each can be killed and run again. Pure.

No script prints a private key or has one among its arguments; keys pass between programs through pipes and files in
memory.
"""

from __future__ import annotations

from shlex import quote

from ceremonies.observation import (
    CERTIFICATE,
    DESTROYING,
    EPHEMERAL_KEY,
    INCOMING,
    INITIAL_STATE,
    LOCK,
    SEALED,
    public_half,
    spent_state,
)
from configuration import gate_config
from configuration.signer_config import CONSENSUS_KEY, CONSENSUS_PUBLIC, HOME, KEYS, STATE, UNIT, USER

NEW_KEY = f"{CONSENSUS_KEY}.new"
SETTINGS = f"set -eu; umask 077; export LC_ALL=C; exec 9>{LOCK}; flock -w 60 9"
"""Only one script runs at a time: a script whose caller was killed may still run when the ceremony is repeated."""

CEREMONY = f"{HOME}/ceremony"
"""The number of the newest ceremony that has reached this host. It only rises."""

SCRATCH = "scratch=$(mktemp -d /run/estate-key.XXXXXX); trap 'rm -rf \"$scratch\"' EXIT"
"""A directory in memory, removed when the script ends."""

UNITS = f"units={UNIT}; if [ -e {gate_config.UNIT_FILE} ]; then units='{gate_config.UNIT} {UNIT}'; fi"
"""The units that sign here: tmkms, and the gate before it if there is one."""

NO_PROCESS = (
    f"for program in tmkms {gate_config.UNIT.removesuffix('.service')}; do "
    'if grep -lqx "$program" /proc/[0-9]*/comm 2>/dev/null; then echo "$program still runs here" >&2; exit 1; fi; done'
)
MASKED = (
    f'{UNITS}; for unit in $units; do if [ "$(readlink "/etc/systemd/system/$unit")" != /dev/null ]; then '
    'echo "$unit is not masked" >&2; exit 1; fi; done'
)
GATE = f"runuser -u {gate_config.USER} -- /usr/bin/signing-gate"


def _script(*lines: str) -> str:
    return "\n".join([SETTINGS, *lines])


def number() -> str:
    """Prints the number of the newest ceremony that has reached this host, or nothing."""
    return _script(f"cat {CEREMONY} 2>/dev/null || true")


def of_ceremony(number: str, script: str) -> str:
    """One of these scripts, which does nothing where a newer ceremony has been: its caller may have been given up, or
    asleep, and the newer one decides on what it has seen. `number`: compared as text; greater than that of each earlier
    ceremony.
    """
    settings, _, rest = script.partition("\n")
    assert settings == SETTINGS
    return _script(
        f"if [ -d {HOME} ]; then newest=$(cat {CEREMONY} 2>/dev/null || true); own={quote(number)}",
        '  if [ "$newest" \\> "$own" ]; then',
        "    echo 'a newer ceremony has begun here; nothing was done; run this one again' >&2; exit 1; fi",
        f'  if [ "$newest" != "$own" ]; then printf %s "$own" > {CEREMONY}.new; sync {CEREMONY}.new',
        f"    mv -fT {CEREMONY}.new {CEREMONY}; sync {HOME}; fi",
        "fi",
        rest,
    )


def begin() -> str:
    """Does nothing: with a number, it ends what an earlier ceremony may still send."""
    return _script("true")


def _erase(path: str) -> str:
    return f"if [ -e {path} ]; then shred -fu {path}; fi"


def _record(key_file: str) -> str:
    """Records the public half of `key_file`, unless it is recorded."""
    return (
        f"if [ ! -s {CONSENSUS_PUBLIC} ]; then {public_half(key_file)} > {CONSENSUS_PUBLIC}.new; chmod 644 "
        f"{CONSENSUS_PUBLIC}.new; "
        f"sync {CONSENSUS_PUBLIC}.new; [ -s {CONSENSUS_PUBLIC}.new ]; mv -fT {CONSENSUS_PUBLIC}.new "
        f"{CONSENSUS_PUBLIC}; fi"
    )


def generate(state_file: str) -> str:
    """Generates the key, after its state. An existing key or state is never replaced."""
    return _script(
        f"if [ -e {CONSENSUS_KEY} ]; then echo 'a consensus key is here already' >&2; exit 1; fi",
        f"if [ ! -e {state_file} ]; then",
        f"  printf %s '{INITIAL_STATE}' > {state_file}.new; chown {USER}:{USER} {state_file}.new; sync "
        f"{state_file}.new; mv -fT {state_file}.new {state_file}",
        "fi",
        f"rm -f {NEW_KEY}; /usr/bin/tmkms softsign keygen -t consensus {NEW_KEY} >/dev/null",
        f"chown root:{USER} {NEW_KEY}; chmod 640 {NEW_KEY}; sync {NEW_KEY}; mv -nT {NEW_KEY} {CONSENSUS_KEY}",
        _record(CONSENSUS_KEY),
        f"sync {KEYS} {STATE}",
    )


def start() -> str:
    """Starts tmkms, and the gate where there is one, if tmkms is configured to sign with the consensus key; prints
    whether it was.
    """
    return _script(
        UNITS,
        f"if grep -qx 'path = \"{CONSENSUS_KEY}\"' /etc/tmkms/tmkms.toml; then",
        "  systemctl daemon-reload; systemctl enable -q $units; systemctl restart $units; echo started",
        "fi",
    )


def halt() -> str:
    """Stops the signing units and masks them, so that no deployment, boot or operator starts them by mistake."""
    return _script(
        UNITS,
        "systemctl stop $units; systemctl disable -q $units 2>/dev/null || true; systemctl mask -q $units",
        f"sync /etc/systemd/system; {MASKED}; {NO_PROCESS}",
    )


def invite(host: str) -> str:
    """Creates a new ephemeral key and its certificate, and prints the certificate."""
    fresh = f"{INCOMING}.new"
    return _script(
        f"rm -rf {fresh} {INCOMING}; mkdir {fresh}",
        f"openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {fresh}/ephemeral.key 2>/dev/null "
        f"|| openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {fresh}/ephemeral.key",
        f"openssl req -x509 -new -key {fresh}/ephemeral.key -subj '/CN={host}' -days 2 -out {fresh}/certificate.pem",
        f"sync {fresh}/*; mv -T {fresh} {INCOMING}; sync {HOME}",
    )


def certificate() -> str:
    return f"cat {CERTIFICATE}"


def seal(state_file: str, *, keep: bool = False) -> str:
    """Prints key and state, encrypted to the certificate on standard input (CMS, ECDH, AES-256-GCM).

    Only if nothing signs here any more. `keep`: the key stays in use here, and the table keeps the two signers apart.
    """
    return _script(
        *(() if keep else (MASKED, NO_PROCESS)),
        SCRATCH,
        'cat > "$scratch/certificate.pem"',
        _record(CONSENSUS_KEY),
        f'cp {state_file} "$scratch/state"',
        f'tar -cf - -C {KEYS} consensus.key -C "$scratch" state '
        '| openssl cms -encrypt -binary -stream -aes-256-gcm -outform PEM -recip "$scratch/certificate.pem"',
    )


def receive() -> str:
    """Stores the package from standard input."""
    return _script(f"cat > {SEALED}.new; sync {SEALED}.new; mv -fT {SEALED}.new {SEALED}; sync {INCOMING}")


def _open() -> tuple[str, ...]:
    """Opens the package in memory: `$scratch/consensus.key`, `$scratch/state`."""
    return (
        SCRATCH,
        (
            f"openssl cms -decrypt -binary -inform PEM -in {SEALED} -inkey {EPHEMERAL_KEY} -recip {CERTIFICATE} "
            '-out "$scratch/package" 2>/dev/null'
        ),
        'tar -xf "$scratch/package" -C "$scratch" --no-same-owner consensus.key state',
    )


def look_into() -> str:
    """Opens the package and prints its public key and state, or nothing if it cannot be opened."""
    scratch, decrypt, unpack = _open()
    return _script(
        f"[ -s {SEALED} ] && [ -s {EPHEMERAL_KEY} ] || exit 0",
        scratch,
        f"if {decrypt} && {unpack}; then",
        f'  echo key $({public_half("$scratch/consensus.key")}); echo state $(cat "$scratch/state")',
        "fi",
    )


def destroy() -> str:
    """Destroys the key, only if nothing signs any more.

    The file is moved out of tmkms's reach before the first byte is overwritten.
    """
    return _script(
        MASKED,
        NO_PROCESS,
        f"if [ -e {CONSENSUS_KEY} ]; then",
        _record(CONSENSUS_KEY),
        f"mv -fT {CONSENSUS_KEY} {DESTROYING}; sync {KEYS}; fi",
        _erase(DESTROYING),
        _erase(NEW_KEY),
        f"sync {KEYS}",
        f"if [ -e {CONSENSUS_KEY} ] || [ -e {DESTROYING} ]; then echo 'the key is still here' >&2; exit 1; fi",
    )


def unseal(state_file: str, expected: str, *, keep_state: bool = False) -> str:
    """Installs state, record and key, in this order. `expected`: the key's public half in base64.

    `keep_state`: an existing state is kept; a state above both is written before anything is started.
    """
    return _script(
        f"if [ -e {CONSENSUS_KEY} ]; then echo 'a consensus key is here already' >&2; exit 1; fi",
        *_open(),
        f"found=$({public_half('$scratch/consensus.key')})",
        f'if [ "$found" != "{expected}" ]; then echo "the package holds another key" >&2; exit 1; fi',
        *((MASKED, NO_PROCESS, f"if [ ! -e {state_file} ]; then") if keep_state else ()),
        f'install -o {USER} -g {USER} -m 600 "$scratch/state" {state_file}.new; sync {state_file}.new',
        f"mv -fT {state_file}.new {state_file}; sync {STATE}",
        *(("fi",) if keep_state else ()),
        f'install -o root -g {USER} -m 640 "$scratch/consensus.key" {NEW_KEY}; sync {NEW_KEY}',
        f"mv -nT {NEW_KEY} {CONSENSUS_KEY}",
        _record(CONSENSUS_KEY),
        f"sync {KEYS}",
    )


def tidy() -> str:
    """Removes the ephemeral key, so that the package can never be opened again, and then the package."""
    return _script(_erase(EPHEMERAL_KEY), _erase(NEW_KEY), f"rm -rf {INCOMING} {INCOMING}.new; sync {HOME}")


def free() -> str:
    """Unmasks the signing units, and starts nothing."""
    return _script(f"{UNITS}; systemctl unmask -q $units")


def release() -> str:
    """Unmasks and starts the signing units."""
    return _script(*free().splitlines()[1:], *start().splitlines()[1:])


def raise_floor(state_file: str, chain_id: str, public_key: str, height: int) -> str:
    """Ensures that nothing at or below `height` is signed here: writes the gate's watermark, then tmkms's state.

    Only if nothing signs; neither is ever lowered. A state that cannot be read is replaced and kept beside it.
    `public_key` in base64.
    """
    seed = f"--chain {quote(chain_id)} --public-key {quote(public_key)} --height {height}"
    return _script(
        MASKED,
        NO_PROCESS,
        f"{GATE} seed --config {gate_config.CONFIG} {seed}",
        rf"""was=$(sed -n 's/.*"height": *"\([0-9]*\)".*/\1/p' {state_file} 2>/dev/null | tail -n 1)""",
        f'[ "${{was:-0}}" -le {height} ] || {{ echo "tmkms signed height $was, above {height}" >&2; exit 1; }}',
        f'if [ -e {state_file} ] && [ -z "$was" ]; then cp -p {state_file} {state_file}.damaged; fi',
        f"printf %s '{spent_state(height)}' > {state_file}.new; chown {USER}:{USER} {state_file}.new",
        f"sync {state_file}.new; mv -fT {state_file}.new {state_file}; sync {STATE}",
    )


def clear_halt(chain_id: str) -> str:
    """Clears the gate's halt for a key. Only if nothing signs."""
    return _script(MASKED, NO_PROCESS, f"{GATE} clear-halt --config {gate_config.CONFIG} --chain {quote(chain_id)}")
