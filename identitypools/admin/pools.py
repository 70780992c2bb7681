"""The console's pages of identity pools, with the tester."""

import json
from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.decorators import display

from identitypools import pools as service
from identitypools import providers, trial
from identitypools.admin.forms import DocumentField, ServiceForm
from identitypools.models import Identity, IdentityPool, OidcProvider, Vendor
from userpools.admin import fields, markup
from userpools.admin.acts import Act, ActForm, ConfirmByName, actor_of
from userpools.admin.base import ServiceAdmin, SuperusersOnly
from userpools.admin.markup import Card, Fact
from userpools.awsjson.service import cognito_identity
from userpools.awsjson.views import arguments_of
from userpools.conf import settings

# What each field is on the wire.
MEMBERS: Mapping[str, str] = {
    "name": "IdentityPoolName",
    "allow_unauthenticated": "AllowUnauthenticatedIdentities",
    "allow_classic": "AllowClassicFlow",
    "login_providers": "SupportedLoginProviders",
    "developer_provider": "DeveloperProviderName",
    "user_pool_clients": "CognitoIdentityProviders",
    "oidc_arns": "OpenIdConnectProviderARNs",
    "tags": "IdentityPoolTags",
}
ROLE_FIELDS = ("authenticated", "unauthenticated", "role_mappings")


