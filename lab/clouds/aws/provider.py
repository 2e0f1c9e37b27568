"""The provider's answers, free of the wire: check, diff, create, read, update, delete and invoke on plain values."""

import difflib
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.clouds.aws.call import Call, Settings
from lab.clouds.aws.refusals import describe_refusal
from lab.clouds.aws.regions import GLOBAL, ZONES
from lab.clouds.aws.schema import AWS_SCHEMA, PROVIDER_TOKEN
from lab.clouds.aws.services import SPECS
from lab.clouds.aws.spec import Autoname, TypeSpec
from lab.clouds.aws.world import OWN_ACCOUNT, World, read_world
from lab.clouds.difference import Change, changes, same, touches
from lab.clouds.errors import NotFound, Refusal, RefusedCall, UnknownType
from lab.clouds.provider import DEFAULTED, Checked, Difference, Read
from lab.clouds.schema import Problem, TypeSchema, shape_problems
from lab.clouds.store import Row, Store, Transaction
from lab.clouds.values import UNKNOWN, Properties, at_path, is_unknown

PROTECTED = frozenset({"OperationNotPermitted", "ValidationException"})
"""The codes of refused deletions that waiting does not help."""

_RETRY_SECONDS = 0.05
_OF_THE_ENGINE = ("version", "pluginDownloadURL")


