"""Lost and changed passwords: the code that resets one, and the owner who changes it.

Source: API reference, ForgotPassword, ConfirmForgotPassword, AdminResetUserPassword and
ChangePassword; developer guide, "Password, account recovery, and password policies".
"""

from django.db.models import F
from django.utils import timezone

from userpools import lambda_triggers
from userpools.audit import Actor, insert_event, record_act
from userpools.auth import account_events, hidden, migration, passwords
from userpools.auth.account_events import EventType
from userpools.auth.checks import (
    DISABLED,
    LOCKED,
    RESET,
    TEMPORARY_EXPIRED,
    WRONG,
    temporary_password_expired,
)
from userpools.auth.mfa_decision import decide, recovery_factors
from userpools.auth.mfa_preferences import owner_of
from userpools.auth.second_factor import MEDIUM as FACTOR_MEDIUM
from userpools.auth.sign_up_triggers import post_confirmation
from userpools.awsjson.service import Call
from userpools.errors import (
    CodeMismatchException,
    ExpiredCodeException,
    InvalidParameterException,
    NotAuthorizedException,
    PasswordHistoryPolicyViolationException,
    PasswordResetRequiredException,
    UserNotConfirmedException,
    UserNotFoundException,
)
from userpools.lambda_triggers import Origin
from userpools.limits import Guard, subject_of, take_guard
from userpools.messaging import outbox, wording
from userpools.messaging.compose import Kind
from userpools.messaging.outbox import DEFAULT_ATTRIBUTE, CodeDelivery
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
from userpools.models.lockout import forgive_passwords, take_password_attempt
from userpools.models.retry import in_transaction
from userpools.services import codes
from userpools.services.attributes import VERIFIED_FLAGS
from userpools.services.lookup import find_user_or_none, locked
from userpools.services.users import PasswordRecord

WRONG_STATE = "User password cannot be reset in the current state."
BY_ADMINISTRATOR = "Contact administrator to reset password."
NO_CONTACT = (
    "Cannot reset password for the user as there is no registered/verified email or phone_number"
)
NOT_TO_RESET = frozenset({UserStatus.FORCE_CHANGE_PASSWORD, UserStatus.EXTERNAL_PROVIDER})
# Without AccountRecoverySetting. Source: API reference, CreateUserPool.
LEGACY_MEDIUMS = (Medium.SMS, Medium.EMAIL)


# Where a code may go


def recovery_mediums(pool: UserPool) -> tuple[Medium, ...]:
    """Return the mediums of reset codes, the preferred one first; none where only admins reset."""
    if not _has_setting(pool):
        return LEGACY_MEDIUMS
    return tuple(FACTOR_MEDIUM[factor] for factor in recovery_factors(pool))


def _has_setting(pool: UserPool) -> bool:
    return bool((pool.setting("AccountRecoverySetting") or {}).get("RecoveryMechanisms"))


def second_factor_mediums(user: PoolUser) -> frozenset[Medium]:
    """Return the mediums that bring the user's second factor."""
    factors = decide(user.pool, owner_of(user)).factors
    return frozenset(FACTOR_MEDIUM[factor] for factor in factors if factor in FACTOR_MEDIUM)


def recovery_contact(user: PoolUser) -> tuple[Medium, str] | None:
    """Return where the user's reset codes go: the first medium whose contact is verified.

    AccountRecoverySetting leaves out what brings the user's second factor; the legacy order, in
    force without it, does not. Source: API reference, CreateUserPool, AccountRecoverySetting.
    """
    barred = second_factor_mediums(user) if _has_setting(user.pool) else frozenset()
    for medium in recovery_mediums(user.pool):
        contact = DEFAULT_ATTRIBUTE[medium]
        destination = user.attributes.get(contact)
        verified = user.attributes.get(VERIFIED_FLAGS[contact]) == "true"
        if destination and verified and medium not in barred:
            return medium, destination
    return None


def _check_state(user: PoolUser) -> None:
    if not user.enabled:
        raise NotAuthorizedException(DISABLED)
    if user.status in NOT_TO_RESET:
        raise NotAuthorizedException(WRONG_STATE)


def _words(user: PoolUser | None, origin: Origin) -> Wording:
    """Have the message worded that `_send` will post, if it will post one."""
    contact = recovery_contact(user) if user else None
    if user is None or contact is None or not _may_reset(user):
        return Wording(origin)
    return wording.ask(
        user.pool,
        Kind.RESET_PASSWORD,
        [contact[0]],
        username=user.username,
        attributes=lambda_triggers.user_attributes(user),
        origin=origin,
    )


