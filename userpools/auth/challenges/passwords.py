"""PASSWORD and PASSWORD_SRP: a choice-based sign-in that begins with the password."""

from typing import Final

from userpools.auth.attempt import Attempt, Parameters, Responses, required
from userpools.auth.challenges.first_factor import FirstFactor
from userpools.auth.checks import check_password
from userpools.auth.srp_exchange import public_value
from userpools.models import PasswordStorage, PoolUser, UserPool, UserStatus

PASSWORD: Final = "PASSWORD"  # noqa: S105 - the name of a challenge


class Password(FirstFactor):
    """PASSWORD: the password itself."""

    name = PASSWORD
    inline = PASSWORD
    configured_as = PASSWORD

    def available_to(self, user: PoolUser) -> bool:
        """Offer it to whoever has a password."""
        return user.has_password and user.status != UserStatus.EXTERNAL_PROVIDER

    def seems_available(self, attempt: Attempt) -> bool:
        """Let everybody seem to have one."""
        return True

    def issue(self, attempt: Attempt) -> Parameters:
        """Ask for it; there is nothing to tell."""
        return {}

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Compare it; the attempt is counted before."""
        check_password(attempt, required(responses, PASSWORD))


class PasswordSrp(Password):
    """PASSWORD_SRP: the first half of SRP, which PASSWORD_VERIFIER follows."""

    name = "PASSWORD_SRP"
    inline = "SRP_A"

    def available_to(self, user: PoolUser) -> bool:
        """Offer it along with the password, where that is kept in a form that serves SRP."""
        serves = user.password_form == PasswordStorage.VERIFIER
        return serves and _keeps_verifiers(user.pool) and super().available_to(user)

    def seems_available(self, attempt: Attempt) -> bool:
        """Let everybody seem to have one in that form."""
        return _keeps_verifiers(attempt.pool)

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Take A; whether the password is right is asked after."""
        text = required(responses, "SRP_A")
        public_value(text)
        attempt.inputs["SRP_A"] = text


def _keeps_verifiers(pool: UserPool) -> bool:
    return pool.password_storage == PasswordStorage.VERIFIER
