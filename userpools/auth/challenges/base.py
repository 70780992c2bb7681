"""What a challenge is."""

from typing import ClassVar

from userpools.auth.attempt import Attempt, Parameters, Responses
from userpools.errors import InvalidParameterException


class Challenge:
    """One kind of step. Open while it applies to the attempt and has not been passed."""

    name: ClassVar[str]
    # Whether the state travels in the wire Session; PASSWORD_VERIFIER carries its own.
    needs_session: ClassVar[bool] = True

    def applies(self, attempt: Attempt) -> bool:
        """Say whether this attempt has to pass the challenge."""
        raise NotImplementedError

    def is_open(self, attempt: Attempt) -> bool:
        """Say whether it is still to be passed."""
        return self.name not in attempt.passed and self.applies(attempt)

    def issue(self, attempt: Attempt) -> Parameters:
        """Return the ChallengeParameters."""
        raise NotImplementedError

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Check the answer; raise an error that the operation models if it is wrong."""
        raise NotImplementedError


def take(responses: Responses, name: str) -> str:
    """Return a required response; an empty one counts as missing."""
    value = responses.get(name)
    if not value:
        raise InvalidParameterException(f"Missing required parameter {name}")
    return value
