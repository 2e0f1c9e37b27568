"""The one AWS account of a network, and the provider through which everything in it is made."""

from __future__ import annotations

import pulumi_aws as aws

from components import tags
from estate.model import Network


def home_region(network: Network) -> str:
    """Where regional things stand of which a network has only one: the region with the lowest slot."""
    return min(network.regions, key=lambda region: network.regions[region].slot)


def provider(network: Network) -> aws.Provider:
    """The explicit provider. It refuses credentials of any other account; each resource names its own region."""
    return aws.Provider(
        f"{network.name}-aws",
        region=home_region(network),
        allowed_account_ids=[network.aws.account_id],
        default_tags={"tags": tags.CONSTANT},
    )
