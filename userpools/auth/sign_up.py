"""People making their own account, and confirming it with a code."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone

from userpools import lambda_triggers
from userpools.audit import Actor, insert_event
from userpools.auth import account_events, hidden, passwords, sign_up_session
from userpools.auth.account_events import EventType
from userpools.auth.checks import DISABLED
from userpools.auth.sign_up_triggers import Admission, post_confirmation, pre_sign_up
from userpools.awsjson.service import Call
from userpools.errors import (
    AliasExistsException,
    ExpiredCodeException,
    InvalidParameterException,
    InvalidPasswordException,
    NotAuthorizedException,
    UsernameExistsException,
    UserNotFoundException,
)
from userpools.lambda_triggers import Origin
from userpools.limits import Guard, take_guard
from userpools.messaging import outbox, wording
from userpools.messaging.compose import Kind
from userpools.messaging.outbox import CodeDelivery
from userpools.messaging.wording import Wording
from userpools.models import (
    AppClient,
    AuthEvent,
    CodePurpose,
    Medium,
    PoolUser,
    UserPool,
    UserStatus,
    VerificationCode,
)
from userpools.models.retry import in_transaction
from userpools.services import codes, users
from userpools.services.attributes import (
    VERIFIED_FLAGS,
    Attributes,
    Writer,
    check_required,
    check_writes,
    merged,
)
from userpools.services.contacts import MEDIUM, post_code
from userpools.services.lookup import canonical, find_user_or_none, locked
from userpools.services.users import NewName, PasswordRecord

# The phone goes before the address. Source: developer guide, "Signing up and confirming user
# accounts".
CONTACTS = ("phone_number", "email")
# First factors that need no password, and the contact that each needs.
OTP_CONTACT = {"SMS_OTP": "phone_number", "EMAIL_OTP": "email"}
USER_AUTH = "ALLOW_USER_AUTH"
NO_CODES = "Cannot resend codes. Auto verification not turned on."
NO_CONTACT = "User has no email address or phone number that a code could be sent to."


@dataclass(frozen=True, slots=True)
class SignedUp:
    """A new account, and where its confirmation code went; None where the pool sends none.

    `session` is empty unless the client may sign the user in by USER_AUTH.
    """

    user: PoolUser
    delivery: CodeDelivery | None
    session: str


def sign_up(
    client: AppClient,
    *,
    username: str,
    password: str,
    attributes: Attributes,
    origin: Origin,
    call: Call,
    validation_data: Mapping[str, str] | None = None,
) -> SignedUp:
    """Create an UNCONFIRMED user and post the code to the contact that the pool verifies.

    The pool's function may refuse the account, or confirm it at once. Raises
    NotAuthorizedException, InvalidParameterException, InvalidPasswordException,
    UsernameExistsException, and what functions raise.
    """
    pool = client.pool
    if (pool.setting("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly"):
        raise NotAuthorizedException("SignUp is not permitted for this user pool")
    name = _checked_name(client, username, attributes)
    _check_password(client, name, password)
    admission = pre_sign_up(
        pool, name, act="SignUp", validation_data=validation_data, origin=origin
    )
    record = _record(pool, admission.name, password)
    event = account_events.of_name(
        call,
        client,
        EventType.SIGN_UP,
        "Pass",
        username=admission.name.username,
        sub=admission.name.sub,
    )
    if admission.is_confirmed:
        user = _create_alone(pool, admission, record, event)
        post_confirmation(user, act="ConfirmSignUp", origin=origin)
        return SignedUp(user, None, "")
    words = _sign_up_words(pool, admission.name, origin)
    user, delivery = _create(pool, admission, record, event, words)
    session = sign_up_session.begin(client, user) if USER_AUTH in client.auth_flows else ""
    return SignedUp(user, delivery, session)


def _checked_name(client: AppClient, username: str, attributes: Attributes) -> NewName:
    pool = client.pool
    check_writes(pool, attributes, writer=Writer.CLIENT, client=client, creating=True)
    if "preferred_username" in pool.alias_attributes and attributes.get("preferred_username"):
        raise InvalidParameterException(
            "preferred_username cannot be set at sign-up, since it is an alias of this user pool."
        )
    name = users.new_name(pool, username, attributes)
    check_writes(pool, name.attributes, writer=Writer.ADMIN, creating=True)
    check_required(pool, name.attributes)
    return name


def _check_password(client: AppClient, name: NewName, password: str) -> None:
    pool = client.pool
    if not password:
        if not _needs_no_password(client, name.attributes):
            raise InvalidParameterException("Password is required.")
        return
    try:
        passwords.check_policy(pool, password)
    except InvalidPasswordException:
        # That the name is taken is said first; here alone it costs a query of its own.
        users.refuse_taken(pool, name)
        raise


def _record(pool: UserPool, name: NewName, password: str) -> PasswordRecord | None:
    if not password:
        return None
    return passwords.derive(pool, username=name.username, sub=name.sub, password=password)


def _needs_no_password(client: AppClient, attributes: Attributes) -> bool:
    """Say whether the new user can sign in by a code alone, at a contact that sign-up verifies.

    Source: API reference, SignUp, "Password".
    """
    pool = client.pool
    contacts = [OTP_CONTACT.get(factor) for factor in pool.first_factors]
    return USER_AUTH in client.auth_flows and any(
        contact in pool.auto_verified_attributes and attributes.get(contact)
        for contact in contacts
        if contact is not None
    )


def _sign_up_words(pool: UserPool, name: NewName, origin: Origin) -> Wording:
    """Have the message to a new account worded; a name that is taken gets none."""
    attribute = contact_of(pool, name.attributes)
    if attribute is None:
        return Wording(origin)
    if lambda_triggers.configured(pool, "CustomMessage"):
        users.refuse_taken(pool, name)
    attributes = merged({}, name.attributes)
    return wording.ask(
        pool,
        Kind.SIGN_UP,
        [MEDIUM[attribute]],
        username=name.username,
        attributes=lambda_triggers.attributes_of(name.sub, UserStatus.UNCONFIRMED, attributes),
        origin=origin,
    )


def _create(
    pool: UserPool,
    admission: Admission,
    record: PasswordRecord | None,
    event: AuthEvent,
    words: Wording,
) -> tuple[PoolUser, CodeDelivery | None]:
    if confirmation_mediums(pool):
        return _create_and_send(pool, admission, record, event, words)
    return _create_alone(pool, admission, record, event), None


@in_transaction
def _create_and_send(
    pool: UserPool,
    admission: Admission,
    record: PasswordRecord | None,
    event: AuthEvent,
    words: Wording,
) -> tuple[PoolUser, CodeDelivery | None]:
    user = _create_alone(pool, admission, record, event)
    return user, send_code(user, Kind.SIGN_UP, words)


def _create_alone(
    pool: UserPool, admission: Admission, record: PasswordRecord | None, event: AuthEvent
) -> PoolUser:
    status = UserStatus.CONFIRMED if admission.is_confirmed else UserStatus.UNCONFIRMED
    try:
        return users.create_user(pool, admission.name, status=status, password=record, event=event)
    except AliasExistsException as exc:
        # A contact that a function verified; SignUp lists no other error for it.
        raise UsernameExistsException(exc.message) from exc


def confirmation_mediums(pool: UserPool) -> tuple[Medium, ...]:
    """Return the mediums of confirmation codes, the preferred one first."""
    return tuple(MEDIUM[name] for name in CONTACTS if name in pool.auto_verified_attributes)


def confirmation_contact(user: PoolUser) -> str | None:
    """Return the attribute that the code goes to: of those auto-verified, the phone first."""
    return contact_of(user.pool, user.attributes)


def contact_of(pool: UserPool, attributes: Mapping[str, str]) -> str | None:
    """Return what `confirmation_contact` does, for an account that is not made yet."""
    for name in CONTACTS:
        if name in pool.auto_verified_attributes and attributes.get(name):
            return name
    return None


def _is_reachable(user: PoolUser) -> bool:
    """Say whether `send_code` would post a code."""
    attribute = confirmation_contact(user)
    return attribute is not None and outbox.can_send(
        user.pool, MEDIUM[attribute], user.attributes[attribute]
    )


def send_code(user: PoolUser, kind: Kind, words: Wording = wording.PLAIN) -> CodeDelivery | None:
    """Post a code in the caller's transaction; None where there is nowhere to send it."""
    attribute = confirmation_contact(user)
    if attribute is None:
        return None
    destination = user.attributes[attribute]
    code = codes.issue(user, CodePurpose.SIGN_UP, destination=destination)
    return post_code(user, attribute, destination, kind, code, words)


