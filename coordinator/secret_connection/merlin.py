"""The part of Merlin v1.0 on STROBE-128/1600 that the handshake needs (merlin.cool, strobe.sourceforge.io)."""

from __future__ import annotations

from coordinator.secret_connection import keccak

_RATE = 200 - 128 // 4 - 2
_INBOUND, _APPLICATION, _CIPHER, _META = 1, 2, 4, 16


class Transcript:
    """A transcript of the handshake, from which both ends derive the same challenge."""

    def __init__(self, protocol: bytes) -> None:
        self._state = bytearray(bytes((1, _RATE + 2, 1, 0, 1, 96)) + b"STROBEv1.0.2").ljust(200, b"\0")
        keccak.permute(self._state)
        self._at = self._began = 0
        self._begin(_APPLICATION | _META)
        self._absorb(b"Merlin v1.0")
        self.append(b"dom-sep", protocol)

    def append(self, label: bytes, message: bytes) -> None:
        """Add a message under a label."""
        self._begin(_APPLICATION | _META)
        self._absorb(label + len(message).to_bytes(4, "little"))
        self._begin(_APPLICATION)
        self._absorb(message)

    def challenge(self, label: bytes, length: int) -> bytes:
        """``length`` bytes that depend on the whole transcript."""
        self._begin(_APPLICATION | _META)
        self._absorb(label + length.to_bytes(4, "little"))
        self._begin(_INBOUND | _APPLICATION | _CIPHER)
        out = bytearray()
        for _ in range(length):
            out.append(self._state[self._at])
            self._state[self._at] = 0
            self._advance()
        return bytes(out)

    def _begin(self, flags: int) -> None:
        began, self._began = self._began, self._at + 1
        self._absorb(bytes((began, flags)))
        if flags & _CIPHER and self._at:
            self._permute()

    def _absorb(self, data: bytes) -> None:
        for byte in data:
            self._state[self._at] ^= byte
            self._advance()

    def _advance(self) -> None:
        self._at += 1
        if self._at == _RATE:
            self._permute()

    def _permute(self) -> None:
        self._state[self._at] ^= self._began
        self._state[self._at + 1] ^= 0x04
        self._state[_RATE + 1] ^= 0x80
        keccak.permute(self._state)
        self._at = self._began = 0
