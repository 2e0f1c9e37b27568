"""Why the lab's clouds do not do what the engine wants."""


class Refusal(Exception):
    """The cloud refused a call.

    Attributes:
        code: the cloud's error code, for example `InvalidSubnet.Conflict`.
        message: the cloud's message, with the value that it refused.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class RefusedCall(Exception):
    """A call that the cloud refused, in the text that its provider prints."""

    def __init__(self, text: str, refusal: Refusal) -> None:
        super().__init__(text)
        self.code = refusal.code


class NotFound(Exception):
    """A resource that the engine names is not in the store."""


class UnknownType(Exception):
    """A resource type or function that the lab's cloud does not support."""
