"""What is malformed in a declaration, in plain words, and the declaration with those parts repaired.

The repaired declaration lets the rules about the rest be checked in the same run. The places that were repaired are
kept, so that no rule concludes anything from them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from estate.declaration import example, vocabulary
from estate.declaration.composition import ELSEWHERE
from estate.declaration.document import Location, dotted, leaves
from estate.declaration.parts import KEYS
from estate.declaration.vocabulary import Words
from estate.model import Company, Datacentre, Model, Network, ShortSite, Vpn
from estate.rules.finding import Finding, a, nearest, show, words

KEY = "[key]"
"""What pydantic appends to the location of a mapping's key."""


SECRET_REFERENCES = {(Vpn, "certificate_authority")}
ROUNDS = 8


Root = TypeVar("Root", bound=Model)
"""What a file declares: a network, the company or a datacentre."""


@dataclass
class Shape(Generic[Root]):
    """``value``: ``None`` where none could be built. ``findings``: with their locations. ``unknown``: the places
    whose values are not the declared ones.
    """

    value: Root | None = None
    findings: list[tuple[Location, Finding]] = field(default_factory=list)
    unknown: set[tuple[str, ...]] = field(default_factory=set)


@dataclass(frozen=True)
class Place:
    """What the model says about a location: the ``owner`` and ``field`` nearest to it, whether it is a mapping's
    ``key``, and whether it is an ``entry`` of a list.
    """

    owner: type[Model]
    field: str
    annotation: Any
    key: bool = False
    entry: bool = False

    @property
    def words(self) -> Words:
        found = vocabulary.words(self.owner, self.field)
        if self.key and found.key:
            return found.key
        return found.entry if self.entry and found.entry else found


def _plain(annotation: Any) -> Any:
    """The annotation without ``Annotated`` and without ``| None``."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif (
            type(None) in get_args(annotation)
            and get_origin(annotation) is not None
            and get_origin(annotation) is not tuple
        ):
            annotation = Union[tuple(each for each in get_args(annotation) if each is not type(None))]  # noqa: UP007
        else:
            return annotation


def place_of(location: Location, root: type[Model] = Network) -> Place | None:
    """The place that ``location`` names in the model ``root``; None if it leads through an unknown field."""
    if location and location[-1] == KEY:
        around = place_of(location[:-2], root)
        return Place(around.owner, around.field, around.annotation, key=True) if around else None
    place: Place | None = None
    current: Any = root
    for step in location:
        current = _plain(current)
        if isinstance(current, type) and issubclass(current, Model):
            known = current.model_fields.get(str(step))
            if known is None:
                return None
            place, current = Place(current, str(step), known.annotation), known.annotation
        elif place is not None and get_origin(current) is dict:
            current = get_args(current)[1]
            place = Place(place.owner, place.field, current, entry=not _is_container(current))
        elif place is not None and get_origin(current) is tuple:
            current = get_args(current)[0]
            place = Place(place.owner, place.field, current, entry=True)
    return place


def _options(annotation: Any) -> list[str]:
    plain = _plain(annotation)
    if get_origin(plain) is Literal:
        return [str(getattr(each, "value", each)) for each in get_args(plain)]
    if isinstance(plain, type) and issubclass(plain, StrEnum):
        return [each.value for each in plain]
    return []


def _model_at(location: Location, root: type[Model]) -> type[Model] | None:
    place = place_of(location, root)
    plain = _plain(place.annotation) if place else root if not location else None
    return plain if isinstance(plain, type) and issubclass(plain, Model) else None


def _fields(model: type[Model]) -> list[str]:
    """The fields of ``model`` that the file which has it declares."""
    return [each for each in model.model_fields if each not in ELSEWHERE.get(model, ())]


def _value(place: Place | None, value: Any) -> str:
    """The value as a message shows it. A secret that was written in place of its reference is not repeated."""
    if place and (place.owner, place.field) in SECRET_REFERENCES and isinstance(value, str):
        return "a text (not shown, because it may be the secret itself)"
    return show(value)


def _what(model: type[Model]) -> str:
    """``a cloud node``: the model's name as words."""
    name = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in model.__name__).strip()
    return a(name)


