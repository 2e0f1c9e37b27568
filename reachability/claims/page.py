"""The page that documents every claim: its statement and what is checked."""

from __future__ import annotations

from reachability.claims.registry import claims

HEAD = """# What is proved

Each promise of the estate is one claim, proved for every network from the resources and host firewalls that would be
deployed (`bin/estate prove`). This page is generated from the claims. Companies can add [their own](add-a-claim.md).

A claim is **proved** for every possible packet, **refuted** by one of them, or **not modelled**: something on a path
that it depends on is not modelled, or is unknown until the deployment. Only *proved* is a success.

- Claims are about new connections. Answers pass wherever connections are tracked; they are only checked for connections
  that *must* work.
- Senders are every machine, the clients behind each VPN gateway, the internet (from every public address outside the
  estate), and the external network behind each link (from the addresses that are routed back through it).
- Senders use their own addresses, except for `egress-allow-list`. A host sends by its routes; an attacker who changes
  the cabling of a datacentre is out of scope.
"""


def page() -> str:
    """The page, in Markdown."""
    parts = [HEAD]
    for claim in claims():
        promise = claim.statement[0].upper() + claim.statement[1:]
        parts.append(f"## `{claim.id}`\n\n**{promise}.**\n\n{claim.explanation}\n")
    return "\n".join(parts)