class IdentityPoolForm(ServiceForm):
    """A pool's settings and its roles."""

    user_pool_clients = DocumentField(
        kind=list,
        label="User pools",
        help_text='[{"ProviderName": "…", "ClientId": "…", "ServerSideTokenCheck": true}]',
        rows=6,
    )
    login_providers = fields.TagsField(
        label="Public providers",
        help_text=f"provider = app id on each line; several ids stand between semicolons. "
        f"{', '.join(providers.PUBLIC)}.",
    )
    oidc_arns = fields.choices("OpenID providers", (), "Registered under OpenID providers.")
    tags = fields.TagsField(label="Tags", help_text="key = value on each line.")
    authenticated = fields.text("Role of users who signed in", "An ARN.", mono=True)
    unauthenticated = fields.text("Role of guests", "An ARN.", mono=True)
    role_mappings = DocumentField(
        label="Role mappings",
        help_text="By provider: Type Token or Rules, AmbiguousRoleResolution, RulesConfiguration.",
    )
    vendor = fields.choice(
        "Credentials come from",
        [("", "What the server's settings say"), *Vendor.choices],
        required=False,
    )
    sts_endpoint = fields.text(
        "STS endpoint", "Empty: what the server's settings say.", mono=True, max_length=2048
    )

    class Meta:
        model = IdentityPool
        fields = (*MEMBERS, "vendor", "sts_endpoint")
        labels = {
            "allow_unauthenticated": "Guests",
            "allow_classic": "Basic (classic) flow",
            "developer_provider": "Developer provider",
        }
        help_texts = {
            "allow_unauthenticated": "Whoever knows the pool's id gets the guests' role.",
            "allow_classic": "Apps choose their role at STS; guests are limited by it alone.",
            "developer_provider": "The name that your own server vouches under; never changed.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pool: IdentityPool | None = kwargs.get("instance")
        initial = dict(kwargs.get("initial") or {})
        if pool is not None:
            initial = {**pool.roles, **initial}
        super().__init__(*args, **{**kwargs, "initial": initial})
        if pool is not None:
            self.initial["role_mappings"] = pool.role_mappings
        offered: Any = self.fields["oidc_arns"]
        offered.choices = [
            (each.arn, each.issuer) for each in OidcProvider.objects.order_by("issuer")
        ]

    @property
    def members(self) -> dict[str, Any]:
        """The members of CreateIdentityPool, those that are empty left out."""
        given = {wire: self.cleaned_data[name] for name, wire in MEMBERS.items()}
        return {name: value for name, value in given.items() if value not in ("", [], {})}

    @property
    def roles(self) -> dict[str, str]:
        """The roles that are named."""
        return {
            name: self.cleaned_data[name] for name in ROLE_FIELDS[:2] if self.cleaned_data[name]
        }


class TokenForm(ActForm):
    """A token to try."""

    provider = fields.text(
        "Provider", "The key of Logins. Empty, with no token: a guest.", mono=True
    )
    token = fields.area("Token", "Neither kept nor logged.", rows=8)
    custom_role = fields.text("CustomRoleArn", "Empty: what the mappings choose.", mono=True)

    def __init__(self, *args: Any, subject: IdentityPool, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        named = [each["ProviderName"] for each in subject.user_pool_clients]
        named += [*subject.login_providers]
        self.fields["provider"].initial = named[0] if named else ""


def _tried(request: HttpRequest, pool: IdentityPool, answers: dict[str, Any]) -> HttpResponseBase:
    found = trial.try_token(
        IdentityPool.cached(pool.pk),
        answers["provider"],
        answers["token"].strip(),
        answers["custom_role"],
    )
    verdict = markup.badge("Refused", "bad") if found.error else markup.badge("Good", "good")
    context = {
        **admin.site.each_context(request),
        "opts": IdentityPool._meta,
        "title": "Token tester",
        "original": pool,
        "facts": [
            Fact("Token", verdict, found.error),
            Fact("Role", markup.code(found.role_arn, may_break=True), found.reason),
            Fact(
                "Credentials",
                markup.badge("Refused", "bad")
                if found.trouble or found.error
                else markup.badge("Given", "good"),
                found.trouble,
            ),
            Fact(
                "Identity", markup.code(found.identity_id), "" if found.identity_id else "None yet."
            ),
            Fact("Principal tags", markup.badges(f"{k} = {v}" for k, v in found.tags.items())),
        ],
        "document": json.dumps(found.claims, indent=2, ensure_ascii=False, default=str),
        "document_title": "Claims",
        "back": markup.address_of(pool),
    }
    response = TemplateResponse(request, "admin/identitypools/tested.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _delete(request: HttpRequest, pool: IdentityPool, _answers: dict[str, Any]) -> str:
    service.delete(pool.pk, actor=actor_of(request))
    return f"The identity pool “{pool.name}” is deleted."


@admin.register(IdentityPool)
class IdentityPoolAdmin(SuperusersOnly, ServiceAdmin):
    """Identity pools."""

    form = IdentityPoolForm
    list_display = ("name", "shown_id", "shown_guests", "shown_identities", "shown_changed")
    search_fields = ("name", "id")
    search_help_text = "Name or id"
    empty_title = "No identity pool yet"
    empty_text = "An identity pool trades the token of a signed-in user for scoped credentials."
    fieldsets = (
        (None, {"fields": ("name", "allow_unauthenticated", "allow_classic", "tags")}),
        (
            "Logins",
            {
                "fields": (
                    "user_pool_clients", "login_providers", "oidc_arns", "developer_provider",
                )
            },
        ),
        ("Roles", {"fields": ROLE_FIELDS}),
        ("Credentials", {"fields": ("vendor", "sts_endpoint")}),
    )  # fmt: skip
    acts = (
        Act(
            name="test-token",
            title="Token tester",
            run=_tried,
            icon="labs",
            form_class=TokenForm,
            superuser_only=True,
            text="Shows which role a token gets, and why. No identity is made or changed.",
            verb="Test",
        ),
        Act(
            name="delete",
            title="Delete identity pool",
            run=_delete,
            icon="delete",
            form_class=ConfirmByName,
            is_dangerous=True,
            superuser_only=True,
            ends=True,
            text="Its identities go with it; credentials of this server end at once.",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[IdentityPool]:
        """Count the identities with the rows."""
        found: QuerySet[IdentityPool] = super().get_queryset(request)
        return found.annotate(number=Count("identities"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers alone."""
        return bool(request.user.is_superuser)

    @display(description="Id", ordering="id")
    def shown_id(self, pool: IdentityPool) -> SafeString:
        """Return the id."""
        return markup.copyable(pool.pk)

    @display(description="Guests", ordering="allow_unauthenticated")
    def shown_guests(self, pool: IdentityPool) -> SafeString:
        """Say whether guests get credentials."""
        if pool.allow_unauthenticated:
            return markup.badge("Allowed", "warn")
        return markup.badge("Refused", "good")

    @display(description="Identities")
    def shown_identities(self, pool: Any) -> SafeString:
        """Return how many there are, as a link."""
        return markup.list_link(Identity, f"{pool.number:,}", f"pool__id__exact={pool.pk}")

    def summary(self, request: HttpRequest, obj: IdentityPool) -> list[Fact]:
        """Say what it is."""
        return [
            Fact("Id", markup.copyable(obj.pk)),
            Fact("Guests", self.shown_guests(obj)),
            Fact("Identities", self.shown_identities(obj)),
            Fact("Credentials", Vendor(obj.vendor or settings.CREDENTIAL_VENDOR).label),
            Fact("ARN", markup.copyable(obj.arn)),
        ]

    def cards(self, request: HttpRequest, obj: IdentityPool) -> list[Card]:
        """Warn of rules that users decide themselves; show tags."""
        maps = [
            (name, "client, username" if one["UseDefaults"] else _listed(one["PrincipalTags"]))
            for name, one in obj.principal_tags.items()
        ]
        return [
            Card(
                "Warnings",
                headers=("Rule",),
                rows=[(warning,) for warning in trial.user_writable(obj)],
                empty="No rule is over an attribute that users write themselves.",
            ),
            Card(
                "Principal tags",
                headers=("Provider", "Tags"),
                rows=maps,
                empty="No claim becomes a tag: SetPrincipalTagAttributeMap says which do.",
            ),
        ]

    def store(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> Model:
        """Create or change the pool, its roles and its vendor."""
        actor, members = actor_of(request), form.members
        gate = cognito_identity.operations["UpdateIdentityPool"]
        checked = obj.pk if change else "x:0"
        arguments_of(gate, {**members, "IdentityPoolId": checked})
        roles_gate = cognito_identity.operations["SetIdentityPoolRoles"]
        mappings = form.cleaned_data["role_mappings"]
        arguments_of(
            roles_gate,
            {"IdentityPoolId": checked, "Roles": form.roles, "RoleMappings": mappings},
        )
        saved = (
            service.update(obj.pk, {"IdentityPoolTags": {}, **members}, actor=actor)
            if change
            else service.create(members, region=settings.DEFAULT_REGION, actor=actor)
        )
        service.set_roles(saved.pk, form.roles, mappings, actor=actor, may_pass=lambda _arn: True)
        return service.set_vendor(
            saved.pk,
            form.cleaned_data["vendor"],
            form.cleaned_data["sts_endpoint"].rstrip("/"),
            actor=actor,
        )


def _listed(tags: Mapping[str, str]) -> str:
    return ", ".join(f"{tag} = {claim}" for tag, claim in tags.items())
