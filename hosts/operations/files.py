"""Files that are installed together: rendered here, staged on the host, checked there, and only then moved into place.

Content is sent on standard input, so that it appears in no argument list or log; the staging directory is in memory.
``rename`` replaces each file. If a follow-up fails, all files of the call are restored and the follow-ups run again. A
follow-up that a killed run did not complete is run by the next one.
"""

from __future__ import annotations

import base64
import io
import shlex
import tarfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from hashlib import sha256

from pyinfra import logger
from pyinfra.api.command import StringCommand
from pyinfra.api.hiddenvalue import HiddenValue
from pyinfra.api.operation import operation
from pyinfra.context import host
from pyinfra.facts.files import FileContents

from hosts.facts.installed import PENDING, Entry, Installed, State
from hosts.facts.work import Service
from hosts.operations import turns


@dataclass(frozen=True, kw_only=True)
class File:
    """A file as it must be.

    ``check``: a shell command that must succeed before anything is replaced; it finds the staged file in ``$STAGED``,
    and every file of the call under ``$STAGE`` + its path. ``then``: a shell command after this file changed; equal
    ones run once.
    """

    path: str
    content: str | bytes | HiddenValue = field(repr=False)
    owner: str = "root"
    group: str = "root"
    mode: str = "644"
    check: str | None = None
    then: str | None = None

    @property
    def raw(self) -> bytes:
        content = self.content.unmask() if isinstance(self.content, HiddenValue) else self.content
        return content if isinstance(content, bytes) else content.encode()


@dataclass(frozen=True, kw_only=True)
class Directory:
    """A directory as it must be. ``exclusive``: entries that the same call does not declare are removed."""

    path: str
    owner: str = "root"
    group: str = "root"
    mode: str = "755"
    exclusive: bool = False
    then: str | None = None


@dataclass(frozen=True, kw_only=True)
class Absent:
    """A path that must not exist."""

    path: str
    then: str | None = None


Item = File | Directory | Absent


def _same(item: File | Directory, entry: Entry | None) -> bool:
    if entry is None or (entry.owner, entry.group, entry.mode) != (item.owner, item.group, item.mode.lstrip("0")):
        return False
    if isinstance(item, Directory):
        return entry.kind == "directory"
    return entry.kind == "file" and entry.sha256 == sha256(item.raw).hexdigest()


