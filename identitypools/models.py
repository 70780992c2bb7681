"""Identity pools, the identities in them, the roles these take, and the issuer's keys."""

import hashlib
import re
import secrets
from functools import cached_property
from typing import TYPE_CHECKING, Final, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from userpools import ids
from userpools.awsjson.service import Call
from userpools.conf import settings
from userpools.errors import ResourceNotFoundException
from userpools.models.cache import VersionedCache
from userpools.models.statements import Select
from userpools.policies import Policy, TrustPolicy

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

VERSION_BITS: Final = 62
POOL_ID: Final = re.compile(r"[\w-]+:[0-9a-f-]+", re.ASCII)
LONGEST_ID: Final = 55
SHORTEST_SESSION_SECONDS: Final = 900
DEFAULT_SESSION_SECONDS: Final = 3600
LONGEST_SESSION_SECONDS: Final = 43_200


def new_version() -> int:
    """Return a version that never came before."""
    return secrets.randbits(VERSION_BITS)


def no_such_pool(pool_id: str) -> ResourceNotFoundException:
    """Make the error for an unknown identity pool."""
    return ResourceNotFoundException(f"IdentityPool '{pool_id}' not found.")


def no_such_identity(identity_id: str) -> ResourceNotFoundException:
    """Make the error for an unknown identity."""
    return ResourceNotFoundException(f"Identity '{identity_id}' not found.")


class Vendor(models.TextChoices):
    """Who makes the credentials of a pool's identities."""

    LOCAL = "local", "This server (keys that its own signature check accepts)"
    STS = "sts", "An STS endpoint (AssumeRoleWithWebIdentity)"


class IdentityPoolQuerySet(models.QuerySet["IdentityPool"]):
    """Queries for identity pools."""

    def for_call(self, call: Call, pool_id: str) -> "IdentityPool":
        """Return the pool of a call, kept per process; treat it as read-only.

        Raises ResourceNotFoundException when it does not exist in the region that a signed call
        names.
        """
        pool = IdentityPool.cached(pool_id)
        if call.caller is not None and call.region != pool.region:
            raise no_such_pool(pool_id)
        return pool

    def locked(self, pool_id: str) -> "IdentityPool":
        """Return a fresh row, locked to the transaction; ResourceNotFoundException if absent."""
        try:
            return self.select_for_update().get(id=pool_id)
        except IdentityPool.DoesNotExist as exc:
            raise no_such_pool(pool_id) from exc


