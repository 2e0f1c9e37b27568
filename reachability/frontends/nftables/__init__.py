"""Host firewalls: compiles nftables rulesets to the netfilter hooks."""

from __future__ import annotations

from reachability.frontends.nftables import compiler, listing, script
from reachability.frontends.nftables.errors import NftError
from reachability.network import Firewall

__all__ = ["NftError", "firewall"]


def firewall(text: str) -> Firewall:
    """Compiles a ruleset: the text of a script or of ``nft list ruleset``, or the JSON of ``nft -j list ruleset``.

    Rules that are not modelled are left out and named in ``Firewall.unmodelled``. An empty text is a host without a
    firewall. Raises ``NftError`` for what nft would not load: the host would have no firewall.
    """
    return compiler.compiled(listing.read(text) if text.lstrip()[:1] in ("{", "[") else script.read(text))
