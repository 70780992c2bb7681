"""What the sweep takes away here, and the columns that a new master key must reach."""

from datetime import datetime
from typing import TYPE_CHECKING

from triggers.models import EventState, Function, Invocation, QueuedEvent
from userpools import sweep
from userpools.sealing import Purpose
from userpools.services import rekey
from userpools.services.rekey import Column

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet


def _secret(row: "Model") -> str:
    assert isinstance(row, Function)  # noqa: S101
    return row.secret_context


def _environment(row: "Model") -> str:
    assert isinstance(row, Function)  # noqa: S101
    return row.environment_context


def _by_key(row: "Model") -> str:
    return str(row.pk)


def _invocations(now: datetime) -> "QuerySet[Invocation]":
    return Invocation.objects.filter(started_at__lt=sweep.before(now, "invocations"))


def _events(now: datetime) -> "QuerySet[QueuedEvent]":
    over = QueuedEvent.objects.exclude(state=EventState.DUE)
    return over.filter(created_at__lt=sweep.before(now, "invocations"))


rekey.register(
    Column(Function, "secret_sealed", Purpose.FUNCTION_SECRET, _secret),
    Column(Function, "environment_sealed", Purpose.FUNCTION_SECRET, _environment),
    Column(QueuedEvent, "sealed", Purpose.INVOCATION, _by_key),
)
sweep.register_rows("invocations", _invocations)
sweep.register_rows("queued_events", _events)
