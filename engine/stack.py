"""The Pulumi engine, driven by its own command line."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine import preview as change_words
from engine import processes
from engine.replacement import Replacement, refuse_others
from engine.workspace import Workspace
from estate.declaration.load import stack_file
from estate.errors import CheckFailed
from estate.plan import costs
from tools import engine as engine_part

POLICIES = "policies"
"""The policy pack's directory in a checkout."""

REHEARSAL = "ESTATE_REHEARSAL"
"""The environment variable that is ``true`` where every provider is a stand-in; the policies read it."""

RELEASED = "estate:replace"
"""The key of a stack's configuration that names the hosts whose protection the program lifts (``__main__.py``)."""

UNCHANGED = ("same", "refresh")


@dataclass(frozen=True)
class Engine:
    """One stack of this checkout, in one backend. ``settings`` are environment variables added to the caller's own.

    ``config_file`` is the declaration that the engine reads and to which it may add lines; None: the stack's own file.
    """

    checkout: Path
    stack: str
    workspace: Workspace
    settings: dict[str, str] = field(default_factory=dict)
    config_file: Path | None = None

    @classmethod
    def live(cls, checkout: Path, stack: str, workspace: Workspace) -> Engine:
        """The engine on the caller's own backend and accounts; whatever the caller's shell says, it is no rehearsal."""
        return cls(checkout, stack, workspace, settings={REHEARSAL: ""})

    def _environment(self) -> dict[str, str]:
        return engine_part.environment(
            {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_DEBUG_COMMANDS": "true", **self.settings}
        )

    def _run(self, *words: str, on_line: Callable[[str], None] | None = None, name: str | None = None) -> None:
        environment = self._environment()
        pulumi = shutil.which("pulumi", path=environment["PATH"]) or "pulumi"
        self.workspace.logs.mkdir(parents=True, exist_ok=True)
        processes.run(
            [pulumi, *words, "--non-interactive", "--color", "never"],
            records=self.workspace.records,
            environment=environment,
            cwd=self.checkout,
            on_line=on_line,
            log=self.workspace.logs / f"pulumi-{name or words[0]}.log",
        )

    def _config(self) -> list[str]:
        return ["--config-file", str(self.config_file)] if self.config_file else []

    def _released(self, host: str) -> list[str]:
        """The configuration by which ``host`` may be replaced; in a copy, as the engine writes it into the file."""
        copy = self.workspace.root / "released" / f"Pulumi.{self.stack}.yaml"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.config_file or stack_file(self.checkout, self.stack), copy)
        return ["--config-file", str(copy), "--config", f"{RELEASED}={host}"]

    def make_stack(self, project: str, scratch: Path) -> None:
        """Creates the stack in the backend if it does not exist, from a project in ``scratch``.

        The engine therefore writes its encryption salt there and not into the declaration. If ``config_file`` is set,
        the salt is added to it.
        """
        scratch.mkdir(parents=True, exist_ok=True)
        (scratch / "Pulumi.yaml").write_text(f"name: {project}\nruntime: python\n")
        self._run("stack", "select", "--create", self.stack, "--cwd", str(scratch), name="select")
        salt = (scratch / f"Pulumi.{self.stack}.yaml").read_text()
        if self.config_file:
            with self.config_file.open("a") as config:
                config.write(f"\n{salt}")

    def _steps(self, command: str, *extra: str, config: list[str] | None = None) -> dict[str, int]:
        events = self.workspace.logs / f"{command}-events.json"
        self.workspace.logs.mkdir(parents=True, exist_ok=True)
        events.unlink(missing_ok=True)
        config = self._config() if config is None else config
        self._run(command, "--stack", self.stack, *config, "--event-log", str(events), *extra)
        return changes(events)

    def previewed(self) -> list[str]:
        """The changes of the last preview, as lines of text."""
        with (self.workspace.logs / "preview-events.json").open() as events:
            return change_words.in_words(change_words.changes(events))

    def cost_of_previewed(self) -> list[str]:
        """What the changes of the last preview, and the whole stack after them, cost in a month, as lines of text."""
        with (self.workspace.logs / "preview-events.json").open() as events:
            before, after = change_words.before_and_after(events)
        return costs.in_words(self.stack, costs.difference(before, after), costs.costs(after))

    def decided(self) -> dict[tuple[change_words.Change, str], str]:
        """What the last preview decided, to compare it with another one's."""
        with (self.workspace.logs / "preview-events.json").open() as events:
            return change_words.decided(events)

    def preview(
        self, *, policies: Path | None, refresh: bool = False, replacement: Replacement | None = None
    ) -> dict[str, int]:
        """Runs ``pulumi preview``; returns the resources by operation.

        Raises:
            CommandFailed: a policy stops it, or the engine refuses.
            CheckFailed: it would replace or delete another instance than that of the ``replacement``.
        """
        config = self._released(replacement.host) if replacement else None
        extra = ["--replace", replacement.urn] if replacement else []
        counts = self._steps("preview", *_options(policies, refresh=refresh), *extra, config=config)
        if replacement:
            refuse_others(replacement, [change for change, _ in self.decided()])
        return counts

    def demand_as_shown(
        self,
        shown: dict[tuple[change_words.Change, str], str],
        *,
        policies: Path | None,
        replacement: Replacement | None = None,
    ) -> None:
        """Previews again, against the real state.

        Raises:
            CheckFailed: an update would now do something else than what was ``shown`` (``decided``).
        """
        self.preview(policies=policies, refresh=True, replacement=replacement)
        if lines := change_words.differing(shown, self.decided()):
            raise CheckFailed(
                "\n".join(
                    [
                        "an update would no longer do what was shown and confirmed; these changes differ:",
                        *(f"    {line}" for line in lines),
                        "the program, the declaration or the cloud has changed since; nothing was done; run it again",
                    ]
                )
            )

    def up(
        self,
        *,
        policies: Path | None,
        refresh: bool = False,
        parallel: int = 64,
        replacement: Replacement | None = None,
    ) -> dict[str, int]:
        """Runs ``pulumi up``; returns the resources by operation (create, update, same, …).

        ``refresh``: read the real state of the resources first. With a ``replacement``, an update of its instance alone
        lifts its protection first: what deletes an instance goes by what the last update has recorded of it.
        """
        extra = ["--yes", "--skip-preview", "--parallel", str(parallel), *_options(policies, refresh=refresh)]
        if replacement:
            released = self._released(replacement.host)
            self._steps("up", *extra, "--target", replacement.urn, config=released)
            extra += ["--replace", replacement.urn]
        return self._steps("up", *extra)

    def outputs(self) -> dict[str, object]:
        lines: list[str] = []
        self._run("stack", "output", "--json", "--stack", self.stack, on_line=lines.append, name="output")
        found: dict[str, object] = json.loads("\n".join(lines))
        return found

    def export(self) -> dict[str, object]:
        target = self.workspace.logs / "state.json"
        self._run("stack", "export", "--stack", self.stack, "--file", str(target), name="export")
        state: dict[str, object] = json.loads(target.read_text())
        return state


def _options(policies: Path | None, *, refresh: bool) -> list[str]:
    return [*(["--policy-pack", str(policies)] if policies else []), *(["--refresh"] if refresh else [])]


def changes(event_log: Path) -> dict[str, int]:
    """Resources by operation, from the summary that closes an engine event log (one JSON object a line)."""
    for line in reversed(event_log.read_text().splitlines()):
        event = json.loads(line)
        if summary := event.get("summaryEvent"):
            return dict(summary.get("resourceChanges") or {})
    return {}


def changed(counts: dict[str, int]) -> int:
    return sum(count for operation, count in counts.items() if operation not in UNCHANGED)


def in_words(counts: dict[str, int]) -> str:
    """E.g. ``312 to create, 4 to replace, 20 unchanged``."""
    names = {"same": "unchanged", "create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}
    return (
        ", ".join(f"{count} {names.get(operation, operation)}" for operation, count in sorted(counts.items()))
        or "nothing"
    )
