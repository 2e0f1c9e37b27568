"""The AWS provider of a network, for its one account."""

from __future__ import annotations

import pulumi_aws as aws

from components import tags
from components.region import home_region
from estate.model import Network


def provider(network: Network) -> aws.Provider:
    """The explicit provider. It refuses credentials of any other account; each resource names its own region."""
    return aws.Provider(
        f"{network.name}-aws",
        region=home_region(network),
        allowed_account_ids=[network.aws.account_id],
        default_tags={"tags": tags.CONSTANT},
    )
