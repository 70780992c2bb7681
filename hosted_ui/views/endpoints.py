"""The endpoints that programs call: token, userInfo, revoke, and the discovery document."""

import http
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
import structlog
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749 import errors

from hosted_ui.oauth import discovery as metadata
from hosted_ui.oauth.server import SERVER
from hosted_ui.oauth.validator import POOL, PoolValidator
from hosted_ui.place import Place
from userpools.awsjson.throttling import Category
from userpools.conf import settings
from userpools.errors import (
    InvalidLambdaResponseException,
    NotAuthorizedException,
    RefreshTokenReuseException,
    UnexpectedLambdaException,
    UnsupportedTokenTypeException,
    UserLambdaValidationException,
)
from userpools.limits import client_address, take_rate
from userpools.models import PoolUser
from userpools.services import sessions
from userpools.tokens.claims import OPENID
from userpools.tokens.scopes import attributes_in
from userpools.tokens.verify import NO_SCOPE, verify_access_token
from userpools.views import DOCUMENT_HEADERS

log = structlog.get_logger("poolhouse.oauth")

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
LONGEST_BODY: Final = 65_536
MOST_FIELDS: Final = 50
HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate",
    "Pragma": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
PREFLIGHT: Final = {
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Max-Age": "7200",
}
DEAD: Final = "Access token is expired, disabled, or deleted, or the user has globally signed out."
BAD_USER_INFO: Final = "Bad OAuth2 request at UserInfo Endpoint"
VALIDATOR = PoolValidator()


class SlowDown(errors.OAuth2Error):
    """The account's rate is exceeded."""

    error = "slow_down"
    status_code = http.HTTPStatus.TOO_MANY_REQUESTS


Endpoint = Callable[[HttpRequest, Place], HttpResponse]


def endpoint(*methods: str) -> Callable[[Endpoint], Callable[..., HttpResponse]]:
    """Serve these methods and preflights to programs of any origin; errors are JSON."""

    def make(serve: Endpoint) -> Callable[..., HttpResponse]:
        @csrf_exempt  # no cookie counts here
        def view(request: HttpRequest, pool_id: str) -> HttpResponse:
            request_id, started = str(uuid.uuid4()), time.perf_counter()
            response = _answered(request, pool_id, serve, methods)
            response["x-amz-cognito-request-id"] = request_id
            # No query and no body: they hold codes, tokens and secrets.
            log.info(
                "request",
                request_id=request_id,
                method=request.method,
                route=serve.__name__,
                status=response.status_code,
                duration_ms=round((time.perf_counter() - started) * 1000, 2),
                client_address=client_address(request),
            )
            return response

        return view

    return make


def _answered(
    request: HttpRequest, pool_id: str, serve: Endpoint, methods: Sequence[str]
) -> HttpResponse:
    allowed = ", ".join(methods)
    if request.method == "OPTIONS":
        return HttpResponse(
            headers={**HEADERS, **PREFLIGHT, "Access-Control-Allow-Methods": allowed}
        )
    if request.method not in methods:
        return HttpResponse(status=405, headers={**HEADERS, "Allow": allowed})
    try:
        return serve(request, Place.of(request, pool_id))
    except Http404:
        return answer({"error": "invalid_request"}, 404)
    except errors.OAuth2Error as exc:
        return refusal(exc.error, exc.description, exc.status_code)


def answer(body: Mapping[str, Any] | bytes, status: int = 200) -> HttpResponse:
    """Return JSON that nobody keeps."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return HttpResponse(content, content_type=JSON, status=status, headers=HEADERS)


def refusal(error: str, description: str | None = None, status: int = 400) -> HttpResponse:
    """Return an error: 400 whatever RFC 6749 suggests, as the service has it.

    A 401 with a challenge makes some clients raise another exception than they do for JSON.
    """
    shown = (
        status if status in {404, 429} or status >= http.HTTPStatus.INTERNAL_SERVER_ERROR else 400
    )
    described = {"error_description": description} if description else {}
    return answer({"error": error, **described}, shown)


def form_of(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the form; InvalidRequestError unless it is one, with each field once."""
    media_type = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    body = request.body if media_type == FORM else b""
    if not body or len(body) > LONGEST_BODY:
        raise errors.InvalidRequestError
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as exc:
        raise errors.InvalidRequestError from exc
    if len(pairs) != len(dict(pairs)):
        raise errors.InvalidRequestError(description="A parameter is repeated")
    # An empty value counts as none. Source: RFC 6749, section 3.2.
    return [(name, value) for name, value in pairs if value]


