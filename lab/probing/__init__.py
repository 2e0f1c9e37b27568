"""Packets sent in a running lab, compared with the prover."""
