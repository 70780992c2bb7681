"""Rows that workers take up: claimed for a while, tried again later, given up at last.

One conditional update claims a row; a worker that dies leaves it due again when its lease ends, so
that what a row asks for is done at least once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Model, QuerySet
from django.utils import timezone

LONGEST_ERROR = 500
ABANDONED = "The worker ended before the last attempt did."


@dataclass(frozen=True, slots=True)
class Worklist:
    """The due rows of a model with `state`, `due_at`, `attempts` and `last_error`.

    `lease` is longer than an attempt takes. `back_off` says how long to wait after each failed
    attempt; after one more a row is in the state `given_up`.
    """

    model: type[Model]
    due: str
    given_up: str
    lease: timedelta
    back_off: tuple[timedelta, ...]

    @property
    def most_attempts(self) -> int:
        """How often a row is tried."""
        return len(self.back_off) + 1

    @property
    def _rows(self) -> QuerySet[Any]:
        return self.model._default_manager.all()

    def claim(self, key: object, now: datetime) -> bool:
        """Take up a row that is due; False where another worker has, or it is not."""
        claimed = self._rows.filter(
            pk=key, state=self.due, due_at__lte=now, attempts__lt=self.most_attempts
        ).update(due_at=now + self.lease, attempts=F("attempts") + 1)
        return bool(claimed)

    def held(self, row: Any) -> QuerySet[Any]:
        """The row as long as nobody claimed it after us."""
        return self._rows.filter(pk=row.pk, state=self.due, attempts=row.attempts)

    def note_failure(self, row: Any, error: str, *, is_last: bool = False) -> bool:
        """Have a claimed row tried again later; True where it is given up, as no try is left."""
        last_error = error.replace("\x00", "")[:LONGEST_ERROR]
        if is_last or row.attempts >= self.most_attempts:
            self.held(row).update(state=self.given_up, last_error=last_error)
            return True
        due_at = timezone.now() + self.back_off[row.attempts - 1]
        self.held(row).update(due_at=due_at, last_error=last_error)
        return False

    def take_stock(self, limit: int) -> list[Any]:
        """Return the keys of rows that are due, oldest first, and give up what no try is left for.

        Also finds rows whose bell was lost or whose worker died.
        """
        now = timezone.now()
        waiting = self._rows.filter(state=self.due, due_at__lte=now)
        waiting.filter(attempts__gte=self.most_attempts).update(
            state=self.given_up, last_error=ABANDONED
        )
        return list(waiting.order_by("due_at").values_list("pk", flat=True)[:limit])

    def renew(self, key: object, **having: Any) -> bool:
        """Make a row that was given up due again, with all its attempts; False for any other."""
        given_up = self._rows.filter(pk=key, state=self.given_up, **having)
        return bool(given_up.update(state=self.due, attempts=0, due_at=timezone.now()))
