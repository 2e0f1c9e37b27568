"""All claims: those of the estate, and those in the user's own file."""

from __future__ import annotations

import re
from collections.abc import Iterable

from estate.errors import UsageError
from reachability.claims import access, egress, exposure, feed, hidden, isolation, layers
from reachability.claims.claim import Claim

ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
ORDER = (
    "no-public-ssh", "ssh-from-vpn-only", "validator-hidden", "signer-dials-out", "private-sentry-hidden",
    "public-sentry-p2p-only", "public-endpoints-tls", "partner-scope", "vpn-scope", "no-instance-traversal",
    "egress-allow-list", "regions-meshed", "validator-fed", "nat-survives-zone", "feed-survives-region",
    "feed-survives-sentries-down", "layers-agree",
)  # fmt: skip
"""The order of claims in reports."""

_KNOWN = {
    claim.id: claim for module in (exposure, access, hidden, isolation, egress, feed, layers) for claim in module.CLAIMS
}


class ClaimError(UsageError):
    """A file of claims that cannot be read. The message has the value, the rule and the fix."""


def claims(own: Iterable[Claim] = ()) -> tuple[Claim, ...]:
    """The estate's claims, then ``own``. Raises ``ClaimError`` for a duplicate or malformed id."""
    found = {id_: _KNOWN[id_] for id_ in ORDER}
    for claim in own:
        if not isinstance(claim, Claim):
            raise ClaimError(f"{claim!r}: got no claim; write forbid(...), require(...) or Claim(...)")
        if not isinstance(claim.id, str) or not ID.fullmatch(claim.id):
            raise ClaimError(
                f"{claim.id!r}: got no id of lower-case words joined by hyphens; reports and CI know a claim by it"
            )
        if claim.id in found:
            raise ClaimError(f"{claim.id}: two claims have this id, but reports identify claims by id; rename one")
        if not claim.statement:
            raise ClaimError(f"{claim.id}: got no statement; say in one sentence what is promised")
        found[claim.id] = claim
    return tuple(found.values())


def read(text: str, name: str) -> tuple[Claim, ...]:
    """The claims of a Python file: what it assigns to ``CLAIMS``. ``name`` is the file's, for messages.

    The text runs as unrestricted Python code: read only files of the estate's owners. Raises ``ClaimError``.
    """
    scope: dict[str, object] = {"__name__": "claims", "__file__": name}
    try:
        exec(compile(text, name, "exec"), scope)  # noqa: S102
    except Exception as error:
        line = next((each.lineno for each in _frames(error) if each.name == name), getattr(error, "lineno", None))
        where = f"{name}:{line}" if line else name
        raise ClaimError(f"{where}: {type(error).__name__}: {error}; see docs/add-a-claim.md for an example") from error
    found = scope.get("CLAIMS")
    if not isinstance(found, tuple | list):
        raise ClaimError(f"{name}: got no CLAIMS; end the file with CLAIMS = (...), a tuple of claims")
    try:
        claims(found)
    except ClaimError as error:
        raise ClaimError(f"{name}: {error}") from None
    return tuple(found)


class _Frame:
    __slots__ = ("lineno", "name")

    def __init__(self, name: str, lineno: int) -> None:
        self.name, self.lineno = name, lineno


def _frames(error: BaseException) -> Iterable[_Frame]:
    """The lines of an error's traceback, innermost first."""
    trace, found = error.__traceback__, []
    while trace is not None:
        found.append(_Frame(trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return reversed(found)
