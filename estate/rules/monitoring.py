"""Rules about what the monitors read."""

from __future__ import annotations

from collections.abc import Iterator

from estate.model import CHAIN_ROLES, Network
from estate.rules import promises
from estate.rules.finding import Finding, show, words
from estate.rules.identity import SSH_PORT


def every_role_is_monitored(network: Network) -> Iterator[Finding]:
    """Every host is monitored. A signer is seen in its logs, and by its validators."""
    read = {role for job in network.monitoring.values() for role in job.roles}
    missing = [role for role in promises.roles_with_hosts(network) if role not in read and promises.may_be_read(role)]
    if missing:
        yield Finding(
            path="monitoring",
            value=f"no job for {words(missing)}",
            rule="must read hosts of every role except signer",
            reason="the failure of a host that is not monitored goes unnoticed",
            fix=f"add {words(missing)} to the roles of a job",
            involves=("monitoring.[keys]", "monitoring.*.roles.*", *promises.PLACES_OF_ROLES),
        )


def signers_only_dial(network: Network) -> Iterator[Finding]:
    """No job opens a connection to a host that only dials out."""
    for name, job in network.monitoring.items():
        for index, role in enumerate(job.roles):
            if not promises.may_be_read(role):
                yield Finding(
                    path=f"monitoring.{name}.roles.{index}",
                    value=show(role),
                    rule="must not be read by the monitors",
                    reason="only SSH from the VPN opens connections to a signer; a signer sends its logs itself",
                    fix=f"remove {role} from the roles of {name}",
                )


def chain_nodes_are_read(network: Network) -> Iterator[Finding]:
    """The chain's own metrics are read on each node of the chain."""
    port = network.chain.ports.metrics
    read = {role for job in network.monitoring.values() if job.port == port for role in job.roles}
    missing = [role for role in promises.roles_with_hosts(network) if role in CHAIN_ROLES and role not in read]
    if missing:
        yield Finding(
            path="monitoring",
            value=f"port {port} not read on {words(missing)}",
            rule="must read the chain's metrics on every node of the chain",
            reason="height, peers and missed blocks are seen there and nowhere else",
            fix=f"declare a job with port {port} and the roles {words(missing)}",
            involves=(
                "monitoring.[keys]",
                "monitoring.*.roles.*",
                "monitoring.*.port",
                "chain.ports.metrics",
                *promises.PLACES_OF_ROLES,
            ),
        )


def jobs_read_their_own_ports(network: Network) -> Iterator[Finding]:
    """Two jobs do not read one exporter, on hosts that both read."""
    jobs = list(network.monitoring.items())
    for position, (name, job) in enumerate(jobs):
        for other, earlier in jobs[:position]:
            shared = [role for role in job.roles if role in earlier.roles]
            if shared and (job.port, job.path) == (earlier.port, earlier.path):
                yield Finding(
                    path=f"monitoring.{name}.port",
                    value=show(job.port),
                    rule="each job must read a port of its own",
                    reason=f"{other} reads it too, on {words(shared)}",
                    fix="correct the port of one of the two, or join them",
                    involves=(
                        f"monitoring.{other}.port",
                        f"monitoring.{other}.roles.*",
                        f"monitoring.{name}.roles.*",
                        f"monitoring.{name}.path",
                        f"monitoring.{other}.path",
                    ),
                )
                break


def jobs_read_metrics_ports(network: Network) -> Iterator[Finding]:
    """A job reads metrics, and opens no other port of a node to the monitors."""
    ports = network.chain.ports
    others = {
        ports.p2p: "the chain's p2p",
        ports.rpc: "the chain's RPC",
        ports.privval: "the signer's connection",
        SSH_PORT: "SSH",
    }
    if ports.lcd:
        others[ports.lcd] = "the chain's LCD"
    for name, job in network.monitoring.items():
        if job.port in others:
            yield Finding(
                path=f"monitoring.{name}.port",
                value=show(job.port),
                rule="must be a port that serves metrics",
                reason=f"it is the port of {others[job.port]}, and the job would open it to the monitors",
                fix=f"write the exporter's port, such as {ports.metrics} or 9100",
                involves=("chain.ports.*",),
            )
