"""A refusal in the words that the AWS provider prints."""

import uuid

from lab.clouds.errors import Refusal


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
