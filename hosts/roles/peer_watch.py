"""The watch of a node's own peers: a service beside the node, with rights of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import peerwatch
from configuration import peer_watch
from configuration.context import HostContext
from configuration.peer_watch import CONFIG, PROGRAM, UNIT, UNIT_FILE
from configuration.rendering import render
from hosts.operations.files import Directory, File, Item
from peerwatch.__main__ import BAD_CONFIGURATION, RESTART

SOURCE = Path(peerwatch.__file__).parent
RESTARTED = f"systemctl daemon-reload; systemctl try-restart {UNIT}"


def items(context: HostContext, node_ids: Mapping[str, str], *, node_unit: str, home: str) -> list[Item]:
    """The program, its configuration and its unit. `node_unit`, `home`: of the node that it watches."""
    values = {
        "watch": peer_watch.settings(context.network, context.host, node_ids, context.inventory),
        "chain": context.chain,
        "host": context.host,
        "paths": peer_watch,
        "program": PurePosixPath(PROGRAM),
        "node_unit": node_unit,
        "home": home,
        "restart_status": RESTART,
        "bad_configuration_status": BAD_CONFIGURATION,
    }
    return [
        Directory(path=str(PurePosixPath(PROGRAM).parent)),
        Directory(path=PROGRAM),
        *(
            File(path=f"{PROGRAM}/{source.name}", content=source.read_text(), then=RESTARTED)
            for source in sorted(SOURCE.glob("*.py"))
        ),
        File(path=CONFIG, content=render("node/peer-watch.toml.j2", **values), then=RESTARTED),
        File(path=UNIT_FILE, content=render("node/peer-watch.service.j2", **values), then=RESTARTED),
    ]
