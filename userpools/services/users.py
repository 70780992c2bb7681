"""The one place where users are created, changed and ended; names and aliases stay unique here."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from userpools.audit import Actor, record_act
from userpools.errors import (
    AliasExistsException,
    AwsError,
    InvalidParameterException,
    NotAuthorizedException,
    UsernameExistsException,
)
from userpools.models import PoolUser, UserAlias, UserPool, UserStatus
from userpools.models.user import insert_user
from userpools.services import attributes as attribute_rules
from userpools.services.attributes import VERIFIED_FLAGS, Attributes
from userpools.services.lookup import as_sub, canonical, locked

CONTACTS = {"email": attribute_rules.is_email, "phone_number": attribute_rules.is_phone}
USERNAME_SHAPE = {
    ("email",): "Username should be an email.",
    ("phone_number",): "Username should be a phone number.",
    ("email", "phone_number"): "Username should be either an email or a phone number.",
}


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
) -> PoolUser:
    """Insert the user with its aliases in one transaction.

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
        **(password.columns() if password else {}),
    )
    if not pool.username_attributes:
        _refuse_anothers_sub(user, name.username, UsernameExistsException(taken_message))
    try:
        # No savepoint: what fails here ends the caller's transaction too.
        with transaction.atomic(savepoint=False):
            insert_user.run(user)
            sync_aliases(user, force=force_alias, creating=True)
    except IntegrityError as exc:
        raise UsernameExistsException(taken_message) from exc
    except NameTaken as exc:
        raise UsernameExistsException(taken_message) from exc
    return user


def _refuse_anothers_sub(user: PoolUser, name: str, error: AwsError) -> None:
    """Keep a name from shadowing somebody's sub, which finds users too. Subs never change."""
    sub = as_sub(name)
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
    # Usernames share the aliases' name space, so that nobody takes another's name as an alias.
    return {"username": user.username_key, **wanted} if pool.alias_attributes else {}


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
        _refuse_anothers_sub(user, user.attributes[kind], _taken(user.pool, kind))
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


def _take_over(user: PoolUser, kind: str, key: str) -> None:
    """Move an alias away from the user who has it; the value stays theirs, unverified."""
    alias = (
        UserAlias.objects.select_for_update()
        .filter(pool_id=user.pool_id, key=key, kind=kind)
        .exclude(user_id=user.pk)
        .first()
    )
    if alias is None:
        return
    owner = PoolUser.objects.select_for_update().get(pk=alias.user_id)
    owner.attributes = {**owner.attributes, VERIFIED_FLAGS[kind]: "false"}
    owner.modified_at = timezone.now()
    owner.save(update_fields=["attributes", "modified_at"])
    alias.delete()


def write_attributes(user: PoolUser, changes: Attributes, *, force_alias: bool = False) -> PoolUser:
    """Write checked attribute changes under the row's lock; return the row as it is now.

    Runs in a transaction of its own or the caller's. AliasExistsException when an alias is taken.
    """
    with transaction.atomic():
        row = locked(user)
        row.attributes = attribute_rules.merged(row.attributes, changes)
        row.modified_at = timezone.now()
        row.save(update_fields=["attributes", "modified_at"])
        try:
            sync_aliases(row, force=force_alias)
        except UsernameExistsException as exc:
            raise AliasExistsException(exc.message) from exc
    return row


def delete_attributes(user: PoolUser, names: list[str]) -> PoolUser:
    """Remove attributes; InvalidParameterException for required or reserved ones."""
    schema = user.pool.schema_by_name
    for name in names:
        if name not in schema:
            raise InvalidParameterException(
                f"{attribute_rules.SCHEMA_ERROR}{name}: Attribute does not exist in the schema.\n"
            )
        definition = schema[name]
        if (
            definition.get("Required")
            or name in user.pool.username_attributes
            or name in attribute_rules.RESERVED
        ):
            raise InvalidParameterException(f"user.{name}: Attribute cannot be deleted.\n")
        if not definition.get("Mutable", True):
            raise InvalidParameterException(f"user.{name}: Attribute cannot be updated.\n")
    return write_attributes(user, dict.fromkeys(names, ""))


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
        if actor is not None:
            _act(user, actor, "AdminUserGlobalSignOut")


def confirm(user: PoolUser, *, actor: Actor) -> None:
    """Confirm a user without a code; NotAuthorizedException unless UNCONFIRMED."""
    with transaction.atomic():
        changed = PoolUser.objects.filter(pk=user.pk, status=UserStatus.UNCONFIRMED).update(
            status=UserStatus.CONFIRMED, modified_at=timezone.now()
        )
        if not changed:
            row = locked(user)
            raise NotAuthorizedException(
                f"User cannot be confirmed. Current status is {row.status}"
            )
        _act(user, actor, "AdminConfirmSignUp")


def delete(user: PoolUser, *, actor: Actor | None = None) -> None:
    """Delete the user and all that hangs on it; the name is free at once."""
    with transaction.atomic():
        if actor is not None:
            _act(user, actor, "AdminDeleteUser")
        user.delete()
