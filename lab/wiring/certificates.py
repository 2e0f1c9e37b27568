"""The lab's own certificate authority, which stands in for the public one of a load balancer's certificate."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.wiring.model import Certificate
from lab.wiring.namespace import run

DAYS = 825
SECONDS_LEFT = 86400


def authority(directory: Path) -> Path:
    """The authority's certificate, for clients to trust; made on first use."""
    certificate, key = directory / "ca.pem", directory / "ca.key"
    if not (certificate.exists() and key.exists()):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        staged = directory / "ca.pem.new"
        run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "3650",
                "-subj",
                "/CN=Lab certificate authority",
                "-addext",
                "basicConstraints=critical,CA:TRUE",
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout",
                str(key),
                "-out",
                str(staged),
            ]
        )
        staged.rename(certificate)
    return certificate


def _is_good(certificate: Certificate, ca: Path) -> bool:
    """Whether the file is there, signed by this authority, for exactly these names, and valid for another day."""
    path = Path(certificate.path)
    if not path.exists():
        return False
    shown = subprocess.run(
        ["openssl", "x509", "-in", str(path), "-noout", "-ext", "subjectAltName", "-checkend", str(SECONDS_LEFT)],
        capture_output=True,
        text=True,
    )
    verified = subprocess.run(["openssl", "verify", "-CAfile", str(ca), str(path)], capture_output=True)
    names = {
        part.strip().removeprefix("DNS:")
        for line in shown.stdout.splitlines()
        for part in line.split(",")
        if "DNS:" in part
    }
    return shown.returncode == 0 and verified.returncode == 0 and names == set(certificate.names)


def ensure(certificates: Sequence[Certificate]) -> list[str]:
    """Creates the certificates that are missing or no longer valid; returns their names."""
    made = []
    for certificate in certificates:
        path = Path(certificate.path)
        ca = authority(path.parent)
        if _is_good(certificate, ca):
            continue
        key, signed = path.with_suffix(".key"), path.with_suffix(".crt")
        names = ",".join(f"DNS:{name}" for name in certificate.names)
        run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                str(DAYS),
                "-subj",
                f"/CN={certificate.names[0][:64]}",
                "-addext",
                f"subjectAltName={names}",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-addext",
                "extendedKeyUsage=serverAuth",
                "-CA",
                str(ca),
                "-CAkey",
                str(ca.with_suffix(".key")),
                "-keyout",
                str(key),
                "-out",
                str(signed),
            ]
        )
        staged = path.with_suffix(".new")
        staged.touch(mode=0o600)
        staged.write_text(signed.read_text() + key.read_text() + ca.read_text())
        staged.rename(path)
        key.unlink()
        signed.unlink()
        made.append(certificate.names[0])
    return made
