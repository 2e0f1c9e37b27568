"""The public half of a consensus key and its textual forms. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

CHARACTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
AMINO_ED25519 = bytes.fromhex("1624de6420")
"""The prefix that amino puts before an Ed25519 public key; tmkms and older tools print keys so."""


def _polymod(values: Iterable[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(GENERATOR):
            checksum ^= generator if top >> bit & 1 else 0
    return checksum


def bech32(prefix: str, data: bytes) -> str:
    """`data` in bech32 (BIP 173)."""
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    words = [int(bits[start : start + 5], 2) for start in range(0, len(bits), 5)]
    expanded = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    checksum = _polymod([*expanded, *words, 0, 0, 0, 0, 0, 0]) ^ 1
    words += [checksum >> 5 * (5 - index) & 31 for index in range(6)]
    return f"{prefix}1{''.join(CHARACTERS[word] for word in words)}"


@dataclass(frozen=True)
class ConsensusKey:
    """An Ed25519 public key, 32 bytes."""

    raw: bytes

    @classmethod
    def from_base64(cls, text: str) -> ConsensusKey:
        """Raises ValueError if `text` is not the base64 of 32 bytes."""
        try:
            raw = base64.b64decode(text.strip(), validate=True)
        except binascii.Error as error:
            raise ValueError(f"got {text.strip()!r}: not base64 ({error})") from None
        if len(raw) != 32:
            raise ValueError(f"got {len(raw)} bytes: an Ed25519 public key has 32")
        return cls(raw)

    @property
    def base64(self) -> str:
        return base64.b64encode(self.raw).decode()

    @property
    def address(self) -> str:
        """The validator address of its signatures in a commit: 40 upper-case hex digits."""
        return sha256(self.raw).hexdigest()[:40].upper()

    def shown(self, prefix: str | None) -> str:
        """As the chain of this `prefix` writes it; in base64 where the chain has none."""
        return self.bech32(prefix) if prefix else self.base64

    def shown_address(self, prefix: str | None) -> str:
        """As the chain of this `prefix` writes its address, with the hex digits; these alone where it has none."""
        return f"{self.bech32_address(prefix)} ({self.address})" if prefix else self.address

    def bech32(self, prefix: str) -> str:
        """As `<prefix>valconspub1…`; `prefix` is the chain's."""
        return bech32(f"{prefix}valconspub", AMINO_ED25519 + self.raw)

    def bech32_address(self, prefix: str) -> str:
        """As `<prefix>valcons1…`."""
        return bech32(f"{prefix}valcons", bytes.fromhex(self.address))
