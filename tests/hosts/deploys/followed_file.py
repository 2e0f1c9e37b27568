"""A file with a follow-up that leaves a trace."""

from hosts.operations import files
from hosts.operations.files import File
from tests.hosts.deploys import followed_file_command

files.install(
    name="Install a file with a follow-up",
    items=[File(path="/etc/followed", content="x\n", then=followed_file_command())],
)
