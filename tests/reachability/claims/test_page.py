"""The page of claims says what the claims say."""

from __future__ import annotations

import os
from pathlib import Path

from reachability.claims import claims
from reachability.claims.page import page

PAGE = Path(__file__).parents[3] / "docs" / "claims.md"


def test_the_page_is_made_from_the_claims():
    """Set ESTATE_APPROVE=1 to rewrite it, then review the difference."""
    if os.environ.get("ESTATE_APPROVE"):
        PAGE.write_text(page())
    assert PAGE.read_text() == page()


def test_every_claim_has_its_place_on_the_page():
    text = page()
    assert [claim.id for claim in claims() if f"## `{claim.id}`" not in text] == []
