"""USER_PASSWORD_AUTH and ADMIN_USER_PASSWORD_AUTH: the password itself is sent."""

from userpools.auth.attempt import Issued, SignedIn
from userpools.auth.challenges.admin_password import AdminNoSrpAuth
from userpools.auth.checks import before_password, check_password
from userpools.auth.engine import advance
from userpools.auth.flows.registry import Flow, FlowInput, new_attempt


def begin(given: FlowInput) -> Issued | SignedIn:
    """Check the password and go on; the legacy flow may ask for it as a challenge."""
    if given.name == AdminNoSrpAuth.name and not given.parameters.get("PASSWORD"):
        attempt = new_attempt(given)
        before_password(attempt)
        return advance(attempt)
    attempt = new_attempt(given, "PASSWORD")
    before_password(attempt)
    check_password(attempt, attempt.inputs.pop("PASSWORD"))
    attempt.passed.append("PASSWORD")
    return advance(attempt)


USER_PASSWORD = Flow(
    allowed_by="ALLOW_USER_PASSWORD_AUTH",
    refusal="USER_PASSWORD_AUTH flow not enabled for this client",
    begin=begin,
    admin=False,
)
ADMIN_USER_PASSWORD = Flow(
    allowed_by="ALLOW_ADMIN_USER_PASSWORD_AUTH",
    refusal="Auth flow not enabled for this client",
    begin=begin,
    public=False,
)
