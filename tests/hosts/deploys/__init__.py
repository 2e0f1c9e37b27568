"""Small deploys that go wrong on purpose, and what they use."""


def followed_file_command() -> str:
    """The follow-up of ``followed_file``."""
    return "date +%N >> /run/follow-up"
