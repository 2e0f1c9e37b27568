"""IAM policy documents as canonical text: equal policies have equal text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def document(statements: Sequence[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, sort_keys=True)


def allow(actions: Sequence[str], resources: str | Sequence[str], **condition: dict[str, Any]) -> dict[str, Any]:
    """A statement of an identity's policy; ``condition`` by operator, e.g. ``StringEquals={...}``."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": resources if isinstance(resources, str) else list(resources),
    }
    return statement | ({"Condition": condition} if condition else {})


def trust(principal: dict[str, str], **condition: dict[str, Any]) -> str:
    """Who may assume a role, and under which ``condition``."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return document([statement | ({"Condition": condition} if condition else {})])
