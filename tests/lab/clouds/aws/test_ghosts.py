"""What a killed engine made and never recorded: AWS keeps it, and refuses a second one; only the lab collects it."""

import sqlite3

import pytest

from lab.clouds.aws.provider import Aws
from lab.clouds.aws.services import tokens as t
from lab.clouds.errors import RefusedCall
from lab.clouds.store import Store
from tests.lab.clouds.aws.landscape import Landscape


def test_a_creation_that_the_engine_repeats_makes_a_second_resource(land: Landscape) -> None:
    lost = land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
    kept = land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
    assert {resource.id for resource in land.aws.store.resources() if resource.urn} == {lost, kept}


def test_a_repeated_creation_of_a_unique_name_is_refused(land: Landscape) -> None:
    land.make("logs", t.LOG_GROUP, name="/estate")
    with pytest.raises(RefusedCall, match="ResourceAlreadyExists"):
        land.make("logs", t.LOG_GROUP, name="/estate")


def test_an_instance_at_the_address_of_the_one_that_it_would_replace_is_refused(land: Landscape) -> None:
    """Whether or not the engine has asked about the old one before."""
    vpc = land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
    subnet = land.make("subnet", t.SUBNET, vpcId=vpc, cidrBlock="10.0.1.0/24")
    node = {"ami": "ami-0123456789abcdef0", "instanceType": "t3.small", "subnetId": subnet, "privateIp": "10.0.1.20"}
    land.make("node", t.INSTANCE, **node)
    with pytest.raises(RefusedCall, match="InvalidIPAddress.InUse"):
        land.make("node", t.INSTANCE, **node)


def test_a_protected_instance_is_terminated_only_after_an_update_that_lifts_its_protection(land: Landscape) -> None:
    vpc = land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16")
    subnet = land.make("subnet", t.SUBNET, vpcId=vpc, cidrBlock="10.0.1.0/24")
    node = {"ami": "ami-0123456789abcdef0", "instanceType": "t3.small", "subnetId": subnet}
    land.make("node", t.INSTANCE, **node, disableApiTermination=True)
    with pytest.raises(RefusedCall, match="OperationNotPermitted"):
        land.delete("node")
    land.update("node", forceDestroy=True)
    land.delete("node")


def test_orphans_are_collected_by_what_the_engine_knows(estate: Landscape) -> None:
    known = [(made.urn, made.id) for name, made in estate.made.items() if name not in ("free disk", "record")]
    gone = estate.aws.store.collect_orphans(known)
    assert {resource.id for resource in gone} == {estate.id("free disk"), estate.id("record")}
    assert estate.aws.store.collect_orphans(known) == []


def test_the_file_of_an_older_lab_is_read_and_written(land: Landscape) -> None:
    kept, path = land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16"), land.aws.store.path
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE resources ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0")
    with Store(path) as store:
        again = Landscape(Aws(store, lab_id="test"))
        again.make("another", t.VPC, cidrBlock="10.1.0.0/16")
        assert kept in {resource.id for resource in store.resources()}
    with sqlite3.connect(path) as connection:
        assert "confirmed" not in {row[1] for row in connection.execute("PRAGMA table_info(resources)")}


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
