"""Identities: found by their logins, made, linked, merged and unlinked.

Source: developer guide, "Identity pools: switching identities", API reference, GetId,
MergeDeveloperIdentities, UnlinkIdentity. Which identity survives a merge is inferred: the one that
the caller named if it has logins of its own, else the owner of the first login.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Final

from django.db import IntegrityError
from django.utils import timezone

from identitypools.models import (
    Identity,
    IdentityPool,
    Login,
    identity_by_id,
    login_key,
    login_slot,
    login_with_identity,
    new_identity_id,
    no_such_identity,
    no_such_pool,
)
from userpools.errors import (
    NotAuthorizedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from userpools.models.retry import in_transaction
from userpools.models.stamps import stamps
from userpools.ports import VerifiedLogin

MOST_LOGINS: Final = 20
MOST_REMEMBERED: Final = 100_000
# `last_used_at` is written at most this often, so that asking for credentials writes nothing.
LAST_USED_STEP: Final = timedelta(days=1)
NO_GUESTS: Final = "Unauthenticated access is not supported for this identity pool."
NO_MATCH: Final = (
    "Logins don't match. Please include at least one valid login for this identity or identity "
    "pool."
)


def forbidden(identity_id: str) -> NotAuthorizedException:
    """Make the error for an identity that the call does not prove to speak for."""
    return NotAuthorizedException(f"Access to Identity '{identity_id}' is forbidden.")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A login that is proven, in the form of its row."""

    provider: str
    subject: str
    is_developers: bool = False

    @classmethod
    def of(cls, login: VerifiedLogin) -> "Claimed":
        """Take a verified token's."""
        return cls(login.provider, login.subject)

    @property
    def key(self) -> str:
        """What its row is found by."""
        return login_key(self.provider, self.subject)

    @property
    def slot(self) -> str | None:
        """What an identity has one of."""
        return None if self.is_developers else login_slot(self.provider)


class _PoolOfIdentity:
    """Which pool an identity is of, which never changes: saves a query for each call."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def get(self, identity_id: str) -> str | None:
        return self._known.get(identity_id)

    def put(self, identity_id: str, pool_id: str) -> None:
        with self._lock:
            self._known[identity_id] = pool_id
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)


_pool_of = _PoolOfIdentity()


def pool_of(identity_id: str) -> IdentityPool:
    """Return the pool of an identity; ResourceNotFoundException if there is no such identity."""
    pool_id = _pool_of.get(identity_id)
    if pool_id is None:
        pool_id = find(identity_id).pool_id
        _pool_of.put(identity_id, pool_id)
    try:
        return IdentityPool.cached(pool_id)
    except ResourceNotFoundException as exc:
        raise no_such_identity(identity_id) from exc


def find(identity_id: str) -> Identity:
    """Return an identity's row; ResourceNotFoundException if absent."""
    identity = identity_by_id.first(identity_id) if "\x00" not in identity_id else None
    if identity is None:
        raise no_such_identity(identity_id)
    return identity


# Whom a call speaks for


def for_guest(pool: IdentityPool) -> Identity:
    """Make a new identity without logins; NotAuthorizedException where the pool has no guests."""
    if not pool.allow_unauthenticated:
        raise NotAuthorizedException(NO_GUESTS)
    identity = Identity(id=new_identity_id(pool.region), pool=pool, **stamps())
    try:
        identity.save(force_insert=True)
    except IntegrityError as exc:  # the pool was deleted meanwhile
        raise no_such_pool(pool.pk) from exc
    return identity


def for_logins(pool: IdentityPool, logins: Sequence[VerifiedLogin]) -> Identity:
    """Return the identity of proven logins, made, linked or merged as they want."""
    claimed = [Claimed.of(login) for login in logins]
    return _owner(pool, claimed) or join(pool.pk, claimed)


def for_named(pool: IdentityPool, identity_id: str, logins: Sequence[VerifiedLogin]) -> Identity:
    """Return the identity that a call names, if its proven logins, or none, speak for it.

    The answer is another one where the named one is, or now becomes, part of another.
    """
    if not logins:
        identity = find(identity_id)
        if identity.is_authenticated or identity.is_disabled:
            raise forbidden(identity_id)
        if not pool.allow_unauthenticated:
            raise NotAuthorizedException(NO_GUESTS)
        return identity
    claimed = [Claimed.of(login) for login in logins]
    owner = _owner(pool, claimed)
    if owner is not None and owner.pk == identity_id:
        return owner
    return join(pool.pk, claimed, identity_id=identity_id)


def _owner(pool: IdentityPool, claimed: Sequence[Claimed]) -> Identity | None:
    """Return the identity that has all of these logins already; one query for each."""
    owner: Identity | None = None
    for login in claimed:
        row = login_with_identity.first(pool.pk, login.key)
        if row is None or (owner is not None and row.identity_id != owner.pk):
            return None
        owner = row.identity
    return owner


def touch(identity: Identity) -> None:
    """Note that an identity was used, once a day at most."""
    now = timezone.now()
    if now - identity.last_used_at >= LAST_USED_STEP:
        Identity.objects.filter(pk=identity.pk).update(last_used_at=now)


# Linking and merging


