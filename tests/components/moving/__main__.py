"""Two stacks: a network's, with a region's gateway, and a datacentre's. ``moving:tunnels`` says which has tunnels."""

from __future__ import annotations

import os
from pathlib import Path

import pulumi

from components.aws.private_gateway import PrivateGateway
from components.aws.provider import provider
from components.aws.site_link import SiteLink
from components.aws.vpc import Vpc
from components.base import Args, Component, RegionalArgs
from components.nouns import PrivateGatewayArgs, SiteLinkArgs
from estate.declaration import load


class Instance(Component):
    TOKEN = "estate:instance:ServiceInstance"


class Datacentre(Component):
    TOKEN = "estate:site:Datacentre"


network = load.read(Path(os.environ["MOVING_STACK_FILE"]))
site, region = next((site, min(declared.links)) for site, declared in sorted(network.sites.items()))
here = pulumi.get_stack()
providers = [provider(network)]
gateway_id: pulumi.Output[str]
if here == "network":
    top: Component = Instance(network.name, Args(network=network), pulumi.ResourceOptions(providers=providers))
    under = pulumi.ResourceOptions(parent=top)
    own = RegionalArgs(network=network, region=region)
    vpc = Vpc(f"{network.name}-{region}-network", own, opts=under)
    gateway = PrivateGateway(
        f"{network.name}-{region}-sites",
        PrivateGatewayArgs(network=network, region=region, vpc=vpc, tiers={}),
        opts=under,
    )
    gateway_id = gateway.id
    pulumi.export("gateway", gateway_id)
else:
    top = Datacentre(site, Args(network=network), pulumi.ResourceOptions(providers=providers))
    under = pulumi.ResourceOptions(parent=top)
    gateway_id = pulumi.StackReference("organization/moving/network").get_output("gateway")
name = f"{network.name}-{site}-{region}"
if here == "site":
    # A moved component keeps the types of the parents that it had: the alias says so until the next update has run.
    moved_from = f"urn:pulumi:site::moving::{Instance.TOKEN}${SiteLink.TOKEN}::{name}"
    under = pulumi.ResourceOptions(parent=top, aliases=[moved_from])
if pulumi.Config("moving").require("tunnels") == here:
    SiteLink(name, SiteLinkArgs(network=network, region=region, site=site, gateway_id=gateway_id), opts=under)
