"""Configuration kept per process, checked against its version in the database every second."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import transaction

T = TypeVar("T")

# A change is seen by every process within this many seconds, at once in the one that made it.
RECHECK_AFTER = 1.0
MAX_ENTRIES = 10_000


@dataclass(slots=True)
class Entry(Generic[T]):
    """A kept value, the version it was loaded with, and when that was last confirmed."""

    value: T
    version: object
    checked_at: float


class VersionedCache(Generic[T]):
    """Values by key. `load` reads one with its version, `version` reads the version alone.

    Both return None for what does not exist; absence is not kept.
    """

    def __init__(
        self,
        load: Callable[[str], tuple[T, object] | None],
        version: Callable[[str], object | None],
    ) -> None:
        self._load = load
        self._version = version
        self._entries: dict[str, Entry[T]] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> T | None:
        """Return the value, at most RECHECK_AFTER seconds old; treat it as read-only."""
        entry = self._entries.get(key)
        now = time.monotonic()
        if entry is not None:
            if now - entry.checked_at < RECHECK_AFTER:
                return entry.value
            if self._version(key) == entry.version:
                entry.checked_at = now
                return entry.value
        loaded = self._load(key)
        with self._lock:
            if loaded is None:
                self._entries.pop(key, None)
                return None
            if len(self._entries) >= MAX_ENTRIES:
                self._entries.clear()
            self._entries[key] = Entry(loaded[0], loaded[1], now)
        return loaded[0]

    def forget(self, key: str) -> None:
        """Drop a key now and once more after the transaction that changed it has committed."""
        self._entries.pop(key, None)
        transaction.on_commit(lambda: self._entries.pop(key, None))

    def clear(self) -> None:
        """Drop everything."""
        self._entries.clear()
