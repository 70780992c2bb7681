"""Access keys as credentials of signed calls, and what their policies allow."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from userpools.awsjson.configuration import CredentialResolver
from userpools.awsjson.errors import UnrecognizedClientException
from userpools.awsjson.service import Caller
from userpools.awsjson.sigv4 import Credential
from userpools.conf import settings
from userpools.models import AccessKey
from userpools.models.cache import VersionedCache
from userpools.models.statements import Select
from userpools.policies import FULL_ACCESS, Policy

# `last_used_at` is written at most this often for a key.
LAST_USED_STEP = timedelta(minutes=1)


class Permissions(ABC):
    """What a signer may do here; the identity of a Caller."""

    __slots__ = ()

    @abstractmethod
    def allows(self, action: str, resource: str) -> bool:
        """Say whether an action is allowed on a resource's ARN."""

    @abstractmethod
    def allows_somewhere(self, action: str) -> bool:
        """Say whether an action may be allowed on some resource."""

    @abstractmethod
    def record_use(self, service: str) -> None:
        """Note that a service was called."""


@dataclass(frozen=True, slots=True)
class Identity(Permissions):
    """Who an access key speaks for, and its policy; None allows nothing."""

    key: AccessKey
    policy: Policy | None

    def allows(self, action: str, resource: str) -> bool:
        """Ask the key's policy."""
        return self.policy is not None and self.policy.allows(action, resource)

    def allows_somewhere(self, action: str) -> bool:
        """Ask the key's policy."""
        return self.policy is not None and self.policy.allows_somewhere(action)

    def record_use(self, service: str) -> None:
        """Note the use of the key."""
        record_use(self.key, service)


def _policy(key: AccessKey) -> Policy | None:
    if key.policy is not None:
        return Policy.parse(key.policy)
    return FULL_ACCESS if key.operator.is_superuser else None


def _credential(key: AccessKey) -> Credential:
    name = key.operator.get_username()
    caller = Caller(
        access_key_id=key.access_key_id,
        arn=f"arn:aws:iam::{settings.ACCOUNT_ID}:user/{name}",
        user_id=f"AIDA{key.operator_id:017d}",
        account_id=settings.ACCOUNT_ID,
        identity=Identity(key, _policy(key)),
    )
    return Credential(key.access_key_id, key.secret(), caller)


STAMP = ("is_active", "expires_at", "policy", "operator__is_active", "operator__is_superuser")
key_with_stamp = Select(
    lambda: AccessKey.objects.select_related("operator").only("access_key_id", *STAMP),
    "access_key_id",
)


def _stamp(key: AccessKey) -> tuple[object, ...]:
    operator = key.operator
    return key.is_active, key.expires_at, key.policy, operator.is_active, operator.is_superuser


def _load(access_key_id: str) -> tuple[Credential, object] | None:
    key = AccessKey.objects.select_related("operator").filter(pk=access_key_id).first()
    if key is None:
        return None
    return _credential(key), _stamp(key)


def _version(access_key_id: str) -> object | None:
    key = key_with_stamp.first(access_key_id)
    return None if key is None else _stamp(key)


credentials: VersionedCache[Credential] = VersionedCache(_load, _version)


class AccessKeyResolver:
    """Resolves operators' access keys; temporary credentials are other resolvers' concern."""

    def resolve(self, access_key_id: str, session_token: str | None) -> Credential | None:
        """Return the credential of a usable key, None for an unknown one.

        Raises UnrecognizedClientException for a disabled or expired key, or one sent with a session
        token, which long-lived keys never have.
        """
        if "\x00" in access_key_id:
            return None
        credential = credentials.get(access_key_id)
        if credential is None:
            return None
        identity = credential.caller.identity
        assert isinstance(identity, Identity)  # noqa: S101 - this resolver made it
        if session_token or not identity.key.is_usable(timezone.now()):
            raise UnrecognizedClientException
        return credential


def resolvers() -> list[CredentialResolver]:
    """Return the configured resolvers."""
    return [resolver() for resolver in settings.CREDENTIAL_RESOLVERS]


class PolicyAuthorizer:
    """Decides by what the signer may do."""

    def authorize(self, caller: Caller, action: str, resource: str | None) -> bool:
        """Say whether the action is allowed on the resource; None: on any at all."""
        permissions = caller.identity
        if not isinstance(permissions, Permissions):
            return False
        permissions.record_use(action.partition(":")[0])
        if resource is None:
            return permissions.allows_somewhere(action)
        return permissions.allows(action, resource)


def may(caller: Caller | None, action: str, resource: str) -> bool:
    """Say whether a caller may take an action on a resource; for lists and passed roles."""
    permissions = caller.identity if caller else None
    return isinstance(permissions, Permissions) and permissions.allows(action, resource)


def record_use(key: AccessKey, service: str) -> None:
    """Note that a key was used, once a minute at most."""
    now = timezone.now()
    if key.last_used_at is not None and now - key.last_used_at < LAST_USED_STEP:
        return
    key.last_used_at = now
    AccessKey.objects.filter(
        Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - LAST_USED_STEP), pk=key.pk
    ).update(last_used_at=now, last_used_service=service)
