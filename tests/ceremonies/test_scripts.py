"""The ceremonies' scripts, run with real OpenSSL on directories that stand for two signer hosts."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ceremonies import observation, scripts
from ceremonies.observation import INITIAL_STATE, SignedState, SignerObservation
from configuration import gate_config
from configuration.signer_config import CONFIG, CONSENSUS_KEY
from coordinator import floor
from coordinator.decision.effects import Cause
from coordinator.decision.position import Position, Step, spent

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
STATE_FILE = "/var/lib/tmkms/state/x-1.json"
SIGNED = '{"height":"100","round":"0","step":2,"block_id":null}'
KEYGEN = """#!/bin/sh
for last; do :; done
head -c 32 /dev/urandom | base64 | tr -d '\\n' > "$last"
"""
SYSTEMCTL = """#!/bin/sh
verb=$1; shift
mkdir -p ROOT/etc/systemd/system; echo "$verb $*" >> ROOT/systemctl.log
case "$verb" in
  mask) for unit; do [ "$unit" = -q ] || ln -sf /dev/null "ROOT/etc/systemd/system/$unit"; done ;;
  unmask) for unit; do rm -f "ROOT/etc/systemd/system/$unit"; done ;;
  show) echo ActiveState=inactive; echo UnitFileState=disabled ;;
