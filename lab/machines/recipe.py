"""What the machines' image is made of: Debian packages by purpose, files, and units that a machine does without."""

import hashlib
import json
from pathlib import Path

SUITE = "bookworm"
SUITES = (SUITE, f"{SUITE}-updates", f"{SUITE}-security")

PACKAGES: dict[str, tuple[str, ...]] = {
    "system": ("systemd", "systemd-sysv", "dbus", "libnss-systemd", "procps", "iproute2", "iputils-ping", "logrotate"),
    "access": ("openssh-server", "sudo"),
    "firewall": ("nftables", "conntrack", "ulogd2"),
    "time": ("chrony",),
    "packages": ("ca-certificates", "curl", "gpg", "gpgv", "jq"),
    "availability": ("keepalived", "haproxy"),
    "routing": ("bird2",),
    "names": ("unbound", "dns-root-data"),
    "web": ("nginx-light",),
    "signing": ("libusb-1.0-0", "python3-cryptography", "python3-hvac"),
    "inspection": ("tcpdump", "netcat-openbsd", "bind9-dnsutils", "less", "vim-tiny"),
}
"""What every machine has on its disk from the start; a role that needs more adds it here, under its own key.

``signing``: tmkms is linked with libusb; the signing gate is a Debian package of the estate that depends on Debian's
own Python libraries, which the estate's repository does not carry.
"""

ADMIN_USER = "debian"
ADMIN_UID = 1000

ENABLED_SERVICES = ("ssh.service", "sysctl-of-this-machine.service", "user-data.service")
"""Services that start at boot; all others wait for their role to enable them."""

MASKED_UNITS = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "apt-daily.service",
    "apt-daily-upgrade.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "console-getty.service",
    "getty.target",
    "getty@tty1.service",
    "dev-hugepages.mount",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-initctl.socket",
    "systemd-logind.service",
    "systemd-networkd-wait-online.service",
    "systemd-networkd.service",
    "systemd-pstore.service",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
    "unbound-resolvconf.service",
)
"""Units that hardware, an interactive console or the outer machine's own links would need."""

EXCLUDED_PATHS = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*")
ROOTFS = Path(__file__).parent / "rootfs"
"""Files that are laid over the packages, at their own path; an executable stays executable."""


def packages() -> tuple[str, ...]:
    """All packages, sorted, each once."""
    return tuple(sorted({package for group in PACKAGES.values() for package in group}))


def rootfs_files() -> dict[str, tuple[bytes, bool]]:
    """Absolute path in the image → (content, executable) of each file that is laid over the packages."""
    files = sorted(path for path in ROOTFS.rglob("*") if path.is_file())
    return {f"/{path.relative_to(ROOTFS)}": (path.read_bytes(), bool(path.stat().st_mode & 0o100)) for path in files}


def digest() -> str:
    """16 hexadecimal digits that change when anything in the recipe does."""
    recipe = {
        "suites": SUITES,
        "packages": packages(),
        "excluded": EXCLUDED_PATHS,
        "enabled": ENABLED_SERVICES,
        "masked": MASKED_UNITS,
        "admin": (ADMIN_USER, ADMIN_UID),
        "files": {path: (content.decode(), executable) for path, (content, executable) in rootfs_files().items()},
    }
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
