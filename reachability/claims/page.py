"""The page that tells every claim: what it promises, and what exactly is checked."""

from __future__ import annotations

from reachability.claims.registry import claims

HEAD = """# What is proved

Each promise of the estate is one claim, proved of every network from the resources and host firewalls that would be
deployed (`bin/estate prove`). This page is made from the claims themselves. A company adds [its own](add-a-claim.md).

A claim is **proved** of every packet that could be sent, **refuted** by one of them, or **not modelled**: something on
a way that it depends on is not understood, or is only known after the deployment. Only *proved* is fine.

- Claims speak of new connections: what answers them passes wherever connections are tracked, and is asked about where
  something *must* get through.
- Who may send: every machine, the clients behind each VPN gateway, the internet from every public address that is not
  ours, and whatever stands behind a link whose other side is not ours, from the addresses to which a route leads back
  through the link.
- Senders use addresses of their own, but for `egress-allow-list`. A host sends by its routes; what somebody could do
  who rewires a datacentre's segments is not asked.
"""


def page() -> str:
    """The page, in Markdown."""
    parts = [HEAD]
    for claim in claims():
        promise = claim.statement[0].upper() + claim.statement[1:]
        parts.append(f"## `{claim.id}`\n\n**{promise}.**\n\n{claim.explanation}\n")
    return "\n".join(parts)
