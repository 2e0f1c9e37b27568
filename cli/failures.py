"""What can go wrong in the parts that a command puts together, each with a sentence of its own: exit code 1, no traceback."""

from ceremonies.custody import Refused
from ceremonies.remote import HostFailed
from coordinator.table.ceremony import NotDone
from engine.processes import CommandFailed
from lab.chain.genesis import ChainToolFailed
from lab.chain.join import JoinFailed
from lab.chain.plan import UnknownIdentity
from lab.chain.watch import ChainUnreachable
from lab.chain.world import WorldFailed
from lab.errors import Broken
from lab.machines.cloud_config import UserDataError
from lab.machines.image import ImageError
from lab.machines.machine import BootFailed
from lab.machines.requirements import LabUnavailable
from lab.netns import NamespaceMissing
from lab.table.local import TableFailed
from lab.wiring.namespace import CommandFailed as NetworkCommandFailed
from packages.deb import PackagingFailed
from packages.download import DownloadRefused
from packages.signing import SigningFailed
from tools.commands import PartError
from tools.debian import PackagesMissing

FAILURES = (
    BootFailed,
    Broken,
    ChainToolFailed,
    ChainUnreachable,
    CommandFailed,
    DownloadRefused,
    HostFailed,
    ImageError,
    JoinFailed,
    LabUnavailable,
    NamespaceMissing,
    NetworkCommandFailed,
    NotDone,
    PackagesMissing,
    PackagingFailed,
    PartError,
    Refused,
    SigningFailed,
    TableFailed,
    UnknownIdentity,
    UserDataError,
    WorldFailed,
)


def in_words(error: BaseException) -> str | None:
    """What to tell the person at the terminal; None where the error is not one of these, but a fault of ours."""
    if isinstance(error, ExceptionGroup):
        said = [in_words(each) for each in error.exceptions]
        return None if None in said else "\n".join([error.message, *(f"  {each}" for each in said)])
    return str(error) if isinstance(error, FAILURES) else None
