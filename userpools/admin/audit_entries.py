"""The audit trail: each administrative act, read only."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from userpools.admin import markup
from userpools.admin.base import RecordAdmin
from userpools.admin.filters import ActionFilter, PoolIdFilter, ValuesFilter
from userpools.admin.markup import Card, Fact
from userpools.models import AuditEntry


class SourceFilter(ValuesFilter):
    """By the door that the act came through."""

    title = "source"
    parameter_name = "source"
    values = ("api", "console", "command")


def _indented(value: Any) -> SafeString:
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    return format_html('<pre class="ph-json">{}</pre>', text)


def changes(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    """Return the top-level members that differ, with both values."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    names = sorted(before.keys() | after.keys())
    return [
        (name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]


@admin.register(AuditEntry)
class AuditEntryAdmin(RecordAdmin):
    """Who changed what."""

    is_named = False
    list_display = ("shown_time", "shown_actor", "action", "shown_resource")
    list_display_links = ("shown_time",)
    list_filter = (
        SourceFilter,
        ActionFilter,
        PoolIdFilter,
        ("created_at", RangeDateTimeFilter),
    )
    search_fields = ("actor",)
    search_help_text = "Actor, resource or request id"
    empty_title = "Nothing was changed yet"
    empty_text = (
        "Every administrative act is kept here, from the API, this console and commands alike."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """Leave the documents out of lists."""
        entries = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and str(match.url_name).endswith("_changelist")
        return entries.defer("before", "after") if is_list else entries

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """Match whole values, and resources by their end: ARNs end with what people know."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        wanted = Q(actor=term) | Q(actor__endswith=f"/{term}") | Q(request_id=term)
        return queryset.filter(
            wanted | Q(resource=term) | Q(resource__endswith=f"/{term}") | Q(pool_id=term)
        ), False

    @display(description="Time", ordering="created_at")
    def shown_time(self, entry: AuditEntry) -> SafeString:
        """Return when it was done."""
        return markup.when(entry.created_at, seconds=True)

    @display(description="Actor", ordering="actor")
    def shown_actor(self, entry: AuditEntry) -> SafeString:
        """Return who did it, through which door and from where."""
        return markup.with_note(
            entry.actor, ", ".join(filter(None, (entry.source, entry.client_address)))
        )

    @display(description="Resource")
    def shown_resource(self, entry: AuditEntry) -> SafeString:
        """Return what it was done to."""
        return markup.code(entry.resource, may_break=True)

    def summary(self, request: HttpRequest, obj: AuditEntry) -> list[Fact]:
        """Say who did what, when, and from where."""
        return [
            Fact("Act", markup.badge(obj.action, "info")),
            Fact("Actor", markup.copyable(obj.actor)),
            Fact("Through", obj.source),
            Fact("Time", markup.when(obj.created_at, seconds=True)),
            Fact("Address", markup.copyable(obj.client_address)),
            Fact("Resource", markup.copyable(obj.resource)),
            Fact("Request id", markup.copyable(obj.request_id)),
        ]

    def cards(self, request: HttpRequest, obj: AuditEntry) -> list[Card]:
        """Show what changed; whole documents where there is no pair to compare."""
        changed = changes(obj.before, obj.after)
        if changed:
            rows = [(name, _indented(before), _indented(after)) for name, before, after in changed]
            return [
                Card("What changed", headers=("Member", "Before", "After"), rows=rows, wide=True)
            ]
        documents = (("Before", obj.before), ("After", obj.after))
        return [
            Card(title, facts=[Fact("", _indented(value))], wide=True)
            for title, value in documents
            if value is not None
        ]

    def page_context(self, request: HttpRequest, obj: AuditEntry) -> dict[str, Any]:
        """Leave out the link to the trail itself."""
        return {**super().page_context(request, obj), "audit_address": ""}
