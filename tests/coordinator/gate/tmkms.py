"""The real tmkms, with a key on disk, as a process of this machine."""

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
KEY = """
[[providers.softsign]]
chain_ids = [{chains}]
key_type = "consensus"
key_format = "base64"
path = "{home}/consensus.key"
"""


def configure(home: Path, key: Ed25519PrivateKey, addresses: Mapping[str, str]) -> Path:
    """Its configuration: one key for chains, each with the address that tmkms dials for it (``unix://``, ``tcp://``)."""
    home.mkdir(parents=True, exist_ok=True)
    for name, secret in (("consensus", key), ("connection", Ed25519PrivateKey.generate())):
        (home / f"{name}.key").write_bytes(base64.b64encode(secret.private_bytes_raw()))
        (home / f"{name}.key").chmod(0o600)
    texts = [CHAIN.format(chain=chain, home=home, address=address) for chain, address in addresses.items()]
    chains = ", ".join(f'"{chain}"' for chain in addresses)
    config = home / "tmkms.toml"
    config.write_text("".join(texts) + KEY.format(chains=chains, home=home))
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
