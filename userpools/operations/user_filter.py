"""ListUsers' filter: `attribute = "value"` or `attribute ^= "value"`, nothing more.

Every query here is one walk along an index of PoolUser, in the order of its pages: it costs the
same in a pool of a million users and on a deep page. Where a filter fixes a column, it says so by a
range, and the column stays in the order: were it known to order nothing, the planner might walk
another index in the order of what is left, past every user that the filter refuses.

Source: developer guide, "Searching for and listing user accounts"; API reference, ListUsers.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from userpools.errors import InvalidParameterException
from userpools.models import PoolUser, UserPool, UserStatus
from userpools.models.search_keys import before_end_of, beginning_with, search_key
from userpools.models.user import SEARCH_KEYS
from userpools.paging import Keys

GRAMMAR = re.compile(r'\s*"?([\w:]+)"?\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
# What UserType shows; the rest of a row stays in the database.
SHOWN = (
    "username",
    "sub",
    "attributes",
    "created_at",
    "modified_at",
    "enabled",
    "status",
    "mfa_methods",
)
ENABLED = {"Enabled": True, "Disabled": False}

Users = QuerySet[PoolUser]


@dataclass(frozen=True, slots=True)
class Search:
    """Users in the order of their pages, and the key before which none is wanted."""

    users: Users
    start: Keys | None = None


def parse_filter(pool: UserPool, text: str) -> Search:
    """Return the users of the pool that the filter selects; everyone for an empty one.

    Raises InvalidParameterException for bad grammar or an attribute that cannot be searched.
    """
    users = PoolUser.objects.filter(pool_id=pool.pk)
    if not text.strip():
        return _by_name(users)
    match = GRAMMAR.fullmatch(text)
    if match is None:
        raise InvalidParameterException("Error while parsing filter")
    name, operator, value = match.groups()
    value = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
    if name not in SEARCH_KEYS and name not in OTHERS:
        raise InvalidParameterException(f"Invalid search attribute: {name}")
    prefix = operator == "^="
    if name in OTHERS:
        return OTHERS[name](users, value, prefix)
    return _by_key(users, SEARCH_KEYS[name], search_key(value), prefix=prefix)


def _in_order(users: Users, *order: str, start: Keys | None = None) -> Search:
    return Search(users.order_by(*order).only(*SHOWN, *order), start)


def _by_name(users: Users) -> Search:
    return _in_order(users, "username_key")


def _by_key(users: Users, column: str, key: str, *, prefix: bool) -> Search:
    end = before_end_of(column, key) if prefix else Q(**{f"{column}__lte": key})
    # The start stands for the other bound, so that it is not counted twice on later pages.
    return _in_order(users.filter(end), column, "id", start=[key, 0])


def _matches(text: str, value: str, *, prefix: bool) -> bool:
    return text.startswith(value) if prefix else text == value


def _by_username(users: Users, value: str, prefix: bool) -> Search:
    if not prefix:
        return _by_name(users.filter(username=value))
    # One column is enough: two users of one name would have one key.
    return _in_order(users.filter(beginning_with("username", value)), "username")


def _by_sub(users: Users, value: str, prefix: bool) -> Search:
    value = search_key(value)
    low, high = _uuid_range(value) if prefix else (_uuid(value), _uuid(value))
    if low is None or high is None:
        return _by_name(users.none())
    return _in_order(users.filter(sub__gte=low, sub__lte=high), "sub")


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


def _by_enabled(users: Users, value: str, prefix: bool) -> Search:
    wanted = [flag for text, flag in ENABLED.items() if _matches(text, value, prefix=prefix)]
    if not wanted:
        return _by_name(users.none())
    # No two begin alike: more than one are all, of the empty prefix. So it is with statuses.
    return _by_name(users if len(wanted) > 1 else users.filter(enabled=wanted[0]))


def _by_status(users: Users, value: str, prefix: bool) -> Search:
    value = search_key(value)
    wanted = [one for one in UserStatus if _matches(search_key(one), value, prefix=prefix)]
    if not wanted:
        return _by_name(users.none())
    if len(wanted) > 1:
        return _by_name(users)
    (status,) = wanted
    users = users.filter(status__lte=status)
    return _in_order(users, "status", "username_key", start=[status, ""])


OTHERS: dict[str, Callable[[Users, str, bool], Search]] = {
    "username": _by_username,
    "sub": _by_sub,
    "status": _by_enabled,
    "cognito:user_status": _by_status,
}
