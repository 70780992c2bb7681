"""Request rates by category, and where a request comes from."""

import contextlib
import ipaddress
import math
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import structlog
from django.http import HttpRequest

from userpools.awsjson.errors import TooManyRequestsException
from userpools.awsjson.throttling import Category
from userpools.conf import settings
from userpools.errors import LimitExceededException
from userpools.models import PoolUser
from userpools.models.lockout import bucket_of

log = structlog.get_logger("poolhouse.limits")

# Requests per second for an account and region. Source: user-pools quotas, "API request rate".
COGNITO_RATES: dict[str, float] = {
    "UserAuthentication": 120,
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
    "ClientAuthentication": 150,
}
ATTEMPTS_EXCEEDED = "Attempt limit exceeded, please try after some time."
MOST_WINDOWS = 100_000
# Answers to challenges have an allowance of three times their category's.
RESPONSE_ALLOWANCE = 3


class Guard(StrEnum):
    """What may be done for one user so many times, whoever asks; the names of POOLHOUSE_QUOTAS."""

    FORGOT_PASSWORD = "ForgotPassword"  # noqa: S105
    RESEND_CONFIRMATION_CODE = "ResendConfirmationCode"
    CHANGE_PASSWORD = "ChangePassword"  # noqa: S105
    GET_USER_ATTRIBUTE_VERIFICATION_CODE = "GetUserAttributeVerificationCode"
    READ = "UserProfileRead"
    WRITE = "UserProfileWrite"


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many times in so many seconds."""

    times: int
    seconds: int


HOUR_SECONDS = 3600
# Source: user-pools quotas, "Rate limits on unauthenticated operations" and per-user quotas. A
# person may ask for 5 password codes and guess 15 times: together the 20 that are documented.
# Guesses of codes are counted in the database, beside the codes.
GUARDS: dict[Guard, Allowance] = {
    Guard.FORGOT_PASSWORD: Allowance(5, HOUR_SECONDS),
    Guard.RESEND_CONFIRMATION_CODE: Allowance(5, HOUR_SECONDS),
    Guard.CHANGE_PASSWORD: Allowance(5, HOUR_SECONDS),
    Guard.GET_USER_ATTRIBUTE_VERIFICATION_CODE: Allowance(5, HOUR_SECONDS),
    Guard.READ: Allowance(10, 1),
    Guard.WRITE: Allowance(10, 1),
}

REDIS_COUNT = """
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return n
"""
REDIS_TAKE = """
local now = tonumber(ARGV[2]); local rate = tonumber(ARGV[1])
local state = redis.call('HMGET', KEYS[1], 't', 'n')
local size = math.max(1, rate)
local at = tonumber(state[1]) or now; local left = tonumber(state[2]) or size
left = math.min(size, left + math.max(0, now - at) * rate)
local ok = 0
if left >= 1 then left = left - 1; ok = 1 end
redis.call('HSET', KEYS[1], 't', tostring(math.max(at, now)), 'n', tostring(left))
redis.call('EXPIRE', KEYS[1], math.ceil(5 + 1 / rate))
return ok
"""


class ProcessBuckets:
    """Token buckets of one process: enough without Redis, where one web process is all there is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, key: str, rate: float) -> bool:
        """Take one token of a bucket that holds a second's worth; False when it is empty."""
        now = time.monotonic()
        with self._lock:
            size = max(1.0, rate)
            at, left = self._buckets.get(key, (now, size))
            left = min(size, left + (now - at) * rate)
            allowed = left >= 1
            self._buckets[key] = (now, left - 1 if allowed else left)
        return allowed

    def count(self, key: str, seconds: int) -> int:
        """Count one more in a window of so many seconds from the first; return the count."""
        now = time.monotonic()
        with self._lock:
            if len(self._windows) >= MOST_WINDOWS:
                self._windows = {
                    one: (ends_at, n)
                    for one, (ends_at, n) in self._windows.items()
                    if ends_at > now
                }
            ends_at, counted = self._windows.get(key, (0.0, 0))
            if ends_at <= now:
                ends_at, counted = now + seconds, 0
            self._windows[key] = (ends_at, counted + 1)
        return counted + 1

    def counted(self, key: str) -> int:
        """Return the count of the window under way."""
        ends_at, counted = self._windows.get(key, (0.0, 0))
        return counted if ends_at > time.monotonic() else 0

    def forget(self, key: str) -> None:
        """End the window."""
        with self._lock:
            self._windows.pop(key, None)


