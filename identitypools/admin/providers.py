"""The console's pages of OpenID providers."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from identitypools import role_records
from identitypools.admin.forms import ServiceForm
from identitypools.models import OidcProvider
from userpools.admin import fields, markup
from userpools.admin.acts import Act, actor_of
from userpools.admin.base import ServiceAdmin, SuperusersOnly
from userpools.admin.markup import Fact


class OidcProviderForm(ServiceForm):
    """An issuer and the clients whose tokens count."""

    issuer = fields.text(
        "Issuer", "An https URL, as `iss` of the tokens.", mono=True, required=True
    )
    client_ids = fields.LinesField(label="Client ids", help_text="One a line: what `aud` may be.")

    class Meta:
        model = OidcProvider
        fields = ("issuer", "client_ids")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        provider = kwargs.get("instance")
        if provider is not None and not provider._state.adding:
            self.fields["issuer"].disabled = True


def _remove(request: HttpRequest, provider: OidcProvider, _answers: dict[str, Any]) -> str:
    role_records.remove_oidc(provider.arn, actor=actor_of(request))
    return f"{provider.issuer} is no provider any more."


@admin.register(OidcProvider)
class OidcProviderAdmin(SuperusersOnly, ServiceAdmin):
    """OpenID providers."""

    form = OidcProviderForm
    list_display = ("issuer", "shown_arn", "shown_clients")
    search_fields = ("issuer",)
    search_help_text = "Issuer"
    empty_title = "No OpenID provider yet"
    empty_text = "Identity pools take ID tokens of the providers that are registered here."
    acts = (
        Act(
            name="remove",
            title="Remove provider",
            run=_remove,
            icon="delete",
            is_dangerous=True,
            superuser_only=True,
            ends=True,
            text="Pools that name it take its tokens no more; their identities stay.",
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers alone."""
        return bool(request.user.is_superuser)

    @display(description="ARN", ordering="arn")
    def shown_arn(self, provider: OidcProvider) -> SafeString:
        """Return the ARN."""
        return markup.copyable(provider.arn)

    @display(description="Clients")
    def shown_clients(self, provider: OidcProvider) -> SafeString:
        """Return the client ids."""
        return markup.badges(provider.client_ids)

    def summary(self, request: HttpRequest, obj: OidcProvider) -> list[Fact]:
        """Say what pools and apps name."""
        return [
            Fact("ARN", markup.copyable(obj.arn), "What identity pools name."),
            Fact("Key of Logins", markup.copyable(obj.login_name), "What apps name."),
        ]

    def audit_query(self, obj: OidcProvider) -> str:
        """Find what was done to the provider."""
        return f"q={obj.arn}"

    def store(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> Model:
        """Register the provider, or replace its clients."""
        given = form.cleaned_data
        return role_records.register_oidc(
            obj.issuer if change else given["issuer"], given["client_ids"], actor=actor_of(request)
        )
