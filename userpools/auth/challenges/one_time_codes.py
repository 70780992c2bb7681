"""EMAIL_OTP and SMS_OTP as first factors: a code that is sent takes the place of a password."""

from typing import ClassVar, Final

from userpools import sealing
from userpools.auth import hidden, sealed, second_factor
from userpools.auth.attempt import Attempt, Parameters, Responses, required
from userpools.auth.challenges.first_factor import FirstFactor, wants_password
from userpools.auth.challenges.password_verifier import shown_user_id
from userpools.auth.checks import LOCKED, fail
from userpools.auth.mfa_decision import CONTACT, Factor
from userpools.errors import (
    CodeMismatchException,
    NotAuthorizedException,
)
from userpools.models import Medium, PoolUser, UserPool, UserStatus, VerificationCode, stand_ins
from userpools.sealing import Purpose
from userpools.services import codes

LENGTH: Final = 8
# Of one code; its session is of no use after them. Unlike the codes of second factors these are to
# be had by strangers, so that a count over all sessions would lock the user out at their will.
TRIES: Final = 5
# Who may begin without a password: nobody who has to replace one first.
STATUSES: Final = frozenset({UserStatus.CONFIRMED, UserStatus.UNCONFIRMED})


class OneTimeCode(FirstFactor):
    """A code to a contact of the user's, which is verified by it, as an unconfirmed account is."""

    # The second factor that goes to the same contact.
    factor: ClassVar[Factor]
    # The response that carries the code, and what it may be called besides.
    answers: ClassVar[tuple[str, ...]]

    def available_to(self, user: PoolUser) -> bool:
        """Offer it where the pool allows it, to users with the contact and no second factor."""
        return (
            self.name in user.pool.first_factors
            and bool(user.attributes.get(CONTACT[self.factor]))
            and user.status in STATUSES
            and not wants_password(user)
        )

    def seems_available(self, attempt: Attempt) -> bool:
        """Offer it to a stable choice of names."""
        mediums = _mediums(attempt.pool)
        medium = second_factor.MEDIUM[self.factor]
        return medium in mediums and hidden.seems_to_have(
            attempt.pool, attempt.name_key, medium, mediums
        )

    def issue(self, attempt: Attempt) -> Parameters:
        """Send the code, or where nobody may learn that there is none to send, pretend to."""
        if not attempt.hides_users:
            self._require(attempt)
        medium, destination = second_factor.send_to_stranger(
            attempt, self.factor, length=LENGTH, is_allowed=self.available(attempt)
        )
        return {
            "CODE_DELIVERY_DELIVERY_MEDIUM": str(medium),
            "CODE_DELIVERY_DESTINATION": destination,
            "USER_ID_FOR_SRP": shown_user_id(attempt),
        }

    def _require(self, attempt: Attempt) -> None:
        """Refuse what was offered and is not any more, or never was in truth."""
        if attempt.user is None or not attempt.user.enabled or not self.available(attempt):
            raise NotAuthorizedException(sealed.INVALID)

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Compare the code; the try is counted before."""
        given = [responses[name] for name in self.answers if responses.get(name)]
        digits = given[0] if given else required(responses, self.answers[0])
        code = _tried(attempt)
        if code is None:
            sealing.keyed_hash(Purpose.CODE, digits.encode())  # as a comparison would
        if code is None or not codes.matches(code, digits):
            raise fail(attempt, CodeMismatchException(second_factor.MISMATCH))
        if not codes.is_live(code):
            raise fail(attempt, second_factor.refusal_of_dead_code(attempt))
        self._require(attempt)
        second_factor.settle(attempt, self.factor, code, confirms=True)


class EmailCode(OneTimeCode):
    """EMAIL_OTP: a code by e-mail."""

    factor = Factor.EMAIL
    name = "EMAIL_OTP"
    configured_as = name
    answers = ("EMAIL_OTP_CODE", "EMAIL_MFA_CODE")


class SmsCode(OneTimeCode):
    """SMS_OTP: a code by text message."""

    factor = Factor.SMS
    name = "SMS_OTP"
    configured_as = name
    answers = ("SMS_OTP_CODE",)


OF_MEDIUM: Final = {Medium.EMAIL: EmailCode(), Medium.SMS: SmsCode()}


def _mediums(pool: UserPool) -> frozenset[Medium]:
    """Return the mediums by which the pool's people may be sent a first factor."""
    return frozenset(
        medium for medium, factor in OF_MEDIUM.items() if factor.name in pool.first_factors
    )


def _tried(attempt: Attempt) -> VerificationCode | None:
    """Count one try at the attempt's code and return the code; None for what stands for one.

    Raises NotAuthorizedException after the last try, and CodeMismatchException where no code was
    sent. Neither is recorded: somebody who goes on guessing must not fill the disk.
    """
    user, code = attempt.user, None
    if user is None:
        was_left, was_sent = stand_ins.take_try(attempt.pool.pk, attempt.id.hex, most=TRIES)
    else:
        was_left, code = codes.take_try_of_attempt(user, attempt.id, most=TRIES)
        was_sent = code is not None
    if not was_sent:
        raise CodeMismatchException(second_factor.MISMATCH)
    if not was_left:
        raise NotAuthorizedException(LOCKED)
    return code
