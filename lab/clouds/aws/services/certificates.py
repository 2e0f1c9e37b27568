"""Certificates of ACM and their validation by DNS."""

import hashlib
from collections.abc import Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import arn, matches, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.spec import Computed, Found, Reference, TypeSpec

_DOMAIN = r"(\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])"
_MOST_NAMES = 100


def _names_of(props: Mapping[str, Any]) -> list[str]:
    names = [props["domainName"], *(props.get("subjectAlternativeNames") or [])]
    return list(dict.fromkeys(names))


def _refuse_certificate(call: Call) -> None:
    if not call.props.get("domainName"):
        return
    names = _names_of(call.props)
    if len(names) > _MOST_NAMES:
        call.refuse(
            "LimitExceededException", f"Error: Domain limit exceeded: {len(names)} names, at most {_MOST_NAMES}."
        )
    if len(names[0]) > 64:
        call.refuse("ValidationException", f"The first domain name can be no longer than 64 octets: {names[0]}")


def _certificate_arn(call: Call) -> str:
    digits = call.digest("certificate")
    uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
    return call.arn("acm", f"certificate/{uuid}")


def _certificate_attributes(call: Call) -> Computed:
    props = call.props
    private, imported = bool(props.get("certificateAuthorityArn")), bool(props.get("certificateBody"))
    names = _names_of(props) if props.get("domainName") else []
    by_dns = props.get("validationMethod") == "DNS" and not private and not imported
    options = [_validation_option(call, name) for name in names] if by_dns else []
    return {
        "arn": call.id,
        "status": "ISSUED" if private or imported else "PENDING_VALIDATION",
        "type": "PRIVATE" if private else "IMPORTED" if imported else "AMAZON_ISSUED",
        "subjectAlternativeNames": names,
        "domainValidationOptions": options,
        "validationEmails": [],
        "notBefore": "",
        "notAfter": "",
        "pendingRenewal": False,
        "renewalEligibility": "INELIGIBLE",
        "renewalSummaries": [],
    }


def _validation_option(call: Call, name: str) -> dict[str, str]:
    base = name.removeprefix("*.")
    token = hashlib.sha256(f"{call.account} {base}".encode()).hexdigest()
    return {
        "domainName": name,
        "resourceRecordName": f"_{token[:32]}.{base}.",
        "resourceRecordType": "CNAME",
        "resourceRecordValue": f"_{token[32:]}.{token[:10]}.acm-validations.aws.",
    }


def _refuse_validation(call: Call) -> None:
    certificates = call.find(tokens.CERTIFICATE, arn=call.props["certificateArn"])
    if not certificates or certificates[0].properties["status"] == "ISSUED":
        return
    options = certificates[0].properties["domainValidationOptions"]
    wanted = {option["resourceRecordName"].rstrip(".").lower() for option in options}
    given = {fqdn.rstrip(".").lower() for fqdn in call.props.get("validationRecordFqdns") or []}
    if given and not wanted <= given:
        call.refuse("ValidationException", f"missing {', '.join(sorted(wanted - given))} DNS validation record")
    published: dict[str, list[str]] = {}
    for record in call.find(tokens.DNS_RECORD, type="CNAME"):
        name = record.properties["fqdn"].rstrip(".").lower()
        published[name] = [value.rstrip(".") for value in record.properties.get("records") or []]
    for option in options:
        name = option["resourceRecordName"].rstrip(".").lower()
        if option["resourceRecordValue"].rstrip(".") not in published.get(name, []):
            call.refuse(
                "RequestInProgressException",
                f"waiting for ACM Certificate ({certificates[0].id}) to be issued: timeout while waiting for state to"
                f" become 'ISSUED' (last state: 'PENDING_VALIDATION'): no zone publishes CNAME {name}"
                f" {option['resourceRecordValue']}",
            )


def _issue(call: Call) -> Computed:
    for certificate in call.find(tokens.CERTIFICATE, arn=call.props["certificateArn"]):
        if certificate.properties["status"] != "ISSUED":
            certificate.properties |= {"status": "ISSUED", "renewalEligibility": "ELIGIBLE"}
            call.change.save(certificate)
    return {}


def _one_source(inputs: Mapping[str, Any]) -> Found:
    given = [name for name in ("domainName", "privateKey", "privateKeyWo") if inputs.get(name)]
    if len(given) != 1:
        yield (
            "domainName",
            f"Invalid combination of arguments: one of domainName or privateKey must be specified, got {given}",
        )
    asked = inputs.get("domainName") and not inputs.get("certificateAuthorityArn")
    if asked and not inputs.get("validationMethod"):
        yield (
            "validationMethod",
            "Missing required argument: a public certificate needs a validationMethod, DNS or EMAIL",
        )


SPECS = (
    TypeSpec(
        token=tokens.CERTIFICATE,
        noun="ACM Certificate",
        service="ACM",
        create="RequestCertificate",
        update="UpdateCertificateOptions",
        id=_certificate_arn,
        replaces=frozenset(
            {
                "certificateAuthorityArn",
                "domainName",
                "keyAlgorithm",
                "subjectAlternativeNames",
                "validationMethod",
                "validationOptions",
            }
        ),
        computed_inputs=frozenset(
            {"domainName", "keyAlgorithm", "subjectAlternativeNames", "validationMethod", "options"}
        ),
        defaults={"keyAlgorithm": "RSA_2048"},
        rules=(
            _one_source,
            one_of("validationMethod", "DNS", "EMAIL", "HTTP", "NONE"),
            one_of("keyAlgorithm", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"),
            matches("domainName", _DOMAIN, "a fully qualified domain name without a trailing dot"),
            matches("subjectAlternativeNames[]", _DOMAIN, "a fully qualified domain name without a trailing dot"),
            arn("certificateAuthorityArn"),
        ),
        refusals=(_refuse_certificate,),
        compute=_certificate_attributes,
        in_use=("ResourceInUseException", "Certificate {id} in use. ({by})"),
    ),
    TypeSpec(
        token=tokens.CERTIFICATE_VALIDATION,
        noun="ACM Certificate Validation",
        service="ACM",
        create="DescribeCertificate",
        delete="DescribeCertificate",
        id=lambda call: f"0001-01-01 00:00:00 +0000 UTC {call.digest('id')[:8]}",
        replaces=frozenset({"certificateArn", "validationRecordFqdns"}),
        rules=(arn("certificateArn"),),
        references=(
            Reference(
                "certificateArn",
                (tokens.CERTIFICATE,),
                ("ResourceNotFoundException", "Could not find certificate {id}."),
                by="arn",
                blocks=False,
            ),
        ),
        refusals=(_refuse_validation,),
        compute=_issue,
    ),
)
