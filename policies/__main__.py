"""The pack, as the engine starts it."""

from pulumi_policy import EnforcementLevel, PolicyPack
from rules.registry import rules

PolicyPack(name="estate", enforcement_level=EnforcementLevel.MANDATORY, policies=rules())
