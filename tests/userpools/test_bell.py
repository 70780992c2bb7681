import threading

import pytest
from django.db import transaction
from kombu.exceptions import OperationalError
from structlog.testing import capture_logs

from userpools import bell

RING = ("userpools.tasks.deliver_message", ("1",))


class Down:
    """A broker that refuses."""

    def send_task(self, name, args, **options):
        raise OperationalError("Connection refused: redis://secret@broker")


class Hanging:
    """A broker that does not answer until it is let go."""

    def __init__(self):
        self.go = threading.Event()
        self.sent = threading.Semaphore(0)

    def send_task(self, name, args, **options):
        self.go.wait(10)
        self.sent.release()


def test_a_broker_that_is_down_loses_the_bell_and_its_address_stays_out_of_the_log():
    with capture_logs() as lines:
        bell.carry(Down(), RING)
    assert [line["event"] for line in lines] == ["bell lost"]
    assert "secret" not in str(lines)


def test_a_broker_that_hangs_holds_nobody_and_keeps_a_bounded_number_of_bells():
    broker = Hanging()
    carrier = bell.Carrier(broker)
    with capture_logs() as lines:
        for _ in range(bell.MOST_WAITING + 10):
            carrier.take(RING)
    assert {line["error"] for line in lines} == {"too many wait"}
    broker.go.set()
    for _ in range(bell.MOST_WAITING):
        assert broker.sent.acquire(timeout=10)


@pytest.mark.django_db
def test_a_bell_of_a_transaction_that_is_rolled_back_does_not_ring(
    monkeypatch, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as callbacks:
        with transaction.atomic():
            bell.ring(*RING[:1], "1")
            transaction.set_rollback(True)
        bell.ring(*RING[:1], "2")
    assert len(callbacks) == 1


@pytest.mark.django_db
def test_without_a_worker_and_a_broker_the_bell_is_silent(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        bell.ring(*RING[:1], "1")
    assert len(callbacks) == 1
