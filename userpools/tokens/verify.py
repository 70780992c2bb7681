"""Checking access tokens that come back: signature first, then whether they are still good."""

import base64
import uuid
from dataclasses import dataclass
from typing import Any

import jwt
import orjson

from userpools.errors import NotAuthorizedException, ResourceNotFoundException
from userpools.models import AppClient, KeyUse, PoolUser, SignInSession, UserPool
from userpools.tokens.claims import API_SCOPE
from userpools.tokens.keys import keys_of

# A hundred groups with names of 128 characters fit; a parser never sees more.
MAX_TOKEN_CHARS = 32_768
MAX_HEADER_CHARS = 1_024
SEGMENTS = 3
REQUIRED = ["exp", "iat", "iss", "sub", "token_use", "client_id", "jti"]

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


def _parts(token: str) -> tuple[str, dict[str, Any]]:
    """Return the `kid` and the unverified claims; NotAuthorizedException if it is no such token."""
    segments = token.split(".") if len(token) <= MAX_TOKEN_CHARS else []
    if len(segments) != SEGMENTS or len(segments[0]) > MAX_HEADER_CHARS:
        raise NotAuthorizedException(INVALID)
    try:
        header, claims, _signature = (_segment(segment) for segment in segments)
        header, claims = orjson.loads(header), orjson.loads(claims)
    except ValueError as exc:
        raise NotAuthorizedException(INVALID) from exc
    if not isinstance(header, dict) or not isinstance(claims, dict) or header.get("alg") != "RS256":
        raise NotAuthorizedException(INVALID)
    return str(header.get("kid", "")), claims


def signed_claims(token: str) -> tuple[UserPool, dict[str, Any]]:
    """Verify signature, issuer, use and time of an access token; return its pool and claims."""
    kid, unverified = _parts(token)
    try:
        pool = UserPool.cached(str(unverified.get("iss", "")).rpartition("/")[2][:55])
    except (ResourceNotFoundException, ValueError) as exc:
        raise NotAuthorizedException(INVALID) from exc
    use, key = keys_of(pool).public.get(kid, ("", None))
    if key is None or use != KeyUse.ACCESS:
        raise NotAuthorizedException(BAD_SIGNATURE if key is None else INVALID)
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=["RS256"], issuer=pool.issuer,
            options={"require": REQUIRED, "verify_aud": False},
        )  # fmt: skip
    except jwt.ExpiredSignatureError as exc:
        raise NotAuthorizedException(EXPIRED) from exc
    except jwt.InvalidSignatureError as exc:
        raise NotAuthorizedException(BAD_SIGNATURE) from exc
    except jwt.PyJWTError as exc:
        raise NotAuthorizedException(INVALID) from exc
    if claims["token_use"] != "access":  # noqa: S105
        raise NotAuthorizedException(INVALID)
    return pool, claims


def _session(pool: UserPool, claims: dict[str, Any]) -> SignInSession:
    # A client without token revocation leaves origin_jti out; its event_id then names the session.
    try:
        session_id = uuid.UUID(claims.get("origin_jti") or claims.get("event_id") or "")
    except ValueError as exc:
        raise NotAuthorizedException(INVALID) from exc
    session = (
        SignInSession.objects.select_related("user")
        .defer("user__password_sealed")
        .filter(id=session_id, pool_id=pool.pk)
        .first()
    )
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
