"""What `serve`, `worker` and `quickstart` refuse before they become the server."""

import os
import socket
import subprocess
import sys

import pytest
from celery import Celery
from celery.beat import ScheduleEntry
from celery.bin.celery import celery
from django.conf import settings
from django.core.management import CommandError

from config import arguments
from userpools.beat import SharedScheduler
from userpools.management.commands import worker
from userpools.management.commands.quickstart import port_of_public_url
from userpools.management.server import WebServer, port_is_free
from userpools.models import MasterKey


@pytest.fixture
def busy():
    """A port that somebody listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def manage(*arguments):
    """Run `manage.py` as a shell does, with nothing configured."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_serving_without_secrets_names_what_is_missing():
    done = manage("serve")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("Set SECRET_KEY or SECRET_KEY_FILE: a long random text.")
    assert "Traceback" not in done.stderr


def test_help_on_serving_needs_no_secrets():
    done = manage("serve", "--help")
    assert done.returncode == 0
    assert "--workers" in done.stdout


def test_a_port_that_is_taken_is_not_free(busy):
    assert port_is_free("127.0.0.1", busy, patience=0) is False


@pytest.mark.parametrize("workers", ["2", "0"])
def test_serve_refuses_workers_that_cannot_share(run, settings, workers):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "REDIS_URL": ""}
    with pytest.raises(CommandError):
        run("serve", "--workers", workers)


def test_serve_refuses_a_database_of_another_key(run):
    MasterKey.objects.create(key_id="0badc0de")
    with pytest.raises(CommandError, match="0badc0de"):
        run("serve")


def test_serve_refuses_a_taken_port(run, busy):
    with pytest.raises(CommandError, match="taken"):
        run("serve", "--port", str(busy))


def test_serve_refuses_unapplied_migrations(run, monkeypatch):
    monkeypatch.setattr(
        "userpools.management.commands.serve.has_unapplied_migrations", lambda: True
    )
    with pytest.raises(CommandError, match="migrate"):
        run("serve")


def test_quickstart_is_not_for_production(run, settings):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "PRODUCTION": True}
    with pytest.raises(CommandError, match="serve"):
        run("quickstart")


def test_a_worker_without_redis_is_told_that_none_is_needed(run, settings):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "REDIS_URL": ""}
    with pytest.raises(CommandError, match="REDIS_URL"):
        run("worker")


def test_the_command_line_of_a_worker_is_one_that_celery_takes():
    words = worker.celery_arguments({"concurrency": 3})
    known = {name for option in celery.commands["worker"].params for name in option.opts}
    assert words[:2] == ["--app=config.celery", "worker"]
    assert {word.partition("=")[0] for word in words[2:]} <= known


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:81"),
        ("0.0.0.0", "http://127.0.0.1:81"),
        ("::1", "http://[::1]:81"),
        ("::", "http://[::1]:81"),
    ],
)
def test_the_address_is_one_that_this_machine_reaches(host, address):
    assert WebServer(host, 81).address == address


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://127.0.0.1:8123", 8123),
        ("http://localhost", 8000),
        ("https://auth.example.com:1", 8000),
    ],
)
def test_the_port_is_that_of_a_public_url_on_this_machine(settings, url, port):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "PUBLIC_URL": url}
    assert port_of_public_url() == port


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "http://127.0.0.1:9001"),
        ("http://localhost:8000", "http://127.0.0.1:9001"),
        ("https://auth.example.com", "https://auth.example.com"),
    ],
)
def test_options_become_the_environment(monkeypatch, tmp_path, given, expected):
    monkeypatch.setenv("PUBLIC_URL", "unset")
    monkeypatch.setenv("POOLHOUSE_DATA_DIR", "unset")
    monkeypatch.setenv("PUBLIC_URL", given or "")
    arguments.apply(["--port", "9001", "--no-demo", f"--data-dir={tmp_path}"])
    assert os.environ["PUBLIC_URL"] == expected
    assert os.environ["POOLHOUSE_DATA_DIR"] == str(tmp_path)


def test_a_wrong_option_is_left_for_the_command_to_report(monkeypatch):
    monkeypatch.setenv("PUBLIC_URL", "http://127.0.0.1:8000")
    arguments.apply(["--port", "many"])


class Marks:
    """Redis, as far as the scheduler needs it."""

    def __init__(self):
        self.held = {}

    def set(self, name, value, *, nx, px):
        if name in self.held:
            return None
        self.held[name] = px
        return True


def test_two_clocks_send_a_due_task_once():
    app = Celery(set_as_current=False)
    entry = ScheduleEntry(name="sweep", task="sweep", schedule=300.0, app=app)
    marks = Marks()
    clocks = [SharedScheduler.__new__(SharedScheduler) for _ in range(2)]
    for clock in clocks:
        clock._redis = marks

    assert [clock.is_mine(entry) for clock in clocks] == [True, False]
    assert marks.held == {"poolhouse:beat:sweep": 270_000}
