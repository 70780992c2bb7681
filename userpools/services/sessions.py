"""Sign-in sessions that somebody other than their user ends."""

import uuid

from django.db import transaction
from django.utils import timezone

from userpools.audit import Actor, record_act
from userpools.errors import InvalidParameterException, UnsupportedTokenTypeException
from userpools.models import AppClient, BrowserSession, PoolUser, SignInSession
from userpools.tokens import refresh

JWT_DOTS = 2


def end(user: PoolUser, session_id: uuid.UUID, *, actor: Actor) -> None:
    """End one session as RevokeToken does: its refresh token dies, its access tokens are refused.

    Or a browser's on the hosted pages. InvalidParameterException when it is not the user's, or has
    ended.
    """
    with transaction.atomic():
        now = timezone.now()
        own = {"pk": session_id, "user": user}
        ended = SignInSession.objects.filter(**own, revoked_at__isnull=True).update(revoked_at=now)
        in_browser = BrowserSession.objects.filter(**own, ended_at__isnull=True)
        if not ended and not in_browser.update(ended_at=now):
            raise InvalidParameterException("The session has ended already.")
        record_act(
            actor,
            "EndSession",
            pool_id=user.pool_id,
            resource=user.username,
            after={"OriginJti" if ended else "BrowserSession": str(session_id)},
        )


def revoke(client: AppClient, token: str) -> None:
    """End a refresh token and every token of its sign-in; an unknown or dead one is no error.

    UnsupportedTokenTypeException for a token of another kind.
    """
    claim = refresh.unseal(token, pool_id=client.pool_id, client_id=client.client_id)
    if claim is not None:
        SignInSession.objects.filter(
            id=claim.session_id, client_id=client.pk, revoked_at__isnull=True
        ).update(revoked_at=timezone.now())
    elif token.count(".") == JWT_DOTS:
        raise UnsupportedTokenTypeException("Unsupported token type")
