"""How a resource type is declared: what it replaces on, defaults, refers to, computes and refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.clouds.aws.call import Call

Computed = dict[str, Any]
Found = Iterator[tuple[str, str]]
Rule = Callable[[Mapping[str, Any]], Found]
"""Looks at inputs before anything is made and yields (property, reason); unknown values must pass."""

DEPENDENCY_VIOLATION = ("DependencyViolation", "The {noun} '{id}' has dependencies and cannot be deleted. ({by})")


@dataclass(frozen=True)
class Reference:
    """A property that names another resource, which must exist in the same account and region.

    Attributes:
        path: the input, for example `vpcId`, `subnetIds[]` or `subnetMappings[].allocationId`.
        to: the type tokens of what it may name.
        error: AWS's code and message where there is none; `{id}` is replaced by the value.
        by: which attribute of the target the property holds: `id`, `arn` or another output.
        blocks: whether the target cannot be deleted while this refers to it.
        ignore: values of the property that name nothing, for example `local`.
    """

    path: str
    to: tuple[str, ...]
    error: tuple[str, str]
    by: str = "id"
    blocks: bool = True
    ignore: Callable[[str], bool] = field(default=lambda value: False)


@dataclass(frozen=True)
class Autoname:
    """A name that the provider makes up from the resource's logical name where none is given."""

    property: str = "name"
    prefix_property: str | None = "namePrefix"
    longest: int = 255
    leading: str = ""
    lower: bool = False


@dataclass(frozen=True, kw_only=True)
class TypeSpec:
    """One type of resource.

    Attributes:
        token: the Pulumi type token.
        noun: what the AWS provider calls it in messages.
        service: the SDK's name of the service; with `create`, `update` and `delete`, the API calls for messages.
        id: a prefix such as `vpc-` for an id in EC2's form, or a function that gives the id.
        replaces: inputs whose change replaces; a dotted path for a nested one.
        replaces_if: gives further such inputs that depend on the other inputs.
        computed_inputs: inputs that keep the value that AWS gave them when the program stops setting them.
        defaults: what AWS fills in where the program says nothing.
        arn: a template of the ARN with `{region}`, `{account}`, `{id}`; None where there is no ARN.
        is_global: whether the type belongs to no region.
        autoname: how a name is made up, where the provider does so.
        rules: what the provider itself refuses before it asks AWS.
        references: what the inputs name.
        refusals: what AWS refuses at creation and update.
        compute: gives further attributes at creation.
        recompute: gives attributes that change with an update.
        refuse_deletion: what AWS refuses at deletion, besides that something still refers to the resource.
        in_use: code and message where something still refers to it; `{noun}`, `{id}`, `{by}` are filled in.
    """

    token: str
    noun: str
    service: str
    create: str
    update: str = ""
    delete: str = ""
    id: str | Callable[[Call], str]
    replaces: frozenset[str] = frozenset()
    replaces_if: Callable[[Mapping[str, Any]], frozenset[str]] | None = None
    computed_inputs: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    arn: str | None = None
    is_global: bool = False
    autoname: Autoname | None = None
    rules: tuple[Rule, ...] = ()
    references: tuple[Reference, ...] = ()
    refusals: tuple[Callable[[Call], None], ...] = ()
    compute: Callable[[Call], Computed] | None = None
    recompute: Callable[[Call], Computed] | None = None
    refuse_deletion: Callable[[Call], None] | None = None
    in_use: tuple[str, str] = DEPENDENCY_VIOLATION

    def forcing(self, inputs: Mapping[str, Any]) -> frozenset[str]:
        """Returns the inputs whose change replaces the resource, given its new inputs."""
        return self.replaces | {"region"} | (self.replaces_if(inputs) if self.replaces_if else frozenset())

    def call_to(self, doing: str) -> str:
        """Returns the API call behind `creating`, `updating` or `deleting`, for messages."""
        stem = self.create.removeprefix("Create")
        return {
            "creating": self.create,
            "updating": self.update or f"Modify{stem}",
            "deleting": self.delete or f"Delete{stem}",
        }[doing]
