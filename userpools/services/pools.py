"""Pools: created, changed and deleted here, for the API, the console and commands alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from userpools import ids
from userpools.audit import Actor, record_act
from userpools.errors import InvalidParameterException, LimitExceededException
from userpools.messaging import sms_guard
from userpools.models import AppClient, KeyUse, PasswordStorage, PoolUser, SigningKey, UserPool
from userpools.models.stamps import stamps
from userpools.services import mfa, pool_documents, pool_rules, schema
from userpools.services.pool_store import document_of, store
from userpools.tokens.keys import make_key


@dataclass(frozen=True, slots=True)
class SmsGuard:
    """A pool's own bounds of text messages: beginnings of numbers; None for no limit of its own."""

    allowed: Sequence[str] = ()
    blocked: Sequence[str] = ()
    hourly: int | None = None
    daily: int | None = None


POOLS_PER_REGION = 1_000
# Counted one by one up to here; above it the estimate that is kept with the pool will do.
COUNTED_EXACTLY = 10_000
DELETE_BATCH = 1_000


def create(
    settings: Mapping[str, Any],
    *,
    region: str,
    actor: Actor,
    password_storage: str = PasswordStorage.VERIFIER,
) -> UserPool:
    """Create a pool with its two signing keys; `settings` are CreateUserPool's members."""
    pool = UserPool(
        id=ids.new_pool_id(region),
        name=settings["PoolName"],
        region=region,
        tier=settings.get("UserPoolTier", "ESSENTIALS"),
        deletion_protection=settings.get("DeletionProtection", "INACTIVE"),
        mfa_configuration=settings.get("MfaConfiguration", "OFF"),
        configuration=pool_documents.configuration(settings),
        schema=schema.new_schema(settings.get("Schema") or []),
        tags=settings.get("UserPoolTags") or {},
        password_storage=password_storage,
        **stamps(),
    )
    mfa.follow_sms_configuration(pool)
    pool_rules.check_tags(pool.tags)
    pool_rules.check(pool)
    # Made before the transaction: that is the slow part.
    keys = [make_key(pool, KeyUse.ID), make_key(pool, KeyUse.ACCESS)]
    with transaction.atomic():
        if UserPool.objects.filter(region=region).count() >= POOLS_PER_REGION:
            raise LimitExceededException(f"A region holds at most {POOLS_PER_REGION} user pools.")
        pool.save(force_insert=True)
        SigningKey.objects.bulk_create(keys)
        record_act(
            actor,
            "CreateUserPool",
            pool_id=pool.id,
            resource=pool.arn,
            after=document_of(pool),
        )
    return pool


def update(pool_id: str, settings: Mapping[str, Any], *, actor: Actor) -> UserPool:
    """Apply UpdateUserPool's members; what they leave out is kept or reset as the service does."""
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        before = document_of(pool)
        former_tier = pool.tier
        pool.name = settings.get("PoolName", pool.name)
        pool.tier = settings.get("UserPoolTier", pool.tier)
        pool.mfa_configuration = settings.get("MfaConfiguration", pool.mfa_configuration)
        pool.deletion_protection = settings.get("DeletionProtection", "INACTIVE")
        pool.tags = settings.get("UserPoolTags") or {}
        pool.configuration = pool_documents.configuration(settings, pool.configuration)
        mfa.follow_sms_configuration(pool)
        pool_rules.check_tags(pool.tags)
        pool_rules.check(pool, former_tier=former_tier)
        store(pool, actor, "UpdateUserPool", before)
    return pool


def add_custom_attributes(
    pool_id: str, attributes: Sequence[schema.Definition], *, actor: Actor
) -> UserPool:
    """Add custom attributes to the schema; they can never be removed or renamed."""
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        before = {"CustomAttributes": schema.custom_names(pool.schema)}
        pool.schema = schema.with_custom_attributes(pool.schema, attributes)
        pool.modified_at = timezone.now()
        pool.save(update_fields=["schema", "modified_at"])
        pool.touch()
        record_act(
            actor,
            "AddCustomAttributes",
            pool_id=pool.id,
            resource=pool.arn,
            before=before,
            after={"CustomAttributes": schema.custom_names(pool.schema)},
        )
    return pool


