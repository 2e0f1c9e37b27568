"""The estate's claims, and the vocabulary for custom claims. Start with ``claims``, ``Estate`` and ``prove``."""

from reachability.claims.case import Case, Estate
from reachability.claims.claim import Claim, Gap, Outcome, Report, Verdict, Violation, Witness
from reachability.claims.party import (
    anyone,
    host,
    internet,
    outsides,
    own_hosts,
    partner,
    partners,
    role,
    vpn,
    vpn_clients,
)
from reachability.claims.proof import prove, verdict
from reachability.claims.registry import ClaimError, claims, read
from reachability.claims.vocabulary import allow, chain_port, forbid, require, tcp, udp

__all__ = [
    "Case", "Claim", "ClaimError", "Estate", "Gap", "Outcome", "Report", "Verdict", "Violation", "Witness",
    "allow", "anyone", "chain_port", "claims", "forbid", "host", "internet", "outsides", "own_hosts", "partner",
    "partners", "prove", "read", "require", "role", "tcp", "udp", "verdict", "vpn", "vpn_clients",
]  # fmt: skip
