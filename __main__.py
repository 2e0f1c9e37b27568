"""One network's cloud side: its stack file declares it, the components build it, its inventory configures the hosts."""

import atexit
import gc
from pathlib import Path

import pulumi

from components.clouds import providers
from components.released import released
from components.service_instance import ServiceInstance, ServiceInstanceArgs
from estate.declaration import load
from estate.findings import DeclarationError
from estate.model import Network

STACKS = Path(__file__).resolve().parent / "stacks"


def declared() -> Network:
    source = f"stacks/Pulumi.{pulumi.get_stack()}.yaml"
    try:
        return load.network(
            pulumi.Config("estate").require_object("network"), source=source, beside=load.beside(STACKS)
        )
    except DeclarationError as error:
        raise pulumi.RunError(str(error)) from None


gc.disable()  # everything registered is needed until the end; collecting would take half of the time
atexit.register(gc.freeze)  # nor is anything collected as the interpreter ends
network = declared()
instance = ServiceInstance(
    network.name,
    ServiceInstanceArgs(network=network, released=released(network)),
    opts=pulumi.ResourceOptions(providers=providers(network)),
)
pulumi.export("inventory", instance.inventory)
pulumi.export("name_servers", instance.name_servers)