def _may_reset(user: PoolUser) -> bool:
    return user.enabled and user.status not in NOT_TO_RESET


def _contact(user: PoolUser) -> tuple[Medium, str]:
    """Return where a reset code may go.

    Raises NotAuthorizedException or InvalidParameterException for users whom none may go to.
    """
    _check_state(user)
    if not recovery_mediums(user.pool):
        raise NotAuthorizedException(BY_ADMINISTRATOR)
    contact = recovery_contact(user)
    if contact is None:
        raise InvalidParameterException(NO_CONTACT)
    return contact


def _is_reachable(user: PoolUser) -> bool:
    """Say whether `_send` would post a code."""
    try:
        medium, destination = _contact(user)
    except (NotAuthorizedException, InvalidParameterException):
        return False
    return outbox.can_send(user.pool, medium, destination)


def _send(user: PoolUser, words: Wording) -> CodeDelivery:
    """Post a reset code in the caller's transaction; raise what `_contact` does."""
    medium, destination = _contact(user)
    return outbox.post(
        pool=user.pool,
        user=user,
        medium=medium,
        kind=Kind.RESET_PASSWORD,
        destination=destination,
        code=codes.issue(user, CodePurpose.RESET_PASSWORD, destination=destination),
        words=words,
    )


# By code


def forgot_password(
    client: AppClient, username: str, *, origin: Origin, call: Call
) -> CodeDelivery:
    """Post a reset code to a user, or where the client hides who exists, pretend to.

    Raises UserNotFoundException, NotAuthorizedException, InvalidParameterException,
    LimitExceededException.
    """
    user = find_user_or_none(client.pool, username)
    migrates = user is None and migration.is_configured(client.pool)
    if user is None and not migrates and not client.hides_unknown_users:
        raise UserNotFoundException(hidden.UNKNOWN)
    take_guard(Guard.FORGOT_PASSWORD, hidden.guard_subject(client.pool, user, username))
    if migrates:
        user = migration.at_recovery(client, username, origin=origin)
        if user is None and not client.hides_unknown_users:
            raise UserNotFoundException(migration.failure(client))
    if client.hides_unknown_users and not recovery_mediums(client.pool):
        # The pool's own rule, the same for everybody.
        raise NotAuthorizedException(BY_ADMINISTRATOR)
    return _forgot_password(client, user, username, _words(user, origin), call)


@in_transaction
def _forgot_password(
    client: AppClient, user: PoolUser | None, typed: str, words: Wording, call: Call
) -> CodeDelivery:
    row = hidden.lock(client.pool, user, typed, CodePurpose.RESET_PASSWORD)
    kind = EventType.FORGOT_PASSWORD
    if row is not None and (not client.hides_unknown_users or _is_reachable(row)):
        delivery = _send(row, words)
        insert_event.run(account_events.of_user(call, client, kind, "InProgress", row))
        return delivery
    delivery = hidden.pretend(
        client.pool,
        row,
        typed,
        purpose=CodePurpose.RESET_PASSWORD,
        kind=Kind.RESET_PASSWORD,
        mediums=recovery_mediums(client.pool),
    )
    insert_event.run(account_events.of_typed(call, client, kind, "Fail", row, typed))
    return delivery


def confirm_forgot_password(
    client: AppClient,
    *,
    username: str,
    digits: str,
    password: str,
    origin: Origin,
    call: Call,
) -> None:
    """Set a password by a reset code; the user is CONFIRMED and no longer locked.

    Sign-ins under way end, sign-in sessions do not: the service keeps them. Raises
    UserNotFoundException, InvalidPasswordException, CodeMismatchException, ExpiredCodeException,
    LimitExceededException, PasswordHistoryPolicyViolationException, NotAuthorizedException.
    """
    pool = client.pool
    user = find_user_or_none(pool, username)
    if user is None and not client.hides_unknown_users:
        raise UserNotFoundException(hidden.UNKNOWN)
    passwords.check_policy(pool, password)
    kind = EventType.FORGOT_PASSWORD
    try:
        code = hidden.check_code(pool, user, username, CodePurpose.RESET_PASSWORD, digits)
    except (CodeMismatchException, ExpiredCodeException) as error:
        account_events.record_failure(call, client, kind, user, username, error)
        raise
    assert user is not None  # noqa: S101 - nobody's code matches
    passwords.check_history(pool, user, password)
    # Only now, so that a wrong code costs the same for everybody.
    record = passwords.derive(pool, username=user.username, sub=user.sub, password=password)
    event = account_events.of_user(call, client, kind, "Pass", user)
    row = _reset(user, code, record, event)
    post_confirmation(row, act="ConfirmForgotPassword", origin=origin)


