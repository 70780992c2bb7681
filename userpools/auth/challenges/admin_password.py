"""ADMIN_NO_SRP_AUTH: the password itself, sent by the application's server."""

from userpools.auth.attempt import Attempt, Parameters, Responses, required
from userpools.auth.challenges.base import Challenge
from userpools.auth.challenges.password_verifier import shown_user_id
from userpools.auth.checks import check_password
from userpools.errors import InvalidParameterException

# Inferred: the service documents which operation answers it, and not what others say.
ADMIN_ONLY = "ADMIN_NO_SRP_AUTH is answered by AdminRespondToAuthChallenge alone."


class AdminNoSrpAuth(Challenge):
    """For DefineAuthChallenge to name, in a sign-in that goes through the Admin operations."""

    name = "ADMIN_NO_SRP_AUTH"

    def applies(self, attempt: Attempt) -> bool:
        """Apply where it was just named to an administrator's call."""
        return attempt.named == self.name and attempt.is_admin

    def issue(self, attempt: Attempt) -> Parameters:
        """Name the user."""
        return {"USERNAME": shown_user_id(attempt), "USER_ID_FOR_SRP": shown_user_id(attempt)}

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Compare the password; the attempt is counted before."""
        if not attempt.is_admin:
            raise InvalidParameterException(ADMIN_ONLY)
        check_password(attempt, required(responses, "PASSWORD"))
