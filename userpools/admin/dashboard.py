"""The first page: what is here, whether it is healthy, and what to do."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Q, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from userpools.admin import markup
from userpools.admin.base import MOST_COUNTED
from userpools.admin.navigation import may_see
from userpools.conf import settings
from userpools.models import (
    AccessKey,
    AppClient,
    AuditEntry,
    AuthEvent,
    Message,
    MessageState,
    PoolUser,
    UserPool,
)

DAYS = 14
# The chart reads the newest events up to this many, so that a busy server's page opens at once.
MOST_CHARTED = 50_000
KEPT_SECONDS = 60
LATE = timedelta(minutes=5)
# Legible on both grounds.
GREY = "#7c8698"
CHART_OPTIONS = json.dumps(
    {
        "maintainAspectRatio": False,
        "plugins": {
            "legend": {"display": True, "align": "end", "labels": {"boxWidth": 10, "color": GREY}}
        },
        "scales": {
            "x": {
                "stacked": True,
                "grid": {"display": False},
                "ticks": {"maxRotation": 0, "color": GREY},
            },
            "y": {
                "stacked": True,
                "beginAtZero": True,
                "ticks": {"precision": 0, "maxTicksLimit": 6, "color": GREY},
            },
        },
    }
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A number and where it leads."""

    title: str
    value: str
    note: str
    address: str
    icon: str


@dataclass(frozen=True, slots=True)
class Check:
    """Something that is well, or what to do about it."""

    title: str
    text: str
    tone: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a newcomer does, and whether it is done."""

    title: str
    text: str
    is_done: bool
    address: str
    button: str


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the overview to the index page's context, each part for those who may see its list."""
    recent = _recent_sign_ins() if may_see(request, AuthEvent) else None
    context.update(
        {
            "title": "Overview",
            "tiles": _tiles(request),
            "checks": _checks(request),
            "steps": _steps(request),
            "chart": recent,
            "endpoint": settings.PUBLIC_URL,
            "acts": _acts(request),
        }
    )
    return context


def _limited(rows: Any, limit: int = MOST_COUNTED) -> str:
    return markup.counted(rows[: limit + 1].count(), limit)


def _tiles(request: HttpRequest) -> list[Tile]:
    tiles = []
    if may_see(request, UserPool):
        totals = UserPool.objects.aggregate(pools=Count("pk"), users=Sum("user_count"))
        protected = UserPool.objects.filter(deletion_protection="ACTIVE").count()
        tiles.append(
            Tile(
                "User pools",
                f"{totals['pools']:,}",
                f"{protected:,} protected",
                markup.list_of(UserPool),
                "pool",
            )
        )
        if may_see(request, PoolUser):
            tiles.append(
                Tile(
                    "Users",
                    f"{totals['users'] or 0:,}",
                    "in all pools",
                    markup.list_of(PoolUser),
                    "person",
                )
            )
    if may_see(request, AppClient):
        tiles.append(
            Tile(
                "App clients",
                _limited(AppClient.objects.all()),
                "sign users in",
                markup.list_of(AppClient),
                "apps",
            )
        )
    if may_see(request, AccessKey):
        keys = AccessKey.objects.filter(is_active=True)
        if not request.user.is_superuser:
            keys = keys.filter(operator__username=request.user.get_username())
        tiles.append(
            Tile("Access keys", _limited(keys), "active", markup.list_of(AccessKey), "key")
        )
    return tiles


def _checks(request: HttpRequest) -> list[Check]:
    checks = [_database()]
    if may_see(request, Message):
        checks.extend(_delivery())
    if may_see(request, UserPool):
        checks.append(_keys())
    return checks


def _database() -> Check:
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(
        connection.vendor, connection.vendor
    )
    several = (
        "Redis shares limits between processes."
        if settings.REDIS_URL
        else "No Redis: one web process."
    )
    return Check("Database", f"{name} answers. {several}", "good")


