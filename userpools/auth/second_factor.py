"""The second factor of a sign-in under way: what is due, and the codes that are sent for it.

Source: developer guide, "Adding MFA to a user pool"; texts from recordings.
"""

from typing import Final

from django.utils import timezone

from userpools.auth import sealed
from userpools.auth.attempt import Attempt
from userpools.auth.checks import LOCKED, fail
from userpools.auth.mfa_decision import CONTACT, NOTHING, Decision, Factor, decide
from userpools.auth.mfa_preferences import owner_of
from userpools.awsjson.service import Call
from userpools.errors import (
    CodeMismatchException,
    ExpiredCodeException,
    NotAuthorizedException,
)
from userpools.messaging import outbox
from userpools.messaging.compose import Kind
from userpools.models import Medium, VerificationCode
from userpools.models.lockout import take_code_attempt
from userpools.models.retry import in_transaction
from userpools.services import codes, users
from userpools.services.attributes import VERIFIED_FLAGS
from userpools.services.lookup import locked

MFA_SETUP: Final = "MFA_SETUP"
# The step that proves a remembered device.
DEVICE_PROVED: Final = "DEVICE_PASSWORD_VERIFIER"
# What proves a password; whoever signs in by anything else has no second factor asked.
FIRST_STEPS: Final = frozenset({"PASSWORD", "PASSWORD_VERIFIER"})
COUNTS_AS_FACTOR: Final = frozenset({*Factor, DEVICE_PROVED})
MISMATCH: Final = "Invalid code or auth state for the user."
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
    """Say whether the sign-in has a second factor behind it, or a device in place of one."""
    if not password_was_proved(attempt):
        return False
    if attempt.has_set_up and MFA_SETUP in attempt.passed:
        return True
    return not COUNTS_AS_FACTOR.isdisjoint(attempt.passed)


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


def take_attempt(attempt: Attempt) -> None:
    """Count one try at a code before it is compared; NotAuthorizedException while locked."""
    if not take_code_attempt(attempt.known_user):
        raise NotAuthorizedException(LOCKED)


@in_transaction
def send_code(attempt: Attempt, factor: Factor) -> tuple[Medium, str]:
    """Post the attempt's code, once; return where it went, masked.

    Whoever makes the same choice again is told the same, and nothing more is sent.
    """
    user, medium = attempt.known_user, MEDIUM[factor]
    destination = user.attributes[CONTACT[factor]]
    expires_at = timezone.now() + attempt.client.auth_session_lifetime
    digits = codes.issue_for_attempt(
        user, attempt.id, destination=destination, expires_at=expires_at
    )
    if digits is not None:
        outbox.post(
            pool=attempt.pool,
            user=user,
            medium=medium,
            kind=Kind.AUTHENTICATION,
            destination=destination,
            code=digits,
            expires_at=expires_at,
        )
    return medium, outbox.masked(medium, destination)


def check_code(attempt: Attempt, factor: Factor, digits: str) -> None:
    """Take the attempt's code; the contact that it went to is verified from then on.

    Raises CodeMismatchException, ExpiredCodeException, NotAuthorizedException while locked.
    """
    take_attempt(attempt)
    code = codes.of_attempt(attempt.known_user, attempt.id)
    if code is None or not codes.matches(code, digits):
        raise fail(attempt, CodeMismatchException(MISMATCH))
    if not codes.is_live(code):
        raise fail(attempt, ExpiredCodeException(codes.EXPIRED))
    _settle(attempt, factor, code)


@in_transaction
def _settle(attempt: Attempt, factor: Factor, code: VerificationCode) -> None:
    user, contact = attempt.known_user, CONTACT[factor]
    flag = VERIFIED_FLAGS[contact]
    if user.attributes.get(flag) == "true" and user.attributes.get(contact) == code.destination:
        codes.consume(code)
        return
    row = locked(user)
    codes.consume(code)
    if row.attributes.get(contact) != code.destination:
        raise ExpiredCodeException(codes.EXPIRED)
    users.write_locked(row, {flag: "true"}, force_alias=True)
    # The rest stays as the attempt began with it, for its end to compare.
    user.attributes = row.attributes
