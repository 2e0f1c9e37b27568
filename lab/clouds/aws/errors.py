"""What the lab's AWS refuses, in the words that the AWS provider prints."""

import uuid


class Refusal(Exception):
    """AWS said no.

    Attributes:
        code: the AWS error code, for example `InvalidSubnet.Conflict`.
        message: AWS's message, with the value it refused.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class NotFound(Exception):
    """A resource that the engine names is not in the store."""


class UnknownType(Exception):
    """A resource type or function that the lab's AWS does not know."""


def describe_refusal(refusal: Refusal, *, doing: str, noun: str, service: str, call: str, urn: str) -> str:
    """Returns the text of a refusal as the AWS provider prints it, naming operation, status, request and code.

    Args:
        doing: the verb, `creating`, `updating` or `deleting`.
        noun: what the provider calls the resource, for example `EC2 Subnet`.
        service: the SDK's name of the service, for example `EC2`.
        call: the API call, for example `CreateSubnet`.
        urn: names the resource; the request id derives from it, so that a message can be repeated exactly.
    """
    request = uuid.uuid5(uuid.NAMESPACE_URL, f"{urn} {call} {refusal.code}")
    return (
        f"{doing} {noun}: operation error {service}: {call}, https response error StatusCode: 400, "
        f"RequestID: {request}, api error {refusal.code}: {refusal.message}"
    )
