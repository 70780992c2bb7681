"""Checking tokens that come back: signature first, then whether they are still good."""

import base64
import time
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from jwt.algorithms import RSAAlgorithm

from userpools.errors import NotAuthorizedException, ResourceNotFoundException
from userpools.models import AppClient, KeyUse, PoolUser, SignInSession, UserPool
from userpools.models.sign_in_session import session_with_user
from userpools.tokens.claims import API_SCOPE
from userpools.tokens.keys import keys_of

# A hundred groups with names of 128 characters fit; a parser never sees more.
MAX_TOKEN_CHARS = 32_768
MAX_HEADER_CHARS = 1_024
SEGMENTS = 3
# The clocks of the machines that issue and check may differ by as much.
CLOCK_SKEW_SECONDS = 10
REQUIRED = ["exp", "iat", "iss", "sub", "token_use", "client_id", "jti"]

EXTENSIONS = {"crit", "b64"}
RS256 = RSAAlgorithm(RSAAlgorithm.SHA256)

INVALID = "Invalid Access Token"
EXPIRED = "Access Token has expired"
REVOKED = "Access Token has been revoked"
BAD_SIGNATURE = "Could not verify signature for Access Token"
NO_SCOPE = "Access Token does not have required scopes"


@dataclass(frozen=True, slots=True)
class AccessContext:
    """Who an access token speaks for."""

    pool: UserPool
    client: AppClient
    user: PoolUser
    session: SignInSession
    claims: dict[str, Any]


def _segment(text: str) -> Any:
    """Decode one segment in its canonical base64url form alone."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise ValueError("not canonical")
    return raw


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token taken apart, nothing of it verified."""

    kid: str
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes


def _parts(token: str) -> SignedToken:
    """Take a token apart; NotAuthorizedException unless it has the form of ours."""
    segments = token.split(".") if len(token) <= MAX_TOKEN_CHARS else []
    if len(segments) != SEGMENTS or len(segments[0]) > MAX_HEADER_CHARS:
        raise NotAuthorizedException(INVALID)
    try:
        header, claims, signature = (_segment(segment) for segment in segments)
        header, claims = orjson.loads(header), orjson.loads(claims)
    except ValueError as exc:
        raise NotAuthorizedException(INVALID) from exc
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise NotAuthorizedException(INVALID)
    kid = header.get("kid")
    # No extension is understood. Source: RFC 7515, section 4.1.11; RFC 7797.
    if header.get("alg") != "RS256" or not isinstance(kid, str) or header.keys() & EXTENSIONS:
        raise NotAuthorizedException(INVALID)
    return SignedToken(kid, claims, token.rpartition(".")[0].encode(), signature)


def signed_claims(token: str) -> tuple[UserPool, dict[str, Any]]:
    """Verify signature, issuer, use and time of an access token; return its pool and claims."""
    signed = _parts(token)
    try:
        pool = UserPool.cached(str(signed.claims.get("iss", "")).rpartition("/")[2][:55])
    except ResourceNotFoundException as exc:
        raise NotAuthorizedException(INVALID) from exc
    use, key = keys_of(pool).public.get(signed.kid, ("", None))
    if key is None or use != KeyUse.ACCESS:
        raise NotAuthorizedException(BAD_SIGNATURE if key is None else INVALID)
    if not RS256.verify(signed.signing_input, key, signed.signature):
        raise NotAuthorizedException(BAD_SIGNATURE)
    _check_claims(signed.claims, issuer=pool.issuer)
    return pool, signed.claims


def _check_claims(claims: dict[str, Any], *, issuer: str) -> None:
    """Check what PyJWT would: presence, times, issuer; then the use."""
    if any(claims.get(name) is None for name in REQUIRED):
        raise NotAuthorizedException(INVALID)
    now = time.time()
    expires, issued, not_before = claims["exp"], claims["iat"], claims.get("nbf", 0)
    if not all(isinstance(moment, int) for moment in (expires, issued, not_before)):
        raise NotAuthorizedException(INVALID)
    if max(issued, not_before) > now + CLOCK_SKEW_SECONDS:
        raise NotAuthorizedException(INVALID)
    if expires <= now:
        raise NotAuthorizedException(EXPIRED)
    texts = (claims["sub"], claims["jti"])
    if claims["iss"] != issuer or not all(isinstance(text, str) for text in texts):
        raise NotAuthorizedException(INVALID)
    if claims["token_use"] != "access":  # noqa: S105
        raise NotAuthorizedException(INVALID)


