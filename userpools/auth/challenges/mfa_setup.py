"""MFA_SETUP: in a pool that demands a second factor, for users who have none yet."""

import json

from userpools.auth import mfa_preferences, second_factor
from userpools.auth.attempt import Attempt, Parameters, Responses
from userpools.auth.challenges.base import Challenge
from userpools.auth.checks import fail
from userpools.auth.mfa_decision import Factor
from userpools.errors import InvalidParameterException, NotAuthorizedException
from userpools.services import users
from userpools.services.attributes import VERIFIED_FLAGS, Writer, check_writes

# Inferred: the service documents that the sign-in fails, and not how it says so.
IMPOSSIBLE = "MFA is required, and the user has no factor to sign in with or to set up."
NOT_SET_UP = "Invalid session for the user."


class MfaSetup(Challenge):
    """Passed with the Session of VerifySoftwareToken, or by an address for codes by e-mail."""

    name = second_factor.MFA_SETUP

    def applies(self, attempt: Attempt) -> bool:
        """Apply where a factor is demanded, and there is none to ask for."""
        due = second_factor.due(attempt)
        return bool(due.to_set_up) or due.is_impossible

    def issue(self, attempt: Attempt) -> Parameters:
        """Name what can be set up; InvalidParameterException where nothing can."""
        due = second_factor.due(attempt)
        if due.is_impossible:
            raise fail(attempt, InvalidParameterException(IMPOSSIBLE))
        return {
            "MFAS_CAN_SETUP": json.dumps(list(due.to_set_up)),
            "USER_ID_FOR_SRP": attempt.known_user.username,
        }

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Go on with the app that was verified, or keep the address and go on to its code."""
        address = responses.get("EMAIL") or responses.get("email")
        if attempt.has_set_up and attempt.known_user.software_token_name is not None:
            mfa_preferences.turn_on(attempt.known_user, Factor.SOFTWARE_TOKEN)
        elif address and Factor.EMAIL in second_factor.due(attempt).to_set_up:
            self._keep(attempt, address)
        else:
            raise NotAuthorizedException(NOT_SET_UP)

    @staticmethod
    def _keep(attempt: Attempt, address: str) -> None:
        changes = {"email": address}
        check_writes(attempt.pool, changes, writer=Writer.ADMIN)
        row = users.write_attributes(
            attempt.known_user, {**changes, VERIFIED_FLAGS["email"]: "false"}
        )
        attempt.known_user.attributes = row.attributes
        attempt.factor = Factor.EMAIL
