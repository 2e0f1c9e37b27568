"""The subject of a proof: networks as declared, or an exported stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from estate.errors import UsageError
from proofs import registered
from proofs.registered import Registered
from reachability import parts, state
from reachability.encoding import EXPORT, StateError
from reachability.resources import Resource
from reachability.subject import Subject

if TYPE_CHECKING:
    from estate.model import Network

PROJECT = "estate"


@dataclass(frozen=True, slots=True)
class Question:
    """``networks``: those asked about, by name; none if the stack belongs to another project. ``parts``: what is
    deployed of each, by name (an empty name for a stack of another project). ``source`` is for display.
    """

    networks: Mapping[str, Network]
    parts: Mapping[str, Subject]
    source: str

    @property
    def subject(self) -> Subject:
        """All parts, joined."""
        return parts.union(list(self.parts.values()))


def join(checkout: Path, network: Network, side: Registered, *facts: bytes) -> Subject:
    """A network's cloud resources with its datacentres, hosts and firewalls."""
    from reachability import declared

    return declared.subject(network, side.resources, registered.rulesets(checkout, network, side.inventory, *facts))


def of_declarations(checkout: Path, names: Iterable[str]) -> Question:
    """The networks as their programs would deploy them.

    Raises:
        UsageError: no network has this name.
        DeclarationError: with every problem of a declaration.
    """
    from estate.declaration import files as declaration

    networks = {name: declaration.read(checkout, name) for name in dict.fromkeys(names)}
    sides = registered.registered(checkout, networks)
    joined = {name: join(checkout, network, sides[name]) for name, network in networks.items()}
    return Question(networks, joined, "as declared")


def of_checkout(checkout: Path, other: Path, names: Iterable[str]) -> Question:
    """The networks that the checkout ``other`` declares, of those called ``names``, as its own program would deploy
    them.

    The code of ``checkout`` reads the declarations and renders the firewalls of the hosts. A declaration counts as it
    may be deployed already, whatever has expired since.

    Raises:
        UsageError: ``other`` is no checkout.
        DeclarationError: with every problem of a declaration.
        CheckFailed: a program failed.
    """
    from estate.declaration import files as declaration

    if not (other / "stacks").is_dir():
        raise UsageError(f"{other}: it has no directory stacks/; name a state, or a checkout of this repository")
    other = other.resolve()
    found = [name for name in dict.fromkeys(names) if registered.stack_file(other, name).is_file()]
    networks = {name: declaration.deployed(other, name) for name in found}
    sides = registered.registered(other, networks)
    rendering = registered.digest(checkout, registered.RENDERED).encode()
    joined = {name: join(other, network, sides[name], rendering) for name, network in networks.items()}
    return Question(networks, joined, str(other))


def read_file(path: str) -> tuple[Resource, ...]:
    """The resources in the output of ``pulumi stack export``, ``pulumi preview --json`` or ``terraform show -json``, or
    in a Terraform state file.

    Raises:
        UsageError: the file does not exist, or is none of these.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; {EXPORT}") from None
    try:
        return state.read(text)
    except StateError as error:
        raise UsageError(f"{path}: {error}") from None


def _declared_in(checkout: Path, resources: tuple[Resource, ...]) -> str | None:
    """The declared network to which the stack belongs by its URNs: by the stack's name, or, in a stack with another
    name, by that with which the names of the project's resources begin."""
    named = _ours(checkout, resources)
    if named is not None:
        return named
    from estate.declaration import files as declaration

    names = [each.name for each in resources if each.urn.split("::", 2)[1] == PROJECT]
    found = [network for network in declaration.names(checkout) if any(n.startswith(f"{network}-") for n in names)]
    return found[0] if len(found) == 1 else None


def _ours(checkout: Path, resources: tuple[Resource, ...]) -> str | None:
    """The network to which the stack belongs, from the stack's and project's names in the URNs."""
    for each in resources:
        stack, project, *_ = each.urn.removeprefix("urn:pulumi:").split("::")
        name = stack.rsplit("/", 1)[-1]
        return name if project == PROJECT and registered.stack_file(checkout, name).is_file() else None
    return None


def of_resources(checkout: Path, resources: tuple[Resource, ...], name: str | None, source: str) -> Question:
    """An exported stack of the network ``name``; if ``None``, the network is taken from the URNs.

    Raises:
        UsageError: no network has this name, or the stack is that of another network.
        DeclarationError: with every problem of its declaration.
        CheckFailed: its output ``inventory`` has another format.
    """
    name = name or _ours(checkout, resources)
    if name is None:
        return Question({}, {"": Subject(resources)}, source)
    from estate.declaration import files as declaration

    network = declaration.read(checkout, name)
    deployed = _declared_in(checkout, resources)
    if deployed not in (None, name):
        raise UsageError(
            f"{source}: by its URNs it is the stack of {deployed}, and {name} was asked about; the claims of "
            f"one network say nothing about another; write `{deployed}` instead of `{name}`, or export {name}: "
            f"pulumi stack export --stack {name} --file FILE"
        )
    side = Registered(resources, registered.inventory(resources))
    return Question({name: network}, {name: join(checkout, network, side)}, source)


def of_state(checkout: Path, path: str, name: str | None = None) -> Question:
    """The stack in an exported file; raises as ``read_file`` and ``of_resources`` do."""
    return of_resources(checkout, read_file(path), name, path)
