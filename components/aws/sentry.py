"""The nodes that stand between the network and the validators."""

from components.aws.machine import Machine


class Sentry(Machine):
    """A public sentry, which takes p2p from anyone, or a private one, which only its own and partners reach.

    Which of the two it is follows from its host's role, which decides tier, security group and public address.
    """

    TOKEN = "estate:host:Sentry"
