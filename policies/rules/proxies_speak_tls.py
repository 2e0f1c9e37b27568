"""Google Cloud proxies must use TLS 1.2 or later."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import stated
from policies.rule import Example, resource_rule, violation

VERSIONS = ("TLS_1_2", "TLS_1_3")
PROFILES = ("MODERN", "RESTRICTED", "FIPS_202205")


def _policy(args: ResourceValidationArgs) -> Iterator[str]:
    if (version := stated(args.props, "minTlsVersion")) not in VERSIONS:
        yield violation(
            f"minTlsVersion is {version}", "it must be TLS_1_2 or later", "older versions are broken", "set it"
        )
    if (profile := stated(args.props, "profile")) not in PROFILES:
        yield violation(
            f"profile is {profile}",
            f"it must be one of {', '.join(PROFILES)}",
            "other values accept broken ciphers",
            "set one of them",
        )


def _proxy(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "sslPolicy") is None:
        yield violation(
            "the proxy has no SSL policy", "it must have one", "Google's default accepts TLS 1.0", "set sslPolicy"
        )


def _clear(args: ResourceValidationArgs) -> Iterator[str]:
    yield violation(
        "a proxy answers over plain HTTP or TCP",
        "answers must use TLS",
        "answers must not be forgeable in transit",
        "use a TargetHttpsProxy",
    )


RULE = resource_rule(
    "proxies-speak-tls",
    "Google Cloud proxies must have an SSL policy of TLS 1.2 or later, and none may answer over plain HTTP.",
    {
        "gcp:compute/sSLPolicy:SSLPolicy": _policy,
        "gcp:compute/regionSslPolicy:RegionSslPolicy": _policy,
        "gcp:compute/targetHttpsProxy:TargetHttpsProxy": _proxy,
        "gcp:compute/targetSSLProxy:TargetSSLProxy": _proxy,
        "gcp:compute/targetHttpProxy:TargetHttpProxy": _clear,
    },
    Severity.HIGH,
    why="Without a policy, Google's proxies accept TLS 1.0 and ciphers that are broken.",
    fix="Create an `SSLPolicy` with `minTlsVersion: TLS_1_2` and `profile: MODERN`, and set it on the proxy.",
    source="https://docs.cloud.google.com/load-balancing/docs/ssl-policies-concepts",
    example=Example("gcp:compute/targetHttpsProxy:TargetHttpsProxy", {"sslPolicy": None}),
)
