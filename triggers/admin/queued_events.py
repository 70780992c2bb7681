"""Events that wait for their function."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from triggers import queue
from triggers.models import EventState, QueuedEvent
from userpools.admin import markup
from userpools.admin.acts import Act, actor_of
from userpools.admin.base import RecordAdmin, SuperusersOnly
from userpools.admin.markup import Card, Fact
from userpools.audit import record_act
from userpools.errors import InvalidParameterException

EVENT_TONES = {EventState.DUE: "info", EventState.DONE: "good", EventState.DEAD: "bad"}


def _is_dead(event: QueuedEvent) -> bool:
    return event.state == EventState.DEAD


def _retry(request: HttpRequest, event: QueuedEvent, _answers: dict[str, Any]) -> str:
    with transaction.atomic():
        if not queue.retry(event.pk):
            raise InvalidParameterException("Only an event that was given up can be run again.")
        record_act(actor_of(request), "RetryEvent", pool_id=event.pool_id, resource=str(event.pk))
    return "The event is on its way again."


@admin.register(QueuedEvent)
class QueuedEventAdmin(SuperusersOnly, RecordAdmin):
    """Events that run later."""

    is_named = False
    list_display = (
        "shown_time", "trigger_source", "shown_pool", "shown_state", "attempts", "last_error",
    )  # fmt: skip
    list_display_links = ("shown_time",)
    list_filter = ("state", ("pool", AutocompleteSelectFilter))
    list_select_related = ("pool",)
    search_fields = ()
    empty_title = "Nothing waits"
    empty_text = "Custom senders, and functions that run later, have their events here."
    acts = (
        Act(
            name="retry",
            title="Run again",
            run=_retry,
            icon="replay",
            applies=_is_dead,
            superuser_only=True,
            text="The event is tried again at once, with all its attempts. Its code may have "
            "expired meanwhile.",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[QueuedEvent]:
        """Leave what events hold in the database."""
        return super().get_queryset(request).select_related("pool").defer("sealed")

    @display(description="Written", ordering="created_at")
    def shown_time(self, event: QueuedEvent) -> SafeString:
        """Return when it was written."""
        return markup.when(event.created_at, seconds=True)

    @display(description="State", ordering="state")
    def shown_state(self, event: QueuedEvent) -> SafeString:
        """Return where it stands."""
        state = EventState(event.state)
        return markup.badge(state.label, EVENT_TONES[state])

    def summary(self, request: HttpRequest, obj: QueuedEvent) -> list[Fact]:
        """Say where it stands."""
        return [
            Fact("State", self.shown_state(obj), obj.last_error),
            Fact("Source", obj.trigger_source),
            Fact("User pool", markup.link(obj.pool, obj.pool.name)),
            Fact("ARN", markup.copyable(obj.arn)),
            Fact("Attempts", obj.attempts),
        ]

    def cards(self, request: HttpRequest, obj: QueuedEvent) -> list[Card]:
        """Show the times."""
        return [
            Card(
                "Details",
                facts=[
                    Fact("Written", markup.when(obj.created_at)),
                    Fact(
                        "Next attempt",
                        markup.when(obj.due_at) if obj.state == EventState.DUE else markup.DASH,
                    ),
                    Fact("Done", markup.when(obj.done_at)),
                ],
                note="What the event holds is sealed, and removed once it was run.",
            )
        ]
