"""What a gate tells of itself can be read back."""

from __future__ import annotations

from coordinator.metrics import Metrics, gauges


def test_the_gauges_of_a_chain_are_read_as_they_were_put():
    metrics = Metrics()
    for chain, height in (("hub-4", 17), ("hub-5", 99)):
        metrics.put("last_signed_height", chain, height)
    metrics.put("halted", "hub-4", 0)
    metrics.count("replays_total", "hub-4")
    assert gauges(metrics.text(), "hub-4") == {"last_signed_height": 17.0, "halted": 0.0}


def test_an_unknown_chain_has_no_gauges():
    assert gauges(Metrics().text(), "hub-4") == {}