class Aws:
    """AWS as the engine sees it, on top of a store.

    Args:
        store: where the resources are kept.
        lab_id: goes into every id, so that two labs never share one.
        world_file: the other accounts, read again whenever a provider is configured.
        patience_seconds: how long a deletion is tried again while something depends on the resource. The engine deletes
            independent resources at the same time, and the AWS provider waits likewise (for up to 20 minutes).
    """

    def __init__(
        self, store: Store, *, lab_id: str, world_file: Path | None = None, patience_seconds: float = 0
    ) -> None:
        self.store = store
        self.lab_id = lab_id
        self._world_file = world_file
        self._patience_seconds = patience_seconds
        self.world: World = read_world(world_file)

    def check_config(self, inputs: Mapping[str, Any]) -> list[Problem]:
        """Returns what is wrong with a provider's configuration, given with its nested values decoded."""
        settings = {name: value for name, value in inputs.items() if name not in _OF_THE_ENGINE}
        problems = shape_problems(AWS_SCHEMA[PROVIDER_TOKEN], PROVIDER_TOKEN, settings)
        region = inputs.get("region")
        if region is None:
            problems.append(Problem("region", "Missing region configuration: set the provider's 'region'"))
        elif region != UNKNOWN and region not in ZONES:
            problems.append(Problem("region", f"invalid AWS Region: {region}"))
        allowed, forbidden = inputs.get("allowedAccountIds"), inputs.get("forbiddenAccountIds")
        if allowed and forbidden:
            problems.append(Problem("allowedAccountIds", "conflicts with forbiddenAccountIds"))
        return problems

    def decode_config(self, inputs: Mapping[str, Any]) -> Properties:
        """Returns a provider's configuration with the nested values, which the engine sends as JSON text, decoded."""
        decoded: Properties = {}
        for name, value in inputs.items():
            shape = AWS_SCHEMA[PROVIDER_TOKEN].inputs.get(name)
            if isinstance(value, str) and value != UNKNOWN and shape not in (None, "string"):
                with suppress(ValueError):
                    value = json.loads(value)
            decoded[name] = value
        return decoded

    def configure(self, inputs: Mapping[str, Any]) -> Settings | None:
        """Returns the settings of a provider with this configuration, and reads the world again.

        None, while the region or another part of the configuration is not known.
        """
        if not isinstance(inputs.get("region"), str) or is_unknown(inputs):
            return None
        self.world = read_world(self._world_file)
        allowed = inputs.get("allowedAccountIds") or [OWN_ACCOUNT]
        tags = (inputs.get("defaultTags") or {}).get("tags") or {}
        return Settings(region=inputs["region"], account=str(allowed[0]), default_tags=dict(tags))

    def check(
        self, token: str, urn: str, olds: Mapping[str, Any], news: Mapping[str, Any], seed: bytes = b""
    ) -> Checked:
        """Fills in defaults and returns everything that the provider itself refuses, before AWS is asked.

        Raises:
            UnknownType: the lab's AWS has no such type.
        """
        spec = spec_of(token)
        inputs = {name: value for name, value in news.items() if name != DEFAULTED}
        if spec.autoname:
            _fill_in_name(spec.autoname, urn, olds, inputs, seed)
        problems = shape_problems(AWS_SCHEMA[token], token, inputs)
        region = inputs.get("region")
        if isinstance(region, str) and region != UNKNOWN and region not in ZONES:
            problems.append(Problem("region", f"invalid AWS Region: {region}"))
        if not problems:
            problems = [Problem(*found) for rule in spec.rules for found in rule(inputs)]
        return Checked(inputs, tuple(problems))

    def diff(
        self,
        token: str,
        id: str,
        settings: Settings,
        old_inputs: Mapping[str, Any],
        old_properties: Mapping[str, Any],
        news: Mapping[str, Any],
    ) -> Difference:
        """Returns what a resource's new inputs change."""
        spec = spec_of(token)
        known = {**_blocks_of_aws(old_inputs, old_properties, news), **old_inputs}
        found = [change for change in changes(known, news) if _matters(spec, change, old_properties, news)]
        region = _region_of(spec, settings, news)
        if old_properties.get("region") not in (None, region) and not any(c.path == "region" for c in found):
            found.append(Change("region", "update"))
        if not spec.is_global and "tagsAll" in old_properties and not is_unknown(news.get("tags")):
            wanted = {**settings.default_tags, **(news.get("tags") or {})}
            if wanted != old_properties["tagsAll"] and not any(c.path.split(".")[0] == "tags" for c in found):
                found.append(Change("tagsAll", "update", of_input=False))
        forcing = spec.forcing(news)
        replaces = sorted({change.path for change in found if touches(change, forcing)})
        return Difference(tuple(found), tuple(replaces), bool(replaces) and _keeps_name(spec, old_inputs, news))

    def create(
        self, token: str, urn: str, settings: Settings, inputs: Mapping[str, Any], *, preview: bool = False
    ) -> tuple[str, Properties]:
        """Makes a resource; returns its id and properties. In a preview it asks AWS nothing and makes nothing.

        Raises:
            RefusedCall: AWS refused.
        """
        spec = spec_of(token)
        if preview:
            return "", _previewed(spec, AWS_SCHEMA[token], settings, inputs)
        try:
            with self.store.transaction() as change:
                call = self._call(spec, change, settings, urn, inputs)
                _check_references(call)
                for refuse in spec.refusals:
                    refuse(call)
                return self._insert(call)
        except Refusal as refusal:
            raise _refused(spec, "creating", urn, refusal) from refusal

    def read(
        self,
        token: str,
        id: str,
        settings: Settings,
        properties: Mapping[str, Any],
        inputs: Mapping[str, Any] | None = None,
    ) -> Read:
        """Returns what the store has under this id, or an empty answer."""
        spec = spec_of(token)
        with self.store.snapshot() as view:
            row = self._row(spec, view, id, settings, properties)
        if row is None:
            return Read()
        found = dict(row.inputs)
        if inputs and DEFAULTED in inputs:
            found[DEFAULTED] = inputs[DEFAULTED]
        return Read(row.id, row.properties, found)

    def update(
        self,
        token: str,
        id: str,
        urn: str,
        settings: Settings,
        old_properties: Mapping[str, Any],
        news: Mapping[str, Any],
        *,
        preview: bool = False,
    ) -> Properties:
        """Gives a resource new inputs; returns its properties.

        Raises:
            NotFound: it is gone.
            RefusedCall: AWS refused.
        """
        spec = spec_of(token)
        if preview:
            return _merge(spec, old_properties, {}, news) | _tags_all(spec, settings, news)
        try:
            with self.store.transaction() as change:
                row = self._row(spec, change, id, settings, old_properties)
                if row is None:
                    raise NotFound(
                        f"updating {spec.noun} ({id}): couldn't find resource; refresh to see that it is gone"
                    )
                call = self._call(spec, change, settings, urn, news, old=row)
                _check_references(call)
                for refuse in spec.refusals:
                    refuse(call)
                self._save(call)
                return call.row.properties
        except Refusal as refusal:
            raise _refused(spec, "updating", urn, refusal) from refusal

    def delete(self, token: str, id: str, urn: str, settings: Settings, properties: Mapping[str, Any]) -> None:
        """Deletes a resource; one that is already gone is no error.

        Raises:
            RefusedCall: something still depends on it, or it is protected.
        """
        spec = spec_of(token)
        deadline = time.monotonic() + self._patience_seconds
        while True:
            try:
                self._delete_once(spec, id, urn, settings, properties)
                return
            except Refusal as refusal:
                if refusal.code in PROTECTED or time.monotonic() >= deadline:
                    raise _refused(spec, "deleting", urn, refusal) from refusal
            time.sleep(_RETRY_SECONDS)

    def _delete_once(
        self, spec: TypeSpec, id: str, urn: str, settings: Settings, properties: Mapping[str, Any]
    ) -> None:
        with self.store.transaction() as change:
            row = self._row(spec, change, id, settings, properties)
            if row is None:
                return
            call = self._call(spec, change, settings, urn, row.inputs, old=row)
            _refuse_while_in_use(call)
            if spec.refuse_deletion:
                spec.refuse_deletion(call)
            change.delete(row)

    def invoke(self, token: str, settings: Settings, arguments: Mapping[str, Any]) -> Properties:
        """Answers a function call.

        Raises:
            UnknownType: the lab's AWS has no such function.
        """
        region = arguments.get("region") or settings.region
        answers: dict[str, Callable[[], Properties]] = {
            "aws:index/getCallerIdentity:getCallerIdentity": lambda: {
                "accountId": settings.account,
                "arn": f"arn:aws:iam::{settings.account}:user/lab",
                "id": settings.account,
                "userId": f"AIDA{hashlib.sha256(settings.account.encode()).hexdigest()[:17].upper()}",
            },
            "aws:index/getRegion:getRegion": lambda: {
                "description": region,
                "endpoint": f"ec2.{region}.amazonaws.com",
                "id": region,
                "name": region,
                "region": region,
            },
            "aws:index/getPartition:getPartition": lambda: {
                "dnsSuffix": "amazonaws.com",
                "id": "aws",
                "partition": "aws",
                "region": region,
                "reverseDnsPrefix": "com.amazonaws",
            },
            "aws:index/getAvailabilityZones:getAvailabilityZones": lambda: {
                "groupNames": [region],
                "id": region,
                "names": [f"{region}{letter}" for letter in ZONES[region][1]],
                "region": region,
                "zoneIds": [f"{ZONES[region][0]}-az{n}" for n in range(1, len(ZONES[region][1]) + 1)],
            },
        }
        if token not in answers:
            raise UnknownType(
                f"the lab's AWS does not know the function '{token}'; it answers {', '.join(sorted(answers))}"
            )
        return answers[token]()

    def _call(
        self,
        spec: TypeSpec,
        change: Transaction,
        settings: Settings,
        urn: str,
        inputs: Mapping[str, Any],
        old: Row | None = None,
    ) -> Call:
        wanted = {name: value for name, value in inputs.items() if name != DEFAULTED and value is not None}
        if old is None:
            region = _region_of(spec, settings, wanted)
            row = Row(-1, spec.token, region, settings.account, "", urn=urn)
            props = {**spec.defaults, **wanted}
            generation = change.next_generation(urn)
        else:
            region, row, generation = old.region, Row(**vars(old)), 0
            props = _merge(spec, old.properties, old.inputs, wanted)
        return Call(
            spec=spec,
            change=change,
            settings=settings,
            world=self.world,
            lab_id=self.lab_id,
            region=region,
            row=row,
            inputs=wanted,
            props=props,
            generation=generation,
            old=old,
        )

    def _insert(self, call: Call) -> tuple[str, Properties]:
        spec, row = call.spec, call.row
        row.id = call.new_id(spec.id) if isinstance(spec.id, str) else spec.id(call)
        row.inputs = call.inputs
        call.change.insert(row)
        row.properties = call.props | self._attributes(call)
        if spec.compute:
            row.properties |= spec.compute(call)
        call.change.save(row)
        call.change.mention(row.key, _mentions(spec, row.properties))
        return row.id, row.properties

    def _save(self, call: Call) -> None:
        row = call.row
        row.inputs = call.inputs
        row.properties = call.props | self._attributes(call)
        if call.spec.recompute:
            row.properties |= call.spec.recompute(call)
        call.change.save(row)
        call.change.mention(row.key, _mentions(call.spec, row.properties))

    @staticmethod
    def _attributes(call: Call) -> Properties:
        spec = call.spec
        found = _tags_all(spec, call.settings, call.inputs)
        if "region" in AWS_SCHEMA[spec.token].outputs and not spec.is_global:
            found["region"] = call.region
        if "ownerId" in AWS_SCHEMA[spec.token].outputs:
            found["ownerId"] = call.account
        if spec.arn:
            found["arn"] = spec.arn.format(region=call.region, account=call.account, id=call.id)
        return found

    @staticmethod
    def _row(
        spec: TypeSpec, change: Transaction, id: str, settings: Settings, properties: Mapping[str, Any]
    ) -> Row | None:
        region = GLOBAL if spec.is_global else properties.get("region") or settings.region
        row = change.get(type=spec.token, account=settings.account, region=region, id=id)
        return row if row is not None and row.maker is None else None


