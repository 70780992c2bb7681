"""Messages on their way: state and errors, never what they say."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter
from unfold.decorators import display

from userpools.admin import markup, previews
from userpools.admin.acts import Act, actor_of
from userpools.admin.base import RecordAdmin
from userpools.admin.bulk import BulkAct
from userpools.admin.markup import Card, Fact
from userpools.audit import record_act
from userpools.errors import InvalidParameterException
from userpools.messaging import outbox
from userpools.models import Message, MessageState

TONES = {MessageState.DUE: "info", MessageState.SENT: "good", MessageState.FAILED: "bad"}


SHOWN = tuple(each.name for each in Message._meta.concrete_fields if each.name != "sealed")


def state_badge(message: Message) -> SafeString:
    """Show where a message stands."""
    state = MessageState(message.state)
    return markup.badge(state.label, TONES[state])


def _failed(message: Message) -> bool:
    return message.state == MessageState.FAILED


def _retry(request: HttpRequest, message: Message, _answers: dict[str, Any]) -> str:
    with transaction.atomic():
        if not outbox.retry(message.pk):
            raise InvalidParameterException("Only a failed message can be sent again.")
        record_act(
            actor_of(request), "RetryMessage", pool_id=message.pool_id, resource=str(message.pk)
        )
    return "The message is on its way again."


@admin.register(Message)
class MessageAdmin(RecordAdmin):
    """What was sent to whom."""

    is_named = False
    list_display = (
        "shown_time",
        "shown_kind",
        "medium",
        "shown_to",
        "shown_user",
        "state_shown",
        "attempts",
    )
    list_display_links = ("shown_time",)
    list_filter = (
        "state",
        "medium",
        ("pool", AutocompleteSelectFilter),
        ("created_at", RangeDateTimeFilter),
    )
    search_fields = ("username",)
    search_help_text = "User name"
    empty_title = "No message yet"
    empty_text = (
        "Codes and invitations appear here with their delivery state; what they say is never shown."
    )
    acts = (
        Act(
            name="retry",
            title="Send again",
            run=_retry,
            icon="send",
            applies=_failed,
            text="The message is tried again at once, with all its attempts. Its code may have "
            "expired meanwhile.",
        ),
    )
    bulk_acts = (BulkAct(acts[0], "Send again", "on their way again", "they have not failed"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """Leave what messages say in the database."""
        messages = super().get_queryset(request).select_related("user")
        return messages.only(*SHOWN, "user__username")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        """Match whole user names."""
        term = search_term.strip().replace("\x00", "")
        return (queryset.filter(username=term) if term else queryset), False

    @display(description="Created", ordering="created_at")
    def shown_time(self, message: Message) -> SafeString:
        """Return when it was written."""
        return markup.when(message.created_at)

    @display(description="Kind")
    def shown_kind(self, message: Message) -> str:
        """Return what it is about."""
        return markup.words(message.kind)

    @display(description="To")
    def shown_to(self, message: Message) -> str:
        """Return the address, masked."""
        return message.masked_to

    @display(description="User")
    def shown_user(self, message: Message) -> SafeString:
        """Return who it was for."""
        return markup.code(message.username, may_break=True)

    @display(description="State", ordering="state")
    def state_shown(self, message: Message) -> SafeString:
        """Return where it stands, and what went wrong."""
        return markup.with_note(state_badge(message), message.last_error)

    def summary(self, request: HttpRequest, obj: Message) -> list[Fact]:
        """Say where it stands."""
        return [
            Fact("State", state_badge(obj), obj.last_error),
            Fact("Kind", markup.words(obj.kind)),
            Fact("To", obj.masked_to, obj.get_medium_display()),
            Fact("User", self._user(obj)),
            Fact("Attempts", obj.attempts),
        ]

    def _user(self, message: Message) -> SafeString:
        if message.user is None:
            return markup.code(message.username)
        return markup.link(message.user, message.username)

    def cards(self, request: HttpRequest, obj: Message) -> list[Card]:
        """Show times and ids."""
        return [
            Card(
                "Details",
                facts=[
                    Fact("Message id", markup.copyable(obj.pk)),
                    Fact("Pool id", markup.copyable(obj.pool_id)),
                    Fact("Created", markup.when(obj.created_at)),
                    Fact(
                        "Next attempt",
                        markup.when(obj.due_at) if obj.state == MessageState.DUE else markup.DASH,
                    ),
                    Fact("Sent", markup.when(obj.sent_at)),
                ],
                note="Address, text and code are sealed, and removed once the message is "
                "delivered.",
                more=(
                    "Preview such a message with sample values",
                    previews.address(obj.pool_id, obj.kind, obj.medium),
                )
                if request.user.has_perm("userpools.view_userpool")
                else None,
            )
        ]
