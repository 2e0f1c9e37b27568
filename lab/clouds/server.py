"""The provider plugins over gRPC: the engine attaches to them by `PULUMI_DEBUG_PROVIDERS=aws:PORT,gcp:PORT`."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from lab.clouds.difference import Change
from lab.clouds.errors import NotFound, RefusedCall, UnknownType
from lab.clouds.provider import DEFAULTED, Provider
from lab.clouds.store import Store
from lab.clouds.table import CLOUDS, cloud_of
from lab.clouds.values import from_struct, to_struct

PLUGINS = ("aws", "gcp")
"""The plugins that the engine finds here. Every type of one that the lab has no cloud for is refused by name."""

FIRST = next(iter(CLOUDS))
"""The cloud of a request that names none."""

Answer = TypeVar("Answer")

PATIENCE_SECONDS = 20.0
"""How long a deletion waits for what depends on the resource."""

_LARGEST_MESSAGE = 64 * 1024 * 1024
_KINDS = {
    "add": (provider_pb2.PropertyDiff.ADD, provider_pb2.PropertyDiff.ADD_REPLACE),
    "update": (provider_pb2.PropertyDiff.UPDATE, provider_pb2.PropertyDiff.UPDATE_REPLACE),
    "delete": (provider_pb2.PropertyDiff.DELETE, provider_pb2.PropertyDiff.DELETE_REPLACE),
}


class ResourceProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers for each cloud's plugin.

    The engine opens a connection for each provider resource, so that several with different regions can be attached
    to one server: the settings belong to the connection.
    """

    def __init__(self, providers: Mapping[str, Provider[Any]]) -> None:
        self._providers = providers
        self._settings: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=CLOUDS[FIRST].version)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": FIRST, "version": CLOUDS[FIRST].version}))

    def GetMapping(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.GetMappingResponse()

    def GetMappings(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.GetMappingsResponse()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        failures = []
        if provider := self._providers.get(_cloud_of(request)):
            for problem in provider.check_config(provider.decode_config(from_struct(request.news))):
                failures.append(provider_pb2.CheckFailure(property=problem.property, reason=problem.reason))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        olds, news = from_struct(request.old_inputs), from_struct(request.news)
        changed = sorted(name for name in olds.keys() | news.keys() if olds.get(name) != news.get(name))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        cloud = _cloud_of(request)
        if provider := self._providers.get(cloud):
            settings = provider.configure(provider.decode_config(from_struct(request.args)))
            if settings is not None:
                with self._lock:
                    self._settings[cloud, context.peer()] = settings
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = _type_of(request)
        provider = self._provider(context, token)
        answer = self._answer(
            context,
            lambda: provider.check(
                token, request.urn, from_struct(request.olds), from_struct(request.news), request.randomSeed
            ),
        )
        failures = [provider_pb2.CheckFailure(property=p.property, reason=p.reason) for p in answer.problems]
        return provider_pb2.CheckResponse(inputs=to_struct(answer.inputs), failures=failures)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = _type_of(request)
        provider = self._provider(context, token)
        settings = self._settings_for(context, token)
        found = self._answer(
            context,
            lambda: provider.diff(
                token,
                request.id,
                settings,
                from_struct(request.old_inputs),
                from_struct(request.olds),
                from_struct(request.news),
            ),
        )
        some = provider_pb2.DiffResponse.DIFF_SOME if found.changes else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some,
            replaces=list(found.replaces),
            deleteBeforeReplace=found.delete_before_replace,
            diffs=sorted({change.path.split(".")[0] for change in found.changes}),
            hasDetailedDiff=True,
            detailedDiff=_detailed(found.changes, frozenset(found.replaces), CLOUDS[cloud_of(token)].maps),
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = _type_of(request)
        provider = self._provider(context, token)
        settings = self._settings_for(context, token)
        inputs = from_struct(request.properties)
        id, properties = self._answer(
            context, lambda: provider.create(token, request.urn, settings, inputs, preview=request.preview)
        )
        return provider_pb2.CreateResponse(id=id, properties=to_struct(_noting_defaults(properties, inputs)))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = _type_of(request)
        provider = self._provider(context, token)
        settings = self._settings_for(context, token)
        inputs = from_struct(request.inputs)
        found = self._answer(
            context, lambda: provider.read(token, request.id, settings, from_struct(request.properties), inputs)
        )
        if not found.id:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=found.id,
            properties=to_struct(_noting_defaults(found.properties, inputs)),
            inputs=to_struct(found.inputs),
        )

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = _type_of(request)
        provider = self._provider(context, token)
        settings = self._settings_for(context, token)
        news = from_struct(request.news)
        properties = self._answer(
            context,
            lambda: provider.update(
                token, request.id, request.urn, settings, from_struct(request.olds), news, preview=request.preview
            ),
        )
        return provider_pb2.UpdateResponse(properties=to_struct(_noting_defaults(properties, news)))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = _type_of(request)
        provider = self._provider(context, token)
        settings = self._settings_for(context, token)
        properties = from_struct(request.properties)
        self._answer(context, lambda: provider.delete(token, request.id, request.urn, settings, properties))
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = request.tok
        provider = self._provider(context, token)
        settings = self._settings_for(context, token)
        answer = self._answer(context, lambda: provider.invoke(token, settings, from_struct(request.args)))
        return _returning(answer)

    def Call(self, request: Any, context: grpc.ServicerContext) -> Any:
        _fail(
            context,
            grpc.StatusCode.UNIMPLEMENTED,
            f"the lab's clouds have no methods on resources, so no '{request.tok}'",
        )

    def Construct(self, request: Any, context: grpc.ServicerContext) -> Any:
        _fail(context, grpc.StatusCode.UNIMPLEMENTED, f"the lab's clouds have no components, so no '{request.type}'")

    def _provider(self, context: grpc.ServicerContext, token: str) -> Provider[Any]:
        found = self._providers.get(cloud_of(token))
        if found is None:
            has = ", ".join(sorted(self._providers))
            _fail(context, grpc.StatusCode.INVALID_ARGUMENT, f"the lab has no cloud that knows '{token}'; it has {has}")
        return found

    def _settings_for(self, context: grpc.ServicerContext, token: str) -> Any:
        cloud = cloud_of(token)
        with self._lock:
            settings = self._settings.get((cloud, context.peer()))
            others = [each for (of, _), each in self._settings.items() if of == cloud]
            if settings is None and len(set(map(repr, others))) == 1:
                settings = others[0]
        if settings is None:
            _fail(
                context,
                grpc.StatusCode.FAILED_PRECONDITION,
                "this provider was not configured on this connection: the server was restarted after the engine had"
                " configured it, or its region is not known yet; run the operation again",
            )
        return settings

    @staticmethod
    def _answer(context: grpc.ServicerContext, question: Callable[[], Answer]) -> Answer:
        try:
            return question()
        except UnknownType as error:
            _fail(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except (RefusedCall, NotFound) as error:
            _fail(context, grpc.StatusCode.UNKNOWN, str(error))


def _cloud_of(request: Any) -> str:
    return cloud_of(_type_of(request)) if "::" in request.urn else FIRST


def _type_of(request: Any) -> str:
    return str(request.urn).split("::")[-2].split("$")[-1]


def _returning(answer: Mapping[str, Any]) -> Any:
    """The field's name is a keyword of Python's, so that no argument can set it."""
    response = provider_pb2.InvokeResponse()
    getattr(response, "return").CopyFrom(to_struct(answer))
    return response


def _noting_defaults(properties: Mapping[str, Any], inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**properties, DEFAULTED: inputs[DEFAULTED]} if DEFAULTED in inputs else properties


def _detailed(changes: tuple[Change, ...], forcing: frozenset[str], maps: frozenset[str]) -> dict[str, Any]:
    detailed = {}
    for change in changes:
        plain, replacing = _KINDS[change.kind]
        kind = replacing if change.path in forcing else plain
        detailed[_path(change.path, maps)] = provider_pb2.PropertyDiff(kind=kind, inputDiff=change.of_input)
    return detailed


def _path(path: str, maps: frozenset[str]) -> str:
    """Returns a property path that the engine parses even where the key of a tag or label has dots."""
    head, _, rest = path.partition(".")
    if not rest:
        return head
    return f'{head}["{rest}"]' if head in maps else path


def _fail(context: grpc.ServicerContext, code: grpc.StatusCode, text: str) -> NoReturn:
    context.abort(code, text)
    raise AssertionError("abort raises")


@dataclass(frozen=True)
class Serving:
    """A server that is up: its port on the loopback interface, and what exists in the clouds."""

    port: int
    store: Store

    @property
    def debug_providers(self) -> str:
        """The value of `PULUMI_DEBUG_PROVIDERS` by which an engine attaches."""
        return ",".join(f"{plugin}:{self.port}" for plugin in PLUGINS)


@contextmanager
def serve(state: Path, *, lab_id: str, world: Path | None = None, port: int = 0) -> Iterator[Serving]:
    """Serves the lab's clouds on the loopback interface until the block ends.

    Args:
        state: the SQLite file; made if it is not there.
        lab_id: goes into every id.
        world: the JSON file of other accounts' VPCs and quotas.
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    store = Store(state, create=True)
    providers = {
        name: folder.open(store, lab_id=lab_id, world_file=world, patience_seconds=PATIENCE_SECONDS)
        for name, folder in CLOUDS.items()
    }
    limits = [("grpc.max_receive_message_length", _LARGEST_MESSAGE), ("grpc.max_send_message_length", _LARGEST_MESSAGE)]
    server = grpc.server(ThreadPoolExecutor(max_workers=64), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(ResourceProvider(providers), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    if bound == 0:
        raise OSError(f"127.0.0.1:{port}: another process listens there; give port 0 to take a free one")
    server.start()
    try:
        yield Serving(bound, store)
    finally:
        server.stop(grace=1).wait()
        store.close()
