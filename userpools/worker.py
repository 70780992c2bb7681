"""The worker inside the web process, for servers without Redis.

It runs the same Celery tasks, called directly: two threads wait for bells (`userpools.bell`) and a
third one rings for the periodic tasks of CELERY_BEAT_SCHEDULE. A Celery consumer on its in-memory
broker would do no more, as the rows are the record of the work, and would poll that broker all day.
Any number of processes may do this at once: each task claims its rows or is idempotent.
"""

import os
import threading
import time
from multiprocessing.util import Finalize
from queue import SimpleQueue
from typing import Any

import structlog
from celery import current_app
from django.conf import settings as django_settings
from django.db import close_old_connections, connections

from userpools.bell import InProcess, Ring

log = structlog.get_logger("poolhouse.worker")

RUNNERS = 2
# Seconds that running tasks get at the end; a supervisor that stops the server waits 30.
DRAIN = 25.0


class InProcessWorker:
    """Threads that run tasks until `stop`."""

    def __init__(self) -> None:
        self.waiting: SimpleQueue[Ring | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._threads = [
            *(
                threading.Thread(target=self._run, name=f"worker-{number}", daemon=True)
                for number in range(RUNNERS)
            ),
            threading.Thread(target=self._keep_time, name="worker-clock", daemon=True),
        ]

    def start(self) -> None:
        """Start the threads."""
        # What a Celery worker does as it starts: every application's tasks are known from here on.
        current_app.loader.import_default_modules()
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = DRAIN) -> bool:
        """Finish what is under way and waiting; False if `timeout` seconds did not suffice.

        What is left keeps its row and is found by the next worker.
        """
        self._stopping.set()
        for _ in range(RUNNERS):
            self.waiting.put(None)
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while (ring := self.waiting.get()) is not None:
            run_task(*ring)
        connections.close_all()

    def _keep_time(self) -> None:
        """Ring for each periodic task at the start, and then whenever its interval is over."""
        beat: dict[str, dict[str, Any]] = django_settings.CELERY_BEAT_SCHEDULE
        schedule: dict[str, float] = {entry["task"]: entry["schedule"] for entry in beat.values()}
        next_at = dict.fromkeys(schedule, time.monotonic())
        while not self._stopping.is_set():
            now = time.monotonic()
            for task, interval in schedule.items():
                if next_at[task] <= now:
                    next_at[task] = now + interval
                    self.waiting.put((task, ()))
            self._stopping.wait(max(0.0, min(next_at.values(), default=now + 60) - now))


def run_task(name: str, row_ids: tuple[str, ...]) -> None:
    """Run a task by name; its failure is logged, as the next sweep tries again."""
    close_old_connections()
    try:
        current_app.tasks[name](*row_ids)
    except Exception:
        log.exception("task failed", task=name)
    finally:
        close_old_connections()


class _Process:
    """The worker of this process, and which process that was: threads do not survive a fork."""

    worker: InProcessWorker | None = None
    pid = 0
    lock = threading.Lock()


def start_in_process() -> InProcessWorker:
    """Start this process's worker, once; it drains when the process ends."""
    with _Process.lock:
        if _Process.worker is None or _Process.pid != os.getpid():
            worker = InProcessWorker()
            worker.start()
            InProcess.waiting = worker.waiting
            # Unlike atexit, this also runs at the end of a process that multiprocessing forked, as
            # granian's are.
            Finalize(None, worker.stop, exitpriority=100)
            _Process.worker, _Process.pid = worker, os.getpid()
        return _Process.worker
