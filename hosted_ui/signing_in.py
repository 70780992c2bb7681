"""The pages' door to the sign-in engine: begin with name and password, answer what comes next."""

from dataclasses import dataclass

from hosted_ui import browser_session
from userpools.auth import sealed, second_factor, software_tokens
from userpools.auth.attempt import Attempt, Issued, Responses
from userpools.auth.checks import before_password, check_password
from userpools.auth.ending import Ending, close
from userpools.auth.engine import proceed, take_answer
from userpools.auth.flows.registry import FlowInput, new_attempt
from userpools.auth.secret_hash import secret_hash
from userpools.auth.sign_in_triggers import post_authentication
from userpools.awsjson.service import Call
from userpools.conf import settings
from userpools.counters import buckets
from userpools.errors import (
    EnableSoftwareTokenMFAException,
    LimitExceededException,
    NotAuthorizedException,
)
from userpools.limits import ATTEMPTS_EXCEEDED, Guard, subject_of, take_guard
from userpools.models import AppClient, BrowserSession
from userpools.models.browser_session import insert_browser_session

FLOW = "HOSTED_UI"
# Ours: the service states none. An office behind one address signs in; a list of stolen names and
# passwords does not, whatever the names.
ATTEMPTS_FROM_ADDRESS, WINDOW_SECONDS = 100, 300
IN_BROWSER = Ending.leaving(insert_browser_session)


@dataclass(frozen=True, slots=True)
class Entered:
    """The end: who signed in, and the browser's session."""

    session: BrowserSession


def begin(client: AppClient, call: Call, username: str, password: str) -> Issued | Entered:
    """Check the password and go on. Raises what InitiateAuth does.

    The flows that the client allows are those of the API; these pages need none of them.
    """
    take_attempt_from(client, call)
    parameters = {"USERNAME": username, "PASSWORD": password}
    if client.has_secret:
        # The pages act for the client: what applications prove with a hash, they know.
        parameters["SECRET_HASH"] = secret_hash(client.secret_values[0], username, client.client_id)
    given = FlowInput(call, client, FLOW, parameters, {}, is_admin=False)
    attempt = new_attempt(given, "PASSWORD")
    before_password(attempt)
    check_password(attempt, attempt.inputs.pop("PASSWORD"))
    attempt.passed.append("PASSWORD")
    return proceed(attempt, _enter)


def answer(
    client: AppClient, call: Call, session: str, name: str, responses: Responses
) -> Issued | Entered:
    """Answer a challenge. Raises what RespondToAuthChallenge does."""
    take_attempt_from(client, call)
    attempt = sealed.unseal(session, client=client, call=call)
    if attempt.flow != FLOW:
        # Begun elsewhere, it ends elsewhere: once, by the row that its own end leaves.
        raise NotAuthorizedException(sealed.INVALID)
    return take_answer(attempt, name, responses, _enter)


def _enter(attempt: Attempt) -> Entered:
    """End the sign-in with a session of the browser's; tokens are made for applications alone."""
    post_authentication(attempt)
    session = browser_session.of(attempt)
    close(attempt, IN_BROWSER, session, event_id=session.event_id)
    return Entered(session)


def new_app(call: Call, client: AppClient, session: str) -> tuple[str, str]:
    """Make the seed of an authenticator app at MFA_SETUP; return it and the session to go on."""
    attempt = _setting_up(call, client, session)
    return software_tokens.associate(attempt.known_user), sealed.seal(attempt)


def prove_app(call: Call, client: AppClient, session: str, code: str) -> str:
    """Take the new app into use by its first code; return the session that passes MFA_SETUP.

    Raises EnableSoftwareTokenMFAException for a wrong code.
    """
    take_attempt_from(client, call)
    attempt = _setting_up(call, client, session)
    if not software_tokens.prove(attempt.known_user, code, name="", only_first=True):
        raise EnableSoftwareTokenMFAException
    attempt.has_set_up = True
    return sealed.seal(attempt)


def _setting_up(call: Call, client: AppClient, session: str) -> Attempt:
    attempt = second_factor.setting_up(session, call)
    if attempt.client.client_id != client.client_id:
        raise NotAuthorizedException(sealed.INVALID)
    take_guard(Guard.WRITE, subject_of(attempt.known_user))
    return attempt


def take_attempt_from(client: AppClient, call: Call) -> None:
    """Count one try from the caller's address; LimitExceededException beyond what is allowed."""
    key = f"hosted-login:{client.pool_id}:{call.client_address}"
    if buckets(settings.REDIS_URL).count(key, WINDOW_SECONDS) > ATTEMPTS_FROM_ADDRESS:
        raise LimitExceededException(ATTEMPTS_EXCEEDED)