esac
"""


@dataclass(frozen=True)
class SignerHost:
    """A signer host below `root`: its absolute paths are moved there, its systemd is a few lines of shell."""

    root: Path

    def run(self, script: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        moved = script
        for path in (
            "/var/lib/tmkms",
            "/etc/tmkms",
            "/etc/systemd",
            "/run/estate-key",
            "/var/lib/signing-gate",
            "/etc/signing-gate",
            "/usr/local/lib/systemd",
        ):
            moved = moved.replace(path, f"{self.root}{path}")
        for program in ("tmkms", "signing-gate"):
            moved = moved.replace(f"/usr/bin/{program}", str(self.root / "bin" / program))
        moved = moved.replace("/proc/[0-9]*/comm", f"{self.root}/proc/*/comm")
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        moved = moved.replace("-o tmkms -g tmkms", f"-o {user}").replace("-o root -g tmkms", f"-o {user}")
        moved = moved.replace("chown tmkms:tmkms", "true").replace("chown root:tmkms", "true")
        environment = {**os.environ, "PATH": f"{self.root}/bin:{os.environ['PATH']}"}
        return subprocess.run(["sh", "-c", moved], input=stdin, capture_output=True, text=True, env=environment)

    def done(self, script: str, stdin: str = "") -> str:
        finished = self.run(script, stdin)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def observe(self) -> SignerObservation:
        return observation.parse(self.done(observation.observe(STATE_FILE)))

    def file(self, path: str) -> Path:
        return self.root / path.lstrip("/")


def make(root: Path) -> SignerHost:
    for directory in (
        "bin",
        "proc/1",
        "run",
        "etc/tmkms",
        "etc/systemd/system",
        "var/lib/tmkms/keys",
        "var/lib/tmkms/state",
    ):
        (root / directory).mkdir(parents=True)
    for name, text in {
        "tmkms": KEYGEN,
        "systemctl": SYSTEMCTL.replace("ROOT", str(root)),
        "sync": "#!/bin/sh\n",
        "runuser": '#!/bin/sh\nshift 3; exec "$@"\n',
        "signing-gate": f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m coordinator "$@"\n',
    }.items():
        (root / "bin" / name).write_text(text)
        (root / "bin" / name).chmod(0o755)
    host = SignerHost(root)
    host.file(CONFIG).write_text(f'path = "{root}{CONSENSUS_KEY}"\n')
    host.file("/var/lib/tmkms/secret_connection.key").write_text("x")
    return host


def public_half(seed_base64: str) -> str:
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed_base64)).public_key()
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def signing(host: SignerHost) -> str:
    """A host that has signed; its private key, as its file has it."""
    host.done(scripts.generate(STATE_FILE))
    host.file(STATE_FILE).write_text(SIGNED)
    return host.file(CONSENSUS_KEY).read_text()


def sealed(source: SignerHost, target: SignerHost) -> str:
    source.done(scripts.halt())
    target.done(scripts.invite("east"))
    package = source.done(scripts.seal(STATE_FILE), stdin=target.done(scripts.certificate()))
    target.done(scripts.receive(), stdin=package)
    return package


def test_a_key_is_made_with_its_state_and_its_public_half(west: SignerHost) -> None:
    west.done(scripts.generate(STATE_FILE))
    private = west.file(CONSENSUS_KEY).read_text()
    seen = west.observe()
    assert seen.key == seen.recorded == public_half(private)
    assert seen.state == SignedState(height=0, round=0, step=0)
    assert west.file(CONSENSUS_KEY).stat().st_mode & 0o077 == 0o040


def test_a_key_is_never_made_over_another(west: SignerHost) -> None:
    west.done(scripts.generate(STATE_FILE))
    before = west.file(CONSENSUS_KEY).read_text()
    assert west.run(scripts.generate(STATE_FILE)).returncode != 0
    assert west.file(CONSENSUS_KEY).read_text() == before


def test_a_state_that_is_there_is_kept_as_the_new_keys_watermark(west: SignerHost) -> None:
    west.file(STATE_FILE).write_text(SIGNED)
    west.done(scripts.generate(STATE_FILE))
    assert west.file(STATE_FILE).read_text() == SIGNED


def test_what_a_host_holds_is_reported_without_its_private_key(west: SignerHost) -> None:
    private = signing(west)
    assert private not in west.done(observation.observe(STATE_FILE))
    assert west.observe().state == SignedState(height=100, round=0, step=2)


def test_a_key_travels_encrypted_and_arrives_whole(west: SignerHost, east: SignerHost) -> None:
    private = signing(west)
    package = sealed(west, east)
    assert private not in package and "BEGIN CMS" in package
    said = east.done(scripts.look_into())
    assert f"key {public_half(private)}" in said and f"state {SIGNED}" in said and private not in said
    west.done(scripts.destroy())
    assert west.observe().key is None and not west.observe().remnant
    assert west.observe().recorded == public_half(private)
    east.done(scripts.unseal(STATE_FILE, public_half(private)))
    assert east.file(CONSENSUS_KEY).read_text() == private
    assert east.observe().state == SignedState(height=100, round=0, step=2)
    east.done(scripts.tidy())
    seen = east.observe()
    assert seen.key == public_half(private) and not seen.invited and not seen.sealed
    assert [each.name for each in east.file("/run").iterdir()] == ["estate-key.lock"], "nothing is left in memory"


def test_a_key_leaves_no_host_that_could_still_sign(west: SignerHost, east: SignerHost) -> None:
    private = signing(west)
    east.done(scripts.invite("east"))
    certificate = east.done(scripts.certificate())
    refused = west.run(scripts.seal(STATE_FILE), stdin=certificate)
    assert refused.returncode != 0 and "not masked" in refused.stderr and "CMS" not in refused.stdout
    assert west.run(scripts.destroy()).returncode != 0
    west.done(scripts.halt())
    (west.file("/proc/1") / "comm").write_text("tmkms\n")
    for script in (scripts.seal(STATE_FILE), scripts.destroy(), scripts.halt()):
        refused = west.run(script, stdin=certificate)
        assert refused.returncode != 0 and "still runs" in refused.stderr
    assert west.file(CONSENSUS_KEY).read_text() == private


def test_a_package_opens_only_with_the_key_it_was_made_for(west: SignerHost, east: SignerHost) -> None:
    private = signing(west)
    package = sealed(west, east)
    east.done(scripts.invite("east"))
    east.done(scripts.receive(), stdin=package)
    assert east.done(scripts.look_into()) == ""
    assert east.run(scripts.unseal(STATE_FILE, public_half(private))).returncode != 0
    assert east.observe().key is None


def test_a_package_that_was_changed_on_its_way_does_not_open(west: SignerHost, east: SignerHost) -> None:
    signing(west)
    package = sealed(west, east)
    lines = package.splitlines()
    middle = len(lines) - 6
    lines[middle] = lines[middle][:10] + ("A" if lines[middle][10] != "A" else "B") + lines[middle][11:]
    east.done(scripts.receive(), stdin="\n".join(lines) + "\n")
    assert east.done(scripts.look_into()) == ""


def test_another_key_than_the_one_expected_is_not_put_into_place(west: SignerHost, east: SignerHost) -> None:
    signing(west)
    sealed(west, east)
    other = public_half(base64.b64encode(os.urandom(32)).decode())
    refused = east.run(scripts.unseal(STATE_FILE, other))
    assert refused.returncode != 0 and "another key" in refused.stderr
    assert east.observe().key is None


def test_a_destruction_that_was_killed_is_seen_and_finished(west: SignerHost) -> None:
    signing(west)
    west.done(scripts.halt())
    shutil.move(west.file(CONSENSUS_KEY), west.file(observation.DESTROYING))
    assert west.observe().remnant and west.observe().key is None
    west.done(scripts.destroy())
    assert not west.observe().remnant
    assert not west.file(observation.DESTROYING).exists()


def test_without_its_ephemeral_key_a_package_is_worth_nothing(west: SignerHost, east: SignerHost) -> None:
    signing(west)
    sealed(west, east)
    east.done(scripts.tidy())
    assert not east.file(observation.EPHEMERAL_KEY).exists() and not east.file(observation.SEALED).exists()


def test_the_first_state_is_one_that_is_understood() -> None:
    assert observation.parse_state(INITIAL_STATE) == SignedState(height=0, round=0, step=0)


@pytest.mark.parametrize("text", ["", "{}", '{"height":"x","round":"0","step":0}', "[]"])
def test_a_state_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a signing state"):
        observation.parse_state(text)


def of_signers() -> list[str]:
    """Each script that changes or reads what a key needs."""
    return [
        scripts.generate(STATE_FILE),
        scripts.start(),
        scripts.halt(),
        scripts.invite("h"),
        scripts.seal(STATE_FILE),
        scripts.receive(),
        scripts.look_into(),
        scripts.destroy(),
        scripts.unseal(STATE_FILE, "k"),
        scripts.unseal(STATE_FILE, "k", keep_state=True),
        scripts.seal(STATE_FILE, keep=True),
        scripts.raise_floor(STATE_FILE, "x-1", "k", 7),
        scripts.clear_halt("x-1"),
        scripts.free(),
        scripts.tidy(),
        scripts.release(),
        scripts.number(),
        scripts.of_ceremony("1", scripts.begin()),
        scripts.of_ceremony("1", scripts.release()),
        observation.observe(STATE_FILE),
    ]


def test_every_script_takes_the_hosts_lock_once_before_anything_else() -> None:
    for script in of_signers():
        assert script.count("flock -w 60 9") == script.count("exec 9>") == 1
        assert "flock -w 60 9" in script.splitlines()[0]


def test_every_script_is_one_that_a_plain_shell_accepts() -> None:
    for script in [*of_signers(), scripts.certificate()]:
        checked = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True)
        assert checked.returncode == 0, f"{checked.stderr}\n{script}"


def gated(host: SignerHost) -> str:
    """Deploys a gate beside the key; returns the key's public half."""
    private = signing(host)
    for path in (gate_config.STATE, gate_config.DIRECTORY, gate_config.UNITS):
        host.file(path).mkdir(parents=True)
    host.file(gate_config.UNIT_FILE).write_text("[Unit]\n")
    host.file(gate_config.CONFIG).write_text(
        f'''gate_id = "x-signer"
state = "{host.file(gate_config.STATE)}"
metrics = "{host.root}/metrics.prom"
[[chain]]
chain_id = "x-1"
generation = 3
dialect = "tendermint"
node = "10.0.0.1:26659"
signer = "{host.root}/run/x-1.sock"
deadline_seconds = 0.4
head = "x-signing-head"
claims = "x-signing-claims"
credentials = "{host.root}/credentials.json"
ca_file = "/etc/ssl/certs/ca-certificates.crt"
[[chain.endpoint]]
region = "us-east-1"
host = "dynamodb.us-east-1.amazonaws.com"
address = "198.51.100.16"
port = 443
'''
    )
    host.done(scripts.halt())
    return public_half(private)


