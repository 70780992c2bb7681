"""The attempt's form on the wire: `Session`, sealed, expiring, bound to pool, client and user."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.utils import timezone

from userpools import sealing
from userpools.auth.attempt import Attempt
from userpools.awsjson.service import Call
from userpools.errors import NotAuthorizedException
from userpools.models import AppClient, PoolUser
from userpools.sealing import Purpose

INVALID = "Invalid session for the user."
EXPIRED = "Invalid session for the user, session is expired."
USED = "Invalid session for the user, session can only be used once."


def _context(client: AppClient) -> str:
    return f"{client.pool_id}:{client.client_id}"


def seal(attempt: Attempt) -> str:
    """Return the attempt as a Session string, renewed for another lifetime of the client."""
    attempt.expires_at = timezone.now() + attempt.client.auth_session_lifetime
    content = {
        "i": attempt.id.hex,
        "v": attempt.event_id.hex,
        "u": attempt.user.sub.hex if attempt.user else "",
        "n": attempt.typed_name,
        "f": attempt.flow,
        "p": attempt.pending,
        "d": attempt.passed,
        "e": attempt.epoch,
        "x": int(attempt.expires_at.timestamp()),
    }
    return sealing.seal_token(
        Purpose.ATTEMPT, orjson.dumps(content), context=_context(attempt.client)
    )


def unseal(session: str, *, client: AppClient, call: Call) -> Attempt:
    """Read a Session of this client back; NotAuthorizedException if foreign, broken or expired.

    One query, for the user.
    """
    try:
        content: dict[str, Any] = orjson.loads(
            sealing.unseal_token(Purpose.ATTEMPT, session, context=_context(client))
        )
    except (sealing.Broken, ValueError) as exc:
        raise NotAuthorizedException(INVALID) from exc
    expires_at = datetime.fromtimestamp(content["x"], tz=timezone.now().tzinfo)
    if expires_at <= timezone.now():
        raise NotAuthorizedException(EXPIRED)
    attempt = Attempt(
        pool=client.pool,
        client=client,
        call=call,
        flow=content["f"],
        typed_name=content["n"],
        user=user_of(client, content["u"]),
        epoch=content["e"],
        id=uuid.UUID(content["i"]),
        event_id=uuid.UUID(content["v"]),
        passed=content["d"],
        pending=content["p"],
        expires_at=expires_at,
    )
    check_alive(attempt, unknown=not content["u"])
    return attempt


def user_of(client: AppClient, sub_hex: str) -> PoolUser | None:
    """Return the user of an attempt; None for an unknown name's."""
    if not sub_hex:
        return None
    user = PoolUser.objects.filter(pool_id=client.pool_id, sub=uuid.UUID(sub_hex)).first()
    if user is not None:
        user.pool = client.pool
    return user


def check_alive(attempt: Attempt, *, unknown: bool) -> None:
    """Refuse an attempt whose user is gone or has been signed out, disabled or reset since."""
    if unknown:
        return
    if attempt.user is None or attempt.user.epoch != attempt.epoch:
        raise NotAuthorizedException(INVALID)


def spend_until(attempt: Attempt) -> datetime:
    """Return how long a spent step must be remembered: past any session of the attempt."""
    return timezone.now() + attempt.client.auth_session_lifetime + timedelta(minutes=20)
