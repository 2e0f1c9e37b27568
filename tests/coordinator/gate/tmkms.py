"""The real tmkms as a process of this machine, with a key on disk or in the mock of a YubiHSM."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tools import parts

CHAIN = """
[[chain]]
id = "{chain}"
key_format = {{ type = "bech32", account_key_prefix = "labpub", consensus_key_prefix = "labvalconspub" }}
state_file = "{home}/{chain}.state.json"

[[validator]]
chain_id = "{chain}"
addr = "{address}"
secret_key = "{home}/connection.key"
reconnect = true
"""
SOFTSIGN = """
[[providers.softsign]]
chain_ids = [{chains}]
key_type = "consensus"
key_format = "base64"
path = "{home}/consensus.key"
"""
HSM_KEY = 7
YUBIHSM = f"""
[[providers.yubihsm]]
adapter = {{{{ type = "http", addr = "tcp://127.0.0.1:{{hsm_port}}" }}}}
auth = {{{{ key = 1, password = "password" }}}}
keys = [{{{{ chain_ids = [{{chains}}], key = {HSM_KEY} }}}}]
"""


def configure(home: Path, key: Ed25519PrivateKey, addresses: Mapping[str, str], hsm_port: int | None = None) -> Path:
    """Its configuration: one key for chains, each with the address that tmkms dials for it (``unix://``, ``tcp://``).

    The key is a file, unless it is in the HSM at ``hsm_port``.
    """
    home.mkdir(parents=True, exist_ok=True)
    secrets = {"connection": Ed25519PrivateKey.generate()} | ({} if hsm_port else {"consensus": key})
    for name, secret in secrets.items():
        (home / f"{name}.key").write_bytes(base64.b64encode(secret.private_bytes_raw()))
        (home / f"{name}.key").chmod(0o600)
    texts = [CHAIN.format(chain=chain, home=home, address=address) for chain, address in addresses.items()]
    chains = ", ".join(f'"{chain}"' for chain in addresses)
    config = home / "tmkms.toml"
    provider = YUBIHSM if hsm_port else SOFTSIGN
    config.write_text("".join(texts) + provider.format(chains=chains, home=home, hsm_port=hsm_port))
    return config


@contextmanager
def running(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """tmkms, until the end of the ``with``; its output is beside its configuration."""
    program = parts.ensure("tmkms") / "bin" / "tmkms"
    with (config.parent / "tmkms.log").open("ab") as log:
        process = subprocess.Popen(
            [program, "start", "-c", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def hsm(key: Ed25519PrivateKey, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The mock of a YubiHSM with this key in it, answering at ``port`` until the end of the ``with``."""
    program = parts.ensure("yubihsm-mock") / "bin" / "yubihsm-mock"
    process = subprocess.Popen([program, str(port), str(HSM_KEY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdin and process.stdout
        process.stdin.write(key.private_bytes_raw())
        process.stdin.close()
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
