"""Runs the program without an engine, an account or a network, and records the registered resources."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime.settings import ROOT

from components.clouds import CLOUDS, providers
from components.service_instance import ServiceInstance, ServiceInstanceArgs
from estate.collector import uncollected
from estate.model import Network


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One resource as the program registered it. ``state``: ``inputs`` (in camelCase) with made-up outputs; ``id`` too.

    ``provider`` is the URN of the explicit provider, empty if none was given. ``property_dependencies``: URNs by input.
    """

    type: str
    name: str
    urn: str
    id: str
    parent: str
    provider: str
    custom: bool
    protect: bool
    retain_on_delete: bool
    ignore_changes: tuple[str, ...]
    delete_before_replace: bool
    inputs: Mapping[str, Any]
    state: Mapping[str, Any]
    dependencies: tuple[str, ...]
    property_dependencies: Mapping[str, tuple[str, ...]]


@dataclass
class Recorded:
    """Everything registered in one run, in order of arrival, and the value of the stack's ``inventory``."""

    resources: list[Registration] = field(default_factory=list)
    inventory: dict[str, Any] = field(default_factory=dict)

    def of(self, type_: str) -> list[Registration]:
        return [each for each in self.resources if each.type == type_]

    def named(self, name: str) -> Registration:
        return next(each for each in self.resources if each.name == name)


class _Cloud(mocks.Mocks):
    """Answers in each cloud's own form: ids from names, so that every run gives the same."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise RuntimeError(
            f"{args.token}: got a lookup, but the program must make none, so that a preview needs no network;"
            " declare the value instead"
        )

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if not args.custom:
            return "", args.inputs
        folder = CLOUDS.get(args.typ.split(":")[0])
        if folder is None:
            return f"id-{sha256(f'{args.typ} {args.name}'.encode()).hexdigest()[:17]}", args.inputs
        id_, computed = folder.outputs(args.typ, args.name, args.inputs)
        return id_, {**args.inputs, **computed}


class _Monitor(mocks.MockMonitor):
    """Records what the SDK's mocks do not show: parent, provider, protection, dependencies."""

    def __init__(self, cloud: _Cloud, recorded: Recorded) -> None:
        super().__init__(cloud)
        self._recorded = recorded

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]  # the SDK's mocks are untyped
        if request.type == "pulumi:pulumi:Stack":
            return response
        made = self.resources[response.urn]
        self._recorded.resources.append(
            Registration(
                type=request.type,
                name=request.name,
                urn=response.urn,
                id=made.id,
                parent=request.parent,
                provider=request.provider.rsplit("::", 1)[0] if request.provider else "",
                custom=request.custom,
                protect=request.protect,
                retain_on_delete=request.retainOnDelete,
                ignore_changes=tuple(request.ignoreChanges),
                delete_before_replace=request.deleteBeforeReplace,
                inputs=rpc.deserialize_properties(request.object),
                state=made.state,
                dependencies=tuple(sorted(request.dependencies)),
                property_dependencies={
                    key: tuple(sorted(value.urns)) for key, value in request.propertyDependencies.items()
                },
            )
        )
        return response


def record_program(build: Callable[[], Any], *, stack: str, preview: bool = False) -> Recorded:
    """Runs ``build`` as a Pulumi program. ``preview``: what the cloud decides stays unknown to the program."""
    recorded = Recorded()
    cloud = _Cloud()
    asyncio.set_event_loop(asyncio.new_event_loop())
    ROOT.set(None)
    mocks.set_mocks(cloud, project="estate", stack=stack, preview=preview, monitor=_Monitor(cloud, recorded))

    def run() -> pulumi.Output[Any] | None:
        built = build()
        return (
            pulumi.Output.from_input(built.inventory).apply(recorded.inventory.update)
            if isinstance(built, ServiceInstance)
            else None
        )

    with uncollected():
        pulumi.runtime.test(run)()  # type: ignore[no-untyped-call]  # the SDK's decorator is untyped
    return recorded


def record(network: Network, *, preview: bool = False, released: Collection[str] = ()) -> Recorded:
    """What the program registers for ``network``; ``released``: the hosts that may be replaced."""

    def build() -> ServiceInstance:
        return ServiceInstance(
            network.name,
            ServiceInstanceArgs(network=network, released=released),
            opts=pulumi.ResourceOptions(providers=providers(network)),
        )

    return record_program(build, stack=network.name, preview=preview)
