"""All rules of the pack."""

from __future__ import annotations

from pulumi_policy import Policy

from . import (
    closed_bucket,
    default_group,
    deletion_protection,
    described_rule,
    egress_to_everything,
    encrypted_logs,
    encrypted_table,
    encrypted_volume,
    engine_protection,
    iam_wildcard,
    instance_access,
    instance_metadata,
    key_policy,
    listener_tls,
    log_retention,
    private_tier_address,
    private_tier_association,
    public_ssh,
    reviewed_type,
    role_trust,
    stated_tags,
    tunnel_certificate,
    world_open_port,
)

MODULES = (
    closed_bucket,
    default_group,
    deletion_protection,
    described_rule,
    egress_to_everything,
    encrypted_logs,
    encrypted_table,
    encrypted_volume,
    engine_protection,
    iam_wildcard,
    instance_access,
    instance_metadata,
    key_policy,
    listener_tls,
    log_retention,
    private_tier_address,
    private_tier_association,
    public_ssh,
    reviewed_type,
    role_trust,
    stated_tags,
    tunnel_certificate,
    world_open_port,
)


def rules() -> list[Policy]:
    return [module.RULE for module in MODULES]
