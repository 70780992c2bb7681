"""AWS Signature Version 4: header and presigned-query form, over configured access keys."""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from botocore.auth import SigV4Auth
from rest_framework.authentication import BaseAuthentication

from userpools.awsjson.configuration import current
from userpools.awsjson.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)
from userpools.awsjson.service import Caller, Signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.http import HttpRequest
    from rest_framework.request import Request

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
SKEW_SECONDS = 5 * 60
LONGEST_EXPIRY_SECONDS = 7 * 24 * 3600
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_REGION_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_LONGEST_REGION = 32
_UNPREFIXED = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})
_LONGEST_AUTHORIZATION = 16_384
_MOST_QUERY_PARAMETERS = 100


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key, found by a resolver, with the caller that it stands for."""

    access_key_id: str
    secret_access_key: str
    caller: Caller


@dataclass(frozen=True, slots=True)
class Scope:
    """The credential scope: which key, and what its signature is good for."""

    access_key_id: str
    date: str
    region: str
    service: str


@dataclass(frozen=True, slots=True)
class SignedParts:
    """A signature as it arrived; `timestamp` is in ISO 8601 basic form, UTC."""

    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    session_token: str | None
    query: tuple[tuple[str, str], ...]
    # None in the header form, where the clock skew bounds the signature's life.
    expires_seconds: int | None = None


class SigV4Authentication(BaseAuthentication):
    """Answers the caller and the region of the scope, as DRF's user and auth.

    Every way to fail raises; None means that no signature was given and none is needed.
    """

    def authenticate(self, request: Request) -> tuple[Caller, str] | None:
        """Verify the request's signature against the operation that it targets."""
        http: HttpRequest = request._request
        view: Any = request.parser_context["view"]
        operation = view.exchange.operation
        headers = WireHeaders(http.META)
        query_string = http.META.get("QUERY_STRING", "")
        if not is_signed(headers, query_string):
            if operation.signature is Signature.OPTIONAL:
                return None
            raise MissingAuthenticationTokenException
        return verify_request(
            method=http.method or "POST",
            path=http.path,
            query_string=query_string,
            headers=headers,
            body=http.body,
            service=operation.signing_name,
            required_headers=("host", "x-amz-target"),
        )


class WireHeaders(Mapping[str, str]):
    """A request's headers by lower-case name, looked up in its WSGI environment."""

    def __init__(self, meta: Mapping[str, Any]) -> None:
        self._meta = meta

    def __getitem__(self, name: str) -> str:
        value: str | None = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def get(self, name: str, default: Any = None) -> Any:
        """Look a header up; an empty content type or length is an absent one, as WSGI has it."""
        key = _meta_key(name)
        value: Any = self._meta.get(key)
        return default if value is None or (not value and key in _UNPREFIXED) else value

    def __iter__(self) -> Iterator[str]:
        for key in self._meta:
            if key.startswith("HTTP_"):
                yield key[5:].lower().replace("_", "-")
        yield from (key.lower().replace("_", "-") for key in _UNPREFIXED if self._meta.get(key))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@lru_cache(maxsize=512)
def _meta_key(name: str) -> str:
    """Return the name of a header in a WSGI environment."""
    key = name.upper().replace("-", "_")
    return key if key in _UNPREFIXED else f"HTTP_{key}"


def is_signed(headers: Mapping[str, str], query_string: str) -> bool:
    """Say whether the request bears a SigV4 signature, right or wrong."""
    return headers.get("authorization", "").startswith("AWS4-") or (
        "X-Amz-Algorithm=" in query_string or "X-Amz-Signature=" in query_string
    )