def test_a_watermark_is_raised_in_the_gate_and_in_tmkms_to_the_same_position(west: SignerHost) -> None:
    public = gated(west)
    west.done(scripts.raise_floor(STATE_FILE, "x-1", public, 200))
    seen = west.observe()
    assert seen.gate.floor and seen.gate.floor.position == spent(200) and not seen.gate.damaged
    assert base64.b64encode(seen.gate.floor.public_key).decode() == public
    assert seen.state and seen.state.position == spent(200)
    assert seen.gate.provisioned and seen.gate.masked and seen.gate.generation == 3 and seen.still


def test_a_watermark_is_never_lowered(west: SignerHost) -> None:
    public = gated(west)
    refused = west.run(scripts.raise_floor(STATE_FILE, "x-1", public, 99))
    assert refused.returncode != 0 and "tmkms signed height 100, above 99" in refused.stderr
    assert west.observe().state == SignedState(height=100, round=0, step=2)
    west.done(scripts.raise_floor(STATE_FILE, "x-1", public, 200))
    assert west.run(scripts.raise_floor(STATE_FILE, "x-1", public, 150)).returncode != 0
    seen = west.observe()
    assert seen.gate.floor and seen.gate.floor.position == spent(200) and seen.state
    assert seen.state.position == spent(200)


