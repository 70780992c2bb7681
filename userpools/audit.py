"""The two records that everything writes: sign-in events, and administrative acts."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from userpools.awsjson.service import Call
from userpools.models import AuditEntry, AuthEvent
from userpools.models.statements import Insert

insert_act = Insert(AuditEntry)
insert_event = Insert(AuthEvent)

REDACTED = "[redacted]"
# Members whose values are never written down, at any depth.
SECRET_MEMBERS = frozenset(
    {
        "Password", "TemporaryPassword", "ClientSecret", "SecretHash", "PreviousPassword",
        "ProposedPassword", "Session", "Code", "ConfirmationCode", "AccessToken", "RefreshToken",
        "Token", "SecretCode", "UserCode", "ClientSecretValue", "client_secret", "private_key",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and through which door: `api`, `console` or `command`."""

    name: str
    source: str
    request_id: str = ""
    client_address: str = ""

    @classmethod
    def of(cls, call: Call) -> "Actor":
        """The signer of an API call; `anonymous` for an unsigned one."""
        name = call.caller.arn if call.caller else "anonymous"
        # A caller without an access key is a command of this machine: see local_api.py.
        source = "command" if call.caller and not call.caller.access_key_id else "api"
        return cls(name, source, call.request_id, call.client_address)


def redacted(value: Any) -> Any:
    """Return a copy with the values of secret members replaced."""
    if isinstance(value, dict):
        return {
            name: REDACTED if name in SECRET_MEMBERS else redacted(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(inner) for inner in value]
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return str(value)


def act(
    actor: Actor,
    action: str,
    *,
    pool_id: str = "",
    resource: str = "",
    before: Any = None,
    after: Any = None,
) -> AuditEntry:
    """Make the row of one administrative act, unsaved."""
    return AuditEntry(
        actor=actor.name[:256],
        source=actor.source,
        action=action,
        pool_id=pool_id,
        resource=resource[:512],
        before=redacted(before),
        after=redacted(after),
        request_id=actor.request_id,
        client_address=actor.client_address[:64],
    )


def record_act(
    actor: Actor,
    action: str,
    *,
    pool_id: str = "",
    resource: str = "",
    before: Any = None,
    after: Any = None,
) -> None:
    """Write one administrative act, in the transaction that does it."""
    insert_act.run(
        act(actor, action, pool_id=pool_id, resource=resource, before=before, after=after)
    )


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """What a sign-in event says besides its outcome."""

    pool_id: str
    client_id: str
    username: str
    user_sub: uuid.UUID | None
    flow: str
    call: Call


def auth_event(
    attempt: SignInAttempt,
    outcome: str,
    *,
    event_id: uuid.UUID | None = None,
    event_type: str = "SignIn",
    reason: str = "",
) -> AuthEvent:
    """Make the row of one sign-in attempt, unsaved. `outcome` is Pass, Fail or InProgress."""
    return AuthEvent(
        id=event_id or uuid.uuid4(),
        pool_id=attempt.pool_id,
        user_sub=attempt.user_sub,
        username=attempt.username[:128],
        client_id=attempt.client_id,
        event_type=event_type,
        outcome=outcome,
        reason=reason[:128],
        flow=attempt.flow,
        ip_address=attempt.call.client_address[:64],
        user_agent=attempt.call.user_agent[:256],
        request_id=attempt.call.request_id,
        created_at=timezone.now(),
    )


def record_auth_event(
    attempt: SignInAttempt,
    outcome: str,
    *,
    event_id: uuid.UUID | None = None,
    event_type: str = "SignIn",
    reason: str = "",
) -> None:
    """Write one sign-in attempt."""
    insert_event.run(
        auth_event(attempt, outcome, event_id=event_id, event_type=event_type, reason=reason)
    )
