"""ADMIN_NO_SRP_AUTH: the password itself, sent by the application's server."""

from userpools.auth.attempt import Attempt, Parameters, Responses, required
from userpools.auth.challenges.base import Challenge
from userpools.auth.challenges.password_verifier import shown_user_id
from userpools.auth.checks import check_password
from userpools.auth.second_factor import password_was_proved
from userpools.errors import InvalidParameterException

# Inferred: the service documents which operation answers it, and not what others say.
ADMIN_ONLY = "ADMIN_NO_SRP_AUTH is answered by AdminRespondToAuthChallenge alone."


class AdminNoSrpAuth(Challenge):
    """For DefineAuthChallenge to name, and for the legacy flow of that name without PASSWORD."""

    name = "ADMIN_NO_SRP_AUTH"

    def applies(self, attempt: Attempt) -> bool:
        """Apply to administrators' calls that have no password behind them yet."""
        is_asked = self.name in {attempt.flow, attempt.named}
        return attempt.is_admin and is_asked and not password_was_proved(attempt)

    def issue(self, attempt: Attempt) -> Parameters:
        """Name the user."""
        return {"USERNAME": shown_user_id(attempt), "USER_ID_FOR_SRP": shown_user_id(attempt)}

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Compare the password; the attempt is counted before."""
        if not attempt.is_admin:
            raise InvalidParameterException(ADMIN_ONLY)
        check_password(attempt, required(responses, "PASSWORD"))
