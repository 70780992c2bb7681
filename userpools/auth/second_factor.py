"""The second factor of a sign-in under way: what is due, and the codes that are sent for it.

Source: developer guide, "Adding MFA to a user pool"; texts from recordings.
"""

from typing import Final

from django.utils import timezone

from userpools import lambda_triggers, sealing
from userpools.auth import hidden, sealed
from userpools.auth.attempt import Attempt
from userpools.auth.checks import LOCKED, fail
from userpools.auth.mfa_decision import CONTACT, NOTHING, Decision, Factor, decide
from userpools.auth.mfa_preferences import owner_of
from userpools.awsjson.errors import TooManyRequestsException
from userpools.awsjson.service import Call
from userpools.errors import (
    AwsError,
    CodeMismatchException,
    ExpiredCodeException,
    InvalidParameterException,
    NotAuthorizedException,
)
from userpools.lambda_triggers import Origin
from userpools.limits import ATTEMPTS_EXCEEDED, Guard, is_within, subject_of, unknown_subject
from userpools.messaging import outbox, wording
from userpools.messaging.compose import Kind
from userpools.messaging.wording import Wording
from userpools.models import (
    BrowserSession,
    Medium,
    SignInSession,
    UserStatus,
    VerificationCode,
)
from userpools.models.lockout import take_code_attempt, take_unknown_name_attempt
from userpools.models.retry import in_transaction
from userpools.models.user import confirm_user
from userpools.sealing import Purpose
from userpools.services import codes, users
from userpools.services.attributes import VERIFIED_FLAGS
from userpools.services.lookup import locked

CODE_LENGTH: Final = 6
MFA_SETUP: Final = "MFA_SETUP"
# The step that proves a remembered device.
DEVICE_PROVED: Final = "DEVICE_PASSWORD_VERIFIER"
# What proves a password; whoever signs in by anything else has no second factor asked.
FIRST_STEPS: Final = frozenset({"PASSWORD", "PASSWORD_VERIFIER", "ADMIN_NO_SRP_AUTH"})
MISMATCH: Final = "Invalid code or auth state for the user."
NO_CONTACT: Final = "User does not have delivery config set to turn on {}"
MEDIUM: Final = {Factor.SMS: Medium.SMS, Factor.EMAIL: Medium.EMAIL}


def due(attempt: Attempt) -> Decision:
    """Return what the sign-in needs beside its password; nothing once a factor was passed."""
    if attempt.pool.mfa_configuration == "OFF" or not password_was_proved(attempt):
        return NOTHING
    if was_passed(attempt):
        return NOTHING
    if attempt.factor:
        return Decision((Factor(attempt.factor),))
    return decide(attempt.pool, owner_of(attempt.known_user))


def password_was_proved(attempt: Attempt) -> bool:
    """Say whether the sign-in has the password behind it."""
    return not FIRST_STEPS.isdisjoint(attempt.passed)


def was_passed(attempt: Attempt) -> bool:
    """Say whether the sign-in has a second factor behind it, or a device that once passed one."""
    if not password_was_proved(attempt):
        return False
    if attempt.has_set_up and MFA_SETUP in attempt.passed:
        return True
    if DEVICE_PROVED in attempt.passed and attempt.device and attempt.device.passed_factor:
        return True
    return not frozenset(Factor).isdisjoint(attempt.passed)


def setting_up(session: str, call: Call) -> Attempt:
    """Open a Session whose step is MFA_SETUP, and whose user may still set an app up.

    A password alone thus neither replaces an app nor adds one to other factors. Raises
    NotAuthorizedException.
    """
    attempt = sealed.unseal(session, call=call)
    if attempt.pending != MFA_SETUP or attempt.has_set_up or attempt.user is None:
        raise NotAuthorizedException(sealed.INVALID)
    if Factor.SOFTWARE_TOKEN not in due(attempt).to_set_up:
        raise NotAuthorizedException(sealed.INVALID)
    return attempt


def require_contact(attempt: Attempt, factor: Factor) -> None:
    """Raise InvalidParameterException for a user without what codes of the factor are sent to."""
    if attempt.user is None or not attempt.user.attributes.get(CONTACT[factor]):
        raise InvalidParameterException(NO_CONTACT.format(factor))


def take_attempt(attempt: Attempt) -> None:
    """Count one try at a code before it is compared; NotAuthorizedException while locked."""
    if attempt.user is not None:
        taken = take_code_attempt(attempt.user)
    else:
        taken = take_unknown_name_attempt(attempt.pool.pk, attempt.name_key)
    if not taken:
        raise NotAuthorizedException(LOCKED)


def send_code(attempt: Attempt, factor: Factor, *, length: int = CODE_LENGTH) -> tuple[Medium, str]:
    """Post the attempt's code, once; return where it went, masked.

    Whoever makes the same choice again is told the same, and nothing more is sent. Raises what the
    function does that words the message.
    """
    return _send_code(attempt, factor, _words(attempt, MEDIUM[factor]), length)


