"""Route 53: hosted zones, records, health checks.

Source: the Route 53 API reference (InvalidChangeBatch and its texts) and its developer guide on record types.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import address, between, conflicts, exactly_one, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.spec import Autoname, Computed, Found, Reference, TypeSpec
from lab.clouds.store import Row

_TYPES = ("A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "SVCB", "TXT")
_LABEL = re.compile(r"(\*|_?[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)")
_NO_ZONE = ("NoSuchHostedZone", "No hosted zone found with ID: {id}")
_ROUTING = (
    "cidrRoutingPolicy",
    "failoverRoutingPolicies",
    "geolocationRoutingPolicies",
    "geoproximityRoutingPolicy",
    "latencyRoutingPolicies",
    "multivalueAnswerRoutingPolicy",
    "weightedRoutingPolicies",
)


def _is_name(name: str) -> bool:
    labels = name.rstrip(".").split(".")
    return len(name) <= 255 and all(_LABEL.fullmatch(label) for label in labels)


def _refuse_zone(call: Call) -> None:
    name = call.props["name"].rstrip(".").lower()
    if not _is_name(name) or "*" in name:
        call.refuse("InvalidDomainName", f"The domain name '{name}' is not valid.")
    for entry in call.props.get("vpcs") or []:
        region = entry.get("vpcRegion") or call.settings.region
        if call.get_in(region, tokens.VPC, entry["vpcId"]) is None:
            call.refuse("InvalidVPCId", f"The VPC: {entry['vpcId']} in region {region} that you provided is not valid.")
        for other in call.find(tokens.HOSTED_ZONE):
            present = {vpc["vpcId"] for vpc in other.properties.get("vpcs") or []}
            if other.properties["name"] == name and entry["vpcId"] in present:
                call.refuse(
                    "ConflictingDomainExists",
                    f"The VPC {entry['vpcId']} in region {region} has already been associated with the hosted zone"
                    f" {other.id} with the same domain name.",
                )


def _zone_attributes(call: Call) -> Computed:
    numbers = [int(call.digest("ns", n)[:6], 16) % 512 for n in range(4)]
    servers = [
        f"ns-{number + 512 * place}.awsdns-{number % 64:02d}.{suffix}"
        for place, (number, suffix) in enumerate(zip(numbers, ("com", "net", "org", "co.uk"), strict=True))
    ]
    if call.props.get("vpcs"):
        servers = ["ns-0.awsdns-00.com", "ns-512.awsdns-00.net", "ns-1024.awsdns-00.org", "ns-1536.awsdns-00.co.uk"]
    vpcs = [{"vpcRegion": call.settings.region, **entry} for entry in call.props.get("vpcs") or []]
    return {
        "name": call.props["name"].rstrip(".").lower(),
        "zoneId": call.id,
        "nameServers": sorted(servers),
        "primaryNameServer": servers[0],
        "arn": f"arn:aws:route53:::hostedzone/{call.id}",
        "vpcs": vpcs,
    }


def _refuse_filled_zone(call: Call) -> None:
    if call.row.properties.get("forceDestroy"):
        for record in call.mentioning(call.id, tokens.DNS_RECORD):
            call.change.delete(record)
    elif call.mentioning(call.id, tokens.DNS_RECORD):
        call.refuse(
            "HostedZoneNotEmpty",
            "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
        )


def _zone_of(call: Call) -> Row | None:
    return call.get(tokens.HOSTED_ZONE, call.props["zoneId"])


def _full_name(call: Call) -> str:
    zone = _zone_of(call)
    apex = zone.properties["name"] if zone else ""
    name = call.props["name"].rstrip(".").lower()
    if name in ("", "@"):
        return apex
    return name if name == apex or name.endswith(f".{apex}") else f"{name}.{apex}"


def _refuse_record(call: Call) -> None:
    zone, kind = _zone_of(call), call.props["type"]
    if zone is None:
        return
    name, apex = _full_name(call), zone.properties["name"]
    if not _is_name(name):
        _refuse_batch(call, f"FATAL problem: DomainLabelIllegal (Invalid domain label) encountered with '{name}'")
    if kind == "CNAME" and name == apex:
        _refuse_batch(call, f"RRSet of type CNAME with DNS name {name}. is not permitted at apex in zone {apex}.")
    identifier = call.props.get("setIdentifier")
    for other in call.mentioning(zone.id, tokens.DNS_RECORD):
        if other.properties["fqdn"] != name:
            continue
        if other.properties["type"] == kind and other.properties.get("setIdentifier") == identifier:
            if call.old is None and not call.props.get("allowOverwrite"):
                _refuse_batch(
                    call, f"Tried to create resource record set [name='{name}.', type='{kind}'] but it already exists"
                )
        elif "CNAME" in (kind, other.properties["type"]) and other.properties["type"] != kind:
            _refuse_batch(
                call,
                f"RRSet of type {kind} with DNS name {name}. is not permitted because a conflicting RRSet of type"
                f" {other.properties['type']} with the same DNS name already exists in zone {apex}.",
            )
    for value in call.props.get("records") or []:
        _refuse_value(call, kind, value)
    _refuse_alias(call)


def _refuse_value(call: Call, kind: str, value: str) -> None:
    version = {"A": 4, "AAAA": 6}.get(kind)
    if version is None:
        return
    try:
        good = ipaddress.ip_address(value).version == version
    except ValueError:
        good = False
    if not good:
        word = f"{kind}RRDATAIllegalIPv{version}Address (Value is not a valid IPv{version} address)"
        _refuse_batch(call, f"Invalid Resource Record: 'FATAL problem: {word} encountered with '{value}''")


def _refuse_alias(call: Call) -> None:
    for alias in call.props.get("aliases") or []:
        balancers = call.change.rows(type=tokens.LOAD_BALANCER, account=call.account)
        names = {row.properties["dnsName"].lower(): row.properties["zoneId"] for row in balancers}
        target = alias["name"].rstrip(".").lower().removeprefix("dualstack.")
        if target.endswith(".amazonaws.com") and names.get(target) != alias["zoneId"]:
            _refuse_batch(
                call,
                f"Tried to create an alias that targets {target}., type {call.props['type']} in zone {alias['zoneId']},"
                " but the alias target name does not lie within the target zone",
            )


def _refuse_batch(call: Call, text: str) -> None:
    call.refuse("InvalidChangeBatch", f"[{text}]")


def _record_id(call: Call) -> str:
    words = [call.props["zoneId"], _full_name(call), call.props["type"]]
    return "_".join([*words, *([call.props["setIdentifier"]] if call.props.get("setIdentifier") else [])])


def _refuse_check(call: Call) -> None:
    kind = call.props["type"]
    endpoint = call.props.get("ipAddress") or call.props.get("fqdn")
    if kind in ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP") and not endpoint:
        call.refuse("InvalidInput", "Basic errors: Either IPAddress or FullyQualifiedDomainName must be specified.")
    if kind == "TCP" and not call.props.get("port"):
        call.refuse("InvalidInput", "Basic errors: Port must be specified for a TCP health check.")
    if kind.endswith("STR_MATCH") and not call.props.get("searchString"):
        call.refuse("InvalidInput", "Basic errors: SearchString must be specified.")


def _check_id(call: Call) -> str:
    digits = call.digest("check")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def _answer_with_ttl(inputs: Mapping[str, Any]) -> Found:
    if inputs.get("records") and inputs.get("ttl") is None:
        yield "ttl", "Missing required argument: 'ttl' is required with 'records'"
    if any(inputs.get(name) for name in _ROUTING) and not inputs.get("setIdentifier"):
        yield "setIdentifier", "Missing required argument: a routing policy needs a 'setIdentifier'"


SPECS = (
    TypeSpec(
        token=tokens.HOSTED_ZONE,
        noun="Route53 Hosted Zone",
        service="Route 53",
        create="CreateHostedZone",
        update="UpdateHostedZoneComment",
        id=lambda call: f"Z{call.digest('zone')[:20].upper()}",
        replaces=frozenset({"name", "delegationSetId"}),
        computed_inputs=frozenset({"vpcs"}),
        defaults={"comment": "Managed by Pulumi", "forceDestroy": False},
        is_global=True,
        autoname=Autoname(prefix_property=None),
        rules=(conflicts("delegationSetId", "vpcs"),),
        refusals=(_refuse_zone,),
        compute=_zone_attributes,
        refuse_deletion=_refuse_filled_zone,
    ),
    TypeSpec(
        token=tokens.DNS_RECORD,
        noun="Route53 Record",
        service="Route 53",
        create="ChangeResourceRecordSets",
        update="ChangeResourceRecordSets",
        delete="ChangeResourceRecordSets",
        id=_record_id,
        replaces=frozenset({"name", "setIdentifier", "type", "zoneId"}),
        is_global=True,
        rules=(
            one_of("type", *_TYPES),
            exactly_one("records", "aliases"),
            conflicts("aliases", "ttl"),
            _answer_with_ttl,
        ),
        references=(
            Reference("zoneId", (tokens.HOSTED_ZONE,), _NO_ZONE, blocks=False),
            Reference(
                "healthCheckId",
                (tokens.HEALTH_CHECK,),
                ("NoSuchHealthCheck", "A health check with id {id} does not exist."),
                blocks=False,
            ),
        ),
        refusals=(_refuse_record,),
        compute=lambda call: {"fqdn": _full_name(call)},
    ),
    TypeSpec(
        token=tokens.HEALTH_CHECK,
        noun="Route53 Health Check",
        service="Route 53",
        create="CreateHealthCheck",
        update="UpdateHealthCheck",
        id=_check_id,
        arn="arn:aws:route53:::healthcheck/{id}",
        replaces=frozenset({"type", "measureLatency", "referenceName", "requestInterval", "routingControlArn"}),
        computed_inputs=frozenset({"enableSni", "regions"}),
        defaults={"disabled": False, "invertHealthcheck": False, "measureLatency": False},
        is_global=True,
        rules=(
            one_of(
                "type",
                "CALCULATED",
                "CLOUDWATCH_METRIC",
                "HTTP",
                "HTTP_STR_MATCH",
                "HTTPS",
                "HTTPS_STR_MATCH",
                "RECOVERY_CONTROL",
                "TCP",
            ),
            between("failureThreshold", 1, 10),
            between("port", 1, 65535),
            one_of("requestInterval", 10, 30),
            address("ipAddress"),
        ),
        refusals=(_refuse_check,),
    ),
)
