"""From a stack's configuration to a ``Network``: the one parse of the declaration."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from estate import rules
from estate.declaration import composition, defaults, document, shape
from estate.declaration.composition import CONFIG_KEY as CONFIG_KEY
from estate.declaration.document import Document, Location, dotted
from estate.declaration.parts import Beside, Composed
from estate.declaration.shape import KEY
from estate.findings import DeclarationError, Problem
from estate.model import Company, Datacentre, Network
from estate.rules import datacentres, estates, people
from estate.rules.finding import Finding, nearest, show


@dataclass(frozen=True)
class Examined:
    """One declaration after every check: the ``network`` if it is without ``problems``."""

    network: Network | None
    problems: tuple[Problem, ...]


def _location(path: str) -> Location:
    return tuple(int(step) if step.isdigit() else step for step in path.split("."))


def _problem(source: Document, location: Location, finding: Finding) -> Problem:
    return Problem(
        file=source.file,
        path=finding.path,
        value=finding.value,
        rule=finding.rule,
        reason=finding.reason,
        fix=finding.fix,
        line=source.line(location),
    )


def _ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(dict.fromkeys(problems), key=lambda each: (each.file, each.line, each.path, each.rule)))


def _there(finding: Finding, source: Document, location: Location, whole: Composed) -> Finding:
    """The ``finding`` about the part at ``location`` of ``source``, with the paths that the files have."""
    reason = finding.reason
    for path in finding.involves:
        document, place = whole.origin(_location(path))
        said = dotted(place) if document is source else f"{dotted(place)} in {document.file}"
        if document is not whole.document or place != _location(path):
            reason = re.sub(rf"(?<![\w.-]){re.escape(path)}(?![\w-])", said.replace("\\", r"\\"), reason)
    if location and location[-1] == KEY:
        location = location[:-1]
    return replace(finding, path=dotted(location), reason=reason)


def _told(source: Document, findings: Iterable[tuple[Location, Finding]]) -> list[Problem]:
    """Every problem of a document: of its YAML, and the ``findings`` about what it says."""
    if source.value is None and source.problems:
        return list(source.problems)
    return [*source.problems, *(_problem(source, location, finding) for location, finding in findings)]


class Surroundings:
    """What is ``beside`` networks. Each file is checked once, however many networks ask."""

    def __init__(self, beside: Beside) -> None:
        self.beside = beside
        self._companies: dict[frozenset[str], list[Problem]] = {}
        self._datacentres: dict[str, tuple[Datacentre | None, list[Problem]]] = {}

    def company(self, instances: frozenset[str]) -> list[Problem]:
        """Every problem of the company's file, if there are these instances."""
        if instances not in self._companies:
            self._companies[instances] = _of_company(self.beside.company, instances)
        return self._companies[instances]

    def datacentre(self, name: str) -> tuple[Datacentre | None, list[Problem]]:
        """The datacentre as far as it can be read, and every problem of its file."""
        if name not in self._datacentres:
            self._datacentres[name] = _of_datacentre(self.beside.datacentres[name])
        return self._datacentres[name]

    def datacentres(self) -> list[Problem]:
        """Every problem of every datacentre; those that have none are checked against each other too."""
        problems, faultless = [], {}
        for name in self.beside.datacentres:
            datacentre, own = self.datacentre(name)
            problems += own
            if datacentre and not own:
                faultless[name] = datacentre
        for name, finding in datacentres.check_all(faultless):
            problems.append(_problem(self.beside.datacentres[name], _location(finding.path), finding))
        return problems


def _of_company(source: Document, instances: frozenset[str]) -> list[Problem]:
    examined = shape.examine(defaults.sampled(source.value), Company)
    misfilled = list(defaults.problems(source.value))
    wrong = {location for location, _ in misfilled}
    found = [(at, defaults.as_written(at, each, source.value)) for at, each in examined.findings if at not in wrong]
    malformed = {finding.path for _, finding in found}
    duties = composition.duties_problems(source, instances)
    broken = () if examined.value is None else people.check(examined.value)
    rest = [each for each in (*duties, *_sound(broken, examined.unknown)) if dotted(each[0]) not in malformed]
    return _told(source, [*found, *misfilled, *rest])


def _of_datacentre(source: Document) -> tuple[Datacentre | None, list[Problem]]:
    examined = shape.examine(source.value, Datacentre)
    broken = () if examined.value is None else datacentres.check(examined.value)
    return examined.value, _told(source, [*examined.findings, *_sound(broken, examined.unknown)])


