"""What an app client's settings must satisfy, alone and with its pool's."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from userpools.errors import (
    FeatureUnavailableInTierException,
    InvalidOAuthFlowException,
    InvalidParameterException,
    ScopeDoesNotExistException,
)
from userpools.models import AppClient, PasswordStorage, UserPool
from userpools.models.client import UNITS
from userpools.models.resource_server import custom_scopes
from userpools.services import pool_rules
from userpools.services.attributes import RESERVED, VERIFIED_FLAGS
from userpools.tokens.scopes import STANDARD_SCOPES

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# Schemes that a browser would run or read by itself in place of opening an app.
UNSAFE_SCHEMES = frozenset({"javascript", "data", "vbscript", "file", "blob", "about"})
# In seconds. Source: API reference, TokenValidityUnitsType.
ACCESS_RANGE = (5 * UNITS["minutes"], UNITS["days"])
REFRESH_RANGE = (UNITS["hours"], 3650 * UNITS["days"])
INVALID_RANGE = "Invalid range for token validity."
SRP_REFUSED = (
    "The user pool keeps Argon2id password hashes, which cannot serve SRP: set ExplicitAuthFlows "
    "without ALLOW_USER_SRP_AUTH."
)


def check(client: AppClient, *, has_secret: bool) -> None:
    """Check the state that a change would leave.

    Raises InvalidParameterException, InvalidOAuthFlowException, ScopeDoesNotExistException or
    FeatureUnavailableInTierException.
    """
    for rule in RULES:
        rule(client)
    _check_oauth(client, has_secret=has_secret)
    if client.setting("EnablePropagateAdditionalUserContextData") and not has_secret:
        raise InvalidParameterException(
            "EnablePropagateAdditionalUserContextData needs an app client with a secret."
        )


def _flows(client: AppClient) -> None:
    explicit = client.setting("ExplicitAuthFlows") or []
    new_style = [name.startswith("ALLOW_") for name in explicit]
    if any(new_style) and not all(new_style):
        raise InvalidParameterException(
            "ExplicitAuthFlows cannot hold values that begin with ALLOW_ beside values that do not."
        )
    if "ALLOW_USER_AUTH" in explicit and not pool_rules.tier_has(client.pool, "ESSENTIALS"):
        raise FeatureUnavailableInTierException(
            f"ALLOW_USER_AUTH is not available in the {client.pool.tier} tier."
        )
    if (
        client.pool.password_storage == PasswordStorage.ARGON2ID
        and "ALLOW_USER_SRP_AUTH" in client.auth_flows
    ):
        raise InvalidParameterException(SRP_REFUSED)


def _rotation(client: AppClient) -> None:
    if client.rotates_refresh_tokens and "ALLOW_REFRESH_TOKEN_AUTH" in client.auth_flows:
        raise InvalidParameterException(
            "Refresh token rotation cannot be enabled while ExplicitAuthFlows allows "
            "ALLOW_REFRESH_TOKEN_AUTH, which it does by default."
        )


def _validity(client: AppClient) -> None:
    access = client.access_token_lifetime.total_seconds()
    identity = client.id_token_lifetime.total_seconds()
    refresh = client.refresh_token_lifetime.total_seconds()
    _check_range(access, ACCESS_RANGE)
    _check_range(identity, ACCESS_RANGE)
    _check_range(refresh, REFRESH_RANGE)
    if refresh <= max(access, identity):
        raise InvalidParameterException(
            "Refresh token validity must be longer than access token and ID token validity."
        )


def _check_range(seconds: float, limits: tuple[int, int]) -> None:
    if not limits[0] <= seconds <= limits[1]:
        raise InvalidParameterException(INVALID_RANGE)


def _attributes(client: AppClient) -> None:
    known = client.pool.schema_by_name
    if not set(client.setting("ReadAttributes") or ()) <= known.keys():
        raise InvalidParameterException("Invalid read attributes specified while creating a client")
    writable = set(client.setting("WriteAttributes") or ())
    if not writable:
        return
    never = RESERVED | set(VERIFIED_FLAGS.values())
    developer_only = {name for name in writable if name.startswith("dev:")}
    required = {name for name, each in known.items() if each.get("Required")} - RESERVED
    if not writable <= known.keys() or writable & never or developer_only or required - writable:
        raise InvalidParameterException(
            "Invalid write attributes specified while creating a client"
        )


def _urls(client: AppClient) -> None:
    callbacks = client.setting("CallbackURLs") or []
    for url in (*callbacks, *(client.setting("LogoutURLs") or [])):
        problem = url_problem(url)
        if problem:
            raise InvalidParameterException(f"{url} {problem}")
    default = client.setting("DefaultRedirectURI")
    if default is not None and default not in callbacks:
        raise InvalidParameterException("DefaultRedirectURI must be one of the CallbackURLs.")


def url_problem(url: str) -> str | None:
    """Say what is wrong with a callback or logout URL.

    Source: API reference, CreateUserPoolClient, CallbackURLs.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "is not a valid URL."
    # `myapp://` alone is what many apps on phones register.
    if not parts.scheme or parts.scheme in UNSAFE_SCHEMES or url == f"{parts.scheme}:":
        return "is not an absolute URI."
    if "#" in url:
        return "cannot have a fragment component."
    if parts.scheme in {"http", "https"} and not host:
        return "is not an absolute URI."
    if parts.scheme == "http" and host not in LOCAL_HOSTS:
        return "cannot use the HTTP protocol."
    return None


