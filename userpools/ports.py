"""What userpools needs from outside: protocols, the values that cross them, harmless defaults."""

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Sms:
    """A text message on its way. `details` is for development backends and logs of theirs alone.

    `region` is what the pool's SmsConfiguration names, if it does.
    """

    to: str
    body: str
    pool_id: str
    kind: str = ""
    region: str = ""
    details: dict[str, Any] = field(default_factory=dict)


class SmsBackend(Protocol):
    """Sends a text message; the SMS_BACKEND setting names the class.

    It may have `check(message)` besides, which raises CodeDeliveryFailureException for a message
    that is known at once not to arrive, and is quick.
    """

    def send(self, message: Sms) -> None:
        """Send, or raise CodeDeliveryFailureException."""


class TriggerInvoker(Protocol):
    """Runs a pool's trigger functions; the TRIGGER_INVOKER setting names the class."""

    def configured(self, pool: Any, trigger: str) -> bool:
        """Say whether the pool has a function for this member of LambdaConfig."""

    def invoke(
        self,
        source: str,
        *,
        pool: Any,
        client: Any,
        username: str,
        request: dict[str, Any],
        response: dict[str, Any],
        user_agent: str = "",
    ) -> dict[str, Any]:
        """Run the function and return its response; the default `response` without one.

        Calls out: never inside a transaction, except for sources whose functions run later. Raises
        UserLambdaValidationException, UnexpectedLambdaException, InvalidLambdaResponseException.
        """


class NoTriggers:
    """The default: no function ever runs."""

    def configured(self, pool: Any, trigger: str) -> bool:
        """No pool has functions."""
        return False

    def invoke(
        self,
        source: str,
        *,
        pool: Any,
        client: Any,
        username: str,
        request: dict[str, Any],
        response: dict[str, Any],
        user_agent: str = "",
    ) -> dict[str, Any]:
        """Return the default response."""
        return response


@dataclass(frozen=True, slots=True)
class VerifiedLogin:
    """A login token of an identity pool's caller that was found good.

    `provider` is the provider's one name, which logins are kept under; `name` is how the pool's
    configuration spells it. `reference` is what OpenID tokens say of the login besides. `names`
    are those that role mappings and maps of principal tags may use for it, the narrowest first;
    `default_tags` are the claims behind the tags of UseDefaults.
    """

    provider: str
    name: str
    subject: str
    reference: str
    names: tuple[str, ...]
    claims: dict[str, Any]
    default_tags: dict[str, str]


class LoginVerifier(Protocol):
    """Verifies login tokens of one kind of provider; LOGIN_VERIFIERS names the classes."""

    def verify(self, pool: Any, provider: str, token: str) -> VerifiedLogin | None:
        """Verify the token that came under a key of Logins; None where the key is not its kind.

        May call out: never inside a transaction. Raises NotAuthorizedException for a token that is
        not good, or a provider that the identity pool does not name; ExternalServiceException
        where nobody could be asked.
        """
