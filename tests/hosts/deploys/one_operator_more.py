"""The operators, and one more."""

from configuration.accounts import OPERATORS_GROUP
from hosts.operations import accounts

accounts.people(name="Take one on", names=("alice", "bob"), group=OPERATORS_GROUP)
