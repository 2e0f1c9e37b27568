"""The state of a signer host."""

from __future__ import annotations

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from ceremonies import observation
from ceremonies.observation import SignerObservation


class Signer(FactBase[SignerObservation]):
    """The keys, state and service of a signer, in one round trip; the keys by their public halves only."""

    @override
    def command(self, state_file: str) -> StringCommand:
        return StringCommand(observation.observe(state_file))

    @staticmethod
    @override
    def default() -> SignerObservation:
        return SignerObservation()

    @override
    def process(self, output: list[str]) -> SignerObservation:
        return observation.parse("\n".join(output))
