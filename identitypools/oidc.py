"""ID tokens of other issuers: their published keys, fetched, kept and bounded."""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
import structlog

from userpools import outbound
from userpools.conf import settings
from userpools.errors import ExternalServiceException, NotAuthorizedException

log = structlog.get_logger("poolhouse.identity")

TIMEOUT_SECONDS: Final = 5.0
LARGEST_DOCUMENT: Final = 256 * 1024
# How long keys serve, how soon an unknown key id may ask anew, and how soon a failure may.
KEYS_LIFE_SECONDS: Final = 3600.0
REFRESH_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 10.0
MOST_ISSUERS: Final = 500
MOST_KEYS: Final = 100
SMALLEST_RSA_BITS: Final = 2048
CLOCK_SKEW_SECONDS: Final = 10
LONGEST_TOKEN: Final = 50_000
LONGEST_HEADER: Final = 8_192
LONGEST_SUBJECT: Final = 255
SECTIONS: Final = 3
# By the kind of key, in the order that a key without `alg` is tried for.
ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
}

NO_KEYS: Final = "Invalid login token. Can't get jwks keys."
NOT_OIDC: Final = "Invalid login token. Not a valid OpenId Connect identity token."


def unanswered(host: str) -> ExternalServiceException:
    """Make the error for a provider that does not answer."""
    error = ExternalServiceException(f"{host} did not answer.")
    error.instead = NotAuthorizedException
    return error


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs, where its discovery document is, and which spellings of `iss` are its own."""

    url: str
    spellings: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What `iss` may say."""
        return (self.url, *self.spellings)


@dataclass(frozen=True, slots=True)
class Key:
    """A published key, and the algorithms that it is for."""

    key: Any
    algorithms: tuple[str, ...]


