"""Request rates by category, limits for each user, and where a request comes from.

Source for every figure: developer guide, "Quotas in Amazon Cognito".
"""

import contextlib
import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from django.http import HttpRequest

from userpools.awsjson.throttling import Category
from userpools.conf import settings
from userpools.counters import NOBODY, Window, buckets
from userpools.errors import LimitExceededException
from userpools.models import PoolUser
from userpools.models.lockout import bucket_of

if TYPE_CHECKING:
    from userpools.awsjson.service import Operation

# Each operation of these categories has a rate of its own in each pool, within the account's.
OPERATION_PER_POOL = "OperationPerPool"
PER_POOL = frozenset(
    {
        Category.USER_POOL_RESOURCE_READ,
        Category.USER_POOL_RESOURCE_UPDATE,
        Category.USER_POOL_CLIENT_READ,
        Category.USER_POOL_CLIENT_UPDATE,
    }
)
# Answers to challenges have an allowance of their own, three times that of sign-ins.
RESPONSE_ALLOWANCE = 3
# Requests per second for an account in a region. Identity pools have a rate for each operation,
# under its name; those that are not listed have none.
COGNITO_RATES: Mapping[str, float] = {
    "UserAuthentication": 120,
    "UserAuthenticationResponse": 120 * RESPONSE_ALLOWANCE,
    "UserCreation": 50,
    "UserFederation": 25,
    "UserAccountRecovery": 30,
    "UserRead": 120,
    "UserUpdate": 25,
    "UserToken": 120,
    "UserResourceRead": 50,
    "UserResourceUpdate": 25,
    "UserList": 30,
    "UserPoolRead": 15,
    "UserPoolUpdate": 15,
    "UserPoolResourceRead": 20,
    "UserPoolResourceUpdate": 15,
    "UserPoolClientRead": 15,
    "UserPoolClientUpdate": 15,
    OPERATION_PER_POOL: 5,
    "ClientAuthentication": 150,
    "GetId": 25,
    "GetOpenIdToken": 200,
    "GetCredentialsForIdentity": 200,
    "GetOpenIdTokenForDeveloperIdentity": 50,
    "ListIdentities": 5,
    "DeleteIdentities": 10,
    "TagResource": 5,
    "UntagResource": 5,
    "ListTagsForResource": 10,
}
ATTEMPTS_EXCEEDED = "Attempt limit exceeded, please try after some time."


