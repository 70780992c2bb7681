"""Verification codes: random, hashed, counted before the comparison, used once."""

import os
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from userpools import ids, sealing
from userpools.errors import (
    AwsError,
    CodeMismatchException,
    ExpiredCodeException,
    LimitExceededException,
    TooManyFailedAttemptsException,
)
from userpools.limits import ATTEMPTS_EXCEEDED, Guess, guesses_an_hour
from userpools.models import CodePurpose, PoolUser, VerificationCode
from userpools.sealing import Purpose

MISMATCH = "Invalid verification code provided, please try again."
EXPIRED = "Invalid code provided, please request a code again."
TOO_MANY = "Too many failed attempts. Please try again later."
LIFETIME = {
    CodePurpose.SIGN_UP: timedelta(hours=24),
    CodePurpose.VERIFY_ATTRIBUTE: timedelta(hours=24),
    CodePurpose.RESET_PASSWORD: timedelta(hours=1),
}
GUESSES = {
    CodePurpose.SIGN_UP: Guess.CONFIRM_SIGN_UP,
    CodePurpose.VERIFY_ATTRIBUTE: Guess.VERIFY_USER_ATTRIBUTE,
    CodePurpose.RESET_PASSWORD: Guess.CONFIRM_FORGOT_PASSWORD,
}
HOUR = timedelta(hours=1)


def _bound(code: VerificationCode, digits: str) -> bytes:
    parts = (code.purpose, str(code.user_id), code.attribute, code.destination, digits)
    return "\x00".join(parts).encode()


def issue(
    user: PoolUser,
    purpose: CodePurpose,
    *,
    destination: str,
    attribute: str = "",
    is_pending: bool = False,
) -> str:
    """Make a code for a destination and return it in clear; the older one of the purpose is void.

    Runs in the caller's transaction. The hour's count of guesses goes on. With `is_pending` the
    destination is a value that the user gets only by this code.
    """
    digits = ids.new_numeric_code()
    row = VerificationCode(
        user=user,
        purpose=purpose,
        attribute=attribute,
        destination=destination,
        is_pending=is_pending,
    )
    _put(row, _bound(row, digits))
    return digits


def hold_place(user: PoolUser, purpose: CodePurpose) -> None:
    """Put what nobody can guess where a code would be, for a user who is only told that one went.

    Guesses are answered as if there were a code. An older code of the purpose is void.
    """
    _put(VerificationCode(user=user, purpose=purpose), os.urandom(32))


def _put(row: VerificationCode, secret: bytes) -> None:
    row.created_at = timezone.now()
    row.expires_at = row.created_at + LIFETIME[CodePurpose(row.purpose)]
    row.code_hash = sealing.keyed_hash(Purpose.CODE, secret)
    VerificationCode.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["user", "purpose", "attribute"],
        update_fields=[
            "destination",
            "is_pending",
            "code_hash",
            "created_at",
            "expires_at",
            "used_at",
        ],
    )


def issue_for_attempt(
    user: PoolUser,
    attempt_id: uuid.UUID,
    *,
    destination: str,
    expires_at: datetime,
    length: int,
) -> str | None:
    """Make the one code of a sign-in and return it in clear; None where it was made before.

    Runs in the caller's transaction.
    """
    digits = ids.new_numeric_code(length)
    row = _row_of_attempt(user, attempt_id, expires_at)
    row.destination = destination
    return digits if _insert(row, _bound(row, digits)) else None


def hold_place_for_attempt(user: PoolUser, attempt_id: uuid.UUID, *, expires_at: datetime) -> None:
    """Put what nobody can guess where the code of a sign-in would be, as `hold_place` does."""
    _insert(_row_of_attempt(user, attempt_id, expires_at), os.urandom(32))


def _row_of_attempt(
    user: PoolUser, attempt_id: uuid.UUID, expires_at: datetime
) -> VerificationCode:
    return VerificationCode(
        user=user,
        purpose=CodePurpose.AUTHENTICATION,
        attribute=attempt_id.hex,
        expires_at=expires_at,
    )


def _insert(row: VerificationCode, secret: bytes) -> bool:
    """Write a row that no other may stand in place of; False where one does."""
    row.code_hash = sealing.keyed_hash(Purpose.CODE, secret)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def take_try_of_attempt(
    user: PoolUser, attempt_id: uuid.UUID, *, most: int
) -> tuple[bool, VerificationCode | None]:
    """Count one of `most` tries at the code of a sign-in; say whether one was left, and return it.

    None, uncounted, where no code was sent.
    """
    rows = VerificationCode.objects.filter(
        user=user, purpose=CodePurpose.AUTHENTICATION, attribute=attempt_id.hex
    )
    taken = rows.filter(tries__lt=most).update(tries=F("tries") + 1)
    return bool(taken), rows.first()


