"""What workers run: Celery tasks that are given row ids alone."""

import structlog
from celery import shared_task

from userpools import sweep
from userpools.messaging import outbox

log = structlog.get_logger("poolhouse.worker")


@shared_task(ignore_result=True)
def deliver_message(message_id: str) -> None:
    """Send one message, if it is still due."""
    outbox.deliver(message_id)


@shared_task(ignore_result=True)
def deliver_due_messages() -> None:
    """Send what is due: messages to be tried again, and those whose bell was lost."""
    outbox.deliver_due()


@shared_task(ignore_result=True)
def sweep_expired() -> None:
    """Remove what is over."""
    removed = {name: count for name, count in sweep.sweep().items() if count}
    if removed:
        log.info("swept", removed=removed)
