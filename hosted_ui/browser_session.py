"""The session of a browser with a pool: one row behind one sealed cookie.

Its hour counts from the sign-in; silent sign-ins do not renew it. Source: developer guide, "User
pool managed login", session cookie.
"""

import uuid
from datetime import timedelta
from typing import Final

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from hosted_ui import cookies
from hosted_ui.place import Place
from userpools import sealing
from userpools.auth.attempt import Attempt
from userpools.models import BrowserSession
from userpools.models.browser_session import browser_session_with_user
from userpools.sealing import Purpose

KIND: Final = "session"
LIFETIME: Final = timedelta(hours=1)


def of(attempt: Attempt) -> BrowserSession:
    """Return the session that a finished sign-in leaves in its browser, unsaved."""
    now = timezone.now()
    return BrowserSession(
        id=attempt.id,
        pool=attempt.pool,
        client=attempt.client,
        user=attempt.known_user,
        user_epoch=attempt.epoch,
        event_id=attempt.event_id,
        auth_time=now,
        created_at=now,
        expires_at=now + LIFETIME,
    )


def current(request: HttpRequest, place: Place) -> BrowserSession | None:
    """Return the browser's live session with this pool; one query, none without a cookie."""
    session_id = _id_in(request, place)
    if session_id is None:
        return None
    session = browser_session_with_user.first(session_id, place.pool.pk)
    if session is None or session.ended_at is not None or session.expires_at <= timezone.now():
        return None
    session.pool = session.user.pool = place.pool
    if session.user_epoch != session.user.epoch or not session.user.enabled:
        return None
    return session


def end(request: HttpRequest, place: Place) -> None:
    """End the browser's session, here and for whoever has a copy of its cookie."""
    session_id = _id_in(request, place)
    if session_id is not None:
        BrowserSession.objects.filter(
            id=session_id, pool_id=place.pool.pk, ended_at__isnull=True
        ).update(ended_at=timezone.now())


def remember(response: HttpResponseBase, place: Place, session: BrowserSession) -> None:
    """Set the session's cookie."""
    value = sealing.seal_token(Purpose.COOKIE, session.id.bytes, context=_context(place))
    cookies.write(response, place, KIND, value, seconds=int(LIFETIME.total_seconds()))


def forget(response: HttpResponseBase, place: Place) -> None:
    """Take the cookie away."""
    cookies.drop(response, place, KIND)


def _id_in(request: HttpRequest, place: Place) -> uuid.UUID | None:
    value = cookies.read(request, place, KIND)
    if not value:
        return None
    try:
        plain = sealing.unseal_token(Purpose.COOKIE, value, context=_context(place))
        return uuid.UUID(bytes=plain)
    except (sealing.Broken, ValueError):
        return None


def _context(place: Place) -> str:
    return f"browser-session:{place.pool.pk}"
