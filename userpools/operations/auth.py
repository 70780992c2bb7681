"""Signing in, answering challenges, refreshing and revoking."""

from userpools.auth import sealed
from userpools.auth.attempt import Attempt, Issued, SignedIn, required
from userpools.auth.challenges import device, password_verifier
from userpools.auth.engine import respond
from userpools.auth.flows import FLOWS
from userpools.auth.flows.registry import FlowInput
from userpools.auth.refreshing import live_session, redeem
from userpools.auth.secret_hash import check_secret_hash
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.errors import (
    FeatureUnavailableInTierException,
    InvalidParameterException,
    NotAuthorizedException,
    ResourceNotFoundException,
    UnauthorizedException,
    UnsupportedOperationException,
)
from userpools.models import AppClient, UserPool
from userpools.operations import user_context
from userpools.services import sessions
from userpools.services.lookup import find_user_or_none, short_key
from userpools.services.pool_rules import tier_has
from userpools.shapes import Shape, authentication_result

UNSUPPORTED = "Initiate Auth method not supported."


def outcome_shape(outcome: Issued | SignedIn) -> Shape:
    """Return the answer of the four sign-in operations."""
    if isinstance(outcome, SignedIn):
        return {
            "ChallengeParameters": {},
            "AuthenticationResult": authentication_result(outcome.tokens, outcome.new_device),
        }
    return {
        "ChallengeName": outcome.name,
        "ChallengeParameters": outcome.parameters,
        "Session": outcome.session,
        "AvailableChallenges": list(outcome.available) or None,
    }


def _initiate(given: FlowInput) -> Shape:
    flow = FLOWS.get(given.name)
    if flow is None or not (flow.admin if given.is_admin else flow.public):
        raise InvalidParameterException(UNSUPPORTED)
    if not tier_has(given.client.pool, flow.tier):
        raise FeatureUnavailableInTierException(
            f"{given.name} is not available in the {given.client.pool.tier} tier."
        )
    if flow.allowed_by not in given.client.auth_flows:
        raise InvalidParameterException(flow.refusal)
    return outcome_shape(flow.begin(given))


@operation("InitiateAuth", category=Category.USER_AUTHENTICATION)
def initiate_auth(
    call: Call,
    *,
    auth_flow: str,
    client_id: str,
    auth_parameters: dict[str, str] | None = None,
    client_metadata: dict[str, str] | None = None,
    analytics_metadata: Shape | None = None,
    user_context_data: Shape | None = None,
    session: str = "",
) -> Shape:
    """Begin a sign-in as the user's own application."""
    client = AppClient.cached(client_id)
    call = user_context.from_person(call, client, user_context_data)
    return _initiate(
        FlowInput(
            call,
            client,
            auth_flow,
            auth_parameters or {},
            client_metadata or {},
            is_admin=False,
            session=session,
        )
    )


@operation("AdminInitiateAuth", category=Category.USER_AUTHENTICATION)
def admin_initiate_auth(
    call: Call,
    *,
    user_pool_id: str,
    client_id: str,
    auth_flow: str,
    auth_parameters: dict[str, str] | None = None,
    client_metadata: dict[str, str] | None = None,
    analytics_metadata: Shape | None = None,
    context_data: Shape | None = None,
    session: str = "",
) -> Shape:
    """Begin a sign-in as the application's server."""
    client = _client_of(call, user_pool_id, client_id)
    call = user_context.from_server(call, context_data)
    return _initiate(
        FlowInput(
            call,
            client,
            auth_flow,
            auth_parameters or {},
            client_metadata or {},
            is_admin=True,
            session=session,
        )
    )


def _client_of(call: Call, user_pool_id: str, client_id: str) -> AppClient:
    pool = UserPool.objects.for_call(call, user_pool_id)
    return AppClient.cached_in(pool.pk, client_id)


@operation("RespondToAuthChallenge", category=Category.USER_AUTHENTICATION_RESPONSE)
def respond_to_auth_challenge(
    call: Call,
    *,
    client_id: str,
    challenge_name: str,
    session: str = "",
    challenge_responses: dict[str, str] | None = None,
    analytics_metadata: Shape | None = None,
    user_context_data: Shape | None = None,
    client_metadata: dict[str, str] | None = None,
) -> Shape:
    """Answer a challenge as the user's own application."""
    client = AppClient.cached(client_id)
    return _respond(
        user_context.from_person(call, client, user_context_data),
        client,
        challenge_name,
        session,
        challenge_responses or {},
        client_metadata or {},
        is_admin=False,
    )


