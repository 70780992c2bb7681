"""Runs of functions: what each was given, and what became of it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from triggers import functions as service
from triggers.admin.shared import outcome_badge, shown_json, shown_text
from triggers.admin.trial import TestEvent, shown_trial
from triggers.events import Event
from triggers.models import Invocation
from triggers.redaction import is_redacted
from userpools.admin import markup
from userpools.admin.acts import Act
from userpools.admin.base import RecordAdmin, SuperusersOnly
from userpools.admin.markup import Card, Fact
from userpools.errors import InvalidParameterException


class KeptEvent(TestEvent):
    """The event of a run, as its record has it."""

    def first_event(self) -> Event:
        """Put it together again."""
        return service.event_of(self.subject)


def _run_again(request: HttpRequest, run: Invocation, answers: dict[str, Any]) -> HttpResponseBase:
    if run.function is None:
        raise InvalidParameterException("The function was deleted.")
    return shown_trial(request, run.function, answers["event"], subject=run)


def _is_whole(run: Invocation) -> bool:
    return run.function is not None and not is_redacted(run.request)


@admin.register(Invocation)
class InvocationAdmin(SuperusersOnly, RecordAdmin):
    """Runs, with what was said in them; secrets were never written down."""

    is_named = False
    list_display = (
        "shown_time",
        "trigger_source",
        "shown_function",
        "shown_user",
        "shown_outcome",
        "shown_duration",
    )
    list_display_links = ("shown_time",)
    list_filter = ("outcome", "trigger_source", ("started_at", RangeDateTimeFilter))
    list_select_related = ("function",)
    search_fields = ("arn",)
    search_help_text = "ARN, pool id or user name"
    empty_title = "No run yet"
    empty_text = "Each run of a function is kept here for a week, without codes and passwords."

    acts = (
        Act(
            name="again",
            title="Run again",
            run=_run_again,
            icon="replay",
            form_class=KeptEvent,
            applies=_is_whole,
            superuser_only=True,
            text="The function runs once with the event of this run; what it answers changes "
            "nothing, and is not kept. Offered where nothing of the event was left out.",
            verb="Run",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invocation]:
        """Leave the function's secrets in the database."""
        return (
            super()
            .get_queryset(request)
            .select_related("function")
            .defer("function__secret_sealed", "function__environment_sealed")
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invocation], search_term: str
    ) -> tuple[QuerySet[Invocation], bool]:
        """Match whole names."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        column = "arn" if term.startswith("arn:") else "pool_id" if "_" in term else "username"
        return queryset.filter(**{column: term}), False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Let a function's page lead to its runs."""
        return lookup == "function__id__exact" or super().lookup_allowed(lookup, value, request)

    @display(description="Started", ordering="started_at")
    def shown_time(self, run: Invocation) -> SafeString:
        """Return when it began."""
        return markup.when(run.started_at, seconds=True)

    @display(description="Function")
    def shown_function(self, run: Invocation) -> SafeString:
        """Return the function, as a link while it is there."""
        return markup.link(run.function) if run.function else markup.code(run.arn)

    @display(description="User", ordering="username")
    def shown_user(self, run: Invocation) -> SafeString:
        """Return who it was run for, and in which pool."""
        return markup.with_note(run.username or markup.DASH, run.pool_id)

    @display(description="Outcome", ordering="outcome")
    def shown_outcome(self, run: Invocation) -> SafeString:
        """Return what became of it, and why."""
        return markup.with_note(outcome_badge(run), run.error)

    @display(description="Milliseconds", ordering="duration_ms")
    def shown_duration(self, run: Invocation) -> str:
        """Return how long it took, all tries together."""
        return f"{run.duration_ms:,.1f}"

    def summary(self, request: HttpRequest, obj: Invocation) -> list[Fact]:
        """Say what became of it."""
        return [
            Fact("Outcome", outcome_badge(obj), obj.error),
            Fact("Source", obj.trigger_source),
            Fact("Function", self.shown_function(obj)),
            Fact("Milliseconds", self.shown_duration(obj), f"Tries: {obj.tries}"),
            Fact("Started", markup.when(obj.started_at, seconds=True)),
        ]

    def cards(self, request: HttpRequest, obj: Invocation) -> list[Card]:
        """Show request, response and log."""
        return [
            Card(
                "Details",
                facts=[
                    Fact("Pool id", markup.copyable(obj.pool_id)),
                    Fact("App client", markup.copyable(obj.client_id)),
                    Fact("User", obj.username or markup.DASH),
                    Fact("ARN", markup.copyable(obj.arn)),
                ],
                note="Passwords, codes, challenge answers and callers' metadata are not kept.",
            ),
            Card("Request", facts=[Fact("", shown_json(obj.request))]),
            Card("Response", facts=[Fact("", shown_json(obj.response))]),
            Card("Log", facts=[Fact("", shown_text(obj.log))], wide=True),
        ]