@dataclass(slots=True)
class Published:
    """What was fetched of one issuer, and when; `failed` is the time of the last failure."""

    keys: dict[str, Key] = field(default_factory=dict)
    fetched: float = 0.0
    failed: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class KeyCache:
    """Issuers' keys, one fetch at a time for each issuer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: OrderedDict[str, Published] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, issuer: Issuer, kid: str) -> Key | None:
        """Return a key; fetch the document if it is old, or lacks the key and is not new."""
        entry = self._entry(issuer.url)
        with entry.lock:
            age = self._clock() - entry.fetched if entry.fetched else KEYS_LIFE_SECONDS
            is_wanted = age >= KEYS_LIFE_SECONDS or (
                kid not in entry.keys and age >= REFRESH_SECONDS
            )
            if is_wanted:
                self._refresh(issuer, entry)
            return entry.keys.get(kid)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def _entry(self, url: str) -> Published:
        with self._lock:
            entry = self._entries.setdefault(url, Published())
            self._entries.move_to_end(url)
            if len(self._entries) > MOST_ISSUERS:
                self._entries.popitem(last=False)
            return entry

    def _refresh(self, issuer: Issuer, entry: Published) -> None:
        now = self._clock()
        if entry.failed and now - entry.failed < RETRY_SECONDS:
            raise unanswered(issuer.url)
        try:
            entry.keys = fetch(issuer)
        except (outbound.OutboundError, ValueError) as exc:
            log.warning("keys not fetched", issuer=issuer.url, error=str(exc)[:200])
            entry.failed = now
            raise unanswered(issuer.url) from exc
        entry.fetched, entry.failed = now, 0.0


cache = KeyCache()


def fetch(issuer: Issuer) -> dict[str, Key]:
    """Fetch an issuer's keys through its discovery document, by key id.

    Raises OutboundError, and ValueError for documents that are none.
    """
    discovery = _document(f"{issuer.url.rstrip('/')}/.well-known/openid-configuration")
    if discovery.get("issuer") not in issuer.names:
        raise ValueError("the discovery document names another issuer")
    found = _document(str(discovery.get("jwks_uri", ""))).get("keys")
    if not isinstance(found, list):
        raise ValueError("the key set has no keys")
    keys = {}
    for jwk in found[:MOST_KEYS]:
        if isinstance(jwk, dict) and isinstance(jwk.get("kid"), str) and (key := _key(jwk)):
            keys[jwk["kid"]] = key
    return keys


def _document(url: str) -> dict[str, Any]:
    answer = outbound.get(
        url,
        timeout=TIMEOUT_SECONDS,
        max_bytes=LARGEST_DOCUMENT,
        https_only=not settings.OUTBOUND_PRIVATE,
    )
    document = answer.json() if answer.status_code == 200 else None  # noqa: PLR2004 - OK
    if not isinstance(document, dict):
        raise ValueError(f"{answer.status_code} instead of a document")
    return document


def _key(jwk: dict[str, Any]) -> Key | None:
    """Read a public signing key; None for one that is for something else, or too weak."""
    kind = jwk.get("kty") if jwk.get("kty") == "RSA" else jwk.get("crv")
    algorithms = ALGORITHMS.get(str(kind), ())
    if jwk.get("alg"):
        algorithms = tuple(name for name in algorithms if name == jwk["alg"])
    if not algorithms or jwk.get("use", "sig") != "sig" or "d" in jwk:
        return None
    try:
        key = jwt.PyJWK(jwk, algorithm=algorithms[0]).key
    except jwt.PyJWTError:
        return None
    return (
        None
        if getattr(key, "key_size", 0) < SMALLEST_RSA_BITS and kind == "RSA"
        else Key(key, algorithms)
    )


def verify(token: str, issuer: Issuer, audiences: tuple[str, ...]) -> dict[str, Any]:
    """Verify another issuer's ID token; return its claims. May call out.

    The key is the one of that issuer with exactly the token's key id; what a header says of keys
    itself is not looked at. Raises NotAuthorizedException and ExternalServiceException.
    """
    header = _header(token)
    _check_issuer(token, issuer)
    key = cache.find(issuer, header["kid"])
    if key is None or header.get("alg") not in key.algorithms:
        raise NotAuthorizedException(NO_KEYS)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=list(key.algorithms),
            issuer=list(issuer.names),
            audience=list(audiences),
            leeway=CLOCK_SKEW_SECONDS,
            options={"require": ["sub", "aud", "iss", "exp", "iat"]},
        )
    except jwt.ExpiredSignatureError as exc:
        raise NotAuthorizedException("Invalid login token. Token expired.") from exc
    except jwt.InvalidAudienceError as exc:
        raise NotAuthorizedException("Invalid login token. Incorrect token audience.") from exc
    except jwt.InvalidTokenError as exc:
        raise NotAuthorizedException(NOT_OIDC) from exc
    if not isinstance(claims["aud"], str) and claims.get("azp") not in audiences:
        raise NotAuthorizedException("Invalid login token. Incorrect token audience.")
    if not 0 < len(claims["sub"]) <= LONGEST_SUBJECT:
        raise NotAuthorizedException(NOT_OIDC)
    return claims


def _header(token: str) -> dict[str, Any]:
    sections = token.split(".")
    if len(token) > LONGEST_TOKEN or len(sections) != SECTIONS:
        raise NotAuthorizedException(NOT_OIDC)
    if len(sections[0]) > LONGEST_HEADER:
        raise NotAuthorizedException(NOT_OIDC)
    try:
        header: dict[str, Any] = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as exc:
        raise NotAuthorizedException(NOT_OIDC) from exc
    if not isinstance(header.get("kid"), str) or header.keys() & {"crit", "b64"}:
        raise NotAuthorizedException(NO_KEYS)
    return header


def _check_issuer(token: str, issuer: Issuer) -> None:
    """Refuse a token of somebody else before anybody is asked for keys."""
    try:
        claims = json.loads(jwt.utils.base64url_decode(token.split(".")[1]))
    except (ValueError, RecursionError) as exc:
        raise NotAuthorizedException(NOT_OIDC) from exc
    if not isinstance(claims, dict) or claims.get("iss") not in issuer.names:
        raise NotAuthorizedException("Invalid login token. Issuer doesn't match providerName")
