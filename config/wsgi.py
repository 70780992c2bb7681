"""The front: two handlers, one without middleware for the JSON endpoints, one for everything else.

Django's MIDDLEWARE is global and the JSON endpoints want none of it: request id, log line and CORS
live in their views.
"""

import gc
import os
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application

from userpools.conf import settings
from userpools.worker import start_in_process

pages = get_wsgi_application()

from userpools.models.domain import pool_at  # noqa: E402 - models need the applications, loaded now

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

# JWKS, discovery and what programs call of OAuth, under a pool's path or at its domain's root;
# those of identity pools; probes, which may come under any host name.
JSON_PATH = re.compile(
    r"(/[\w-]+_[0-9A-Za-z]+)?/(\.well-known/(jwks\.json|openid-configuration)"
    r"|oauth2/(token|userInfo|revoke))"
    r"|/identity/\.well-known/(jwks_uri|openid-configuration)"
    r"|/healthz|/readyz"
)
PROBES = frozenset({"/healthz", "/readyz"})


def host_of(environ: Environ) -> str:
    """Return the host name that a request is for, without its port."""
    host: str = environ.get("HTTP_HOST", "")
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host


class BareHandler(WSGIHandler):
    """Django's WSGI handler with an empty middleware chain."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain from the view resolver alone."""
        self._view_middleware: list[Callable[..., Any]] = []
        self._template_response_middleware: list[Callable[..., Any]] = []
        self._exception_middleware: list[Callable[..., Any]] = []
        self._middleware_chain = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]


class Front:
    """Chooses the handler by method and path."""

    def __init__(self) -> None:
        self.pages = pages
        self.json = BareHandler()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        path = environ.get("PATH_INFO", "")
        if path not in PROBES and (pool := pool_at(host_of(environ))) is not None:
            # As if it had been asked for at the server's own name: nothing of the server but this
            # pool's pages is there, and no address is made of what a request says of its host.
            environ["poolhouse.domain"] = host_of(environ)
            environ["HTTP_HOST"] = urlsplit(settings.PUBLIC_URL).netloc
            if not path.startswith("/static/"):
                environ["PATH_INFO"] = path = f"/{pool.pk}{path}"
        if path in {"", "/"}:
            bare = environ["REQUEST_METHOD"] not in {"GET", "HEAD"} or bool(
                environ.get("QUERY_STRING")
            )
        else:
            bare = JSON_PATH.fullmatch(path) is not None
        return (self.json if bare else self.pages)(environ, start_response)


def spare_the_collector() -> None:
    """Have the garbage collector run seldom, and never over what lives as long as the process.

    Requests leave few cycles; with Python's own thresholds looking for them takes a fifth of the
    CPU of a small operation.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 50)


application = Front()
spare_the_collector()
if settings.IN_PROCESS_WORKER:
    start_in_process()