def _sound(findings: Iterable[Finding], unknown: set[tuple[str, ...]]) -> list[tuple[Location, Finding]]:
    """The findings that follow from declared values only, each with its location."""
    return [(_location(each.path), each) for each in findings if shape.sound(each, unknown)]


def _examine(declared: Document, chain: Document | None, around: Surroundings | None, today: date) -> Examined:
    """Every problem of one declaration, malformed values and broken rules together."""
    whole = composition.composed(declared, around.beside if around else None, chain)
    examined = shape.examine(whole.value, Network)
    problems = [*declared.problems, *(chain.problems if chain else ())]
    if around is not None and isinstance(whole.value, Mapping):
        name, sites = whole.value.get("name"), whole.value.get("sites")
        problems += around.company(around.beside.instances | ({name} if isinstance(name, str) else set()))
        for site in sites if isinstance(sites, Mapping) else ():
            if site in around.beside.datacentres:
                problems += around.datacentre(site)[1]
    said = {(each.file, each.path) for each in problems}
    found = [each for each in examined.findings if each[0] not in whole.absent]
    if examined.value is not None:
        unknown = examined.unknown | {tuple(map(str, place)) for place in whole.absent}
        found += _sound(rules.check(examined.value, today), unknown)
    malformed = {location for location, _ in found if whole.origin(location)[0] is declared}
    joined = [each for each in whole.findings if each[1] not in malformed]
    problems += [_problem(source, location, finding) for source, location, finding in joined]
    once: set[tuple[str, str, str]] = set()
    for at, finding in found:
        source, location = whole.origin(at)
        moved = source is not chain and (source is not declared or location != at)
        told = _there(finding, source, location, whole) if moved else finding
        place = (source.file, told.path, told.rule)
        if not moved or (place[:2] not in said and place not in once):
            problems.append(_problem(source, location, told))
        once.add(place)
    assert problems or not (examined.unknown or whole.absent), "a value is unknown, and nothing says why"
    return Examined(examined.value if not problems else None, _ordered(problems))


def _demand(examined: Examined) -> Network:
    if examined.problems or examined.network is None:
        raise DeclarationError(examined.problems)
    return examined.network


def network(
    declared: Mapping[str, Any],
    *,
    source: str,
    beside: Beside | None = None,
    chain: Mapping[str, Any] | None = None,
    today: date | None = None,
) -> Network:
    """The network that ``declared`` describes; ``chain`` replaces its chain facts, to rehearse it on another chain.

    ``beside``: what the company declares once; without it, ``declared`` is whole: its people are ``operators``, and
    its sites hold facility and machines. ``today`` is the day for which partners must be current, by default this one.

    Raises:
        DeclarationError: with every problem, each with file, path, value, rule, reason and fix.
    """
    facts = Document(source, chain) if chain is not None else None
    around = Surroundings(beside) if beside else None
    return _demand(_examine(Document(source, declared), facts, around, today or date.today()))


def stack_file(root: Path, name: str) -> Path:
    return root / "stacks" / f"Pulumi.{name}.yaml"


def beside(stacks: Path) -> Beside:
    """What the directory ``stacks`` declares beside its networks."""
    why = "people and their duties are declared in it, once for all networks"
    there = "a datacentre is declared in one file"
    files = sorted((stacks / "datacentres").glob("*.yaml"))
    return Beside(
        company=document.read(stacks / "company.yaml", why=why),
        datacentres={file.stem: document.read(file, why=there) for file in files},
        instances=frozenset(name for file in stacks.glob("Pulumi.*.yaml") if (name := _stack_name(file))),
    )


def _stack_name(path: Path) -> str | None:
    """``cosmoshub`` of ``Pulumi.cosmoshub.yaml``."""
    return path.stem.removeprefix("Pulumi.") if path.stem.startswith("Pulumi.") else None


def _lacking(source: Document, path: str, value: str, rule: str, reason: str, fix: str, line: int = 0) -> Problem:
    return Problem(file=source.file, path=path, value=value, rule=rule, reason=reason, fix=fix, line=line)


