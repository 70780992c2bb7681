"""CUSTOM_CHALLENGE: asked by the customer's functions, as often as they like."""

from userpools.auth import custom_auth
from userpools.auth.attempt import Attempt, Parameters, Responses, required
from userpools.auth.challenges.base import Challenge
from userpools.auth.challenges.password_verifier import shown_user_id


class CustomChallenge(Challenge):
    """What CreateAuthChallenge makes and VerifyAuthChallengeResponse judges."""

    name = custom_auth.CHALLENGE
    spends_itself = True
    # A wrong answer is none either: what was right, DefineAuthChallenge alone says.
    proves = False

    def applies(self, attempt: Attempt) -> bool:
        """Apply where DefineAuthChallenge has just asked for it, which it may do again."""
        return attempt.named == self.name

    def issue(self, attempt: Attempt) -> Parameters:
        """Return what the function publishes, and the user's name."""
        return {**custom_auth.create(attempt), "USERNAME": shown_user_id(attempt)}

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Have the answer judged; the function that decides learns the result."""
        custom_auth.verify(attempt, required(responses, "ANSWER"))
