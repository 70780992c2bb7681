"""App clients."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from userpools.admin import fields, markup, reveal
from userpools.admin.acts import Act, ActForm, ConfirmByName, actor_of
from userpools.admin.base import ServiceAdmin
from userpools.admin.client_form import FIELDSETS, ClientForm
from userpools.admin.markup import Card, Fact
from userpools.models import AppClient, ClientSecret
from userpools.services import clients


def _delete(request: HttpRequest, client: AppClient, _answers: dict[str, Any]) -> str:
    clients.delete(client.pool_id, client.client_id, actor=actor_of(request))
    return f"The app client “{client.name}” is deleted."


class OneSecret(ActForm):
    """Which secret."""

    secret = fields.choice("Secret", ())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["secret"].choices = [  # type: ignore[attr-defined]
            (each.pk, f"{each.pk}, made {each.created_at:%d %b %Y %H:%M}")
            for each in self.subject.secrets.all()
        ]


def _add_secret(
    request: HttpRequest, client: AppClient, _answers: dict[str, Any]
) -> HttpResponseBase:
    row, _value = clients.add_secret(client.pool_id, client.client_id, actor=actor_of(request))
    reveal.promise(request, "client", row.pk)
    return HttpResponseRedirect(reverse("admin:userpools_appclient_secret"))


def _delete_secret(request: HttpRequest, client: AppClient, answers: dict[str, Any]) -> str:
    clients.delete_secret(
        client.pool_id, client.client_id, answers["secret"], actor=actor_of(request)
    )
    return "The secret is deleted: programs that still use it are refused."


def _has_secret(client: AppClient) -> bool:
    return bool(client.secrets.all())


def _has_several(client: AppClient) -> bool:
    return len(client.secrets.all()) > 1


@admin.register(AppClient)
class AppClientAdmin(ServiceAdmin):
    """The apps that sign users in."""

    form = ClientForm
    list_display = ("shown_name", "shown_id", "shown_pool", "kind", "shown_changed")
    list_filter = (("pool", AutocompleteSelectFilter),)
    list_select_related = ("pool",)
    search_fields = ("name", "client_id")
    search_help_text = "Name or client id"
    ordering = ("name",)
    warn_unsaved_form = True
    fieldsets = tuple((title, {"fields": names, "classes": ["tab"]}) for title, names in FIELDSETS)
    empty_title = "No app client yet"
    empty_text = (
        "An app client is how a program signs users in: it has an id, perhaps a secret, "
        "and says which flows and token lifetimes it uses. Create a user pool first, then its "
        "client here."
    )
    acts = (
        Act(
            name="add-secret",
            title="Add a secret",
            run=_add_secret,
            icon="add_moderator",
            applies=_has_secret,
            text="A second secret works beside the first, so that programs can change over one "
            "by one. "
            "It is shown once.",
        ),
        Act(
            name="delete-secret",
            title="Delete a secret",
            run=_delete_secret,
            icon="remove_moderator",
            form_class=OneSecret,
            applies=_has_several,
            is_dangerous=True,
            text="Programs that still use the secret can no longer sign anybody in.",
        ),
        Act(
            name="delete",
            title="Delete app client",
            run=_delete,
            icon="delete",
            form_class=ConfirmByName,
            permission="delete",
            is_dangerous=True,
            ends=True,
            text="Programs that use this client can no longer sign anybody in, and its sessions "
            "end. "
            "This cannot be undone.",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AppClient]:
        """Load whether there are secrets with the rows, never what they are."""
        return super().get_queryset(request).prefetch_related(reveal.SECRET_IDS)

    @display(description="Client id", ordering="client_id")
    def shown_id(self, client: AppClient) -> SafeString:
        """Return the id, ready to be copied."""
        return markup.copyable(client.client_id)

    @display(description="Kind")
    def kind(self, client: AppClient) -> SafeString:
        """Say whether the client has a secret."""
        return (
            markup.badge("With secret", "info") if client.secrets.all() else markup.badge("Public")
        )

    def summary(self, request: HttpRequest, obj: AppClient) -> list[Fact]:
        """Say what programs call the client, and how it signs users in."""
        return [
            Fact("Client id", markup.copyable(obj.client_id)),
            Fact("User pool", markup.link(obj.pool, obj.pool.name)),
            Fact("Kind", self.kind(obj)),
            Fact("Changed", markup.when(obj.modified_at)),
        ]

    def cards(self, request: HttpRequest, obj: AppClient) -> list[Card]:
        """List the secrets, masked: programs read them with DescribeUserPoolClient."""
        return [
            Card(
                "Secrets",
                headers=("Secret", "Id", "Created"),
                rows=[
                    (
                        markup.code("••••••••••••••••"),
                        markup.code(secret.pk),
                        markup.when(secret.created_at),
                    )
                    for secret in obj.secrets.all()
                ],
                empty="A public client: it has no secret, and signs nothing with one.",
                note="A secret is shown once, when it is made. The API returns it to keys that may "
                "describe the client."
                if _has_secret(obj)
                else "",
            )
        ]

    def audit_query(self, obj: AppClient) -> str:
        """Find what was done to the client."""
        return urlencode({"pool_id": obj.pool_id, "q": obj.client_id})

    def store(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> AppClient:
        """Save through the service that the API uses."""
        actor, settings = actor_of(request), form.settings()
        pool_id = settings.pop("UserPoolId")
        if not change:
            return clients.create(pool_id, settings, actor=actor)
        settings.pop("ClientId")
        return clients.update(pool_id, obj.client_id, settings, actor=actor)

    def response_add(
        self, request: HttpRequest, obj: AppClient, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show a new secret, once, before anything else."""
        response: HttpResponse = super().response_add(request, obj, post_url_continue)
        secret = ClientSecret.objects.filter(client=obj).only("id").first()
        if secret is None:
            return response
        reveal.promise(request, "client", secret.pk)
        return HttpResponseRedirect(reverse("admin:userpools_appclient_secret"))

    def get_custom_urls(self) -> tuple[Any, ...]:
        """Add the page that shows a new secret."""
        return (("new/secret/", "userpools_appclient_secret", self.secret_view),)

    def secret_view(self, request: HttpRequest, model_admin: Any = None) -> HttpResponseBase:
        """Show the secret that was just made; a second look finds nothing."""
        secret_id = reveal.redeem(request, "client")
        secret = ClientSecret.objects.select_related("client__pool").filter(pk=secret_id).first()
        if secret is None:
            return HttpResponseRedirect(markup.list_of(AppClient))
        client = secret.client
        return reveal.page(
            request,
            self,
            title="The app client's secret",
            facts=[
                Fact("User pool id", markup.copyable(client.pool_id)),
                Fact("Client id", markup.copyable(client.client_id)),
                Fact("Client secret", markup.copyable(secret.value())),
            ],
            back=markup.address_of(client),
        )