def followup_id(command: str) -> str:
    """The name of a pending follow-up on the host."""
    return sha256(command.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The changes of one call on a host."""

    directories: tuple[Directory, ...]
    files: tuple[File, ...]
    removals: tuple[str, ...]
    followups: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.directories or self.files or self.removals or self.followups)


def plan(items: Sequence[Item], state: State) -> Plan:
    """The difference between ``items`` and what the host has. Pure."""
    declared = {item.path for item in items if not isinstance(item, Absent)}
    removals: list[str] = []
    followups: dict[str, None] = {}
    changed: list[File | Directory] = []
    for item in items:
        if isinstance(item, Absent):
            different = item.path in state.entries
            removals += [item.path] * different
        else:
            different = not _same(item, state.entries.get(item.path))
            changed += [item] * different
            if isinstance(item, Directory) and item.exclusive:
                strays = [
                    path
                    for name in state.listings.get(item.path, ())
                    if (path := f"{item.path}/{name}") not in declared
                ]
                removals += strays
                different = different or bool(strays)
        if item.then and (different or followup_id(item.then) in state.pending):
            followups.setdefault(item.then)
    return Plan(
        directories=tuple(item for item in changed if isinstance(item, Directory)),
        files=tuple(item for item in changed if isinstance(item, File)),
        removals=tuple(sorted(set(removals))),
        followups=tuple(followups),
    )


def _archive(items: Sequence[Item]) -> str:
    """All files of a call as a compressed tar, in base64."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for item in items:
            if isinstance(item, File):
                member = tarfile.TarInfo(item.path.lstrip("/"))
                member.size, member.mode = len(item.raw), 0o600
                archive.addfile(member, io.BytesIO(item.raw))
    return base64.encodebytes(buffer.getvalue()).decode()


def _replace(file: File) -> str:
    path, new = shlex.quote(file.path), shlex.quote(f"{file.path}.estate-new")
    return (
        f"mkdir -p {shlex.quote(file.path.rsplit('/', 1)[0] or '/')}; "
        f'install -o {file.owner} -g {file.group} -m {file.mode} "$STAGE"{path} {new}; mv -fT {new} {path}'
    )


def _save(path: str) -> str:
    parent = shlex.quote(path.rsplit("/", 1)[0])
    return f'if [ -e {shlex.quote(path)} ]; then mkdir -p "$OLD"{parent}; cp -a {shlex.quote(path)} "$OLD"{parent}/; fi'


def _restore(path: str) -> str:
    path, new = shlex.quote(path), shlex.quote(f"{path}.estate-new")
    back = f'cp -a "$OLD"{path} {new}; rm -rf {path}; mv -fT {new} {path}'
    return f'if [ -e "$OLD"{path} ]; then {back}; else rm -rf {path}; fi'


def script(change: Plan) -> str:
    """The shell script that applies ``change`` on a host; the archive is its standard input."""
    touched = [*(file.path for file in change.files), *change.removals]
    lines = [
        "set -eu; umask 022",
        f"mkdir -p {PENDING}",
        "base=$(mktemp -d /run/estate-stage.XXXXXX)",
        "trap 'rm -rf \"$base\"' EXIT",
        'STAGE=$base/new OLD=$base/old; export STAGE; mkdir "$STAGE" "$OLD"',
        'base64 -d | (umask 077; tar -xzf - -C "$STAGE")',
    ]
    for file in change.files:
        if file.check:
            path = shlex.quote(file.path)
            refusal = shlex.quote(f"{file.path}: refused by its check, nothing was replaced: {file.check}")
            lines.append(f'STAGED="$STAGE"{path}; export STAGED; ( {file.check} ) || {{ echo {refusal} >&2; exit 1; }}')
    lines += [_save(path) for path in touched]
    lines += [f"touch {PENDING}/{followup_id(command)}" for command in change.followups]
    lines += [
        f"install -d -o {each.owner} -g {each.group} -m {each.mode} {shlex.quote(each.path)}"
        for each in change.directories
    ]
    lines += [_replace(file) for file in change.files]
    lines += [f"rm -rf -- {shlex.quote(path)}" for path in change.removals]
    if change.followups:
        lines.append("put_back() {")
        lines += [f"  {_restore(path)}" for path in touched] or ["  :"]
        lines += [
            f"  if ( {command} ); then rm -f {PENDING}/{followup_id(command)}; fi" for command in change.followups
        ]
        lines += ['  echo "$1: failed; every file of this change was put back" >&2; exit 1', "}"]
        lines += [
            f"if ( {command} ); then rm -f {PENDING}/{followup_id(command)}; else put_back {shlex.quote(command)}; fi"
            for command in change.followups
        ]
    return "\n".join(lines)


def _show(change: Plan, state: State) -> None:
    """What ``--diff`` prints. Secret content is never shown."""
    for path in change.removals:
        host.log(f"Will remove {path}", logger.info)
    for file in change.files:
        host.log(f"Will {'modify' if file.path in state.entries else 'create'} {file.path}", logger.info)
        if not isinstance(file.content, str):
            logger.info("  (%s content)", "binary" if isinstance(file.content, bytes) else "secret")
            continue
        current = host.get_fact(FileContents, path=file.path) if file.path in state.entries else None
        for line in unified_diff(current or [], file.content.splitlines(), "on the host", "declared", lineterm=""):
            logger.info("  %s", line)


@operation()
def install(items: Sequence[Item], restarts: Service | None = None) -> Generator[StringCommand, None, None]:
    """Makes a host's files as declared, atomically: one fact, and one command if anything differs.

    `restarts`: what the follow-ups restart, for one host after the other (see `hosts.operations.turns`).
    """
    state = host.get_fact(
        Installed,
        paths=tuple(item.path for item in items),
        listed=tuple(item.path for item in items if isinstance(item, Directory) and item.exclusive),
    )
    change = plan(items, state)
    if not change:
        return
    if host.state.config.DIFF and not host.state.is_executing:
        _show(change, state)
    command = StringCommand(script(change), _stdin=_archive(items).splitlines())
    yield from turns.in_turn(restarts if change.followups else None, command)
