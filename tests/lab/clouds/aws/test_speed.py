"""The provider does not slow the engine down: a call costs less than three milliseconds of this process."""

import time

import pytest

from lab.clouds.aws.services import tokens as t
from tests.lab.clouds.aws.landscape import IMAGE, Landscape

CALL_SECONDS = 0.003


@pytest.mark.slow
def test_four_hundred_resources_are_made_without_delay(land: Landscape) -> None:
    start = time.process_time()
    for network in range(4):
        vpc = land.make(f"vpc {network}", t.VPC, cidrBlock=f"10.{network}.0.0/16")
        subnet = land.make(f"subnet {network}", t.SUBNET, vpcId=vpc, cidrBlock=f"10.{network}.0.0/24")
        group = land.make(f"group {network}", t.SECURITY_GROUP, vpcId=vpc, name="nodes")
        for port in range(50):
            land.make(
                f"rule {network} {port}",
                t.SECURITY_GROUP_INGRESS_RULE,
                securityGroupId=group,
                ipProtocol="tcp",
                fromPort=port,
                toPort=port,
                cidrIpv4="10.0.0.0/8",
            )
        for host in range(47):
            placed = {"subnetId": subnet, "vpcSecurityGroupIds": [group]}
            land.make(f"node {network} {host}", t.INSTANCE, ami=IMAGE, instanceType="m7i.large", **placed)
    assert len(land.made) == 400
    assert time.process_time() - start < 400 * CALL_SECONDS


def test_four_hundred_unchanged_resources_are_compared_without_delay(estate: Landscape) -> None:
    start = time.process_time()
    calls = 0
    while calls < 400:
        for made in estate.made.values():
            estate.aws.check(made.token, made.urn, made.inputs, made.inputs)
            estate.aws.diff(made.token, made.id, estate.settings, made.inputs, made.properties, made.inputs)
            calls += 1
    assert time.process_time() - start < calls * CALL_SECONDS
