"""The query protocol's endpoint: signed in, XML out."""

import time
import uuid
from collections.abc import Mapping
from urllib.parse import parse_qsl

import structlog
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from userpools.access_keys import Permissions
from userpools.awsjson.errors import (
    AwsError,
    InternalFailure,
    MissingAuthenticationTokenException,
    RequestEntityTooLargeException,
)
from userpools.awsjson.service import Call, Caller
from userpools.awsjson.sigv4 import WireHeaders, is_signed, verify_request
from userpools.conf import settings
from userpools.limits import client_address

from . import xml
from .actions import ACTIONS, action_named
from .errors import MalformedQueryString, translated

log = structlog.get_logger("poolhouse.api")

SERVICE = "sts"
UNSIGNED = "Request is missing Authentication Token"
CONTENT_TYPE = "text/xml"
MOST_PARAMETERS = 1000
# A service fault, as opposed to a refusal.
FIRST_FAULT_STATUS = 500


def query_view(request: HttpRequest) -> HttpResponse:
    """Serve one action, by POST with a form or by a presigned GET; log one line."""
    request_id = str(uuid.uuid4())
    started = time.perf_counter()
    action, error = "", ""
    try:
        caller, region = authenticate(request)
        parameters = read_parameters(request) if caller else read_unsigned(request)
        action = parameters.get("Action", "")
        served = action_named(action, parameters.get("Version", ""))
        members = served.run(call_of(request, action, caller, region, request_id), parameters)
        answer = HttpResponse(xml.result(action, members, request_id), content_type=CONTENT_TYPE)
    except Exception as exc:  # the outermost frame: logged, and answered as a fault
        answer, error = refusal(exc, request_id)
    answer["x-amzn-RequestId"] = request_id
    answer["Access-Control-Allow-Origin"] = "*"
    log.info(
        "request",
        service=SERVICE,
        operation=action[:64],
        status=answer.status_code,
        error=error,
        duration_ms=round((time.perf_counter() - started) * 1000, 2),
        request_id=request_id,
        client_address=client_address(request),
    )
    return answer


def authenticate(request: HttpRequest) -> tuple[Caller | None, str]:
    """Return who signed and for which region; nobody did where there is no signature at all.

    Nothing of a signed body is read as parameters before.
    """
    headers = WireHeaders(request.META)
    query = request.META.get("QUERY_STRING", "")
    if not is_signed(headers, query):
        return None, settings.DEFAULT_REGION
    caller, region = verify_request(
        method=request.method or "POST",
        path=request.path,
        query_string=query,
        headers=headers,
        body=body_of(request),
        service=SERVICE,
        required_headers=("host",),
    )
    if isinstance(caller.identity, Permissions):
        caller.identity.record_use(SERVICE)
    return caller, region


def call_of(
    request: HttpRequest, action: str, caller: Caller | None, region: str, request_id: str
) -> Call:
    """Return what an action may know of its request."""
    return Call(
        operation=action,
        caller=caller,
        region=region,
        account_id=settings.ACCOUNT_ID,
        request_id=request_id,
        client_address=client_address(request),
        user_agent=request.META.get("HTTP_USER_AGENT", ""),
    )


def read_unsigned(request: HttpRequest) -> Mapping[str, str]:
    """Return the parameters of an action that takes no signature; all others lack one."""
    try:
        parameters = read_parameters(request)
    except MalformedQueryString as exc:
        raise MissingAuthenticationTokenException(UNSIGNED) from exc
    named = ACTIONS.get(parameters.get("Action", ""))
    if named is None or named.is_signed:
        raise MissingAuthenticationTokenException(UNSIGNED)
    return parameters


def body_of(request: HttpRequest) -> bytes:
    """Return the body; RequestEntityTooLargeException over DATA_UPLOAD_MAX_MEMORY_SIZE."""
    try:
        return request.body
    except RequestDataTooBig as exc:
        raise RequestEntityTooLargeException from exc
    except UnreadablePostError as exc:
        raise MalformedQueryString from exc


def read_parameters(request: HttpRequest) -> Mapping[str, str]:
    """Return the parameters of the form, or of the query where there is none; no name twice."""
    query = str(request.META.get("QUERY_STRING", ""))
    try:
        text = body_of(request).decode() or query
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except ValueError as exc:
        raise MalformedQueryString from exc
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise MalformedQueryString("A parameter is given twice.")
    return parameters


def refusal(exc: Exception, request_id: str) -> tuple[HttpResponse, str]:
    """Answer an error, and name it; a fault of ours says nothing of itself."""
    if not isinstance(exc, AwsError):
        log.error("fault", service=SERVICE, request_id=request_id, exc_info=exc)
        exc = InternalFailure()
    error = translated(exc)
    body = xml.failure(
        is_ours=error.status >= FIRST_FAULT_STATUS,
        code=error.code,
        message=error.message,
        request_id=request_id,
    )
    return HttpResponse(body, status=error.status, content_type=CONTENT_TYPE), error.code
