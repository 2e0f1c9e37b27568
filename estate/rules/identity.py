"""Rules about the network as a whole: its chain, its ports, its account."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from estate.model import CLIENTS, Network
from estate.rules.finding import Finding, repeated, show, words
from estate.rules.promises import PRIVATE_BLOCKS

MAINNETS = {
    "cosmoshub-4",
    "phoenix-1",
    "columbus-5",
    "osmosis-1",
    "juno-1",
    "celestia",
    "dydx-mainnet-1",
    "injective-1",
    "akashnet-2",
    "kava_2222-10",
}
SSH_PORT = 22
HOST_METRICS_PORT = 9100
_OR_KIND = ", or correct chain.client.kind"


def ports_are_distinct(network: Network) -> Iterator[Finding]:
    """A node of the chain listens on each of its ports once."""
    ports = network.chain.ports.by_name()
    for path, port, first in repeated((f"chain.ports.{name}", port) for name, port in ports.items()):
        yield Finding(
            path=path,
            value=show(port),
            rule="each port of a node must be different",
            reason=f"{first.rsplit('.', 1)[1]} listens on it too, and the second to start would fail",
            fix="give one of the two another port",
            involves=(first,),
        )


def ports_avoid_those_of_the_host(network: Network) -> Iterator[Finding]:
    """The chain does not listen where SSH and the host's metrics do."""
    own = {SSH_PORT: "SSH", HOST_METRICS_PORT: "the host's metrics exporter"}
    if internal := network.chain.client.spec.internal_rpc:
        own[internal] = "the client's own access to Tendermint"
    for name, port in network.chain.ports.by_name().items():
        if port in own:
            yield Finding(
                path=f"chain.ports.{name}",
                value=show(port),
                rule=f"must not be {words([str(each) for each in own], 'or')}",
                reason=f"{own[port]} listens on it on every host",
                fix="use the chain's usual port",
            )


def chain_fields_fit_the_client(network: Network) -> Iterator[Finding]:
    """The chain has the fields that its kind of client needs, and none that only other kinds have."""
    chain, kind = network.chain, network.chain.client.kind
    special = dict.fromkeys(field for spec in CLIENTS.values() for field in sorted(spec.chain_fields))
    for field in special:
        value, needed = getattr(chain, field), field in chain.client.spec.chain_fields
        if needed == (value is not None):
            continue
        yield Finding(
            path=f"chain.{field}",
            value=show(value) if value is not None else "nothing",
            rule=f"must be given for a client of kind {kind}"
            if needed
            else f"must not be given for a client of kind {kind}",
            reason=f"a {chain.client.spec.title} {'needs it' if needed else 'would ignore it'}",
            fix=f"add it{_OR_KIND}" if needed else f"remove it{_OR_KIND}",
            involves=("chain.client.kind",),
        )


def lcd_is_of_the_client(network: Network) -> Iterator[Finding]:
    """A client that has no LCD is declared without one."""
    spec, port = network.chain.client.spec, network.chain.ports.lcd
    if port and spec.lcd_health is None:
        yield Finding(
            path="chain.ports.lcd",
            value=show(port),
            rule=f"must not be given for a client of kind {network.chain.client.kind}",
            reason=f"a {spec.title} has no LCD: firewalls and a load balancer would lead to a closed port",
            fix="remove it, and endpoints.lcd",
            involves=("chain.client.kind",),
        )


def release_is_of_the_version(network: Network) -> Iterator[Finding]:
    """What is packaged as a version was released as that version."""
    client = network.chain.client
    if client.release and client.version.split("-")[0] not in client.release.url:
        yield Finding(
            path="chain.client.release.url",
            value=show(client.release.url),
            rule=f"must be the release of version {client.version}",
            reason="the package would be labelled with one version and contain another",
            fix="change the version or the address, whichever is out of date",
            involves=("chain.client.version",),
        )


def checksums_differ(network: Network) -> Iterator[Finding]:
    """Two different files do not have one checksum."""
    client, genesis = network.chain.client, network.chain.genesis
    if client.release and client.release.sha256 == genesis.sha256:
        yield Finding(
            path="chain.genesis.sha256",
            value=show(genesis.sha256),
            rule="must be the checksum of the genesis file",
            reason="it is the checksum of the client's release, and no two files have the same",
            fix="take the checksum of the genesis file again",
            involves=("chain.client.release.sha256",),
        )