@in_transaction
def join(
    pool_id: str, claimed: Sequence[Claimed], *, identity_id: str = "", is_trusted: bool = False
) -> Identity:
    """Give one identity all of these logins, in one transaction that holds the pool's row.

    `is_trusted` is for the developer's own calls, which may link to any identity of the pool;
    elsewhere one of the logins must be the named identity's already, unless that is a guest.
    Raises NotAuthorizedException, ResourceConflictException and ResourceNotFoundException.
    """
    # Guests may still come meanwhile: their rows only refer to the pool.
    pool = IdentityPool.objects.select_for_update(no_key=True).filter(pk=pool_id).first()
    if pool is None:
        raise no_such_pool(pool_id)
    named = _locked(pool_id, identity_id) if identity_id else None
    owners = _owners(pool_id, claimed)
    if named is not None and named.is_authenticated:
        if named.pk not in {owner.pk for owner in owners} and not is_trusted:
            raise NotAuthorizedException(NO_MATCH)
        target = named
    else:
        target = owners[0] if owners else named or _new(pool)
    # Held, so that it is not deleted under the logins that it gets.
    held = Identity.objects.select_for_update(no_key=True).filter(pk=target.pk)
    if not held.values_list("pk", flat=True).first():
        raise no_such_identity(target.pk)
    for other in [*owners, *([named] if named else [])]:
        if other.pk != target.pk:
            merge(other, target)
    _link(target, claimed)
    return target


def _new(pool: IdentityPool) -> Identity:
    identity = Identity(
        id=new_identity_id(pool.region), pool=pool, is_authenticated=True, **stamps()
    )
    identity.save(force_insert=True)
    return identity


def _locked(pool_id: str, identity_id: str) -> Identity:
    """Return the identity, or the one that it became part of, of this pool alone."""
    identity = Identity.objects.filter(pk=identity_id, pool_id=pool_id).first()
    if identity is None:
        raise no_such_identity(identity_id)
    if identity.merged_into_id is not None:
        identity = Identity.objects.get(pk=identity.merged_into_id)
    return identity


def _owners(pool_id: str, claimed: Sequence[Claimed]) -> list[Identity]:
    """Return the identities that have these logins, in the logins' order, each once."""
    keys = [login.key for login in claimed]
    rows = Login.objects.filter(pool_id=pool_id, key__in=keys).select_related("identity")
    found = {row.key: row.identity for row in rows}
    return list({found[key].pk: found[key] for key in keys if key in found}.values())


def merge(source: Identity, target: Identity) -> None:
    """Move an identity's logins to another one, and disable it; within the pool's lock.

    Raises ResourceConflictException where both have a user of the same public provider, or too
    many logins together.
    """
    if source.pool_id != target.pool_id:
        raise no_such_identity(source.pk)
    logins = list(Login.objects.filter(identity__in=(source, target)))
    slots = [login.slot for login in logins if login.slot is not None]
    if len(set(slots)) != len(slots):
        raise ResourceConflictException("Both identities have a user of the same login provider.")
    if len(logins) > MOST_LOGINS:
        raise ResourceConflictException(f"An identity has at most {MOST_LOGINS} logins.")
    now = timezone.now()
    Login.objects.filter(identity=source).update(identity=target)
    Identity.objects.filter(merged_into=source).update(merged_into=target)
    Identity.objects.filter(pk=source.pk).update(merged_into=target, modified_at=now)
    Identity.objects.filter(pk=target.pk).update(modified_at=now)


def _link(identity: Identity, claimed: Sequence[Claimed]) -> None:
    """Add those of the logins that are new to the identity."""
    present = {login.key: login for login in Login.objects.filter(identity=identity)}
    new = [login for login in claimed if login.key not in present]
    if not new:
        return
    slots = {login.slot for login in present.values()}
    for login in new:
        if login.slot is not None and login.slot in slots:
            raise ResourceConflictException(
                f"The identity has another login of {login.provider} already."
            )
    if len(present) + len(new) > MOST_LOGINS:
        raise ResourceConflictException(f"An identity has at most {MOST_LOGINS} logins.")
    now = timezone.now()
    Login.objects.bulk_create(
        Login(
            pool_id=identity.pool_id,
            identity=identity,
            provider=login.provider,
            subject=login.subject,
            key=login.key,
            slot=login.slot,
            created_at=now,
        )
        for login in new
    )
    identity.is_authenticated = True
    identity.modified_at = now
    Identity.objects.filter(pk=identity.pk).update(is_authenticated=True, modified_at=now)


@in_transaction
def unlink(identity_id: str, rows: Sequence[Login]) -> None:
    """Take logins away; an identity that had some stays out of reach without any."""
    removed, _ = Login.objects.filter(
        identity_id=identity_id, pk__in=[row.pk for row in rows]
    ).delete()
    if removed:
        Identity.objects.filter(pk=identity_id).update(modified_at=timezone.now())


def end_credentials(identity_id: str) -> None:
    """Refuse the identity's credentials that were issued so far, where this server judges them."""
    Identity.objects.filter(pk=identity_id).update(not_before=timezone.now())


def delete(identity_ids: Sequence[str]) -> None:
    """Delete identities with their logins, and what was merged into them."""
    Identity.objects.filter(pk__in=identity_ids).delete()