def _declared(stack: Document) -> tuple[Document | None, tuple[Problem, ...]]:
    """The part of a stack file that declares the network, or why there is none."""
    if stack.value is None:
        empty = _lacking(
            stack,
            "(the file)",
            "nothing",
            "must declare a network",
            "the file is empty",
            "bin/estate new NETWORK writes one to edit",
        )
        return None, stack.problems or (empty,)
    config = stack.value.get("config") if isinstance(stack.value, Mapping) else None
    if not isinstance(config, Mapping):
        given = show(stack.value) if not isinstance(stack.value, Mapping) else show(config)
        return None, (
            *stack.problems,
            _lacking(
                stack,
                "config",
                given,
                "must be a mapping",
                "Pulumi reads a stack's configuration from it",
                f"put config: and below it {CONFIG_KEY}:",
                stack.line(("config",)),
            ),
        )
    if CONFIG_KEY not in config:
        close = nearest(CONFIG_KEY, [str(key) for key in config])
        return None, (
            *stack.problems,
            _lacking(
                stack,
                f"config.{CONFIG_KEY}",
                "nothing",
                "must be given: the network's declaration",
                "the program reads the network from it and from nothing else",
                f"did you mean {CONFIG_KEY} with {close}?" if close else f"add {CONFIG_KEY}: below config",
                stack.line(("config",)),
            ),
        )
    return stack.part("config", CONFIG_KEY), ()


def examine(
    path: Path, *, chain: Path | None = None, today: date | None = None, around: Surroundings | None = None
) -> Examined:
    """The stack file ``path`` after every check; nothing is raised. ``around``: what its directory declares besides."""
    around = around or Surroundings(beside(path.parent))
    declared, problems = _declared(document.read(path))
    facts = document.read(chain) if chain else None
    if declared is None:
        return Examined(None, _ordered([*problems, *(facts.problems if facts else ())]))
    if facts is not None and facts.problems and facts.value is None:
        rest = _examine(declared, None, around, today or date.today())
        return Examined(None, _ordered([*rest.problems, *facts.problems]))
    examined = _examine(declared, facts, around, today or date.today())
    stack, name = _stack_name(path), declared.value.get("name") if isinstance(declared.value, Mapping) else None
    if stack and isinstance(name, str) and name != stack and not any(each.path == "name" for each in examined.problems):
        misnamed = _lacking(
            declared,
            "name",
            show(name),
            f"must be {stack}, as the file says",
            "the stack and the network are found by one name",
            f"write name: {stack}, or rename the file to Pulumi.{name}.yaml",
            declared.line(("name",)),
        )
        return Examined(None, _ordered([*examined.problems, misnamed]))
    return examined


def whole(path: Path) -> dict[str, Any]:
    """What the stack file ``path`` declares, put together, as plain values that are not checked.

    Raises:
        DeclarationError: it declares no network at all.
    """
    declared, problems = _declared(document.read(path))
    if declared is None:
        raise DeclarationError(problems)
    value: dict[str, Any] = copy.deepcopy(composition.composed(declared, beside(path.parent)).value)
    return value


def read(path: Path, *, chain: Path | None = None, today: date | None = None) -> Network:
    """The network declared in the stack file ``path``.

    ``chain``: a YAML file of chain facts that replace the declared ones.

    Raises:
        DeclarationError: with every problem, each with file, line, path, value, rule, reason and fix.
    """
    return _demand(examine(path, chain=chain, today=today))


def _defaults_once(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The problems, each of a default as the first network has it."""
    told: set[tuple[str, str, str]] = set()
    for each in problems:
        place = (each.file, each.path, each.rule)
        if not each.path.startswith(f"{defaults.DEFAULTS}.") or place not in told:
            yield each
        told.add(place)


def all_networks(root: Path, *, today: date | None = None) -> dict[str, Network]:
    """Every network declared below ``root``/stacks, by name, checked against each other too.

    Raises:
        DeclarationError: with every problem of every file.
    """
    around = Surroundings(beside(root / "stacks"))
    files = sorted((root / "stacks").glob("Pulumi.*.yaml"))
    examined = {path: examine(path, today=today, around=around) for path in files}
    problems = [problem for each in examined.values() for problem in each.problems]
    problems += around.company(around.beside.instances)
    problems += around.datacentres()
    networks = {path: each.network for path, each in examined.items() if each.network is not None}
    said = {(each.file, each.path) for each in problems}
    once: set[tuple[str, str, str]] = set()
    for path, finding in estates.check(networks):
        declared, _ = _declared(document.read(path))
        assert declared is not None
        source, location = composition.composed(declared, around.beside).origin(_location(finding.path))
        place = (source.file, dotted(location), finding.rule)
        if place[:2] not in said and place not in once:
            problems.append(_problem(source, location, replace(finding, path=dotted(location))))
        once.add(place)
    if problems:
        raise DeclarationError(_ordered(_defaults_once(problems)))
    return {each.name: each for each in networks.values()}
