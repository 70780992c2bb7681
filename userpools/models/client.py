"""App clients: the applications that sign users of a pool in; the OAuth application too."""

import hmac
import re
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import timezone
from oauth2_provider.models import AbstractApplication

from userpools import ids, sealing
from userpools.errors import ResourceNotFoundException
from userpools.sealing import Purpose

from .pool import UserPool, pools

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

# ClientIdType of the service model.
CLIENT_ID = re.compile(r"[\w+]{1,128}", re.ASCII)
UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
DEFAULT_FLOWS = ("ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH")
# What each legacy value of ExplicitAuthFlows allows; refresh comes with all of them.
LEGACY_FLOWS = {
    "ADMIN_NO_SRP_AUTH": ("ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"),
    "USER_PASSWORD_AUTH": ("ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"),
    "CUSTOM_AUTH_FLOW_ONLY": ("ALLOW_CUSTOM_AUTH",),
}
DEFAULT_REFRESH_DAYS = 30


def no_such_client(client_id: str) -> ResourceNotFoundException:
    """Make the error for an unknown client id."""
    return ResourceNotFoundException(f"User pool client {client_id} does not exist.")


class AppClient(AbstractApplication):
    """An app client. `configuration` holds the members of CreateUserPoolClient in wire spelling.

    The package's own columns for what lives there are taken out; its properties answer instead.
    """

    user = None
    client_secret = None
    hash_client_secret = None
    redirect_uris = None
    post_logout_redirect_uris = None
    authorization_grant_type = None
    client_type = None
    algorithm = None
    allowed_origins = None
    skip_authorization = None
    registration_source = None
    cimd_expires_at = None
    created = None
    updated = None

    client_id = models.CharField(max_length=128, unique=True, editable=False)
    pool = models.ForeignKey(UserPool, on_delete=models.CASCADE, related_name="clients")
    name = models.CharField(max_length=128)
    configuration = models.JSONField(default=dict)
    # Custom attributes that existed when read and write permissions were last set to the default.
    custom_attributes = models.JSONField(default=list, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    modified_at = models.DateTimeField(default=timezone.now, editable=False)

    if TYPE_CHECKING:
        secrets: RelatedManager["ClientSecret"]

    class Meta(AbstractApplication.Meta):
        abstract = False
        verbose_name = "app client"
        indexes = [models.Index(fields=["pool", "client_id"], name="client_by_pool")]

    def __str__(self) -> str:
        return f"{self.name} ({self.client_id})"

    def clean(self) -> None:
        """Leave the checks to services.clients: the package's read columns that are not here."""

    @classmethod
    def cached(cls, client_id: str) -> "AppClient":
        """Return the client and its pool as kept here; ResourceNotFoundException if absent."""
        pool_id = _pool_of_client.get(client_id)
        if pool_id is None:
            pool_id = (
                cls.objects.filter(client_id=client_id).values_list("pool_id", flat=True).first()
            )
            if pool_id is None:
                raise no_such_client(client_id)
            if len(_pool_of_client) >= MAX_KNOWN_CLIENTS:
                _pool_of_client.clear()
            _pool_of_client[client_id] = pool_id
        return cls.cached_in(pool_id, client_id)

    @classmethod
    def cached_in(cls, pool_id: str, client_id: str) -> "AppClient":
        """Return a client of this pool; ResourceNotFoundException if it is another's or absent."""
        # From addresses and forms too: nothing else than an id reaches the database.
        pool = pools.get(pool_id) if CLIENT_ID.fullmatch(client_id) else None
        if pool is None:
            raise no_such_client(client_id)
        known: dict[str, AppClient] = pool.__dict__.setdefault("known_clients", {})
        client = known.get(client_id)
        if client is None:
            client = (
                cls.objects.filter(pool_id=pool_id, client_id=client_id)
                .prefetch_related("secrets")
                .first()
            )
            if client is None:
                raise no_such_client(client_id)
            client.pool = pool
            known[client_id] = client
        return client

    def setting(self, name: str, default: Any = None) -> Any:
        """Return a member of `configuration`."""
        return self.configuration.get(name, default)

    @cached_property
    def secret_values(self) -> tuple[str, ...]:
        """The live secrets in clear; empty for a public client."""
        return tuple(secret.value() for secret in self.secrets.all())

    @property
    def has_secret(self) -> bool:
        """Whether the client is confidential."""
        return bool(self.secret_values)

    def accepts_secret(self, candidate: str) -> bool:
        """Compare with every live secret in constant time; True for a public client given none."""
        if not self.has_secret:
            return not candidate
        matches = [
            hmac.compare_digest(secret.encode(), candidate.encode())
            for secret in self.secret_values
        ]
        return any(matches)

    @cached_property
    def auth_flows(self) -> frozenset[str]:
        """The allowed flows as ALLOW_* values, legacy values translated."""
        explicit = self.setting("ExplicitAuthFlows") or []
        if not explicit:
            return frozenset(DEFAULT_FLOWS)
        if explicit[0].startswith("ALLOW_"):
            return frozenset(explicit)
        allowed = {"ALLOW_REFRESH_TOKEN_AUTH"}
        for name in explicit:
            allowed.update(LEGACY_FLOWS[name])
        return frozenset(allowed)

    @cached_property
    def readable_attributes(self) -> frozenset[str]:
        """ReadAttributes; without them every standard attribute and the custom ones known then."""
        explicit = self.setting("ReadAttributes")
        return frozenset(explicit) if explicit else self._default_attributes

    @cached_property
    def writable_attributes(self) -> frozenset[str]:
        """WriteAttributes; without them the same default."""
        explicit = self.setting("WriteAttributes")
        return frozenset(explicit) if explicit else self._default_attributes

    @property
    def _default_attributes(self) -> frozenset[str]:
        standard = (
            name for name in self.pool.schema_by_name if not name.startswith(("custom:", "dev:"))
        )
        return frozenset((*standard, *self.custom_attributes))

    def _lifetime(self, member: str, unit_key: str, default: int, default_unit: str) -> timedelta:
        value = self.setting(member) or default
        configured = self.setting(member)
        unit = (self.setting("TokenValidityUnits") or {}).get(unit_key, default_unit)
        if not configured:
            unit = default_unit
        return timedelta(seconds=value * UNITS[unit])

    @cached_property
    def access_token_lifetime(self) -> timedelta:
        """AccessTokenValidity in its unit; one hour by default."""
        return self._lifetime("AccessTokenValidity", "AccessToken", 1, "hours")

    @cached_property
    def id_token_lifetime(self) -> timedelta:
        """IdTokenValidity in its unit; one hour by default."""
        return self._lifetime("IdTokenValidity", "IdToken", 1, "hours")

    @cached_property
    def refresh_token_lifetime(self) -> timedelta:
        """RefreshTokenValidity in its unit; 30 days by default and for 0."""
        return self._lifetime("RefreshTokenValidity", "RefreshToken", DEFAULT_REFRESH_DAYS, "days")

    @property
    def auth_session_lifetime(self) -> timedelta:
        """How long a challenge may be answered; AuthSessionValidity, 3 minutes by default."""
        return timedelta(minutes=self.setting("AuthSessionValidity") or 3)

    @property
    def hides_unknown_users(self) -> bool:
        """PreventUserExistenceErrors is ENABLED."""
        return bool(self.setting("PreventUserExistenceErrors") == "ENABLED")

    @property
    def passes_context(self) -> bool:
        """Whether the address in UserContextData counts; see operations/user_context.py."""
        addons = self.pool.setting("UserPoolAddOns") or {}
        return (
            bool(self.setting("EnablePropagateAdditionalUserContextData"))
            and self.has_secret
            and addons.get("AdvancedSecurityMode", "OFF") != "OFF"
        )

    @property
    def revokes_tokens(self) -> bool:
        """EnableTokenRevocation, without which tokens carry no jti and origin_jti."""
        return bool(self.setting("EnableTokenRevocation", default=True))

    @property
    def names_sessions(self) -> bool:
        """Whether tokens carry jti and origin_jti; without these, event_id names the session."""
        return self.revokes_tokens or self.rotates_refresh_tokens

    @property
    def sealing_context(self) -> str:
        """What binds sealed values to this client."""
        return f"{self.pool_id}:{self.client_id}"

    @property
    def rotates_refresh_tokens(self) -> bool:
        """RefreshTokenRotation.Feature is ENABLED."""
        return bool((self.setting("RefreshTokenRotation") or {}).get("Feature") == "ENABLED")

    @property
    def rotation_grace(self) -> timedelta:
        """How long a rotated refresh token may be used again."""
        rotation = self.setting("RefreshTokenRotation") or {}
        return timedelta(seconds=rotation.get("RetryGracePeriodSeconds") or 0)

    def allows_grant_type(self, *grant_types: str) -> bool:
        """Answer oauthlib from AllowedOAuthFlows; the package keeps a single grant type."""
        if not self.setting("AllowedOAuthFlowsUserPoolClient"):
            return False
        names = {
            "code": "authorization-code",
            "implicit": "implicit",
            "client_credentials": "client-credentials",
        }
        allowed = {names[flow] for flow in self.setting("AllowedOAuthFlows") or []}
        return bool(allowed & set(grant_types))

    def redirect_uri_allowed(self, uri: str) -> bool:
        """Exact string equality with a callback URL (RFC 9700, section 2.1)."""
        return uri in (self.setting("CallbackURLs") or [])

    def post_logout_redirect_uri_allowed(self, uri: str) -> bool:
        """Exact string equality with a logout URL."""
        return uri in (self.setting("LogoutURLs") or [])


MAX_KNOWN_CLIENTS = 100_000
_pool_of_client: dict[str, str] = {}


class ClientSecret(models.Model):
    """One live secret of a client; sealed, as SECRET_HASH and Describe need it whole."""

    id = models.CharField(max_length=128, primary_key=True)
    client = models.ForeignKey(AppClient, on_delete=models.CASCADE, related_name="secrets")
    sealed = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.id

    @classmethod
    def issue(cls, client: AppClient, value: str = "") -> tuple["ClientSecret", str]:
        """Add a secret, generated unless given; return the row and the clear value."""
        value = value or ids.new_client_secret()
        now = timezone.now()
        row = cls(
            id=f"{client.client_id}--{int(now.timestamp() * 1000)}", client=client, created_at=now
        )
        row.sealed = sealing.seal(Purpose.CLIENT_SECRET, value.encode(), context=row.id)
        row.save(force_insert=True)
        return row, value

    def value(self) -> str:
        """Return the secret in clear."""
        return sealing.unseal(Purpose.CLIENT_SECRET, bytes(self.sealed), context=self.id).decode()
