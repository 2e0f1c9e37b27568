"""Possible bugs of a signing coordinator, each as a small change of the decision, the table or the disk.

``noticed_by`` are the checks that must find a bug. Some bugs are found by the unit tests alone: the decision has two or
three rules against the same harm, and without one of them the others still refuse.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from verification.coordinator.variants import Change

ADMITTED = "(gate.gate_id, gate.boot_id) in self.gates"
SIGNED_BY_SIGNER = "if not _covers(claim, outcome.signed.signature, outcome.signed.extension_signature, verify):"
FLOOR_OF_DISK = "    outcome = yield WriteFloor(position)\n    if isinstance(outcome, Done):\n"
ANSWER_AND_RECORD = (
    "    yield Answer(Granted(claim, outcome.signed, replayed=False))\n    yield Record(claim, outcome.signed)\n"
)
NO_SIGNER = "        if not signer_ready:\n            return (yield from _refuse(standing, Cause.SIGNER_ABSENT))\n"
STILL_UNSURE = "            return (yield from _refuse(replace(standing, unsure=True), Cause.TABLE_UNKNOWN))\n"
WENT_BACK = "            return (yield from _went_back(standing, outcome.head))\n"
RAISED = (
    "        standing, refused = yield from _see(standing, outcome.head.position)\n"
    "        if refused:\n            return (yield from _refuse(standing, *refused))\n"
)
ONLY_SEEN = "        standing = standing.having_seen(outcome.head.position)\n"
READ, LOST = "        if outcome.head.position >= request", "        return (yield from _by_head(gate"
AFTER_A_CLAIM = (
    "    if isinstance(outcome, NotSent):\n"
    "        return (yield from _refuse(replace(standing, unsure=not looked), Cause.TABLE_UNKNOWN, outcome.detail))\n"
)
CLAIM_WON = "    outcome = yield ClaimHead(claim)\n    if isinstance(outcome, Won):\n"
LATE_SIGNER = """        late, self.watermark = self.watermark, mark
        if late and late[0] != mark[0]:
            return Signed(signature(_bytes(late[1], claim.time_ns)), None)
