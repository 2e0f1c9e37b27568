"""What a gate tells of itself can be read back."""

from __future__ import annotations

from pathlib import Path

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


def test_every_series_is_written_as_prometheus_reads_it():
    metrics = Metrics()
    for _ in range(2):
        metrics.count("signatures_total", "hub-4", kind="prevote")
    metrics.count("claims_total", "hub-4", outcome="won")
    metrics.put("floor_height", "hub-4", 12345678901)
    for seconds in (0.0005, 0.00051, 0.3, 9.0):
        metrics.took("whole", "hub-4", seconds)
    lines = metrics.text().splitlines()
    assert 'signing_gate_signatures_total{chain="hub-4",kind="prevote"} 2' in lines
    assert 'signing_gate_claims_total{chain="hub-4",outcome="won"} 1' in lines
    assert 'signing_gate_floor_height{chain="hub-4"} 12345678901' in lines
    counted = {
        line.partition('le="')[2].partition('"')[0]: int(line.rpartition(" ")[2]) for line in lines if "_bucket" in line
    }
    bounds = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5)
    wanted = [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4]
    assert counted == dict(zip((*map(str, bounds), "+Inf"), wanted, strict=True)), "a bound is within its bucket"
    assert 'signing_gate_seconds_count{chain="hub-4",stage="whole"} 4' in lines
    assert 'signing_gate_seconds_sum{chain="hub-4",stage="whole"} 9.30101' in lines
    for name, kind in (("signatures_total", "counter"), ("halted", "gauge"), ("seconds", "histogram")):
        assert f"# TYPE signing_gate_{name} {kind}" in lines
        assert sum(line.startswith(f"# HELP signing_gate_{name} ") for line in lines) == 1
    assert metrics.text().endswith("\n")


def test_every_metric_has_its_name_its_kind_and_its_meaning_from_the_beginning():
    """The names that alarms and boards use."""
    lines = Metrics().text().splitlines()
    of = "signatures replays refusals claims events_dropped"
    kinds = {f"{each}_total": "counter" for each in of.split()} | {"seconds": "histogram"}
    of = "started last_signed_height floor_height signer_connected node_connected halted"
    kinds |= dict.fromkeys(of.split(), "gauge")
    told = dict(line.removeprefix("# TYPE signing_gate_").split() for line in lines if line.startswith("# TYPE "))
    assert told == kinds
    helped = [line.split()[2].removeprefix("signing_gate_") for line in lines if line.startswith("# HELP ")]
    assert helped == [*told] and all(len(line.split()) > 4 for line in lines if line.startswith("# HELP "))
    assert len(lines) == 2 * len(kinds)


def test_series_of_one_metric_are_told_apart_by_their_labels():
    metrics = Metrics()
    for chain, cause in (("b", "disk"), ("a", "disk"), ("a", "fenced"), ("a", "disk")):
        metrics.count("refusals_total", chain, cause=cause)
    for stage, seconds in (("table", 0.25), ("disk", 0.5), ("table", 0.5)):
        metrics.took(stage, "a", seconds)
    found = [line for line in metrics.text().splitlines() if not line.startswith("#") and "_bucket" not in line]
    assert found == [
        'signing_gate_refusals_total{chain="a",cause="disk"} 2',
        'signing_gate_refusals_total{chain="a",cause="fenced"} 1',
        'signing_gate_refusals_total{chain="b",cause="disk"} 1',
        'signing_gate_seconds_sum{chain="a",stage="disk"} 0.5',
        'signing_gate_seconds_count{chain="a",stage="disk"} 1',
        'signing_gate_seconds_sum{chain="a",stage="table"} 0.75',
        'signing_gate_seconds_count{chain="a",stage="table"} 2',
    ]


def test_a_reader_never_sees_half_a_file(tmp_path: Path):
    path, metrics = tmp_path / "gate.prom", Metrics()
    path.write_text("old")
    before = path.stat().st_ino
    metrics.put("started", "hub-4", 1)
    metrics.write(path)
    assert path.read_text() == metrics.text() and path.stat().st_ino != before
    assert path.stat().st_mode & 0o777 == 0o644 and list(tmp_path.iterdir()) == [path]
