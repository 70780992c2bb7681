"""Login tokens: what each kind of provider's proves, and to whom.

Source: API reference, GetId; developer guide, "Identity pools third-party identity providers".
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from identitypools import oidc, providers
from identitypools.models import IdentityPool, OidcProvider
from identitypools.oidc import Issuer
from userpools import outbound
from userpools.conf import settings
from userpools.errors import (
    InvalidParameterException,
    NotAuthorizedException,
    ResourceNotFoundException,
)
from userpools.models import UserPool
from userpools.models.cache import VersionedCache
from userpools.ports import LoginVerifier, VerifiedLogin
from userpools.tokens.verify import (
    Problem,
    UnusableToken,
    check_id_token_lives,
    verify_id_token,
)

NOT_SUPPORTED: Final = "Token is not from a supported provider of this identity pool."
WRONG_AUDIENCE: Final = "Invalid login token. Incorrect token audience."
INVALID: Final = "Invalid login token."
OWN_TOKEN: Final = "Invalid login token. Can't pass in a Cognito token."  # noqa: S105
PROBLEMS: Final[Mapping[Problem, str]] = {
    Problem.MALFORMED: "Invalid login token. Not a Cognito token.",
    Problem.FOREIGN: "Invalid login token. Issuer doesn't match providerName",
    Problem.UNSIGNED: oidc.NO_KEYS,
    Problem.OTHER_USE: oidc.NOT_OIDC,
    Problem.ENDED: "Token is inactive",
}
BY_AUDIENCE: Final = {"client": "aud", "username": "sub"}
TOKEN_INFO_SECONDS: Final = 300.0
MOST_TOKEN_INFOS: Final = 10_000


def verified(pool: IdentityPool, logins: Mapping[str, str]) -> list[VerifiedLogin]:
    """Verify every token of a call's Logins, in the order of the request. May call out.

    One bad token fails the call. Raises NotAuthorizedException, InvalidParameterException and
    ExternalServiceException.
    """
    if providers.OWN_LOGIN in logins:
        raise NotAuthorizedException(OWN_TOKEN)
    found = [_verified(pool, name, token) for name, token in logins.items()]
    if len({login.provider for login in found}) != len(found):
        raise InvalidParameterException("A provider is named twice in Logins.")
    return found


def _verified(pool: IdentityPool, provider: str, token: str) -> VerifiedLogin:
    for make in settings.LOGIN_VERIFIERS:
        verifier: LoginVerifier = make() if isinstance(make, type) else make
        login = verifier.verify(pool, provider, token)
        if login is not None:
            return login
    raise NotAuthorizedException(NOT_SUPPORTED)


class UserPoolLogins:
    """ID tokens of this server's user pools."""

    def verify(self, pool: IdentityPool, provider: str, token: str) -> VerifiedLogin | None:
        """Verify an ID token; with ServerSideTokenCheck, that its session lives too."""
        user_pool_id = providers.user_pool_of(provider)
        if user_pool_id is None:
            return None
        clients = [
            each
            for each in pool.user_pool_clients
            if providers.user_pool_of(each["ProviderName"]) == user_pool_id
        ]
        if not clients:
            raise NotAuthorizedException(NOT_SUPPORTED)
        try:
            user_pool = UserPool.cached(user_pool_id)
            claims = verify_id_token(token, user_pool)
            client = next((one for one in clients if one["ClientId"] == claims["aud"]), None)
            if client is None:
                raise NotAuthorizedException(WRONG_AUDIENCE)
            if client.get("ServerSideTokenCheck"):
                check_id_token_lives(user_pool, claims)
        except ResourceNotFoundException as exc:
            raise NotAuthorizedException(NOT_SUPPORTED) from exc
        except UnusableToken as exc:
            raise NotAuthorizedException(_worded(exc)) from exc
        return _user_pool_login(client, claims)


