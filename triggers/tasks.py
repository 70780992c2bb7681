"""What workers run for functions: Celery tasks that are given row ids alone."""

from celery import shared_task

from triggers import queue


@shared_task(ignore_result=True)
def run_event(event_id: str) -> None:
    """Run one event, if it is still due."""
    queue.run(event_id)


@shared_task(ignore_result=True)
def run_due_events() -> None:
    """Run what is due: events to be tried again, and those whose bell was lost."""
    queue.run_due()
