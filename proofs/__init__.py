"""Runs proofs and caches them: resources, host firewalls, claims, verdicts."""
