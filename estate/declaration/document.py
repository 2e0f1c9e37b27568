"""YAML with the line of everything in it, and no key twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from estate.errors import undecodable
from estate.findings import Problem

DEEPEST = 50
"""How many lists and mappings may be inside one another in a document."""

Location = tuple[str | int, ...]
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """``value`` is what the file says, ``lines`` the line (from 1) of each part, ``problems`` what was wrong with the
    YAML itself.
    """

    file: str
    value: Any
    lines: Mapping[Location, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def line(self, location: Location) -> int:
        """The line of the part at ``location``, or of the nearest part around it; 0 if nothing is known."""
        for end in range(len(location), -1, -1):
            if location[:end] in self.lines:
                return self.lines[location[:end]]
        return 0

    def part(self, *location: str | int) -> Document:
        """The part at ``location``, as a document of its own in the same file."""
        value = self.value
        for step in location:
            value = value[step]
        depth = len(location)
        lines = {path[depth:]: line for path, line in self.lines.items() if path[:depth] == location}
        return Document(self.file, value, lines, self.problems)


def dotted(location: Location) -> str:
    return ".".join(str(step) or "''" for step in location)


class _Builder:
    """Turns a node graph into plain values, noting lines and repeated keys on the way."""

    def __init__(self, loader: Any, file: str) -> None:
        self.loader = loader
        self.file = file
        self.lines: dict[Location, int] = {}
        self.problems: list[Problem] = []
        self.open: set[int] = set()

    def build(self, node: yaml.Node, location: Location) -> Any:
        self.lines.setdefault(location, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, location)
        if id(node) in self.open:
            self.report(
                location,
                node,
                "an alias of what surrounds it",
                "must not contain itself",
                "it would have no end",
                "write it out",
            )
            return None
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.build(each, (*location, index)) for index, each in enumerate(node.value)]
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, location)
            raise TypeError(f"PyYAML has a new kind of node: {node!r}")
        finally:
            self.open.discard(id(node))

    def scalar(self, node: yaml.ScalarNode, location: Location) -> Any:
        try:
            return self.loader.construct_object(node)
        except (ValueError, yaml.YAMLError):
            self.report(
                location,
                node,
                repr(node.value),
                "must be a valid YAML value",
                "it looks like a date, a number or a tag but is not a valid one",
                "put it in quotes if it is text",
            )
            return node.value

    def mapping(self, node: yaml.MappingNode, location: Location) -> dict[Any, Any]:
        first: dict[str, int] = {}
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name != "<<" and name in first:
                self.report(
                    (*location, name),
                    key,
                    f"{name!r} a second time",
                    "each key must occur once",
                    f"line {first[name]} has it already, and only one of the two would count",
                    "remove or rename one of the two",
                )
            first.setdefault(name, line)
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            self.loader.flatten_mapping(node)
        result = {}
        for key, value in node.value:
            name = self.loader.construct_object(key, deep=True)
            if isinstance(name, list | dict):
                name = str(name)
            self.lines[(*location, name)] = key.start_mark.line + 1
            result[name] = self.build(value, (*location, name))
        return result

    def report(self, location: Location, node: yaml.Node, value: str, rule: str, reason: str, fix: str) -> None:
        self.problems.append(
            Problem(
                file=self.file,
                path=dotted(location),
                value=value,
                rule=rule,
                reason=reason,
                fix=fix,
                line=node.start_mark.line + 1,
            )
        )


def _depth_problem(text: str, file: str) -> Problem | None:
    """The problem of a document so deep that reading it would end the process. Raises yaml.YAMLError: it is broken."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            return Problem(
                file=file,
                path="(the file)",
                value=f"{depth} lists and mappings inside one another",
                rule=f"must be at most {DEEPEST} deep",
                reason="no declaration needs more, and a document without bound cannot be read safely",
                fix="look for brackets or dashes that are repeated by mistake",
                line=event.start_mark.line + 1 if event.start_mark else 0,
            )
    return None


def parse(text: str, file: str) -> Document:
    """The document in ``text``. Broken YAML gives a document without value and one problem."""
    try:
        if too_deep := _depth_problem(text, file):
            return Document(file, None, problems=(too_deep,))
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return Document(file, None)
            builder = _Builder(loader, file)
            return Document(file, builder.build(node, ()), builder.lines, tuple(builder.problems))
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        return Document(file, None, problems=(_broken(error, file),))


def _broken(error: yaml.YAMLError, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error)
    around = getattr(error, "context", None)
    return Problem(
        file=file,
        path="(the file)",
        value=f"{what}, {around}" if around else what,
        rule="must be YAML",
        reason="nothing after the first fault can be read",
        fix="look at this line and the one before: indentation, a missing colon, quote or bracket",
        line=mark.line + 1 if mark else 0,
    )


def read(path: Path, *, why: str = "a network is declared in one file") -> Document:
    """The document in the file at ``path``; ``why`` it must be there.

    A file that cannot be read gives a document without value and one problem.
    """
    file = str(path)
    try:
        return parse(path.read_text(encoding="utf-8"), file)
    except FileNotFoundError:
        value, reason, fix = (
            "no such file",
            why,
            f"write it{_siblings(path)}",
        )
    except OSError as error:
        value, reason, fix = (
            error.strerror or type(error).__name__,
            "it could not be opened",
            "see who may read it, and that it is a file",
        )
    except UnicodeDecodeError as error:
        value, reason, fix = (
            undecodable(error),
            "a declaration is text in UTF-8",
            "save it as UTF-8",
        )
    return Document(
        file,
        None,
        problems=(
            Problem(file=file, path="(the file)", value=value, rule="must be a readable file", reason=reason, fix=fix),
        ),
    )


def _siblings(path: Path) -> str:
    """Which files there are of the kind of the one that is not."""
    ours = path.name.startswith("Pulumi.")
    found = path.parent.glob("*.yaml") if path.parent.is_dir() else ()
    names = sorted(each.name for each in found if each.name.startswith("Pulumi.") == ours and each != path)
    return f", or see which there are: {', '.join(names)}" if names else f"; there is none in {path.parent}"


def leaves(value: Any, location: Location = ()) -> Iterator[tuple[Location, Any]]:
    """Each scalar of a plain value with its location."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from leaves(each, (*location, key))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from leaves(each, (*location, index))
    else:
        yield location, value
