"""Authorization codes: issued, redeemed once, and deadly to their tokens when they come again.

Source: RFC 6749, sections 4.1.2 and 10.5; RFC 9700, section 4.5.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.utils import timezone
from oauthlib.oauth2.rfc6749.errors import InvalidGrantError

from userpools import ids, sealing
from userpools.models import AppClient, BrowserSession, Grant, PoolUser, SignInSession
from userpools.models.oauth import grant_with_user
from userpools.models.retry import in_transaction
from userpools.models.sign_in_session import insert_session
from userpools.sealing import Purpose

LIFETIME: Final = timedelta(minutes=5)
LONGEST_CODE: Final = 255


def issue(
    client: AppClient,
    session: BrowserSession,
    *,
    scopes: Sequence[str],
    redirect_uri: str,
    code_challenge: str,
    nonce: str,
    resource: str,
) -> str:
    """Make a code for the person of a browser session; a keyed hash of it is what is kept."""
    code = ids.new_uuid()
    Grant.objects.create(
        code=_stored(code),
        application=client,
        user=session.user,
        user_epoch=session.user_epoch,
        event_id=session.event_id,
        auth_time=session.auth_time,
        expires=timezone.now() + LIFETIME,
        redirect_uri=redirect_uri,
        scope=" ".join(scopes),
        code_challenge=code_challenge,
        code_challenge_method="S256" if code_challenge else "",
        nonce=nonce,
        resource=[resource] if resource else [],
    )
    return code


def find(client: AppClient, code: str) -> Grant | None:
    """Return this client's live grant for a code. One that was used ends the tokens it gave."""
    grant = grant_with_user.first(_stored(code), client.pk) if len(code) <= LONGEST_CODE else None
    if grant is None:
        return None
    if grant.used_at is not None:
        _revoke(grant)
        return None
    user = grant.user
    user.pool = client.pool
    if grant.expires <= timezone.now() or user.epoch != grant.user_epoch or not user.enabled:
        return None
    return grant


def redeem(grant: Grant, session: SignInSession) -> None:
    """Use the code up and keep the sign-in session that it gives, in one transaction.

    Raises InvalidGrantError where the code was used, or the user signed out, meanwhile; for a code
    that was used, the tokens of whoever came first end too.
    """
    if not _consume(grant, session):
        _revoke(grant)
        raise InvalidGrantError


@in_transaction
def _consume(grant: Grant, session: SignInSession) -> bool:
    # The user first, so that a sign-out either sees the session or is seen here.
    alive = PoolUser.objects.select_for_update().filter(
        pk=grant.user_id, epoch=grant.user_epoch, enabled=True
    )
    if not list(alive.values_list("pk")):
        return False
    used = Grant.objects.filter(pk=grant.pk, used_at__isnull=True).update(used_at=timezone.now())
    if used:
        insert_session.run(session)
    return bool(used)


def _revoke(grant: Grant) -> None:
    SignInSession.objects.filter(id=grant.session_id, revoked_at__isnull=True).update(
        revoked_at=timezone.now()
    )


def _stored(code: str) -> str:
    data = code.encode("utf-8", "surrogatepass")
    return sealing.stable_hash(Purpose.AUTHORIZATION_CODE, data).hex()
