"""Events of accounts: each attempt to sign in, sign up or reset, and its outcome; read only."""

import uuid
from contextlib import suppress
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from userpools.admin import markup
from userpools.admin.base import RecordAdmin
from userpools.admin.filters import ClientIdFilter, PoolIdFilter, ValuesFilter
from userpools.admin.markup import Card, Fact
from userpools.auth.account_events import EventType
from userpools.models import AuthEvent, PoolUser

TONES = {"Pass": "good", "Fail": "bad", "InProgress": "info"}


class OutcomeFilter(ValuesFilter):
    """By outcome."""

    title = "outcome"
    parameter_name = "outcome"
    values = ("Pass", "Fail", "InProgress")


class EventTypeFilter(ValuesFilter):
    """By what was tried."""

    title = "kind"
    parameter_name = "event_type"
    values = ("SignIn", *EventType)


def outcome_badge(event: AuthEvent) -> SafeString:
    """Show an outcome in its colour."""
    return markup.badge(event.outcome, TONES.get(event.outcome, "plain"))


@admin.register(AuthEvent)
class AuthEventAdmin(RecordAdmin):
    """Who tried to sign in, made an account or reset a password, from where, and how it went."""

    is_named = False
    list_display = (
        "shown_time",
        "event_type",
        "username",
        "shown_outcome",
        "flow",
        "address",
        "shown_pool",
    )
    list_display_links = ("shown_time",)
    list_filter = (
        EventTypeFilter,
        OutcomeFilter,
        PoolIdFilter,
        ClientIdFilter,
        ("created_at", RangeDateTimeFilter),
    )
    search_fields = ("username",)
    search_help_text = "User name, sub or address"
    empty_title = "No sign-in yet"
    empty_text = (
        "Every attempt to sign in to a pool, and what people do about their accounts and "
        "passwords, is listed here, with its outcome and where it came from."
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuthEvent], search_term: str
    ) -> tuple[QuerySet[AuthEvent], bool]:
        """Match whole names, subs and addresses."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        wanted = Q(username=term) | Q(ip_address=term)
        with suppress(ValueError):
            wanted |= Q(user_sub=uuid.UUID(term)) | Q(pk=uuid.UUID(term))
        return queryset.filter(wanted), False

    @display(description="Time", ordering="created_at")
    def shown_time(self, event: AuthEvent) -> SafeString:
        """Return when it happened."""
        return markup.when(event.created_at, seconds=True)

    @display(description="Outcome", ordering="outcome")
    def shown_outcome(self, event: AuthEvent) -> SafeString:
        """Return the outcome, and the reason of a failure."""
        return markup.with_note(outcome_badge(event), event.reason)

    @display(description="Address")
    def address(self, event: AuthEvent) -> SafeString:
        """Return where it came from."""
        return markup.code(event.ip_address)

    @display(description="Pool id")
    def shown_pool(self, event: AuthEvent) -> SafeString:
        """Return the pool's id."""
        return markup.code(event.pool_id)

    def summary(self, request: HttpRequest, obj: AuthEvent) -> list[Fact]:
        """Say who, when and how it went."""
        return [
            Fact("Kind", obj.event_type),
            Fact("Outcome", outcome_badge(obj), obj.reason),
            Fact("User", self._user(obj)),
            Fact("Time", markup.when(obj.created_at, seconds=True)),
            Fact("Address", markup.copyable(obj.ip_address)),
        ]

    def _user(self, event: AuthEvent) -> Any:
        user = (
            PoolUser.objects.filter(pool_id=event.pool_id, sub=event.user_sub)
            .only("id", "username")
            .first()
            if event.user_sub
            else None
        )
        return markup.link(user, user.username) if user else (event.username or markup.DASH)

    def cards(self, request: HttpRequest, obj: AuthEvent) -> list[Card]:
        """Show the rest."""
        return [
            Card(
                "Details",
                facts=[
                    Fact("Event id", markup.copyable(obj.pk)),
                    Fact("Flow", obj.flow or markup.DASH),
                    Fact("Pool id", markup.copyable(obj.pool_id)),
                    Fact("Client id", markup.copyable(obj.client_id)),
                    Fact("Sub", markup.copyable(obj.user_sub)),
                    Fact("Program", obj.user_agent or markup.DASH),
                    Fact("Request id", markup.copyable(obj.request_id)),
                ],
                wide=True,
            )
        ]

    def audit_query(self, obj: AuthEvent) -> str:
        """Find the entries of the same request."""
        return f"q={obj.request_id or obj.pk}"
