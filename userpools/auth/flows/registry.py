"""What a flow is, and what all flows check first."""

from collections.abc import Callable
from dataclasses import dataclass

from userpools.auth import migration
from userpools.auth.attempt import (
    Attempt,
    Issued,
    Parameters,
    SignedIn,
    device_key_in,
    password_mark,
    required,
)
from userpools.auth.secret_hash import check_secret_hash
from userpools.awsjson.service import Call
from userpools.errors import UserNotFoundException
from userpools.models import AppClient, PoolUser
from userpools.services.lookup import find_user_or_none, short_key


@dataclass(frozen=True, slots=True)
class FlowInput:
    """One InitiateAuth or AdminInitiateAuth."""

    call: Call
    client: AppClient
    name: str
    parameters: Parameters
    client_metadata: dict[str, str]
    is_admin: bool
    session: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """A value of AuthFlow: what the client must allow, which door it has, and what it does.

    `public` and `admin` say through which operation it may come, `tier` from which tier on.
    """

    allowed_by: str
    refusal: str
    begin: Callable[[FlowInput], Issued | SignedIn]
    public: bool = True
    admin: bool = True
    tier: str = "LITE"


def new_attempt(given: FlowInput, *needed: str) -> Attempt:
    """Check parameters and SECRET_HASH, find the user, and begin an attempt.

    An unknown user who sends a password may be taken over from another directory. Else it is an
    error, or where the client hides that, an attempt without one.
    """
    inputs = {name: required(given.parameters, name) for name in ("USERNAME", *needed)}
    check_secret_hash(given.client, inputs["USERNAME"], given.parameters.get("SECRET_HASH", ""))
    user = find_user_or_none(given.client.pool, inputs["USERNAME"])
    unknown = "User does not exist."
    if user is None and "PASSWORD" in inputs and migration.is_configured(given.client.pool):
        user, unknown = _migrated(given, inputs), migration.failure(given.client)
    if user is None and (given.is_admin or not given.client.hides_unknown_users):
        raise UserNotFoundException(unknown)
    return Attempt(
        pool=given.client.pool,
        client=given.client,
        call=given.call,
        flow=given.name,
        name_key=short_key(given.client.pool, inputs["USERNAME"]),
        user=user,
        epoch=user.epoch if user else 0,
        password_mark=password_mark(user),
        is_admin=given.is_admin,
        inputs=inputs,
        validation_data=given.client_metadata,
        device_key=device_key_in(given.parameters),
    )


def _migrated(given: FlowInput, inputs: Parameters) -> PoolUser | None:
    return migration.at_sign_in(
        given.client,
        inputs["USERNAME"],
        inputs["PASSWORD"],
        validation_data=given.client_metadata,
        user_agent=given.call.user_agent,
    )
