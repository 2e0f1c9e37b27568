"""Compiles pulumi-gcp resources to stages, machines, link ends and public addresses."""

from reachability.frontends.gcp.frontend import compile

__all__ = ["compile"]
