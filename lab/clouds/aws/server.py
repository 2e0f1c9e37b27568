"""The provider plugin's gRPC face: the engine attaches to it by `PULUMI_DEBUG_PROVIDERS=aws:PORT,gcp:PORT`."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from lab.clouds.aws.call import Settings
from lab.clouds.aws.difference import Change
from lab.clouds.aws.errors import NotFound, UnknownType
from lab.clouds.aws.provider import DEFAULTED, Aws, RefusedCall, decode_config
from lab.clouds.aws.store import Store
from lab.clouds.aws.values import from_struct, is_unknown, to_struct

AWS_PLUGIN_VERSION = "7.51.1"
"""The release of the AWS provider that is answered for."""

PATIENCE_SECONDS = 20.0
"""How long a deletion waits for what depends on the resource."""

_LARGEST_MESSAGE = 64 * 1024 * 1024
_KINDS = {
    "add": (provider_pb2.PropertyDiff.ADD, provider_pb2.PropertyDiff.ADD_REPLACE),
    "update": (provider_pb2.PropertyDiff.UPDATE, provider_pb2.PropertyDiff.UPDATE_REPLACE),
    "delete": (provider_pb2.PropertyDiff.DELETE, provider_pb2.PropertyDiff.DELETE_REPLACE),
}


class ResourceProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers for the `aws` plugin, and for `gcp`, of which it refuses every type by name.

    The engine opens a connection for each provider resource, so that several with different regions can be attached
    to one server: the settings belong to the connection.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._settings: dict[str, Settings] = {}
        self._lock = threading.Lock()

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=AWS_PLUGIN_VERSION)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.GetSchemaResponse(schema=f'{{"name": "aws", "version": "{AWS_PLUGIN_VERSION}"}}')

    def GetMapping(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.GetMappingResponse()

    def GetMappings(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.GetMappingsResponse()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        failures = []
        if _plugin_of(request) == "aws":
            for problem in self._aws.check_config(decode_config(from_struct(request.news))):
                failures.append(provider_pb2.CheckFailure(property=problem.property, reason=problem.reason))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        olds, news = from_struct(request.old_inputs), from_struct(request.news)
        changed = sorted(name for name in olds.keys() | news.keys() if olds.get(name) != news.get(name))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        inputs = decode_config(from_struct(request.args))
        region = inputs.get("region")
        if isinstance(region, str) and not is_unknown(inputs):
            with self._lock:
                self._settings[context.peer()] = self._aws.configure(inputs)
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = _type_of(request)
        answer = self._answer(
            context,
            lambda: self._aws.check(
                token, request.urn, from_struct(request.olds), from_struct(request.news), request.randomSeed
            ),
        )
        failures = [provider_pb2.CheckFailure(property=p.property, reason=p.reason) for p in answer.problems]
        return provider_pb2.CheckResponse(inputs=to_struct(answer.inputs), failures=failures)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = _type_of(request)
        settings = self._settings_for(context)
        found = self._answer(
            context,
            lambda: self._aws.diff(
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
            detailedDiff=_detailed(found.changes, frozenset(found.replaces)),
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = _type_of(request)
        settings = self._settings_for(context)
        inputs = from_struct(request.properties)
        id, properties = self._answer(
            context, lambda: self._aws.create(token, request.urn, settings, inputs, preview=request.preview)
        )
        return provider_pb2.CreateResponse(id=id, properties=to_struct(_noting_defaults(properties, inputs)))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = _type_of(request)
        settings = self._settings_for(context)
        inputs = from_struct(request.inputs)
        found = self._answer(
            context, lambda: self._aws.read(token, request.id, settings, from_struct(request.properties), inputs)
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
        settings = self._settings_for(context)
        news = from_struct(request.news)
        properties = self._answer(
            context,
            lambda: self._aws.update(
                token, request.id, request.urn, settings, from_struct(request.olds), news, preview=request.preview
            ),
        )
        return provider_pb2.UpdateResponse(properties=to_struct(_noting_defaults(properties, news)))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = _type_of(request)
        settings = self._settings_for(context)
        properties = from_struct(request.properties)
        self._answer(context, lambda: self._aws.delete(token, request.id, request.urn, settings, properties))
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        settings = self._settings_for(context)
        answer = self._answer(context, lambda: self._aws.invoke(request.tok, settings, from_struct(request.args)))
        return provider_pb2.InvokeResponse(**{"return": to_struct(answer)})

    def Call(self, request: Any, context: grpc.ServicerContext) -> Any:
        _fail(
            context, grpc.StatusCode.UNIMPLEMENTED, f"the lab's AWS has no methods on resources, so no '{request.tok}'"
        )

    def Construct(self, request: Any, context: grpc.ServicerContext) -> Any:
        _fail(context, grpc.StatusCode.UNIMPLEMENTED, f"the lab's AWS has no components, so no '{request.type}'")

    def _settings_for(self, context: grpc.ServicerContext) -> Settings:
        with self._lock:
            settings = self._settings.get(context.peer())
            others = set(map(repr, self._settings.values()))
            if settings is None and len(others) == 1:
                settings = next(iter(self._settings.values()))
        if settings is None:
            _fail(
                context,
                grpc.StatusCode.FAILED_PRECONDITION,
                "this provider was not configured on this connection: the server was started anew after the engine had"
                " configured it, or its region is not known yet; run the operation again",
            )
        return settings

    @staticmethod
    def _answer(context: grpc.ServicerContext, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except UnknownType as error:
            _fail(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except (RefusedCall, NotFound) as error:
            _fail(context, grpc.StatusCode.UNKNOWN, str(error))


def _plugin_of(request: Any) -> str:
    return request.urn.rsplit("::", 2)[-2].rsplit(":", 1)[-1] if "::" in request.urn else "aws"


def _type_of(request: Any) -> str:
    return request.urn.split("::")[-2].split("$")[-1]


def _noting_defaults(properties: Mapping[str, Any], inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**properties, DEFAULTED: inputs[DEFAULTED]} if DEFAULTED in inputs else properties


def _detailed(changes: tuple[Change, ...], forcing: frozenset[str]) -> dict[str, Any]:
    detailed = {}
    for change in changes:
        plain, replacing = _KINDS[change.kind]
        kind = replacing if change.path in forcing else plain
        detailed[_path(change.path)] = provider_pb2.PropertyDiff(kind=kind, inputDiff=change.path != "tagsAll")
    return detailed


def _path(path: str) -> str:
    """Returns a property path that the engine parses even where a tag's key has dots."""
    head, _, rest = path.partition(".")
    if not rest:
        return head
    return f'{head}["{rest}"]' if head in ("tags", "tagsAll") else path


