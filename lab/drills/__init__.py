"""Failures rehearsed: each drill breaks one thing, watches the chain, repairs what it broke and checks the promise.

A drill repairs what it broke also if it is stopped; ``bin/estate up`` repairs what a killed one left.

This table describes the drills without importing them, so that a command line can be built from it at no cost.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from lab.chaos.scale import Scale

if TYPE_CHECKING:
    from lab.drills.estate import Estate

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option ``--name`` of a drill. It takes an integer, at least ``least``."""

    name: str
    default: int
    help: str
    least: int = 0


@dataclass(frozen=True, kw_only=True)
class LabDrill:
    """A drill in the running lab. ``function`` is ``module:name`` of a function that takes the estate."""

    name: str
    summary: str
    function: str
    needs_lab: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = ()

    def run(self, estate: Estate) -> None:
        """Raises lab.errors.PromiseBroken: what the drill promises did not hold."""
        module, _, name = self.function.partition(":")
        function: Callable[[Estate], None] = getattr(importlib.import_module(module), name)
        function(estate)


@dataclass(frozen=True, kw_only=True)
class FastNetDrill:
    """A drill on a small chain of its own with fast blocks; it needs root and no running lab.

    ``function`` is ``module:name`` of a function that takes the checkout, what reports progress and the scale.
    """

    name: str
    summary: str
    function: str
    options: tuple[Option, ...] = ()
    needs_lab: ClassVar[bool] = False

    def scale(self, values: Mapping[str, int]) -> Scale:
        """The scale for values by option name; what is absent has the option's default."""
        return Scale(**{each.name: values.get(each.name, each.default) for each in self.options})

    def run(self, checkout: Path, say: Say, scale: Scale) -> None:
        """Raises lab.errors.PromiseBroken: what the drill promises did not hold."""
        module, _, name = self.function.partition(":")
        function: Callable[[Path, Say, Scale], None] = getattr(importlib.import_module(module), name)
        function(checkout, say, scale)


Drill = LabDrill | FastNetDrill

CAMPAIGN_OPTIONS = (
    Option(name="faults", default=Scale.faults, help="inject at least this many faults"),
    Option(name="heights", default=Scale.heights, help="run for at least this many heights"),
    Option(name="seed", default=Scale.seed, help="the seed that decides which faults happen when"),
)

_ALL: tuple[Drill, ...] = (
    LabDrill(
        name="stop-signer",
        summary="one datacentre's signer stops: the other signs on; the validator waits for its signer",
        function="lab.drills.signing:stop_signer",
    ),
    LabDrill(
        name="kill-owner",
        summary="gate and tmkms of the height's owner are killed, twice: at most one height is missed each time",
        function="lab.drills.signing:kill_owner",
    ),
    LabDrill(
        name="lose-datacentre",
        summary="each datacentre in turn is cut off: the other signs on, and at most two heights are missed",
        function="lab.drills.signing:lose_datacentre",
    ),
    LabDrill(
        name="partition",
        summary="a datacentre and the table lose each other, one way and both: at most two heights are missed",
        function="lab.drills.signing:partition",
    ),
    LabDrill(
        name="lose-table",
        summary="no gate reaches the table: nothing is signed, and signing resumes by itself when it is back",
        function="lab.drills.signing:lose_table",
    ),
    LabDrill(
        name="public-sentries-down",
        summary="all public sentries stop: the validators keep up and sign through the private sentries",
        function="lab.drills.nodes:public_sentries_down",
    ),
    LabDrill(
        name="lose-region",
        summary="the last region by name is cut off: signing continues through the others",
        function="lab.drills.nodes:lose_region",
    ),
    FastNetDrill(
        name="harness",
        summary="Tendermint's acceptance tests for remote signers pass through gate and tmkms",
        function="lab.chaos.harness:run",
    ),
    FastNetDrill(
        name="no-gate",
        summary="two datacentres sign with one key and no gate: the key signs twice, and the chain tombstones it",
        function="lab.chaos.no_gate:run",
    ),
    FastNetDrill(
        name="last-writer-wins",
        summary="the gates use a table in which the last writer wins: the key signs twice, and the judge sees it",
        function="lab.chaos.campaign:last_writer_wins",
    ),
    FastNetDrill(
        name="chaos",
        summary="everything fails, again and again, in both datacentres: nothing is signed twice, and signing resumes",
        function="lab.chaos.campaign:run",
        options=CAMPAIGN_OPTIONS,
    ),
)

DRILLS: Mapping[str, Drill] = MappingProxyType({each.name: each for each in _ALL})
"""Every drill by its name, those of the running lab first."""
