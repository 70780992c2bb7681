"""REFRESH_TOKEN_AUTH: new tokens without a person."""

from userpools.auth.attempt import SignedIn, required
from userpools.auth.flows.registry import Flow, FlowInput
from userpools.auth.refreshing import live_session, redeem
from userpools.auth.secret_hash import check_secret_hash


def begin(given: FlowInput) -> SignedIn:
    """Redeem the refresh token; SECRET_HASH is over the canonical username, as no name is sent."""
    token = required(given.parameters, "REFRESH_TOKEN")
    secret_hash = given.parameters.get("SECRET_HASH", "")
    if given.client.has_secret and not secret_hash:
        check_secret_hash(given.client, "", "")
    session, claim = live_session(given.client, token)
    check_secret_hash(given.client, session.user.username, secret_hash)
    tokens = redeem(
        session,
        claim,
        # ClientMetadata of InitiateAuth is for the triggers of a sign-in's beginning.
        client_metadata={},
        user_agent=given.call.user_agent,
        device_key=given.parameters.get("DEVICE_KEY", ""),
    )
    return SignedIn(tokens)


REFRESH = Flow(
    allowed_by="ALLOW_REFRESH_TOKEN_AUTH",
    refusal="Auth flow not enabled for this client",
    begin=begin,
)
