"""The tokens of one OAuth request: minted once, by the one mint, whoever asks for which of them."""

import json
import uuid
from typing import Any

from django.utils import timezone
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError

from hosted_ui.oauth import codes
from userpools.auth.refreshing import redeem
from userpools.models import AppClient, BrowserSession, Grant, Group, SignInSession
from userpools.models.sign_in_session import insert_session
from userpools.tokens import refresh, scopes
from userpools.tokens.claims import MachineRequest, TokenRequest, epoch
from userpools.tokens.mint import TokenSet, mint, mint_machine

HOSTED = "TokenGeneration_HostedAuth"


def token_set(request: Request) -> TokenSet:
    """Return the tokens of a token request; made at the first call."""
    made: TokenSet | None = getattr(request, "minted", None)
    if made is None:
        made = request.minted = GRANTS[request.grant_type](request)
    return made


def access_token(request: Request) -> str:
    """Make the access token (oauthlib's token_generator)."""
    return token_set(request).access_token


def refresh_token(request: Request) -> str:
    """Make the refresh token (oauthlib's refresh_token_generator)."""
    return token_set(request).refresh_token or ""


def lifetime(request: Request) -> int:
    """Return the access token's life in seconds."""
    return token_set(request).expires_in


def settle(token: dict[str, Any], request: Request) -> None:
    """Write what the grant writes, and make the answer what the service's is."""
    made = token_set(request)
    if request.grant_type == "authorization_code":
        codes.redeem(request.grant, request.sign_in_session)
    answer = {
        "id_token": made.id_token,
        "access_token": made.access_token,
        "refresh_token": made.refresh_token,
        "expires_in": made.expires_in,
        "token_type": "Bearer",
    }
    token.clear()
    token.update({name: value for name, value in answer.items() if value is not None})


def _of_code(request: Request) -> TokenSet:
    grant: Grant = request.grant
    client: AppClient = request.client
    _check_readable(client, grant.scope)
    session = _session(client, grant)
    request.sign_in_session = session
    return mint(
        _token_request(
            session, nonce=grant.nonce, refresh_token=refresh.seal(session, client.client_id),
            user_agent=request.headers.get("User-Agent", ""),
        )
    )  # fmt: skip


def _check_readable(client: AppClient, scope: str) -> None:
    """Refuse scopes whose attributes the client may not read all.

    Source: developer guide, "Token endpoint", invalid_grant.
    """
    for name in scope.split():
        if not scopes.ATTRIBUTES.get(name, frozenset()) <= client.readable_attributes:
            raise InvalidGrantError


def _session(client: AppClient, grant: Grant) -> SignInSession:
    now = timezone.now()
    return SignInSession(
        id=grant.session_id,
        pool=client.pool,
        client=client,
        user=grant.user,
        user_epoch=grant.user_epoch,
        event_id=grant.event_id if client.names_sessions else grant.session_id,
        auth_time=grant.auth_time,
        created_at=now,
        expires_at=now + client.refresh_token_lifetime,
        scope=grant.scope,
        is_hosted=True,
        resource=grant.resource[0] if grant.resource else "",
    )


def _token_request(
    session: SignInSession, *, nonce: str, user_agent: str, refresh_token: str | None = None
) -> TokenRequest:
    client = session.client
    return TokenRequest(
        pool=client.pool,
        client=client,
        user=session.user,
        groups=Group.objects.of(session.user),
        session_id=session.id,
        event_id=session.event_id,
        auth_epoch=epoch(session.auth_time),
        now_epoch=epoch(timezone.now()),
        trigger_source=HOSTED,
        scope=scopes.live(client.pool, session.scope),
        refresh_token=refresh_token,
        user_agent=user_agent,
        is_hosted=True,
        nonce=nonce,
        resource=session.resource,
    )


def _of_refresh_token(request: Request) -> TokenSet:
    session, claim = request.redeemed
    return redeem(
        session, claim, client_metadata={}, user_agent=request.headers.get("User-Agent", "")
    )


def _of_machine(request: Request) -> TokenSet:
    return mint_machine(
        MachineRequest(
            client=request.client,
            now_epoch=epoch(timezone.now()),
            scope=" ".join(request.scopes),
            client_metadata=_metadata(getattr(request, "aws_client_metadata", None)),
            user_agent=request.headers.get("User-Agent", ""),
        )
    )


def _metadata(text: str | None) -> dict[str, str]:
    """Read aws_client_metadata, a JSON object of texts."""
    try:
        given = json.loads(text) if text else {}
    except ValueError as exc:
        raise InvalidRequestError(description="aws_client_metadata is not JSON") from exc
    if not isinstance(given, dict) or not all(isinstance(each, str) for each in given.values()):
        raise InvalidRequestError(description="aws_client_metadata is not a map of strings")
    return given


GRANTS = {
    "authorization_code": _of_code,
    "refresh_token": _of_refresh_token,
    "client_credentials": _of_machine,
}


def implicit(
    client: AppClient,
    session: BrowserSession,
    *,
    granted: list[str],
    nonce: str,
    resource: str,
    user_agent: str,
) -> TokenSet:
    """Make the tokens of the implicit grant: no refresh token, and a session of their own life."""
    now = timezone.now()
    own_id = uuid.uuid4()
    kept = SignInSession(
        id=own_id,
        pool=client.pool,
        client=client,
        user=session.user,
        user_epoch=session.user_epoch,
        event_id=session.event_id if client.names_sessions else own_id,
        auth_time=session.auth_time,
        created_at=now,
        expires_at=now + client.access_token_lifetime,
        scope=" ".join(granted),
        is_hosted=True,
        resource=resource,
    )
    made = mint(_token_request(kept, nonce=nonce, user_agent=user_agent))
    insert_session.run(kept)
    return made
