"""Transactions that begin again when the database ends them for another's sake."""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 5
LONGEST_PAUSE = 0.05
# Deadlock detected, serialization failure. Source: PostgreSQL, "Error codes", class 40.
CONFLICTS = frozenset({"40P01", "40001"})


def in_transaction(work: Callable[P, R]) -> Callable[P, R]:
    """Run the function in one transaction, and again from its start after a deadlock.

    PostgreSQL ends one of two transactions that wait for each other's rows; nothing of it was
    written, so that the same work may simply be done once more. Within a caller's transaction the
    caller's is what must begin again: the function then runs in a savepoint, once.
    """

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        left = 1 if connection.in_atomic_block else ATTEMPTS
        while True:
            left -= 1
            try:
                with transaction.atomic():
                    return work(*args, **kwargs)
            except OperationalError as exc:
                if not left or not is_conflict(exc):
                    raise
            # Apart from each other, so that the same two do not meet again at once.
            time.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311

    return run


def is_conflict(error: Exception) -> bool:
    """Say whether the database ended a transaction because of others, and not for a fault in it."""
    cause: Any = error.__cause__
    return getattr(cause, "sqlstate", None) in CONFLICTS
