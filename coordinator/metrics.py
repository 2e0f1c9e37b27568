"""Counters, gauges and latencies of a gate, in Prometheus's text format, for the node exporter's textfile collector."""

from __future__ import annotations

import threading
from bisect import bisect_left
from pathlib import Path

PREFIX = "signing_gate_"
BOUNDS_SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5)
"""Upper bounds of the latency buckets: fine around the targets, and up to the longest deadline of a request."""

COUNTERS = {
    "signatures_total": "Signatures given to the node, by kind.",
    "replays_total": "Existing signatures given to the node again.",
    "refusals_total": "Requests answered with an error, by cause.",
    "claims_total": "Conditional writes of the head row, by outcome.",
    "events_dropped_total": "Events that were not written because nobody reads the standard output.",
}
GAUGES = {
    "started": "1 once the table has admitted this run of the gate.",
    "last_signed_height": "Height of the last signature given.",
    "floor_height": "Height of the watermark on disk.",
    "signer_connected": "1 while a signer with the right key is connected.",
    "node_connected": "1 while the validator node is connected.",
    "halted": "1 if this key must not sign here until a person has found the cause.",
}
LATENCY = "seconds"
LATENCY_HELP = "Duration of a signed request, by stage: whole, table, disk, signer."

Labels = tuple[tuple[str, str], ...]


def _written(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{key}="{text}"' for key, text in labels)
    return f"{PREFIX}{name}{{{inside}}} {value:.12g}"


class Metrics:
    """The metrics of one process; every series has the label ``chain``. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, dict[Labels, float]] = {name: {} for name in COUNTERS | GAUGES}
        self._buckets: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def count(self, name: str, chain: str, **labels: str) -> None:
        """Adds one. ``name`` is one of ``COUNTERS``."""
        key = (("chain", chain), *labels.items())
        with self._lock:
            series = self._values[name]
            series[key] = series.get(key, 0) + 1

    def put(self, name: str, chain: str, value: float) -> None:
        """Sets a gauge. ``name`` is one of ``GAUGES``."""
        with self._lock:
            self._values[name][(("chain", chain),)] = value

    def took(self, stage: str, chain: str, seconds: float) -> None:
        """Adds one duration to the histogram of a stage."""
        key = (("chain", chain), ("stage", stage))
        with self._lock:
            buckets = self._buckets.setdefault(key, [0] * (len(BOUNDS_SECONDS) + 1))
            buckets[bisect_left(BOUNDS_SECONDS, seconds)] += 1
            self._sums[key] = self._sums.get(key, 0.0) + seconds

    def text(self) -> str:
        """All series in Prometheus's text format."""
        lines = []
        with self._lock:
            for kind, names in (("counter", COUNTERS), ("gauge", GAUGES)):
                for name, meaning in names.items():
                    lines += [f"# HELP {PREFIX}{name} {meaning}", f"# TYPE {PREFIX}{name} {kind}"]
                    lines += [_written(name, labels, value) for labels, value in sorted(self._values[name].items())]
            lines += [f"# HELP {PREFIX}{LATENCY} {LATENCY_HELP}", f"# TYPE {PREFIX}{LATENCY} histogram"]
            for labels, buckets in sorted(self._buckets.items()):
                total = 0
                for bound, found in zip((*map(str, BOUNDS_SECONDS), "+Inf"), buckets, strict=True):
                    total += found
                    lines.append(_written(f"{LATENCY}_bucket", (*labels, ("le", bound)), total))
                lines.append(_written(f"{LATENCY}_sum", labels, self._sums[labels]))
                lines.append(_written(f"{LATENCY}_count", labels, total))
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """Writes the text and renames the file into place, so that no reader sees a partial file. Raises OSError."""
        temporary = path.with_name(path.name + ".new")
        temporary.write_text(self.text())
        temporary.chmod(0o644)
        temporary.replace(path)


def gauges(text: str, chain: str) -> dict[str, float]:
    """The gauges of one chain, read from ``Metrics.text``, by their names in ``GAUGES``."""
    label, found = f'{{chain="{chain}"}} ', {}
    for line in text.splitlines():
        name, found_label, value = line.removeprefix(PREFIX).partition(label)
        if found_label and name in GAUGES:
            found[name] = float(value)
    return found
