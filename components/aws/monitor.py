"""The hosts that watch the others."""

from components.aws.machine import Machine


class Monitor(Machine):
    """A monitoring host: it opens connections to what it scrapes; only the VPN and other monitors open any to it."""

    TOKEN = "estate:host:Monitor"
