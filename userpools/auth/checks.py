"""What is checked around a password: the user's state before and after it, and the lockout.

The order is the service's: see the developer guide, "Authentication flows", and recordings.
"""

from datetime import timedelta

from django.utils import timezone

from userpools.audit import record_auth_event
from userpools.auth import passwords
from userpools.auth.attempt import Attempt
from userpools.auth.sign_in_triggers import pre_authentication
from userpools.errors import (
    AwsError,
    NotAuthorizedException,
    PasswordResetRequiredException,
    UserNotConfirmedException,
)
from userpools.models import PoolUser, UserStatus
from userpools.models.lockout import (
    forgive_passwords,
    take_password_attempt,
    take_unknown_name_attempt,
)

WRONG = "Incorrect username or password."
LOCKED = "Password attempts exceeded"
DISABLED = "User is disabled."
RESET = "Password reset required for the user"
TEMPORARY_EXPIRED = "Temporary password has expired and must be reset by an administrator."
DEFAULT_TEMPORARY_DAYS = 7


def fail(attempt: Attempt, error: AwsError) -> AwsError:
    """Record that the attempt failed and return the error to raise."""
    record_auth_event(attempt.facts(), "Fail", reason=type(error).__name__)
    return error


def before_password(attempt: Attempt) -> None:
    """Let the customer's function refuse the attempt, whoever it is for, before any other check.

    Then refuse disabled and reset users early, where the client does not hide who exists.
    """
    pre_authentication(attempt)
    user = attempt.user
    if user is None or attempt.hides_users:
        return
    if not user.enabled:
        raise fail(attempt, NotAuthorizedException(DISABLED))
    if user.status == UserStatus.RESET_REQUIRED:
        raise fail(attempt, PasswordResetRequiredException(RESET))


def take_attempt(attempt: Attempt) -> None:
    """Count the attempt before the password is compared; NotAuthorizedException while locked."""
    if attempt.user is not None:
        taken = take_password_attempt(attempt.user)
    else:
        taken = take_unknown_name_attempt(attempt.pool.pk, attempt.name_key)
    if not taken:
        # Not recorded: somebody who goes on guessing must not fill the disk.
        raise NotAuthorizedException(LOCKED)


def check_password(attempt: Attempt, password: str) -> None:
    """Compare a clear password, with equal work for a user who does not exist or has none."""
    take_attempt(attempt)
    if attempt.user is None or attempt.user.status == UserStatus.EXTERNAL_PROVIDER:
        passwords.work_like_a_comparison(attempt.pool, password)
        raise fail(attempt, NotAuthorizedException(WRONG))
    if not passwords.matches(attempt.user, password):
        raise fail(attempt, NotAuthorizedException(WRONG))
    after_password(attempt)
    passwords.convert_form(attempt.user, password)


def after_password(attempt: Attempt) -> None:
    """Refuse users whose state forbids signing in, now that they proved their password."""
    user = attempt.known_user
    if not user.enabled or user.status != UserStatus.CONFIRMED:
        # The password was right; only a completed sign-in clears the count otherwise.
        forgive_passwords(user)
    check_state(attempt)
    if user.status == UserStatus.FORCE_CHANGE_PASSWORD and temporary_password_expired(user):
        raise fail(attempt, NotAuthorizedException(TEMPORARY_EXPIRED))


def check_state(attempt: Attempt) -> None:
    """Refuse users whose state forbids signing in, now that they proved who they are."""
    user = attempt.known_user
    if user.status == UserStatus.EXTERNAL_PROVIDER:
        raise fail(attempt, NotAuthorizedException(WRONG))
    if not user.enabled:
        raise fail(attempt, NotAuthorizedException(DISABLED))
    if user.status == UserStatus.RESET_REQUIRED:
        raise fail(attempt, PasswordResetRequiredException(RESET))
    if user.status == UserStatus.UNCONFIRMED:
        raise fail(attempt, UserNotConfirmedException("User is not confirmed."))


def temporary_password_expired(user: PoolUser) -> bool:
    """Say whether a temporary password is older than the pool lets it be."""
    days = user.pool.password_policy.get("TemporaryPasswordValidityDays") or DEFAULT_TEMPORARY_DAYS
    set_at = user.password_set_at
    return set_at is not None and set_at + timedelta(days=days) < timezone.now()
