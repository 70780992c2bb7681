"""Events whose caller does not wait: written with their cause, claimed and run by a worker."""

import uuid
from datetime import timedelta
from typing import Any, Final

import orjson
import structlog
from django.utils import timezone

from triggers import custom_sender, events
from triggers.events import SENDERS, SOURCES, Configured, Event, Occasion
from triggers.models import SECONDS_PER_EVENT, EventState, QueuedEvent
from triggers.runners.base import RunnerError
from triggers.running import Run
from userpools import bell, sealing
from userpools.sealing import Purpose
from userpools.worklist import Worklist

log = structlog.get_logger("poolhouse.triggers")

RUN_TASK: Final = "triggers.tasks.run_event"
# Longer than a function may take.
LEASE: Final = timedelta(seconds=SECONDS_PER_EVENT) + timedelta(minutes=2)
# How long to wait after each failed attempt; after one more the event is given up.
BACK_OFF: Final = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5))
WORK: Final = Worklist(QueuedEvent, EventState.DUE, EventState.DEAD, LEASE, BACK_OFF)
MAX_ATTEMPTS: Final = WORK.most_attempts


def put(occasion: Occasion, function: Configured) -> QueuedEvent:
    """Write an event, to be run once the caller's transaction has committed."""
    row = QueuedEvent(pool_id=occasion.pool.pk, arn=function.arn, trigger_source=occasion.source)
    event = orjson.dumps(events.build(occasion, function))
    row.sealed = sealing.seal(Purpose.INVOCATION, event, context=str(row.pk))
    row.save(force_insert=True)
    bell.ring(RUN_TASK, str(row.pk))
    return row


def run(event_id: uuid.UUID | str) -> bool:
    """Run an event that is due, and say whether its function succeeded in this call."""
    if not WORK.claim(event_id, timezone.now()):
        return False
    row = QueuedEvent.objects.select_related("pool").filter(pk=event_id).first()
    if row is None:
        # Written while its pool was being deleted.
        QueuedEvent.objects.filter(pk=event_id).delete()
        return False
    try:
        event: Event = orjson.loads(
            sealing.unseal(Purpose.INVOCATION, row.sealed or b"", context=str(row.pk))
        )
    except sealing.Broken as exc:
        _note_failure(row, f"{type(exc).__name__}: {exc}", is_last=True)
        return False
    error = _run(row, event)
    if error:
        _note_failure(row, error)
        return False
    WORK.held(row).update(state=EventState.DONE, done_at=timezone.now(), sealed=None, last_error="")
    return True


def _run(row: QueuedEvent, event: Event) -> str:
    """Run the function and record that; return what went wrong, without secrets."""
    run = Run(row.arn, event)
    try:
        if SOURCES[row.trigger_source] in SENDERS:
            run.secrets = _encrypt_code(row, event)
        run.perform(timeout=SECONDS_PER_EVENT)
    except (RunnerError, custom_sender.NotEncrypted) as exc:
        if isinstance(exc, custom_sender.NotEncrypted):
            run.fail(exc.outcome, str(exc))
        return run.record().error
    run.record()
    return ""


def _encrypt_code(row: QueuedEvent, event: Event) -> tuple[str, ...]:
    """Put the ciphertext in place of the code; return the code, which no record may show."""
    request: dict[str, Any] = event["request"]
    code = request.get("code")
    if code is None:
        return ()
    # Out of the event first: whatever happens next, the record of this run has no code in it.
    request["code"] = None
    request["code"] = custom_sender.encrypt(row.pool, code)
    return (code,)


def _note_failure(row: QueuedEvent, error: str, *, is_last: bool = False) -> None:
    if WORK.note_failure(row, error, is_last=is_last):
        log.error("event given up", event_id=str(row.pk), arn=row.arn, pool_id=row.pool_id)


def run_due(limit: int = 100) -> int:
    """Run events that are due, oldest first, and return how many succeeded.

    Also finds those whose bell was lost or whose worker died.
    """
    return sum(run(pk) for pk in WORK.take_stock(limit))


def retry(event_id: uuid.UUID | str) -> bool:
    """Make an event that was given up due again, with all its attempts; False for any other."""
    renewed = WORK.renew(event_id)
    if renewed:
        bell.ring(RUN_TASK, str(event_id))
    return renewed