def verify_request(
    *,
    method: str,
    path: str,
    query_string: str,
    headers: Mapping[str, str],
    body: bytes,
    service: str,
    required_headers: Iterable[str],
) -> tuple[Caller, str]:
    """Verify a signed request; answer who signed it and for which region.

    `headers` are by lower-case name; `required_headers` must be among the signed ones, and
    the date always is. Source: IAM user guide, "AWS Signature Version 4 for API requests".
    """
    query = _query_parameters(query_string)
    in_header = headers.get("authorization", "").startswith("AWS4-")
    if in_header and any(name in {"X-Amz-Algorithm", "X-Amz-Signature"} for name, _ in query):
        msg = "Only one auth mechanism allowed: a signature in the header or in the query string."
        raise IncompleteSignatureException(msg)
    parts = _from_header(headers, query) if in_header else _from_query(query)
    _check_scope(parts, service)
    _check_signed_headers(parts, headers, required_headers)
    _check_time(parts)
    digest = _body_digest(headers, body)
    credential = _resolve(parts)
    expected = _signature(
        parts, credential, method=method, path=path, headers=headers, digest=digest
    )
    if not hmac.compare_digest(expected.encode(), parts.signature.encode()):
        raise InvalidSignatureException
    return credential.caller, parts.scope.region


def _resolve(parts: SignedParts) -> Credential:
    for resolver in current().credential_resolvers:
        credential = resolver.resolve(parts.scope.access_key_id, parts.session_token)
        if credential is not None:
            return credential
    raise UnrecognizedClientException


# Reading the signature


def _from_header(headers: Mapping[str, str], query: tuple[tuple[str, str], ...]) -> SignedParts:
    authorization = headers["authorization"]
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        msg = f"Unsupported AWS 'algorithm': '{algorithm[:64]}'."
        raise IncompleteSignatureException(msg)
    fields = _fields(rest)
    date_given = "x-amz-date" in headers or "date" in headers
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not fields.get(name)
    ]
    if not date_given:
        missing.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if missing:
        raise IncompleteSignatureException(" ".join(missing))
    return SignedParts(
        scope=_scope(fields["Credential"]),
        signed_headers=_signed_headers(fields["SignedHeaders"]),
        signature=fields["Signature"],
        timestamp=_header_timestamp(headers),
        session_token=headers.get("x-amz-security-token"),
        query=query,
    )


def _fields(text: str) -> dict[str, str]:
    """Split `Name=value, Name=value`; a name twice, as joined headers give, is refused."""
    fields: dict[str, str] = {}
    if len(text) > _LONGEST_AUTHORIZATION:
        raise IncompleteSignatureException
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name in fields:
            msg = "Authorization header has a malformed or repeated key=value pair."
            raise IncompleteSignatureException(msg)
        fields[name] = value
    return fields


def _from_query(query: tuple[tuple[str, str], ...]) -> SignedParts:
    fields = dict(query)
    names = (
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    )
    if len(fields) != len(query) or any(not fields.get(name) for name in names):
        msg = f"AWS query-string parameters must include, once each, {', '.join(names)}."
        raise IncompleteSignatureException(msg)
    if fields["X-Amz-Algorithm"] != ALGORITHM:
        msg = f"Unsupported AWS 'algorithm': '{fields['X-Amz-Algorithm'][:64]}'."
        raise IncompleteSignatureException(msg)
    return SignedParts(
        scope=_scope(fields["X-Amz-Credential"]),
        signed_headers=_signed_headers(fields["X-Amz-SignedHeaders"]),
        signature=fields["X-Amz-Signature"],
        timestamp=_iso_timestamp(fields["X-Amz-Date"]),
        session_token=fields.get("X-Amz-Security-Token"),
        query=tuple(pair for pair in query if pair[0] != "X-Amz-Signature"),
        expires_seconds=_expiry(fields["X-Amz-Expires"]),
    )


def _query_parameters(query_string: str) -> tuple[tuple[str, str], ...]:
    if not query_string:
        return ()
    pairs = query_string.split("&")
    if len(pairs) > _MOST_QUERY_PARAMETERS:
        raise IncompleteSignatureException
    return tuple(
        (unquote(name), unquote(value)) for name, _, value in (p.partition("=") for p in pairs)
    )


