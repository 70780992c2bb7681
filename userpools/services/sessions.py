"""Sign-in sessions that somebody other than their user ends."""

import uuid

from django.db import transaction
from django.utils import timezone

from userpools.audit import Actor, record_act
from userpools.errors import InvalidParameterException
from userpools.models import PoolUser, SignInSession


def end(user: PoolUser, session_id: uuid.UUID, *, actor: Actor) -> None:
    """End one session as RevokeToken does: its refresh token dies, its access tokens are refused.

    InvalidParameterException when it is not the user's, or has ended.
    """
    with transaction.atomic():
        ended = SignInSession.objects.filter(
            pk=session_id, user=user, revoked_at__isnull=True
        ).update(revoked_at=timezone.now())
        if not ended:
            raise InvalidParameterException("The session has ended already.")
        record_act(
            actor,
            "EndSession",
            pool_id=user.pool_id,
            resource=user.username,
            after={"OriginJti": str(session_id)},
        )
