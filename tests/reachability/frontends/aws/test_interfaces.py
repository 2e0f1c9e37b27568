"""Interfaces, the instances that they belong to, and every way to own a public address."""

from __future__ import annotations

from reachability.addresses import address, text
from reachability.resources import UNKNOWN
from tests.reachability.frontends.aws.builders import (
    Estate,
    elastic,
    entry,
    group,
    instance,
    public,
    resource,
    subnet,
    tcp,
    vpc,
)

NET = vpc()
A = subnet(NET, "a", "10.0.1.0/24")
OPEN = group(NET)
BASE = [NET, A, OPEN, *public(NET, A)]


def public_addresses(estate: Estate) -> list[str]:
    return [
        text(point) for each in estate.assembly.machines.values() for leg in each.interfaces for point in leg.public
    ]


def test_a_subnet_may_give_public_addresses() -> None:
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html
    giving = subnet(NET, "a", "10.0.1.0/24", mapPublicIpOnLaunch=True)
    host = instance(giving, "host", "10.0.1.10", [OPEN])
    assert "host" in Estate(NET, giving, OPEN, *public(NET, giving), host).reached("internet")
    refusing = instance(giving, "host", "10.0.1.10", [OPEN], associatePublicIpAddress=False)
    assert "host" not in Estate(NET, giving, OPEN, *public(NET, giving), refusing).reached("internet")


def test_an_instance_may_ask_for_a_public_address() -> None:
    asking = instance(A, "host", "10.0.1.10", [OPEN], associatePublicIpAddress=True)
    assert "host" in Estate(BASE, asking).reached("internet")
    assert "host" not in Estate(BASE, instance(A, "host", "10.0.1.10", [OPEN])).reached("internet")


def test_what_state_says_of_a_public_address_counts() -> None:
    estate = Estate(BASE, instance(A, "host", "10.0.1.10", [OPEN], publicIp="203.0.113.8"))
    assert estate.outcome("internet", "203.0.113.8") == "delivered to host"
    none = Estate(BASE, instance(A, "host", "10.0.1.10", [OPEN], publicIp="", associatePublicIpAddress=True))
    assert "host" not in none.reached("internet")


def test_an_elastic_address_replaces_the_one_given_at_launch() -> None:
    host = instance(A, "host", "10.0.1.10", [OPEN], associatePublicIpAddress=True)
    ip = elastic("ip", "203.0.113.5")
    tied = resource("ec2/eipAssociation", "tied", allocationId=ip.id, instanceId=host.id)
    assert public_addresses(Estate(BASE, host, ip, tied)) == ["203.0.113.5"]


def test_an_elastic_address_may_be_on_an_interface_or_a_second_private_address() -> None:
    host = instance(A, "host", "10.0.1.10", [OPEN], secondaryPrivateIps=["10.0.1.11"])
    ip = elastic("ip", "203.0.113.5", instance=host.id, associateWithPrivateIp="10.0.1.11")
    found = Estate(BASE, host, ip).trace("internet", "203.0.113.5", tcp(443))
    assert found.delivered
    assert found.hops[-1].packet.destination == address("10.0.1.11")


def test_a_second_interface_has_groups_and_public_addresses_of_its_own() -> None:
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html
    closed = group(NET, "closed", ingress=[])
    host = instance(A, "host", "10.0.1.10", [closed])
    second = resource(
        "ec2/networkInterface", "second", subnetId=A.id, privateIps=["10.0.1.20"], securityGroups=[OPEN.id]
    )
    tied = resource(
        "ec2/networkInterfaceAttachment", "tied", instanceId=host.id, networkInterfaceId=second.id, deviceIndex=1
    )
    ip = elastic("ip", "203.0.113.5", networkInterface=second.id)
    estate = Estate(BASE, closed, host, second, tied, ip)
    found = estate.trace("internet", "203.0.113.5", tcp(22))
    assert (found.outcome, found.device) == ("delivered", "ens6")
    assert estate.prover.reply(found) == "passes"
    apart = Estate(BASE, closed, host, second, ip)
    assert apart.outcome("internet", "203.0.113.5") == "dropped by second is attached to no instance"