def spec_of(token: str) -> TypeSpec:
    """Returns the declaration of a type.

    Raises:
        UnknownType: the lab's AWS has no such type; the message names the nearest that it has.
    """
    spec = SPECS.get(token)
    if spec is None:
        near = difflib.get_close_matches(token, SPECS, n=1)
        hint = f"; the nearest it knows is '{near[0]}'" if near else ""
        raise UnknownType(
            f"the lab's AWS does not know the resource type '{token}'{hint}; declare it in lab/clouds/aws/services"
        )
    return spec


def _fill_in_name(rule: Autoname, urn: str, olds: Mapping[str, Any], inputs: Properties, seed: bytes) -> None:
    if inputs.get(rule.property) is not None:
        return
    prefix = inputs.get(rule.prefix_property) if rule.prefix_property else None
    if prefix == UNKNOWN:
        return
    made_before = rule.property in (olds.get(DEFAULTED) or ())
    if made_before and olds.get(rule.prefix_property or "") == prefix:
        name = olds[rule.property]
    else:
        suffix = hashlib.sha256(seed or urn.encode()).hexdigest()[:7]
        stem = prefix if prefix is not None else f"{rule.leading}{urn.rsplit('::', 1)[-1]}-"
        name = stem[: rule.longest - len(suffix)] + suffix
        name = name.lower() if rule.lower else name
    inputs[rule.property] = name
    inputs[DEFAULTED] = [rule.property]


