"""The installed packages."""

from __future__ import annotations

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override


class InstalledVersions(FactBase[dict[str, str]]):
    """Version by name of those ``packages`` that are completely installed, in one round trip."""

    @override
    def command(self, packages: tuple[str, ...]) -> StringCommand:
        return StringCommand(
            "dpkg-query -W -f",
            QuoteString("${db:Status-Status}\\t${Package}\\t${Version}\\n"),
            "--",
            *(QuoteString(name) for name in packages),
            "2>/dev/null; true",
        )

    @staticmethod
    @override
    def default() -> dict[str, str]:
        return {}

    @override
    def process(self, output: list[str]) -> dict[str, str]:
        rows = [line.split("\t") for line in output]
        return {row[1]: row[2] for row in rows if len(row) == 3 and row[0] == "installed"}
