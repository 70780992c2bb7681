"""The Session that leads from SignUp over ConfirmSignUp to a first sign-in without a password.

SignUp gives one to clients that allow USER_AUTH. ConfirmSignUp takes it and gives another, which
says by which medium the code came: InitiateAuth with USER_AUTH accepts it in place of an OTP of
that medium. Source: API reference, SignUp, ConfirmSignUp and InitiateAuth, "Session"; aws-amplify
sends ConfirmSignUp none and goes on with the one that it gives.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.utils import timezone

from userpools import sealing
from userpools.auth.sealed import EXPIRED, INVALID
from userpools.errors import NotAuthorizedException
from userpools.models import AppClient, CodePurpose, Medium, PoolUser
from userpools.sealing import Purpose
from userpools.services.codes import LIFETIME


@dataclass(frozen=True, slots=True)
class SignUpSession:
    """An account's way from sign-up to sign-in; `id` is spent by the sign-in, once.

    `proved` is the medium that brought the confirmation code, None until the code came back.
    """

    id: uuid.UUID
    sub: uuid.UUID
    epoch: int
    proved: Medium | None
    expires_at: datetime

    def check_user(self, user: PoolUser | None) -> None:
        """Raise NotAuthorizedException unless it is this user's, who was not ended since."""
        if user is None or user.sub != self.sub or user.epoch != self.epoch:
            raise NotAuthorizedException(INVALID)


def begin(client: AppClient, user: PoolUser) -> str:
    """Return the Session of a new account; it lives as long as the code that confirms it."""
    return _seal(client, user, None, uuid.uuid4(), LIFETIME[CodePurpose.SIGN_UP])


def confirmed(
    client: AppClient, session: SignUpSession | None, user: PoolUser, medium: Medium
) -> str:
    """Return the Session of an account whose code came back; it lives as a challenge's does."""
    session_id = session.id if session else uuid.uuid4()
    return _seal(client, user, medium, session_id, client.auth_session_lifetime)


def _seal(
    client: AppClient,
    user: PoolUser,
    proved: Medium | None,
    session_id: uuid.UUID,
    lifetime: timedelta,
) -> str:
    content = {
        "i": session_id.hex,
        "u": user.sub.hex,
        "e": user.epoch,
        "m": proved or "",
        "x": int((timezone.now() + lifetime).timestamp()),
    }
    return sealing.seal_token(
        Purpose.SIGN_UP_SESSION, orjson.dumps(content), context=client.sealing_context
    )


def unseal(session: str, *, client: AppClient) -> SignUpSession:
    """Read a Session of this client back; NotAuthorizedException if foreign, broken or expired.

    Whose it is, and whether its step is the right one, is for the caller to check.
    """
    try:
        content: dict[str, Any] = orjson.loads(
            sealing.unseal_token(Purpose.SIGN_UP_SESSION, session, context=client.sealing_context)
        )
    except (sealing.Broken, ValueError) as exc:
        raise NotAuthorizedException(INVALID) from exc
    expires_at = datetime.fromtimestamp(content["x"], tz=UTC)
    if expires_at <= timezone.now():
        raise NotAuthorizedException(EXPIRED)
    return SignUpSession(
        id=uuid.UUID(content["i"]),
        sub=uuid.UUID(content["u"]),
        epoch=content["e"],
        proved=Medium(content["m"]) if content["m"] else None,
        expires_at=expires_at,
    )
