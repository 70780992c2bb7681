"""What oauthlib asks about clients, scopes, codes and tokens, answered from a pool's own rows."""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote_plus, urlsplit

from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749 import errors

from hosted_ui.oauth import codes, issuing
from userpools.auth.refreshing import live_session
from userpools.errors import NotAuthorizedException, ResourceNotFoundException
from userpools.models import AppClient
from userpools.models.resource_server import custom_scopes
from userpools.services.client_rules import LOCAL_HOSTS, UNSAFE_SCHEMES
from userpools.tokens.scopes import OPENID_SCOPES, STANDARD_SCOPES

# Names the pool in the headers of oauthlib's request, set by the views alone.
POOL: Final = "pool-id"
RESPONSE_TYPES: Final = {"code": "authorization-code", "token": "implicit"}
GRANT_TYPES: Final = {
    "authorization_code": ("authorization-code",),
    "client_credentials": ("client-credentials",),
    "refresh_token": ("authorization-code", "implicit", "client-credentials"),
}
CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
LONGEST_NONCE: Final = 255
LONGEST_RESOURCE: Final = 2048
# Parameters of the authorization endpoint that may be there once.
ONCE: Final = frozenset(
    {
        "nonce", "code_challenge", "code_challenge_method", "resource", "prompt", "max_age",
        "login_hint", "lang", "identity_provider", "idp_identifier",
    }
)  # fmt: skip


class Repeated(errors.InvalidRequestError):
    """A parameter that may be there once was there again. Source: RFC 6749, section 3.1."""


class InvalidTargetError(errors.OAuth2Error):
    """The resource is not one that a token can be for. Source: RFC 8707, section 2."""

    error = "invalid_target"