def test_an_instance_may_be_made_of_interfaces() -> None:
    first = resource("ec2/networkInterface", "first", subnetId=A.id, privateIps=["10.0.1.20"], securityGroups=[OPEN.id])
    host = resource("ec2/instance", "host", networkInterfaces=[{"deviceIndex": 0, "networkInterfaceId": first.id}])
    client = instance(A, "client", "10.0.1.9", [OPEN])
    assert Estate(BASE, first, host, client).outcome("client", "10.0.1.20") == "delivered to host"


def test_a_group_may_be_attached_to_an_interface() -> None:
    closed = group(NET, "closed", ingress=[])
    host = instance(A, "host", "10.0.1.10", [closed], primaryNetworkInterfaceId="eni-host")
    client = instance(A, "client", "10.0.1.9", [OPEN])
    more = resource(
        "ec2/networkInterfaceSecurityGroupAttachment", "more", networkInterfaceId="eni-host", securityGroupId=OPEN.id
    )
    assert Estate(BASE, closed, host, client, more).outcome("client", "10.0.1.10") == "delivered to host"
    assert Estate(BASE, closed, host, client).outcome("client", "10.0.1.10").startswith("dropped")


def test_an_address_that_is_not_known_yet_is_one_of_the_subnets() -> None:
    host = instance(A, "host", None, [OPEN])
    client = instance(A, "client", "10.0.1.9", [OPEN])
    estate = Estate(BASE, host, client)
    (own,) = estate.assembly.machines[host.urn].interfaces[0].addresses
    assert text(own).startswith("10.0.1.")
    assert "host" in estate.reached("client")


def test_an_unknown_address_may_be_in_any_part_of_the_subnet_that_a_rule_tells_apart() -> None:
    half = group(NET, "half", ingress=[entry(443, cidrBlocks=["10.0.1.0/25"]), entry(444, cidrBlocks=["10.0.1.77/32"])])
    server, host = instance(A, "server", "10.0.1.200", [half]), instance(A, "host", UNKNOWN, [OPEN])
    assert Estate(BASE, half, server, host).reached("host")["server"] == ["tcp 443 to tcp 444"]
    placed = Estate(BASE, half, server, instance(A, "host", "10.0.1.130", [OPEN]))
    assert "server" not in placed.reached("host")


def test_no_two_interfaces_get_the_same_stand_in() -> None:
    hosts = [instance(A, f"host{number}", UNKNOWN, [OPEN], associatePublicIpAddress=True) for number in range(20)]
    estate = Estate(BASE, hosts)
    own = [leg.addresses[0] for each in estate.assembly.machines.values() for leg in each.interfaces]
    assert len(set(own)) == 20
    assert len(set(public_addresses(estate))) == 20


def test_an_unknown_switch_may_give_a_public_address_and_must_not() -> None:
    giving = subnet(
        NET, "a", "10.0.1.0/24", mapPublicIpOnLaunch=UNKNOWN, references={"mapPublicIpOnLaunch": ("urn:x",)}
    )
    estate = Estate(NET, giving, OPEN, *public(NET, giving), instance(giving, "host", "10.0.1.10", [OPEN]))
    assert "host" in estate.reached("internet")
    assert "host" not in estate.reached("internet", may=False)


def test_ipv6_comes_from_the_subnet_where_it_gives_addresses() -> None:
    net = vpc(assignGeneratedIpv6CidrBlock=True)
    giving = subnet(net, "a", "10.0.1.0/24", ipv6CidrBlock=UNKNOWN, assignIpv6AddressOnCreation=True,
                    references={"ipv6CidrBlock": (net.urn,)})  # fmt: skip
    estate = Estate(net, giving, OPEN, *public(net, giving), instance(giving, "host", "10.0.1.10", [OPEN]))
    assert estate.unmodelled == ()
    own = estate.assembly.machines[next(iter(estate.assembly.machines))].interfaces[0].addresses
    assert len(own) == 2
    assert estate.outcome("internet", text(own[1])) == "delivered to host"


