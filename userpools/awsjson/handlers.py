"""The exception handler: every failure becomes an answer that the protocol knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
import structlog
from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse, UnreadablePostError
from rest_framework.exceptions import MethodNotAllowed

from userpools.awsjson import errors
from userpools.awsjson.configuration import current
from userpools.awsjson.parsers import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from userpools.awsjson.service import Operation

log = structlog.get_logger("poolhouse.api")

# What Django and DRF raise for mistakes of the caller.
_FOREIGN: tuple[tuple[type[Exception], type[errors.AwsError]], ...] = (
    (RequestDataTooBig, errors.RequestEntityTooLargeException),
    (UnreadablePostError, errors.SerializationException),
    (MethodNotAllowed, errors.UnknownOperationException),
)
_LONGEST_HEADER = 1024
_CONTROL = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Answer with `__type` and `message`; a fault of ours says nothing of itself."""
    exchange = context["view"].exchange
    error = as_error(exc, exchange.operation)
    if error.status_code >= 500:  # noqa: PLR2004 - HTTP's server errors
        log.error(
            "fault",
            operation=exchange.operation.name if exchange.operation else "",
            request_id=exchange.request_id,
            exc_info=exc,
        )
    exchange.error = error.code
    response = HttpResponse(_document(error), content_type=MEDIA_TYPE, status=error.status_code)
    response["x-amzn-ErrorType"] = f"{error.code}:"
    response["x-amzn-ErrorMessage"] = header_text(error.message)
    if isinstance(exc, MethodNotAllowed):
        response.status_code = exc.status_code
        response["Allow"] = "POST, OPTIONS"
    return response


def _document(error: errors.AwsError) -> bytes:
    content = {"__type": error.code, "message": error.message}
    try:
        return orjson.dumps(content)
    except TypeError:  # half a surrogate pair, which what is shown of the input may have
        return json.dumps(content).encode()


def as_error(exc: Exception, operation: Operation | None) -> errors.AwsError:
    """Choose what the caller is told: the error itself if the operation's model lists it."""
    if isinstance(exc, errors.AwsError):
        if operation is None or exc.code in operation.allowed_errors:
            return exc
        return _unmodelled(exc, operation)
    for kind, error in _FOREIGN:
        if isinstance(exc, kind):
            return error()
    fault = operation.fault if operation else errors.InternalFailure
    if isinstance(exc, errors.ContractError) and current().check_output:
        return fault(str(exc))
    return fault()


def _unmodelled(exc: errors.AwsError, operation: Operation) -> errors.AwsError:
    """Translate an error that the model does not list; outside production it is a fault.

    In production the caller's mistake stays a 400 that every SDK of the operation knows.
    """
    if isinstance(exc, errors.TooManyRequestsException):
        return operation.throttled(exc.message)
    if exc.status_code >= 500:  # noqa: PLR2004 - HTTP's server errors
        return operation.fault()
    if exc.instead is not None and exc.instead.__name__ in operation.allowed_errors:
        return exc.instead(exc.message)
    if current().check_output:
        return operation.fault(f"{operation.name} does not list {exc.code}: {exc.message}")
    log.warning("unmodelled error", operation=operation.name, error=exc.code)
    return errors.InvalidParameterException(exc.message)


def header_text(message: str) -> str:
    """Make a message fit for a header: no control characters, the rest percent-encoded, 1 kB."""
    if message.isascii() and message.isprintable() and len(message) <= _LONGEST_HEADER:
        return message
    room = _LONGEST_HEADER
    kept = []
    for character in message[:_LONGEST_HEADER].translate(_CONTROL):
        text = quote(character, safe=_PRINTABLE, errors="replace")
        room -= len(text)
        if room < 0:
            break
        kept.append(text)
    return "".join(kept)
