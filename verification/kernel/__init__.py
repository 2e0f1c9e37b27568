"""The kernel as oracle: generated rulesets are loaded into a network namespace, packets are sent through, and every
verdict is compared with the prover's."""