def of_attempt(user: PoolUser | None, attempt_id: uuid.UUID) -> VerificationCode | None:
    """Return the code of a sign-in, whatever became of it; nobody's is looked for as well."""
    return VerificationCode.objects.filter(
        user_id=user.pk if user else 0,
        purpose=CodePurpose.AUTHENTICATION,
        attribute=attempt_id.hex,
    ).first()


def check(
    user: PoolUser, purpose: CodePurpose, digits: str, *, attribute: str = ""
) -> VerificationCode:
    """Return the live code that `digits` matches, not yet used up.

    Call it outside a transaction: the guess is counted even when the answer is an error. Raises
    ExpiredCodeException, CodeMismatchException, and after too many guesses in the hour
    TooManyFailedAttemptsException for a sign-up, else LimitExceededException.
    """
    code = newest(user, purpose, attribute=attribute)
    if code is None:
        raise ExpiredCodeException(EXPIRED)
    return check_newest(code, digits)


def newest(user: PoolUser, purpose: CodePurpose, *, attribute: str = "") -> VerificationCode | None:
    """Return the last code of the purpose, whatever became of it; None if there was none."""
    return VerificationCode.objects.filter(user=user, purpose=purpose, attribute=attribute).first()


def check_newest(code: VerificationCode, digits: str) -> VerificationCode:
    """Do what `check` does, with a code that was read already."""
    purpose = CodePurpose(code.purpose)
    now = timezone.now()
    fresh_hour = Q(tries_since__isnull=True) | Q(tries_since__lte=now - HOUR)
    row = VerificationCode.objects.filter(pk=code.pk)
    counted = row.filter(fresh_hour | Q(tries__lt=guesses_an_hour(GUESSES[purpose]))).update(
        tries=Case(When(fresh_hour, then=Value(1)), default=F("tries") + 1),
        tries_since=Case(When(fresh_hour, then=Value(now)), default=F("tries_since")),
    )
    if not counted:
        raise too_many(purpose)
    holds = matches(code, digits)
    if not is_live(code):
        raise ExpiredCodeException(EXPIRED)
    if not holds:
        raise CodeMismatchException(MISMATCH)
    return code


def matches(code: VerificationCode, digits: str) -> bool:
    """Compare digits with a code, be it live or not. Whoever asks has counted the guess before."""
    return sealing.keyed_hash_matches(Purpose.CODE, _bound(code, digits), bytes(code.code_hash))


def is_live(code: VerificationCode) -> bool:
    """Say whether a code was neither used, voided nor outlived when it was read."""
    return code.used_at is None and code.expires_at > timezone.now()


def too_many(purpose: CodePurpose) -> AwsError:
    """Make the error for more guesses than an hour allows."""
    # VerifyUserAttribute lists no other error for it than the limit of a user.
    if purpose == CodePurpose.SIGN_UP:
        return TooManyFailedAttemptsException(TOO_MANY)
    return LimitExceededException(ATTEMPTS_EXCEEDED)


def consume(code: VerificationCode) -> None:
    """Use the code up, in the transaction of what it proves; ExpiredCodeException if used."""
    used = VerificationCode.objects.filter(
        pk=code.pk, used_at__isnull=True, code_hash=code.code_hash
    ).update(used_at=timezone.now())
    if not used:
        raise ExpiredCodeException(EXPIRED)


def pending(user: PoolUser, attribute: str) -> VerificationCode | None:
    """Return the live code of a value that waits to become the user's; None when none waits."""
    return VerificationCode.objects.filter(
        user=user,
        purpose=CodePurpose.VERIFY_ATTRIBUTE,
        attribute=attribute,
        is_pending=True,
        used_at__isnull=True,
        expires_at__gt=timezone.now(),
    ).first()


def withdraw(user: PoolUser, contacts: list[str]) -> None:
    """End the wait of values for these contacts: another was stated, or the present one again.

    Runs in the transaction that states it; no statement without contacts.
    """
    if contacts:
        VerificationCode.objects.filter(
            user=user,
            purpose=CodePurpose.VERIFY_ATTRIBUTE,
            attribute__in=contacts,
            is_pending=True,
            used_at__isnull=True,
        ).update(used_at=timezone.now())


def void(user: PoolUser, former: Mapping[str, str]) -> None:
    """End every code that belongs to contacts whose values are `former`, whatever it was for.

    Runs in the transaction that changes the contacts. Rows stay, for their count of guesses.
    """
    concerned = Q(attribute__in=list(former))
    destinations = [value for value in former.values() if value]
    if destinations:
        concerned |= Q(destination__in=destinations)
    VerificationCode.objects.filter(concerned, user=user, used_at__isnull=True).update(
        used_at=timezone.now()
    )
