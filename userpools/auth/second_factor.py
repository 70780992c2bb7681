"""The second factor of a sign-in under way: what is due, and the codes that are sent for it.

Source: developer guide, "Adding MFA to a user pool"; texts from recordings.
"""

from typing import Final

from django.utils import timezone

from userpools import lambda_triggers
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
from userpools.lambda_triggers import Origin
from userpools.messaging import outbox, wording
from userpools.messaging.compose import Kind
from userpools.messaging.wording import Wording
from userpools.models import Medium, VerificationCode
from userpools.models.lockout import take_code_attempt
from userpools.models.retry import in_transaction
from userpools.services import codes, users
from userpools.services.attributes import VERIFIED_FLAGS
from userpools.services.lookup import locked

MFA_SETUP: Final = "MFA_SETUP"
# What proves a password; whoever signs in by anything else has no second factor asked.
FIRST_STEPS: Final = frozenset({"PASSWORD", "PASSWORD_VERIFIER"})
MISMATCH: Final = "Invalid code or auth state for the user."
MEDIUM: Final = {Factor.SMS: Medium.SMS, Factor.EMAIL: Medium.EMAIL}


def due(attempt: Attempt) -> Decision:
    """Return what the sign-in needs beside its password; nothing once a factor was passed."""
    if attempt.pool.mfa_configuration == "OFF" or FIRST_STEPS.isdisjoint(attempt.passed):
        return NOTHING
    if any(factor in attempt.passed for factor in Factor):
        return NOTHING
    if attempt.has_set_up and MFA_SETUP in attempt.passed:
        return NOTHING
    if attempt.factor:
        return Decision((Factor(attempt.factor),))
    return decide(attempt.pool, owner_of(attempt.known_user))


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


def send_code(attempt: Attempt, factor: Factor) -> tuple[Medium, str]:
    """Post the attempt's code, once; return where it went, masked.

    Whoever makes the same choice again is told the same, and nothing more is sent. Raises what the
    function does that words the message.
    """
    return _send_code(attempt, factor, _words(attempt, MEDIUM[factor]))


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
def _send_code(attempt: Attempt, factor: Factor, words: Wording) -> tuple[Medium, str]:
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
            words=words,
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
