"""Who may sign: pure. No I/O, no clock, no randomness; what it needs from outside it asks for and is told."""
