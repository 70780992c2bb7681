"""The form of an app client: a field for each setting, with Cognito's limits in its help."""

from typing import Any, ClassVar

from django import forms

from userpools.admin import fields
from userpools.admin.fields import LinesField
from userpools.admin.wire import Document, WireForm
from userpools.models import AppClient, UserPool
from userpools.models.client import LEGACY_FLOWS
from userpools.services.attributes import RESERVED, VERIFIED_FLAGS
from userpools.services.schema import new_schema

FLOWS = (
    ("ALLOW_USER_AUTH", "Choice-based sign-in: passwords, or codes in their place (USER_AUTH)"),
    (
        "ALLOW_USER_SRP_AUTH",
        "Secure remote password: the password never leaves the device (USER_SRP_AUTH)",
    ),
    ("ALLOW_USER_PASSWORD_AUTH", "Password sent to the server (USER_PASSWORD_AUTH)"),
    (
        "ALLOW_ADMIN_USER_PASSWORD_AUTH",
        "Password by a signed server call (ADMIN_USER_PASSWORD_AUTH)",
    ),
    ("ALLOW_CUSTOM_AUTH", "Challenges of your own functions (CUSTOM_AUTH)"),
    ("ALLOW_REFRESH_TOKEN_AUTH", "Refresh tokens (REFRESH_TOKEN_AUTH)"),
    ("ALLOW_TOKEN_EXCHANGE_DELEGATION", "Token exchange: delegation"),
    ("ALLOW_TOKEN_EXCHANGE_IMPERSONATION", "Token exchange: impersonation"),
)
LEGACY = tuple((name, f"{name}, an older spelling") for name in LEGACY_FLOWS)
UNITS = tuple((unit, unit.capitalize()) for unit in ("seconds", "minutes", "hours", "days"))
GRANTS = (
    ("code", "Authorization code"),
    ("implicit", "Implicit (tokens in the address: avoid)"),
    ("client_credentials", "Client credentials (machines; alone, and with a secret)"),
)


def client_document(client: AppClient) -> Document:
    """Return a client's settings as UpdateUserPoolClient takes them."""
    return {
        **client.configuration,
        "UserPoolId": client.pool_id,
        "ClientId": client.client_id,
        "ClientName": client.name,
    }


def _unit(label: str, initial: str) -> forms.ChoiceField:
    return fields.choice(label, UNITS, initial=initial, required=False)


