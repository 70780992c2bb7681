"""boto3 clients whose requests are answered by the WSGI application in this process.

Signing, parsing and error classes are the SDK's own; only the socket is missing.
"""

import io
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

ENDPOINT = "http://testserver"
REGION = "us-east-1"


class Body(io.BytesIO):
    """What botocore reads an answer from."""

    def stream(self, **_: Any) -> Iterable[bytes]:
        yield self.read()


def environ_of(request: AWSPreparedRequest, address: str = "127.0.0.1") -> dict[str, Any]:
    """Turn a prepared request into a WSGI environment."""
    parts = urlsplit(request.url)
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    body = body.encode() if isinstance(body, str) else bytes(body)
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": parts.path or "/",
        "QUERY_STRING": parts.query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": parts.netloc,
        "REMOTE_ADDR": address,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        text = value.decode() if isinstance(value, bytes) else str(value)
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ["CONTENT_TYPE"] = text
        elif key not in {"HOST", "CONTENT_LENGTH"}:
            environ[f"HTTP_{key}"] = text
    return environ


def answer(application: Callable[..., Iterable[bytes]], request: AWSPreparedRequest) -> AWSResponse:
    """Run the application on a request."""
    # The test's transaction must outlive the request, as with Django's own test client, which
    # connects these again after each of its requests.
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    seen: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], _exc: Any = None) -> None:
        seen.update(status=int(status.split(maxsplit=1)[0]), headers=dict(headers))

    result = application(environ_of(request), start_response)
    content = b"".join(result)
    if hasattr(result, "close"):
        result.close()
    return AWSResponse(request.url, seen["status"], seen["headers"], Body(content))


def client(
    service: str,
    application: Callable[..., Iterable[bytes]],
    *,
    access_key_id: str,
    secret_access_key: str,
    session_token: str | None = None,
    region: str = REGION,
) -> Any:
    """Make an SDK client for the application."""
    made = boto3.client(
        service,
        region_name=region,
        endpoint_url=ENDPOINT,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        aws_session_token=session_token,
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )
    made.meta.events.register("before-send", lambda request, **_: answer(application, request))
    return made
