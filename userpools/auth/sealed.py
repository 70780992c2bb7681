"""The attempt's form on the wire: `Session`, sealed, expiring, bound to pool, client and user."""

import base64
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone

from userpools import sealing
from userpools.auth.attempt import Attempt, password_mark
from userpools.auth.mfa_decision import Factor
from userpools.awsjson.service import Call
from userpools.errors import NotAuthorizedException
from userpools.models import AppClient, PoolUser, SpentStep
from userpools.models.software_token import user_with_token
from userpools.models.statements import Select
from userpools.models.user import user_by_sub
from userpools.sealing import Purpose

INVALID = "Invalid session for the user."
EXPIRED = "Invalid session for the user, session is expired."
USED = "Invalid session for the user, session can only be used once."
# A spent step is remembered past any session that its attempt can still have.
REMEMBERED = timedelta(minutes=20)
# What a pending step needs of the user besides the row.
FINDS: dict[str, Select[PoolUser]] = {Factor.SOFTWARE_TOKEN: user_with_token}


def seal(attempt: Attempt) -> str:
    """Return the attempt as a Session string, renewed for another lifetime of the client."""
    attempt.expires_at = timezone.now() + attempt.client.auth_session_lifetime
    content = {
        "c": attempt.client.client_id,
        "i": attempt.id.hex,
        "v": attempt.event_id.hex,
        "u": attempt.user.sub.hex if attempt.user else "",
        "n": attempt.name_key,
        "f": attempt.flow,
        "p": attempt.pending,
        "d": attempt.passed,
        "e": attempt.epoch,
        "m": attempt.password_mark,
        "t": attempt.factor,
        "s": attempt.has_set_up,
        "r": attempt.custom_step.hex if attempt.custom_step else "",
        "o": attempt.offered,
        "h": attempt.first_factor,
        "w": base64.b64encode(attempt.passkey_challenge).decode(),
        "k": attempt.device_key,
        "x": int(attempt.expires_at.timestamp()),
    }
    return sealing.seal_token(Purpose.ATTEMPT, orjson.dumps(content))


def unseal(session: str, *, client: AppClient | None = None, call: Call) -> Attempt:
    """Read a Session of this client back; NotAuthorizedException if foreign, broken or expired.

    Without a client, of whichever it belongs to. One query, for the user.
    """
    try:
        content: dict[str, Any] = orjson.loads(sealing.unseal_token(Purpose.ATTEMPT, session))
    except (sealing.Broken, ValueError) as exc:
        raise NotAuthorizedException(INVALID) from exc
    if client is None:
        client = AppClient.cached(content["c"])
    elif client.client_id != content["c"]:
        raise NotAuthorizedException(INVALID)
    expires_at = datetime.fromtimestamp(content["x"], tz=UTC)
    if expires_at <= timezone.now():
        raise NotAuthorizedException(EXPIRED)
    attempt = Attempt(
        pool=client.pool,
        client=client,
        call=call,
        flow=content["f"],
        name_key=content["n"],
        user=user_of(client, content["u"], find=FINDS.get(content["p"], user_by_sub)),
        epoch=content["e"],
        password_mark=content["m"],
        id=uuid.UUID(content["i"]),
        event_id=uuid.UUID(content["v"]),
        passed=content["d"],
        pending=content["p"],
        expires_at=expires_at,
        factor=content["t"],
        has_set_up=content["s"],
        custom_step=uuid.UUID(content["r"]) if content.get("r") else None,
        offered=tuple(content.get("o", ())),
        first_factor=content.get("h", ""),
        passkey_challenge=base64.b64decode(content.get("w", "")),
        new_password_set="NEW_PASSWORD_REQUIRED" in content["d"],
        device_key=content.get("k", ""),
    )
    check_alive(attempt, unknown=not content["u"])
    return attempt


def user_of(
    client: AppClient, sub_hex: str, *, find: Select[PoolUser] = user_by_sub
) -> PoolUser | None:
    """Return the user of an attempt; None for an unknown name's, at the same cost."""
    sub = uuid.UUID(sub_hex) if sub_hex else uuid.uuid4()
    user = find.first(client.pool_id, sub)
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
