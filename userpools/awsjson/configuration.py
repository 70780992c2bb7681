"""What the protocol needs from the product, set once by `configure` and read on each request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.http import HttpRequest

    from userpools.awsjson.service import Caller, Operation
    from userpools.awsjson.sigv4 import Credential


class CredentialResolver(Protocol):
    """Knows access keys of one kind."""

    def resolve(self, access_key_id: str, session_token: str | None) -> Credential | None:
        """Find the key, or answer None when it is not of this kind; may raise an AwsError."""


class Authorizer(Protocol):
    """Decides whether a caller's policies allow an action."""

    def authorize(self, caller: Caller, action: str, resource: str | None) -> bool:
        """Say whether `action` is allowed on `resource`; without one, on at least one."""


class Limiter(Protocol):
    """Counts calls against the rate of their quota category."""

    def take(self, operation: Operation, account_id: str, region: str, pool_id: str | None) -> bool:
        """Take one call from the account's allowance, or from the pool's when one is named."""


class Observer(Protocol):
    """Hears of each answer, for metrics."""

    def __call__(
        self, service: str, operation: str, status: int, error: str, seconds: float
    ) -> None:
        """Note one answer; `error` is empty for a success."""


class _NobodyMay:
    """Refuses: without an authorizer, nothing signed is allowed."""

    def authorize(self, caller: Caller, action: str, resource: str | None) -> bool:
        return False


class _NoLimit:
    """Counts nothing."""

    def take(self, operation: Operation, account_id: str, region: str, pool_id: str | None) -> bool:
        return True


_NOBODY_MAY = _NobodyMay()
_NO_LIMIT = _NoLimit()


def _remote_address(request: HttpRequest) -> str:
    address: str = request.META.get("REMOTE_ADDR", "")
    return address


def _any_region(region: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Configuration:
    """The protocol's surroundings."""

    credential_resolvers: Sequence[CredentialResolver] = ()
    authorizer: Authorizer = _NOBODY_MAY
    limiter: Limiter = _NO_LIMIT
    client_address: Callable[[HttpRequest], str] = _remote_address
    region_allowed: Callable[[str], bool] = _any_region
    default_region: str = "us-east-1"
    account_id: str = "000000000000"
    check_output: bool = False
    observer: Observer | None = None


class _Current:
    """Holds the configuration in force."""

    value = Configuration()


def configure(**settings: Any) -> Configuration:
    """Replace the named settings and answer the configuration now in force."""
    _Current.value = replace(_Current.value, **settings)
    return _Current.value


def current() -> Configuration:
    """Answer the configuration in force."""
    return _Current.value
