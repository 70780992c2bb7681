"""Verification codes: random, hashed, counted before the comparison, used once."""

from datetime import timedelta

from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from userpools import ids, sealing
from userpools.errors import (
    CodeMismatchException,
    ExpiredCodeException,
    TooManyFailedAttemptsException,
)
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
# Guesses in an hour. Source: user pools quotas, "Rate limits on unauthenticated operations".
TRIES_AN_HOUR = {
    CodePurpose.SIGN_UP: 15,
    CodePurpose.VERIFY_ATTRIBUTE: 15,
    CodePurpose.RESET_PASSWORD: 15,
}
HOUR = timedelta(hours=1)


def _bound(code: VerificationCode, digits: str) -> bytes:
    parts = (code.purpose, str(code.user_id), code.attribute, code.destination, digits)
    return "\x00".join(parts).encode()


def issue(user: PoolUser, purpose: CodePurpose, *, destination: str, attribute: str = "") -> str:
    """Make a code for a destination and return it in clear; the older one of the purpose is void.

    Runs in the caller's transaction. The hour's count of guesses goes on.
    """
    digits = ids.new_numeric_code()
    now = timezone.now()
    row = VerificationCode(
        user=user,
        purpose=purpose,
        attribute=attribute,
        destination=destination,
        created_at=now,
        expires_at=now + LIFETIME[purpose],
    )
    row.code_hash = sealing.keyed_hash(Purpose.CODE, _bound(row, digits))
    VerificationCode.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["user", "purpose", "attribute"],
        update_fields=["destination", "code_hash", "created_at", "expires_at", "used_at"],
    )
    return digits


def check(
    user: PoolUser, purpose: CodePurpose, digits: str, *, attribute: str = ""
) -> VerificationCode:
    """Return the live code that `digits` matches, not yet used up.

    Call it outside a transaction: the guess is counted even when the answer is an error. Raises
    ExpiredCodeException, CodeMismatchException or TooManyFailedAttemptsException.
    """
    rows = VerificationCode.objects.filter(user=user, purpose=purpose, attribute=attribute)
    code = rows.first()
    if code is None:
        raise ExpiredCodeException(EXPIRED)
    now = timezone.now()
    fresh_hour = Q(tries_since__isnull=True) | Q(tries_since__lte=now - HOUR)
    counted = rows.filter(fresh_hour | Q(tries__lt=TRIES_AN_HOUR[purpose])).update(
        tries=Case(When(fresh_hour, then=Value(1)), default=F("tries") + 1),
        tries_since=Case(When(fresh_hour, then=Value(now)), default=F("tries_since")),
    )
    if not counted:
        raise TooManyFailedAttemptsException(TOO_MANY)
    if code.used_at is not None or code.expires_at <= now:
        raise ExpiredCodeException(EXPIRED)
    if not sealing.keyed_hash_matches(Purpose.CODE, _bound(code, digits), bytes(code.code_hash)):
        raise CodeMismatchException(MISMATCH)
    return code


def consume(code: VerificationCode) -> None:
    """Use the code up, in the transaction of what it proves; ExpiredCodeException if used."""
    used = VerificationCode.objects.filter(
        pk=code.pk, used_at__isnull=True, code_hash=code.code_hash
    ).update(used_at=timezone.now())
    if not used:
        raise ExpiredCodeException(EXPIRED)
