"""The resource types that the lab's AWS supports, one module per area.

To add a type: name it in `schema_from_sdk.TYPES`, derive the schema again, add its token to `tokens` and declare a
`TypeSpec` in the module of its area.
"""

from collections.abc import Mapping

from lab.clouds.aws.services import (
    buckets,
    certificates,
    dns,
    dynamodb,
    encryption_keys,
    endpoints,
    gateways,
    identity,
    instances,
    interfaces,
    load_balancing,
    network_acls,
    observability,
    peering,
    routing,
    security_groups,
    volumes,
    vpc,
    vpn,
)
from lab.clouds.aws.spec import TypeSpec

_AREAS = (
    buckets,
    certificates,
    dns,
    dynamodb,
    encryption_keys,
    endpoints,
    gateways,
    identity,
    instances,
    interfaces,
    load_balancing,
    network_acls,
    observability,
    peering,
    routing,
    security_groups,
    volumes,
    vpc,
    vpn,
)

SPECS: Mapping[str, TypeSpec] = {spec.token: spec for area in _AREAS for spec in area.SPECS}
"""Every type that the lab's AWS supports, by token."""
