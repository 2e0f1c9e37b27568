"""Of everything that the program registers it is known what it costs, or that it costs nothing."""

from __future__ import annotations

from components.recording import Recorded
from estate.model import Network
from estate.plan import costs
from estate.plan.costs import Costs, Resource


def priced(recorded: Recorded) -> Costs:
    return costs.costs(
        Resource(type=each.type, region=each.inputs.get("region", ""), properties=each.inputs)
        for each in recorded.resources
    )


def test_every_registered_type_is_priced_depends_on_use_or_is_free(recorded: Recorded) -> None:
    assert {each.type for each in recorded.resources if not costs.classified(each.type)} == set()


def test_every_price_that_a_declared_network_needs_is_known(recorded: Recorded) -> None:
    assert priced(recorded).unknown == {}


def test_every_price_that_a_new_network_needs_is_known(small_recorded: Recorded) -> None:
    assert priced(small_recorded).unknown == {}


def test_each_virtual_machine_is_an_item_of_its_type(recorded: Recorded, network: Network) -> None:
    found = priced(recorded)
    machines = sum(item.count for item in found.items if "." in item.what)
    assert machines == len(network.nodes)
