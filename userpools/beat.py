"""The clock of workers: each has one, and each due task is sent by one of them alone."""

from typing import Any

import redis
from celery.beat import ScheduleEntry, Scheduler

from userpools.conf import settings

# A little less than the interval, so that a clock that runs early is not a turn late.
SHARE_OF_INTERVAL = 0.9


class SharedScheduler(Scheduler):
    """A scheduler that any number of workers may embed.

    Whoever first sets the task's mark in Redis sends it; the mark expires before the next turn.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._redis = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5)
        super().__init__(*args, **kwargs)

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Send a due task unless another worker has."""
        if self.is_mine(entry):
            super().apply_entry(entry, producer=producer)

    def is_mine(self, entry: ScheduleEntry) -> bool:
        """Take the task's mark; False when another worker holds it, or Redis is away."""
        interval = entry.schedule.run_every.total_seconds()
        milliseconds = max(1, int(interval * 1000 * SHARE_OF_INTERVAL))
        try:
            return bool(
                self._redis.set(f"poolhouse:beat:{entry.name}", 1, nx=True, px=milliseconds)
            )
        except redis.RedisError:
            return False