def _fail(context: grpc.ServicerContext, code: grpc.StatusCode, text: str) -> NoReturn:
    context.abort(code, text)
    raise AssertionError("abort raises")


@dataclass(frozen=True)
class Serving:
    """A server that is up: its port on the loopback interface and the provider behind it."""

    port: int
    aws: Aws

    @property
    def debug_providers(self) -> str:
        """The value of `PULUMI_DEBUG_PROVIDERS` by which an engine attaches."""
        return f"aws:{self.port},gcp:{self.port}"


@contextmanager
def serve(state: Path, *, lab_id: str, world: Path | None = None, port: int = 0) -> Iterator[Serving]:
    """Serves the lab's AWS on the loopback interface until the block ends.

    Args:
        state: the SQLite file; made if it is not there.
        lab_id: goes into every id.
        world: the JSON file of other accounts' VPCs and quotas.
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    store = Store(state, create=True)
    aws = Aws(store, lab_id=lab_id, world_file=world, patience_seconds=PATIENCE_SECONDS)
    limits = [("grpc.max_receive_message_length", _LARGEST_MESSAGE), ("grpc.max_send_message_length", _LARGEST_MESSAGE)]
    server = grpc.server(ThreadPoolExecutor(max_workers=64), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(ResourceProvider(aws), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    if bound == 0:
        raise OSError(f"127.0.0.1:{port}: another process listens there; give port 0 to take a free one")
    server.start()
    try:
        yield Serving(bound, aws)
    finally:
        server.stop(grace=1).wait()
        store.close()