def _headers(request: HttpRequest, place: Place) -> dict[str, str]:
    given = {"Authorization": "HTTP_AUTHORIZATION", "User-Agent": "HTTP_USER_AGENT"}
    present = {name: request.META[key] for name, key in given.items() if request.META.get(key)}
    return {**present, POOL: place.pool.pk}


def _take(place: Place, category: Category) -> None:
    if not take_rate(str(category), settings.ACCOUNT_ID, place.pool.region):
        raise SlowDown


# What a grant's work may raise of the API's errors.
TRIGGERS = (
    UserLambdaValidationException,
    UnexpectedLambdaException,
    InvalidLambdaResponseException,
)


@endpoint("POST")
def token(request: HttpRequest, place: Place) -> HttpResponse:
    """Serve the token endpoint. Source: RFC 6749, section 3.2; hosted-ui reference, section 5."""
    form = form_of(request)
    grant_type = dict(form).get("grant_type")
    if not grant_type:
        raise errors.InvalidRequestError(description="grant_type is missing")
    if grant_type not in SERVER.grant_types:
        raise errors.UnsupportedGrantTypeError
    machine = grant_type == "client_credentials"
    _take(place, Category.CLIENT_AUTHENTICATION if machine else Category.USER_TOKEN)
    try:
        _, body, status = SERVER.create_token_response(
            request.get_full_path(), "POST", form, _headers(request, place)
        )
    except (NotAuthorizedException, RefreshTokenReuseException) as exc:
        raise errors.InvalidGrantError from exc
    except TRIGGERS as exc:
        # Inferred: the service documents trigger errors for redirects alone, in this form.
        raise errors.InvalidRequestError(description=exc.message) from exc
    if status == http.HTTPStatus.OK:
        return answer(body.encode())
    refused = orjson.loads(body)
    return refusal(refused["error"], refused.get("error_description"), status)


@endpoint("POST")
def revoke(request: HttpRequest, place: Place) -> HttpResponse:
    """End a refresh token with its tokens. Source: RFC 7009; hosted-ui reference, section 7."""
    form = form_of(request)
    _take(place, Category.USER_TOKEN)
    asked = Request(place.base, "POST", form, _headers(request, place))
    if not VALIDATOR.authenticate_client(asked):
        return answer({"error": "invalid_client"}, 401)
    given = dict(form).get("token")
    if not given or not asked.client.revokes_tokens:
        raise errors.InvalidRequestError
    try:
        sessions.revoke(asked.client, given)
    except UnsupportedTokenTypeException:
        return refusal("unsupported_token_type")
    return HttpResponse(headers=HEADERS)


@endpoint("GET", "POST")
def user_info(request: HttpRequest, place: Place) -> HttpResponse:
    """Tell an access token's holder of its user. Source: OpenID Connect Core, section 5.3."""
    scheme, _, bearer = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not bearer.strip():
        return _challenge(400, "invalid_request", BAD_USER_INFO)
    _take(place, Category.USER_READ)
    try:
        context = verify_access_token(bearer.strip(), scope=OPENID)
    except NotAuthorizedException as exc:
        lacks_scope = exc.message == NO_SCOPE
        return _challenge(401, "insufficient_scope" if lacks_scope else "invalid_token", DEAD)
    if context.pool.pk != place.pool.pk:
        return _challenge(401, "invalid_token", DEAD)
    shown = attributes_in(context.claims["scope"], context.client.readable_attributes)
    return answer(user_claims(context.user, shown))


def user_claims(user: PoolUser, shown: frozenset[str]) -> dict[str, str]:
    """Return the user's attributes as userInfo has them: every value a text."""
    attributes = {
        name: value for name, value in user.attributes.items() if name in shown and name != "sub"
    }
    return {"sub": str(user.sub), **attributes, "username": user.username}


def _challenge(status: int, error: str, description: str) -> HttpResponse:
    response = answer({"error": error, "error_description": description}, status)
    response["WWW-Authenticate"] = f'Bearer error="{error}", error_description="{description}"'
    return response


def discovery(request: HttpRequest, pool_id: str) -> HttpResponse:
    """Serve the pool's OpenID provider metadata."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    try:
        place = Place.of(request, pool_id)
    except Http404:
        message = {"message": f"User pool {pool_id} does not exist."}
        return HttpResponse(
            orjson.dumps(message),
            content_type=JSON,
            status=404,
            headers={"Access-Control-Allow-Origin": "*"},
        )
    document = metadata.document(place.pool)
    return HttpResponse(document, content_type=JSON, headers=DOCUMENT_HEADERS)