class RedisBuckets:
    """The same buckets, shared by all processes through Redis."""

    def __init__(self, url: str) -> None:
        import redis  # noqa: PLC0415 - only where a server uses it

        self._redis = redis.Redis.from_url(url, socket_timeout=2)
        self._take = self._redis.register_script(REDIS_TAKE)
        self._count = self._redis.register_script(REDIS_COUNT)
        self._unreachable = redis.RedisError
        self._own = ProcessBuckets()

    def take(self, key: str, rate: float) -> bool:
        """Take one token; see ProcessBuckets, which stand in while Redis is away."""
        try:
            return bool(self._take(keys=[f"poolhouse:rate:{key}"], args=[rate, time.time()]))
        except self._unreachable as exc:
            log.warning("rates_without_redis", error=str(exc))
            return self._own.take(key, rate)

    def count(self, key: str, seconds: int) -> int:
        """Count one more; see ProcessBuckets, which stand in while Redis is away."""
        try:
            return int(self._count(keys=[f"poolhouse:guard:{key}"], args=[seconds]))
        except self._unreachable as exc:
            log.warning("guards_without_redis", error=str(exc))
            return self._own.count(key, seconds)

    def counted(self, key: str) -> int:
        """Return the count of the window under way."""
        try:
            return int(self._redis.get(f"poolhouse:guard:{key}") or 0)
        except self._unreachable as exc:
            log.warning("guards_without_redis", error=str(exc))
            return self._own.counted(key)

    def forget(self, key: str) -> None:
        """End the window."""
        self._own.forget(key)
        try:
            self._redis.delete(f"poolhouse:guard:{key}")
        except self._unreachable as exc:
            log.warning("guards_without_redis", error=str(exc))


@lru_cache(maxsize=1)
def buckets(redis_url: str) -> ProcessBuckets | RedisBuckets:
    """Return the store of this process."""
    return RedisBuckets(redis_url) if redis_url else ProcessBuckets()


@lru_cache(maxsize=64)
def _wire_name(category: Category) -> str:
    return "".join(word.capitalize() for word in category.name.split("_"))


def rate_of(category: Category) -> float:
    """Return the rate of a category in requests per second; infinite where none applies."""
    quotas: Any = settings.QUOTAS
    if quotas == "off":
        return math.inf
    name = _wire_name(category)
    factor = 1
    if category is Category.USER_AUTHENTICATION_RESPONSE:
        name, factor = "UserAuthentication", RESPONSE_ALLOWANCE
    rates = {**COGNITO_RATES, **quotas} if isinstance(quotas, dict) else COGNITO_RATES
    return factor * float(rates.get(name, math.inf))


def subject_of(user: PoolUser) -> str:
    """Name a user for `take_guard`."""
    return f"{user.pool_id}:{user.sub}"


def unknown_subject(pool_id: str, name_key: str) -> str:
    """Name somebody who does not exist for `take_guard`: one of a fixed number of buckets."""
    return f"{pool_id}:~{bucket_of(pool_id, name_key)}"


def take_guard(guard: Guard, subject: str) -> None:
    """Count one more of the user's; whatever POOLHOUSE_QUOTAS says of the categories.

    Raises LimitExceededException for an hourly guard, TooManyRequestsException for one a second.
    """
    allowance = allowance_of(guard)
    if buckets(settings.REDIS_URL).count(f"{guard}:{subject}", allowance.seconds) > allowance.times:
        if allowance.seconds == 1:
            raise TooManyRequestsException
        raise LimitExceededException(ATTEMPTS_EXCEEDED)


def guard_count(guard: Guard, subject: str) -> int:
    """Return how often the guard was taken in the window under way."""
    return buckets(settings.REDIS_URL).counted(f"{guard}:{subject}")


def forget_guards(subject: str) -> None:
    """Let the user begin anew with every guard."""
    for guard in Guard:
        buckets(settings.REDIS_URL).forget(f"{guard}:{subject}")


def allowance_of(guard: Guard) -> Allowance:
    """Return the guard's allowance, as POOLHOUSE_QUOTAS changes it."""
    quotas: Any = settings.QUOTAS
    default = GUARDS[guard]
    if isinstance(quotas, dict) and guard in quotas:
        return Allowance(int(quotas[guard]), default.seconds)
    return default


class CategoryLimiter:
    """Cognito's request rates, by category, for an account in a region."""

    def take(self, category: Category, account_id: str, region: str, pool_id: str | None) -> bool:
        """Count one request; False when the rate is exceeded.

        The call for a pool counts nothing more: the account's rate bounds its pools' too.
        """
        if pool_id is not None:
            return True
        rate = rate_of(category)
        if rate == math.inf:
            return True
        return buckets(settings.REDIS_URL).take(f"{account_id}:{region}:{category.name}", rate)


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