def _unknown_field(location: Location, given: Any, document: Any, root: type[Model]) -> tuple[Finding, str | None]:
    """The finding about a field that the model does not have, and the absent field with the nearest name, if one is
    near.
    """
    owner = _model_at(location[:-1], root)
    fields = _fields(owner) if owner else []
    present = _get(document, location[:-1])
    meant = nearest(str(location[-1]), [each for each in fields if each not in present])
    close = meant or nearest(str(location[-1]), fields)
    finding = Finding(
        path=dotted(location),
        value=show(given),
        rule=f"must be a field of {_what(owner)}" if owner else "must be a known field",
        reason="a field that the model does not have would be ignored silently",
        fix=f"did you mean {close}? The fields are {words(fields)}"
        if close
        else f"remove it; the fields are {words(fields)}",
    )
    return finding, meant


def _missing(location: Location, root: type[Model]) -> Finding:
    place = place_of(location, root)
    assert place is not None
    return Finding(
        path=dotted(location),
        value="nothing",
        rule=f"must be given: {place.words.rule}",
        reason=place.words.reason,
        fix=f"add for example {location[-1]}: {place.words.example}",
    )


def _is_container(annotation: Any) -> bool:
    plain = _plain(annotation)
    return get_origin(plain) in (dict, tuple) or (isinstance(plain, type) and issubclass(plain, Model))


_CONTAINER_RULES = {
    "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (field: value)",
    "tuple_type": "must be a list",
    "model_attributes_type": "must be a mapping (field: value)",
}


def _malformed(error: ErrorDetails, location: Location, root: type[Model]) -> Finding:
    """The finding about any other error, in the words of the field."""
    place = place_of(location, root)
    given = error["input"]
    if location and location[-1] == KEY:
        path, given = dotted(location[:-1]), str(location[-2])
    else:
        path = dotted(location)
    if place is None:
        return Finding(
            path=path or "(the declaration)",
            value=show(given),
            rule="must be a mapping (field: value)",
            reason=f"{_what(root)} is described by its fields",
            fix=f"write the fields {words(_fields(root))}",
        )
    value, about = _value(place, given), place.words
    owner = _model_at(location, root)
    if error["type"] in _CONTAINER_RULES:
        rule = _CONTAINER_RULES[error["type"]]
        if owner is not None:
            return Finding(
                path=path,
                value=value,
                rule=f"{rule} with {words(_fields(owner))}",
                reason=about.reason,
                fix=f"write it out as {_what(owner)}",
            )
        return Finding(path=path, value=value, rule=rule, reason=about.reason, fix=f"write for example {about.example}")
    if error["type"] == "too_short" and _is_container(place.annotation):
        return Finding(
            path=path,
            value=value,
            rule="must not be empty",
            reason=about.reason,
            fix=f"add at least one, such as {about.example}",
        )
    options = _options(place.annotation)
    if options:
        close = nearest(str(given), options)
        return Finding(
            path=path,
            value=value,
            rule=f"must be one of {words(options, 'or')}",
            reason=about.reason,
            fix=f"did you mean {close}?" if close else f"write {words(options, 'or')}",
        )
    if error["type"] in ("string_type",) and isinstance(given, int | float) and not isinstance(given, bool):
        return Finding(
            path=path,
            value=value,
            rule=f"must be {about.rule}",
            reason="without quotes YAML reads it as a number, and digits can be lost",
            fix="put it in quotes",
        )
    return Finding(
        path=path,
        value=value,
        rule=f"must be {about.rule}",
        reason=about.reason,
        fix=f"write for example {about.example}",
    )


def _unquoted(location: Location, value: date) -> Finding:
    return Finding(
        path=dotted(location),
        value=show(value),
        rule="must be in quotes",
        reason="YAML reads it as a date, and Pulumi cannot carry a date in a configuration",
        fix=f'write "{value.isoformat()}"',
    )


def _get(document: Any, location: Location) -> Any:
    for step in location:
        document = document[step]
    return document


class _Example:
    """The example of what the model ``root`` declares, made when the first value is taken from it."""

    def __init__(self, root: type[Model]) -> None:
        self._root = root

    @cached_property
    def _declared(self) -> dict[str, Any]:
        return example.of(self._root)

    def at(self, location: Location) -> Any:
        """A sound value for ``location``: what the example has there, or in the first entry of each mapping and list on
        the way.

        Raises:
            KeyError, StopIteration: the example has nothing there.
        """
        value: Any = self._declared
        current: Any = self._root
        for step in location:
            plain = _plain(current)
            if isinstance(plain, type) and issubclass(plain, Model):
                value, current = value[step], plain.model_fields[str(step)].annotation
            elif get_origin(plain) is dict:
                value, current = next(iter(value.values())), get_args(plain)[1]
            else:
                value, current = next(iter(value)), get_args(plain)[0]
        return copy.deepcopy(value)


