"""The content of each package, as data. Add a program as a function here, or as a call of `chain_client`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coordinator import version

MAINTAINER = "Estate packages <packages@estate.invalid>"


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file taken from `url`, used only if its SHA-256 (hex) is `sha256`.

    `member` names the file inside, where what is downloaded is a tar archive.
    """

    url: str
    sha256: str
    member: str | None = None


@dataclass(frozen=True, kw_only=True)
class Package:
    """A Debian package. Paths are absolute, as on the host that installs it.

    `programs` and `libraries` map a path to the file that goes there, `texts` and `scripts` (executable) to what the
    file says, `links` to the target of a symbolic link.
    """

    name: str
    version: str
    summary: str
    architecture: str = "amd64"
    depends: tuple[str, ...] = ("libc6", "libgcc-s1")
    section: str = "net"
    programs: Mapping[str, Path | Download] = field(default_factory=dict)
    libraries: Mapping[str, Path | Download] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


def chain_client(
    *, package: str, version: str, daemon: str, program: Path | Download, libraries: Sequence[Path] = ()
) -> Package:
    """A chain's node software: `/usr/bin/<daemon>`, in a directory of its own with the shared libraries it needs.

    The dynamic linker finds these beside the program if its run path is `$ORIGIN`, as in the parts of `tools`.
    """
    home = f"/usr/lib/{package}"
    return Package(
        name=package,
        version=version,
        summary=f"Node software {daemon} of a chain",
        programs={f"{home}/{daemon}": program},
        libraries={f"{home}/{library.name}": library for library in libraries},
        links={f"/usr/bin/{daemon}": f"../lib/{package}/{daemon}"},
    )


def tmkms(*, version: str, program: Path | Download) -> Package:
    """The signer's key management system: `/usr/bin/tmkms`."""
    return Package(
        name="tmkms",
        version=version,
        summary="Tendermint key management system: remote signer for validators",
        programs={"/usr/bin/tmkms": program},
    )


GATE_HOME = "/usr/lib/signing-gate"
GATE_DEPENDS = ("python3 (>= 3.11)", "python3-cryptography", "python3-hvac")
GATE_SCRIPT = """\
#!/usr/bin/python3 -IB
import sys

sys.path.insert(0, "{home}")
from {module} import main

sys.exit(main())
"""


def signing_gate() -> Package:
    """The gate before a signer, from this checkout: `/usr/bin/signing-gate`, and `/usr/bin/signing-gate-lease`.

    It runs on Debian's own Python and libraries. Its version changes with its source.
    """
    return Package(
        name="signing-gate",
        version=version.version(),
        summary="Gate before a remote signer: several sites sign with one key, one at a time",
        architecture="all",
        depends=GATE_DEPENDS,
        libraries={f"{GATE_HOME}/coordinator/{name}": path for name, path in version.sources().items()},
        scripts={
            "/usr/bin/signing-gate": GATE_SCRIPT.format(home=GATE_HOME, module="coordinator.__main__"),
            "/usr/bin/signing-gate-lease": GATE_SCRIPT.format(home=GATE_HOME, module="coordinator.lease"),
        },
    )


def genesis(*, chain_id: str, document: Path | Download) -> Package:
    """A chain's genesis, from which its nodes start: `/usr/share/estate/<chain id>/genesis.json`.

    A genesis never changes, so its version is 1.
    """
    return Package(
        name=f"{chain_id.lower().replace('_', '-')}-genesis",
        version="1",
        summary=f"Genesis of the chain {chain_id}",
        architecture="all",
        depends=(),
        libraries={f"/usr/share/estate/{chain_id}/genesis.json": document},
    )