@pytest.mark.parametrize("program", ["tmkms", "signing-gate"])
def test_a_watermark_is_not_changed_under_what_runs(west: SignerHost, program: str) -> None:
    public = gated(west)
    (west.file("/proc/1") / "comm").write_text(f"{program}\n")
    for script in (
        scripts.raise_floor(STATE_FILE, "x-1", public, 200),
        scripts.clear_halt("x-1"),
        scripts.unseal(STATE_FILE, public, keep_state=True),
        scripts.destroy(),
        scripts.halt(),
    ):
        refused = west.run(script)
        assert refused.returncode != 0 and f"{program} still runs here" in refused.stderr or "already" in refused.stderr
    assert west.observe().gate.floor is None


def test_both_units_are_masked_and_each_alone_is_not_enough(west: SignerHost) -> None:
    public = gated(west)
    for unit in ("tmkms.service", gate_config.UNIT):
        west.done(scripts.halt())
        west.file(f"/etc/systemd/system/{unit}").unlink()
        assert not west.observe().still
        refused = west.run(scripts.raise_floor(STATE_FILE, "x-1", public, 200))
        assert refused.returncode != 0 and f"{unit} is not masked" in refused.stderr


def test_a_released_signer_starts_its_gate_and_its_tmkms(west: SignerHost) -> None:
    gated(west)
    west.done(scripts.free())
    assert not west.observe().masked and not west.observe().gate.masked
    calls = west.file("systemctl.log")
    assert "restart" not in calls.read_text(), "freed is not started"
    west.done(scripts.halt())
    west.done(scripts.release())
    assert "restart signing-gate.service tmkms.service" in calls.read_text()
    assert not west.observe().masked and not west.observe().gate.masked


