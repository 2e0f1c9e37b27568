"""p2p identities of the lab's nodes. Pure.

A partner's peer is declared by its node id, so a node that stands in for the partner must hold that node's key. The
partners of the example declarations have identities that anyone can derive and that are used nowhere else; a real
partner's node cannot be stood in for.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True)
class NodeKey:
    """A p2p node key, as its 32-byte Ed25519 seed."""

    seed: bytes

    @property
    def _public(self) -> bytes:
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    @property
    def node_id(self) -> str:
        """The first 20 bytes of the public key's SHA-256, in hex (CometBFT, `p2p.PubKeyToID`)."""
        return sha256(self._public).hexdigest()[:40]

    @property
    def json(self) -> str:
        """The contents of a `node_key.json`."""
        value = base64.b64encode(self.seed + self._public).decode()
        return json.dumps({"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": value}}) + "\n"


def example_partner_key(partner: str, ordinal: int) -> NodeKey:
    """The node key of an example partner's peer number `ordinal` (from 0, in the order declared)."""
    return NodeKey(sha256(f"example partner {partner}, node {ordinal}".encode()).digest())
