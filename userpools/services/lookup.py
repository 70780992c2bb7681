"""Finding a user by what a person types: username, alias, or sub."""

import uuid

from userpools import ids
from userpools.errors import UserNotFoundException
from userpools.models import PoolUser, UserAlias, UserPool


def canonical(pool: UserPool, name: str) -> str:
    """Return the key under which a name is looked up in this pool."""
    return ids.canonical_key(name, case_sensitive=pool.case_sensitive)


def find_user_or_none(pool: UserPool, name: str) -> PoolUser | None:
    """Return the user that `name` means: the username first, then aliases, then the sub.

    Source: API reference, InitiateAuth, USERNAME: username, alias attribute or sub.
    """
    user = PoolUser.objects.named(pool, name).first()
    if user is None and (pool.alias_attributes or pool.username_attributes):
        alias = (
            UserAlias.objects.filter(pool_id=pool.pk, key=canonical(pool, name))
            .select_related("user")
            .first()
        )
        user = alias.user if alias else None
    if user is None:
        user = _by_sub(pool, name)
    if user is not None:
        user.pool = pool
    return user


def _by_sub(pool: UserPool, name: str) -> PoolUser | None:
    try:
        sub = uuid.UUID(name)
    except ValueError:
        return None
    if str(sub) != name:
        return None
    return PoolUser.objects.filter(pool_id=pool.pk, sub=sub).first()


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
