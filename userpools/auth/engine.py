"""The sign-in engine: what comes next, and the end. API, pages and federation come through here."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from userpools.audit import record_auth_event
from userpools.auth import sealed
from userpools.auth.attempt import Attempt, Issued, Responses, SignedIn
from userpools.auth.challenges.base import Challenge
from userpools.auth.challenges.new_password import NewPasswordRequired
from userpools.auth.challenges.password_verifier import PasswordVerifier
from userpools.errors import NotAuthorizedException
from userpools.models import Group, PoolUser, SignInSession, SpentStep
from userpools.tokens import refresh
from userpools.tokens.claims import TokenRequest, epoch
from userpools.tokens.mint import mint

# The whole answer to "what comes next"; nothing else decides it.
POLICY: tuple[Challenge, ...] = (PasswordVerifier(), NewPasswordRequired())
CHALLENGES = {challenge.name: challenge for challenge in POLICY}


def advance(attempt: Attempt) -> Issued | SignedIn:
    """Issue the first open challenge; with none open, complete the sign-in."""
    for challenge in POLICY:
        if challenge.is_open(attempt):
            attempt.pending = challenge.name
            parameters = challenge.issue(attempt)
            session = sealed.seal(attempt) if challenge.needs_session else None
            return Issued(challenge.name, parameters, session)
    return complete(attempt)


def respond(attempt: Attempt, name: str, responses: Responses) -> Issued | SignedIn:
    """Check the answer to the pending challenge and go on.

    A wrong answer leaves the attempt as it was, to be tried again; a right one is spent.
    """
    if name != attempt.pending:
        raise NotAuthorizedException(sealed.INVALID)
    CHALLENGES[name].verify(attempt, responses)
    attempt.passed.append(name)
    outcome = advance(attempt)
    if isinstance(outcome, Issued):
        spend(attempt, name)
    return outcome


def spend(attempt: Attempt, step: str) -> None:
    """Use a step up; NotAuthorizedException when it was used before."""
    try:
        with transaction.atomic():
            SpentStep.objects.create(
                attempt=attempt.id, step=step, expires_at=sealed.spend_until(attempt)
            )
    except IntegrityError as exc:
        raise NotAuthorizedException(sealed.USED) from exc


def complete(attempt: Attempt) -> SignedIn:
    """Make the tokens and the sign-in session; the session's row closes the attempt.

    The user's row is locked by the update that clears the failed attempts, which finds no row when
    the user was signed out, disabled or deleted since the attempt began.
    """
    now = timezone.now()
    session = _session(attempt)
    tokens = mint(
        TokenRequest(
            pool=attempt.pool,
            client=attempt.client,
            user=attempt.known_user,
            groups=Group.objects.of(attempt.known_user),
            session_id=session.id,
            event_id=session.event_id,
            auth_epoch=epoch(now),
            now_epoch=epoch(now),
            trigger_source="TokenGeneration_NewPasswordChallenge"
            if attempt.new_password_set
            else "TokenGeneration_Authentication",
            refresh_token=refresh.seal(session, attempt.client.client_id),
            client_metadata=attempt.client_metadata,
        )
    )
    try:
        with transaction.atomic():
            _forgive(attempt)
            session.save(force_insert=True)
            record_auth_event(attempt.facts(), "Pass", event_id=attempt.event_id)
    except IntegrityError as exc:
        raise NotAuthorizedException(sealed.USED) from exc
    return SignedIn(tokens)


def _session(attempt: Attempt) -> SignInSession:
    now = timezone.now()
    return SignInSession(
        id=attempt.id,
        pool=attempt.pool,
        client=attempt.client,
        user=attempt.known_user,
        user_epoch=attempt.epoch,
        # Without token revocation there is no origin_jti claim; event_id names the session.
        event_id=attempt.event_id if attempt.client.revokes_tokens else attempt.id,
        auth_time=now,
        created_at=now,
        expires_at=now + attempt.client.refresh_token_lifetime,
    )


def _forgive(attempt: Attempt) -> None:
    alive = PoolUser.objects.filter(
        pk=attempt.known_user.pk, epoch=attempt.epoch, enabled=True
    ).update(failed_passwords=0, password_tried_at=None, failed_codes=0, code_tried_at=None)
    if not alive:
        raise NotAuthorizedException(sealed.INVALID)