class Guard(StrEnum):
    """What may be done for one user so many times, whoever asks; the names of POOLHOUSE_QUOTAS."""

    FORGOT_PASSWORD = "ForgotPassword"  # noqa: S105
    RESEND_CONFIRMATION_CODE = "ResendConfirmationCode"
    CHANGE_PASSWORD = "ChangePassword"  # noqa: S105
    GET_USER_ATTRIBUTE_VERIFICATION_CODE = "GetUserAttributeVerificationCode"
    UPDATE_USER_ATTRIBUTES_CODE = "UpdateUserAttributesCode"
    SIGN_IN_CODE = "SignInCode"
    READ = "UserProfileRead"
    WRITE = "UserProfileWrite"


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many times in so many seconds."""

    times: int
    seconds: int


HOUR_SECONDS = 3600
# A person may ask for 5 password codes and guess 15 times: together the 20 that are documented.
GUARDS: Mapping[Guard, Allowance] = {
    Guard.FORGOT_PASSWORD: Allowance(5, HOUR_SECONDS),
    Guard.RESEND_CONFIRMATION_CODE: Allowance(5, HOUR_SECONDS),
    Guard.CHANGE_PASSWORD: Allowance(5, HOUR_SECONDS),
    Guard.GET_USER_ATTRIBUTE_VERIFICATION_CODE: Allowance(5, HOUR_SECONDS),
    # Ours: the service states none, and each change of an address sends a code to it.
    Guard.UPDATE_USER_ATTRIBUTES_CODE: Allowance(20, HOUR_SECONDS),
    # Ours: anybody may have a code sent to whoever signs in by codes alone. Five tries at each.
    Guard.SIGN_IN_CODE: Allowance(20, HOUR_SECONDS),
    Guard.READ: Allowance(10, 1),
    Guard.WRITE: Allowance(10, 1),
}


class Guess(StrEnum):
    """Which codes may be guessed so many times an hour; counted in the database beside the code."""

    CONFIRM_SIGN_UP = "ConfirmSignUp"
    CONFIRM_FORGOT_PASSWORD = "ConfirmForgotPassword"  # noqa: S105
    VERIFY_USER_ATTRIBUTE = "VerifyUserAttribute"


GUESSES: Mapping[Guess, int] = dict.fromkeys(Guess, 15)
# Which guard an operation on one user takes, by its category.
GUARD_OF: Mapping[Category, Guard] = {
    Category.USER_READ: Guard.READ,
    Category.USER_RESOURCE_READ: Guard.READ,
    Category.USER_UPDATE: Guard.WRITE,
    Category.USER_RESOURCE_UPDATE: Guard.WRITE,
    Category.USER_CREATION: Guard.WRITE,
    Category.USER_ACCOUNT_RECOVERY: Guard.WRITE,
    Category.USER_TOKEN: Guard.WRITE,
}


# What POOLHOUSE_QUOTAS says

EVERY_RATE = "*"
PRESETS: Mapping[str, Mapping[str, object]] = {"cognito": {}, "off": {EVERY_RATE: "off"}}
USER_LIMITS = (*GUARDS, *GUESSES)
QUOTA_NAMES = (EVERY_RATE, *COGNITO_RATES, *USER_LIMITS)


@dataclass(frozen=True, slots=True)
class Quotas:
    """Every rate in force, infinite where it is off, and what one user may do."""

    rates: Mapping[str, float]
    guards: Mapping[Guard, Allowance]
    guesses: Mapping[Guess, int]

    @classmethod
    def of(cls, given: object) -> "Quotas":
        """Read a value of POOLHOUSE_QUOTAS; what is wrong in it leaves Cognito's figures."""
        read = {name: value for name, value in _entries(given).items() if value is not None}
        every = read.get(EVERY_RATE)
        rates = {
            name: read.get(name, default if every is None else every)
            for name, default in COGNITO_RATES.items()
        }
        if "UserAuthenticationResponse" not in read:
            rates["UserAuthenticationResponse"] = rates["UserAuthentication"] * RESPONSE_ALLOWANCE
        guards = {
            guard: Allowance(int(read.get(guard, default.times)), default.seconds)
            for guard, default in GUARDS.items()
        }
        guesses = {guess: int(read.get(guess, default)) for guess, default in GUESSES.items()}
        return cls(rates, guards, guesses)


def wrong_quotas(given: object) -> list[str]:
    """Return the entries of a value of POOLHOUSE_QUOTAS that mean nothing."""
    if isinstance(given, Mapping):
        entries = _entries(given)
        return [f"{name}: {given[name]!r}" for name, value in entries.items() if value is None]
    return [] if isinstance(given, str) and given in PRESETS else [repr(given)]


def _entries(given: object) -> dict[str, float | None]:
    """Read each entry by itself; None for one that is wrong."""
    named = PRESETS.get(given, {}) if isinstance(given, str) else given
    if not isinstance(named, Mapping):
        return {}
    return {name: _entry(name, value) for name, value in named.items()}


def _entry(name: str, value: object) -> float | None:
    """Read a rate, above 0 or off, or a user's limit, which is 1 at least: none can be off."""
    if name not in QUOTA_NAMES:
        return None
    is_users = name in USER_LIMITS
    if value == "off" and not is_users:
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if is_users and (value < 1 or value != int(value)):
        return None
    return float(value) if value > 0 else None


class _InForce:
    """The quotas last read, and what they were read from."""

    value: tuple[object, Quotas] = (None, Quotas.of("cognito"))


def quotas_in_force() -> Quotas:
    """Return what POOLHOUSE_QUOTAS says, read once for each value."""
    given = settings.QUOTAS
    source, quotas = _InForce.value
    if source is not given:
        quotas = Quotas.of(given)
        _InForce.value = (given, quotas)
    return quotas


