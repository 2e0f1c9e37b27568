"""Signatures of requests to DynamoDB: AWS Signature Version 4.

Of the protocol, only what these calls need: POST of ``/``, no query, always the same headers, the body signed. The key
that is derived from the secret for a day, a region and the service is kept, as the protocol intends it; deriving it
takes most of the time.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field
from hashlib import sha256

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "dynamodb"
CONTENT_TYPE = "application/x-amz-json-1.0"
MOST_KEYS = 8
"""Kept keys: two replicas, before and after midnight, with the last credentials and the next."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """``token``: of temporary credentials."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class Signer:
    """Signs the headers of requests. Thread-safe: at worst, two threads derive the same key."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str, str], bytes] = {}

    def signed(
        self,
        credentials: Credentials,
        region: str,
        host: str,
        target: str,
        content: bytes,
        now: float | None = None,
    ) -> dict[str, str]:
        """All headers of a request but its length. ``host``: the value of the Host header. ``target``: the operation,
        as in the header X-Amz-Target. ``now``: seconds since 1970, by default the clock's.
        """
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        headers = {"Content-Type": CONTENT_TYPE, "Host": host, "X-Amz-Date": moment, "X-Amz-Target": target}
        token, names = "", "content-type;host;x-amz-date;x-amz-target"
        if credentials.token is not None:
            headers["X-Amz-Security-Token"] = credentials.token
            token = f"x-amz-security-token:{' '.join(credentials.token.split())}\n"
            names = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
        lines = f"content-type:{CONTENT_TYPE}\nhost:{host}\nx-amz-date:{moment}\n{token}x-amz-target:{target}\n"
        request = f"POST\n/\n\n{lines}\n{names}\n{sha256(content).hexdigest()}"
        scope = f"{moment[:8]}/{region}/{SERVICE}/aws4_request"
        text = f"{ALGORITHM}\n{moment}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        key = self._key(credentials.secret_key, moment[:8], region)
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        headers["Authorization"] = (
            f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return headers

    def _key(self, secret: str, date: str, region: str) -> bytes:
        of = (secret, date, region)
        key = self._keys.get(of)
        if key is None:
            key = f"AWS4{secret}".encode()
            for part in (date, region, SERVICE, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            kept = dict(list(self._keys.items())[1 - MOST_KEYS :])
            self._keys = kept | {of: key}
        return key