def _expiry(text: str) -> int:
    longest = len(str(LONGEST_EXPIRY_SECONDS))
    if text.isascii() and text.isdigit() and len(text) <= longest:
        seconds = int(text)
        if 1 <= seconds <= LONGEST_EXPIRY_SECONDS:
            return seconds
    msg = f"X-Amz-Expires must be a number between 1 and {LONGEST_EXPIRY_SECONDS}."
    raise IncompleteSignatureException(msg)


def _scope(credential: str) -> Scope:
    parts = credential.split("/")
    if len(parts) != 5 or not all(parts):  # noqa: PLR2004 - the five that the text names
        msg = (
            "Credential must have exactly 5 slash-delimited elements, "
            f"e.g. keyid/date/region/service/term, got '{credential[:256]}'"
        )
        raise IncompleteSignatureException(msg)
    if parts[4] != TERMINATOR:
        msg = (
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', "
            f"not '{parts[4][:64]}'."
        )
        raise InvalidSignatureException(msg)
    return Scope(*parts[:4])


def _signed_headers(text: str) -> tuple[str, ...]:
    names = tuple(text.split(";"))
    if list(names) != sorted(set(names)) or any(not name or name != name.lower() for name in names):
        msg = "SignedHeaders must be lower-case header names, sorted and without repetition."
        raise IncompleteSignatureException(msg)
    return names