# Rates


def take_rate(name: str, account_id: str, region: str, *parts: str) -> bool:
    """Take one call from a rate of this account in this region; False when none is left.

    `parts` name what the rate is counted for within the account. What has no rate always passes.
    """
    rate = quotas_in_force().rates.get(name, math.inf)
    if rate == math.inf:
        return True
    return buckets(settings.REDIS_URL).take(":".join((account_id, region, name, *parts)), rate)


class CategoryLimiter:
    """Counts calls of the AWS JSON endpoints, for the account and then for the pool."""

    def take(
        self, operation: "Operation", account_id: str, region: str, pool_id: str | None
    ) -> bool:
        """Count one call; False when a rate is exceeded."""
        category = operation.category
        if pool_id is not None:
            return category not in PER_POOL or take_rate(
                OPERATION_PER_POOL, account_id, region, pool_id, operation.name
            )
        name = operation.name if category is Category.IDENTITY else str(category)
        return take_rate(name, account_id, region)


# Guards


def subject_of(user: PoolUser) -> str:
    """Name a user for the guards."""
    return f"{user.pool_id}:{user.sub}"


def unknown_subject(pool_id: str, name_key: str) -> str:
    """Name somebody who does not exist for the guards: one of a fixed number of buckets."""
    return f"{pool_id}:{NOBODY}{bucket_of(pool_id, name_key)}"


def is_within(guard: Guard, subject: str) -> bool:
    """Count one more of the user's; False beyond the guard's allowance.

    Guards hold whatever POOLHOUSE_QUOTAS says of the categories.
    """
    allowance = allowance_of(guard)
    counted = buckets(settings.REDIS_URL).count(_key(guard, subject), allowance.seconds)
    return counted <= allowance.times


def take_guard(guard: Guard, subject: str) -> None:
    """Count one more of the user's; LimitExceededException beyond the allowance."""
    if not is_within(guard, subject):
        raise LimitExceededException(ATTEMPTS_EXCEEDED)


def guard_count(guard: Guard, subject: str) -> int:
    """Return how often the guard was taken in the window under way."""
    return guard_windows(subject)[guard].count


def guard_windows(subject: str) -> dict[Guard, Window]:
    """Return what each guard has counted for a user."""
    found = buckets(settings.REDIS_URL).windows([_key(guard, subject) for guard in Guard])
    return dict(zip(Guard, found, strict=True))


def forget_guards(subject: str) -> None:
    """Let the user begin anew with every guard."""
    buckets(settings.REDIS_URL).forget([_key(guard, subject) for guard in Guard])


def allowance_of(guard: Guard) -> Allowance:
    """Return the guard's allowance, as POOLHOUSE_QUOTAS changes it."""
    return quotas_in_force().guards[guard]


def guesses_an_hour(guess: Guess) -> int:
    """Return how often a user's codes may be guessed, as POOLHOUSE_QUOTAS changes it."""
    return quotas_in_force().guesses[guess]


def _key(guard: Guard, subject: str) -> str:
    return f"{guard}:{subject}"


# Addresses


@lru_cache(maxsize=8)
def _networks(
    proxies: tuple[str, ...],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    networks = []
    for proxy in proxies:
        with contextlib.suppress(ValueError):  # a system check names it
            networks.append(ipaddress.ip_network(proxy, strict=False))
    return tuple(networks)


def is_trusted_proxy(address: str) -> bool:
    """Say whether forwarded headers of this peer count."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _networks(tuple(settings.TRUSTED_PROXIES)))


def client_address(request: HttpRequest) -> str:
    """Return the caller's address: the last one in X-Forwarded-For that no trusted proxy has."""
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if not settings.TRUSTED_PROXIES or not is_trusted_proxy(peer):
        return peer
    for hop in reversed(str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")):
        address = hop.strip()
        if address and not is_trusted_proxy(address):
            return address[:64]
    return peer
