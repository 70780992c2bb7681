"""Signing keys: read only; they are rotated on their pool's page."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from userpools.admin import markup
from userpools.admin.base import RecordAdmin
from userpools.admin.markup import Card, Fact
from userpools.models import SigningKey


@admin.register(SigningKey)
class SigningKeyAdmin(RecordAdmin):
    """The public halves of the pools' keys."""

    is_named = False
    list_display = ("shown_kid", "shown_pool", "use", "state", "shown_created", "shown_end")
    list_display_links = ("shown_kid",)
    list_filter = (("pool", AutocompleteSelectFilter), "use", "is_active")
    list_select_related = ("pool",)
    search_fields = ("kid",)
    search_help_text = "Key id"
    empty_title = "No signing key yet"
    empty_text = (
        "Each user pool gets two when it is created: one for ID tokens, one for access tokens."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SigningKey]:
        """Leave private keys in the database."""
        return super().get_queryset(request).defer("private_sealed")

    @display(description="Key id", ordering="kid")
    def shown_kid(self, key: SigningKey) -> SafeString:
        """Return the kid."""
        return markup.code(key.kid)

    @display(description="State", ordering="is_active")
    def state(self, key: SigningKey) -> SafeString:
        """Say whether the key signs, is only published, or neither."""
        if key.is_active:
            return markup.badge("Signing", "good")
        published = key.retire_at is not None and key.retire_at > timezone.now()
        return markup.badge("Published", "info") if published else markup.badge("Retired")

    @display(description="Published until", ordering="retire_at")
    def shown_end(self, key: SigningKey) -> SafeString:
        """Return when it leaves the published set."""
        return markup.when(key.retire_at)

    def summary(self, request: HttpRequest, obj: SigningKey) -> list[Fact]:
        """Say what the key is for, and whether it signs."""
        return [
            Fact("Key id (kid)", markup.copyable(obj.kid)),
            Fact("User pool", markup.link(obj.pool, obj.pool.name)),
            Fact("Signs", obj.get_use_display()),
            Fact("State", self.state(obj)),
            Fact("Created", markup.when(obj.created_at)),
            Fact("Published until", markup.when(obj.retire_at)),
        ]

    def cards(self, request: HttpRequest, obj: SigningKey) -> list[Card]:
        """Show the public key."""
        members = ("kty", "alg", "use", "e", "n")
        return [
            Card(
                "Public key",
                facts=[Fact(name, markup.copyable(obj.public_jwk.get(name))) for name in members],
                note="As published in the pool's JWKS. The private half never leaves the server.",
                wide=True,
            )
        ]

    def audit_query(self, obj: SigningKey) -> str:
        """Find the rotations of the pool's keys."""
        return f"pool_id={obj.pool_id}&action=RotateSigningKeys"
