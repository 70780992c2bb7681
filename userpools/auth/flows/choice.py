"""USER_AUTH: the person chooses how to sign in, or has just signed up."""

from typing import Final

from userpools.auth import sign_up_session
from userpools.auth.attempt import Attempt, Issued, SignedIn, password_mark
from userpools.auth.challenges.first_factor import FLOW
from userpools.auth.challenges.one_time_codes import OF_MEDIUM
from userpools.auth.challenges.passwords import PASSWORD
from userpools.auth.checks import WRONG, before_password, fail
from userpools.auth.engine import advance
from userpools.auth.first_factors import choose, offered
from userpools.auth.flows.registry import Flow, FlowInput, new_attempt
from userpools.auth.mfa_decision import CONTACT
from userpools.auth.sealed import INVALID, user_of
from userpools.auth.secret_hash import check_secret_hash
from userpools.errors import NotAuthorizedException
from userpools.services.attributes import VERIFIED_FLAGS
from userpools.services.lookup import canonical

PREFERRED: Final = "PREFERRED_CHALLENGE"


def begin(given: FlowInput) -> Issued | SignedIn:
    """Go on with the preferred factor where it is offered, else have one chosen."""
    attempt = _after_sign_up(given) if given.session else None
    if attempt is not None:
        return advance(attempt)
    preferred = given.parameters.get(PREFERRED, "")
    # A password that comes along may be one of another directory's.
    with_password = preferred == PASSWORD and given.parameters.get(PASSWORD)
    attempt = new_attempt(given, *([PASSWORD] if with_password else []))
    before_password(attempt)
    attempt.offered = offered(attempt)
    if not attempt.offered:
        raise fail(attempt, NotAuthorizedException(WRONG))
    if preferred in attempt.offered:
        choose(attempt, preferred, given.parameters)
    return advance(attempt)


def _after_sign_up(given: FlowInput) -> Attempt | None:
    """Begin with the Session of ConfirmSignUp, whose code counts as the first factor.

    None where the user may not begin with such a code; AuthParameters then count as always.
    Raises NotAuthorizedException. Source: API reference, InitiateAuth, "Session".
    """
    client = given.client
    begun = sign_up_session.unseal(given.session, client=client)
    if begun.proved is None:
        raise NotAuthorizedException(INVALID)
    user = user_of(client, begun.sub.hex)
    begun.check_user(user)
    name = given.parameters.get("USERNAME", "")
    check_secret_hash(client, name, given.parameters.get("SECRET_HASH", ""))
    factor = OF_MEDIUM[begun.proved]
    is_verified = VERIFIED_FLAGS[CONTACT[factor.factor]]
    if user is None or user.attributes.get(is_verified) != "true" or not factor.available_to(user):
        return None
    attempt = Attempt(
        pool=client.pool,
        client=client,
        call=given.call,
        flow=FLOW,
        name_key=canonical(client.pool, user.username),
        user=user,
        epoch=user.epoch,
        password_mark=password_mark(user),
        is_admin=given.is_admin,
        # The sign-in session will bear it: what ends a sign-in once makes the Session good for one.
        id=begun.id,
        passed=[factor.name],
        first_factor=factor.name,
        validation_data=given.client_metadata,
    )
    before_password(attempt)
    return attempt


USER_AUTH = Flow(
    allowed_by="ALLOW_USER_AUTH",
    refusal="USER_AUTH is not enabled for the client.",
    begin=begin,
    tier="ESSENTIALS",
)