def _session(pool: UserPool, claims: dict[str, Any]) -> SignInSession:
    # A client without token revocation leaves origin_jti out; its event_id then names the session.
    try:
        session_id = uuid.UUID(claims.get("origin_jti") or claims.get("event_id") or "")
    except ValueError as exc:
        raise NotAuthorizedException(INVALID) from exc
    session = session_with_user.first(session_id, pool.pk)
    if session is None:
        raise NotAuthorizedException(REVOKED)
    return session


def verify_access_token(token: str, *, scope: str = API_SCOPE) -> AccessContext:
    """Return whom a live access token with `scope` speaks for, or raise NotAuthorizedException.

    One query. A token dies with its session, and with the user's epoch: sign-out everywhere,
    disable and delete end it at once.
    """
    pool, claims = signed_claims(token)
    if scope not in str(claims.get("scope", "")).split():
        raise NotAuthorizedException(NO_SCOPE)
    session = _session(pool, claims)
    user = session.user
    user.pool = pool
    if session.revoked_at is not None or session.user_epoch != user.epoch:
        raise NotAuthorizedException(REVOKED)
    if str(user.sub) != claims["sub"] or not user.enabled:
        raise NotAuthorizedException(INVALID if user.enabled else "User is disabled.")
    try:
        client = AppClient.cached_in(pool.pk, str(claims["client_id"]))
    except ResourceNotFoundException as exc:
        raise NotAuthorizedException(INVALID) from exc
    return AccessContext(pool, client, user, session, claims)


# ID tokens, which identity pools take as logins


class Problem(StrEnum):
    """What is wrong with an ID token."""

    MALFORMED = "malformed"
    FOREIGN = "of another issuer"
    UNSIGNED = "signed by no key of the pool"
    OTHER_USE = "no ID token"
    EXPIRED = "expired"
    ENDED = "of a session that is over"


class UnusableToken(Exception):
    """An ID token that proves nothing; `problem` says why."""

    def __init__(self, problem: Problem, claims: dict[str, Any] | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.claims = claims or {}


def verify_id_token(token: str, pool: UserPool) -> dict[str, Any]:
    """Verify signature, issuer, use and time of a pool's ID token; return its claims.

    Asks nothing of the database. Raises UnusableToken.
    """
    try:
        signed = _parts(token)
    except NotAuthorizedException as exc:
        raise UnusableToken(Problem.MALFORMED) from exc
    claims = signed.claims
    if claims.get("iss") != pool.issuer:
        raise UnusableToken(Problem.FOREIGN)
    use, key = keys_of(pool).public.get(signed.kid, ("", None))
    if key is None or not RS256.verify(signed.signing_input, key, signed.signature):
        raise UnusableToken(Problem.UNSIGNED)
    if use != KeyUse.ID or claims.get("token_use") != "id":
        raise UnusableToken(Problem.OTHER_USE)
    texts = [claims.get(name) for name in ("sub", "aud")]
    moments = [claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)]
    if not all(isinstance(text, str) and text for text in texts) or not all(
        isinstance(moment, int) for moment in moments
    ):
        raise UnusableToken(Problem.MALFORMED)
    now = time.time()
    if max(claims["iat"], claims.get("nbf", 0)) > now + CLOCK_SKEW_SECONDS:
        raise UnusableToken(Problem.MALFORMED)
    if claims["exp"] <= now:
        raise UnusableToken(Problem.EXPIRED, claims)
    return claims


def check_id_token_lives(pool: UserPool, claims: dict[str, Any]) -> None:
    """Check that the token's user and session still are; one query. Raises UnusableToken."""
    try:
        session = _session(pool, claims)
    except NotAuthorizedException as exc:
        raise UnusableToken(Problem.ENDED) from exc
    user = session.user
    if session.revoked_at is not None or session.user_epoch != user.epoch:
        raise UnusableToken(Problem.ENDED)
    if str(user.sub) != claims["sub"] or not user.enabled:
        raise UnusableToken(Problem.ENDED)