def _providers(client: AppClient) -> None:
    missing = set(client.setting("SupportedIdentityProviders") or ()) - provider_names(client.pool)
    if missing:
        raise InvalidParameterException(
            f"The provider {min(missing)} does not exist for User Pool {client.pool_id}."
        )


def provider_names(pool: UserPool) -> set[str]:
    """Return the providers that a client may name: the pool's own directory, and its others."""
    return {"COGNITO"}


RULES: tuple[Callable[[AppClient], None], ...] = (
    _flows,
    _rotation,
    _validity,
    _attributes,
    _urls,
    _providers,
)


def _check_oauth(client: AppClient, *, has_secret: bool) -> None:
    flows = client.setting("AllowedOAuthFlows") or []
    scopes = client.setting("AllowedOAuthScopes") or []
    _check_scopes(client.pool, scopes)
    if client.setting("AllowedOAuthFlowsUserPoolClient") and not (flows and scopes):
        raise InvalidOAuthFlowException(
            "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed "
            "to use OAuth flows."
        )
    if "client_credentials" in flows:
        _check_machine_client(flows, scopes, has_secret=has_secret)


def _check_machine_client(flows: Iterable[str], scopes: Iterable[str], *, has_secret: bool) -> None:
    if set(flows) != {"client_credentials"}:
        raise InvalidOAuthFlowException(
            "client_credentials flow can not be selected along with code flow or implicit flow."
        )
    if not has_secret:
        raise InvalidOAuthFlowException(
            "client_credentials flow can not be selected if client does not have a client secret."
        )
    for scope in scopes:
        if scope in STANDARD_SCOPES:
            raise InvalidOAuthFlowException(
                f"{scope} is not supported with client_credentials flow."
            )


def _check_scopes(pool: UserPool, scopes: Iterable[str]) -> None:
    known = custom_scopes(pool)
    for scope in scopes:
        if scope not in STANDARD_SCOPES and scope not in known:
            raise ScopeDoesNotExistException(f"Scope {scope} does not exist.")


def check_secret_request(settings: Mapping[str, Any]) -> None:
    """Refuse a request that both gives a secret and asks for a generated one."""
    if settings.get("GenerateSecret") and settings.get("ClientSecret"):
        raise InvalidParameterException("GenerateSecret and ClientSecret cannot be used together.")
