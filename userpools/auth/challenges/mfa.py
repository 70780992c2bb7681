"""The second factor: choosing one, and the code of each.

Source: API reference, RespondToAuthChallenge; developer guide, "Adding MFA to a user pool".
"""

import json
from typing import ClassVar

from userpools.auth import second_factor, software_tokens
from userpools.auth.attempt import Attempt, Parameters, Responses, required
from userpools.auth.challenges.base import Challenge
from userpools.auth.challenges.password_verifier import shown_user_id
from userpools.auth.checks import fail
from userpools.auth.mfa_decision import Factor
from userpools.errors import (
    CodeMismatchException,
    ExpiredCodeException,
    InvalidParameterException,
)
from userpools.models import Medium

WRONG_CHOICE = "Invalid MFA type {} for the user."
WRONG_CODE = "Invalid code received for user"
# What else an answer to SELECT_MFA_TYPE may say.
ALSO = {"EMAIL_MFA": Factor.EMAIL}


class SelectMfaType(Challenge):
    """SELECT_MFA_TYPE: for users with several factors, and none preferred."""

    name = "SELECT_MFA_TYPE"

    def applies(self, attempt: Attempt) -> bool:
        """Apply while there is more than one to choose from."""
        return len(second_factor.due(attempt).factors) > 1

    def issue(self, attempt: Attempt) -> Parameters:
        """Name the factors."""
        return {
            "MFAS_CAN_CHOOSE": json.dumps(list(second_factor.due(attempt).factors)),
            "USER_ID_FOR_SRP": attempt.known_user.username,
        }

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Note the choice."""
        answer = required(responses, "ANSWER")
        choice = ALSO.get(answer, answer)
        if choice not in second_factor.due(attempt).factors:
            raise InvalidParameterException(WRONG_CHOICE.format(answer))
        attempt.factor = choice


class FactorChallenge(Challenge):
    """The challenge of one factor, which bears its name."""

    factor: ClassVar[Factor]
    # The response that carries the code, and what it may be called besides.
    answers: ClassVar[tuple[str, ...]]

    def applies(self, attempt: Attempt) -> bool:
        """Apply where this is the one factor, or the one that was chosen."""
        return second_factor.due(attempt).factors == (self.factor,)

    def code_in(self, responses: Responses) -> str:
        """Return the code under whichever name it came."""
        given = [responses[name] for name in self.answers if responses.get(name)]
        return given[0] if given else required(responses, self.answers[0])


class SentCode(FactorChallenge):
    """A code that is sent to a contact of the user's, once a sign-in."""

    def issue(self, attempt: Attempt) -> Parameters:
        """Send the code."""
        medium, destination = self.send(attempt)
        return {
            "CODE_DELIVERY_DELIVERY_MEDIUM": str(medium),
            "CODE_DELIVERY_DESTINATION": destination,
            "USER_ID_FOR_SRP": shown_user_id(attempt),
        }

    def send(self, attempt: Attempt) -> tuple[Medium, str]:
        """Send the code; return where it went, masked."""
        return second_factor.send_code(attempt, self.factor)

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Compare the code; the try is counted before."""
        second_factor.check_code(attempt, self.factor, self.code_in(responses))


class SmsMfa(SentCode):
    """SMS_MFA: a code by text message."""

    factor = Factor.SMS
    name = factor.value
    answers = ("SMS_MFA_CODE",)

    def applies(self, attempt: Attempt) -> bool:
        """Apply too where the functions of a custom sign-in ask for it."""
        return attempt.named == self.name or super().applies(attempt)

    def send(self, attempt: Attempt) -> tuple[Medium, str]:
        """Send the code; ahead of the password anybody may have asked for it."""
        is_stranger = not second_factor.password_was_proved(attempt)
        if not (is_stranger and attempt.hides_users):
            second_factor.require_contact(attempt, self.factor)
        if is_stranger:
            return second_factor.send_to_stranger(attempt, self.factor)
        return super().send(attempt)


class EmailOtp(SentCode):
    """EMAIL_OTP: a code by e-mail."""

    factor = Factor.EMAIL
    name = factor.value
    answers = ("EMAIL_OTP_CODE", "EMAIL_MFA_CODE")


class SoftwareTokenMfa(FactorChallenge):
    """SOFTWARE_TOKEN_MFA: a code from the authenticator app that the user registered."""

    factor = Factor.SOFTWARE_TOKEN
    name = factor.value
    answers = ("SOFTWARE_TOKEN_MFA_CODE",)

    def issue(self, attempt: Attempt) -> Parameters:
        """Name the app, where it has a name."""
        user = attempt.known_user
        named = {"FRIENDLY_DEVICE_NAME": user.software_token_name or ""}
        return {
            "USER_ID_FOR_SRP": user.username,
            **(named if user.software_token_name else {}),
        }

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Compare the code; its step is used up by the write that ends the sign-in."""
        code = self.code_in(responses)
        second_factor.take_attempt(attempt)
        user = attempt.known_user
        step = software_tokens.sign_in_step(user, code)
        if step is None:
            raise fail(attempt, CodeMismatchException(WRONG_CODE))
        if step <= user.software_token_step:
            raise fail(attempt, ExpiredCodeException(software_tokens.USED))
        attempt.software_token_step = step
