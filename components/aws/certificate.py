"""The certificate under which the load balancers answer."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
from pulumi_aws.acm.outputs import CertificateDomainValidationOption

from components.aws.component import AwsComponent
from components.nouns import CertificateArgs

TTL_SECONDS = 300


class Certificate(AwsComponent):
    """Certificates validated by DNS, and so renewed by AWS for as long as the records are there.

    AWS validates a name of an account by the same record in every region, so each name has one record. ``ids`` (ARNs)
    is by region, and known only when the certificate is issued.
    """

    TOKEN = "estate:endpoint:Certificate"

    ids: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: CertificateArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        own = args.network.endpoints.by_name()
        names = [own[key] for key in args.network.chain.ports.public()]
        certificates = {
            region: self._resource(
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
            self._resource(
                aws.route53.Record,
                f"validation-{each}",
                zone_id=args.zone_ids[each],
                name=_validation(options, each).apply(lambda option: option.resource_record_name),
                type=_validation(options, each).apply(lambda option: option.resource_record_type),
                records=[_validation(options, each).apply(lambda option: option.resource_record_value)],
                ttl=TTL_SECONDS,
            )
            for each in names
        ]
        self.ids = {
            region: self._resource(
                aws.acm.CertificateValidation,
                f"{region}-validation",
                region=region,
                certificate_arn=certificate.arn,
                validation_record_fqdns=[record.fqdn for record in records],
            ).certificate_arn
            for region, certificate in certificates.items()
        }
        self.register_outputs({"ids": self.ids})


def _validation(
    options: pulumi.Output[Sequence[CertificateDomainValidationOption]], name: str
) -> pulumi.Output[CertificateDomainValidationOption]:
    """The record that AWS must find in DNS to accept that ``name`` is ours."""

    def of_name(given: Sequence[CertificateDomainValidationOption]) -> CertificateDomainValidationOption:
        return next(option for option in given if option.domain_name == name)

    return options.apply(of_name)
