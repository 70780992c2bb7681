"""User pools: a directory of users with its own settings, keys and issuer."""

import re
import secrets
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.utils import timezone

from userpools import ids
from userpools.awsjson.service import Call
from userpools.conf import settings
from userpools.errors import ResourceNotFoundException

from .cache import VersionedCache
from .statements import Select

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

    from .client import AppClient
    from .domain import UserPoolDomain
    from .group import Group
    from .resource_server import ResourceServer
    from .signing_key import SigningKey
    from .user import PoolUser


VERSION_BITS = 62
POOL_ID = re.compile(r"[\w-]{1,45}_[0-9A-Za-z]{1,54}", re.ASCII)


class PasswordStorage(models.TextChoices):
    """How a pool keeps passwords; see README, "Passwords"."""

    VERIFIER = "verifier", "SRP verifier, sealed"
    ARGON2ID = "argon2id", "Argon2id hash, sealed (no SRP)"


class IssuerProfile(models.TextChoices):
    """Which issuer string a pool's tokens and discovery state."""

    PUBLIC_URL = "public_url", "This server's public URL"
    AWS = "aws", "cognito-idp.<region>.amazonaws.com, for clients that hard-code it"


class UserPoolQuerySet(models.QuerySet["UserPool"]):
    """Queries for pools."""

    def for_call(self, call: Call, pool_id: str) -> "UserPool":
        """Return the pool of a signed call, kept per process; treat it as read-only.

        Raises ResourceNotFoundException when it does not exist in the region that the call names.
        """
        pool = UserPool.cached(pool_id)
        if call.caller is not None and call.region != pool.region:
            raise no_such_pool(pool_id)
        return pool

    def locked(self, pool_id: str) -> "UserPool":
        """Return a fresh row, locked to the transaction; ResourceNotFoundException if absent."""
        try:
            return self.select_for_update().get(id=pool_id)
        except UserPool.DoesNotExist as exc:
            raise no_such_pool(pool_id) from exc


def no_such_pool(pool_id: str) -> ResourceNotFoundException:
    """Make the error for an unknown pool id."""
    return ResourceNotFoundException(f"User pool {pool_id} does not exist.")


