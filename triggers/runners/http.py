"""Functions behind a URL: the event as a signed request, the answer signed likewise.

Both signatures are HMAC-SHA256, in hexadecimal, under the function's secret. A request's covers
`request.<id>.<timestamp>.<body>`; the answer's `answer.<id>.<timestamp>.<body>`, with the id of the
request, so that an answer that was forged, kept from another request, or is the request itself sent
back, is refused. An error is a signed answer of another status with Lambda's error document.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import orjson

from triggers.events import Event
from triggers.models import Function
from triggers.runners.base import (
    LARGEST_ANSWER,
    Answer,
    FunctionError,
    RunnerUnavailable,
    TimedOut,
    UnreadableAnswer,
    message_of,
)
from userpools import outbound
from userpools.conf import settings

ID_HEADER: Final = "X-Poolhouse-Request-Id"
TIME_HEADER: Final = "X-Poolhouse-Timestamp"
SIGNATURE_HEADER: Final = "X-Poolhouse-Signature"
# Between the two clocks, in seconds.
WINDOW: Final = 300
_SECONDS: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_UNAVAILABLE: Final = "ServiceException"
_DENIED: Final = "AccessDeniedException"


def signature(secret: str, kind: str, request_id: str, timestamp: str, body: bytes) -> str:
    """Sign a `request` or an `answer`."""
    signed = f"{kind}.{request_id}.{timestamp}.".encode() + body
    return f"sha256={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One request, and how to tell its answer from any other."""

    secret: str = field(repr=False)
    request_id: str

    def headers(self, body: bytes) -> Mapping[str, str]:
        """Return the request's headers; `outbound` asks for them."""
        timestamp = str(int(time.time()))
        return {
            ID_HEADER: self.request_id,
            TIME_HEADER: timestamp,
            SIGNATURE_HEADER: signature(self.secret, "request", self.request_id, timestamp, body),
        }

    def refusal(self, answer: outbound.Answer) -> str:
        """Say why an answer cannot be believed; empty when it can."""
        timestamp = answer.headers.get(TIME_HEADER, "")
        given = answer.headers.get(SIGNATURE_HEADER, "")
        wanted = signature(self.secret, "answer", self.request_id, timestamp, answer.body)
        # Bytes: the comparison takes no text beyond ASCII.
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            return "The answer does not bear the function's signature."
        if not _SECONDS.fullmatch(timestamp) or abs(time.time() - int(timestamp)) > WINDOW:
            return "The answer's timestamp is too far from this server's time."
        return ""


class HttpRunner:
    """Posts the event to the function's URL and reads the answer's JSON body."""

    def run(self, function: Function, event: Event, *, timeout: float) -> Answer:
        """Make one request, which follows no redirect."""
        webhook = Webhook(function.secret, secrets.token_hex(16))
        try:
            answer = outbound.post(
                function.target,
                json=event,
                timeout=timeout,
                max_bytes=LARGEST_ANSWER,
                https_only=not settings.OUTBOUND_PRIVATE,
                auth=webhook,
            )
        except outbound.Refused as exc:
            raise RunnerUnavailable(_DENIED, str(exc)) from exc
        except outbound.Unreachable as exc:
            if isinstance(exc.__cause__, TimeoutError):
                raise TimedOut(str(exc)) from exc
            raise RunnerUnavailable(_UNAVAILABLE, str(exc)) from exc
        return Answer(_document(webhook, answer))

    def check(self, function: Function) -> str:
        """Want a URL and a secret; https beyond private networks, as events hold passwords."""
        parts = urlsplit(function.target)
        schemes = {"https", "http"} if settings.OUTBOUND_PRIVATE else {"https"}
        if parts.scheme not in schemes or not parts.hostname:
            return "The URL must begin with https:// and name a host."
        return "" if function.secret_sealed else "A webhook needs a secret."


def _document(webhook: Webhook, answer: outbound.Answer) -> object:
    refusal = webhook.refusal(answer)
    if refusal:
        raise RunnerUnavailable(_UNAVAILABLE, f"{refusal} Status {answer.status_code}.")
    try:
        document: object = answer.json()
    except orjson.JSONDecodeError as exc:
        raise UnreadableAnswer("The answer is no JSON document.") from exc
    if answer.status_code != HTTPStatus.OK:
        raise FunctionError(message_of(document))
    return document
