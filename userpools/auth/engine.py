"""The sign-in engine: what comes next, and the end. API, pages and federation come through here."""

from collections.abc import Callable
from typing import TypeVar

from django.utils import timezone

from userpools.auth import custom_auth, devices, first_factors, sealed, second_factor
from userpools.auth.attempt import Attempt, Issued, Responses, SignedIn
from userpools.auth.challenges.admin_password import AdminNoSrpAuth
from userpools.auth.challenges.base import Challenge
from userpools.auth.challenges.custom import CustomChallenge
from userpools.auth.challenges.device import DevicePasswordVerifier, DeviceSrpAuth
from userpools.auth.challenges.mfa import EmailOtp, SelectMfaType, SmsMfa, SoftwareTokenMfa
from userpools.auth.challenges.mfa_setup import MfaSetup
from userpools.auth.challenges.new_password import NewPasswordRequired
from userpools.auth.challenges.password_verifier import PasswordVerifier
from userpools.auth.challenges.select_challenge import SelectChallenge
from userpools.auth.ending import Ending, close
from userpools.auth.sign_in_triggers import post_authentication
from userpools.errors import NotAuthorizedException
from userpools.models import Group, SignInSession
from userpools.models.sign_in_session import insert_session
from userpools.tokens import refresh
from userpools.tokens.claims import TokenRequest, epoch
from userpools.tokens.mint import mint

# The whole answer to "what comes next"; nothing else decides it.
POLICY: tuple[Challenge, ...] = (
    SelectChallenge(),
    *first_factors.FIRST_FACTORS,
    PasswordVerifier(),
    AdminNoSrpAuth(),
    NewPasswordRequired(),
    DeviceSrpAuth(),
    DevicePasswordVerifier(),
    MfaSetup(),
    SelectMfaType(),
    SmsMfa(),
    EmailOtp(),
    SoftwareTokenMfa(),
    CustomChallenge(),
)
CHALLENGES = {challenge.name: challenge for challenge in POLICY}

WITH_TOKENS = Ending.leaving(insert_session)

T = TypeVar("T")


def advance(attempt: Attempt) -> Issued | SignedIn:
    """Issue the first open challenge; with none open, complete the sign-in with tokens."""
    return proceed(attempt, complete)


def proceed(attempt: Attempt, finish: Callable[[Attempt], T]) -> Issued | T:
    """Issue the first open challenge; with none open, finish the sign-in.

    In a custom sign-in the customer's function is asked before that, which may open another.
    """
    if devices.is_proved(attempt):
        devices.recognize(attempt)
    challenge = _first_open(attempt)
    if challenge is None and custom_auth.is_undecided(attempt):
        custom_auth.define(attempt)
        challenge = _first_open(attempt)
        custom_auth.require_named(attempt, challenge.name if challenge else "")
    if challenge is None:
        return finish(attempt)
    attempt.pending = challenge.name
    parameters = challenge.issue(attempt)
    custom_auth.keep(attempt)
    session = sealed.seal(attempt)
    return Issued(challenge.name, parameters, session, challenge.alternatives(attempt))


def _first_open(attempt: Attempt) -> Challenge | None:
    return next((challenge for challenge in POLICY if challenge.is_open(attempt)), None)


def respond(attempt: Attempt, name: str, responses: Responses) -> Issued | SignedIn:
    """Check the answer to a challenge and go on, to tokens at the end."""
    return take_answer(attempt, name, responses, complete)


def take_answer(
    attempt: Attempt, name: str, responses: Responses, finish: Callable[[Attempt], T]
) -> Issued | T:
    """Check the answer to the pending challenge, or to one that is offered, and go on.

    A wrong answer leaves the attempt as it was, to be tried again; a right one is spent.
    """
    if name not in attempt.answerable:
        raise NotAuthorizedException(sealed.INVALID)
    challenge, pending = _challenge(attempt, name), attempt.pending
    if name != pending:
        attempt.first_factor = name
    devices.present(attempt, name, responses)
    if devices.is_proved(attempt):
        # Before the answer, which a client gives again without a key that is not known.
        devices.recognize(attempt)
    challenge.verify(attempt, responses)
    custom_auth.note(attempt, name)
    if challenge.proves:
        attempt.passed.append(name)
    outcome = proceed(attempt, finish)
    if isinstance(outcome, Issued) and not challenge.spends_itself:
        sealed.spend(attempt, pending)
    return outcome


def _challenge(attempt: Attempt, name: str) -> Challenge:
    """Return the challenge that a name means: EMAIL_OTP is a first factor and a second one."""
    known = first_factors.BY_NAME if first_factors.is_due(attempt) else {}
    return known.get(name) or CHALLENGES[name]


def complete(attempt: Attempt) -> SignedIn:
    """Make the tokens and the sign-in session; the session's row closes the attempt."""
    devices.recognize(attempt)
    post_authentication(attempt)
    session = _session(attempt)
    moment = epoch(session.auth_time)
    tokens = mint(
        TokenRequest(
            pool=attempt.pool,
            client=attempt.client,
            user=attempt.known_user,
            groups=Group.objects.of(attempt.known_user),
            session_id=session.id,
            event_id=session.event_id,
            auth_epoch=moment,
            now_epoch=moment,
            trigger_source=_trigger_source(attempt),
            refresh_token=refresh.seal(session, attempt.client.client_id),
            device_key=session.device_key,
            client_metadata=attempt.client_metadata,
            user_agent=attempt.call.user_agent,
        )
    )
    close(attempt, WITH_TOKENS, session, event_id=session.event_id)
    return SignedIn(tokens, devices.new_metadata(attempt, session))


def _trigger_source(attempt: Attempt) -> str:
    if DevicePasswordVerifier.name in attempt.passed:
        return "TokenGeneration_AuthenticateDevice"
    if attempt.new_password_set:
        return "TokenGeneration_NewPasswordChallenge"
    return "TokenGeneration_Authentication"


def _session(attempt: Attempt) -> SignInSession:
    now = timezone.now()
    return SignInSession(
        id=attempt.id,
        pool=attempt.pool,
        client=attempt.client,
        user=attempt.known_user,
        user_epoch=attempt.epoch,
        event_id=attempt.event_id if attempt.client.names_sessions else attempt.id,
        auth_time=now,
        created_at=now,
        expires_at=now + attempt.client.refresh_token_lifetime,
        device_key=devices.key_of_session(attempt),
        passed_factor=second_factor.was_passed(attempt),
    )
