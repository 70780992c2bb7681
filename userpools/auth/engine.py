"""The sign-in engine: what comes next, and the end. API, pages and federation come through here."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from userpools.audit import auth_event, insert_event
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
from userpools.auth.sign_in_triggers import post_authentication
from userpools.auth.software_tokens import require_unused_step
from userpools.errors import NotAuthorizedException
from userpools.models import Group, SignInSession
from userpools.models.sign_in_session import insert_session
from userpools.models.statements import Together
from userpools.models.user import (
    forgive_live_passwordless_user,
    forgive_live_user,
    forgive_live_user_by_step,
)
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

sign_in = Together(forgive_live_user, insert_session, insert_event)
sign_in_by_step = Together(forgive_live_user_by_step, insert_session, insert_event)
sign_in_without_password = Together(forgive_live_passwordless_user, insert_session, insert_event)


def advance(attempt: Attempt) -> Issued | SignedIn:
    """Issue the first open challenge; with none open, complete the sign-in.

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
        return complete(attempt)
    attempt.pending = challenge.name
    parameters = challenge.issue(attempt)
    custom_auth.keep(attempt)
    session = sealed.seal(attempt)
    return Issued(challenge.name, parameters, session, challenge.alternatives(attempt))


def _first_open(attempt: Attempt) -> Challenge | None:
    return next((challenge for challenge in POLICY if challenge.is_open(attempt)), None)


def respond(attempt: Attempt, name: str, responses: Responses) -> Issued | SignedIn:
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
    outcome = advance(attempt)
    if isinstance(outcome, Issued) and not challenge.spends_itself:
        sealed.spend(attempt, pending)
    return outcome


def _challenge(attempt: Attempt, name: str) -> Challenge:
    """Return the challenge that a name means: EMAIL_OTP is a first factor and a second one."""
    known = first_factors.BY_NAME if first_factors.is_due(attempt) else {}
    return known.get(name) or CHALLENGES[name]


def complete(attempt: Attempt) -> SignedIn:
    """Make the tokens and the sign-in session; the session's row closes the attempt.

    The user's row is locked by the update that clears the failed attempts, which finds no row when
    the user was signed out, disabled, reset or deleted since the attempt began.
    """
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
    try:
        alive = _write(attempt, session)
    except IntegrityError as exc:
        raise NotAuthorizedException(sealed.USED) from exc
    if not alive:
        require_unused_step(attempt)
        raise NotAuthorizedException(sealed.INVALID)
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


def _write(attempt: Attempt, session: SignInSession) -> bool:
    """Write the end of the sign-in, all or nothing; False where the user has ended."""
    if attempt.device is None:
        return _write_session(attempt, session)
    with transaction.atomic():
        if not _write_session(attempt, session):
            return False
        devices.note_use(attempt, attempt.device)
        return True


def _write_session(attempt: Attempt, session: SignInSession) -> bool:
    """Clear the failed attempts, keep the session and the event; False where the user has ended."""
    user = attempt.known_user
    event = auth_event(attempt.facts(), "Pass", event_id=session.event_id)
    if user.password_set_at is None:
        return sign_in_without_password.run((user.pk, attempt.epoch), session, event)
    bound = (user.pk, attempt.epoch, user.password_set_at)
    step = attempt.software_token_step
    if step is None:
        return sign_in.run(bound, session, event)
    return sign_in_by_step.run((step, *bound, step), session, event)
