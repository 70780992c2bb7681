"""Finding a user by what a person types: username, alias, or sub."""

import hashlib
import uuid

from userpools import ids
from userpools.errors import UserNotFoundException
from userpools.models import PoolUser, UserPool
from userpools.models.user import alias_with_user, user_by_name, user_by_sub

# Longer names are nobody's: an attribute has at most this many characters. Normalizing is quadratic
# in the worst case, so what strangers send is measured first.
LONGEST_NAME = 2048
LONGEST_KEY_BYTES = 256


def canonical(pool: UserPool, name: str) -> str:
    """Return the key under which a name is looked up in this pool."""
    return ids.canonical_key(name, case_sensitive=pool.case_sensitive)


def short_key(pool: UserPool, name: str) -> str:
    """Return the canonical key, or a digest of one that is too long to travel in a session."""
    key = canonical(pool, name) if len(name) <= LONGEST_NAME else name
    encoded = key.encode()
    return key if len(encoded) <= LONGEST_KEY_BYTES else f"#{hashlib.sha256(encoded).hexdigest()}"


def find_user_or_none(pool: UserPool, name: str) -> PoolUser | None:
    """Return the user that `name` means: the username first, then aliases, then the sub.

    One query, and a second for a name that has the form of a sub. Source: API reference,
    InitiateAuth, USERNAME: username, alias attribute or sub.
    """
    if len(name) > LONGEST_NAME:
        return None
    sub = as_sub(name)
    # In pools with aliases usernames are among them; in pools of e-mail and phone they are subs.
    if pool.alias_attributes or (pool.username_attributes and sub is None):
        user = _by_alias(pool, name)
    else:
        user = user_by_name.first(pool.pk, canonical(pool, name))
    if user is None and sub is not None:
        user = user_by_sub.first(pool.pk, sub)
    if user is not None:
        user.pool = pool
    return user


def _by_alias(pool: UserPool, name: str) -> PoolUser | None:
    alias = alias_with_user.first(pool.pk, canonical(pool, name))
    return alias.user if alias else None


def as_sub(name: str) -> uuid.UUID | None:
    """Return the sub that a name spells; None for any other text."""
    try:
        sub = uuid.UUID(name)
    except ValueError:
        return None
    return sub if str(sub) == name else None


def find_user(pool: UserPool, name: str) -> PoolUser:
    """Return the user that `name` means; UserNotFoundException if there is none."""
    user = find_user_or_none(pool, name)
    if user is None:
        raise UserNotFoundException("User does not exist.")
    return user


def locked(user: PoolUser) -> PoolUser:
    """Read the row again and lock it until the transaction ends; UserNotFoundException if gone."""
    row = PoolUser.objects.select_for_update().filter(pk=user.pk).first()
    if row is None:
        raise UserNotFoundException("User does not exist.")
    row.pool = user.pool
    return row
