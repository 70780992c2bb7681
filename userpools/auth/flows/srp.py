"""USER_SRP_AUTH: the first half of SRP; writes nothing."""

from userpools.auth.attempt import Issued, SignedIn
from userpools.auth.checks import before_password
from userpools.auth.engine import advance
from userpools.auth.flows.registry import Flow, FlowInput, new_attempt
from userpools.auth.srp_exchange import public_value


def begin(given: FlowInput) -> Issued | SignedIn:
    """Answer with PASSWORD_VERIFIER."""
    attempt = new_attempt(given, "SRP_A")
    public_value(attempt.inputs["SRP_A"])
    before_password(attempt)
    return advance(attempt)


USER_SRP = Flow(
    allowed_by="ALLOW_USER_SRP_AUTH",
    refusal="USER_SRP_AUTH is not enabled for the client.",
    begin=begin,
)
