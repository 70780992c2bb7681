"""Rows that stand in for those of people who do not exist, in a fixed number of buckets.

Where a client hides who exists, a code that is asked for or guessed under an unknown name has to
cost the database what it costs under a known one, and the next answer has to agree with it; yet
strangers must not fill the disk. The rows are those of GuessBucket, in ranges of their own.
"""

from datetime import datetime, timedelta
from enum import IntEnum
from functools import cache

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import F
from django.utils import timezone

from .lockout import bucket_of
from .statements import cursor_of
from .user import GuessBucket

HOUR = timedelta(hours=1)


class Range(IntEnum):
    """What a bucket beyond those of failed passwords says; each has as many."""

    ASKED = 1  # when a code was last asked for
    SENT = 2  # nothing: it is written where a message would be
    GUESSES = 3  # how often a code was guessed in the hour since
    GUESSES_UNASKED = 4  # the same, before any code was asked for
    SIGN_IN = 5  # how often the code of one sign-in was guessed


def _bucket(of: Range, pool_id: str, purpose: str, name_key: str) -> int:
    return GuessBucket.BUCKETS * of + bucket_of(pool_id, f"{purpose}\x00{name_key}")


def lock(pool_id: str, purpose: str, name_key: str) -> None:
    """Lock the name's row, as a user's is locked before a code is sent."""
    bucket = _bucket(Range.ASKED, pool_id, purpose, name_key)
    GuessBucket.objects.select_for_update().filter(bucket=bucket).first()


def note_asked(pool_id: str, purpose: str, name_key: str) -> None:
    """Note that a code was asked for now, in place of the code's row."""
    _note(_bucket(Range.ASKED, pool_id, purpose, name_key))


def note_sent(pool_id: str, purpose: str, name_key: str) -> None:
    """Write a row in place of the message's."""
    _note(_bucket(Range.SENT, pool_id, purpose, name_key))


def _note(bucket: int) -> None:
    GuessBucket.objects.bulk_create(
        [GuessBucket(bucket=bucket, password_tried_at=timezone.now())],
        update_conflicts=True,
        unique_fields=["bucket"],
        update_fields=["password_tried_at"],
    )


def begin_sign_in(pool_id: str, attempt: str) -> None:
    """Write a row in place of that of a sign-in's code, which nobody has tried yet."""
    GuessBucket.objects.bulk_create(
        [GuessBucket(bucket=_bucket(Range.SIGN_IN, pool_id, "", attempt))],
        update_conflicts=True,
        unique_fields=["bucket"],
        update_fields=["failed_passwords"],
    )


def take_try(pool_id: str, attempt: str, *, most: int) -> tuple[bool, bool]:
    """Count one of `most` tries at it; say whether one was left, and whether there is a row."""
    rows = GuessBucket.objects.filter(bucket=_bucket(Range.SIGN_IN, pool_id, "", attempt))
    taken = rows.filter(failed_passwords__lt=most).update(
        failed_passwords=F("failed_passwords") + 1
    )
    return bool(taken), rows.first() is not None


def asked_at(pool_id: str, purpose: str, name_key: str) -> datetime | None:
    """Return when a code was last asked for; None when none was."""
    row = GuessBucket.objects.filter(
        bucket=_bucket(Range.ASKED, pool_id, purpose, name_key)
    ).first()
    return row.password_tried_at if row else None


def take_guess(pool_id: str, purpose: str, name_key: str, *, was_asked: bool, most: int) -> bool:
    """Count one guess at a code that does not exist; False after `most` of them in an hour.

    Guesses made before a code was asked for are counted apart: a code's row begins with none.
    """
    now = timezone.now()
    of = Range.GUESSES if was_asked else Range.GUESSES_UNASKED
    at, hour_ago = (
        connection.ops.adapt_datetimefield_value(moment) for moment in (now, now - HOUR)
    )
    with cursor_of(connections[DEFAULT_DB_ALIAS]) as cursor:
        cursor.execute(
            _counting(GuessBucket._meta.db_table),
            [
                _bucket(of, pool_id, purpose, name_key),
                at,
                hour_ago,
                hour_ago,
                at,
                hour_ago,
                most,
            ],
        )
        return bool(cursor.rowcount == 1)


@cache
def _counting(table: str) -> str:
    count, since = f"{table}.failed_passwords", f"{table}.password_tried_at"
    # The table's name is the model's own.
    return (
        f"INSERT INTO {table} (bucket, failed_passwords, password_tried_at) VALUES (%s, 1, %s) "  # noqa: S608
        f"ON CONFLICT (bucket) DO UPDATE SET "
        f"failed_passwords = CASE WHEN {since} <= %s THEN 1 ELSE {count} + 1 END, "
        f"password_tried_at = CASE WHEN {since} <= %s THEN %s ELSE {since} END "
        f"WHERE {since} <= %s OR {count} < %s"
    )
