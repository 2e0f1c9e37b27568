"""Simulation, exhaustive interleavings, seeded bugs and mutants of the signing gate."""
