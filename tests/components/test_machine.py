"""Instances: where they are, and what protects them."""

from __future__ import annotations

from typing import Any

import yaml

from components.recording import Recorded, record
from estate.model import Network
from estate.plan.hosts import hosts

INSTANCE = "aws:ec2/instance:Instance"


def test_every_cloud_host_is_an_instance_at_its_address(recorded: Recorded, network: Network) -> None:
    found = {each.name.removesuffix("-instance"): each.inputs for each in recorded.of(INSTANCE)}
    declared = {host.name: host for host in hosts(network) if host.in_cloud}
    assert set(found) == set(declared)
    for name, host in declared.items():
        assert found[name]["privateIp"] == str(host.address)
        assert found[name]["availabilityZone"] == f"{host.place}{host.zone}"
        assert found[name]["instanceType"] == host.node.instance_type
        assert found[name]["ami"] == network.regions[host.place].image


def test_an_instance_is_in_the_tier_of_its_role(recorded: Recorded) -> None:
    known = {each.urn: each for each in recorded.resources}
    for each in recorded.of(INSTANCE):
        subnet = known[each.property_dependencies["subnetId"][0]]
        assert subnet.inputs["tags"]["Tier"] == each.inputs["tags"]["Tier"]
        assert subnet.inputs["availabilityZone"] == each.inputs["availabilityZone"]


def test_an_instance_has_the_group_of_its_role(recorded: Recorded) -> None:
    known = {each.urn: each for each in recorded.resources}
    for each in recorded.of(INSTANCE):
        (group,) = each.property_dependencies["vpcSecurityGroupIds"]
        assert known[group].inputs["tags"]["Role"] == each.inputs["tags"]["Role"]
        assert known[group].inputs["region"] == each.inputs["region"]


def test_metadata_takes_a_token_and_does_not_leave_the_instance(recorded: Recorded) -> None:
    for each in recorded.of(INSTANCE):
        options = each.inputs["metadataOptions"]
        assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1), each.name


def test_every_disk_is_encrypted_with_the_regions_key(recorded: Recorded) -> None:
    known = {each.urn: each for each in recorded.resources}
    for each in recorded.of(INSTANCE):
        assert each.inputs["rootBlockDevice"]["encrypted"] is True
        assert each.inputs["rootBlockDevice"]["kmsKeyId"]
    for volume in recorded.of("aws:ebs/volume:Volume"):
        (key,) = volume.property_dependencies["kmsKeyId"]
        assert volume.inputs["encrypted"] is True
        assert known[key].inputs["region"] == volume.inputs["region"]


def test_a_data_disk_has_the_declared_size_and_its_hosts_zone(recorded: Recorded, network: Network) -> None:
    declared = {f"{host.name}-data": host for host in hosts(network) if host.in_cloud and host.role != "vpn"}
    found = {each.name: each.inputs for each in recorded.of("aws:ebs/volume:Volume")}
    assert set(found) == set(declared)
    for name, host in declared.items():
        assert (found[name]["size"], found[name]["availabilityZone"]) == (
            host.node.disk_gib,
            f"{host.place}{host.zone}",
        )


def test_a_production_instance_cannot_be_terminated_by_mistake(recorded: Recorded, network: Network) -> None:
    assert {each.inputs["disableApiTermination"] for each in recorded.of(INSTANCE)} == {network.stage == "production"}


def test_no_instance_has_a_key_pair(recorded: Recorded) -> None:
    assert [each.name for each in recorded.of(INSTANCE) if "keyName" in each.inputs] == [], (
        "operators have keys of their own"
    )


def test_only_public_hosts_have_a_public_address(recorded: Recorded, network: Network) -> None:
    declared = {host.name for host in hosts(network) if host.in_cloud and host.public}
    found = {
        each.name.removesuffix("-address-association") for each in recorded.of("aws:ec2/eipAssociation:EipAssociation")
    }
    assert found == declared
    private = [each for each in recorded.of(INSTANCE) if each.inputs["tags"]["Tier"] == "private"]
    assert all(each.inputs["associatePublicIpAddress"] is False for each in private)


def user_data(recorded: Recorded, name: str) -> dict[str, Any]:
    text = recorded.named(f"{name}-instance").inputs["userData"]
    assert text.startswith("#cloud-config\n")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_operators_of_a_role_can_log_in_to_a_new_instance_and_others_cannot(
    recorded: Recorded, network: Network
) -> None:
    for host in hosts(network):
        if host.in_cloud:
            expected = {
                key
                for operator in network.operators.values()
                if host.role in operator.roles
                for key in operator.ssh_public_keys
            }
            given = user_data(recorded, host.name)
            assert set(given["ssh_authorized_keys"]) == expected
            assert given["ssh_pwauth"] is False
            assert given["hostname"] == host.name


def test_a_vpn_gateway_forwards_for_its_clients_and_no_one_else(recorded: Recorded, network: Network) -> None:
    from estate.plan import addressing

    for host in hosts(network):
        if host.in_cloud:
            given = user_data(recorded, host.name)
            if host.role == "vpn":
                (script,) = given["write_files"]
                assert given["runcmd"] == [[script["path"]]]
                assert (
                    f'ip saddr {addressing.vpn_pool(network, host.place)} oifname "$out" masquerade'
                    in script["content"]
                )
            else:
                assert "write_files" not in given
                assert "runcmd" not in given


def test_changed_user_data_and_another_image_touch_no_running_instance(recorded: Recorded) -> None:
    """User data only make a new instance reachable; to change them, EC2 would stop the host. An image is replaced."""
    assert {each.ignore_changes for each in recorded.of(INSTANCE)} == {("userData", "ami")}


def test_the_old_instance_gives_its_address_up_before_the_new_one_takes_it(recorded: Recorded) -> None:
    """Likewise a data disk, which is attached to one instance at a time."""
    attached = {INSTANCE, "aws:ec2/volumeAttachment:VolumeAttachment"}
    assert {each.type for each in recorded.resources if each.delete_before_replace} == attached
    assert all(each.delete_before_replace for each in recorded.resources if each.type in attached)


def test_the_engine_may_replace_the_released_host_alone(network: Network) -> None:
    name = next(host.name for host in hosts(network) if host.in_cloud)
    found = {each.name: each for each in record(network, released={name}).of(INSTANCE)}
    production = network.stage == "production"
    for each in found.values():
        released = each.name == f"{name}-instance"
        assert each.inputs.get("forceDestroy") == (True if released else None), each.name
        assert each.protect == (production and not released), each.name
        assert each.inputs["disableApiTermination"] == production, each.name
