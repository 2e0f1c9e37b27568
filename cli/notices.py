"""What is not wrong with a declaration yet but soon will be, with the place where it is declared."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from estate import rules
from estate.declaration import document, load
from estate.findings import Problem
from estate.model import Network
from estate.plan import served

if TYPE_CHECKING:
    from cli.page import Page


def of_network(checkout: Path, network: Network, *, today: date | None = None) -> list[Problem]:
    """The notices about one declared network on the day ``today``, by default this one."""
    path = load.stack_file(checkout, network.name)
    lines = document.read(path).part("config", load.CONFIG_KEY)
    return [
        Problem(
            file=str(path),
            path=each.path,
            value=each.value,
            rule=each.rule,
            reason=each.reason,
            fix=each.fix,
            line=lines.line(tuple(int(step) if step.isdigit() else step for step in each.path.split("."))),
        )
        for each in rules.notices(network, today or date.today())
    ]


def unserved(network: Network, page: Page) -> None:
    """What the network declares and nothing serves yet, on ``page``."""
    for each in served.in_words(network):
        page.line(("not served yet", "yellow"), f"  {each}")


def of_networks(checkout: Path, networks: Iterable[Network], *, today: date | None = None) -> list[Problem]:
    """The notices about several."""
    return [notice for network in networks for notice in of_network(checkout, network, today=today)]