class ClientForm(WireForm):
    """An app client's settings."""

    create_operation = "CreateUserPoolClient"
    update_operation = "UpdateUserPoolClient"
    document_of = staticmethod(client_document)
    create_only = frozenset({"pool", "generate_secret"})
    wire: ClassVar[dict[str, str]] = {
        "client_name": "ClientName",
        "generate_secret": "GenerateSecret",
        "flows": "ExplicitAuthFlows",
        "session_minutes": "AuthSessionValidity",
        "access_validity": "AccessTokenValidity",
        "access_unit": "TokenValidityUnits.AccessToken",
        "id_validity": "IdTokenValidity",
        "id_unit": "TokenValidityUnits.IdToken",
        "refresh_validity": "RefreshTokenValidity",
        "refresh_unit": "TokenValidityUnits.RefreshToken",
        "rotation": "RefreshTokenRotation.Feature",
        "rotation_grace": "RefreshTokenRotation.RetryGracePeriodSeconds",
        "revocation": "EnableTokenRevocation",
        "existence_errors": "PreventUserExistenceErrors",
        "propagate_context": "EnablePropagateAdditionalUserContextData",
        "read_attributes": "ReadAttributes",
        "write_attributes": "WriteAttributes",
        "hosted": "AllowedOAuthFlowsUserPoolClient",
        "grants": "AllowedOAuthFlows",
        "scopes": "AllowedOAuthScopes",
        "callback_urls": "CallbackURLs",
        "logout_urls": "LogoutURLs",
        "default_redirect": "DefaultRedirectURI",
        "providers": "SupportedIdentityProviders",
        "analytics_id": "AnalyticsConfiguration.ApplicationId",
        "analytics_application": "AnalyticsConfiguration.ApplicationArn",
        "analytics_role": "AnalyticsConfiguration.RoleArn",
        "analytics_external_id": "AnalyticsConfiguration.ExternalId",
        "analytics_shared": "AnalyticsConfiguration.UserDataShared",
    }
    refused_words: ClassVar[dict[str, str]] = {
        "Refresh token validity": "refresh_validity",
        "Refresh token rotation": "rotation",
        "read attributes": "read_attributes",
        "write attributes": "write_attributes",
        "The provider": "providers",
        "client_credentials flow": "grants",
        "Scope ": "scopes",
        "is not supported with client_credentials": "scopes",
        "ALLOW_USER_AUTH": "flows",
    }

    pool = fields.pool()
    client_name = fields.text("Name", "Letters, digits, spaces and + = , . @ -", required=True)
    generate_secret = fields.switch(
        "Generate a secret",
        "For programs on servers. Apps in browsers and on phones cannot keep one. Cannot be "
        "changed later.",
    )

    flows = fields.choices(
        "Allowed sign-in flows",
        FLOWS,
        "None chosen means SRP, custom challenges and refresh tokens. "
        "CUSTOM_AUTH is decided by the functions that the pool's LambdaConfig names for "
        "DefineAuthChallenge, CreateAuthChallenge and VerifyAuthChallengeResponse; without these "
        "it is refused. "
        "A pool that keeps passwords as Argon2id refuses SRP.",
        initial=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )
    session_minutes = fields.number(
        "A challenge may be answered for", "{limits} minutes.", initial=3
    )
    existence_errors = fields.choice(
        "Unknown users",
        (
            ("", "As Cognito's older behaviour: errors tell whether a user exists"),
            ("LEGACY", "Older behaviour, stated explicitly"),
            ("ENABLED", "Errors never tell whether a user exists (recommended)"),
        ),
        required=False,
        initial="ENABLED",
    )

    access_validity = fields.number(
        "Access token lasts", "{limits}; 5 minutes to 1 day in the end. Empty: 1 hour."
    )
    access_unit = _unit("Unit", "hours")
    id_validity = fields.number(
        "ID token lasts", "{limits}; 5 minutes to 1 day in the end. Empty: 1 hour."
    )
    id_unit = _unit("Unit", "hours")
    refresh_validity = fields.number(
        "Refresh token lasts", "{limits}; 1 hour to 10 years in the end. 0 or empty: 30 days."
    )
    refresh_unit = _unit("Unit", "days")
    revocation = fields.switch(
        "Tokens can be revoked", "Adds origin_jti and jti to tokens.", initial=True
    )
    rotation = fields.choice(
        "Refresh token rotation",
        (
            ("", "Off"),
            ("DISABLED", "Off, stated explicitly"),
            ("ENABLED", "On: each use gives a new one"),
        ),
        "A rotated token that comes back after the grace period ends the session. "
        "Clients must then refresh with GetTokensFromRefreshToken.",
        required=False,
    )
    rotation_grace = fields.number(
        "Grace period", "{limits} seconds in which the old token still works."
    )

    read_attributes = fields.choices(
        "Readable attributes", (), "None chosen means all standard ones and the custom ones of now."
    )
    write_attributes = fields.choices(
        "Writable attributes",
        (),
        "None chosen means all standard ones. Required attributes must be among them. Users can "
        "write these themselves, so never choose one that grants rights.",
    )
    propagate_context = fields.switch(
        "Accept the user's address from the caller",
        "Needs a secret. For servers that sign users in on their behalf.",
    )

    hosted = fields.switch("Use the hosted pages and OAuth 2.0")
    grants = fields.choices("Grants", GRANTS)
    scopes = LinesField(
        label="Scopes",
        help_text="One on each line: <code>openid</code>, <code>email</code>, "
        "<code>phone</code>, "
        "<code>profile</code>, <code>aws.cognito.signin.user.admin</code>, or a resource server's.",
    )
    callback_urls = LinesField(
        label="Callback URLs",
        help_text="One on each line; https, or http for localhost. Compared letter by letter.",
    )
    logout_urls = LinesField(label="Logout URLs", help_text="One on each line.")
    default_redirect = fields.text("Default callback", "One of the callback URLs.", mono=True)
    providers = LinesField(
        label="Identity providers",
        help_text="One on each line; <code>COGNITO</code> is the pool's own users.",
    )

    analytics_id = fields.text("Pinpoint application id", mono=True)
    analytics_application = fields.text("Pinpoint application ARN", mono=True)
    analytics_role = fields.text(
        "Role that may write to it",
        "Superusers alone choose it: passing a role grants its rights.",
        mono=True,
    )
    analytics_external_id = fields.text("External id of the role", mono=True)
    analytics_shared = fields.switch("Events hold data of users")

    class Meta:
        model = AppClient
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        client = kwargs.get("instance")
        initial = kwargs.get("initial") or {}
        if client is not None:
            flows = client.setting("ExplicitAuthFlows") or sorted(client.auth_flows)
            initial = {"pool": client.pool_id, "flows": flows, **initial}
        super().__init__(*args, **{**kwargs, "initial": initial})
        self._offer_attributes(client)
        if not self.operator.is_superuser:
            self.fields["analytics_role"].disabled = True
        if client is not None:
            self.initial["generate_secret"] = bool(client.secrets.all())
            used = set(self.initial["flows"])
            shown = [*FLOWS, *(each for each in LEGACY if each[0] in used)]
            self.fields["flows"].choices = shown  # type: ignore[attr-defined]

    def _offer_attributes(self, client: AppClient | None) -> None:
        """Offer the attributes of the pool's schema, and those that the client has already."""
        pool = client.pool if client else self._chosen_pool()
        known = [each["Name"] for each in (pool.schema if pool else new_schema([]))]
        for name in ("read_attributes", "write_attributes"):
            hidden = UNWRITABLE if name == "write_attributes" else ()
            present = [each for each in self.initial.get(name) or [] if each not in known]
            self.fields[name].choices = [  # type: ignore[attr-defined]
                (each, each) for each in sorted(known) + present if each not in hidden
            ]

    def _chosen_pool(self) -> UserPool | None:
        pool_id = self.data.get("pool") or self.initial.get("pool")
        return UserPool.objects.filter(pk=str(pool_id).replace("\x00", "")).first()

    def settings(self) -> Document:
        """Return the members for the service; on creation, without what was left at its default."""
        document = super().settings()
        if self.is_new:
            document["UserPoolId"] = (
                self.cleaned_data["pool"].pk if self.cleaned_data.get("pool") else ""
            )
            drop = [
                member
                for member, default in SILENT_DEFAULTS.items()
                if document.get(member) == default
            ]
            for member in drop:
                del document[member]
        units = document.get("TokenValidityUnits") or {}
        kept = {unit: value for unit, value in units.items() if document.get(f"{unit}Validity")}
        # A unit without a lifetime says nothing, and would show up in every describe.
        if kept != units and (
            self.is_new or {"access_unit", "id_unit", "refresh_unit"} & set(self.changed_data)
        ):
            document["TokenValidityUnits"] = kept
        return {name: value for name, value in document.items() if value != {}}


# Nobody but the server writes them.
UNWRITABLE = frozenset({*RESERVED, *VERIFIED_FLAGS.values()})
SILENT_DEFAULTS = {
    "GenerateSecret": False,
    "EnablePropagateAdditionalUserContextData": False,
    "AllowedOAuthFlowsUserPoolClient": False,
}
FIELDSETS = (
    ("General", ("pool", "client_name", "generate_secret")),
    ("Sign-in", ("flows", "existence_errors", "session_minutes")),
    (
        "Tokens",
        (
            ("access_validity", "access_unit"),
            ("id_validity", "id_unit"),
            ("refresh_validity", "refresh_unit"),
            "revocation",
            "rotation",
            "rotation_grace",
        ),
    ),
    ("Attributes", ("read_attributes", "write_attributes", "propagate_context")),
    (
        "Hosted pages",
        (
            "hosted",
            "grants",
            "scopes",
            "callback_urls",
            "logout_urls",
            "default_redirect",
            "providers",
        ),
    ),
    (
        "Analytics",
        (
            "analytics_id",
            "analytics_application",
            "analytics_role",
            "analytics_external_id",
            "analytics_shared",
        ),
    ),
)
