"""Stand-ins for the clouds' providers, to which the engine attaches."""
