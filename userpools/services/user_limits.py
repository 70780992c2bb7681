"""What holds one user back at the moment, and lifting it: for the console and commands alike."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from userpools import limits
from userpools.audit import Actor, record_act
from userpools.models import CodePurpose, PoolUser, VerificationCode, lockout
from userpools.services import codes


@dataclass(frozen=True, slots=True)
class UserLimit:
    """How much of a limit a user has used in `seconds`, and when that is forgotten.

    A lockout has no `seconds`; it ends with the lock, and its count with a success.
    """

    name: str
    used: int
    allowed: int
    seconds: int | None
    ends_at: datetime | None = None

    @property
    def is_used_up(self) -> bool:
        """Whether the next one is refused."""
        return self.used >= self.allowed


def limits_of(user: PoolUser) -> list[UserLimit]:
    """Return the user's guards, and the guesses of codes in the hour under way; one query."""
    return [*_guards(user), *_guesses(user)]


def lockouts_of(user: PoolUser) -> list[UserLimit]:
    """Return the failures in a row at passwords and at codes, and the end of the lock."""
    counted = (
        ("Wrong passwords", user.failed_passwords, user.password_tried_at),
        ("Wrong codes", user.failed_codes, user.code_tried_at),
    )
    return [
        UserLimit(
            name, failures, lockout.FREE_ATTEMPTS, None, lockout.locked_until(failures, tried_at)
        )
        for name, failures, tried_at in counted
    ]


def is_restrained(user: PoolUser) -> bool:
    """Say whether there is anything for `reset` to forget that lasts longer than a second."""
    counted = [*lockouts_of(user), *limits_of(user)]
    return any(each.used for each in counted if each.seconds != 1)


def reset(user: PoolUser, *, actor: Actor) -> None:
    """Forget failed passwords and codes, guesses, and what the guards have counted."""
    with transaction.atomic():
        lockout.forgive(user)
        VerificationCode.objects.filter(user=user).update(tries=0, tries_since=None)
        record_act(actor, "ResetUserLimits", pool_id=user.pool_id, resource=user.username)
    limits.forget_guards(limits.subject_of(user))


def _guards(user: PoolUser) -> list[UserLimit]:
    now = timezone.now()
    found = []
    for guard, window in limits.guard_windows(limits.subject_of(user)).items():
        allowance = limits.allowance_of(guard)
        ends_at = now + timedelta(seconds=window.seconds_left) if window.count else None
        found.append(
            UserLimit(str(guard), window.count, allowance.times, allowance.seconds, ends_at)
        )
    return found


def _guesses(user: PoolUser) -> list[UserLimit]:
    rows = VerificationCode.objects.filter(user=user, tries_since__gt=timezone.now() - codes.HOUR)
    found = []
    for code in rows.order_by("purpose", "attribute"):
        guess = codes.GUESSES[CodePurpose(code.purpose)]
        name = f"{guess} {code.attribute}".strip()
        ends_at = code.tries_since + codes.HOUR if code.tries_since else None
        allowed = limits.guesses_an_hour(guess)
        found.append(UserLimit(name, code.tries, allowed, limits.HOUR_SECONDS, ends_at))
    return found
