"""Request rates by category, and where a request comes from."""

import contextlib
import ipaddress
import math
import threading
import time
from functools import lru_cache
from typing import Any

import structlog
from django.http import HttpRequest

from userpools.awsjson.throttling import Category
from userpools.conf import settings

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
# Answers to challenges have an allowance of three times their category's.
RESPONSE_ALLOWANCE = 3

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


class RedisBuckets:
    """The same buckets, shared by all processes through Redis."""

    def __init__(self, url: str) -> None:
        import redis  # noqa: PLC0415 - only where a server uses it

        self._take = redis.Redis.from_url(url, socket_timeout=2).register_script(REDIS_TAKE)
        self._unreachable = redis.RedisError
        self._own = ProcessBuckets()

    def take(self, key: str, rate: float) -> bool:
        """Take one token; see ProcessBuckets, which stand in while Redis is away."""
        try:
            return bool(self._take(keys=[f"poolhouse:rate:{key}"], args=[rate, time.time()]))
        except self._unreachable as exc:
            log.warning("rates_without_redis", error=str(exc))
            return self._own.take(key, rate)


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
