"""Entry point of the pack for the Pulumi engine."""

import atexit
import gc
import sys
from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from policies import pack  # noqa: E402

atexit.register(gc.freeze)  # the interpreter would collect once more as it ends
PolicyPack(name="estate", enforcement_level=EnforcementLevel.MANDATORY, policies=pack.here())
