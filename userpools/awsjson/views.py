"""The one view of the AWS JSON endpoints."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import structlog
from django.http import HttpResponse
from rest_framework.views import APIView

from userpools.awsjson.configuration import current
from userpools.awsjson.errors import (
    ContractError,
    RequestEntityTooLargeException,
    UnknownOperationException,
)
from userpools.awsjson.handlers import exception_handler
from userpools.awsjson.negotiation import OneMediaType
from userpools.awsjson.parsers import MEDIA_TYPE, AwsJsonParser
from userpools.awsjson.permissions import PolicyPermission
from userpools.awsjson.renderers import AwsJsonRenderer
from userpools.awsjson.service import (
    Call,
    Caller,
    Operation,
    Service,
    Signature,
    cognito_identity,
    cognito_idp,
)
from userpools.awsjson.sigv4 import SigV4Authentication
from userpools.awsjson.throttling import CategoryThrottle
from userpools.awsjson.validation import Violation, describe, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

log = structlog.get_logger("poolhouse.api")

LARGEST_BODY = 2 * 1024 * 1024
_PREFLIGHT_SECONDS = "172800"
_LONGEST_HEADER_LIST = 2048
_EXPOSED = "x-amzn-requestid,x-amzn-errortype,x-amzn-errormessage,date"


@dataclass(slots=True)
class Exchange:
    """One request under way: what is known of it so far."""

    request_id: str
    started: float
    region: str
    account_id: str
    operation: Operation | None = None
    caller: Caller | None = None
    pool_id: str | None = None
    client_address: str = ""
    error: str = ""


class ServiceView(APIView):
    """Serves the operations of its services at `POST /`.

    The order is fixed: size, target, signature, account's rate, JSON, policy, constraints,
    pool's rate, function. Nothing of the body is parsed before its signature is verified.
    """

    services: Sequence[Service] = (cognito_idp, cognito_identity)
    http_method_names = ["post", "options"]
    parser_classes = (AwsJsonParser,)
    renderer_classes = (AwsJsonRenderer,)
    content_negotiation_class = OneMediaType
    versioning_class = None
    schema = None

    # The parts keep no state between requests, so one of each serves them all.
    _parsers: ClassVar[list[Any]] = [AwsJsonParser()]
    _renderers: ClassVar[list[Any]] = [AwsJsonRenderer()]
    _authenticators: ClassVar[list[Any]] = [SigV4Authentication()]
    _permissions: ClassVar[list[Any]] = [PolicyPermission()]
    _throttles: ClassVar[list[Any]] = [CategoryThrottle()]
    _negotiator = OneMediaType()

    def get_parsers(self) -> list[Any]:
        """Answer the parser."""
        return self._parsers

    def get_renderers(self) -> list[Any]:
        """Answer the renderer."""
        return self._renderers

    def get_authenticators(self) -> list[Any]:
        """Answer the authentication."""
        return self._authenticators

    def get_permissions(self) -> list[Any]:
        """Answer the permission."""
        return self._permissions

    def get_throttles(self) -> list[Any]:
        """Answer the throttle."""
        return self._throttles

    def get_exception_handler(self) -> Callable[..., HttpResponse]:
        """Answer the protocol's handler, whatever the settings say for other views."""
        return exception_handler

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Every answer, errors included, is readable by browser SDKs and traceable."""
        return {
            "x-amzn-RequestId": self.exchange.request_id,
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": _EXPOSED,
        }

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Handle the request, render the answer here and log one line about both."""
        configuration = current()
        self.exchange = Exchange(
            request_id=str(uuid.uuid4()),
            started=time.perf_counter(),
            region=configuration.default_region,
            account_id=configuration.account_id,
            client_address=configuration.client_address(request),
        )
        response = super().dispatch(request, *args, **kwargs)
        # The line below says more than Django's own about refused requests.
        response._has_been_logged = True  # type: ignore[attr-defined]
        if request.method != "OPTIONS":
            self._record(response.status_code)
        return response

    def _record(self, status: int) -> None:
        exchange = self.exchange
        operation = exchange.operation
        seconds = time.perf_counter() - exchange.started
        log.info(
            "request",
            operation=operation.name if operation else "",
            status=status,
            error=exchange.error,
            duration_ms=round(seconds * 1000, 2),
            request_id=exchange.request_id,
            access_key_id=exchange.caller.access_key_id if exchange.caller else "",
            client_address=exchange.client_address,
        )
        observer = current().observer
        if observer is not None:
            observer(
                operation.service.name if operation else "",
                operation.name if operation else "",
                status,
                exchange.error,
                seconds,
            )

    # The steps before the function

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Run every check that does not need the input shape."""
        request.accepted_renderer = self._renderers[0]
        request.accepted_media_type = MEDIA_TYPE
        http = request._request
        if http.method != "POST":
            return
        _check_size(http)
        self.exchange.operation = self._target(http)
        self.perform_authentication(request)
        self.check_throttles(request)
        self.check_permissions(request)

    def _target(self, http: HttpRequest) -> Operation:
        media_type = http.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        target = http.META.get("HTTP_X_AMZ_TARGET", "")
        if media_type == MEDIA_TYPE:
            for service in self.services:
                if operation := service.targets.get(target):
                    return operation
        raise UnknownOperationException

    def perform_authentication(self, request: Request) -> None:
        """Verify the signature where the model wants one; elsewhere look at none.

        A foreign Authorization header on an unsigned operation is ignored: pycognito sends
        the access token there.
        """
        operation = self._operation()
        if operation.signature is Signature.NONE:
            return
        identified = self._authenticators[0].authenticate(request)
        if identified is None:
            return
        request.user, request.auth = identified
        exchange = self.exchange
        exchange.caller, exchange.region = identified
        exchange.account_id = exchange.caller.account_id

    def throttled(self, request: Request, wait: float | None) -> NoReturn:
        """Refuse with the operation's own name for it."""
        raise self._operation().throttled

    def _operation(self) -> Operation:
        if self.exchange.operation is None:
            raise UnknownOperationException
        return self.exchange.operation

    # The two methods

    def post(self, request: Request) -> HttpResponse:
        """Validate the input, call the function and filter what it answers.

        The answer is rendered here, where an exception can still become another one.
        """
        operation = self._operation()
        exchange = self.exchange
        arguments = arguments_of(operation, request.data)
        pool_id = arguments.get("user_pool_id") or arguments.get("identity_pool_id")
        if isinstance(pool_id, str):
            exchange.pool_id = pool_id
            self.check_throttles(request)
        http = request._request
        call = Call(
            operation=operation.name,
            caller=exchange.caller,
            region=exchange.region,
            account_id=exchange.account_id,
            request_id=exchange.request_id,
            client_address=exchange.client_address,
            user_agent=http.META.get("HTTP_USER_AGENT", ""),
        )
        answer = operation.serialize(operation.function(call, **arguments) or {})
        if current().check_output:
            check_answer(operation, answer)
        return HttpResponse(self._renderers[0].render(answer), content_type=MEDIA_TYPE)

    def options(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        """Answer a browser's preflight: any origin may call, with the headers it asks for."""
        asked = request.META.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
        response = HttpResponse(b"{}", content_type=MEDIA_TYPE)
        response["Access-Control-Allow-Methods"] = "POST"
        response["Access-Control-Allow-Headers"] = _header_names(asked)
        response["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
        return response


def _check_size(http: HttpRequest) -> None:
    """Refuse a body over 2 MiB, by what is announced before it is read and by what came."""
    announced = http.META.get("CONTENT_LENGTH") or "0"
    if announced.isdigit() and int(announced) > LARGEST_BODY:
        raise RequestEntityTooLargeException
    if len(http.body) > LARGEST_BODY:
        raise RequestEntityTooLargeException


def arguments_of(operation: Operation, body: Any) -> dict[str, Any]:
    """Turn the body into the function's arguments; null counts as absent."""
    arguments: dict[str, Any] = {}
    violations: list[Violation] = []
    for wire, argument, path, required, check in operation.checkers:
        value = body.get(wire)
        if value is not None:
            arguments[argument] = check(value, path, violations)
        elif required:
            violations.append((path, "Member must not be null", None))
    refuse(violations)
    return arguments


def check_answer(operation: Operation, answer: Mapping[str, Any]) -> None:
    """Raise ContractError when a serialized answer breaks the operation's output shape."""
    if operation.check_output is None:
        return
    violations: list[Violation] = []
    try:
        operation.check_output(answer, "", violations)
    except Exception as exc:
        msg = f"{operation.name} answered a value of a wrong type: {exc}"
        raise ContractError(msg) from exc
    if violations:
        msg = f"{operation.name} answered what its model forbids: {describe(violations)}"
        raise ContractError(msg)


def _header_names(asked: str) -> str:
    """Echo a list of header names, and nothing that could not be one."""
    names = [name.strip() for name in asked[:_LONGEST_HEADER_LIST].split(",")]
    return ",".join(
        name for name in names if name and name.isascii() and name.replace("-", "").isalnum()
    )
