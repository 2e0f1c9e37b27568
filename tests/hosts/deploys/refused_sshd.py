"""An SSH configuration that sshd does not understand, beside a file that is right."""

from hosts.operations import files
from hosts.operations.files import File

files.install(
    name="Install a broken SSH configuration",
    items=[
        File(path="/etc/beside", content="right\n"),
        File(path="/etc/ssh/sshd_config", content="Nonsense yes\n", mode="600", check='sshd -t -f "$STAGED"'),
    ],
)