class UserPool(models.Model):  # type: ignore[django-manager-missing]
    """A user pool. `configuration` holds the documents of CreateUserPool as sent, in wire spelling.

    `version` changes with the pool, its clients, keys and groups.
    """

    id = models.CharField(max_length=55, primary_key=True, editable=False)
    name = models.CharField(max_length=128)
    region = models.CharField(max_length=64, editable=False)
    version = models.PositiveBigIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    modified_at = models.DateTimeField(default=timezone.now, editable=False)
    tier = models.CharField(max_length=16, default="ESSENTIALS")
    deletion_protection = models.CharField(max_length=16, default="INACTIVE")
    mfa_configuration = models.CharField(max_length=16, default="OFF")
    configuration = models.JSONField(default=dict)
    mfa_details = models.JSONField(default=dict)
    schema = models.JSONField(default=list)
    tags = models.JSONField(default=dict, blank=True)
    password_storage = models.CharField(
        max_length=16, choices=PasswordStorage, default=PasswordStorage.VERIFIER
    )
    # Set when the form changed: some users' passwords are still in the other one.
    has_mixed_passwords = models.BooleanField(default=False, editable=False)
    issuer_profile = models.CharField(
        max_length=16, choices=IssuerProfile, default=IssuerProfile.PUBLIC_URL
    )
    # Where this pool's text messages may go, beginnings of numbers parted by spaces, and how many
    # may leave. The database has the defaults too, for servers of the version before.
    sms_allowed = models.CharField(max_length=2048, blank=True, default="", db_default="")
    sms_blocked = models.CharField(max_length=2048, blank=True, default="", db_default="")
    sms_hourly = models.PositiveIntegerField(null=True, blank=True)
    sms_daily = models.PositiveIntegerField(null=True, blank=True)
    user_count = models.PositiveBigIntegerField(default=0, editable=False)

    objects = UserPoolQuerySet.as_manager()

    if TYPE_CHECKING:
        clients: RelatedManager[AppClient]
        users: RelatedManager[PoolUser]
        groups: RelatedManager[Group]
        signing_keys: RelatedManager[SigningKey]
        resource_servers: RelatedManager[ResourceServer]
        domains: RelatedManager[UserPoolDomain]

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"

    @classmethod
    def cached(cls, pool_id: str) -> Self:
        """Return the pool as kept per process; ResourceNotFoundException if absent."""
        # Ids come from unverified tokens too: nothing else than an id reaches the database.
        pool = pools.get(pool_id) if POOL_ID.fullmatch(pool_id) else None
        if pool is None:
            raise no_such_pool(pool_id)
        return pool  # type: ignore[return-value]

    def touch(self) -> None:
        """Tell every process that something of this pool changed.

        The version is random: one that was rolled back never comes again.
        """
        UserPool.objects.filter(pk=self.pk).update(version=secrets.randbits(VERSION_BITS))
        pools.forget(self.pk)

    @property
    def arn(self) -> str:
        """The pool's ARN."""
        return ids.user_pool_arn(self.region, settings.ACCOUNT_ID, self.id)

    @property
    def srp_name(self) -> str:
        """The part of the id after the first underscore, which SRP clients hash."""
        return self.id.split("_", 1)[1]

    @cached_property
    def issuer(self) -> str:
        """The `iss` of this pool's tokens; no trailing slash."""
        if self.issuer_profile == IssuerProfile.AWS:
            return f"https://cognito-idp.{self.region}.amazonaws.com/{self.id}"
        return f"{settings.PUBLIC_URL}/{self.id}"

    def setting(self, name: str, default: Any = None) -> Any:
        """Return a document of `configuration`."""
        return self.configuration.get(name, default)

    @property
    def case_sensitive(self) -> bool:
        """Whether names differ by letter case. The API's default, unlike the console's, is yes."""
        return bool((self.setting("UsernameConfiguration") or {}).get("CaseSensitive", True))

    @property
    def username_attributes(self) -> list[str]:
        """`email` and `phone_number` where people sign in with these in place of a name."""
        return list(self.setting("UsernameAttributes") or [])

    @property
    def alias_attributes(self) -> list[str]:
        """Attributes that people may also sign in with."""
        return list(self.setting("AliasAttributes") or [])

    @property
    def auto_verified_attributes(self) -> list[str]:
        """Attributes that get a code at sign-up and at change."""
        return list(self.setting("AutoVerifiedAttributes") or [])

    @property
    def first_factors(self) -> frozenset[str]:
        """AllowedFirstAuthFactors: what people of this pool may begin a sign-in with."""
        policy = (self.setting("Policies") or {}).get("SignInPolicy") or {}
        return frozenset(policy.get("AllowedFirstAuthFactors") or ("PASSWORD",))

    @property
    def password_policy(self) -> dict[str, Any]:
        """The PasswordPolicy document."""
        return dict(self.setting("Policies", {}).get("PasswordPolicy", {}))

    @cached_property
    def schema_by_name(self) -> dict[str, dict[str, Any]]:
        """Schema attributes by their full names (`custom:level`)."""
        return {attribute["Name"]: attribute for attribute in self.schema}

    @property
    def tracks_devices(self) -> bool:
        """Whether sign-ins get device keys: any DeviceConfiguration turns that on."""
        return self.setting("DeviceConfiguration") is not None

    @property
    def remembers_on_prompt(self) -> bool:
        """Whether a confirmed device is remembered only when its user says so."""
        devices = self.setting("DeviceConfiguration") or {}
        return bool(devices.get("DeviceOnlyRememberedOnUserPrompt"))

    @property
    def challenges_new_devices(self) -> bool:
        """Whether the second factor is for new devices alone: a remembered one proves itself."""
        devices = self.setting("DeviceConfiguration") or {}
        return bool(devices.get("ChallengeRequiredOnNewDevice"))

    @property
    def lambda_config(self) -> dict[str, Any]:
        """The LambdaConfig document."""
        return dict(self.setting("LambdaConfig") or {})


def _load(pool_id: str) -> tuple[UserPool, object] | None:
    pool = UserPool.objects.filter(pk=pool_id).first()
    return None if pool is None else (pool, pool.version)


version_of = Select(lambda: UserPool.objects.only("id", "version"), "id")


def _version(pool_id: str) -> object | None:
    pool = version_of.first(pool_id)
    return None if pool is None else pool.version


pools: VersionedCache[UserPool] = VersionedCache(_load, _version)
