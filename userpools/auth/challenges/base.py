"""What a challenge is."""

from typing import ClassVar

from userpools.auth.attempt import Attempt, Parameters, Responses


class Challenge:
    """One kind of step. Open while it applies to the attempt and has not been passed."""

    name: ClassVar[str]
    # Whether `verify` writes: it then spends the step itself, in the same transaction.
    spends_itself: ClassVar[bool] = False

    # Whether an answer that is no error passes the step.
    proves: ClassVar[bool] = True

    def applies(self, attempt: Attempt) -> bool:
        """Say whether this attempt has to pass the challenge."""
        raise NotImplementedError

    def is_open(self, attempt: Attempt) -> bool:
        """Say whether it is still to be passed."""
        return self.name not in attempt.passed and self.applies(attempt)

    def alternatives(self, attempt: Attempt) -> tuple[str, ...]:
        """Return AvailableChallenges: what else may be chosen in place of it."""
        return ()

    def issue(self, attempt: Attempt) -> Parameters:
        """Return the ChallengeParameters."""
        raise NotImplementedError

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Check the answer; raise an error that the operation models if it is wrong."""
        raise NotImplementedError
