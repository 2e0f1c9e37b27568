"""A network's declaration put together from its own file and what the company declares once.

The people of the company become the network's ``operators``; what a datacentre's file says of the facility and of a
machine joins the network's ``sites`` and their ``servers``; the company's defaults stand for what the file leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from estate.declaration import defaults
from estate.declaration.document import Document, Location, dotted
from estate.declaration.parts import KEYS, Beside, Composed, mapping
from estate.model import EVERY_INSTANCE, Facility, Machine, Model, Network, Server, Site
from estate.rules.finding import Finding, choose, show

CONFIG_KEY = "estate:network"
OPERATORS, SERVICES = "operators", "services"
FACILITY = tuple(Facility.model_fields)
MACHINE = tuple(Machine.model_fields)
ELSEWHERE: Mapping[type[Model], tuple[str, ...]] = MappingProxyType(
    {Network: (OPERATORS,), Site: FACILITY, Server: MACHINE}
)
"""What a network's file does not declare, by model: other files do."""


def composed(declared: Document, beside: Beside | None, chain: Document | None = None) -> Composed:
    """``declared`` and what is ``beside`` it in one; without that, ``declared`` is whole by itself.

    ``chain`` replaces its chain facts.
    """
    whole = Composed(declared, declared.value)
    if not isinstance(declared.value, Mapping):
        return whole
    whole.value = dict(declared.value)
    if chain is not None:
        whole.value["chain"] = chain.value
        whole.place(("chain",), chain, ())
    if beside is None:
        return whole
    defaults.join_sections(whole, beside.company)
    _join_people(whole, beside)
    _join_services(whole, beside.company)
    sites = whole.value.get("sites")
    if isinstance(sites, Mapping):
        whole.value["sites"] = {name: _site(whole, name, site, beside) for name, site in sites.items()}
    return whole


def _join_people(whole: Composed, beside: Beside) -> None:
    """The company's people who have a duty in the network."""
    company = beside.company
    if OPERATORS in whole.value:
        whole.report(
            whole.document,
            (OPERATORS,),
            Finding(
                path=OPERATORS,
                value=show(whole.value[OPERATORS]),
                rule="must be declared with the company",
                reason="who may log in where stands in one reviewed file",
                fix=f"move the people to {company.file}, and give each a duty in this network",
            ),
        )
    operators: dict[Any, Any] = {}
    network, duties = whole.value.get("name"), mapping(company.value, "duties") or {}
    people = mapping(company.value, "people")
    known = beside.instances | ({network} if isinstance(network, str) else set())
    if people is None or not all(_is_told(each, known) for each in people.values()):
        whole.absent.add((OPERATORS, KEYS))
    for name, person in (people or {}).items():
        held = mapping(person, "duties") or {}
        instance = network if isinstance(network, str) and network in held else EVERY_INSTANCE
        if instance not in held:
            continue
        duty = held[instance]
        operators[name] = {key: value for key, value in person.items() if key != "duties"}
        here: Location = (OPERATORS, name)
        whole.place(here, company, ("people", name))
        whole.place((*here, "roles"), company, ("duties", duty))
        if isinstance(duty, str) and duty in duties:
            operators[name]["roles"] = duties[duty]
        else:
            whole.absent.add((*here, "roles"))
    if company.value is None:
        whole.absent.add((OPERATORS,))
    else:
        whole.place((OPERATORS,), company, ("people",))
        whole.value[OPERATORS] = operators


def _join_services(whole: Composed, company: Document) -> None:
    """The services of every network, and then the network's own."""
    shared = mapping(company.value, SERVICES)
    own = whole.value.get(SERVICES, {})
    if not isinstance(own, Mapping):
        return
    if shared is None:
        whole.absent.add((SERVICES, KEYS))
        whole.value[SERVICES] = own
        return
    for name in shared:
        whole.place((SERVICES, name), company, (SERVICES, name))
        if name in own:
            finding = Finding(
                path=f"{SERVICES}.{name}",
                value=show(own[name]),
                rule="must have a name of its own",
                reason=f"{company.file} declares {name} for every network, and only one of the two would count",
                fix="remove it here, or rename it",
            )
            whole.report(whole.document, (SERVICES, name), finding)
    whole.value[SERVICES] = {**shared, **{name: each for name, each in own.items() if name not in shared}}


def _is_told(person: Any, instances: frozenset[str]) -> bool:
    """Whether it is told of a person in which instances they have a duty."""
    held = mapping(person, "duties")
    return held is not None and all(each == EVERY_INSTANCE or each in instances for each in held)


