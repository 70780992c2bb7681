"""Domains of pools: where their pages are served besides the server's own address."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from userpools.admin import fields, markup
from userpools.admin.acts import Act, ConfirmByName, actor_of
from userpools.admin.base import ServiceAdmin
from userpools.admin.markup import Fact
from userpools.admin.wire import Document, WireForm
from userpools.models import UserPoolDomain
from userpools.services import domains

VERSIONS = (("1", "1: classic"), ("2", "2: managed login"))


class DomainForm(WireForm):
    """A domain's settings."""

    create_operation = "CreateUserPoolDomain"
    update_operation = "UpdateUserPoolDomain"
    create_only = frozenset({"pool", "domain_name"})
    wire: ClassVar[dict[str, str]] = {
        "domain_name": "Domain",
        "certificate": "CustomDomainConfig.CertificateArn",
        "version": "ManagedLoginVersion",
    }
    refused_words: ClassVar[dict[str, str]] = {
        "already associated": "domain_name",
        "reserved word": "domain_name",
        "top-level": "domain_name",
        "server's own": "domain_name",
        "already has a": "domain_name",
        "no dots": "domain_name",
        "Managed login": "version",
        "no certificate": "certificate",
    }

    pool = fields.pool()
    domain_name = fields.text(
        "Domain",
        "A prefix under this server's suffix (POOLHOUSE_AUTH_DOMAIN_SUFFIX), or a host name of "
        "your own, which then needs a certificate below. Cannot be changed later.",
        required=True,
        mono=True,
    )
    certificate = fields.text(
        "Certificate ARN",
        "For a host name of your own. The certificate itself belongs on the proxy in front of "
        "this server; the ARN is kept for the API.",
        mono=True,
    )
    version = fields.choice("Branding", VERSIONS, initial="1")

    class Meta:
        model = UserPoolDomain
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        domain = kwargs.get("instance")
        initial = {**({"pool": domain.pool_id} if domain else {}), **(kwargs.get("initial") or {})}
        super().__init__(*args, **{**kwargs, "initial": initial})

    @staticmethod
    def document_of(domain: UserPoolDomain) -> Document:
        """Return a domain as UpdateUserPoolDomain takes it."""
        return {"UserPoolId": domain.pool_id, **domains.document_of(domain)}

    def clean_version(self) -> int:
        """Return the number that the API takes."""
        return int(self.cleaned_data["version"])

    def settings(self) -> Document:
        """Return the members, with the pool of a new one."""
        document = super().settings()
        if self.is_new:
            pool = self.cleaned_data.get("pool")
            return {**document, "UserPoolId": pool.pk if pool else ""}
        return document


def _delete(request: HttpRequest, domain: UserPoolDomain, _answers: dict[str, Any]) -> str:
    domains.delete(domain.pool_id, domain.domain, actor=actor_of(request))
    return f"The domain “{domain.domain}” is deleted; links to it lead nowhere."


@admin.register(UserPoolDomain)
class DomainAdmin(ServiceAdmin):
    """The domains of all pools."""

    form = DomainForm
    list_display = ("domain", "shown_pool", "shown_address", "shown_changed")
    list_filter = (("pool", AutocompleteSelectFilter),)
    list_select_related = ("pool",)
    search_fields = ("domain",)
    search_help_text = "Domain"
    ordering = ("domain",)
    fieldsets = ((None, {"fields": ("pool", "domain_name", "certificate", "version")}),)
    empty_title = "No domain yet"
    empty_text = (
        "Every pool's pages are served under this server's own address. A domain serves them "
        "under a name of the pool's own too, apart from the console."
    )
    acts = (
        Act(
            name="delete",
            title="Delete domain",
            run=_delete,
            icon="delete",
            form_class=ConfirmByName,
            permission="delete",
            is_dangerous=True,
            ends=True,
            text="Links to it and applications that are set up with it stop working.",
        ),
    )

    @display(description="Address")
    def shown_address(self, domain: UserPoolDomain) -> SafeString:
        """Return where the domain answers."""
        return markup.code(domain.base_url)

    def summary(self, request: HttpRequest, obj: Any) -> list[Fact]:
        """Say whose it is and whether it answers."""
        return [
            Fact("Domain", markup.copyable(obj.domain)),
            Fact("User pool", markup.link(obj.pool, obj.pool.name)),
            Fact("Address", self.shown_address(obj))
            if obj.host
            else Fact("Address", markup.badge("None: the server has no suffix", "bad")),
            Fact("Changed", markup.when(obj.modified_at)),
        ]

    def audit_query(self, obj: UserPoolDomain) -> str:
        """Find what was done to it."""
        return urlencode({"pool_id": obj.pool_id, "q": obj.domain})

    def store(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> UserPoolDomain:
        """Save through the service that the API uses."""
        settings = form.settings()
        save = domains.update if change else domains.create
        return save(settings.pop("UserPoolId"), settings, actor=actor_of(request))