"""


class Check(StrEnum):
    """What may notice a bug."""

    INTERLEAVINGS = "interleavings"
    LOST_STATE = "lost state"
    CRASH_POINTS = "crash points"
    SIMULATION = "simulation"
    UNIT_TESTS = "unit tests"


INITIALS = dict(zip("ILCSU", Check, strict=True))


class Bug(NamedTuple):
    """``changes`` make it, ``story`` says what is wrong; ``noticed_by``: the checks that find it."""

    name: str
    story: str
    changes: tuple[Change, ...]
    noticed_by: tuple[Check, ...]


def _bug(name: str, story: str, *changes: tuple[str, str, str], by: str) -> Bug:
    return Bug(name, story, tuple(Change(*change) for change in changes), tuple(INITIALS[each] for each in by))


OF_THE_TABLE = (
    _bug(
        "split lock",
        "the table checks the condition, and writes in another step",
        ("world", "    atomic: bool = True", "    atomic: bool = False"),
        by="IS",
    ),
    _bug(
        "last writer wins",
        "two regions take writes, and the newer one stays",
        ("simulation", "regions: int = 1, trace", "regions: int = 2, trace"),
        ("interleave", "regions: int = 1) -> Walk", "regions: int = 2) -> Walk"),
        by="IS",
    ),
    _bug(
        "missing attribute_exists",
        "a claim makes the row where there is none",
        (
            "records",
            "        head is not None\n        and head.speaks_for",
            "        head is None\n        or head.speaks_for",
        ),
        by="U",
    ),
    _bug(
        "head restarted",
        "a gate that finds no row begins a new table",
        (
            "world",
            "        if head is None:\n            return Missing()\n        if",
            (
                "        if head is None:\n"
                "            self.head = head = Head(gate.generation, ORIGIN, ((gate.gate_id, gate.boot_id),))\n"
                "            self.rows.clear()\n        if"
            ),
        ),
        by="L",
    ),
    _bug(
        "pruned log",
        "only the newest row of a claim is kept",
        ("world", "    kept: int | None = None", "    kept: int | None = 1"),
        by="L",
    ),
    _bug(
        "claim's row overwritten",
        "the row of a claim replaces the one that is there",
        ("world", "    return row is None\n", "    return True\n"),
        by="L",
    ),
    _bug(
        "claim released by a timer",
        "a height whose claim is unsigned may be taken by the other gate, at the same position",
        (
            "records",
            "        and head.position < claim.position\n        and (head.position.height < claim.position.height or",
            (
                "        and (head.position < claim.position"
                " or (head.position == claim.position and head.signed is None))\n"
                "        and (head.position.height < claim.position.height or head.signed is None or"
            ),
        ),
        by="ICSU",
    ),
    _bug(
        "takeover within a height",
        "the other gate continues a height whose last claim was signed",
        (
            "records",
            "or head.owner == claim.gate_id)",
            "or head.owner == claim.gate_id or head.signed is not None)",
        ),
        by="ICS",
    ),
    _bug(
        "no owner",
        "any gate continues any height",
        ("records", "head.owner == claim.gate_id)", "head.claim is not None)"),
        by="ICSU",
    ),
    _bug(
        "not strictly lower",
        "a claim replaces another one at its own position",
        ("records", "and head.position < claim.position", "and head.position <= claim.position"),
        by="ICSU",
    ),
    _bug(
        "rounds do not count",
        "a claim must be higher only in height and step",
        (
            "records",
            "and head.position < claim.position",
            "and (head.position.height, head.position.step) < (claim.position.height, claim.position.step)",
        ),
        by="I",
    ),
    _bug(
        "wrong step order in the condition",
        "precommit counts as before prevote",
        (
            "records",
            "and head.position < claim.position",
            "and (*head.position[:2], -head.position.step) < (*claim.position[:2], -claim.position.step)",
        ),
        by="ICSU",
    ),
    _bug(
        "wrong step numbers",
        "prevote and precommit have each other's number",
        ("position", "    PREVOTE = 2\n    PRECOMMIT = 3", "    PREVOTE = 3\n    PRECOMMIT = 2"),
        by="U",
    ),
    _bug(
        "32-bit height",
        "heights are compared as 32-bit numbers",
        ("position", "{self.height:0{HEIGHT_DIGITS}d}", "{self.height & 0xFFFFFFFF:0{HEIGHT_DIGITS}d}"),
        by="U",
    ),
    _bug(
        "text without padding",
        "positions are compared as text of their bare numbers",
        (
            "position",
            'f"{self.height:0{HEIGHT_DIGITS}d}.{self.round:0{ROUND_DIGITS}d}.{self.step:0{STEP_DIGITS}d}"',
            'f"{self.height}.{self.round}.{self.step}"',
        ),
        ("records", "and head.position < claim.position", "and head.position.text < claim.position.text"),
        by="ICSU",
    ),
    _bug(
        "generation not checked",
        "a gate of an older generation of the table continues to sign",
        ("records", f"self.generation == gate.generation and {ADMITTED}", ADMITTED),
        by="U",
    ),
    _bug(
        "boot not checked",
        "an older process of a gate continues beside the one that replaced it",
        ("records", ADMITTED, "any(name == gate.gate_id for name, _ in self.gates)"),
        by="U",
    ),
    _bug(
        "gate not admitted",
        "a gate that no ceremony admitted, or that one dismissed, signs",
        ("records", f" and {ADMITTED}", ""),
        by="U",
    ),
    _bug(
        "signature recorded beside another claim",
        "a signature that arrives late is written to whatever claim the row holds, and given without being verified",
        ("world", " and head.claim.claim_id == claim.claim_id", ""),
        (
            "handle",
            "        if not _covers(head.claim, head.signed",
            "        if False and not _covers(head.claim, head.signed",
        ),
        by="ISU",
    ),
    _bug(
        "stale read",
        "reads of the row are eventually consistent: they give what stood there before the last claim",
        ("world", '"core", "head", "rows", "written")', '"core", "head", "old", "rows", "written")'),
        (
            "world",
            "        self.core, self.head, self.written = core, head, 0\n",
            "        self.core, self.head, self.written, self.old = core, head, 0, head\n",
        ),
        (
            "world",
            "        twin = object.__new__(Table)\n",
            "        twin = object.__new__(Table)\n        twin.old = self.old\n",
        ),
        ("world", '        """Writes the head, whatever stands there."""\n', "        self.old = self.head\n"),
        (
            "world",
            "Missing() if self.head is None else Seen(self.head)",
            "Missing() if self.old is None else Seen(self.old)",
        ),
        by="S",
    ),
)

OF_THE_DISK = (
    _bug(
        "no fsync",
        "the watermark is not on disk when it is reported as written",
        ("world", "    synced: bool = True", "    synced: bool = False"),
        by="ILCS",
    ),
    _bug(
        "floor written after the answer",
        "the signature is released before the watermark is raised",
        (
            "handle",
            FLOOR_OF_DISK,
            "    outcome = Done()\n    if not outcome:\n        yield\n    if isinstance(outcome, Done):\n",
        ),
        ("handle", ANSWER_AND_RECORD, ANSWER_AND_RECORD + "    yield WriteFloor(claim.position)\n"),
        by="ILCSU",
    ),
    _bug(
        "floor written before the claim",
        "the watermark is raised for a claim that may be lost",
        ("handle", CLAIM_WON, "    yield WriteFloor(claim.position)\n" + CLAIM_WON),
        by="ILCSU",
    ),
    _bug(
        "failed disk ignored",
        "signs though the watermark may not be on disk",
        ("handle", FLOOR_OF_DISK, "    outcome = yield WriteFloor(position)\n    if outcome:\n"),
        by="ICSU",
    ),
    _bug(
        "floor not kept in mind",
        "requests are not compared with the written watermark until the next start",
        ("handle", "        return replace(standing, floor=position), None\n", "        return standing, None\n"),
        by="U",
    ),
    _bug(
        "floor not checked",
        "a request below the watermark is checked by the row only",
        ("handle", "    if request.position < standing.floor:\n", "    if False:\n"),
        by="U",
    ),
    _bug(
        "floor refuses its own position",
        "`<=` for `<`: what was signed is not given again",
        ("handle", "request.position < standing.floor:", "request.position <= standing.floor:"),
        by="CU",
    ),
    _bug(
        "floor of own claims only",
        "a gate that only ever loses keeps a low watermark, and starts on tables that were restored together",
        ("handle", RAISED + READ, ONLY_SEEN + READ),
        ("handle", RAISED + LOST, ONLY_SEEN + LOST),
        ("handle", "    return Standing(floor=seen.head.position,", "    return Standing(floor=floor,"),
        by="ILCSU",
    ),
    _bug(
        "claim without a bound",
        "one request for the last height of all is signed, and nothing after it",
        ("handle", "        if _is_too_far(gate, standing, request):\n", "        if False:\n"),
        by="U",
    ),
    _bug(
        "claim lifts a row that went back",
        "a gate halts on a row that went back only after its claim has raised it above what others remember",
        ("records", "        and claim.not_below <= head.position\n", ""),
        by="CU",
    ),
)

OF_THE_START = (
    _bug(
        "start without a row",
        "a gate that finds no row starts from its watermark",
        (
            "handle",
            "    if isinstance(seen, Missing):\n",
            (
                "    if isinstance(seen, Missing):\n        return Standing(floor=floor, highest_seen=floor)\n"
                "    if isinstance(seen, Missing):\n"
            ),
        ),
        by="LU",
    ),
    _bug(
        "start on an unknown row",
        "a gate that got no response from the table starts from its watermark",
        (
            "handle",
            "    if not isinstance(seen, Seen):\n",
            (
                "    if not isinstance(seen, Seen):\n        return Standing(floor=floor, highest_seen=floor)\n"
                "    if not isinstance(seen, Seen):\n"
            ),
        ),
        by="SU",
    ),
    _bug(
        "start on a row below the floor",
        "a table that was rolled back is not noticed",
        ("handle", "    if seen.head.position < floor:\n", "    if False:\n"),
        by="LCU",
    ),
    _bug(
        "start though fenced",
        "a gate that is not admitted starts",
        (
            "handle",
            "    if not seen.head.speaks_for(gate):\n        return NotStarted",
            "    if False:\n        return NotStarted",
        ),
        by="U",
    ),
    _bug(
        "halt forgotten by a restart",
        "a gate that was halted starts again",
        ("handle", "    if halted:\n        return NotStarted", "    if False:\n        return NotStarted"),
        by="U",
    ),
    _bug(
        "halt forgotten by the run",
        "a gate that found its table rolled back handles the next request",
        ("handle", "    return replace(standing, halted=cause)", "    return standing"),
        by="U",
    ),
    _bug(
        "halt not written",
        "a gate that halts does not remember it across restarts",
        ("handle", "    yield Halt(cause)\n", ""),
        by="CU",
    ),
)

OF_REPLAYS = (
    _bug(
        "replay with another block",
        "a request for another block gets the signature of the first",
        (
            "records",
            "(self.position, self.intent, self.extension) == (request.position, request.intent, request.extension)",
            "(self.position, self.extension) == (request.position, request.extension)",
        ),
        by="ILCSU",
    ),
    _bug(
        "replay with another extension",
        "a request for another extension gets the signature of the first",
        (
            "records",
            "(self.position, self.intent, self.extension) == (request.position, request.intent, request.extension)",
            "(self.position, self.intent) == (request.position, request.intent)",
        ),
        by="ISU",
    ),
    _bug(
        "replay of what only looks alike",
        "a claim matches only if the times are equal too",
        ("records", "(self.position, self.intent, self", "(self.time_ns, self.position, self.intent, self"),
        ("records", "== (request.position, request.intent", "== (request.time_ns, request.position, request.intent"),
        by="CU",
    ),
    _bug(
        "proposal replayed with its first time",
        "a node that proposes the same at another time gets a signature that its consensus cannot use",
        ("records", "request.position.step != Step.PROPOSAL or self.time_ns == request.time_ns", "True"),
        by="SU",
    ),
    _bug(
        "recorded signature not verified",
        "what the table holds as a signature is given as it is",
        (
            "handle",
            "        if not _covers(head.claim, head.signed",
            "        if False and not _covers(head.claim, head.signed",
        ),
        by="U",
    ),
    _bug(
        "resumed with the bytes of the request",
        "an own claim without a signature is signed with the time that is asked for now",
        (
            "handle",
            "_sign(standing, head.claim, request, verify)",
            (
                "_sign(standing, replace(head.claim, sign_bytes=request.sign_bytes, time_ns=request.time_ns),"
                " request, verify)"
            ),
        ),
        by="U",
    ),
    _bug(
        "other gate's claim resumed",
        "a claim of the other gate that has no signature yet is signed here",
        ("handle", "    if head.owner != gate.gate_id:\n", "    if False:\n"),
        by="U",
    ),
    _bug(
        "own claim not resumed",
        "a claim that a dead run left without a signature stays without one",
        ("handle", "    if head.owner != gate.gate_id:\n", "    if True:\n"),
        by="CU",
    ),
    _bug(
        "fenced run goes on by the row",
        "a run that was replaced resumes what its successor claimed",
        ("handle", "    if not head.speaks_for(gate):\n        return (yield", "    if False:\n        return (yield"),
        by="SU",
    ),
)

OF_THE_UNKNOWN = (
    _bug(
        "unknown taken for won",
        "a claim whose outcome is not known is signed",
        (
            "handle",
            CLAIM_WON,
            CLAIM_WON.replace(
                "    if", "    if isinstance(outcome, Unknown):\n        outcome = Won(standing.highest_seen)\n    if"
            ),
        ),
        by="ICSU",
    ),
    _bug(
        "unknown taken for lost",
        "a claim whose outcome is not known is taken for one that was not written",
        (
            "handle",
            f"{AFTER_A_CLAIM}    return (yield from _no_row(replace(standing, unsure=True), outcome))",
            f"{AFTER_A_CLAIM}    return (yield from _no_row(standing, outcome))",
        ),
        by="CSU",
    ),
    _bug(
        "unknown taken for not sent",
        "a claim whose outcome is not known leaves the gate as a claim that never left it",
        (
            "handle",
            "    if isinstance(outcome, NotSent):\n",
            "    if isinstance(outcome, NotSent | Unknown):\n",
        ),
        by="CSU",
    ),
    _bug(
        "not sent taken for unknown",
        "a gate whose table is slow reads before each claim, so that no claim is ever in time",
        ("handle", "    if isinstance(outcome, NotSent):\n", "    if False:\n"),
        by="CSU",
    ),
    _bug(
        "not sent taken for won",
        "a claim that never left the gate is signed",
        (
            "handle",
            CLAIM_WON,
            CLAIM_WON.replace(
                "    if", "    if isinstance(outcome, NotSent):\n        outcome = Won(standing.highest_seen)\n    if"
            ),
        ),
        by="ICSU",
    ),
    _bug(
        "never looks again",
        "a gate that did not send a claim does not read, and never learns that its table is quick again",
        ("handle", "unsure=not looked", "unsure=False"),
        by="CU",
    ),
    _bug(
        "missing row taken for won",
        "a claim on a table that lost its row is signed",
        (
            "handle",
            CLAIM_WON,
            CLAIM_WON.replace(
                "    if", "    if isinstance(outcome, Missing):\n        outcome = Won(standing.highest_seen)\n    if"
            ),
        ),
        by="U",
    ),
    _bug(
        "unsure ignored",
        "after an unknown claim the next is made without reading the row",
        (
            "handle",
            "    if standing.unsure or idle or not signer_ready or _is_too_far",
            "    if idle or not signer_ready or _is_too_far",
        ),
        by="CU",
    ),
    _bug(
        "unsure for ever",
        "a gate that once was unsure claims nothing any more",
        (
            "handle",
            NO_SIGNER + "        if idle:",
            NO_SIGNER + "        if not idle:\n" + STILL_UNSURE + "        if idle:",
        ),
        by="CSU",
    ),
    _bug(
        "row not known, answered",
        "answers with the signature though the claim's row may not be there",
        (
            "handle",
            "    if not isinstance(outcome, Signing) or outcome.row is None:\n",
            (
                "    if isinstance(outcome, Signing) and outcome.row is None:\n"
                "        outcome = replace(outcome, row=claim)\n"
                "    if not isinstance(outcome, Signing):\n"
            ),
        ),
        by="ICSU",
    ),
    _bug(
        "row conflict ignored",
        "answers with the signature though another claim has the row of its position",
        (
            "handle",
            "    if (outcome.row.claim_id, outcome.row.digest) != (claim.claim_id, claim.digest):\n",
            "    if False:\n",
        ),
        by="LU",
    ),
    _bug(
        "row compared by its name only",
        "a claim's row is taken for its own though it holds other bytes, and claims' names repeat",
        (
            "handle",
            "(outcome.row.claim_id, outcome.row.digest) != (claim.claim_id, claim.digest)",
            "outcome.row.claim_id != claim.claim_id",
        ),
        (
            "world",
            "(run.gate, run.standing, request, run.name, ready, verify)",
            '(run.gate, run.standing, request, "id", ready, verify)',
        ),
        by="ILSU",
    ),
    _bug(
        "claims' names repeat",
        "each claim has the same name",
        (
            "world",
            "(run.gate, run.standing, request, run.name, ready, verify)",
            '(run.gate, run.standing, request, "id", ready, verify)',
        ),
        by="IS",
    ),
    _bug(
        "rollback ignored by a claim",
        "a claim that was won on a row older than was seen is signed",
        ("handle", "        if outcome.previous < standing.highest_seen:\n", "        if False:\n"),
        by="U",
    ),
    _bug(
        "rollback ignored by a read",
        "a row older than was seen is believed",
        (
            "handle",
            "        if outcome.head.position < standing.highest_seen:\n" + WENT_BACK + RAISED + READ,
            RAISED + READ,
        ),
        by="U",
    ),
)

OF_THE_SIGNER = (
    _bug(
        "signature not verified",
        "what the signer gives is given to the node as it is",
        ("handle", f"    {SIGNED_BY_SIGNER}\n", "    if False:\n"),
        by="SU",
    ),
    _bug(
        "late signer taken for the next",
        "the signer's answer to the request before is given for this one, and not verified",
        ("handle", f"    {SIGNED_BY_SIGNER}\n", "    if False:\n"),
        ("world", "        self.watermark = mark\n", LATE_SIGNER),
        by="ILCSU",
    ),
    _bug(
        "extension's signature not verified",
        "only the vote's signature is looked at",
        ("handle", "    return verify(extension_signature, claim.extension)", "    return True"),
        by="U",
    ),
    _bug(
        "half a signature",
        "a vote goes without the signature of its extension, or with one too many",
        ("handle", "        return claim.extension is extension_signature\n", "        return True\n"),
        ("world", "None if extension is None else signature(extension)", "None"),
        by="ICSU",
    ),
    _bug(
        "absent signer ignored",
        "a gate without a signer claims heights that it cannot sign",
        (
            "handle",
            "    if standing.unsure or idle or not signer_ready or _is_too_far",
            "    if standing.unsure or idle or _is_too_far",
        ),
        by="U",
    ),
    _bug(
        "no pause after a burnt claim",
        "a gate that cannot sign takes each height from the other",
        (
            "handle",
            "        return replace(self, burnt=min(self.burnt + 1, 5), idle_below=height + 1 + idle)",
            "        return self",
        ),
        by="U",
    ),
    _bug(
        "pause without end",
        "a gate that could not sign once claims nothing any more",
        ("handle", "idle_below=height + 1 + idle)", "idle_below=2**63)"),
        by="SU",
    ),
    _bug(
        "pause not ended by a signature",
        "claims that were burnt long ago still count",
        ("handle", "    return replace(standing, burnt=0, idle_below=0)", "    return standing"),
        by="U",
    ),
)

OF_THE_ANSWER = (
    _bug(
        "answered twice",
        "a refusal is sent two times",
        (
            "handle",
            "    yield Answer(Refused(cause, detail))\n    return standing\n",
            "    yield Answer(Refused(cause, detail))\n    yield Answer(Refused(cause, detail))\n    return standing\n",
        ),
        by="ILCSU",
    ),
    _bug(
        "not answered",
        "a refusal is silence",
        (
            "handle",
            "    yield Answer(Refused(cause, detail))\n    return standing\n",
            "    yield ReadHead()\n    return standing\n",
        ),
        by="ILCSU",
    ),
    _bug(
        "foreign chain signed",
        "a request for another chain is handled as one of this",
        ("handle", "    if request.chain_id != gate.chain_id:\n", "    if False:\n"),
        by="U",
    ),
    _bug(
        "height claimed once",
        "a gate that claimed a height assumes that it owns it, and does not claim its other positions",
        (
            "handle",
            "    outcome = yield ClaimHead(claim)\n",
            (
                "    if standing.highest_seen.height == claim.position.height == standing.floor.height:\n"
                "        outcome = Won(standing.highest_seen)\n    else:\n        outcome = yield ClaimHead(claim)\n"
            ),
        ),
        by="ILCSU",
    ),
    _bug(
        "signed before the claim",
        "the signer is asked and the node answered, then the claim is made",
        (
            "handle",
            CLAIM_WON,
            "    made = yield Sign(claim, request)\n    if made.signed:\n"
            "        yield Answer(Granted(claim, made.signed, replayed=False))\n" + CLAIM_WON,
        ),
        by="ILCSU",
    ),
    _bug(
        "refused at its own position",
        "`>=` for `>`: a row at the position that is asked for is never given again",
        ("handle", "    if head.position > request.position:\n", "    if head.position >= request.position:\n"),
        by="CSU",
    ),
)

BUGS = (*OF_THE_TABLE, *OF_THE_DISK, *OF_THE_START, *OF_REPLAYS, *OF_THE_UNKNOWN, *OF_THE_SIGNER, *OF_THE_ANSWER)