@operation("AdminRespondToAuthChallenge", category=Category.USER_AUTHENTICATION_RESPONSE)
def admin_respond_to_auth_challenge(
    call: Call,
    *,
    user_pool_id: str,
    client_id: str,
    challenge_name: str,
    challenge_responses: dict[str, str] | None = None,
    session: str = "",
    analytics_metadata: Shape | None = None,
    context_data: Shape | None = None,
    client_metadata: dict[str, str] | None = None,
) -> Shape:
    """Answer a challenge as the application's server."""
    client = _client_of(call, user_pool_id, client_id)
    return _respond(
        user_context.from_server(call, context_data),
        client,
        challenge_name,
        session,
        challenge_responses or {},
        client_metadata or {},
        is_admin=True,
    )


def _respond(
    call: Call,
    client: AppClient,
    name: str,
    session: str,
    responses: dict[str, str],
    client_metadata: dict[str, str],
    *,
    is_admin: bool,
) -> Shape:
    username = required(responses, "USERNAME")
    check_secret_hash(client, username, responses.get("SECRET_HASH", ""))
    attempt = _attempt(call, client, name, session, responses)
    if attempt.flow not in FLOWS:
        # Of a sign-in on the pages, which leaves other things than tokens.
        raise NotAuthorizedException(sealed.INVALID)
    if not _names(attempt, username):
        if attempt.srp is None:
            raise NotAuthorizedException(sealed.INVALID)
        # Before the password is proved, the answer must not tell whose name it is.
        attempt.is_for_another = True
    attempt.client_metadata, attempt.is_admin = client_metadata, is_admin
    return outcome_shape(respond(attempt, name, responses))


def _attempt(
    call: Call, client: AppClient, name: str, session: str, responses: dict[str, str]
) -> Attempt:
    if name == password_verifier.PasswordVerifier.name:
        # The state is in SECRET_BLOCK: older SDKs send no Session with it.
        return password_verifier.attempt_of(client, call, responses, session)
    if name == device.DevicePasswordVerifier.name:
        return device.attempt_of(client, call, responses)
    if not session and name == device.DeviceSrpAuth.name:
        return device.asked_attempt(client, call, responses)
    if not session:
        raise InvalidParameterException("Missing required parameter Session")
    return sealed.unseal(session, client=client, call=call)


def _names(attempt: Attempt, username: str) -> bool:
    """Say whether USERNAME means the attempt's user: as typed, canonical, sub or another alias."""
    if username == password_verifier.shown_user_id(attempt):
        return True
    if short_key(attempt.pool, username) == attempt.name_key:
        return True
    found = find_user_or_none(attempt.pool, username)
    return found is not None and attempt.user is not None and found.pk == attempt.user.pk


@operation("GetTokensFromRefreshToken", category=Category.USER_AUTHENTICATION)
def get_tokens_from_refresh_token(
    call: Call,
    *,
    refresh_token: str,
    client_id: str,
    client_secret: str = "",
    device_key: str = "",
    client_metadata: dict[str, str] | None = None,
) -> Shape:
    """Return new tokens; with rotation a new refresh token too."""
    client = AppClient.cached(client_id)
    if not client.accepts_secret(client_secret):
        raise NotAuthorizedException(f"Unable to verify secret for client {client_id}")
    session, claim = live_session(client, refresh_token)
    tokens = redeem(
        session,
        claim,
        client_metadata=client_metadata or {},
        user_agent=call.user_agent,
        device_key=device_key,
    )
    return {"AuthenticationResult": authentication_result(tokens)}


@operation("RevokeToken", category=Category.USER_TOKEN)
def revoke_token(
    call: Call,
    *,
    token: str,
    client_id: str,
    client_secret: str = "",
    **_options: Shape,
) -> Shape:
    """End a refresh token and every token of its sign-in; an unknown or dead one is no error."""
    sessions.revoke(_revoking_client(client_id, client_secret), token)
    return {}


def _revoking_client(client_id: str, client_secret: str) -> AppClient:
    try:
        client = AppClient.cached(client_id)
    except ResourceNotFoundException as exc:
        raise UnauthorizedException("Invalid client.") from exc
    if not client.accepts_secret(client_secret):
        raise UnauthorizedException("Invalid client secret.")
    if not client.revokes_tokens:
        raise UnsupportedOperationException("Token revocation is not enabled for this client.")
    return client
