"""How a proof is put together and kept: resources, host firewalls, claims, cached verdicts."""