def _header_timestamp(headers: Mapping[str, str]) -> str:
    if "x-amz-date" in headers:
        return _iso_timestamp(headers["x-amz-date"])
    text = headers["date"]
    try:
        return _as_text(parsedate_to_datetime(text).astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        return _iso_timestamp(text)


def _iso_timestamp(text: str) -> str:
    try:
        epoch_of(text)
    except ValueError as exc:
        msg = (
            f"Date must be in ISO-8601 'basic format'. Got '{text[:64]}'. "
            "See http://en.wikipedia.org/wiki/ISO_8601"
        )
        raise IncompleteSignatureException(msg) from exc
    return text


# Checking what it covers


def _check_scope(parts: SignedParts, service: str) -> None:
    scope = parts.scope
    if not is_region(scope.region) or not current().region_allowed(scope.region):
        msg = "Credential should be scoped to a valid region. "
        raise InvalidSignatureException(msg)
    if scope.service != service:
        msg = f"Credential should be scoped to correct service: '{service}'. "
        raise InvalidSignatureException(msg)
    if scope.date != parts.timestamp[:8]:
        msg = (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
            f"from HTTP: '{scope.date[:16]}' != '{parts.timestamp[:8]}', "
            f"from '{parts.timestamp}'."
        )
        raise InvalidSignatureException(msg)


def is_region(text: str) -> bool:
    """Say whether the text could be a region's name, which becomes part of ids and ARNs."""
    return 0 < len(text) <= _LONGEST_REGION and _REGION_CHARACTERS.issuperset(text)


def _check_signed_headers(
    parts: SignedParts, headers: Mapping[str, str], required: Iterable[str]
) -> None:
    signed = frozenset(parts.signed_headers)
    must = [*required]
    if parts.expires_seconds is None:
        must.append("x-amz-date" if "x-amz-date" in headers else "date")
        if "x-amz-security-token" in headers:
            must.append("x-amz-security-token")
    for name in must:
        if name not in signed:
            shown = "Host' or ':authority" if name == "host" else name
            msg = f"'{shown}' must be a 'SignedHeader' in the AWS Authorization."
            raise InvalidSignatureException(msg)
    if not all(name in headers for name in signed) or "," in headers["host"]:
        raise InvalidSignatureException


def _check_time(parts: SignedParts) -> None:
    now = int(time.time())
    signed_at = epoch_of(parts.timestamp)
    life = parts.expires_seconds or SKEW_SECONDS
    if signed_at < now - life:
        raise InvalidSignatureException(
            f"Signature expired: {parts.timestamp} is now earlier than {_as_text(now - life)} "
            f"({_as_text(now)} - {_span(life)})"
        )
    if signed_at > now + SKEW_SECONDS:
        raise InvalidSignatureException(
            f"Signature not yet current: {parts.timestamp} is still later than "
            f"{_as_text(now + SKEW_SECONDS)} ({_as_text(now)} + {_span(SKEW_SECONDS)})"
        )


def _span(seconds: int) -> str:
    return f"{seconds} sec." if seconds % 60 else f"{seconds // 60} min."


@lru_cache(maxsize=16)
def epoch_of(timestamp: str) -> int:
    """Read ISO 8601 basic form, `20260102T030405Z`; ValueError for anything else."""
    digits = timestamp[:8] + timestamp[9:15]
    if timestamp[8:9] + timestamp[15:] != "TZ" or not (digits.isascii() and digits.isdigit()):
        raise ValueError(timestamp)
    return int(datetime.fromisoformat(timestamp).timestamp())


def _as_text(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime(_TIMESTAMP)


def _body_digest(headers: Mapping[str, str], body: bytes) -> str:
    digest = sha256(body).hexdigest()
    stated = headers.get("x-amz-content-sha256")
    if stated is not None and not hmac.compare_digest(
        stated.encode("utf-8", "replace"), digest.encode()
    ):
        msg = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise InvalidSignatureException(msg)
    return digest


# The signature itself


class _Headers:
    """The signed headers as botocore's signer reads them."""

    def __init__(self, names: tuple[str, ...], headers: Mapping[str, str]) -> None:
        self._names = names
        self._headers = headers

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def get_all(self, name: str) -> list[str]:
        return [_as_sent(self._headers[name])]


def _as_sent(value: str) -> str:
    """Undo WSGI's decoding: clients sign header values as UTF-8."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


@dataclass(slots=True)
class _SignedRequest:
    """A request as botocore's signer reads it."""

    method: str
    url: str
    context: dict[str, Any]
    headers: tuple[()] = ()


class _Verifier(SigV4Auth):
    """botocore's signer, bound to the parts of a signature that arrived."""

    def __init__(self, parts: SignedParts, credential: Credential, headers: _Headers) -> None:
        super().__init__(credential, parts.scope.service, parts.scope.region)
        self._parts = parts
        self._headers = headers
        self.digest = ""

    def headers_to_sign(self, request: Any) -> _Headers:
        return self._headers

    def canonical_query_string(self, request: Any) -> str:
        pairs = sorted(
            (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
            for name, value in self._parts.query
        )
        return "&".join(f"{name}={value}" for name, value in pairs)

    def payload(self, request: Any) -> str:
        return self.digest


def _signature(
    parts: SignedParts,
    credential: Credential,
    *,
    method: str,
    path: str,
    headers: Mapping[str, str],
    digest: str,
) -> str:
    verifier = _Verifier(parts, credential, _Headers(parts.signed_headers, headers))
    verifier.digest = digest
    request = _SignedRequest(method, f"http://host{path}", {"timestamp": parts.timestamp})
    text: str = verifier.string_to_sign(request, verifier.canonical_request(request))
    key = _signing_keys.get(parts.scope, credential.secret_access_key)
    return hmac.new(key, text.encode(), sha256).hexdigest()


class SigningKeys:
    """Derived signing keys, kept by scope and secret: deriving one costs four HMACs."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys: OrderedDict[tuple[Scope, bytes], bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, scope: Scope, secret: str) -> bytes:
        """Answer the signing key of a scope; the secret itself is not kept."""
        index = (scope, sha256(secret.encode()).digest())
        with self._lock:
            key = self._keys.get(index)
            if key is not None:
                self._keys.move_to_end(index)
                return key
        key = derive_key(secret, scope)
        with self._lock:
            self._keys[index] = key
            if len(self._keys) > self._size:
                self._keys.popitem(last=False)
        return key


def derive_key(secret: str, scope: Scope) -> bytes:
    """Derive the signing key. Source: IAM user guide, "Derive a signing key"."""
    key = f"AWS4{secret}".encode()
    for step in (scope.date, scope.region, scope.service, TERMINATOR):
        key = hmac.new(key, step.encode(), sha256).digest()
    return key


_signing_keys = SigningKeys(size=1024)