def _user_pool_login(client: Mapping[str, Any], claims: dict[str, Any]) -> VerifiedLogin:
    name, subject = client["ProviderName"], claims["sub"]
    plain = providers.plain(name)
    return VerifiedLogin(
        provider=plain,
        name=name,
        subject=subject,
        reference=f"{name}:CognitoSignIn:{subject}",
        names=(f"{plain}:{client['ClientId']}", plain),
        claims=claims,
        default_tags=BY_AUDIENCE,
    )


def _worded(error: UnusableToken) -> str:
    if error.problem is Problem.EXPIRED:
        return f"{INVALID} Token expired: {int(time.time())} >= {error.claims['exp']}"
    return PROBLEMS[error.problem]


def _load_provider(name: str) -> tuple[OidcProvider, object] | None:
    for provider in OidcProvider.objects.filter(issuer__in=(f"https://{name}", f"http://{name}")):
        return provider, (provider.issuer, provider.client_ids)
    return None


def _provider_version(name: str) -> object | None:
    found = _load_provider(name)
    return found[1] if found else None


# By the name that Logins have, whichever pool asks.
oidc_providers: VersionedCache[OidcProvider] = VersionedCache(_load_provider, _provider_version)


class OidcLogins:
    """ID tokens of OpenID providers that are registered under an ARN."""

    def verify(self, pool: IdentityPool, provider: str, token: str) -> VerifiedLogin | None:
        """Verify an ID token of a provider that the pool names."""
        if "\x00" in provider or not pool.oidc_arns:
            return None
        record = oidc_providers.get(provider)
        if record is None or record.arn not in pool.oidc_arns:
            return None
        claims = oidc.verify(token, Issuer(record.issuer), tuple(record.client_ids))
        return VerifiedLogin(
            provider=provider,
            name=provider,
            subject=claims["sub"],
            reference=f"{provider}:{audience_of(claims)}:{claims['sub']}",
            names=(record.arn, provider),
            claims=claims,
            default_tags=BY_AUDIENCE,
        )


def audience_of(claims: Mapping[str, Any]) -> str:
    """Return the client that an ID token is for."""
    audience = claims["aud"]
    return audience if isinstance(audience, str) else str(claims["azp"])


def _app_ids(pool: IdentityPool, provider: str) -> tuple[str, ...]:
    """Return the ids that the pool takes of a public provider; several stand between semicolons."""
    found = pool.login_providers.get(provider)
    if not found:
        raise NotAuthorizedException(NOT_SUPPORTED)
    return tuple(each for each in found.split(";") if each)


class SignedSocialLogins:
    """ID tokens of Google and Apple, checked against their published keys."""

    issuers: Mapping[str, Issuer] = {
        # Google spells its issuer with and without the scheme. Source: Google Identity, "OpenID
        # Connect", "Validating an ID token".
        providers.GOOGLE: Issuer("https://accounts.google.com", ("accounts.google.com",)),
        providers.APPLE: Issuer("https://appleid.apple.com"),
    }

    def verify(self, pool: IdentityPool, provider: str, token: str) -> VerifiedLogin | None:
        """Verify an ID token for one of the pool's app ids."""
        if provider not in self.issuers:
            return None
        app_ids = _app_ids(pool, provider)
        claims = oidc.verify(token, self.issuers[provider], app_ids)
        return _public_login(provider, audience_of(claims), claims["sub"], claims, BY_AUDIENCE)


def _public_login(
    provider: str, app_id: str, subject: str, claims: dict[str, Any], tags: dict[str, str]
) -> VerifiedLogin:
    return VerifiedLogin(
        provider=provider,
        name=provider,
        subject=subject,
        reference=f"{provider}:{app_id}:{subject}",
        names=(provider,),
        claims=claims,
        default_tags=tags,
    )


class TokenInfos:
    """What providers said of opaque tokens, kept for a few minutes by the tokens' digests."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what is known of a token, while it may be trusted."""
        with self._lock:
            until, found = self._kept.get(key, (0.0, {}))
        return found if time.time() < until else None

    def put(self, key: str, found: dict[str, Any], *, until: float) -> None:
        """Keep an answer until a time in epoch seconds."""
        with self._lock:
            self._kept[key] = (until, found)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_TOKEN_INFOS:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()