def test_a_script_of_an_older_ceremony_does_nothing_and_the_number_never_falls(west: SignerHost) -> None:
    signing(west)
    numbers = ["000000000002-a", "000000000010-a", "000000000010-b"]
    for number in numbers:
        west.done(scripts.of_ceremony(number, scripts.halt()))
        assert west.done(scripts.number()) == number
    for number in numbers[:2]:
        refused = west.run(scripts.of_ceremony(number, scripts.release()))
        assert refused.returncode == 1 and "a newer ceremony has begun here" in refused.stderr
        assert west.observe().masked and west.done(scripts.number()) == numbers[-1]
    west.done(scripts.of_ceremony(numbers[-1], scripts.release()))
    assert not west.observe().masked


def test_a_gate_that_was_here_is_seen_whatever_is_left_of_it(west: SignerHost) -> None:
    assert not west.observe().gate.used
    state = west.file(gate_config.STATE)
    state.mkdir(parents=True)
    assert not west.observe().gate.used
    (state / "connection.key").write_text("x")
    assert west.observe().gate.used and west.observe().gate.floor is None


def test_without_a_gate_only_tmkms_is_started_and_stopped(west: SignerHost) -> None:
    signing(west)
    west.done(scripts.halt())
    west.done(scripts.release())
    assert gate_config.UNIT not in west.file("systemctl.log").read_text().replace(f"show {gate_config.UNIT}", "")


def test_a_damaged_watermark_is_seen_as_one_and_not_as_none(west: SignerHost) -> None:
    public = gated(west)
    west.done(scripts.raise_floor(STATE_FILE, "x-1", public, 200))
    path = west.file(gate_config.floor_file("x-1"))
    path.write_text(path.read_text().replace("200", "100"))
    assert west.observe().gate.floor is None and west.observe().gate.damaged


def test_a_cleared_halt_leaves_the_watermark_where_it_was(west: SignerHost) -> None:
    public = gated(west)
    west.done(scripts.raise_floor(STATE_FILE, "x-1", public, 200))
    path = west.file(gate_config.floor_file("x-1"))
    path.write_bytes(floor.encode(floor.Floor("x-1", base64.b64decode(public), spent(200), Cause.ROW_TAKEN)))
    seen = west.observe().gate.floor
    assert seen and seen.halted is Cause.ROW_TAKEN
    west.done(scripts.clear_halt("x-1"))
    seen = west.observe().gate.floor
    assert seen and seen.halted is None and seen.position == spent(200)


def test_a_shared_key_arrives_while_its_source_signs_and_keeps_it(west: SignerHost, east: SignerHost) -> None:
    private = signing(west)
    (west.file("/proc/1") / "comm").write_text("tmkms\n")
    east.done(scripts.halt())
    east.file(STATE_FILE).write_text(SIGNED.replace("100", "300"))
    east.done(scripts.invite("east"))
    package = west.done(scripts.seal(STATE_FILE, keep=True), stdin=east.done(scripts.certificate()))
    east.done(scripts.receive(), stdin=package)
    east.done(scripts.unseal(STATE_FILE, public_half(private), keep_state=True))
    assert east.file(CONSENSUS_KEY).read_text() == west.file(CONSENSUS_KEY).read_text() == private
    assert east.observe().state == SignedState(height=300, round=0, step=2), "what it has signed before stays known"


def test_a_shared_key_brings_a_state_where_there_is_none(west: SignerHost, east: SignerHost) -> None:
    private = signing(west)
    east.done(scripts.halt())
    east.done(scripts.invite("east"))
    package = west.done(scripts.seal(STATE_FILE, keep=True), stdin=east.done(scripts.certificate()))
    east.done(scripts.receive(), stdin=package)
    east.done(scripts.unseal(STATE_FILE, public_half(private), keep_state=True))
    assert east.observe().state == SignedState(height=100, round=0, step=2)


def test_steps_of_tmkms_are_those_of_the_table_counted_from_zero() -> None:
    signed = SignedState(height=7, round=1, step=0)
    assert signed.position == Position(7, 1, Step.PROPOSAL)
    assert observation.parse_state(observation.spent_state(9)).position == spent(9)
