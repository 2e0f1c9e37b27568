"""The tables of refusals as a whole."""

from tests.lab.clouds.aws import test_host_refusals, test_network_refusals, test_service_refusals
from tests.lab.clouds.aws.landscape import Refused

TABLES = [
    *(test_network_refusals.VPCS, test_network_refusals.SUBNETS, test_network_refusals.GATEWAYS),
    *(test_network_refusals.ROUTES, test_network_refusals.PEERINGS, test_network_refusals.ACLS),
    *(test_network_refusals.ENDPOINTS, test_host_refusals.GROUPS, test_host_refusals.INTERFACES),
    *(test_host_refusals.INSTANCES, test_host_refusals.VOLUMES, test_host_refusals.TUNNELS),
    *(test_service_refusals.BALANCERS, test_service_refusals.CERTIFICATES, test_service_refusals.NAMES),
    *(test_service_refusals.KEYS, test_service_refusals.IDENTITIES, test_service_refusals.RECORDS),
]


def rows() -> list[Refused]:
    return [row for table in TABLES for row in table]


def test_each_refusal_differs_from_every_other() -> None:
    sentences = [row.why for row in rows()]
    assert len(sentences) == len(set(sentences))


def test_the_codes_of_aws_that_are_refused_with_do_not_become_fewer() -> None:
    assert len({row.code for row in rows()}) >= 120