def resend_code(client: AppClient, username: str, *, origin: Origin, call: Call) -> CodeDelivery:
    """Post another confirmation code, or where the client hides who exists, pretend to.

    That an account is confirmed is told by every client where SignUp tells that it is there.
    Raises UserNotFoundException, InvalidParameterException, NotAuthorizedException,
    LimitExceededException.
    """
    user = find_user_or_none(client.pool, username)
    if user is None and not client.hides_unknown_users:
        raise UserNotFoundException(hidden.UNKNOWN)
    take_guard(Guard.RESEND_CONFIRMATION_CODE, hidden.guard_subject(client.pool, user, username))
    return _resend_code(client, user, username, resend_words(user, origin), call)


def resend_words(user: PoolUser | None, origin: Origin) -> Wording:
    """Have another confirmation code's message worded, before the transaction that posts it."""
    attribute = confirmation_contact(user) if user else None
    if user is None or attribute is None or not user.enabled:
        return Wording(origin)
    if user.status != UserStatus.UNCONFIRMED:
        return Wording(origin)
    return wording.ask(
        user.pool,
        Kind.RESEND_CODE,
        [MEDIUM[attribute]],
        username=user.username,
        attributes=lambda_triggers.user_attributes(user),
        origin=origin,
    )


@in_transaction
def _resend_code(
    client: AppClient, user: PoolUser | None, typed: str, words: Wording, call: Call
) -> CodeDelivery:
    pool, hides = client.pool, client.hides_unknown_users
    row = hidden.lock(pool, user, typed, CodePurpose.SIGN_UP)
    if row is not None and not row.enabled and not hides:
        raise NotAuthorizedException(DISABLED)
    is_over = row is not None and row.status != UserStatus.UNCONFIRMED
    if row is not None and is_over and row.enabled and _tells(client, row, typed):
        raise InvalidParameterException("User is already confirmed.")
    mediums = confirmation_mediums(pool)
    if not mediums:
        raise NotAuthorizedException(NO_CODES)
    if row is not None and row.enabled and not is_over and (not hides or _is_reachable(row)):
        delivery = send_code(row, Kind.RESEND_CODE, words)
        if delivery is None:
            raise InvalidParameterException(NO_CONTACT)
        insert_event.run(account_events.of_user(call, client, EventType.RESEND_CODE, "Pass", row))
        return delivery
    pretended = hidden.pretend(
        pool,
        row,
        typed,
        purpose=CodePurpose.SIGN_UP,
        kind=Kind.RESEND_CODE,
        mediums=mediums,
    )
    insert_event.run(
        account_events.of_typed(call, client, EventType.RESEND_CODE, "Fail", row, typed)
    )
    return pretended