def set_tags(
    pool_id: str, actor: Actor, action: str, *, add: Mapping[str, str], remove: Sequence[str]
) -> None:
    """Add and remove tags of a pool."""
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        before = dict(pool.tags)
        pool.tags = {key: value for key, value in {**before, **add}.items() if key not in remove}
        problem = pool_rules.tag_problem(pool.tags)
        if problem:
            raise InvalidParameterException(problem)
        pool.save(update_fields=["tags"])
        pool.touch()
        record_act(
            actor, action, pool_id=pool.id, resource=pool.arn, before=before, after=dict(pool.tags)
        )


def set_password_storage(pool_id: str, storage: str, *, actor: Actor) -> UserPool:
    """Change how passwords are kept; each is derived anew at its user's next password sign-in.

    Raises InvalidParameterException when a client allows SRP and the new form cannot serve it.
    """
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        if storage == PasswordStorage.ARGON2ID:
            _check_without_srp(pool)
        before = document_of(pool)
        pool.has_mixed_passwords |= storage != pool.password_storage
        pool.password_storage = PasswordStorage(storage)
        store(pool, actor, "SetPasswordStorage", before)
    return pool


def set_sms_guard(pool_id: str, guard: SmsGuard, *, actor: Actor) -> UserPool:
    """Bound where the pool's text messages go and how many leave, within the server's bounds."""
    for prefix in (*guard.allowed, *guard.blocked):
        if not sms_guard.PREFIX.fullmatch(prefix):
            raise InvalidParameterException(f"{prefix} is no beginning of a phone number.")
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        before = document_of(pool)
        pool.sms_allowed, pool.sms_blocked = " ".join(guard.allowed), " ".join(guard.blocked)
        pool.sms_hourly, pool.sms_daily = guard.hourly, guard.daily
        store(pool, actor, "SetTextMessageGuard", before)
    return pool


def forget_text_messages(pool: UserPool, *, actor: Actor) -> None:
    """Let the pool begin anew with its limits of text messages; the server's own go on."""
    record_act(actor, "ResetTextMessageLimits", pool_id=pool.pk, resource=pool.arn)
    sms_guard.forget(pool)


def _check_without_srp(pool: UserPool) -> None:
    names = [
        client.name
        for client in AppClient.objects.filter(pool_id=pool.pk)
        if "ALLOW_USER_SRP_AUTH" in client.auth_flows
    ]
    if names:
        raise InvalidParameterException(
            "Argon2id passwords cannot serve SRP, which these app clients allow: "
            + ", ".join(names)
        )


def delete(pool_id: str, *, actor: Actor) -> None:
    """Delete a pool and everything of it, in one transaction and bounded memory."""
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        if pool.deletion_protection == "ACTIVE":
            raise InvalidParameterException(
                "The user pool cannot be deleted because deletion protection is activated. "
                "Deletion protection must be inactivated first."
            )
        if pool.domains.exists():
            raise InvalidParameterException(
                "User pool cannot be deleted. It has a domain configured that should be deleted"
                " first."
            )
        before = document_of(pool)
        arn = pool.arn
        while batch := list(pool.users.order_by("pk").values_list("pk", flat=True)[:DELETE_BATCH]):
            PoolUser.objects.filter(pk__in=batch).delete()
        pool.touch()
        pool.delete()
        record_act(actor, "DeleteUserPool", pool_id=pool_id, resource=arn, before=before)


def estimated_users(pool: UserPool) -> int:
    """Return how many users the pool has: counted up to 10,000, estimated above."""
    counted = PoolUser.objects.filter(pool_id=pool.pk)[: COUNTED_EXACTLY + 1].count()
    return counted if counted <= COUNTED_EXACTLY else max(counted, pool.user_count)