def _delivery() -> list[Check]:
    late = Message.objects.filter(state=MessageState.DUE, due_at__lt=timezone.now() - LATE)
    failed = Message.objects.filter(
        state=MessageState.FAILED, created_at__gte=timezone.now() - timedelta(days=7)
    )
    checks = []
    if late.exists():
        text = f"Waiting for more than five minutes: {_limited(late, 1000)}. Is the worker running?"
        checks.append(Check("Messages", text, "warn", markup.list_of(Message, "state__exact=due")))
    if failed.exists():
        text = f"Failed in the last seven days: {_limited(failed, 1000)}."
        checks.append(
            Check("Messages", text, "bad", markup.list_of(Message, "state__exact=failed"))
        )
    return checks or [
        Check("Messages", "Nothing waits, nothing failed.", "good", markup.list_of(Message))
    ]


def _keys() -> Check:
    healthy = Count("signing_keys", filter=Q(signing_keys__is_active=True))
    lacking = UserPool.objects.annotate(active=healthy).filter(active__lt=2)[:6].count()
    if lacking:
        return Check(
            "Signing keys",
            "Some pools lack an active key. Rotate their keys.",
            "bad",
            markup.list_of(UserPool),
        )
    return Check("Signing keys", "Every pool has its two.", "good")


def _steps(request: HttpRequest) -> list[Step]:
    """Return the first steps, as long as one of them is open; for those who may do them all."""
    if not request.user.is_superuser:
        return []
    done = (UserPool.objects.exists(), AppClient.objects.exists(), AccessKey.objects.exists())
    if all(done):
        return []
    return [
        Step(
            "Create a user pool",
            "A directory of users with its own sign-in rules and tokens.",
            done[0],
            reverse("admin:userpools_userpool_add"),
            "Create a pool",
        ),
        Step(
            "Add an app client",
            "What your program signs users in with.",
            done[1],
            reverse("admin:userpools_appclient_add"),
            "Add a client",
        ),
        Step(
            "Make an access key",
            "What your server's AWS SDK signs administrative calls with.",
            done[2],
            reverse("admin:userpools_accesskey_add"),
            "Make a key",
        ),
    ]


def _recent_sign_ins() -> dict[str, Any]:
    """Count passed and failed sign-ins by day; kept for a minute, as several people look."""
    key = "console:sign-ins"
    counts: dict[str, Any] | None = cache.get(key)
    if counts is None:
        counts = _count_sign_ins(timezone.now())
        cache.set(key, counts, KEPT_SECONDS)
    return counts


def _count_sign_ins(now: datetime) -> dict[str, Any]:
    first = now.date() - timedelta(days=DAYS - 1)
    days = [first + timedelta(days=number) for number in range(DAYS)]
    newest = AuthEvent.objects.filter(
        event_type="SignIn", created_at__gte=_midnight(first)
    ).order_by("-created_at")
    counts = newest[:MOST_CHARTED].aggregate(
        total=Count("pk"),
        **{
            f"{outcome}_{number}": Count("pk", filter=Q(outcome=outcome, created_at__date=day))
            for outcome in ("Pass", "Fail")
            for number, day in enumerate(days)
        },
    )
    passed = [counts[f"Pass_{number}"] for number in range(DAYS)]
    failed = [counts[f"Fail_{number}"] for number in range(DAYS)]
    return {
        "data": _chart([f"{day:%d %b}" for day in days], passed, failed),
        "options": CHART_OPTIONS,
        "passed": sum(passed),
        "failed": sum(failed),
        "is_cut": counts["total"] >= MOST_CHARTED,
        "limit": MOST_CHARTED,
    }


def _chart(labels: list[str], passed: list[int], failed: list[int]) -> str:
    shape = {"borderRadius": 3, "maxBarThickness": 26, "stack": "sign-ins"}
    return json.dumps(
        {
            "labels": labels,
            "datasets": [
                {
                    "label": "Passed",
                    "data": passed,
                    "backgroundColor": "var(--color-primary-600)",
                    **shape,
                },
                {"label": "Failed", "data": failed, "backgroundColor": "#d1495b", **shape},
            ],
        }
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def _acts(request: HttpRequest) -> list[AuditEntry]:
    if not may_see(request, AuditEntry):
        return []
    return list(AuditEntry.objects.defer("before", "after")[:8])