def _keeps_name(spec: TypeSpec, old_inputs: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    if not spec.autoname or spec.autoname.property in (news.get(DEFAULTED) or ()):
        return False
    return same(old_inputs.get(spec.autoname.property), news.get(spec.autoname.property))


def _blocks_of_aws(
    old_inputs: Mapping[str, Any], old_properties: Mapping[str, Any], news: Mapping[str, Any]
) -> Properties:
    """Returns what AWS chose of the nested blocks that only the new inputs speak of, as far as these go."""
    blocks = {}
    for name, new in news.items():
        present = old_properties.get(name)
        if name not in old_inputs and isinstance(new, Mapping) and isinstance(present, Mapping):
            blocks[name] = {key: present[key] for key in new if key in present}
    return blocks


def _matters(spec: TypeSpec, change: Change, old_properties: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    name = change.path.split(".")[0]
    if change.kind == "add":
        added = next(at_path(news, change.path), None)
        return not same(next(at_path(old_properties, change.path), None), added)
    if change.kind == "delete":
        if name in spec.computed_inputs or name == "region":
            return False
        return name != change.path or name not in spec.defaults or spec.defaults[name] != old_properties.get(name)
    return True


def _merge(
    spec: TypeSpec, old_properties: Mapping[str, Any], old_inputs: Mapping[str, Any], news: Mapping[str, Any]
) -> Properties:
    merged = dict(old_properties)
    for name in old_inputs:
        if name not in news and name not in spec.computed_inputs and name != "region":
            merged.pop(name, None)
            if name in spec.defaults:
                merged[name] = spec.defaults[name]
    merged.update({name: value for name, value in news.items() if name != DEFAULTED})
    return merged


def _previewed(spec: TypeSpec, schema: TypeSchema, settings: Settings, inputs: Mapping[str, Any]) -> Properties:
    known = {**spec.defaults, **{name: value for name, value in inputs.items() if name != DEFAULTED}}
    if "region" in schema.outputs and not spec.is_global:
        known["region"] = _region_of(spec, settings, inputs)
    known |= _tags_all(spec, settings, inputs)
    left_to_aws = (schema.outputs - schema.inputs.keys()) | spec.computed_inputs
    return {name: UNKNOWN for name in left_to_aws if name not in known} | known


def _tags_all(spec: TypeSpec, settings: Settings, inputs: Mapping[str, Any]) -> Properties:
    if "tagsAll" not in AWS_SCHEMA[spec.token].outputs:
        return {}
    tags = inputs.get("tags")
    return {"tagsAll": UNKNOWN if tags == UNKNOWN else {**settings.default_tags, **(tags or {})}}


def _region_of(spec: TypeSpec, settings: Settings, inputs: Mapping[str, Any]) -> str:
    return GLOBAL if spec.is_global else inputs.get("region") or settings.region


def _mentions(spec: TypeSpec, properties: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (reference.path, value)
        for reference in spec.references
        for value in at_path(properties, reference.path)
        if isinstance(value, str) and not reference.ignore(value)
    ]


def _check_references(call: Call) -> None:
    for reference in call.spec.references:
        for value in at_path(call.inputs, reference.path):
            if not isinstance(value, str) or reference.ignore(value):
                continue
            if reference.by == "id":
                found = call.get(reference.to, value) is not None
            else:
                found = bool(call.find(reference.to, **{reference.by: value}))
            if not found:
                code, message = reference.error
                call.refuse(code, message.format(id=value))


def _refuse_while_in_use(call: Call) -> None:
    row = call.row
    names = {row.id} | {row.properties[by] for by in ("arn", "name", "keyName") if row.properties.get(by)}
    for name in sorted(names):
        for referrer, path in call.change.mentioning(name):
            if referrer.account != row.account or referrer.key == row.key:
                continue
            if GLOBAL not in (row.region, referrer.region) and row.region != referrer.region:
                continue
            for reference in SPECS[referrer.type].references:
                holds = row.id if reference.by == "id" else row.properties.get(reference.by)
                if reference.path == path and row.type in reference.to and reference.blocks and holds == name:
                    code, message = call.spec.in_use
                    by = f"{SPECS[referrer.type].noun} {referrer.id}"
                    call.refuse(code, message.format(noun=_short(call.spec.noun), id=row.id, by=by))


def _short(noun: str) -> str:
    return noun.split(" ", 1)[-1].lower()


def _refused(spec: TypeSpec, doing: str, urn: str, refusal: Refusal) -> RefusedCall:
    text = describe_refusal(
        refusal, doing=doing, noun=spec.noun, service=spec.service, call=spec.call_to(doing), urn=urn
    )
    return RefusedCall(text, refusal)


def drift(row: Row, changes: Mapping[str, Any]) -> None:
    """Changes a resource as a person at the AWS console would; None removes the property."""
    if "tags" in changes and "tagsAll" in row.properties:
        inherited = row.properties["tagsAll"].items() - (row.properties.get("tags") or {}).items()
        row.properties["tagsAll"] = {**dict(inherited), **(changes["tags"] or {})}
    schema = AWS_SCHEMA.get(row.type)
    for name, value in changes.items():
        for properties in (row.properties, row.inputs):
            if value is None:
                properties.pop(name, None)
            elif properties is row.properties or (schema and name in schema.inputs):
                properties[name] = value
