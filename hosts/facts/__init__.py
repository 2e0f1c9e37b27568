"""pyinfra facts of the estate: the state of a host before a change, each in one round trip."""
