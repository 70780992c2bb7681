"""Users that an administrator creates: a temporary password, and the message that brings it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction

from userpools import lambda_triggers
from userpools.audit import Actor, act, record_act
from userpools.auth import passwords
from userpools.auth.sign_up_triggers import pre_sign_up
from userpools.errors import (
    InvalidParameterException,
    InvalidPasswordException,
    PasswordHistoryPolicyViolationException,
    UnsupportedUserStateException,
)
from userpools.lambda_triggers import Origin
from userpools.messaging import outbox, wording
from userpools.messaging.compose import Kind
from userpools.messaging.outbox import DEFAULT_ATTRIBUTE
from userpools.messaging.wording import Wording
from userpools.models import Medium, PoolUser, UserPool, UserStatus
from userpools.models.retry import in_transaction
from userpools.services import users
from userpools.services.attributes import Attributes, Writer, check_writes, merged
from userpools.services.lookup import locked


@dataclass(frozen=True, slots=True)
class Invitation:
    """The temporary password, generated when empty, and the mediums that bring it."""

    password: str = ""
    mediums: tuple[str, ...] = (Medium.SMS,)
    silent: bool = False


def invite(
    pool: UserPool,
    username: str,
    attributes: Attributes,
    invitation: Invitation,
    *,
    force_alias: bool = False,
    actor: Actor,
    origin: Origin = lambda_triggers.NOBODY,
    validation_data: Mapping[str, str] | None = None,
) -> PoolUser:
    """Create a user that must change a temporary password, and post the invitation.

    Runs the pool's functions: never inside a transaction. In a pool with password-less factors a
    user without a given password has none and is CONFIRMED. Raises UsernameExistsException,
    AliasExistsException as an alias taken, InvalidParameterException, InvalidPasswordException, and
    what functions raise.
    """
    name = users.new_name(pool, username, attributes)
    check_writes(pool, name.attributes, writer=Writer.ADMIN, creating=True)
    recipients = _recipients(name.attributes, invitation)
    name = pre_sign_up(
        pool, name, act="AdminCreateUser", validation_data=validation_data, origin=origin
    ).name
    passwordless = not invitation.password and allows_no_password(pool)
    # A password that nobody would ever learn is not made: an administrator has to set one.
    nobodys = not invitation.password and not recipients
    password = "" if passwordless or nobodys else _chosen(pool, invitation)
    record = (
        passwords.derive(pool, username=name.username, sub=name.sub, password=password)
        if password
        else None
    )
    status = UserStatus.CONFIRMED if passwordless else UserStatus.FORCE_CHANGE_PASSWORD
    words = wording.PLAIN
    if password:
        words = _words(
            pool,
            name.username,
            lambda_triggers.attributes_of(name.sub, status, merged({}, name.attributes)),
            recipients,
            origin,
        )
    entry = act(
        actor,
        "AdminCreateUser",
        pool_id=pool.pk,
        resource=name.username,
        after={"UserStatus": status, "Attributes": sorted(merged({}, name.attributes))},
    )

    def create() -> PoolUser:
        user = users.create_user(
            pool,
            name,
            status=status,
            password=record,
            force_alias=force_alias,
            taken_message="User account already exists",
            entry=entry,
        )
        _post(user, password, recipients, words)
        return user

    # A user without a message is one statement, which needs no transaction around it.
    return in_transaction(create)() if recipients and password else create()


def allows_no_password(pool: UserPool) -> bool:
    """Say whether the pool has a first factor besides the password."""
    return bool(pool.first_factors - {"PASSWORD"})


def _chosen(pool: UserPool, invitation: Invitation) -> str:
    password = invitation.password or passwords.temporary(pool)
    passwords.check_policy(pool, password)
    return password


def renew(
    pool: UserPool,
    user: PoolUser,
    invitation: Invitation,
    *,
    actor: Actor,
    origin: Origin = lambda_triggers.NOBODY,
) -> PoolUser:
    """Give an invited user a new temporary password and send the invitation again.

    Raises UnsupportedUserStateException for a user that has chosen a password.
    """
    if user.status != UserStatus.FORCE_CHANGE_PASSWORD:
        raise _not_invited(user)
    recipients = _recipients(user.attributes, invitation)
    _require_reader(recipients, invitation)
    password = _chosen(pool, invitation)
    try:
        passwords.check_history(pool, user, password)
    except PasswordHistoryPolicyViolationException as exc:
        # AdminCreateUser lists no error of its own for it.
        raise InvalidPasswordException(exc.message) from exc
    record = passwords.derive(pool, username=user.username, sub=user.sub, password=password)
    attributes = lambda_triggers.user_attributes(user)
    words = _words(pool, user.username, attributes, recipients, origin)
    with transaction.atomic():
        row = locked(user)
        if row.status != UserStatus.FORCE_CHANGE_PASSWORD:
            raise _not_invited(user)  # they chose a password meanwhile
        # As they are now: the old address may be somebody else's.
        recipients = _recipients(row.attributes, invitation)
        _require_reader(recipients, invitation)
        passwords.store(user, record, status=UserStatus.FORCE_CHANGE_PASSWORD)
        _post(user, password, recipients, words)
        record_act(
            actor,
            "AdminCreateUser",
            pool_id=pool.pk,
            resource=user.username,
            after={"MessageAction": "RESEND"},
        )
    return user


def _require_reader(recipients: list[tuple[Medium, str]], invitation: Invitation) -> None:
    """Refuse to replace a password by one that nobody would ever learn."""
    if not recipients and not invitation.password:
        raise InvalidParameterException("User has no contact to resend the invitation to.")


def _not_invited(user: PoolUser) -> UnsupportedUserStateException:
    return UnsupportedUserStateException(
        f"Resend not possible. {user.username} status is not FORCE_CHANGE_PASSWORD"
    )


def _recipients(attributes: Attributes, invitation: Invitation) -> list[tuple[Medium, str]]:
    """Return where the invitation goes; InvalidParameterException for e-mail without an address."""
    if invitation.silent:
        return []
    found = []
    for medium in map(Medium, invitation.mediums):
        destination = attributes.get(DEFAULT_ATTRIBUTE[medium])
        if destination:
            found.append((medium, destination))
        elif medium is Medium.EMAIL:
            raise InvalidParameterException("User does not have an email address to invite.")
    return found


def _words(
    pool: UserPool,
    username: str,
    attributes: Attributes,
    recipients: list[tuple[Medium, str]],
    origin: Origin,
) -> Wording:
    mediums = [medium for medium, _ in recipients]
    return wording.ask(
        pool, Kind.INVITATION, mediums, username=username, attributes=attributes, origin=origin
    )


def _post(
    user: PoolUser, password: str, recipients: list[tuple[Medium, str]], words: Wording
) -> None:
    for medium, destination in recipients if password else ():
        outbox.post(
            pool=user.pool,
            user=user,
            medium=medium,
            kind="invitation",
            destination=destination,
            code=password,
            words=words,
        )
