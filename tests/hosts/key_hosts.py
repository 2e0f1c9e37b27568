"""Signers and a chain that live in memory, and can be killed between any two of their smallest changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from hosts.keys.custody import ChainView, Sealed
from hosts.keys.observation import SignedState, SignerObservation
from hosts.signer_config import CONSENSUS_KEY, STANDBY_KEY

KEY = "gdWIAs5AM37iilJSj1cz+jRqDhhYSwiIAhWmpHnls2I="
OTHER_KEY = "YKJfwJD7+C0MEguJwUVliU17MhP1oCOb2txPHQYue1U="
LAST_SIGNED = SignedState(height=100, round=0, step=2)


class Killed(Exception):
    """The ceremony's process ended here."""


@dataclass
class FakeSigners:
    """Signer hosts by name. `after` is called after every smallest change; it may raise `Killed`."""

    hosts: dict[str, SignerObservation]
    packages: dict[str, Sealed] = field(default_factory=dict)
    after: Callable[[FakeSigners], None] = lambda signers: None
    next_key: str = KEY
    changes: int = 0

    def _change(self, name: str, **fields: object) -> None:
        self.hosts[name] = replace(self.hosts[name], **fields)
        self.changes += 1
        self.after(self)

    def observe(self) -> Mapping[str, SignerObservation]:
        return dict(self.hosts)

    def look_into(self, name: str) -> Sealed | None:
        host = self.hosts[name]
        return self.packages.get(name) if host.invited and host.sealed else None

    def generate(self, name: str) -> None:
        self._change(name, state=SignedState(height=0, round=0, step=0))
        self._change(name, key=self.next_key)
        self._change(name, recorded=self.next_key)

    def start(self, name: str) -> bool:
        if self.hosts[name].key_file != CONSENSUS_KEY:
            return False
        self._change(name, active=True, processes=1, enabled=True)
        return True

    def halt(self, name: str) -> None:
        self._change(name, active=False, processes=0)
        self._change(name, enabled=False)
        self._change(name, masked=True)

    def invite(self, name: str) -> None:
        self.packages.pop(name, None)
        self._change(name, invited=False, sealed=False)
        self._change(name, invited=True)

    def seal(self, source: str, target: str) -> None:
        here = self.hosts[source]
        assert here.halted, "the key left a host that may still sign"
        assert here.key and here.state and self.hosts[target].invited
        self._change(source, recorded=here.key)
        self.packages[target] = Sealed(key=here.key, state=here.state)
        self._change(target, sealed=True)

    def destroy(self, name: str) -> None:
        here = self.hosts[name]
        assert here.halted, "a key was destroyed under a running signer"
        if here.key:
            self._change(name, recorded=here.key)
            self._change(name, key=None, remnant=True)
        self._change(name, remnant=False)

    def unseal(self, name: str, expected: str) -> None:
        package = self.look_into(name)
        assert package is not None and package.key == expected and self.hosts[name].key is None
        self._change(name, state=package.state)
        self._change(name, key=package.key)
        self._change(name, recorded=package.key)

    def tidy(self, name: str) -> None:
        self._change(name, invited=False)
        self.packages.pop(name, None)
        self._change(name, sealed=False)

    def release(self, name: str) -> None:
        self._change(name, masked=False)
        self.start(name)

    def can_sign(self) -> tuple[str, ...]:
        """The hosts where the key is within tmkms's reach and nothing forbids to start it."""
        return tuple(name for name, each in self.hosts.items() if each.key and not each.masked)

    def is_kept(self) -> bool:
        """Whether the key still exists, in a place or in a package that opens."""
        return any(each.key for each in self.hosts.values()) or any(self.look_into(name) for name in self.hosts)


@dataclass
class FakeChain:
    """A chain that is one block further each time it is asked."""

    head: int = 103
    signed_since: tuple[int, ...] = ()
    reachable: bool = True

    def view(self, address: str, above: int) -> ChainView | None:
        if not self.reachable:
            return None
        self.head += 1
        return ChainView(head=self.head, signed_since=self.signed_since)


READY = SignerObservation(installed=True, provisioned=True)


def estate() -> FakeSigners:
    """Two sites: `west` signs with the consensus key, `east` with a standby key; each has a spare."""
    return FakeSigners(
        hosts={
            "west": replace(
                READY,
                key=KEY,
                recorded=KEY,
                state=LAST_SIGNED,
                key_file=CONSENSUS_KEY,
                active=True,
                enabled=True,
                processes=1,
            ),
            "west-spare": READY,
            "east": replace(READY, standby=True, key_file=STANDBY_KEY, active=True, enabled=True, processes=1),
            "east-spare": READY,
        }
    )
