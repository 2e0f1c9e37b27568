"""z3 and a simulator of one packet, compared with the prover over generated estates."""
