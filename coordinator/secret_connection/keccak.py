"""Keccak-f[1600], the permutation of FIPS 202, which `hashlib` does not expose."""

from __future__ import annotations

LANES = 25
_MASK = 2**64 - 1


def _round_constants() -> tuple[int, ...]:
    """From the linear feedback shift register of FIPS 202, 3.2.5."""
    constants = []
    register = 1
    for _ in range(24):
        constant = 0
        for bit in range(7):
            constant |= (register & 1) << (2**bit - 1)
            register <<= 1
            if register & 0x100:
                register ^= 0x171
        constants.append(constant)
    return tuple(constants)


def _moves() -> tuple[tuple[int, int, int], ...]:
    """ρ and π for each lane: (from, to, rotation). Lanes are numbered x + 5y."""
    moves = [(0, 0, 0)]
    x, y = 1, 0
    for step in range(24):
        moves.append((x + 5 * y, y + 5 * ((2 * x + 3 * y) % 5), (step + 1) * (step + 2) // 2 % 64))
        x, y = y, (2 * x + 3 * y) % 5
    return tuple(moves)


_CONSTANTS = _round_constants()
_MOVES = _moves()


def _rotated(lane: int, by: int) -> int:
    return (lane << by | lane >> (64 - by)) & _MASK


def permute(state: bytearray) -> None:
    """Permutes the 200 bytes of ``state`` in place."""
    lanes = [int.from_bytes(state[8 * i : 8 * i + 8], "little") for i in range(LANES)]
    for constant in _CONSTANTS:
        columns = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        mixed = [columns[x - 1] ^ _rotated(columns[(x + 1) % 5], 1) for x in range(5)]
        moved = [0] * LANES
        for source, target, by in _MOVES:
            moved[target] = _rotated(lanes[source] ^ mixed[source % 5], by)
        lanes = [
            moved[i] ^ (~moved[i - i % 5 + (i + 1) % 5] & moved[i - i % 5 + (i + 2) % 5] & _MASK) for i in range(LANES)
        ]
        lanes[0] ^= constant
    state[:] = b"".join(lane.to_bytes(8, "little") for lane in lanes)