def _repair(document: Any, location: Location, kind: str, sound_values: _Example, root: type[Model]) -> tuple[str, ...]:
    """Puts a sound value at ``location``, or removes what is there.

    Returns the place whose value is unknown from now on.
    """
    if location and location[-1] == KEY:
        parent, key = _get(document, location[:-2]), location[-2]
        parent.pop(key, None)
        return (*map(str, location[:-2]), KEYS)
    parent = _get(document, location[:-1])
    owner = _model_at(location[:-1], root)
    if kind == "extra_forbidden":
        parent.pop(location[-1], None)
        return tuple(map(str, location))
    known = owner.model_fields.get(str(location[-1])) if owner else None
    if known is not None and not known.is_required():
        parent.pop(location[-1], None)
    else:
        parent[location[-1]] = sound_values.at(location)
    return tuple(map(str, location))


def _each_once(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """The first error of each location. A list with a malformed entry is not reported as too short."""
    locations = {error["loc"] for error in errors}
    seen: set[Location] = set()
    kept = []
    for error in errors:
        location = error["loc"]
        holds_another = any(len(each) > len(location) and each[: len(location)] == location for each in locations)
        if location in seen or (error["type"] == "too_short" and holds_another):
            continue
        seen.add(location)
        kept.append(error)
    return kept


def examine(declared: Any, root: type[Root]) -> Shape[Root]:
    """Everything malformed in ``declared``, and what it declares for the rules to check."""
    shape: Shape[Root] = Shape()
    if not isinstance(declared, Mapping):
        declared_error: Any = {"type": "model_type", "loc": (), "msg": "", "input": declared}
        shape.findings.append(((), _malformed(declared_error, (), root)))
        return shape
    document = copy.deepcopy(dict(declared))
    for location, value in list(leaves(document)):
        if isinstance(value, date):
            shape.findings.append((location, _unquoted(location, value)))
            _get(document, location[:-1])[location[-1]] = value.isoformat()
    sound_values = _Example(root)
    for _ in range(ROUNDS):
        try:
            shape.value = root.model_validate(document)
            return shape
        except ValidationError as failure:
            errors = _each_once(failure.errors(include_url=False, include_context=False))
        renamed: set[Location] = set()
        for error in errors:
            location = error["loc"]
            if error["type"] == "extra_forbidden":
                finding, meant = _unknown_field(location, error["input"], document, root)
                shape.findings.append((location, finding))
                parent = _get(document, location[:-1])
                if meant:
                    parent[meant] = parent.pop(location[-1])
                    renamed.add((*location[:-1], meant))
                else:
                    shape.unknown.add(_repair(document, location, error["type"], sound_values, root))
        for error in sorted(errors, key=lambda each: -len(each["loc"])):
            location = error["loc"]
            if error["type"] == "extra_forbidden" or location in renamed:
                continue
            shape.findings.append(
                (
                    location,
                    _missing(location, root) if error["type"] == "missing" else _malformed(error, location, root),
                )
            )
            try:
                shape.unknown.add(_repair(document, location, error["type"], sound_values, root))
            except (KeyError, IndexError, TypeError, StopIteration):
                return shape
    return shape


def _follows(wanted: tuple[str, ...], unknown: tuple[str, ...]) -> bool:
    """Whether ``wanted`` (a pattern) is an unknown place, or lies in one."""
    return len(unknown) <= len(wanted) and all(part in ("*", step) for part, step in zip(wanted, unknown, strict=False))


def sound(finding: Finding, unknown: set[tuple[str, ...]]) -> bool:
    """Whether a finding follows from declared values only."""
    sources = [tuple(path.split(".")) for path in (finding.path, *finding.involves)]
    return not any(_follows(source, place) for source in sources for place in unknown)


def every_field() -> Iterator[tuple[type[Model], str]]:
    """All fields of all models of a declaration, each with the model that defines it."""
    todo: list[type[Model]] = [Network, Company, Datacentre, ShortSite]
    seen: set[type[Model]] = set()
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        for name, info in current.model_fields.items():
            yield next(each for each in current.__mro__ if name in each.__annotations__), name
            plain = _plain(info.annotation)
            for inner in (plain, *map(_plain, get_args(plain))):
                if isinstance(inner, type) and issubclass(inner, Model):
                    todo.append(inner)
