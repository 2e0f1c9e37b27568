"""A network load balancer: a namespace with haproxy in each of its subnets, which ends TLS and connects again."""

from __future__ import annotations

from pathlib import Path

from lab.wiring import security
from lab.wiring.cloud.model import Cloud, CloudInterface, HealthCheck, LoadBalancer, Target
from lab.wiring.draft import Draft
from lab.wiring.model import Certificate, Process

SECONDS_IDLE = 350
"""The idle timeout after which AWS drops a connection."""


def targets(cloud: Cloud, balancer: LoadBalancer, group: str, zone: str) -> tuple[Target, ...]:
    """Whom the node in ``zone`` hands connections to: everyone, or only its own zone's."""
    everyone = cloud.targets.get(group, ())
    return everyone if balancer.across_zones else tuple(target for target in everyone if target.zone == zone)


def run_node(
    draft: Draft, cloud: Cloud, name: str, interface: CloudInterface, authority: Path
) -> tuple[Process, tuple[Certificate, ...]]:
    """The node's namespace settings, haproxy and certificates."""
    balancer = cloud.balancers[interface.owner]
    zone = cloud.subnets[interface.subnet].zone
    draft.setting(name, "net/ipv4/ip_forward", "0")
    ports = ", ".join(str(listener.port) for listener in balancer.listeners)
    accepted = [f"tcp dport {{ {ports} }} accept"] if ports else []
    draft.ruleset(
        name,
        security.table(
            security.chain(
                "to-node", [security.ESTABLISHED, *accepted], hook="filter hook input priority 0; policy drop"
            )
        ),
    )
    certificates = [
        Certificate(path=str(authority / f"{listener.names[0].removeprefix('*.')}.pem"), names=listener.names)
        for listener in balancer.listeners
        if listener.protocol == "TLS" and listener.names
    ]
    paths = {certificate.names: certificate.path for certificate in certificates}
    sections = [_DEFAULTS]
    for listener in balancer.listeners:
        tls = f" ssl crt {paths[listener.names]} ssl-min-ver TLSv1.2" if listener.names in paths else ""
        if listener.protocol == "TLS" and not tls:
            continue
        bound = f"{interface.address}:{listener.port}{tls}"
        section = f"port-{listener.port}"
        sections.append(f"frontend {section}\n    bind {bound}\n    default_backend {section}\n")
        handed_to = targets(cloud, balancer, listener.target_group, zone)
        check = cloud.health_checks.get(listener.target_group, HealthCheck())
        sections.append(_backend(section, handed_to, check, interface))
    process = Process(namespace=name, program="haproxy", configuration="\n".join(sections))
    return process, tuple(sorted(set(certificates)))


def _backend(section: str, handed_to: tuple[Target, ...], check: HealthCheck, interface: CloudInterface) -> str:
    """Healthy targets; all of them where none is, as AWS does."""
    lines = [f"backend {section}", "    balance source", "    option allbackups"]
    if check.path:
        lines += [f"    option httpchk GET {check.path}", f"    http-check expect status {check.matcher}"]
    often = f"check inter {check.interval_seconds}s rise {check.rise} fall {check.fall}"
    for target in handed_to:
        where = f"{target.address}:{target.port} source {interface.address}"
        lines += [
            f"    server {target.address} {where} {often}",
            f"    server {target.address}-unchecked {where} backup",
        ]
    return "\n".join(lines) + "\n"


_DEFAULTS = f"""global
    maxconn 2000
    log stderr local0 notice
    user nobody
    group nogroup

defaults
    mode tcp
    timeout connect 5s
    timeout client {SECONDS_IDLE}s
    timeout server {SECONDS_IDLE}s
"""
