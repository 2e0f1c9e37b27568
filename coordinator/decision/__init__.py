"""The signing decision. Pure: no I/O, no clock, no randomness. It yields effects and receives their outcomes."""
