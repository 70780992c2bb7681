"""Where calls are counted: in this process, or in Redis for all processes together."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import structlog

log = structlog.get_logger("poolhouse.counters")

T = TypeVar("T")
# Whoever sends keys that are new each time fills no memory: what was used longest ago goes.
MOST_BUCKETS = 100_000
MOST_WINDOWS = 100_000
# Before what stands for a name that nobody has, in a key. Such windows are kept apart, so that
# whoever tries names ends no user's window.
NOBODY = "~"
# A server that does not answer is left alone for so long, or each call would wait for it.
AWAY_SECONDS = 5

# Redis' own clock counts, as those of the machines that ask may differ. A bucket is kept until it
# is full again, and 10^9 s at most, which EXPIRE takes.
REDIS_TAKE = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local rate = tonumber(ARGV[1])
local size = math.max(1, rate)
local state = redis.call('HMGET', KEYS[1], 't', 'n')
local at = tonumber(state[1]) or now
local left = math.min(size, (tonumber(state[2]) or size) + math.max(0, now - at) * rate)
local allowed = 0
if left >= 1 then left = left - 1; allowed = 1 end
redis.call('HSET', KEYS[1], 't', string.format('%.6f', math.max(at, now)), 'n',
    string.format('%.17g', left))
redis.call('EXPIRE', KEYS[1], math.ceil(math.min(5 + 1 / rate, 1000000000)))
return allowed
"""
# The key is made together with its expiry, so that no count can last for ever.
REDIS_COUNT = """
redis.call('SET', KEYS[1], 0, 'EX', ARGV[1], 'NX')
return redis.call('INCR', KEYS[1])
"""


@dataclass(frozen=True, slots=True)
class Window:
    """What was counted in a window under way; without one, nothing."""

    count: int = 0
    seconds_left: float = 0


class ProcessBuckets:
    """Counters of one process: enough without Redis, where one web process is all there is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # By key, the one used longest ago first: when it was used, and the tokens left then.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        # By length and whether they are nobody's, and by key: end and count. Windows of one length
        # end in the order of their start.
        self._windows: dict[tuple[int, bool], OrderedDict[str, tuple[float, int]]] = {}

    def take(self, key: str, rate: float) -> bool:
        """Take one token of a bucket that holds a second's worth; False when it is empty."""
        now = self._clock()
        size = max(1.0, rate)
        with self._lock:
            at, left = self._buckets.pop(key, (now, size))
            left = min(size, left + (now - at) * rate)
            allowed = left >= 1
            self._buckets[key] = (now, left - 1 if allowed else left)
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        return allowed

    def count(self, key: str, seconds: int) -> int:
        """Count one more in a window of so many seconds from the first; return the count."""
        now = self._clock()
        with self._lock:
            windows = self._windows.setdefault((seconds, NOBODY in key), OrderedDict())
            while windows and windows[next(iter(windows))][0] <= now:
                windows.popitem(last=False)
            ends_at, counted = windows.get(key, (0.0, 0))
            if ends_at <= now:
                ends_at, counted = now + seconds, 0
            windows[key] = (ends_at, counted + 1)
            if len(windows) > MOST_WINDOWS:
                windows.popitem(last=False)
        return counted + 1

    def windows(self, keys: Sequence[str]) -> list[Window]:
        """Return the window under way of each key."""
        now = self._clock()
        with self._lock:
            return [self._window(key, now) for key in keys]

    def _window(self, key: str, now: float) -> Window:
        for windows in self._windows.values():
            ends_at, counted = windows.get(key, (now, 0))
            if ends_at > now:
                return Window(counted, ends_at - now)
        return Window()

    def forget(self, keys: Sequence[str]) -> None:
        """End the windows of these keys."""
        with self._lock:
            for windows in self._windows.values():
                for key in keys:
                    windows.pop(key, None)


class RedisBuckets:
    """The same counters, shared by all processes through Redis.

    While Redis is away the process counts by itself, so that an outage lifts no limit.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        import redis  # noqa: PLC0415 - only where a server uses it
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        self._redis = redis.Redis.from_url(url, socket_timeout=1, retry=Retry(NoBackoff(), 1))
        self._take = self._redis.register_script(REDIS_TAKE)
        self._count = self._redis.register_script(REDIS_COUNT)
        self._unreachable = redis.RedisError
        self._own = ProcessBuckets(clock)
        self._clock = clock
        self._away_until = 0.0

    def take(self, key: str, rate: float) -> bool:
        """Take one token; see ProcessBuckets."""
        return self._ask(
            lambda: bool(self._take(keys=[f"poolhouse:rate:{key}"], args=[rate])),
            instead=lambda: self._own.take(key, rate),
        )

    def count(self, key: str, seconds: int) -> int:
        """Count one more; see ProcessBuckets."""
        return self._ask(
            lambda: int(self._count(keys=[_window_key(key)], args=[seconds])),
            instead=lambda: self._own.count(key, seconds),
        )

    def windows(self, keys: Sequence[str]) -> list[Window]:
        """Return the window under way of each key, in one round trip."""
        return self._ask(lambda: self._read_windows(keys), instead=lambda: self._own.windows(keys))

    def _read_windows(self, keys: Sequence[str]) -> list[Window]:
        pipeline = self._redis.pipeline(transaction=True)
        for key in keys:
            pipeline.get(_window_key(key))
            pipeline.pttl(_window_key(key))
        answers = pipeline.execute()
        pairs = zip(answers[::2], answers[1::2], strict=True)
        return [
            Window(int(count), max(0, milliseconds) / 1000) if count else Window()
            for count, milliseconds in pairs
        ]

    def forget(self, keys: Sequence[str]) -> None:
        """End the windows of these keys, those of this process too."""
        self._own.forget(keys)
        self._ask(
            lambda: self._redis.delete(*(_window_key(key) for key in keys)), instead=lambda: None
        )

    def _ask(self, ask: Callable[[], T], *, instead: Callable[[], T]) -> T:
        if self._clock() < self._away_until:
            return instead()
        try:
            return ask()
        except self._unreachable as exc:
            self._away_until = self._clock() + AWAY_SECONDS
            log.warning("counting_without_redis", error=str(exc), seconds=AWAY_SECONDS)
            return instead()


def _window_key(key: str) -> str:
    return f"poolhouse:guard:{key}"


@lru_cache(maxsize=1)
def buckets(redis_url: str) -> ProcessBuckets | RedisBuckets:
    """Return the counters of this process."""
    return RedisBuckets(redis_url) if redis_url else ProcessBuckets()
