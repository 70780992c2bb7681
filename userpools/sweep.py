"""The one sweep: removes what is over, in small batches, under the RETENTION setting.

Every step may run in several processes at once, and be killed at any time.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from userpools.conf import settings
from userpools.models import (
    AuditEntry,
    AuthEvent,
    BrowserSession,
    CustomAuthStep,
    DeviceGrant,
    Grant,
    Message,
    MessageState,
    SigningKey,
    SignInSession,
    SpentStep,
    UserPool,
    VerificationCode,
)

# Rows of one transaction, and of one step in one sweep: the next sweep takes the rest.
BATCH = 500
MOST_ROWS = 50_000
COUNT_USERS_EVERY = timedelta(hours=1)

Step = Callable[[datetime], int]
Expired = Callable[[datetime], "QuerySet[Any]"]

_steps: dict[str, Step] = {}


def register(name: str, step: Step) -> None:
    """Add a step, which is given the time and answers how much it removed or changed."""
    if name in _steps:
        raise ValueError(f"The sweep has a step {name} already.")
    _steps[name] = step


def register_rows(name: str, expired: Expired) -> None:
    """Add a step that deletes the rows of a query, in batches."""
    register(name, lambda now: delete_in_batches(expired(now)))


def sweep() -> dict[str, int]:
    """Run every step once; answer what each removed or changed."""
    now = timezone.now()
    return {name: step(now) for name, step in _steps.items()}


def before(now: datetime, retention: str) -> datetime:
    """Return the time before which what RETENTION names is over."""
    return now - timedelta(seconds=settings.RETENTION[retention])


def delete_in_batches(rows: "QuerySet[Any]") -> int:
    """Delete the rows of a query, BATCH in a transaction, MOST_ROWS in all; return their number."""
    deleted = 0
    while deleted < MOST_ROWS:
        keys = list(rows.order_by().values_list("pk", flat=True)[:BATCH])
        rows.model._default_manager.filter(pk__in=keys).delete()
        deleted += len(keys)
        if len(keys) < BATCH:
            break
    return deleted


def _sessions(now: datetime) -> "QuerySet[SignInSession]":
    over = before(now, "sessions")
    return SignInSession.objects.filter(Q(expires_at__lt=over) | Q(revoked_at__lt=over))


def _messages(now: datetime) -> "QuerySet[Message]":
    over = Message.objects.exclude(state=MessageState.DUE)
    return over.filter(created_at__lt=before(now, "messages"))


def drop_retired_keys(now: datetime) -> int:
    """Delete signing keys whose overlap is over, and tell every process."""
    dropped = 0
    retired = SigningKey.objects.filter(is_active=False, retire_at__lte=now)
    for pool_id in retired.order_by().values_list("pool_id", flat=True).distinct():
        with transaction.atomic():
            pool = UserPool.objects.locked(pool_id)
            dropped += retired.filter(pool_id=pool_id).delete()[0]
            pool.touch()
    return dropped


def count_users(now: datetime) -> int:
    """Renew the pools' estimated numbers of users, once an hour; return how many changed."""
    if not cache.add("poolhouse:users-counted", now.timestamp(), COUNT_USERS_EVERY.total_seconds()):
        return 0
    changed = 0
    counted = UserPool.objects.annotate(present=Count("users")).order_by()
    for pool_id, known, present in counted.values_list("pk", "user_count", "present"):
        if known != present:
            changed += UserPool.objects.filter(pk=pool_id).update(user_count=present)
    return changed


register_rows("sessions", _sessions)
register_rows("browser_sessions", lambda now: BrowserSession.objects.filter(expires_at__lt=now))
register_rows("spent_steps", lambda now: SpentStep.objects.filter(expires_at__lt=now))
register_rows("custom_auth_steps", lambda now: CustomAuthStep.objects.filter(expires_at__lt=now))
register_rows(
    "codes", lambda now: VerificationCode.objects.filter(expires_at__lt=before(now, "codes"))
)
register_rows("grants", lambda now: Grant.objects.filter(expires__lt=before(now, "grants")))
register_rows(
    "device_grants", lambda now: DeviceGrant.objects.filter(expires__lt=before(now, "grants"))
)
register_rows("messages", _messages)
register_rows(
    "auth_events", lambda now: AuthEvent.objects.filter(created_at__lt=before(now, "auth_events"))
)
register_rows("audit", lambda now: AuditEntry.objects.filter(created_at__lt=before(now, "audit")))
register_rows("console_sessions", lambda now: Session.objects.filter(expire_date__lt=now))
register("signing_keys", drop_retired_keys)
register("users_counted", count_users)
