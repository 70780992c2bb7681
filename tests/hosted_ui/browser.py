"""A browser without scripts, whose requests the front answers in this process."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import orjson
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

SERVER = "http://testserver"


@dataclass
class Answer:
    """What came back. `url` is what was asked for."""

    url: str
    status: int
    headers: list[tuple[str, str]]
    content: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def location(self) -> str:
        return self.header("Location")

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the redirect's query or fragment."""
        parts = urlsplit(self.location)
        found = parse_qs(parts.fragment or parts.query, keep_blank_values=True)
        return {name: values[0] for name, values in found.items()}

    @property
    def json(self) -> Any:
        return orjson.loads(self.content)

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def form(self) -> "Form":
        parser = Form()
        parser.feed(self.text)
        return parser


class Form(HTMLParser):
    """The only form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.alerts: list[str] = []
        self._in_alert = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert given["method"] == "post"
            self.action = given["action"]
        if tag == "input":
            name = given["name"]
            if given.get("type") != "radio" or "checked" in given:
                self.fields[name] = given.get("value", "")
            self.kinds[name] = given.get("autocomplete", given.get("type", ""))
        self._in_alert = given.get("role") == "alert"

    def handle_data(self, data: str) -> None:
        if self._in_alert:
            self.alerts.append(data)
            self._in_alert = False


@dataclass
class Browser:
    """Cookies by host, and the address that requests come from."""

    application: Callable[..., Any]
    address: str = "192.0.2.1"
    jars: dict[str, dict[str, str]] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)

    def cookies(self, url: str = SERVER) -> dict[str, str]:
        return self.jars.setdefault(urlsplit(url).netloc, {})

    def ask(
        self,
        method: str,
        url: str,
        data: Mapping[str, str] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one request; redirects are not followed."""
        request_started.disconnect(close_old_connections)
        request_finished.disconnect(close_old_connections)
        parts = urlsplit(urljoin(SERVER, url))
        body = data if isinstance(data, bytes) else urlencode(data or {}).encode()
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": parts.path or "/",
            "QUERY_STRING": parts.query,
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": parts.netloc,
            "REMOTE_ADDR": self.address,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        if method == "POST":
            environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        jar = self.cookies(parts.geturl())
        if jar:
            environ["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        for name, value in (headers or {}).items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        seen: dict[str, Any] = {}

        def start_response(status: str, headers: Any, _exc: Any = None) -> None:
            seen.update(status=int(status.split(maxsplit=1)[0]), headers=list(headers))

        result = self.application(environ, start_response)
        content = b"".join(result)
        if hasattr(result, "close"):
            result.close()
        answer = Answer(parts.geturl(), seen["status"], seen["headers"], content)
        self._keep(answer, jar)
        return answer

    def _keep(self, answer: Answer, jar: dict[str, str]) -> None:
        for name, value in answer.headers:
            if name.lower() != "set-cookie":
                continue
            self.set_cookies.append(value)
            for key, morsel in SimpleCookie(value).items():
                if morsel["max-age"] == "0" or morsel["max-age"] == 0:
                    jar.pop(key, None)
                else:
                    jar[key] = morsel.value

    def get(self, url: str, **query: str) -> Answer:
        return self.ask("GET", f"{url}?{urlencode(query)}" if query else url)

    def post(self, url: str, data: Mapping[str, str], **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", url, data, named)

    def follow(self, answer: Answer) -> Answer:
        """Go where a redirect leads, on this server."""
        assert answer.status in {302, 303}, (answer.status, answer.text)
        return self.get(urljoin(answer.url, answer.location))

    def submit(self, page: Answer, **values: str) -> Answer:
        """Send a page's form with these fields filled in."""
        form = page.form
        assert values.keys() <= form.fields.keys(), (values.keys(), form.fields)
        return self.post(urljoin(page.url, form.action), {**form.fields, **values})
