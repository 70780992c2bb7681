import threading

import pytest
from celery import current_app
from structlog.testing import capture_logs

from userpools import bell, worker


class Tasks:
    """Tasks by name that note their calls; `hang` holds one until `go` is set."""

    def __init__(self):
        self.calls = []
        self.called = threading.Semaphore(0)
        self.go = threading.Event()

    def __getitem__(self, name):
        return lambda *row_ids: self.run(name, row_ids)

    def run(self, name, row_ids):
        if name == "hang":
            self.go.wait(10)
        if name == "fail":
            raise ValueError(name)
        self.calls.append((name, row_ids))
        self.called.release()


class Application:
    """A Celery application as the worker sees it."""

    def __init__(self):
        self.tasks = Tasks()
        self.loader = current_app.loader


@pytest.fixture
def application(monkeypatch, settings):
    settings.CELERY_BEAT_SCHEDULE = {}
    application = Application()
    monkeypatch.setattr(worker, "current_app", application)
    # A test's thread has the connection of its own; closing it would end the test's transaction.
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)
    return application


@pytest.fixture
def running(application):
    started = worker.InProcessWorker()
    started.start()
    yield started
    application.tasks.go.set()
    started.stop(timeout=5)


def test_a_failing_task_is_logged_and_the_next_one_runs(running, application):
    with capture_logs() as lines:
        for _ in range(worker.RUNNERS + 1):
            running.waiting.put(("fail", ()))
        running.waiting.put(("deliver", ("1",)))
        assert application.tasks.called.acquire(timeout=5)
    assert {line["event"] for line in lines} == {"task failed"}
    assert application.tasks.calls == [("deliver", ("1",))]


def test_a_long_task_does_not_hold_the_others(running, application):
    running.waiting.put(("hang", ()))
    running.waiting.put(("deliver", ("1",)))
    assert application.tasks.called.acquire(timeout=5)
    assert application.tasks.calls == [("deliver", ("1",))]


def test_stopping_finishes_what_waits(running, application):
    for number in range(20):
        running.waiting.put(("deliver", (str(number),)))
    assert running.stop(timeout=5)
    assert len(application.tasks.calls) == 20


def test_stopping_does_not_wait_for_ever(running):
    running.waiting.put(("hang", ()))
    assert not running.stop(timeout=0.05)


def test_periodic_tasks_run_at_the_start(application, settings):
    settings.CELERY_BEAT_SCHEDULE = {
        "messages": {"task": "deliver_due", "schedule": 3600.0},
        "sweep": {"task": "sweep", "schedule": 3600.0},
    }
    started = worker.InProcessWorker()
    started.start()
    assert application.tasks.called.acquire(timeout=5)
    assert application.tasks.called.acquire(timeout=5)
    started.stop(timeout=5)
    assert sorted(application.tasks.calls) == [("deliver_due", ()), ("sweep", ())]


def test_a_process_has_one_worker(application, monkeypatch):
    monkeypatch.setattr(worker._Process, "worker", None)
    monkeypatch.setattr(bell.InProcess, "waiting", None)
    first = worker.start_in_process()
    assert worker.start_in_process() is first
    assert bell.InProcess.waiting is first.waiting
    first.stop(timeout=5)


def test_every_scheduled_task_exists(settings):
    current_app.loader.import_default_modules()
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in current_app.tasks