def stage_fits_the_chain(network: Network) -> Iterator[Finding]:
    """A main network is production, and only what is not one is a testnet."""
    chain_id = network.chain.chain_id
    if network.stage == "testnet" and chain_id in MAINNETS:
        yield Finding(
            path="stage",
            value=show(network.stage),
            rule=f"must be production for {chain_id}",
            reason="it is a main network, where mistakes cost stake, and testnets are handled with less care",
            fix="write production, or name the testnet's chain id",
            involves=("chain.chain_id",),
        )
    if network.stage == "production" and "testnet" in chain_id:
        yield Finding(
            path="stage",
            value=show(network.stage),
            rule=f"must be testnet for {chain_id}",
            reason="alarms of a testnet would wake people as those of production do",
            fix="write testnet",
            involves=("chain.chain_id",),
        )


def _peer_lists(network: Network) -> Iterator[tuple[str, str]]:
    for field in ("seeds", "persistent_peers"):
        for index, peer in enumerate(getattr(network.chain, field)):
            yield f"chain.{field}.{index}", peer


def peer_ports_exist(network: Network) -> Iterator[Finding]:
    """A peer's port is a port."""
    for path, peer in _peer_lists(network):
        port = peer.rsplit(":", 1)[1]
        if not 1 <= int(port) <= 65535:
            yield Finding(
                path=path,
                value=show(peer),
                rule="must end in a port from 1 to 65535",
                reason=f"{port} is not a port",
                fix="write the port that the peer listens on, often 26656",
            )


def peers_are_public(network: Network) -> Iterator[Finding]:
    """The chain's public peers have public addresses; those of partners are declared under the partner."""
    for path, peer in _peer_lists(network):
        host = peer.split("@")[1].rsplit(":", 1)[0]
        try:
            address = IPv4Address(host)
        except ValueError:
            continue
        if (
            any(address in block for block in PRIVATE_BLOCKS)
            or address.is_loopback
            or address.is_unspecified
            or address.is_multicast
        ):
            yield Finding(
                path=path,
                value=show(peer),
                rule="must be reachable from the internet",
                reason=f"{host} is not a public address, so our nodes would dial it in vain",
                fix="write the peer's public address; a private peering is declared under partners",
            )


def peers_are_others(network: Network) -> Iterator[Finding]:
    """Our own endpoints are not declared as peers."""
    own = set(network.endpoints.by_name().values())
    for path, peer in _peer_lists(network):
        host = peer.split("@")[1].rsplit(":", 1)[0]
        if host in own:
            yield Finding(
                path=path,
                value=show(peer),
                rule="must be a peer of somebody else",
                reason=f"{host} is our own endpoint, and a node does not peer with itself",
                fix="remove it: our nodes know each other already",
                involves=("endpoints.seed", "endpoints.rpc", "endpoints.lcd"),
            )


def peers_are_distinct(network: Network) -> Iterator[Finding]:
    """One node id is one peer."""
    for path, node_id, first in repeated((path, peer.split("@")[0]) for path, peer in _peer_lists(network)):
        yield Finding(
            path=path,
            value=show(node_id),
            rule="a node id must be listed once",
            reason=f"{first} has it too; a node keeps one connection to each id",
            fix="remove one of the two, or correct the id",
            involves=(first,),
        )


def boundary_is_of_the_account(network: Network) -> Iterator[Finding]:
    """The permissions boundary is an IAM policy of the account that it is used in."""
    boundary = network.aws.permissions_boundary
    if boundary is None:
        return
    _, _, service, _, account, resource = boundary.split(":", 5)
    if service != "iam" or not resource.startswith("policy/"):
        yield Finding(
            path="aws.permissions_boundary",
            value=show(boundary),
            rule="must be the ARN of an IAM policy",
            reason="only a managed policy can bound a role",
            fix="write arn:aws:iam::<account>:policy/<name>",
        )
    elif account != network.aws.account_id:
        yield Finding(
            path="aws.permissions_boundary",
            value=show(boundary),
            rule=f"must be a policy of account {network.aws.account_id}",
            reason="a role cannot be bounded by a policy of another account",
            fix="create the policy in this account and name that",
            involves=("aws.account_id",),
        )
