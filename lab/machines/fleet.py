"""Which machines a lab boots: one for each instance that the cloud made and for each declared bare-metal server."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping

from estate.model import Network
from estate.plan import hosts as estate_hosts
from estate.plan import naming
from estate.plan.hosts import Host
from lab.clouds.store import Resource
from lab.machines.provision import Machine
from lab.paths import LabPaths

INSTANCE = "aws:ec2/instance:Instance"
CLOUD_INTERFACE = "ens5"


def user_data(properties: Mapping[str, object]) -> str | None:
    """What an instance's user data says, however it was given."""
    if encoded := properties.get("userDataBase64"):
        return base64.b64decode(str(encoded)).decode()
    plain = properties.get("userData")
    return str(plain) if plain else None


def _addresses(network: Network, host: Host) -> dict[str, str]:
    if host.server is None:
        return {CLOUD_INTERFACE: f"{host.address}/32"}
    vlan = network.sites[host.place].zones[host.zone].vlan
    return {naming.bond_interface(vlan): f"{host.address}/32", "management": f"{host.management_address}/32"}


def fleet(
    network: Network, resources: Iterable[Resource], paths: LabPaths, authorized_key: str, trusted: str = ""
) -> tuple[Machine, ...]:
    """The machines of the estate, in order of name. A declared cloud node without its instance is left out.

    ``trusted``: the certificate authority (PEM) by which they verify the central services.
    """
    by_address = {
        str(resource.properties.get("privateIp")): resource for resource in resources if resource.type == INSTANCE
    }
    resolvers = {name: str(service.address) for name, service in network.services.items() if name == "resolver"}
    machines = []
    for host in estate_hosts.hosts(network):
        instance = by_address.get(str(host.address))
        if host.in_cloud and instance is None:
            continue
        machines.append(
            Machine(
                name=host.name,
                hostname=host.name,
                netns=paths.namespace(host.name),
                addresses=_addresses(network, host),
                authorized_keys=(authorized_key,),
                user_data=user_data(instance.properties) if instance else None,
                nameservers=tuple(resolvers.values()),
                trusted=trusted,
                instance=instance.id if instance else "",
            )
        )
    return tuple(machines)
