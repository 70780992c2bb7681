"""What text messages may cost: where they go, and how many leave in an hour and in a day.

Whoever earns from calls to a range of numbers signs up with them by the thousand. The server's
settings bound all pools; a pool's own narrow them further and never widen them. Messages that a
pool's own sender sends are the customer's to bound.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import phonenumbers
import structlog
from phonenumbers import NumberParseException, ValidationResult

from userpools.conf import settings
from userpools.counters import Window, buckets
from userpools.errors import CodeDeliveryFailureException
from userpools.models import UserPool

log = structlog.get_logger("poolhouse.messages")

HOUR: Final = 3600
DAY: Final = 86400
PREFIX: Final = re.compile(r"\+[1-9][0-9]{0,14}", re.ASCII)
_NUMBER: Final = re.compile(r"\+[0-9]{2,20}", re.ASCII)
_EVERY_POOL: Final = "*"

NOT_A_NUMBER: Final = "The phone number is not valid."
NOT_THERE: Final = "Text messages are not sent to this phone number."
TOO_MANY: Final = "The limit of text messages is reached."


@dataclass(frozen=True, slots=True)
class Limit:
    """How many text messages may leave in a window of `seconds`; None for as many as come."""

    name: str
    scope: str
    seconds: int
    most: int | None

    @property
    def key(self) -> str:
        """The counter's name."""
        return f"sms:{self.scope}:{self.seconds}"


@dataclass(frozen=True, slots=True)
class Usage:
    """A limit, and what was counted in the window under way."""

    limit: Limit
    window: Window

    @property
    def is_used_up(self) -> bool:
        """Whether the next message is refused."""
        return self.limit.most is not None and self.window.count >= self.limit.most


def check_number(number: str, pool: UserPool | None = None) -> None:
    """Raise CodeDeliveryFailureException for what no phone has, or where messages may not go.

    Attributes hold what Cognito takes, a plus sign and digits; whether a country has numbers of
    that length is asked here, when a message is to be sent.
    """
    if not is_plausible(number):
        raise CodeDeliveryFailureException(NOT_A_NUMBER)
    guard = settings.SMS_GUARD
    rules = [(guard["ALLOWED"], guard["BLOCKED"])]
    if pool is not None:
        rules.append((pool.sms_allowed.split(), pool.sms_blocked.split()))
    if not all(_passes(number, allowed, blocked) for allowed, blocked in rules):
        _note_refused(pool, "prefix")
        raise CodeDeliveryFailureException(NOT_THERE)


def is_plausible(number: str) -> bool:
    """Say whether a number has a calling code, and a length that its country's numbers have."""
    if not _NUMBER.fullmatch(number):
        return False
    try:
        parsed = phonenumbers.parse(number)
    except NumberParseException:
        return False
    reason: int = phonenumbers.is_possible_number_with_reason(parsed)
    return reason == ValidationResult.IS_POSSIBLE


def _passes(number: str, allowed: Iterable[str], blocked: Iterable[str]) -> bool:
    if number.startswith(tuple(blocked)):
        return False
    return not allowed or number.startswith(tuple(allowed))


def take(pool: UserPool) -> None:
    """Count one text message of the pool's; CodeDeliveryFailureException beyond a limit.

    Counted before it is compared, so that parallel calls share no place; the pool's own first, so
    that one pool's flood uses nothing of the others'.
    """
    for limit in _limits_of(pool):
        counted = buckets(settings.REDIS_URL).count(limit.key, limit.seconds)
        if limit.most is not None and counted > limit.most:
            _note_refused(pool, limit.name)
            raise CodeDeliveryFailureException(TOO_MANY)


def require_left(pool: UserPool) -> None:
    """Raise what `take` would, for somebody who gets no message; nothing is counted."""
    if any(usage.is_used_up for usage in usage_of(pool)):
        raise CodeDeliveryFailureException(TOO_MANY)


def usage_of(pool: UserPool) -> list[Usage]:
    """Return the limits that hold for a pool, with what they have counted."""
    limits = list(_limits_of(pool))
    windows = buckets(settings.REDIS_URL).windows([limit.key for limit in limits])
    return [Usage(limit, window) for limit, window in zip(limits, windows, strict=True)]


def refused_today(pool: UserPool) -> Window:
    """Return how many of the pool's messages were refused in the day under way."""
    return buckets(settings.REDIS_URL).windows([_refusals(pool)])[0]


def forget(pool: UserPool) -> None:
    """Let the pool begin anew with its own limits; the server's go on."""
    keys = [limit.key for limit in _limits_of(pool) if limit.scope == pool.pk]
    buckets(settings.REDIS_URL).forget([*keys, _refusals(pool)])


def _limits_of(pool: UserPool) -> Iterator[Limit]:
    """Yield the pool's limits, which count even where there is none, then the server's."""
    server = settings.SMS_GUARD["LIMITS"]
    own = {"hour": pool.sms_hourly, "day": pool.sms_daily}
    for name, seconds in (("hour", HOUR), ("day", DAY)):
        known = [most for most in (own[name], server.get(f"pool_{name}")) if most is not None]
        yield Limit(f"pool_{name}", pool.pk, seconds, min(known) if known else None)
    for name, seconds in (("hour", HOUR), ("day", DAY)):
        if name in server:
            yield Limit(name, _EVERY_POOL, seconds, server[name])


def _note_refused(pool: UserPool | None, reason: str) -> None:
    pool_id = "" if pool is None else pool.pk
    log.warning("text message refused", pool_id=pool_id, reason=reason)
    if pool is not None:
        buckets(settings.REDIS_URL).count(_refusals(pool), DAY)


def _refusals(pool: UserPool) -> str:
    return f"sms-refused:{pool.pk}"
