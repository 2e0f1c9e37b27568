"""Mutants that behave as the module does, each with the reason: of the decision, and of what surrounds it."""

TRUTH = "only whether it is true is asked"
TYPES = "names a type; with postponed annotations nothing reads it"
SYMMETRIC = "the least or the highest of two does not depend on their order"

EQUIVALENT: dict[str, str] = {
    "records.claimable: '' → 'X'": "`speaks_for` does not read the chain's name",
    "handle: Verify = Callable[[bytes, bytes], bool] → nothing": TYPES,
    "handle: Handling = Generator[Effect, Outcome, 'Standing'] → nothing": TYPES,
    "handle: Raising = Generator[Effect, Outcome, tuple[Standing, tuple[Cause, str] | None]] → nothing": TYPES,
    "handle: 'Standing' → 'StandingX'": TYPES,
    "handle.Standing.having_seen: max(self.highest_seen, position) → max(position, self.highest_seen)": SYMMETRIC,
    "handle.Standing.having_burnt: min(2 ** (self.burnt - 1), MOST_HEIGHTS_SAT_OUT) → "
    "min(MOST_HEIGHTS_SAT_OUT, 2 ** (self.burnt - 1))": SYMMETRIC,
    "handle.Standing.having_burnt: min(self.burnt + 1, 5) → min(5, self.burnt + 1)": SYMMETRIC,
    "handle._sign: standing → burnt in return replace(standing, burnt=0, idle_below=0)": (
        "the two differ only in what is set here"
    ),
    "handle._covers: return False → return None": TRUTH,
    "position.parse: zip(parts, widths, strict=True) → zip(parts, widths)": "there are three of both by then",
    "position.parse: True → False": "there are three of both by then",
}

EQUIVALENT_OUTSIDE: dict[str, str] = {
    "client.Client._call: connection.socket.close() → nothing": "nothing holds it then, and CPython closes it",
    "client._some: 16 → 17": "the size of a buffer",
    "client._some: 16 → 15": "the size of a buffer",
    "signer.SignerLink.__init__: self._messages: Messages | None = None → nothing": (
        "it is read only after a connection, which sets it"
    ),
    "floor.create: os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC → (os.O_RDONLY | os.O_DIRECTORY) & os.O_CLOEXEC": (
        "a directory is opened all the same, and no program is started meanwhile"
    ),
}
