"""Rings a worker for a row that waits: a hint, never the record of the work.

The row is the truth and a sweep finds those whose bell was lost, so ringing neither fails a
request nor holds it. Redis carries the bell where it is configured; elsewhere the worker inside
this process hears it.
"""

import os
import threading
from queue import Full, Queue, SimpleQueue
from typing import Any, Protocol

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError

from userpools.conf import settings

log = structlog.get_logger("poolhouse.worker")

Ring = tuple[str, tuple[str, ...]]

# Bells of this process that wait for the broker; more than a healthy one ever leaves waiting.
MOST_WAITING = 1000


class Sender(Protocol):
    """A Celery application, as far as bells need one."""

    def send_task(self, name: str, args: Any, **options: Any) -> Any:
        """Send a task to the broker."""


class InProcess:
    """Where bells go while a worker runs in this process."""

    waiting: SimpleQueue[Ring | None] | None = None


class Carrier:
    """Takes bells to the broker in a thread: one that is down takes seconds to say so."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._waiting: Queue[Ring] = Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._pid = 0

    def take(self, ring: Ring) -> None:
        """Accept a bell; one too many is lost."""
        with self._lock:
            if self._pid != os.getpid():  # at first, and in a fork, which has no threads
                self._pid = os.getpid()
                threading.Thread(target=self._carry, name="bells", daemon=True).start()
        try:
            self._waiting.put_nowait(ring)
        except Full:
            log.warning("bell lost", task=ring[0], error="too many wait")

    def _carry(self) -> None:
        while True:
            carry(self._sender, self._waiting.get())


def carry(sender: Sender, ring: Ring) -> None:
    """Send a bell to the broker; log a failure."""
    task, row_ids = ring
    try:
        sender.send_task(task, row_ids, ignore_result=True, retry=False)
    except (KombuError, OSError) as exc:
        log.warning("bell lost", task=task, error=type(exc).__name__)


carrier = Carrier(current_app)


def ring(task: str, *row_ids: str) -> None:
    """Ring for a Celery task by name, with row ids alone, once the transaction has committed."""
    transaction.on_commit(lambda: _ring((task, row_ids)), robust=True)


def _ring(bell: Ring) -> None:
    if InProcess.waiting is not None:
        InProcess.waiting.put(bell)
    elif settings.REDIS_URL:
        carrier.take(bell)
