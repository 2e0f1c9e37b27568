"""Entry point of the pack for the Pulumi engine."""

import sys
from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from policies import pack  # noqa: E402

PolicyPack(name="estate", enforcement_level=EnforcementLevel.MANDATORY, policies=pack.here())
