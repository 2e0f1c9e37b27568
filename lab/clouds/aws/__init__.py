"""The lab's AWS: its types, ids, defaults and refusals."""

from __future__ import annotations

from lab.clouds.aws.call import Settings
from lab.clouds.aws.provider import Aws, drift
from lab.clouds.provider import Folder

PLUGIN_VERSION = "7.51.1"


def cloud() -> Folder[Settings]:
    return Folder(version=PLUGIN_VERSION, open=Aws, drift=drift, maps=frozenset({"tags", "tagsAll"}))
