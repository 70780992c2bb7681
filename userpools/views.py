"""What is served without the API: health, a first page, each pool's keys."""

import time
import uuid
from collections.abc import Callable

import orjson
import structlog
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from userpools import sealing
from userpools.conf import settings
from userpools.errors import ResourceNotFoundException
from userpools.limits import client_address
from userpools.models import UserPool
from userpools.tokens.keys import keys_of

log = structlog.get_logger("poolhouse.pages")

JSON = "application/json"
LONGEST_LOGGED_PATH = 200
# A rotation signs with the new key at once, so a shared cache may hide that key for no longer.
DOCUMENT_HEADERS = {"Cache-Control": "public, max-age=60", "Access-Control-Allow-Origin": "*"}
NOT_STORED = {"Cache-Control": "no-store"}
# The page bears its own style and nothing else.
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


class RequestLogMiddleware:
    """Gives each page request an id, in log lines and in X-Request-Id, and one line of its own.

    The line names the route rather than the path, and no query: both may hold codes and tokens.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve the request."""
        request_id = str(uuid.uuid4())
        request.request_id = request_id  # type: ignore[attr-defined]
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            log.info(
                "request",
                method=request.method,
                route=_route(request),
                status=response.status_code,
                duration_ms=round((time.perf_counter() - started) * 1000, 2),
                client_address=client_address(request),
            )
        response["X-Request-Id"] = request_id
        return response


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.route if match is not None else request.path[:LONGEST_LOGGED_PATH]


def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process lives; asks nothing of the database."""
    return HttpResponse(b'{"status":"ok"}', content_type=JSON, headers=NOT_STORED)


def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether requests can be served: 200, or 503 with the reasons."""
    reasons = [*_database_reasons(), *_key_reasons()]
    body = {"status": "unavailable" if reasons else "ok", "reasons": reasons}
    return HttpResponse(
        orjson.dumps(body), content_type=JSON, status=503 if reasons else 200, headers=NOT_STORED
    )


def _database_reasons() -> list[str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return [] if _is_migrated() else ["Migrations are not applied: run manage.py migrate."]
    except DatabaseError as exc:
        log.warning("database unreachable", error=type(exc).__name__)
        return ["The database does not answer."]


class _Migrations:
    """Remembers that the migrations are applied: reading them costs more than a request."""

    applied = False


def _is_migrated() -> bool:
    if not _Migrations.applied:
        executor = MigrationExecutor(connection)
        _Migrations.applied = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _Migrations.applied


def _key_reasons() -> list[str]:
    try:
        sealing.ring()
    except sealing.NoKeyRing as exc:
        return [str(exc)]
    return []


def jwks(request: HttpRequest, pool_id: str) -> HttpResponse:
    """Serve the pool's published keys. Source: RFC 7517, section 5; JWKS of a user pool."""
    if request.method not in {"GET", "HEAD"}:
        return _not_allowed()
    try:
        document = keys_of(UserPool.cached(pool_id)).jwks
    except ResourceNotFoundException as exc:
        return _no_such_pool(exc)
    return HttpResponse(document, content_type=JSON, headers=DOCUMENT_HEADERS)


def _no_such_pool(error: ResourceNotFoundException) -> HttpResponse:
    body = orjson.dumps({"message": error.message})
    return HttpResponse(
        body, content_type=JSON, status=404, headers={"Access-Control-Allow-Origin": "*"}
    )


def _not_allowed() -> HttpResponse:
    return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})


def home(request: HttpRequest) -> HttpResponse:
    """Say what this server is and how to call it."""
    context = {"public_url": settings.PUBLIC_URL, "region": settings.DEFAULT_REGION}
    response = render(request, "home.html", context)
    response["Content-Security-Policy"] = PAGE_POLICY
    return response
