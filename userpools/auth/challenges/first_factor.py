"""What a first factor of a choice-based sign-in is.

Source: developer guide, "Authentication flows", choice-based sign-in.
"""

from typing import ClassVar, Final

from userpools.auth.attempt import Attempt
from userpools.auth.challenges.base import Challenge
from userpools.auth.mfa_decision import decide
from userpools.auth.mfa_preferences import owner_of
from userpools.models import PoolUser

FLOW: Final = "USER_AUTH"


class FirstFactor(Challenge):
    """A way to begin a sign-in, which is also the challenge of its name once it was chosen."""

    # The parameter that may come along with the choice, and answers the challenge at once.
    inline: ClassVar[str] = ""
    # What it is called among a user's factors.
    configured_as: ClassVar[str]

    def available_to(self, user: PoolUser) -> bool:
        """Say whether the user has it, and may begin with it in this pool."""
        raise NotImplementedError

    def available(self, attempt: Attempt) -> bool:
        """Say whether the attempt can be passed with it."""
        return attempt.user is not None and self.available_to(attempt.user)

    def seems_available(self, attempt: Attempt) -> bool:
        """Say whether it is offered where a client hides that there is no user, or no factor."""
        raise NotImplementedError

    def applies(self, attempt: Attempt) -> bool:
        """Apply once it was chosen."""
        return attempt.flow == FLOW and attempt.first_factor == self.name

    def alternatives(self, attempt: Attempt) -> tuple[str, ...]:
        """Go on telling what there was to choose from."""
        return attempt.offered


def wants_password(user: PoolUser) -> bool:
    """Say whether a second factor is due to the user, as one follows passwords alone.

    Such a user begins with the password; a first factor that is two in one may say otherwise.
    """
    if user.pool.mfa_configuration == "ON":
        return True
    return bool(decide(user.pool, owner_of(user)).factors)
