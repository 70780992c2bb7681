"""The console's pages of identities."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from identitypools import identities as service
from identitypools.models import Identity, Login
from userpools.admin import markup
from userpools.admin.acts import Act, actor_of
from userpools.admin.base import RecordAdmin, SuperusersOnly
from userpools.admin.markup import Card, Fact
from userpools.audit import record_act


def _end(request: HttpRequest, identity: Identity, _answers: dict[str, Any]) -> str:
    with transaction.atomic():
        service.end_credentials(identity.pk)
        _record(request, identity, "EndCredentials")
    return "Credentials that were given so far are refused by this server."


def _delete(request: HttpRequest, identity: Identity, _answers: dict[str, Any]) -> str:
    with transaction.atomic():
        _record(request, identity, "DeleteIdentities")
        service.delete([identity.pk])
    return "The identity is deleted."


def _record(request: HttpRequest, identity: Identity, action: str) -> None:
    record_act(
        actor_of(request),
        action,
        pool_id=identity.pool_id,
        resource=identity.pool.arn,
        before={"IdentityIds": [identity.pk]},
    )


@admin.register(Identity)
class IdentityAdmin(SuperusersOnly, RecordAdmin):
    """Identities with their logins and last use."""

    is_named = False
    list_display = ("shown_id", "pool", "shown_kind", "shown_logins", "shown_use", "shown_created")
    list_display_links = ("shown_id",)
    list_filter = ("is_authenticated", "pool", ("last_used_at", RangeDateTimeFilter))
    list_select_related = ("pool",)
    search_fields = ("id",)
    search_help_text = "Identity id, or a login's user"
    ordering = ("-last_used_at",)
    empty_title = "No identity yet"
    empty_text = "GetId makes one for each guest, and for each user who signed in."
    acts = (
        Act(
            name="end-credentials",
            title="End credentials",
            run=_end,
            icon="timer_off",
            superuser_only=True,
            text="Credentials that were given so far are refused by this server; those of an STS "
            "endpoint live on until they expire. The next sign-in gets new ones.",
        ),
        Act(
            name="delete",
            title="Delete identity",
            run=_delete,
            icon="delete",
            is_dangerous=True,
            superuser_only=True,
            ends=True,
            text="Its logins make a new identity next time; what was kept under this id is lost.",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Identity]:
        """Read logins with the rows."""
        return super().get_queryset(request).select_related("pool").prefetch_related("logins")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Identity], search_term: str
    ) -> tuple[QuerySet[Identity], bool]:
        """Match a whole id, or a whole name of a provider's user."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        owners = Login.objects.filter(subject=term).values("identity_id")
        return queryset.filter(pk=term) | queryset.filter(pk__in=owners), False

    @display(description="Identity", ordering="id")
    def shown_id(self, identity: Identity) -> SafeString:
        """Return the id."""
        return markup.code(identity.pk)

    @display(description="Kind", ordering="is_authenticated")
    def shown_kind(self, identity: Identity) -> SafeString:
        """Say whether it is a guest, a user, or part of another one."""
        if identity.is_disabled:
            return markup.badge("Merged", "plain")
        if not identity.is_authenticated:
            return markup.badge("Guest", "warn")
        if not identity.logins.all():
            return markup.badge("Out of reach", "bad")
        return markup.badge("User", "good")

    @display(description="Logins")
    def shown_logins(self, identity: Identity) -> SafeString:
        """Return the providers."""
        return markup.badges(login.provider for login in identity.logins.all())

    @display(description="Last use", ordering="last_used_at")
    def shown_use(self, identity: Identity) -> SafeString:
        """Return the day of the last use."""
        return markup.when(identity.last_used_at)

    def summary(self, request: HttpRequest, obj: Identity) -> list[Fact]:
        """Say what it is."""
        return [
            Fact("Id", markup.copyable(obj.pk)),
            Fact("Kind", self.shown_kind(obj)),
            Fact("Identity pool", markup.link(obj.pool, obj.pool.name)),
            Fact("Last use", self.shown_use(obj), "To the day."),
        ]

    def cards(self, request: HttpRequest, obj: Identity) -> list[Card]:
        """List the logins, and where it was merged."""
        rows = [
            (
                login.provider,
                markup.code(login.subject, may_break=True),
                markup.when(login.created_at),
            )
            for login in obj.logins.all()
        ]
        owner = obj.merged_into
        return [
            Card(
                "Logins",
                headers=("Provider", "User", "Linked"),
                rows=rows,
                empty="A guest has none; a user without any is out of reach.",
                wide=True,
            ),
            Card(
                "Details",
                facts=[
                    Fact("Created", markup.when(obj.created_at)),
                    Fact("Changed", markup.when(obj.modified_at)),
                    Fact("Credentials ended", markup.when(obj.not_before)),
                    Fact("Merged into", markup.link(owner) if owner else markup.DASH),
                ],
            ),
        ]

    def audit_query(self, obj: Identity) -> str:
        """Find what was done in the pool."""
        return f"q={obj.pool_id}"
