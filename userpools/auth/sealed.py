"""The attempt's form on the wire: `Session`, sealed, expiring, bound to pool, client and user."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone

from userpools import sealing
from userpools.auth.attempt import Attempt, password_mark
from userpools.awsjson.service import Call
from userpools.errors import NotAuthorizedException
from userpools.models import AppClient, PoolUser, SpentStep
from userpools.models.user import user_by_sub
from userpools.sealing import Purpose

INVALID = "Invalid session for the user."
EXPIRED = "Invalid session for the user, session is expired."
USED = "Invalid session for the user, session can only be used once."
# A spent step is remembered past any session that its attempt can still have.
REMEMBERED = timedelta(minutes=20)


def seal(attempt: Attempt) -> str:
    """Return the attempt as a Session string, renewed for another lifetime of the client."""
    attempt.expires_at = timezone.now() + attempt.client.auth_session_lifetime
    content = {
        "i": attempt.id.hex,
        "v": attempt.event_id.hex,
        "u": attempt.user.sub.hex if attempt.user else "",
        "n": attempt.name_key,
        "f": attempt.flow,
        "p": attempt.pending,
        "d": attempt.passed,
        "e": attempt.epoch,
        "m": attempt.password_mark,
        "x": int(attempt.expires_at.timestamp()),
    }
    return sealing.seal_token(
        Purpose.ATTEMPT, orjson.dumps(content), context=attempt.client.sealing_context
    )


def unseal(session: str, *, client: AppClient, call: Call) -> Attempt:
    """Read a Session of this client back; NotAuthorizedException if foreign, broken or expired.

    One query, for the user.
    """
    try:
        content: dict[str, Any] = orjson.loads(
            sealing.unseal_token(Purpose.ATTEMPT, session, context=client.sealing_context)
        )
    except (sealing.Broken, ValueError) as exc:
        raise NotAuthorizedException(INVALID) from exc
    expires_at = datetime.fromtimestamp(content["x"], tz=UTC)
    if expires_at <= timezone.now():
        raise NotAuthorizedException(EXPIRED)
    attempt = Attempt(
        pool=client.pool,
        client=client,
        call=call,
        flow=content["f"],
        name_key=content["n"],
        user=user_of(client, content["u"]),
        epoch=content["e"],
        password_mark=content["m"],
        id=uuid.UUID(content["i"]),
        event_id=uuid.UUID(content["v"]),
        passed=content["d"],
        pending=content["p"],
        expires_at=expires_at,
    )
    check_alive(attempt, unknown=not content["u"])
    return attempt


def user_of(client: AppClient, sub_hex: str) -> PoolUser | None:
    """Return the user of an attempt; None for an unknown name's, at the same cost."""
    sub = uuid.UUID(sub_hex) if sub_hex else uuid.uuid4()
    user = user_by_sub.first(client.pool_id, sub)
    if user is not None:
        user.pool = client.pool
    return user


def check_alive(attempt: Attempt, *, unknown: bool) -> None:
    """Refuse an attempt whose user is gone, or was signed out, disabled or reset since."""
    if unknown:
        return
    user = attempt.user
    if user is None or user.epoch != attempt.epoch:
        raise NotAuthorizedException(INVALID)
    if password_mark(user) != attempt.password_mark:
        spent = SpentStep.objects.filter(attempt=attempt.id, step=attempt.pending).exists()
        raise NotAuthorizedException(USED if spent else INVALID)


def spend(attempt: Attempt, step: str) -> None:
    """Use a step up; NotAuthorizedException when it was used before.

    A challenge that writes calls this first in its transaction, the engine for all others.
    """
    try:
        with transaction.atomic():
            SpentStep.objects.create(
                attempt=attempt.id,
                step=step,
                expires_at=timezone.now() + attempt.client.auth_session_lifetime + REMEMBERED,
            )
    except IntegrityError as exc:
        raise NotAuthorizedException(USED) from exc
