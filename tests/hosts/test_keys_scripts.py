"""The ceremonies' scripts, run with real OpenSSL on directories that stand for two signer hosts."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hosts.keys import observation, scripts
from hosts.keys.observation import INITIAL_STATE, SignedState, SignerObservation
from hosts.signer_config import CONFIG, CONSENSUS_KEY

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
        moved = moved.replace("/usr/bin/tmkms", str(self.root / "bin/tmkms"))
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
    }.items():
        (root / "bin" / name).write_text(text)
        (root / "bin" / name).chmod(0o755)
    host = SignerHost(root)
    host.file(CONFIG).write_text(f'path = "{root}{CONSENSUS_KEY}"\n')
    host.file("/var/lib/tmkms/secret_connection.key").write_text("x")
    return host


@pytest.fixture
def west(tmp_path: Path) -> SignerHost:
    return make(tmp_path / "west")


@pytest.fixture
def east(tmp_path: Path) -> SignerHost:
    return make(tmp_path / "east")


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


def test_a_state_that_is_there_is_kept_as_the_new_keys_floor(west: SignerHost) -> None:
    west.file(STATE_FILE).write_text(SIGNED)
    west.done(scripts.generate(STATE_FILE))
    assert west.file(STATE_FILE).read_text() == SIGNED


def test_what_a_host_holds_is_told_without_its_private_key(west: SignerHost) -> None:
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


def test_every_script_is_one_that_a_plain_shell_accepts() -> None:
    made = [
        scripts.generate(STATE_FILE),
        scripts.start(),
        scripts.halt(),
        scripts.invite("h"),
        scripts.certificate(),
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
        observation.observe(STATE_FILE),
    ]
    for script in made:
        checked = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True)
        assert checked.returncode == 0, f"{checked.stderr}\n{script}"