token_infos = TokenInfos()


def _asked(url: str, **query: str) -> dict[str, Any]:
    """Ask a provider about a token; NotAuthorizedException when it refuses it."""
    host = url.partition("://")[2].partition("/")[0]
    try:
        answer = outbound.get(
            f"{url}?{urlencode(query)}",
            timeout=oidc.TIMEOUT_SECONDS,
            max_bytes=oidc.LARGEST_DOCUMENT,
            https_only=not settings.OUTBOUND_PRIVATE,
        )
        document = answer.json()
    except (outbound.OutboundError, ValueError) as exc:
        raise oidc.unanswered(host) from exc
    if answer.status_code >= 500:  # noqa: PLR2004 - a fault of theirs
        raise oidc.unanswered(host)
    if answer.status_code != 200 or not isinstance(document, dict):  # noqa: PLR2004 - OK
        raise NotAuthorizedException(INVALID)
    return document


def _digest(provider: str, token: str) -> str:
    text = f"{provider} {token}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= oidc.LONGEST_SUBJECT:
        raise NotAuthorizedException(INVALID)
    return value


class AmazonLogins:
    """Access tokens of Login with Amazon, which its token information endpoint knows.

    Source: Login with Amazon, "Verify the access token and get the user profile".
    """

    endpoint = "https://api.amazon.com/auth/o2/tokeninfo"
    issuer = "https://www.amazon.com"

    def verify(self, pool: IdentityPool, provider: str, token: str) -> VerifiedLogin | None:
        """Verify an access token that was issued to one of the pool's apps."""
        if provider != providers.AMAZON:
            return None
        app_ids = _app_ids(pool, provider)
        claims = self._claims(token)
        if claims["app_id"] not in app_ids and claims["aud"] not in app_ids:
            raise NotAuthorizedException(WRONG_AUDIENCE)
        tags = {"client": "aud", "username": "user_id"}
        return _public_login(provider, claims["aud"], claims["user_id"], claims, tags)

    def _claims(self, token: str) -> dict[str, Any]:
        key = _digest(providers.AMAZON, token)
        known = token_infos.get(key)
        if known is not None:
            return known
        answer = _asked(self.endpoint, access_token=token)
        if answer.get("iss") != self.issuer:
            raise NotAuthorizedException(INVALID)
        # Seconds that are left.
        left = answer.get("exp")
        if not isinstance(left, int) or left <= 0:
            raise NotAuthorizedException(f"{INVALID} Token expired.")
        claims = {name: _text(answer, name) for name in ("aud", "app_id", "user_id")}
        token_infos.put(key, claims, until=time.time() + min(left, TOKEN_INFO_SECONDS))
        return claims


class FacebookLogins:
    """Access tokens of Facebook, which its Graph API tells the app and the user of.

    Source: Graph API reference, "Application" and "User".
    """

    endpoint = "https://graph.facebook.com"

    def verify(self, pool: IdentityPool, provider: str, token: str) -> VerifiedLogin | None:
        """Verify an access token that was issued to one of the pool's apps."""
        if provider != providers.FACEBOOK:
            return None
        app_ids = _app_ids(pool, provider)
        claims = self._claims(token)
        if claims["app_id"] not in app_ids:
            raise NotAuthorizedException(WRONG_AUDIENCE)
        tags = {"client": "app_id", "username": "user_id"}
        return _public_login(provider, claims["app_id"], claims["user_id"], claims, tags)

    def _claims(self, token: str) -> dict[str, Any]:
        key = _digest(providers.FACEBOOK, token)
        known = token_infos.get(key)
        if known is not None:
            return known
        app = _asked(f"{self.endpoint}/app", fields="id", access_token=token)
        user = _asked(f"{self.endpoint}/me", fields="id", access_token=token)
        claims = {"app_id": _text(app, "id"), "user_id": _text(user, "id")}
        token_infos.put(key, claims, until=time.time() + TOKEN_INFO_SECONDS)
        return claims
