"""Failed attempts, counted before the comparison in one conditional statement.

After five failures a user is locked for 1 s, then 2 s, 4 s ... up to 15 minutes; attempts while
locked neither count nor extend. A success, or 15 minutes without attempts, starts anew.
Source: developer guide, "Lockout behavior for failed sign-in attempts".
"""

import hashlib
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.utils import timezone

from userpools import sealing
from userpools.sealing import Purpose

from .operator import Operator
from .statements import cursor_of
from .user import GuessBucket, PoolUser

FREE_ATTEMPTS = 5
LONGEST_LOCK = timedelta(minutes=15)
FORGET_AFTER = timedelta(minutes=15)
# 2 ** 10 seconds is past the longest lock.
STEPS = 11
LOCKING = range(FREE_ATTEMPTS, FREE_ATTEMPTS + STEPS)


def lock_after(failures: int) -> timedelta:
    """Return how long the user is locked from the last of so many failures."""
    if failures < FREE_ATTEMPTS:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - FREE_ATTEMPTS, STEPS)), LONGEST_LOCK)


def locked_until(failures: int, tried_at: datetime | None) -> datetime | None:
    """Return when the lock ends; None when there is none now."""
    if tried_at is None:
        return None
    until = tried_at + lock_after(failures)
    return until if until > timezone.now() else None


@cache
def _counting(table: str, count: str, tried: str) -> str:
    """Return SQL that counts one more attempt unless locked; one branch for each length of lock."""
    of_count, of_tried = f"{table}.{count}", f"{table}.{tried}"
    branches = [
        f"{of_tried} IS NULL",
        f"{of_count} < {FREE_ATTEMPTS}",
        *(f"({of_count} = {failures} AND {of_tried} <= %s)" for failures in LOCKING),
        f"{of_tried} <= %s",
    ]
    return (
        f"SET {count} = CASE WHEN {of_tried} IS NULL OR {of_tried} <= %s THEN 1 "
        f"ELSE {of_count} + 1 END, "
        f"{tried} = %s WHERE ({' OR '.join(branches)})"
    )


# How long before now the moments are that `_counting` compares with, in their order.
SPANS = (
    FORGET_AFTER,
    timedelta(0),
    *(lock_after(failures) for failures in LOCKING),
    LONGEST_LOCK,
)


def _moments(now: datetime) -> list[Any]:
    """Return the parameters of `_counting`, in the database's form."""
    adapt = connections[DEFAULT_DB_ALIAS].ops.adapt_datetimefield_value
    return [adapt(now - span) for span in SPANS]


def _execute(statement: str, parameters: list[Any]) -> bool:
    """Run a statement that changes one row or none; True for one."""
    with cursor_of(connections[DEFAULT_DB_ALIAS]) as cursor:
        cursor.execute(statement, parameters)
        return bool(cursor.rowcount == 1)


def _take(user: PoolUser | Operator, count: str, tried: str) -> bool:
    table = user._meta.db_table
    # The names are this module's own constants.
    statement = f"UPDATE {table} {_counting(table, count, tried)} AND {table}.id = %s"
    return _execute(statement, [*_moments(timezone.now()), user.pk])


def take_password_attempt(user: PoolUser | Operator) -> bool:
    """Count one attempt at the user's or operator's password; False while locked."""
    return _take(user, "failed_passwords", "password_tried_at")


def take_code_attempt(user: PoolUser) -> bool:
    """Count one attempt at a code of the user's second factor; False while locked."""
    return _take(user, "failed_codes", "code_tried_at")


def take_unknown_name_attempt(pool_id: str, name_key: str) -> bool:
    """Count one attempt at a name that nobody has, in a fixed table of keyed-hash buckets."""
    now = timezone.now()
    table = GuessBucket._meta.db_table
    clause = _counting(table, "failed_passwords", "password_tried_at")
    return _execute(
        f"INSERT INTO {table} (bucket, failed_passwords, password_tried_at) VALUES (%s, 1, %s) "  # noqa: S608
        f"ON CONFLICT (bucket) DO UPDATE {clause}",
        [
            bucket_of(pool_id, name_key),
            connection.ops.adapt_datetimefield_value(now),
            *_moments(now),
        ],
    )


def bucket_of(pool_id: str, name_key: str) -> int:
    """Return the bucket of a name: stable, and unpredictable without the master key."""
    digest = sealing.stable_hash(
        Purpose.GUESS_BUCKET, hashlib.sha256(f"{pool_id}\x00{name_key}".encode()).digest()
    )
    return int.from_bytes(digest[:4], "big") % GuessBucket.BUCKETS


def forgive(user: PoolUser) -> None:
    """Forget the failed passwords and codes of a user."""
    PoolUser.objects.filter(pk=user.pk).update(
        failed_passwords=0, password_tried_at=None, failed_codes=0, code_tried_at=None
    )


def forgive_passwords(user: PoolUser) -> None:
    """Forget the failed passwords of a user, not the codes."""
    PoolUser.objects.filter(pk=user.pk).update(failed_passwords=0, password_tried_at=None)