def _words(attempt: Attempt, medium: Medium) -> Wording:
    """Have the message worded that `_send_code` will post, if it will post one."""
    user = attempt.known_user
    origin = Origin(attempt.client, attempt.call.user_agent, attempt.client_metadata)
    if not lambda_triggers.configured(attempt.pool, "CustomMessage"):
        return Wording(origin)
    if codes.of_attempt(user, attempt.id) is not None:
        return Wording(origin)
    return wording.ask(
        attempt.pool,
        Kind.AUTHENTICATION,
        [medium],
        username=user.username,
        attributes=lambda_triggers.user_attributes(user),
        origin=origin,
    )


@in_transaction
def _send_code(attempt: Attempt, factor: Factor, words: Wording, length: int) -> tuple[Medium, str]:
    user, medium = attempt.known_user, MEDIUM[factor]
    destination = user.attributes[CONTACT[factor]]
    expires_at = timezone.now() + attempt.client.auth_session_lifetime
    digits = codes.issue_for_attempt(
        user, attempt.id, destination=destination, expires_at=expires_at, length=length
    )
    if digits is not None:
        outbox.post(
            pool=attempt.pool,
            user=user,
            medium=medium,
            kind=Kind.AUTHENTICATION,
            destination=destination,
            code=digits,
            words=words,
            expires_at=expires_at,
        )
    return medium, outbox.masked(medium, destination)


def send_to_stranger(
    attempt: Attempt, factor: Factor, *, length: int = CODE_LENGTH, is_allowed: bool = True
) -> tuple[Medium, str]:
    """Do what `send_code` does before anything is proved: so many times an hour, for any name.

    Where the client hides who exists, and there is nobody to have the code, pretend to send it.
    Raises TooManyRequestsException.
    """
    user, medium = attempt.user, MEDIUM[factor]
    subject = subject_of(user) if user else unknown_subject(attempt.pool.pk, attempt.name_key)
    if not is_within(Guard.SIGN_IN_CODE, subject):
        raise TooManyRequestsException(ATTEMPTS_EXCEEDED)
    if not attempt.hides_users or (is_allowed and _is_reachable(attempt, factor)):
        return send_code(attempt, factor, length=length)
    destination = hidden.pretend_in_sign_in(
        attempt.pool,
        user,
        attempt.name_key,
        attempt_id=attempt.id,
        medium=medium,
        length=length,
        expires_at=timezone.now() + attempt.client.auth_session_lifetime,
    )
    return medium, destination


def _is_reachable(attempt: Attempt, factor: Factor) -> bool:
    """Say whether there is somebody to sign in who can be sent a code."""
    user = attempt.user
    destination = user.attributes.get(CONTACT[factor]) if user else None
    if user is None or not destination:
        return False
    return outbox.can_send(attempt.pool, MEDIUM[factor], destination) and user.enabled


def check_code(attempt: Attempt, factor: Factor, digits: str) -> None:
    """Take the attempt's code; the contact that it went to is verified from then on.

    Raises CodeMismatchException, ExpiredCodeException, NotAuthorizedException while locked.
    """
    take_attempt(attempt)
    code = codes.of_attempt(attempt.user, attempt.id)
    if code is None:
        sealing.keyed_hash(Purpose.CODE, digits.encode())  # as a comparison would
    if code is None or not codes.matches(code, digits):
        raise fail(attempt, CodeMismatchException(MISMATCH))
    if not codes.is_live(code):
        raise fail(attempt, refusal_of_dead_code(attempt))
    settle(attempt, factor, code, confirms=False)


def refusal_of_dead_code(attempt: Attempt) -> AwsError:
    """Return what a right code is told that is of use no more: by it or since, the sign-in ended.

    Else it is too old, or its contact has changed.
    """
    for kind in (SignInSession, BrowserSession):
        if kind.objects.filter(pk=attempt.id, pool=attempt.pool).exists():
            return NotAuthorizedException(sealed.USED)
    return ExpiredCodeException(codes.EXPIRED)


@in_transaction
def settle(attempt: Attempt, factor: Factor, code: VerificationCode, *, confirms: bool) -> None:
    """Use a code up that was right: its contact is verified, and by a first factor the account.

    Raises ExpiredCodeException where the contact changed since. An account that was not confirmed
    takes no address from another: AliasExistsException, as ConfirmSignUp has it.
    """
    user, contact = attempt.known_user, CONTACT[factor]
    flag = VERIFIED_FLAGS[contact]
    is_verified = user.attributes.get(flag) == "true"
    is_same = user.attributes.get(contact) == code.destination
    to_confirm = confirms and user.status == UserStatus.UNCONFIRMED
    if is_verified and is_same and not to_confirm:
        codes.consume(code)
        return
    row = locked(user)
    codes.consume(code)
    if row.attributes.get(contact) != code.destination:
        raise ExpiredCodeException(codes.EXPIRED)
    is_unconfirmed = row.status == UserStatus.UNCONFIRMED
    users.write_locked(row, {flag: "true"}, force_alias=not is_unconfirmed)
    if is_unconfirmed and confirms:
        confirm_user.run(timezone.now(), row.pk)
        user.status = UserStatus.CONFIRMED
    # The rest stays as the attempt began with it, for its end to compare.
    user.attributes = row.attributes
