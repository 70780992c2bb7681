"""New tokens for a refresh token, with rotation where the client asks for it."""

from dataclasses import replace
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from userpools.errors import NotAuthorizedException, RefreshTokenReuseException
from userpools.models import AppClient, Group, SignInSession
from userpools.models.sign_in_session import session_with_user
from userpools.tokens import refresh, scopes
from userpools.tokens.claims import TokenRequest, epoch
from userpools.tokens.mint import TokenSet, mint
from userpools.tokens.refresh import RefreshClaim

INVALID = "Invalid Refresh Token"
EXPIRED = "Refresh Token has expired"
REVOKED = "Refresh Token has been revoked"
DISABLED = "User is disabled."


def live_session(client: AppClient, token: str) -> tuple[SignInSession, RefreshClaim]:
    """Return the session that a refresh token of this client names, with its user; one query.

    Raises NotAuthorizedException if foreign, expired or revoked.
    """
    claim = refresh.unseal(token, pool_id=client.pool_id, client_id=client.client_id)
    if claim is None:
        raise NotAuthorizedException(INVALID)
    session = session_with_user.first(claim.session_id, client.pool_id)
    if session is None or session.client_id != client.pk:
        raise NotAuthorizedException(REVOKED)
    session.pool = session.user.pool = client.pool
    session.client = client
    if not session.user.enabled:
        raise NotAuthorizedException(DISABLED)
    if session.revoked_at is not None or session.user_epoch != session.user.epoch:
        raise NotAuthorizedException(REVOKED)
    if session.expires_at <= timezone.now():
        raise NotAuthorizedException(EXPIRED)
    return session, claim


def redeem(
    session: SignInSession,
    claim: RefreshClaim,
    *,
    client_metadata: dict[str, str],
    user_agent: str = "",
    device_key: str = "",
) -> TokenSet:
    """Return new ID and access tokens; a new refresh token too where the client rotates them.

    `auth_time`, `origin_jti` and `event_id` stay those of the sign-in.
    """
    client = session.client
    if session.device_key and session.device_key != device_key:
        raise NotAuthorizedException(INVALID)
    _check_generation(session, claim)
    tokens = mint(
        TokenRequest(
            pool=client.pool,
            client=client,
            user=session.user,
            groups=Group.objects.of(session.user),
            session_id=session.id,
            event_id=session.event_id,
            auth_epoch=epoch(session.auth_time),
            now_epoch=epoch(timezone.now()),
            trigger_source="TokenGeneration_RefreshTokens",
            scope=scopes.live(client.pool, session.scope) if session.is_hosted else session.scope,
            is_hosted=session.is_hosted,
            resource=session.resource,
            device_key=session.device_key,
            client_metadata=client_metadata,
            user_agent=user_agent,
        )
    )
    if not client.rotates_refresh_tokens:
        return tokens
    # Only now: a function that fails while tokens are made must not cost the refresh token.
    return replace(tokens, refresh_token=_rotate(session, claim))


def _check_generation(session: SignInSession, claim: RefreshClaim) -> None:
    """Refuse a token that was replaced, before any work is done for it."""
    if claim.generation == session.generation:
        return
    if not session.client.rotates_refresh_tokens:
        # Rotation was on when this token was replaced and is off now.
        raise NotAuthorizedException(REVOKED)
    if not _in_grace(session, claim):
        raise _reused(session)


def _rotate(session: SignInSession, claim: RefreshClaim) -> str:
    """Replace the token by one conditional update; return its successor.

    Within the grace period an old token answers with the same successor; after it, reuse ends the
    family. Source: RFC 9700, section 4.14.2; API reference, RefreshTokenRotationType.
    """
    now = timezone.now()
    turned = SignInSession.objects.filter(
        id=session.id, generation=claim.generation, revoked_at__isnull=True
    ).update(generation=F("generation") + 1, rotated_at=now)
    if turned:
        session.generation = claim.generation + 1
        return refresh.seal(session, session.client.client_id)
    session.refresh_from_db(fields=["generation", "rotated_at", "revoked_at"])
    if session.revoked_at is None and _in_grace(session, claim):
        return refresh.seal(session, session.client.client_id)
    raise _reused(session)


def _reused(session: SignInSession) -> RefreshTokenReuseException:
    """End the family of a token that was used again; return the error."""
    family = SignInSession.objects.filter(id=session.id, revoked_at__isnull=True)
    family.update(revoked_at=timezone.now())
    return RefreshTokenReuseException("Refresh token has been reused.")


def _in_grace(session: SignInSession, claim: RefreshClaim) -> bool:
    # The clock is read anew: this call may have waited for the one that turned the token.
    grace = session.client.rotation_grace
    return (
        claim.generation + 1 == session.generation
        and session.rotated_at is not None
        and grace > timedelta(0)
        and timezone.now() < session.rotated_at + grace
    )
