"""What happens to an account besides its sign-ins, as its event history knows it.

Source: API reference, AuthEventType, EventType. Inferred: a reset is in progress from its code
until a password was set with it; SignUp has an event where there is an account.
"""

import uuid
from enum import StrEnum

from userpools.audit import SignInAttempt, auth_event, record_auth_event
from userpools.awsjson.errors import AwsError
from userpools.awsjson.service import Call
from userpools.models import AppClient, AuthEvent, PoolUser
from userpools.services.lookup import short_key


class EventType(StrEnum):
    """EventType of the service model, without SignIn."""

    SIGN_UP = "SignUp"
    FORGOT_PASSWORD = "ForgotPassword"  # noqa: S105
    PASSWORD_CHANGE = "PasswordChange"  # noqa: S105
    RESEND_CODE = "ResendCode"


def of_user(
    call: Call, client: AppClient, kind: EventType, outcome: str, user: PoolUser
) -> AuthEvent:
    """Make the event of somebody, unsaved."""
    return of_name(call, client, kind, outcome, username=user.username, sub=user.sub)


def of_name(
    call: Call,
    client: AppClient,
    kind: EventType,
    outcome: str,
    *,
    username: str,
    sub: uuid.UUID | None,
) -> AuthEvent:
    """Do what `of_user` does, for an account that is not made yet."""
    return auth_event(_facts(call, client, username, sub), outcome, event_type=kind)


def of_typed(
    call: Call, client: AppClient, kind: EventType, outcome: str, user: PoolUser | None, typed: str
) -> AuthEvent:
    """Make the event of whoever a typed name means, somebody or nobody: the work is the same."""
    name = user.username if user else short_key(client.pool, typed)
    return of_name(call, client, kind, outcome, username=name, sub=user.sub if user else None)


def record_failure(
    call: Call,
    client: AppClient,
    kind: EventType,
    user: PoolUser | None,
    typed: str,
    error: AwsError,
) -> None:
    """Write that somebody, or nobody, failed; outside of a transaction that the error undoes."""
    name = user.username if user else short_key(client.pool, typed)
    facts = _facts(call, client, name, user.sub if user else None)
    record_auth_event(facts, "Fail", event_type=kind, reason=type(error).__name__)


def _facts(call: Call, client: AppClient, username: str, sub: uuid.UUID | None) -> SignInAttempt:
    return SignInAttempt(
        pool_id=client.pool_id,
        client_id=client.client_id,
        username=username,
        user_sub=sub,
        flow="",
        call=call,
    )
