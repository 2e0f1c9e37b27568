"""The public utility: nodes that hand out peers, and answer RPC and LCD behind the load balancer."""

from components.aws.machine import Machine


class Seed(Machine):
    """A seed node: p2p at its own public address, RPC and LCD only from its region's load balancer."""

    TOKEN = "estate:host:Seed"