def _site(whole: Composed, name: Any, site: Any, beside: Beside) -> Any:
    """What the network has in the datacentre ``name``, with the facility and the machines."""
    if not isinstance(site, Mapping):
        return site
    here: Location = ("sites", name)
    joined = {key: value for key, value in site.items() if key not in FACILITY}
    defaults.join_site(whole, here, joined, beside.company)
    datacentre = beside.datacentres.get(name)
    for key in (key for key in site if key in FACILITY):
        where = datacentre.file if datacentre else f"a file of the datacentre {name}"
        whole.report(whole.document, (*here, key), _elsewhere((*here, key), site[key], where))
    if datacentre is None:
        whole.report(whole.document, here, _unknown_datacentre(name, beside))
    facility = datacentre.value if datacentre and isinstance(datacentre.value, Mapping) else {}
    for key in FACILITY:
        if datacentre:
            whole.place((*here, key), datacentre, (key,))
        if key in facility:
            joined[key] = facility[key]
        else:
            whole.absent.add((*here, key))
    if isinstance(joined.get("servers"), list):
        joined["servers"] = [
            _server(whole, (*here, "servers", index), server, datacentre)
            for index, server in enumerate(joined["servers"])
        ]
    return joined


def _server(whole: Composed, here: Location, server: Any, datacentre: Document | None) -> Any:
    if not isinstance(server, Mapping):
        return server
    joined = {key: value for key, value in server.items() if key not in MACHINE}
    where = datacentre.file if datacentre else "the file of the datacentre"
    for key in (key for key in server if key in MACHINE):
        whole.report(whole.document, (*here, key), _elsewhere((*here, key), server[key], where))
    serial = server.get("serial")
    machines = mapping(datacentre.value, "machines") if datacentre else None
    machine = None
    if datacentre and isinstance(serial, str) and machines is not None:
        machine = machines.get(serial)
        for key in MACHINE:
            whole.place((*here, key), datacentre, ("machines", serial, key))
        if serial not in machines:
            _, written = whole.origin((*here, "serial"))
            finding = Finding(
                path=dotted(written),
                value=show(serial),
                rule=f"must be the serial of a machine of {here[1]}",
                reason=f"the machines of the datacentre are declared in {datacentre.file}",
                fix=choose(serial, list(map(str, machines))),
            )
            whole.report(whole.document, written, finding)
    for key in MACHINE:
        if not isinstance(machine, Mapping):
            whole.absent.add((*here, key))
        elif key in machine:
            joined[key] = machine[key]
        elif Machine.model_fields[key].is_required():
            whole.absent.add((*here, key))
    return joined


def _elsewhere(location: Location, value: Any, where: str) -> Finding:
    return Finding(
        path=dotted(location),
        value=show(value),
        rule="must be declared with the datacentre",
        reason="a datacentre and its machines are declared once, whoever uses them",
        fix=f"move it to {where}",
    )


def _unknown_datacentre(name: Any, beside: Beside) -> Finding:
    return Finding(
        path=f"sites.{name}",
        value=show(name),
        rule="must be a declared datacentre",
        reason="facility and machines are declared in datacentres/, in a file of its name",
        fix=choose(str(name), beside.datacentres),
    )


def duties_problems(company: Document, instances: frozenset[str]) -> Iterator[tuple[Location, Finding]]:
    """Duties that are held but not declared, and duties in instances that there are not."""
    duties = mapping(company.value, "duties")
    for name, person in (mapping(company.value, "people") or {}).items():
        for instance, duty in (mapping(person, "duties") or {}).items():
            path = f"people.{name}.duties.{instance}"
            if duties is not None and isinstance(duty, str) and duty not in duties:
                yield (
                    ("people", name, "duties", instance),
                    Finding(
                        path=path,
                        value=show(duty),
                        rule="must be one of the company's duties",
                        reason="the duty says on which hosts the person has an account",
                        fix=choose(duty, list(map(str, duties))),
                    ),
                )
            if isinstance(instance, str) and instance != EVERY_INSTANCE and instance not in instances:
                yield (
                    ("people", name, "duties", instance),
                    Finding(
                        path=path,
                        value=show(instance),
                        rule="must be a declared network, or *",
                        reason="a duty in what is not declared gives nobody access, and hides a mistyped name",
                        fix=choose(instance, sorted(instances)),
                    ),
                )
