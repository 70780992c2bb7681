"""The end of a sign-in: what it leaves, written all or nothing."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Model

from userpools.audit import auth_event, insert_event
from userpools.auth import devices, sealed
from userpools.auth.attempt import Attempt
from userpools.auth.software_tokens import require_unused_step
from userpools.errors import NotAuthorizedException
from userpools.models.statements import Insert, Together
from userpools.models.user import (
    forgive_live_passwordless_user,
    forgive_live_user,
    forgive_live_user_by_step,
)


@dataclass(frozen=True, slots=True)
class Ending:
    """What ends sign-ins with a session of one kind: for users with a password, and without.

    Each clears the failed attempts, which finds no row when the user was signed out, disabled,
    reset or deleted since the attempt began, and then writes nothing.
    """

    ordinary: Together
    by_step: Together
    without_password: Together

    @classmethod
    def leaving(cls, insert: Insert[Any]) -> "Ending":
        """Make the statements that leave the row of an insert, whose key is the attempt's id."""
        return cls(
            Together(forgive_live_user, insert, insert_event),
            Together(forgive_live_user_by_step, insert, insert_event),
            Together(forgive_live_passwordless_user, insert, insert_event),
        )


def close(attempt: Attempt, ending: Ending, session: Model, *, event_id: UUID) -> None:
    """Keep the session and the event of a sign-in whose steps are passed.

    The session's row closes the attempt. Raises NotAuthorizedException where it is closed already,
    or the user has ended since it began.
    """
    try:
        alive = _write(attempt, ending, session, event_id)
    except IntegrityError as exc:
        raise NotAuthorizedException(sealed.USED) from exc
    if not alive:
        require_unused_step(attempt)
        raise NotAuthorizedException(sealed.INVALID)


def _write(attempt: Attempt, ending: Ending, session: Model, event_id: UUID) -> bool:
    """Write the end of the sign-in, all or nothing; False where the user has ended."""
    if attempt.device is None:
        return _write_session(attempt, ending, session, event_id)
    with transaction.atomic():
        if not _write_session(attempt, ending, session, event_id):
            return False
        devices.note_use(attempt, attempt.device)
        return True


def _write_session(attempt: Attempt, ending: Ending, session: Model, event_id: UUID) -> bool:
    user = attempt.known_user
    event = auth_event(attempt.facts(), "Pass", event_id=event_id)
    if user.password_set_at is None:
        return ending.without_password.run((user.pk, attempt.epoch), session, event)
    bound = (user.pk, attempt.epoch, user.password_set_at)
    step = attempt.software_token_step
    if step is None:
        return ending.ordinary.run(bound, session, event)
    return ending.by_step.run((step, *bound, step), session, event)
