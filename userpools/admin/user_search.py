"""The console's search for users: the beginning of a name or contact, or a whole sub."""

import uuid
from contextlib import suppress
from typing import Any

from django.db.models import QuerySet

from userpools import ids
from userpools.models import PoolUser, UserPool
from userpools.models.search_keys import beginning_with, search_key
from userpools.models.user import SEARCH_KEYS


def found(term: str, pool_id: str = "") -> QuerySet[PoolUser, Any]:
    """Return the keys of the users that a term finds, of one pool or of all.

    A union, as each part is a lookup in an index of its own, which begins with the pool; joined by
    OR they would read every user.
    """
    pools: Any = [pool_id] if pool_id else UserPool.objects.values("pk")
    users = PoolUser.objects.order_by().filter(pool_id__in=pools).values("pk")
    keys = {ids.canonical_key(term, case_sensitive=sensitive) for sensitive in (True, False)}
    parts = [users.filter(beginning_with("username_key", key)) for key in sorted(keys)]
    parts += [
        users.filter(beginning_with(SEARCH_KEYS[name], search_key(term)))
        for name in ("email", "phone_number")
    ]
    with suppress(ValueError):
        parts.append(users.filter(sub=uuid.UUID(term)))
    return parts[0].union(*parts[1:])
