"""The certificate under which the load balancers answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.base import Args, Component

TTL_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class CertificateArgs(Args):
    """One certificate for RPC and LCD in each of ``regions``; ``zone_ids`` is by name."""

    regions: tuple[str, ...]
    zone_ids: Mapping[str, pulumi.Input[str]]


class Certificate(Component):
    """Certificates validated by DNS, and so renewed by AWS for as long as the records are there.

    AWS asks one account for the same record in every region, so each name has one record. ``arns`` is by region, and
    known only when the certificate is issued.
    """

    TOKEN = "estate:endpoint:Certificate"

    arns: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: CertificateArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        names = (args.network.endpoints.rpc, args.network.endpoints.lcd)
        certificates = {
            region: self._child(
                aws.acm.Certificate,
                region,
                region=region,
                domain_name=names[0],
                subject_alternative_names=list(names[1:]),
                validation_method="DNS",
                key_algorithm="RSA_2048",
                options={"certificate_transparency_logging_preference": "ENABLED"},
            )
            for region in args.regions
        }
        options = certificates[args.regions[0]].domain_validation_options
        records = [
            self._child(
                aws.route53.Record,
                f"validation-{each}",
                zone_id=args.zone_ids[each],
                name=_wanted(options, each, "resource_record_name"),
                type=_wanted(options, each, "resource_record_type"),
                records=[_wanted(options, each, "resource_record_value")],
                ttl=TTL_SECONDS,
            )
            for each in names
        ]
        self.arns = {
            region: self._child(
                aws.acm.CertificateValidation,
                f"{region}-validation",
                region=region,
                certificate_arn=certificate.arn,
                validation_record_fqdns=[record.fqdn for record in records],
            ).certificate_arn
            for region, certificate in certificates.items()
        }
        self.register_outputs({"arns": self.arns})


def _wanted(options: pulumi.Output[Sequence[Any]], name: str, attribute: str) -> pulumi.Output[str]:
    """What AWS asks to see in DNS before it believes that ``name`` is ours."""

    def pick(given: Sequence[Any]) -> str:
        return next(getattr(option, attribute) for option in given if option.domain_name == name)

    return options.apply(pick)
