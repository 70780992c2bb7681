"""The first factors of choice-based sign-in: which there are, who is offered what, and choosing."""

from typing import Final

from userpools.auth.attempt import Attempt, Parameters
from userpools.auth.challenges.first_factor import FLOW, FirstFactor
from userpools.auth.challenges.one_time_codes import OF_MEDIUM
from userpools.auth.challenges.password_verifier import PasswordVerifier
from userpools.auth.challenges.passwords import Password, PasswordSrp
from userpools.auth.mfa_decision import Factor, usable_factors
from userpools.auth.mfa_preferences import owner_of
from userpools.models import PoolUser

# In the order in which they are offered.
FIRST_FACTORS: Final[tuple[FirstFactor, ...]] = (PasswordSrp(), Password(), *OF_MEDIUM.values())
BY_NAME: Final = {factor.name: factor for factor in FIRST_FACTORS}
# What proves who somebody is; PASSWORD_SRP is proved by what follows it.
PROOFS: Final = (BY_NAME.keys() - {PasswordSrp.name}) | {PasswordVerifier.name}
# What second factors are called among all of a user's.
SECOND: Final = {
    Factor.SMS: "SMS_OTP",
    Factor.EMAIL: "EMAIL_OTP",
    Factor.SOFTWARE_TOKEN: "SOFTWARE_TOKEN",
}


def is_due(attempt: Attempt) -> bool:
    """Say whether a choice-based sign-in still needs its first factor."""
    return attempt.flow == FLOW and PROOFS.isdisjoint(attempt.passed)


def offered(attempt: Attempt) -> tuple[str, ...]:
    """Return the names of the factors that the attempt may begin with; none for nobody at all.

    Where the client hides who exists, a name that nobody has is offered as much as others are.
    """
    found = tuple(factor.name for factor in FIRST_FACTORS if factor.available(attempt))
    if found or not attempt.hides_users:
        return found
    return tuple(factor.name for factor in FIRST_FACTORS if factor.seems_available(attempt))


def available_to(user: PoolUser) -> tuple[str, ...]:
    """Return the names of the factors that a user may begin with."""
    return tuple(factor.name for factor in FIRST_FACTORS if factor.available_to(user))


def choose(attempt: Attempt, name: str, given: Parameters) -> None:
    """Begin with an offered factor; what came along with the choice is its answer.

    Raises what the factor does for a wrong answer.
    """
    factor = BY_NAME[name]
    attempt.first_factor = name
    if factor.inline and given.get(factor.inline):
        factor.verify(attempt, given)
        attempt.passed.append(name)


def configured(user: PoolUser) -> list[str]:
    """Return ConfiguredUserAuthFactors: what a sign-in of the user's may begin or go on with."""
    first = [factor.configured_as for factor in FIRST_FACTORS if factor.available_to(user)]
    second = [SECOND[factor] for factor in usable_factors(user.pool, owner_of(user))]
    return list(dict.fromkeys([*first, *second]))
