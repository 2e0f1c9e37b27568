"""Google Cloud as the prover sees it: pulumi-gcp resources compiled to stages, machines, link_ends and public addresses."""

from reachability.frontends.gcp.frontend import compile

__all__ = ["compile"]
