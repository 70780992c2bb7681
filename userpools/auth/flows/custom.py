"""CUSTOM_AUTH: the customer's functions decide, with the password before them or without."""

from userpools.auth import custom_auth
from userpools.auth.attempt import Issued, SignedIn
from userpools.auth.checks import before_password
from userpools.auth.engine import advance
from userpools.auth.flows.registry import Flow, FlowInput, new_attempt
from userpools.auth.srp_exchange import public_value
from userpools.errors import InvalidParameterException


def begin(given: FlowInput) -> Issued | SignedIn:
    """Ask DefineAuthChallenge for the first step."""
    custom_auth.require_configured(given.client.pool, custom_auth.DEFINE)
    needed = (custom_auth.SRP_FIRST,) if _has_password_first(given) else ()
    attempt = new_attempt(given, *needed)
    for name in needed:
        public_value(attempt.inputs[name])
    before_password(attempt)
    custom_auth.begin(attempt)
    return advance(attempt)


def _has_password_first(given: FlowInput) -> bool:
    # The developer guide spells the name in the second way; SDKs send the first.
    names = ("CHALLENGE_NAME", "ChallengeName")
    asked = next(filter(None, map(given.parameters.get, names)), "")
    if asked not in {"", custom_auth.SRP_FIRST}:
        raise InvalidParameterException("CHALLENGE_NAME must be SRP_A.")
    return bool(asked)


CUSTOM = Flow(
    allowed_by="ALLOW_CUSTOM_AUTH",
    refusal="CUSTOM_AUTH is not enabled for the client.",
    begin=begin,
)
