"""Files whose follow-up fails."""

from hosts.operations import files
from hosts.operations.files import File

files.install(
    name="Install files whose follow-up fails",
    items=[
        File(path="/etc/motd", content="replaced\n", then="grep -qv replaced /etc/motd"),
        File(path="/etc/new-file", content="new\n"),
    ],
)
