"""Refresh tokens: sealed values that name a sign-in session and its generation."""

import struct
import uuid
from dataclasses import dataclass

from userpools import sealing
from userpools.models import SignInSession
from userpools.sealing import Purpose

_FORM = struct.Struct(">16sI")


@dataclass(frozen=True, slots=True)
class RefreshClaim:
    """What a refresh token says: its session, and which rotation of it."""

    session_id: uuid.UUID
    generation: int


def _context(pool_id: str, client_id: str) -> str:
    return f"{pool_id}:{client_id}"


def seal(session: SignInSession, client_id: str) -> str:
    """Make the refresh token of a session's present generation."""
    return sealing.seal_token(
        Purpose.REFRESH_TOKEN,
        _FORM.pack(session.id.bytes, session.generation),
        context=_context(session.pool_id, client_id),
    )


def unseal(token: str, *, pool_id: str, client_id: str) -> RefreshClaim | None:
    """Read a refresh token; None when it is not one of this pool and client."""
    try:
        plain = sealing.unseal_token(
            Purpose.REFRESH_TOKEN, token, context=_context(pool_id, client_id)
        )
        session_bytes, generation = _FORM.unpack(plain)
    except (sealing.Broken, struct.error):
        return None
    return RefreshClaim(uuid.UUID(bytes=session_bytes), generation)
