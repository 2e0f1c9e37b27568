"""A creation whose reply never reached the engine leaves nothing behind.

The engine calls Create again for the same URN. What it knows it has asked about, by Diff or Read; what it never asked
about, it does not know.
"""

from lab.clouds.aws.provider import Aws
from lab.clouds.aws.services import tokens as t
from lab.clouds.store import Store
from tests.lab.clouds.aws.landscape import Landscape


def urns(land: Landscape) -> list[str]:
    return [resource.urn for resource in land.aws.store.resources() if resource.urn]


def engine_meets(land: Landscape, name: str) -> None:
    made = land.made[name]
    land.aws.diff(made.token, made.id, land.settings, made.inputs, made.properties, made.inputs)


def test_a_creation_that_the_engine_repeats_leaves_one_resource(land: Landscape) -> None:
    lost = land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
    kept = land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
    assert lost != kept
    assert [resource.id for resource in land.aws.store.resources() if resource.urn] == [kept]


def test_a_repeated_creation_of_a_unique_name_is_not_refused(land: Landscape) -> None:
    land.make("logs", t.LOG_GROUP, name="/estate")
    land.make("logs", t.LOG_GROUP, name="/estate")
    assert len(urns(land)) == 1


def test_a_lost_address_returns_to_the_pool(land: Landscape) -> None:
    for _ in range(5):
        land.make("address", t.EIP, domain="vpc")
    with land.aws.store.snapshot() as view:
        assert list(view.held_addresses()) == [land.of("address", "publicIp")]


def test_a_whole_lost_network_is_made_again_once(land: Landscape) -> None:
    for _ in range(3):
        vpc = land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
        subnet = land.make("subnet", t.SUBNET, vpcId=vpc, cidrBlock="10.0.1.0/24")
        land.make("interface", t.NETWORK_INTERFACE, subnetId=subnet, privateIps=["10.0.1.20"])
    assert len(urns(land)) == len(set(urns(land))) == 3


def test_what_the_engine_knows_stays_while_its_replacement_is_made(land: Landscape) -> None:
    old = land.make("disk", t.VOLUME, availabilityZone="eu-central-1a", size=8)
    engine_meets(land, "disk")
    new = land.make("disk", t.VOLUME, availabilityZone="eu-central-1b", size=8)
    assert {resource.id for resource in land.aws.store.resources()} == {old, new}


def test_a_lost_replacement_goes_and_what_it_was_to_replace_stays(land: Landscape) -> None:
    old = land.make("disk", t.VOLUME, availabilityZone="eu-central-1a", size=8)
    known = land.made["disk"]
    engine_meets(land, "disk")
    land.make("disk", t.VOLUME, availabilityZone="eu-central-1b", size=8)
    new = land.make("disk", t.VOLUME, availabilityZone="eu-central-1b", size=8)
    assert {resource.id for resource in land.aws.store.resources()} == {old, new}
    land.aws.delete(known.token, old, known.urn, land.settings, known.properties)
    assert [resource.id for resource in land.aws.store.resources()] == [new]


def test_what_the_engine_knows_is_not_swept_away_with_a_ghost(land: Landscape) -> None:
    vpc = land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
    land.make("subnet", t.SUBNET, vpcId=vpc, cidrBlock="10.0.1.0/24")
    engine_meets(land, "subnet")
    land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
    assert len(urns(land)) == 3


def test_orphans_are_collected_by_what_the_engine_knows(estate: Landscape) -> None:
    known = [(made.urn, made.id) for name, made in estate.made.items() if name not in ("free disk", "record")]
    gone = estate.aws.store.collect_orphans(known)
    assert {resource.id for resource in gone} == {estate.id("free disk"), estate.id("record")}
    assert estate.aws.store.collect_orphans(known) == []


def test_ids_do_not_depend_on_who_came_first(land: Landscape, tmp_path) -> None:
    first = land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
    with Store(tmp_path / "other.sqlite", create=True) as store:
        other = Landscape(Aws(store, lab_id="test"))
        other.make("another", t.VPC, cidrBlock="10.1.0.0/16")
        assert other.make("vpc", t.VPC, cidrBlock="10.0.0.0/16") == first


def test_two_labs_share_no_id(land: Landscape, tmp_path) -> None:
    with Store(tmp_path / "other.sqlite", create=True) as store:
        other = Landscape(Aws(store, lab_id="other"))
        assert other.make("vpc", t.VPC, cidrBlock="10.0.0.0/16") != land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