@in_transaction
def _reset(
    user: PoolUser, code: VerificationCode, record: PasswordRecord, event: AuthEvent
) -> PoolUser:
    row = locked(user)
    _check_state(row)
    codes.consume(code)
    if not _is_verified(row, code.destination):
        raise ExpiredCodeException(codes.EXPIRED)
    passwords.store(row, record, status=UserStatus.CONFIRMED)
    insert_event.run(event)
    return row


def _is_verified(user: PoolUser, destination: str) -> bool:
    """Say whether the contact that a code went to is still the user's, and verified."""
    return any(
        user.attributes.get(contact) == destination and user.attributes.get(flag) == "true"
        for contact, flag in VERIFIED_FLAGS.items()
    )


def require_reset(user: PoolUser, *, actor: Actor, origin: Origin = lambda_triggers.NOBODY) -> None:
    """Have a user reset the password: by a code that is posted, before any other sign-in.

    What was issued before ends with it. Raises NotAuthorizedException, InvalidParameterException,
    and what the function does that words the message.
    """
    _require_reset(user, actor, _words(user, origin))


@in_transaction
def _require_reset(user: PoolUser, actor: Actor, words: Wording) -> None:
    row = locked(user)
    _send(row, words)
    PoolUser.objects.filter(pk=row.pk).update(
        status=UserStatus.RESET_REQUIRED, epoch=F("epoch") + 1, modified_at=timezone.now()
    )
    record_act(
        actor,
        "AdminResetUserPassword",
        pool_id=row.pool_id,
        resource=row.username,
        before={"UserStatus": row.status},
        after={"UserStatus": UserStatus.RESET_REQUIRED},
    )


# By the password itself


def change_password(
    user: PoolUser, *, previous: str, proposed: str, client: AppClient, call: Call
) -> None:
    """Replace the signed-in user's password; sign-in sessions live on, as with the service.

    A user without a password gives none. Raises InvalidPasswordException, NotAuthorizedException,
    PasswordHistoryPolicyViolationException, LimitExceededException, InvalidParameterException,
    PasswordResetRequiredException, UserNotConfirmedException.
    """
    take_guard(Guard.CHANGE_PASSWORD, subject_of(user))
    _check_signed_in(user)
    if user.has_password and not previous:
        raise InvalidParameterException("Missing required parameter PreviousPassword")
    passwords.check_policy(user.pool, proposed)
    kind = EventType.PASSWORD_CHANGE
    try:
        _prove(user, previous)
    except NotAuthorizedException as error:
        account_events.record_failure(call, client, kind, user, user.username, error)
        raise
    try:
        passwords.check_history(user.pool, user, proposed)
    except PasswordHistoryPolicyViolationException:
        # The password was right: that is no failed attempt.
        forgive_passwords(user)
        raise
    record = passwords.derive(user.pool, username=user.username, sub=user.sub, password=proposed)
    _change(user, record, account_events.of_user(call, client, kind, "Pass", user))


@in_transaction
def _change(user: PoolUser, record: PasswordRecord, event: AuthEvent) -> None:
    if not passwords.replace(user, record):
        # Raised in here, so that what was kept of the former password is undone.
        raise NotAuthorizedException(WRONG)
    insert_event.run(event)


def _check_signed_in(user: PoolUser) -> None:
    """Refuse whoever could not sign in with a password now."""
    if user.status == UserStatus.RESET_REQUIRED:
        raise PasswordResetRequiredException(RESET)
    if user.status == UserStatus.UNCONFIRMED:
        raise UserNotConfirmedException
    if user.status == UserStatus.EXTERNAL_PROVIDER:
        raise NotAuthorizedException(WRONG)
    if user.status == UserStatus.FORCE_CHANGE_PASSWORD and temporary_password_expired(user):
        raise NotAuthorizedException(TEMPORARY_EXPIRED)


def _prove(user: PoolUser, previous: str) -> None:
    """Compare the present password, counted as every sign-in's is; there may be none."""
    if not user.has_password and not previous:
        return
    if not take_password_attempt(user):
        raise NotAuthorizedException(LOCKED)
    if not passwords.matches(user, previous):
        raise NotAuthorizedException(WRONG)