def confirm_sign_up(
    client: AppClient,
    *,
    username: str,
    digits: str,
    force_alias: bool,
    origin: Origin,
    session: str = "",
) -> str:
    """Confirm an account with its code; the contact that got the code becomes verified.

    Returns the Session to sign in with, nothing where the client may not. Raises
    UserNotFoundException, ExpiredCodeException, CodeMismatchException, AliasExistsException,
    TooManyFailedAttemptsException, and NotAuthorizedException when already confirmed or for a bad
    session.
    """
    user = find_user_or_none(client.pool, username)
    if user is None and not client.hides_unknown_users:
        raise UserNotFoundException(hidden.UNKNOWN)
    if (
        user is not None
        and user.status != UserStatus.UNCONFIRMED
        and _tells(client, user, username)
    ):
        raise _confirmed(user)
    begun = sign_up_session.unseal(session, client=client) if session else None
    if begun is not None:
        begun.check_user(user)
    code = hidden.check_code(client.pool, user, username, CodePurpose.SIGN_UP, digits)
    assert user is not None  # noqa: S101 - nobody's code matches
    row, medium = _confirm(user, code, force_alias=force_alias)
    post_confirmation(row, act="ConfirmSignUp", origin=origin)
    if USER_AUTH not in client.auth_flows:
        return ""
    return sign_up_session.confirmed(client, begun, user, medium)


@in_transaction
def _confirm(
    user: PoolUser, code: VerificationCode, *, force_alias: bool
) -> tuple[PoolUser, Medium]:
    row = locked(user)
    if row.status != UserStatus.UNCONFIRMED:
        raise _confirmed(row)
    codes.consume(code)
    attribute = next(
        (name for name in CONTACTS if row.attributes.get(name) == code.destination), None
    )
    if attribute is None:
        # The contact changed after the code was sent.
        raise ExpiredCodeException(codes.EXPIRED)
    PoolUser.objects.filter(pk=row.pk).update(
        status=UserStatus.CONFIRMED, modified_at=timezone.now()
    )
    row.status = UserStatus.CONFIRMED
    users.write_locked(row, {VERIFIED_FLAGS[attribute]: "true"}, force_alias=force_alias)
    return row, MEDIUM[attribute]


def confirm_by_administrator(user: PoolUser, *, actor: Actor, origin: Origin) -> None:
    """Confirm an account without a code; NotAuthorizedException unless UNCONFIRMED."""
    users.confirm(user, actor=actor)
    user.status = UserStatus.CONFIRMED
    post_confirmation(user, act="ConfirmSignUp", origin=origin)


def _tells(client: AppClient, user: PoolUser, typed: str) -> bool:
    """Say whether a client may tell that an account is there, as SignUp does of taken names.

    SignUp takes another's e-mail address or phone number in pools where they are aliases.
    """
    pool = client.pool
    return (
        not client.hides_unknown_users
        or not pool.alias_attributes
        or canonical(pool, typed) == user.username_key
    )


def _confirmed(user: PoolUser) -> NotAuthorizedException:
    return NotAuthorizedException(f"User cannot be confirmed. Current status is {user.status}")