class IdentityPool(models.Model):
    """An identity pool; its documents are kept as sent, in wire spelling."""

    id = models.CharField(max_length=LONGEST_ID, primary_key=True, editable=False)
    name = models.CharField(max_length=128)
    region = models.CharField(max_length=64, editable=False)
    version = models.PositiveBigIntegerField(default=new_version, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    modified_at = models.DateTimeField(default=timezone.now, editable=False)
    allow_unauthenticated = models.BooleanField(default=False)
    allow_classic = models.BooleanField(default=False)
    developer_provider = models.CharField(max_length=128, blank=True)
    # SupportedLoginProviders, CognitoIdentityProviders, OpenIdConnectProviderARNs.
    login_providers = models.JSONField(default=dict, blank=True)
    user_pool_clients = models.JSONField(default=list, blank=True)
    oidc_arns = models.JSONField(default=list, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    # Roles and RoleMappings of SetIdentityPoolRoles.
    roles = models.JSONField(default=dict, blank=True)
    role_mappings = models.JSONField(default=dict, blank=True)
    # By provider name, UseDefaults and PrincipalTags of SetPrincipalTagAttributeMap.
    principal_tags = models.JSONField(default=dict, blank=True)
    vendor = models.CharField(max_length=16, choices=Vendor, blank=True)
    sts_endpoint = models.CharField(max_length=2048, blank=True)

    objects = IdentityPoolQuerySet.as_manager()

    if TYPE_CHECKING:
        identities: RelatedManager["Identity"]
        logins: RelatedManager["Login"]

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"

    @classmethod
    def cached(cls, pool_id: str) -> Self:
        """Return the pool as kept per process; ResourceNotFoundException if absent."""
        pool = pools.get(pool_id) if POOL_ID.fullmatch(pool_id[: LONGEST_ID + 1]) else None
        if pool is None:
            raise no_such_pool(pool_id)
        return pool  # type: ignore[return-value]

    def touch(self) -> None:
        """Tell every process that something of this pool changed."""
        IdentityPool.objects.filter(pk=self.pk).update(version=new_version())
        pools.forget(self.pk)

    @property
    def arn(self) -> str:
        """The pool's ARN."""
        return (
            f"arn:aws:cognito-identity:{self.region}:{settings.ACCOUNT_ID}:identitypool/{self.id}"
        )


class Identity(models.Model):
    """Who gets credentials: a guest, or the owner of logins.

    An authenticated identity without a login left is out of reach. A merged one leads to its owner
    and is no longer used.
    """

    id = models.CharField(max_length=LONGEST_ID, primary_key=True, editable=False)
    pool = models.ForeignKey(
        IdentityPool, on_delete=models.CASCADE, related_name="identities", db_index=False
    )
    is_authenticated = models.BooleanField(default=False)
    merged_into = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, related_name="merged"
    )
    created_at = models.DateTimeField(default=timezone.now)
    modified_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(default=timezone.now)
    # Credentials issued before are refused, where this server judges them.
    not_before = models.DateTimeField(null=True)

    if TYPE_CHECKING:
        logins: RelatedManager["Login"]

    class Meta:
        verbose_name_plural = "identities"
        ordering = ["id"]
        indexes = [models.Index(fields=["pool", "id"], name="identity_of_pool")]

    def __str__(self) -> str:
        return self.id

    @property
    def is_disabled(self) -> bool:
        """Whether it was merged into another one."""
        return self.merged_into_id is not None


class Login(models.Model):
    """A user of one provider, who belongs to one identity of the pool.

    Names and subjects are longer than an index takes: their digests are what is unique. `slot` is
    empty for developer providers, whose users may be several for one identity.
    """

    pool = models.ForeignKey(
        IdentityPool, on_delete=models.CASCADE, related_name="logins", db_index=False
    )
    identity = models.ForeignKey(Identity, on_delete=models.CASCADE, related_name="logins")
    provider = models.CharField(max_length=2048)
    subject = models.CharField(max_length=1024)
    key = models.CharField(max_length=64, editable=False)
    slot = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 - NULLs differ
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["pool", "key"], name="login_has_one_identity"),
            models.UniqueConstraint(
                fields=["identity", "slot"], name="one_login_of_a_provider_for_an_identity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}:{self.subject}"

    @property
    def is_developers(self) -> bool:
        """Whether the developer's own sign-in vouches for it."""
        return self.slot is None


def login_key(provider: str, subject: str) -> str:
    """Return the digest that a login is found by."""
    return _digest(f"{len(provider)}:{provider}:{subject}")


def login_slot(provider: str) -> str:
    """Return the digest of a public provider's name."""
    return _digest(provider)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class OidcProvider(models.Model):
    """An OpenID provider whose ID tokens identity pools may take; in AWS this is IAM's part."""

    arn = models.CharField(max_length=512, unique=True, editable=False, verbose_name="ARN")
    issuer = models.CharField(max_length=255, unique=True)
    client_ids = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["issuer"]
        verbose_name = "OpenID provider"

    def __str__(self) -> str:
        return self.issuer

    @property
    def login_name(self) -> str:
        """The key of Logins: the issuer without its scheme."""
        return self.issuer.partition("://")[2]


class Role(models.Model):
    """A role: who may take it (trust policy), and what it then may do (permission policy)."""

    arn = models.CharField(max_length=700, unique=True, editable=False, verbose_name="ARN")
    name = models.CharField(max_length=64)
    path = models.CharField(max_length=512, default="/")
    role_id = models.CharField(max_length=32, editable=False)
    description = models.CharField(max_length=1000, blank=True)
    trust_policy = models.JSONField()
    policy = models.JSONField()
    max_session_seconds = models.PositiveIntegerField(
        default=DEFAULT_SESSION_SECONDS,
        validators=[
            MinValueValidator(DEFAULT_SESSION_SECONDS),
            MaxValueValidator(LONGEST_SESSION_SECONDS),
        ],
    )
    version = models.PositiveBigIntegerField(default=new_version, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    modified_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["arn"]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def cached(cls, arn: str) -> "Role | None":
        """Return the role as kept per process; treat it as read-only."""
        return roles.get(arn) if "\x00" not in arn else None

    @cached_property
    def permissions(self) -> Policy:
        """The permission policy, compiled."""
        return Policy.for_roles(self.policy)

    @cached_property
    def trust(self) -> TrustPolicy:
        """The trust policy, compiled."""
        return TrustPolicy.parse(self.trust_policy)

    @property
    def session_arn(self) -> str:
        """The beginning of the ARNs of the role's sessions; the session's name follows."""
        return f"arn:aws:sts::{settings.ACCOUNT_ID}:assumed-role/{self.name}/"


class IssuerKey(models.Model):
    """A key pair that identity pools sign OpenID tokens with; the private half is sealed."""

    kid = models.CharField(max_length=80, primary_key=True)
    region = models.CharField(max_length=64)
    public_jwk = models.JSONField()
    private_sealed = models.BinaryField()
    # Self-signed, DER in base64: for relying parties that read keys from certificates alone.
    certificate = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    is_active = models.BooleanField(default=True)
    retire_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["region"],
                condition=models.Q(is_active=True),
                name="one_active_issuer_key_for_a_region",
            ),
        ]

    def __str__(self) -> str:
        return self.kid

    @property
    def sealing_context(self) -> str:
        """What binds the sealed private key to this row."""
        return f"identity:{self.kid}"


def _load_pool(pool_id: str) -> tuple[IdentityPool, object] | None:
    pool = IdentityPool.objects.filter(pk=pool_id).first()
    return None if pool is None else (pool, pool.version)


pool_version = Select(lambda: IdentityPool.objects.only("id", "version"), "id")


def _pool_version(pool_id: str) -> object | None:
    pool = pool_version.first(pool_id)
    return None if pool is None else pool.version


def _load_role(arn: str) -> tuple[Role, object] | None:
    role = Role.objects.filter(arn=arn).first()
    return None if role is None else (role, role.version)


role_version = Select(lambda: Role.objects.only("id", "version"), "arn")


def _role_version(arn: str) -> object | None:
    role = role_version.first(arn)
    return None if role is None else role.version


pools: VersionedCache[IdentityPool] = VersionedCache(_load_pool, _pool_version)
roles: VersionedCache[Role] = VersionedCache(_load_role, _role_version)

# The statements of the hot paths.
login_with_identity = Select(
    lambda: Login.objects.select_related("identity").only(
        "pool_id", "provider", "subject", "slot", "identity__pool_id", "identity__is_authenticated",
        "identity__merged_into_id", "identity__last_used_at", "identity__not_before",
    ),
    "pool_id",
    "key",
)  # fmt: skip
identity_by_id = Select(
    lambda: Identity.objects.only(
        "pool_id", "is_authenticated", "merged_into_id", "last_used_at", "not_before"
    ),
    "id",
)


def new_identity_id(region: str) -> str:
    """Make `<region>:<uuid>`, the form of pools' and identities' ids."""
    return f"{region}:{ids.new_uuid()}"
