"""Signatures of requests, judged by the vendor's signer."""

from __future__ import annotations

import hmac
import random
import string
from datetime import UTC, datetime

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from coordinator.table import sigv4
from coordinator.table.sigv4 import Credentials, Signer

PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "
NOON = 1_790_000_000


def vendors(
    credentials: Credentials, region: str, host: str, headers: dict[str, str], content: bytes, now: float
) -> dict[str, str]:
    """What botocore sends."""
    request = AWSRequest("POST", f"https://{host}/", {"Host": host, **headers}, content)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(auth, "get_current_datetime", lambda *_, **__: datetime.fromtimestamp(now, UTC))
        keys = ReadOnlyCredentials(credentials.access_key, credentials.secret_key, credentials.token)
        auth.SigV4Auth(keys, "dynamodb", region).add_auth(request)
    return dict(request.headers.items())


def word(rng: random.Random, letters: str, longest: int) -> str:
    return "".join(rng.choices(letters, k=rng.randint(1, longest))).strip() or "x"


@pytest.mark.slow
def test_each_generated_request_is_signed_as_the_vendor_signs_it():
    rng, signer = random.Random(11), Signer()
    lasting = [Credentials(word(rng, PRINTABLE, 20), word(rng, PRINTABLE, 40)) for _ in range(3)]
    for _ in range(500):
        token = rng.choice((None, word(rng, PRINTABLE, 900)))
        given = rng.choice([*lasting, Credentials(word(rng, PRINTABLE, 20), word(rng, PRINTABLE, 40), token)])
        region = rng.choice(("us-east-1", "ap-southeast-2", word(rng, string.ascii_lowercase + "-", 12)))
        host = f"dynamodb.{region}.amazonaws.com" + rng.choice(("", ":8000"))
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{rng.choice(('UpdateItem', 'PutItem'))}",
        }
        now = rng.randrange(2**31) if rng.random() < 0.5 else NOON + rng.randrange(3 * 86_400)
        content = rng.randbytes(rng.randrange(2000))
        made = signer.signed(given, region, host, headers["X-Amz-Target"], content, now)
        assert made == vendors(given, region, host, headers, content, now)


def test_a_key_is_derived_once_for_a_secret_a_day_and_a_region(monkeypatch: pytest.MonkeyPatch):
    digest, seen, signer = hmac.digest, [], Signer()
    monkeypatch.setattr(sigv4.hmac, "digest", lambda *given: seen.append(given) or digest(*given))
    midnight = NOON // 86_400 * 86_400

    def derived(secret: str, region: str, now: float) -> bool:
        seen.clear()
        signer.signed(Credentials("id", secret), region, "host", "", b"", now)
        return len(seen) == 5

    assert derived("one", "us-east-1", midnight)
    assert not derived("one", "us-east-1", midnight + 86_399)
    assert derived("one", "us-east-1", midnight + 86_400)
    assert derived("other", "us-east-1", midnight)
    assert derived("one", "us-east-2", midnight)
    assert not derived("one", "us-east-1", midnight), "keys of one day, region or secret do not push out another's"
    for number in range(sigv4.MOST_KEYS):
        derived(f"later {number}", "us-east-1", midnight)
    assert derived("one", "us-east-1", midnight), "no more keys are kept than are of use"


def test_a_secret_or_token_is_in_no_text_about_credentials():
    assert "hidden" not in repr(Credentials("id", "hidden", "hidden too"))
