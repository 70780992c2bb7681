"""The names of login providers: how configurations spell them, and what they mean."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from identitypools.models import IdentityPool, OidcProvider
from userpools.conf import settings
from userpools.models.pool import POOL_ID

# The key of Logins under which a token of an identity pool itself comes.
OWN_LOGIN: Final = "cognito-identity.amazonaws.com"
GOOGLE: Final = "accounts.google.com"
APPLE: Final = "appleid.apple.com"
AMAZON: Final = "www.amazon.com"
FACEBOOK: Final = "graph.facebook.com"
# Those of SupportedLoginProviders that tokens are verified for; the others that AWS knows are
# gone, as Digits, or do without a token that a server could check, as Twitter.
PUBLIC: Final = (GOOGLE, APPLE, AMAZON, FACEBOOK)
OIDC_ARN: Final = re.compile(r"arn:aws:iam::[0-9]{12}:oidc-provider/.+")


def own_host() -> str:
    """Return this server's host and path, as issuers of its pools begin without a scheme."""
    host: str = settings.PUBLIC_URL.partition("://")[2]
    return host


def user_pool_of(name: str) -> str | None:
    """Return the id of the user pool that a provider's name means; None for other names.

    Both spellings are known: this server's own, and the one of AWS, which SDKs compose.
    """
    host, _, pool_id = name.rpartition("/")
    if not host or POOL_ID.fullmatch(pool_id) is None:
        return None
    return pool_id if host in (own_host(), _aws_host(pool_id)) else None


def user_pool_provider(pool_id: str) -> str:
    """Return the one name that a user pool's logins are kept under."""
    return f"{_aws_host(pool_id)}/{pool_id}"


def _aws_host(pool_id: str) -> str:
    return f"cognito-idp.{pool_id.split('_', 1)[0]}.amazonaws.com"


@lru_cache(maxsize=4096)
def _plain(name: str, own: str) -> str:
    base, colon, client_id = name.rpartition(":")
    for candidate, rest in ((name, ""), (base, f"{colon}{client_id}")):
        if pool_id := user_pool_of(candidate):
            return user_pool_provider(pool_id) + rest
    return name


def plain(name: str) -> str:
    """Return a provider's name in its one spelling; a client id behind it stays."""
    return _plain(name, own_host())


def providers_of(pool: IdentityPool) -> list[OidcProvider]:
    """Return the OpenID providers that a pool names; one query."""
    return list(OidcProvider.objects.filter(arn__in=pool.oidc_arns)) if pool.oidc_arns else []


def mappable(pool: IdentityPool) -> Iterator[str]:
    """Yield the names, in their one spelling, that mappings of roles and of tags may be for."""
    yield from pool.login_providers
    for client in pool.user_pool_clients:
        name = plain(client["ProviderName"])
        yield name
        yield f"{name}:{client['ClientId']}"
    for provider in providers_of(pool):
        yield provider.arn
        yield provider.login_name