def test_people_may_ask_for_an_instance_by_id_name_or_tag() -> None:
    estate = Estate(BASE, instance(A, "host", "10.0.1.10", [OPEN], tags={"Name": "web-1", "Role": "web"}))
    assert {"instance-host", "host", "web-1"} <= set(estate.assembly.aliases)
    assert next(iter(estate.assembly.machines.values())).labels["Role"] == "web"


def test_an_instance_in_a_subnet_that_is_not_here_is_not_modelled() -> None:
    host = resource("ec2/instance", "host", subnetId="subnet-elsewhere", privateIp="10.0.1.10")
    assert any("subnet-elsewhere, which is not among the resources" in each for each in Estate(BASE, host).unmodelled)


def test_an_address_outside_of_the_subnet_is_a_reason() -> None:
    assert any("outside of a" in each for each in Estate(BASE, instance(A, "host", "10.9.9.9", [OPEN])).unmodelled)


def test_an_elastic_address_that_nothing_has_is_ours_and_leads_nowhere() -> None:
    estate = Estate(BASE, elastic("ip", "203.0.113.77"))
    assert estate.outcome("internet", "203.0.113.77") == "dropped by ip is associated with nothing"


def test_a_port_of_the_second_interface_is_not_open_on_the_first() -> None:
    only_ssh = group(NET, "ssh", ingress=[entry(22, cidrBlocks=["0.0.0.0/0"])])
    only_web = group(NET, "web", ingress=[entry(443, cidrBlocks=["0.0.0.0/0"])])
    host = instance(A, "host", "10.0.1.10", [only_web])
    second = resource(
        "ec2/networkInterface",
        "second",
        subnetId=A.id,
        privateIps=["10.0.1.20"],
        securityGroups=[only_ssh.id],
        attachments=[{"instance": host.id, "deviceIndex": 1}],
    )
    client = instance(A, "client", "10.0.1.9", [OPEN])
    estate = Estate(BASE, only_ssh, only_web, host, second, client)
    assert estate.outcome("client", "10.0.1.10", tcp(22)).startswith("dropped")
    assert estate.outcome("client", "10.0.1.20", tcp(22)) == "delivered to host"
    assert estate.outcome("client", "10.0.1.20", tcp(443)).startswith("dropped")


def test_state_tells_an_association_twice() -> None:
    host = instance(
        A,
        "host",
        "10.0.1.10",
        [OPEN],
        secondaryPrivateIps=["10.0.1.11"],
        publicIp="203.0.113.5",
        primaryNetworkInterfaceId="eni-host",
        primaryNetworkInterface={"networkInterfaceId": "eni-host", "deleteOnTermination": True},
        networkInterfaces=[],
    )
    ip = elastic("ip", "203.0.113.5", instance=host.id, networkInterface="eni-host", privateIp="10.0.1.10")
    tied = resource(
        "ec2/eipAssociation",
        "tied",
        allocationId=ip.id,
        instanceId=host.id,
        networkInterfaceId="eni-host",
        privateIpAddress="10.0.1.10",
    )
    estate = Estate(BASE, host, ip, tied)
    assert estate.unmodelled == ()
    assert public_addresses(estate) == ["203.0.113.5"]
    assert estate.outcome("internet", "203.0.113.5") == "delivered to host"


def test_state_tells_the_interface_of_a_nat_gateway_at_its_address() -> None:
    ip = elastic("ip", "203.0.113.9", networkInterface="eni-nat", privateIp="10.0.1.200", instance="")
    nat = resource(
        "ec2/natGateway", "nat", subnetId=A.id, allocationId=ip.id, privateIp="10.0.1.200", networkInterfaceId="eni-nat"
    )
    estate = Estate(BASE, ip, nat)
    assert estate.unmodelled == ()
    assert estate.outcome("internet", "203.0.113.9") == "dropped by NAT gateway nat takes no new connection"


def test_an_elastic_address_on_something_that_is_not_here_is_not_modelled_on_its_way() -> None:
    estate = Estate(BASE, elastic("ip", "203.0.113.9", networkInterface="eni-elsewhere"))
    assert estate.unmodelled == ()
    outcome = estate.outcome("internet", "203.0.113.9")
    assert "is associated with eni-elsewhere, which is not among the resources" in outcome
