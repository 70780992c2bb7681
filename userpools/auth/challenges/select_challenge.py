"""SELECT_CHALLENGE: the person chooses what to sign in with."""

from userpools.auth import first_factors
from userpools.auth.attempt import Attempt, Parameters, Responses, required
from userpools.auth.challenges.base import Challenge
from userpools.errors import InvalidParameterException

WRONG_CHOICE = "Invalid challenge {} for the user."


class SelectChallenge(Challenge):
    """Open until a first factor was chosen; the choice may bring its answer along."""

    name = "SELECT_CHALLENGE"

    def applies(self, attempt: Attempt) -> bool:
        """Apply where nothing that is offered was preferred."""
        return not attempt.first_factor and first_factors.is_due(attempt)

    def alternatives(self, attempt: Attempt) -> tuple[str, ...]:
        """Name what there is to choose from."""
        return attempt.offered

    def issue(self, attempt: Attempt) -> Parameters:
        """Ask; AvailableChallenges says it all."""
        return {}

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Note the choice, and check an answer that came along."""
        answer = required(responses, "ANSWER")
        if answer not in attempt.offered:
            raise InvalidParameterException(WRONG_CHOICE.format(answer))
        first_factors.choose(attempt, answer, responses)
