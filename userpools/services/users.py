"""The one place where users are created, changed and ended; names and aliases stay unique here."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from userpools.audit import Actor, act, insert_act, insert_event, record_act
from userpools.errors import (
    AliasExistsException,
    AwsError,
    InvalidParameterException,
    NotAuthorizedException,
    UsernameExistsException,
)
from userpools.models import (
    AuditEntry,
    AuthEvent,
    BrowserSession,
    PoolUser,
    UserAlias,
    UserPool,
    UserStatus,
)
from userpools.models.retry import in_transaction
from userpools.models.stamps import stamps
from userpools.models.statements import Together
from userpools.models.user import confirm_user, insert_user
from userpools.services import attributes as attribute_rules
from userpools.services import codes
from userpools.services.attributes import VERIFIED_FLAGS, Attributes
from userpools.services.lookup import as_sub, canonical, find_user_or_none, locked

CONTACTS = {"email": attribute_rules.is_email, "phone_number": attribute_rules.is_phone}
USERNAME_SHAPE = {
    ("email",): "Username should be an email.",
    ("phone_number",): "Username should be a phone number.",
    ("email", "phone_number"): "Username should be either an email or a phone number.",
}
# In bytes: what an index holds. Folding may make a key longer than its value.
LONGEST_ALIAS = 2048

insert_audited = Together(insert_user, insert_act)
insert_witnessed = Together(insert_user, insert_event)
confirm_audited = Together(confirm_user, insert_act)


class NameTaken(AwsError):
    """Somebody has the username as an alias; never leaves this module."""


@dataclass(frozen=True, slots=True)
class PasswordRecord:
    """A password as it is kept: its form, what was derived from it, and when it was set."""

    form: str
    salt: str
    pool_name: str
    sealed: bytes
    set_at: datetime

    def columns(self) -> dict[str, Any]:
        """Return the user columns to write."""
        return {
            "password_form": self.form,
            "password_salt": self.salt,
            "password_pool_name": self.pool_name,
            "password_sealed": self.sealed,
            "password_set_at": self.set_at,
        }


@dataclass(frozen=True, slots=True)
class NewName:
    """What a new user is called: canonical username, sub, and the attributes it implies."""

    username: str
    sub: uuid.UUID
    attributes: Attributes


def new_name(pool: UserPool, typed: str, attributes: Attributes) -> NewName:
    """Choose username and sub for a name typed at sign-up or by an administrator.

    In pools where people sign in with e-mail or phone, the name is a fresh UUID and what was typed
    becomes the attribute. Raises InvalidParameterException for a name of the wrong shape.
    """
    sub = uuid.uuid4()
    if pool.username_attributes:
        kind = _contact_kind(pool.username_attributes, typed)
        return NewName(str(sub), sub, {**attributes, kind: typed})
    for kind, words in (("email", "email"), ("phone_number", "phone number")):
        if kind in pool.alias_attributes and CONTACTS[kind](typed):
            raise InvalidParameterException(
                f"Username cannot be of {words} format, since user pool is configured for"
                f" {words} alias."
            )
    return NewName(typed, sub, dict(attributes))


def _contact_kind(allowed: list[str], typed: str) -> str:
    for kind in ("email", "phone_number"):
        if kind in allowed and CONTACTS[kind](typed):
            return kind
    raise InvalidParameterException(USERNAME_SHAPE[tuple(sorted(allowed))])


def create_user(
    pool: UserPool,
    name: NewName,
    *,
    status: UserStatus,
    password: PasswordRecord | None = None,
    force_alias: bool = False,
    taken_message: str = "User already exists",
    entry: AuditEntry | None = None,
    event: AuthEvent | None = None,
    mfa_methods: str = "",
) -> PoolUser:
    """Insert the user with its aliases, and the audit entry or event there is: all or nothing.

    Raises UsernameExistsException or AliasExistsException; the database's constraints decide. With
    `force_alias` a verified contact moves here from the user who had it.
    """
    user = PoolUser(
        pool=pool,
        sub=name.sub,
        username=name.username,
        username_key=canonical(pool, name.username),
        status=status,
        attributes=attribute_rules.merged({}, name.attributes),
        mfa_methods=mfa_methods,
        **(password.columns() if password else {}),
        **stamps(),
    )
    if not pool.username_attributes:
        _refuse_anothers_sub(user, user.username_key, UsernameExistsException(taken_message))
    try:
        if not (pool.alias_attributes or pool.username_attributes):
            _insert(user, entry, event)
        else:
            _insert_with_aliases(user, entry, event, force_alias=force_alias)
    except IntegrityError as exc:
        raise UsernameExistsException(taken_message) from exc
    except NameTaken as exc:
        raise UsernameExistsException(taken_message) from exc
    return user


def _insert(user: PoolUser, entry: AuditEntry | None, event: AuthEvent | None) -> None:
    if entry is not None:
        insert_audited.run((user,), entry)
    elif event is None:
        insert_user.run(user)
    elif transaction.get_connection().in_atomic_block:
        # One after the other: together they would take a savepoint of their own there.
        insert_user.run(user)
        insert_event.run(event)
    else:
        insert_witnessed.run((user,), event)


@in_transaction
def _insert_with_aliases(
    user: PoolUser, entry: AuditEntry | None, event: AuthEvent | None, *, force_alias: bool
) -> None:
    _insert(user, entry, event)
    sync_aliases(user, force=force_alias, creating=True)


def _refuse_anothers_sub(user: PoolUser, key: str, error: AwsError) -> None:
    """Keep a name from shadowing somebody's sub, which finds users too. Subs never change.

    It is the name's key that would be found first, so that no spelling of a sub gets by.
    """
    sub = as_sub(key)
    if sub is None:
        return
    others = PoolUser.objects.exclude(pk=user.pk)
    if others.filter(pool_id=user.pool_id, sub=sub).exists():
        raise error


def wanted_aliases(user: PoolUser) -> dict[str, str]:
    """Return the keys, by kind, that must sign this user in besides the username."""
    pool, present = user.pool, user.attributes
    if pool.username_attributes:
        return {
            kind: canonical(pool, present[kind])
            for kind in pool.username_attributes
            if present.get(kind)
        }
    wanted = {}
    for kind in pool.alias_attributes:
        flag = VERIFIED_FLAGS.get(kind)
        if present.get(kind) and (flag is None or present.get(flag) == "true"):
            wanted[kind] = canonical(pool, present[kind])
    if not pool.alias_attributes:
        return {}
    # Usernames share the aliases' name space, so that nobody takes another's name as an alias;
    # one's own is there already.
    others = {kind: key for kind, key in wanted.items() if key != user.username_key}
    return {"username": user.username_key, **others}


def sync_aliases(user: PoolUser, *, force: bool = False, creating: bool = False) -> None:
    """Make the alias rows what the user's attributes say, in the caller's transaction."""
    if not (user.pool.alias_attributes or user.pool.username_attributes):
        return
    wanted = wanted_aliases(user)
    present = {} if creating else {alias.kind: alias for alias in user.aliases.all()}
    for kind, alias in present.items():
        if kind not in wanted:
            alias.delete()
    for kind, key in wanted.items():
        known = present.get(kind)
        if known is None or known.key != key:
            _own(user, kind, key, known=known, force=force)


def _own(user: PoolUser, kind: str, key: str, *, known: UserAlias | None, force: bool) -> None:
    if force and kind in VERIFIED_FLAGS and user.pool.alias_attributes:
        _take_over(user, kind, key)
    if kind == "preferred_username":
        _refuse_anothers_sub(user, key, _taken(user.pool, kind))
    if len(key.encode()) > LONGEST_ALIAS:
        raise InvalidParameterException(
            f"{attribute_rules.SCHEMA_ERROR}{kind}: "
            f"String must be no longer than {LONGEST_ALIAS} characters\n"
        )
    row = known or UserAlias(pool=user.pool, user=user, kind=kind)
    row.key = key
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as exc:
        raise _taken(user.pool, kind) from exc


def _taken(pool: UserPool, kind: str) -> AwsError:
    if kind == "username":
        return NameTaken()
    if pool.username_attributes:
        return UsernameExistsException(f"An account with the given {kind} already exists.")
    return AliasExistsException(f"An account with the {kind} already exists.")


def refuse_taken(pool: UserPool, name: NewName) -> None:
    """Raise UsernameExistsException if somebody has the name; whoever creates users asks the
    constraints, which `create_user` does.
    """
    if not pool.username_attributes:
        if find_user_or_none(pool, name.username):
            raise UsernameExistsException
        return
    for kind in pool.username_attributes:
        value = name.attributes.get(kind)
        if value and find_user_or_none(pool, value):
            raise _taken(pool, kind)


def _take_over(user: PoolUser, kind: str, key: str) -> None:
    """Move an alias away from the user who has it; the value stays theirs, unverified."""
    aliases = UserAlias.objects.filter(pool_id=user.pool_id, key=key, kind=kind)
    alias = aliases.exclude(user_id=user.pk).first()
    if alias is None:
        return
    # The owner first, as everybody who changes aliases does, and the alias under that lock.
    owner = PoolUser.objects.select_for_update().filter(pk=alias.user_id).first()
    moved, _ = aliases.filter(pk=alias.pk).delete()
    if owner is None or not moved:
        return
    owner.attributes = {**owner.attributes, VERIFIED_FLAGS[kind]: "false"}
    owner.modified_at = timezone.now()
    owner.save(update_fields=["attributes", "modified_at"])


@in_transaction
def write_attributes(user: PoolUser, changes: Attributes, *, force_alias: bool = False) -> PoolUser:
    """Write checked attribute changes under the row's lock; return the row as it is now.

    Sends nothing: see `contacts.write`. AliasExistsException when an alias is taken.
    """
    row = locked(user)
    write_locked(row, changes, force_alias=force_alias)
    return row


def write_locked(row: PoolUser, changes: Attributes, *, force_alias: bool = False) -> None:
    """Write checked attribute changes to a row that the caller's transaction has locked.

    Codes for a contact that changes are void from then on. AliasExistsException when an alias is
    taken; with `force_alias`, a verified contact moves here from the user who had it.
    """
    present, aliases = row.attributes, wanted_aliases(row)
    row.attributes = attribute_rules.merged(present, changes)
    row.modified_at = timezone.now()
    row.save(update_fields=["attributes", "modified_at"])
    former = {
        contact: present.get(contact, "")
        for contact in VERIFIED_FLAGS
        if contact in changes and changes[contact] != present.get(contact)
    }
    if former:
        codes.void(row, former)
    if wanted_aliases(row) == aliases:
        return
    try:
        sync_aliases(row, force=force_alias)
    except UsernameExistsException as exc:
        raise AliasExistsException(exc.message) from exc


def _act(user: PoolUser, actor: Actor, action: str, before: Any = None, after: Any = None) -> None:
    record_act(
        actor, action, pool_id=user.pool_id, resource=user.username, before=before, after=after
    )


def set_enabled(user: PoolUser, *, enabled: bool, actor: Actor) -> None:
    """Enable or disable; disabling ends every session, for good."""
    with transaction.atomic():
        PoolUser.objects.filter(pk=user.pk).update(
            enabled=enabled,
            modified_at=timezone.now(),
            epoch=F("epoch") if enabled else F("epoch") + 1,
        )
        action = "AdminEnableUser" if enabled else "AdminDisableUser"
        _act(user, actor, action, {"Enabled": user.enabled}, {"Enabled": enabled})


def enable(user: PoolUser, *, actor: Actor) -> None:
    """Let the user sign in again; sessions that a disable ended stay dead."""
    set_enabled(user, enabled=True, actor=actor)


def disable(user: PoolUser, *, actor: Actor) -> None:
    """Keep the user from signing in and end every session."""
    set_enabled(user, enabled=False, actor=actor)


def sign_out_everywhere(user: PoolUser, *, actor: Actor | None = None) -> None:
    """End every session: refresh tokens die, access tokens are refused. Audited for an actor."""
    with transaction.atomic():
        PoolUser.objects.filter(pk=user.pk).update(epoch=F("epoch") + 1)
        # The hosted pages' session is the browser's and stays, as the service has it.
        carried = BrowserSession.objects.filter(
            user=user, ended_at__isnull=True, user__epoch=F("user_epoch") + 1
        )
        carried.update(user_epoch=F("user_epoch") + 1)
        if actor is not None:
            _act(user, actor, "AdminUserGlobalSignOut")


def confirm(user: PoolUser, *, actor: Actor) -> None:
    """Confirm a user without a code; NotAuthorizedException unless UNCONFIRMED."""
    entry = act(actor, "AdminConfirmSignUp", pool_id=user.pool_id, resource=user.username)
    if not confirm_audited.run((timezone.now(), user.pk), entry):
        with transaction.atomic():
            row = locked(user)
        raise NotAuthorizedException(f"User cannot be confirmed. Current status is {row.status}")


@in_transaction
def delete(user: PoolUser, *, actor: Actor | None = None) -> None:
    """Delete the user and all that hangs on it; the name is free at once. Audited for an actor."""
    # Locked before what hangs on it, as everybody does who changes a user.
    row = locked(user)
    if actor is not None:
        _act(row, actor, "AdminDeleteUser")
    row.delete()