class PoolValidator(OAuth2Validator):
    """Validates against one pool, which the request's headers name; keeps nothing itself."""

    # Clients

    def authenticate_client(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        """Check the secret by either transport; a public client has none to send."""
        client_id, secrets = credentials_of(request)
        client = self._client(request, client_id)
        return client is not None and any(client.accepts_secret(secret) for secret in secrets)

    def client_authentication_required(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        """Always: `authenticate_client` knows public clients too."""
        return True

    def validate_client_id(
        self, client_id: str, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        """Find a client of the pool."""
        return self._client(request, client_id) is not None

    @staticmethod
    def _client(request: Request, client_id: str) -> AppClient | None:
        try:
            request.client = AppClient.cached_in(request.headers[POOL], client_id)
        except ResourceNotFoundException:
            return None
        request.client_id = request.client.client_id
        return request.client

    def validate_grant_type(
        self,
        client_id: str,
        grant_type: str,
        client: AppClient,
        request: Request,
        *args: Any,
        **kwargs: Any,
    ) -> bool:
        """Ask AllowedOAuthFlows; refreshing is allowed wherever the client uses OAuth at all."""
        return client.allows_grant_type(*GRANT_TYPES.get(grant_type, ()))

    # Authorization requests

    def validate_response_type(
        self,
        client_id: str,
        response_type: str,
        client: AppClient,
        request: Request,
        *args: Any,
        **kwargs: Any,
    ) -> bool:
        """Know `code` and `token` alone, where AllowedOAuthFlows has them."""
        if response_type not in RESPONSE_TYPES:
            raise errors.UnsupportedResponseTypeError(request=request)
        return client.allows_grant_type(RESPONSE_TYPES[response_type])

    def validate_redirect_uri(
        self, client_id: str, redirect_uri: str, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        """Compare with the callback URLs, as they are."""
        return bool(request.client.redirect_uri_allowed(redirect_uri))

    def get_default_redirect_uri(
        self, client_id: str, request: Request, *args: Any, **kwargs: Any
    ) -> str | None:
        """Return DefaultRedirectURI, or the only callback URL that there is."""
        callbacks = request.client.setting("CallbackURLs") or []
        only = callbacks[0] if len(callbacks) == 1 else None
        default: str | None = request.client.setting("DefaultRedirectURI") or only
        return default

    def get_default_scopes(
        self, client_id: str, request: Request, *args: Any, **kwargs: Any
    ) -> list[str]:
        """Return all that the client may ask for: of custom scopes alone for a machine."""
        allowed: list[str] = request.client.setting("AllowedOAuthScopes") or []
        if _is_machine(request):
            return [scope for scope in allowed if scope not in STANDARD_SCOPES]
        if "openid" in allowed:
            return allowed
        return [scope for scope in allowed if scope not in OPENID_SCOPES]

    def validate_scopes(
        self,
        client_id: str,
        scopes: Sequence[str],
        client: AppClient,
        request: Request,
        *args: Any,
        **kwargs: Any,
    ) -> bool:
        """Hold the scopes to the client's; those whose resource server is gone are left out.

        Source: developer guide, "Token endpoint", errors: a machine's scope that exists and is not
        allowed is an invalid grant.
        """
        allowed = set(client.setting("AllowedOAuthScopes") or ())
        existing = custom_scopes(client.pool)
        foreign = [scope for scope in scopes if scope not in allowed]
        if foreign:
            if _is_machine(request) and existing.issuperset(foreign):
                raise errors.InvalidGrantError(request=request)
            return False
        if _is_machine(request):
            request.scopes = [scope for scope in scopes if scope in existing]
            return bool(request.scopes)
        if "openid" not in scopes and not set(OPENID_SCOPES).isdisjoint(scopes):
            return False
        request.scopes = [
            scope for scope in scopes if scope in STANDARD_SCOPES or scope in existing
        ]
        return bool(request.scopes)

    def is_pkce_required(self, client_id: str, request: Request) -> bool:
        """Leave it to the application; whoever sends a challenge must send its verifier."""
        return False

    # Codes

    def validate_code(
        self,
        client_id: str,
        code: str,
        client: AppClient,
        request: Request,
        *args: Any,
        **kwargs: Any,
    ) -> bool:
        """Find the code; a verifier without a challenge is a downgrade (RFC 9700, 4.8.2)."""
        if not request.redirect_uri:
            raise errors.InvalidRequestError(description="redirect_uri is missing")
        grant = codes.find(client, code)
        if grant is None or (request.code_verifier and not grant.code_challenge):
            return False
        request.grant = grant
        request.user = grant.user
        request.scopes = grant.scope.split()
        return True

    def get_code_challenge(self, code: str, request: Request) -> str | None:
        """Return the challenge of the code that was found."""
        return request.grant.code_challenge or None

    def get_code_challenge_method(self, code: str, request: Request) -> str:
        """Return its method."""
        return str(request.grant.code_challenge_method)

    def confirm_redirect_uri(
        self,
        client_id: str,
        code: str,
        redirect_uri: str,
        client: AppClient,
        request: Request,
        *args: Any,
        **kwargs: Any,
    ) -> bool:
        """Compare with the one that the code was sent to; the service has its own error for it."""
        if redirect_uri != request.grant.redirect_uri:
            raise errors.UnauthorizedClientError(description="invalid_redirect", request=request)
        return True

    def invalidate_authorization_code(
        self, client_id: str, code: str, request: Request, *args: Any, **kwargs: Any
    ) -> None:
        """Nothing is left to do: the code was used up with the write of its session."""

    # Tokens

    def validate_refresh_token(
        self, refresh_token: str, client: AppClient, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        """Find the live session that the token names."""
        try:
            request.redeemed = live_session(client, refresh_token)
        except NotAuthorizedException:
            return False
        request.user = request.redeemed[0].user
        return True

    def get_original_scopes(
        self, refresh_token: str, request: Request, *args: Any, **kwargs: Any
    ) -> list[str]:
        """Return what the session was granted."""
        return request.redeemed[0].scope.split()

    def rotate_refresh_token(self, request: Request) -> bool:
        """Let the mint's answer say whether there is a new one."""
        return True

    def save_bearer_token(
        self, token: dict[str, Any], request: Request, *args: Any, **kwargs: Any
    ) -> None:
        """Settle the grant; tokens themselves are never stored."""
        issuing.settle(token, request)


def _is_machine(request: Request) -> bool:
    return bool(request.grant_type == "client_credentials")


def credentials_of(request: Request) -> tuple[str, tuple[str, ...]]:
    """Return the client's id and the readings of its secret; empty for a public one.

    Raises InvalidRequestError for two transports at once, InvalidClientError for a header that is
    none or names another client than the body. Source: RFC 6749, section 2.3.1.
    """
    in_body = request.client_secret or ""
    header = request.headers.get("Authorization")
    if not header:
        return request.client_id or "", (in_body,)
    scheme, _, encoded = header.partition(" ")
    try:
        plain = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as exc:
        raise errors.InvalidClientError(request=request) from exc
    client_id, colon, secret = plain.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise errors.InvalidClientError(request=request)
    if in_body:
        raise errors.InvalidRequestError(description="Client authenticated twice")
    client_id = unquote_plus(client_id)
    if request.client_id and request.client_id != client_id:
        raise errors.InvalidClientError(request=request)
    # Most programs send it as it is, and some as a form would.
    return client_id, (secret, unquote_plus(secret))


def check_parameters(request: Request) -> dict[str, Any]:
    """Check what oauthlib does not of an authorization request, once its client is known."""
    repeated = ONCE.intersection(request.duplicate_params)
    if repeated:
        raise Repeated(description=f"Repeated parameter {min(repeated)}", request=request)
    _check_challenge(request)
    given = dict(request.uri_query_params)
    nonce = given.get("nonce", "")
    if len(nonce) > LONGEST_NONCE or "\0" in nonce:
        raise errors.InvalidRequestError(description="nonce is too long", request=request)
    if not given.get("max_age", "0").isdecimal():
        raise errors.InvalidRequestError(description="max_age is not a number", request=request)
    prompt = set(given.get("prompt", "").split())
    if "none" in prompt and len(prompt) > 1:
        raise errors.InvalidRequestError(description="prompt is contradictory", request=request)
    resource = given.get("resource")
    if resource is not None and not is_resource(resource):
        raise InvalidTargetError(request=request)
    return {}


def _check_challenge(request: Request) -> None:
    challenge, method = request.code_challenge, request.code_challenge_method
    if challenge is None and method is None:
        return
    if method != "S256" or not CHALLENGE.fullmatch(challenge or ""):
        raise errors.InvalidRequestError(
            description="code_challenge and code_challenge_method S256 go together",
            request=request,
        )


def is_resource(text: str) -> bool:
    """Say whether a text is an absolute URI that a token can be for, http for loopback alone."""
    if len(text) > LONGEST_RESOURCE or "#" in text or " " in text or not text.isprintable():
        return False
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    if parts.scheme in UNSAFE_SCHEMES or not parts.scheme or not (parts.netloc or parts.path):
        return False
    if parts.username is not None or parts.password is not None:
        return False
    if parts.scheme == "http":
        return host in LOCAL_HOSTS
    return parts.scheme != "https" or bool(host)
