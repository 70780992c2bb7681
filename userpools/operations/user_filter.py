"""ListUsers' filter: `attribute = "value"` or `attribute ^= "value"`, nothing more.

Source: developer guide, "Searching for and listing user accounts"; API reference, ListUsers.
"""

import re
import uuid
from typing import Any

from django.db.models import QuerySet, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Left, Upper

from userpools.errors import InvalidParameterException
from userpools.models import PoolUser, UserPool, UserStatus
from userpools.models.user import SEARCHABLE

GRAMMAR = re.compile(r'\s*"?([\w:]+)"?\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*')


def parse_filter(pool: UserPool, text: str) -> QuerySet[PoolUser]:
    """Return the users of the pool that the filter selects; everyone for an empty one.

    Raises InvalidParameterException for bad grammar or an attribute that cannot be searched.
    """
    users = PoolUser.objects.filter(pool_id=pool.pk).defer("password_sealed")
    if not text.strip():
        return users.order_by("username_key")
    match = GRAMMAR.fullmatch(text)
    if match is None:
        raise InvalidParameterException("Error while parsing filter")
    name, operator, value = match.groups()
    value = re.sub(r"\\(.)", r"\1", value)
    prefix = operator == "^="
    if name in SEARCHABLE:
        return _by_attribute(users, name, value, prefix=prefix)
    by = {
        "username": _by_username,
        "sub": _by_sub,
        "status": _by_enabled,
        "cognito:user_status": _by_status,
    }
    if name not in by:
        raise InvalidParameterException(f"Invalid search attribute: {name}")
    return by[name](pool, users, value, prefix=prefix)


def _by_attribute(
    users: QuerySet[PoolUser], name: str, value: str, *, prefix: bool
) -> QuerySet[PoolUser]:
    lookup: Any = Upper(KeyTextTransform(name, "attributes"))
    users = users.annotate(sought=lookup).filter(**{f"attributes__{name}__isnull": False})
    comparison = "sought__startswith" if prefix else "sought"
    # Both sides go through the database's own Upper, so that they agree on every letter.
    wanted: Any = value.upper() if value.isascii() else Upper(Value(value))
    return users.filter(**{comparison: wanted}).order_by("sought", "id")


def _by_username(
    pool: UserPool, users: QuerySet[PoolUser], value: str, *, prefix: bool
) -> QuerySet[PoolUser]:
    if not prefix:
        return users.filter(username=value).order_by("username_key")
    if value:
        # SQLite's LIKE ignores case; the head itself does not.
        users = users.annotate(head=Left("username", len(value))).filter(head=value)
    return users.filter(username__startswith=value).order_by("username_key")


def _by_sub(
    pool: UserPool, users: QuerySet[PoolUser], value: str, *, prefix: bool
) -> QuerySet[PoolUser]:
    low, high = _uuid_range(value.lower()) if prefix else (_uuid(value.lower()),) * 2
    if low is None or high is None:
        return users.none().order_by("sub")
    return users.filter(sub__gte=low, sub__lte=high).order_by("sub")


def _uuid(text: str) -> uuid.UUID | None:
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text else None


def _uuid_range(prefix: str) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    shape = "00000000-0000-0000-0000-000000000000"
    if len(prefix) > len(shape):
        return None, None
    rest = shape[len(prefix) :]
    return _uuid(prefix + rest), _uuid(prefix + rest.replace("0", "f"))


def _by_enabled(
    pool: UserPool, users: QuerySet[PoolUser], value: str, *, prefix: bool
) -> QuerySet[PoolUser]:
    wanted = [
        flag
        for text, flag in (("Enabled", True), ("Disabled", False))
        if (text.startswith(value) if prefix else text == value)
    ]
    return users.filter(enabled__in=wanted).order_by("username_key")


def _by_status(
    pool: UserPool, users: QuerySet[PoolUser], value: str, *, prefix: bool
) -> QuerySet[PoolUser]:
    value = value.upper()
    wanted = [
        status for status in UserStatus if (status.startswith(value) if prefix else status == value)
    ]
    return users.filter(status__in=wanted).order_by("username_key")
