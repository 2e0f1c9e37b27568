"""Mutants that behave as the module does, each with the reason: of the decision, and of what surrounds it."""

TRUTH = "only whether it is true is asked"
TYPES = "names a type; with postponed annotations nothing reads it"

EQUIVALENT: dict[str, str] = {
    "records.claimable: '' → 'X'": "`speaks_for` does not read the chain's name",
    "handle: Verify = Callable[[bytes, bytes], bool] → nothing": TYPES,
    "handle: Handling = Generator[Effect, Outcome, 'Standing'] → nothing": TYPES,
    "handle: Raising = Generator[Effect, Outcome, tuple[Standing, tuple[Cause, str] | None]] → nothing": TYPES,
    "handle: 'Standing' → 'StandingX'": TYPES,
    "handle._sign: standing → burnt in return replace(standing, burnt=0, idle_below=0)": (
        "the two differ only in what is set here"
    ),
    "handle._covers: return False → return None": TRUTH,
    "position.parse: zip(parts, widths, strict=True) → zip(parts, widths)": "there are three of both by then",
    "position.parse: True → False": "there are three of both by then",
}

FOR_PEOPLE = "words for people"
CLOSES = "nothing else holds it, and CPython closes it"
TOGETHER = "the two are set and removed together"

TUNED = "one more or less of this measure is no promise"

EQUIVALENT_OUTSIDE: dict[str, str] = {
    "config._Table.take: return default → nothing": "there is a problem by then, so that nobody gets the value",
    "events: 10000 → 9999": TUNED,
    "gate.KeyGate._decide: max(self._seen, standing.highest_seen) → min(self._seen, standing.highest_seen)": (
        "a gate is fenced by a row to which its watermark has risen, and a start compares with that first"
    ),
    "lease._document: if not isinstance(answer, dict): raise TypeError('not a JSON object') → "
    "if False: raise TypeError('not a JSON object')": (
        "looking for a name in it raises a TypeError too, and only the kind of the error is told"
    ),
    "lease.main: argparse.ArgumentParser(prog='signing-gate-lease', description=\"Keeps a gate's credentials "
    "current.\") → argparse.ArgumentParser(prog='signing-gate-lease')": FOR_PEOPLE,
    "client._Connection.is_quiet: 0 → 1": "looks for a millisecond longer",
    "events.Events.__call__: json.dumps({'time': moment, 'event': event, **fields}, ensure_ascii=True, default=str) → "
    "json.dumps({'time': moment, 'event': event, **fields}, default=str)": "it is the default",
    "events.Events.__call__: 'events' → 'eventsX'": "the name of a thread, for people",
    "gate.KeyGate._carry_out: return Done() → return None": "the decision reads no outcome of an answer or a halt",
    "gate.KeyGate.start: found.floor → found.highest_seen": "a start sets both to the row's position",
    "gate_ceremonies.GateCeremonies._situation: takes_over and key and row and (row.owner in without) → "
    "takes_over and row and (row.owner in without)": "without a key no row is read",
    "gates._carry: package is None or package.key != key.base64 → package is None": (
        "a package with another key was refused before, as a second key of the network"
    ),
    "lease._document: raise TypeError('not a JSON object') → nothing": (
        "looking for a name in it raises a TypeError too, and only the kind of the error is told"
    ),
    "node.NodeLink.send: self._connection is None or self._socket is None → "
    "self._connection is None and self._socket is None": TOGETHER,
    "node.NodeLink._dial: dialled.close() → nothing": CLOSES,
    "node.NodeLink._drop: self._connection.close() → nothing": CLOSES,
    "client.Client._call: connection.socket.close() → nothing": CLOSES,
    "client._some: 16 → 17": "the size of a buffer",
    "client._some: 16 → 15": "the size of a buffer",
    "remote.RemoteChain.view: 0 → -1": "one question has one answer",
    "signer.SignerLink.finish: self._connection is None or self._messages is None → self._connection is None": TOGETHER,
    "signer.SignerLink.finish: self._connection is None or self._messages is None → "
    "self._connection is None and self._messages is None": TOGETHER,
    "client.Client._connect: raw.close() → nothing": CLOSES,
    "service.ChainService._turn: 0 → -1": "the answer to neither tag is another than that to a vote",
    "signer.SignerLink._accept: connection.close() → nothing": CLOSES,
    "signer.SignerLink.__init__: self._messages: Messages | None = None → nothing": (
        "it is read only after a connection, which sets it"
    ),
    "floor.create: os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC → (os.O_RDONLY | os.O_DIRECTORY) & os.O_CLOEXEC": (
        "a directory is opened all the same, and no program is started meanwhile"
    ),
}
