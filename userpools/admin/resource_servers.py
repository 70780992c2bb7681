"""Resource servers of a pool and their scopes."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from userpools.admin import fields, markup
from userpools.admin.acts import Act, ConfirmByName, actor_of
from userpools.admin.base import ServiceAdmin
from userpools.admin.markup import Card, Fact
from userpools.admin.wire import Document, WireForm
from userpools.models import AppClient, ResourceServer
from userpools.services import resource_servers

SHOWN_CLIENTS = 50


class ScopesField(fields.TagsField):
    """Scopes in wire spelling, `name = description` on each line."""

    def prepare_value(self, value: Any) -> Any:
        """Show the scopes as lines."""
        if isinstance(value, list):
            return "\n".join(f"{each['ScopeName']} = {each['ScopeDescription']}" for each in value)
        return value

    def to_python(self, value: Any) -> Any:
        """Read the lines; both parts are wanted."""
        if isinstance(value, list):
            return value
        return [
            {"ScopeName": name, "ScopeDescription": description}
            for name, description in super().to_python(value).items()
        ]


class ResourceServerForm(WireForm):
    """A resource server's settings."""

    create_operation = "CreateResourceServer"
    update_operation = "UpdateResourceServer"
    create_only = frozenset({"pool", "identifier"})
    wire: ClassVar[dict[str, str]] = {
        "identifier": "Identifier",
        "server_name": "Name",
        "server_scopes": "Scopes",
    }
    refused_words: ClassVar[dict[str, str]] = {
        "reserved identifier": "identifier",
        "already exists": "identifier",
        "Duplicate scope names": "server_scopes",
    }

    pool = fields.pool()
    identifier = fields.text(
        "Identifier",
        "What its scopes begin with, often its address: https://api.example.com. Cannot be "
        "changed later.",
        required=True,
        mono=True,
    )
    server_name = fields.text("Name", "Letters, digits, spaces and + = , . @ -", required=True)
    server_scopes = ScopesField(
        label="Scopes",
        rows=5,
        help_text="One a line: read = Read orders. Tokens name them with the identifier before "
        "them: https://api.example.com/read. A scope that is taken out here goes into no token "
        "any more.",
    )

    class Meta:
        model = ResourceServer
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        server = kwargs.get("instance")
        initial = {**({"pool": server.pool_id} if server else {}), **(kwargs.get("initial") or {})}
        super().__init__(*args, **{**kwargs, "initial": initial})

    @staticmethod
    def document_of(server: ResourceServer) -> Document:
        """Return a resource server as UpdateResourceServer takes it."""
        return {"UserPoolId": server.pool_id, **resource_servers.document_of(server)}

    def settings(self) -> Document:
        """Return the members, with the pool of a new one."""
        document = super().settings()
        if self.is_new:
            pool = self.cleaned_data.get("pool")
            return {**document, "UserPoolId": pool.pk if pool else ""}
        return document


def _delete(request: HttpRequest, server: ResourceServer, _answers: dict[str, Any]) -> str:
    resource_servers.delete(server.pool_id, server.identifier, actor=actor_of(request))
    return f"The resource server “{server.name}” is deleted; no token gets its scopes any more."


@admin.register(ResourceServer)
class ResourceServerAdmin(ServiceAdmin):
    """The resource servers of all pools."""

    form = ResourceServerForm
    list_display = ("shown_name", "identifier", "shown_pool", "shown_scopes", "shown_changed")
    list_filter = (("pool", AutocompleteSelectFilter),)
    list_select_related = ("pool",)
    search_fields = ("name", "identifier")
    search_help_text = "Name or identifier"
    ordering = ("pool_id", "identifier")
    fieldsets = ((None, {"fields": ("pool", "identifier", "server_name", "server_scopes")}),)
    empty_title = "No resource server yet"
    empty_text = (
        "A resource server is an API of yours. Its scopes go into access tokens where an app "
        "client allows them; client credentials need at least one."
    )
    acts = (
        Act(
            name="delete",
            title="Delete resource server",
            run=_delete,
            icon="delete",
            form_class=ConfirmByName,
            permission="delete",
            is_dangerous=True,
            ends=True,
            text="App clients keep its scopes in their settings, and get no token for them.",
        ),
    )

    @display(description="Scopes")
    def shown_scopes(self, server: ResourceServer) -> str:
        """Return how many scopes it has."""
        return f"{len(server.scopes)}"

    def summary(self, request: HttpRequest, obj: Any) -> list[Fact]:
        """Say where it belongs and what it knows."""
        return [
            Fact("Identifier", markup.copyable(obj.identifier)),
            Fact("User pool", markup.link(obj.pool, obj.pool.name)),
            Fact("Scopes", self.shown_scopes(obj)),
            Fact("Changed", markup.when(obj.modified_at)),
        ]

    def cards(self, request: HttpRequest, obj: ResourceServer) -> list[Card]:
        """List which app clients may ask for which of its scopes."""
        known = obj.full_scopes
        clients = AppClient.objects.filter(pool_id=obj.pool_id).order_by("name")
        allowed = [
            (client, sorted(known.keys() & set(client.setting("AllowedOAuthScopes") or ())))
            for client in clients
        ]
        rows = [
            (markup.link(client, client.name), markup.code(" ".join(scopes)))
            for client, scopes in allowed
            if scopes
        ]
        return [
            Card(
                "App clients",
                headers=("App client", "May ask for"),
                rows=rows[:SHOWN_CLIENTS],
                empty="No app client may ask for its scopes yet: add them to a client's allowed "
                "scopes.",
                wide=True,
            )
        ]

    def audit_query(self, obj: ResourceServer) -> str:
        """Find what was done to it."""
        return urlencode({"pool_id": obj.pool_id, "q": obj.identifier})

    def store(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> ResourceServer:
        """Save through the service that the API uses."""
        settings = form.settings()
        save = resource_servers.update if change else resource_servers.create
        return save(settings.pop("UserPoolId"), settings, actor=actor_of(request))
