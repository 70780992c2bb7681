"""People of another directory, taken over when they first sign in or reset their password.

The pool's function says who they are. Source: developer guide, "Migrate user Lambda trigger".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from userpools import lambda_triggers
from userpools.auth import passwords
from userpools.auth.checks import LOCKED
from userpools.auth.mfa_decision import CONTACT, Factor, pool_factors
from userpools.errors import (
    AliasExistsException,
    CodeDeliveryFailureException,
    InvalidLambdaResponseException,
    InvalidParameterException,
    NotAuthorizedException,
    UnexpectedLambdaException,
    UsernameExistsException,
)
from userpools.lambda_triggers import Origin
from userpools.messaging import outbox, wording
from userpools.messaging.compose import Kind
from userpools.messaging.outbox import DEFAULT_ATTRIBUTE
from userpools.messaging.wording import Wording
from userpools.models import AppClient, Medium, PoolUser, UserPool, UserStatus
from userpools.models.lockout import take_unknown_name_attempt
from userpools.models.retry import in_transaction
from userpools.services import users
from userpools.services.attributes import (
    RESERVED,
    VERIFIED_FLAGS,
    Attributes,
    Writer,
    check_writes,
    merged,
)
from userpools.services.lookup import canonical, find_user_or_none, short_key
from userpools.services.users import CONTACTS, NewName

log = structlog.get_logger("poolhouse.migration")

TRIGGER: Final = "UserMigration"
# What stands in a welcome message where an invitation has a temporary password.
NO_PASSWORD: Final = "********"  # noqa: S105
RESPONSE: Final = (
    "userAttributes", "forceAliasCreation", "enableSMSMFA", "finalUserStatus", "messageAction",
    "desiredDeliveryMediums",
)  # fmt: skip


class Unusable(Exception):
    """The function's answer makes no user of this pool."""


def is_configured(pool: UserPool) -> bool:
    """Say whether the pool takes people over."""
    return lambda_triggers.configured(pool, TRIGGER)


def failure(client: AppClient) -> str:
    """Return what clients that tell who exists say of a user who was not taken over."""
    return f"Exception migrating user in app client {client.client_id}"


def at_sign_in(
    client: AppClient,
    typed: str,
    password: str,
    *,
    validation_data: Mapping[str, str],
    user_agent: str,
) -> PoolUser | None:
    """Ask for an unknown user with the password that was given; None if there is none.

    The password is stored without regard to the pool's policy. A user whose `finalUserStatus` is
    not CONFIRMED has to reset it. Raises the function's own error, and NotAuthorizedException where
    somebody guesses: the other directory may not count that, and here there is nobody to lock.
    """
    # Beside the count of unknown names, which this attempt is added to if it finds nobody.
    guessed = f"{TRIGGER}\x00{short_key(client.pool, typed)}"
    if not take_unknown_name_attempt(client.pool.pk, guessed):
        raise NotAuthorizedException(LOCKED)
    asked = {
        "password": password,
        "validationData": dict(validation_data) or None,
        "clientMetadata": None,
    }
    return _migrated(client, "Authentication", typed, asked, Origin(client, user_agent), password)


def at_recovery(client: AppClient, typed: str, *, origin: Origin) -> PoolUser | None:
    """Ask for an unknown user who lost the password; None if there is none with a contact.

    Raises the function's own error.
    """
    asked = {"validationData": None, "clientMetadata": origin.metadata}
    return _migrated(client, "ForgotPassword", typed, asked, origin, "")


def _migrated(
    client: AppClient, act: str, typed: str, asked: dict[str, Any], origin: Origin, password: str
) -> PoolUser | None:
    pool = client.pool
    try:
        answer = lambda_triggers.run(
            f"{TRIGGER}_{act}",
            pool=pool,
            origin=origin,
            username=typed,
            request=asked,
            response=dict.fromkeys(RESPONSE),
        )
        name = _name(pool, typed, answer["userAttributes"])
        if act == "ForgotPassword":
            _check_recoverable(name.attributes)
        if answer["enableSMSMFA"]:
            _check_sms_factor(pool, name.attributes)
        welcome = _welcome(pool, name, answer, origin)
        return _create(pool, name, answer, password, welcome)
    except UsernameExistsException:
        # Somebody was quicker with the same name.
        return find_user_or_none(pool, typed)
    except (
        Unusable,
        AliasExistsException,
        InvalidParameterException,
        NotAuthorizedException,
        InvalidLambdaResponseException,
        UnexpectedLambdaException,
    ):
        return None


def _name(pool: UserPool, typed: str, given: Attributes | None) -> NewName:
    """Return name and attributes; an alias that was typed must be the user's own."""
    if not given:
        raise Unusable
    attributes = {
        name: value
        for name, value in given.items()
        if name not in RESERVED and name != "username" and not name.startswith("cognito:")
    }
    username = given.get("username") or typed
    if not pool.username_attributes and canonical(pool, username) != canonical(pool, typed):
        kinds = [kind for kind in CONTACTS if kind in pool.alias_attributes]
        if not any(CONTACTS[kind](typed) and attributes.get(kind) == typed for kind in kinds):
            raise Unusable
        typed = username
    name = users.new_name(pool, typed, attributes)
    check_writes(pool, name.attributes, writer=Writer.ADMIN, creating=True)
    return name


def _check_recoverable(attributes: Attributes) -> None:
    present = merged({}, attributes)
    if not any(present.get(flag) == "true" for flag in VERIFIED_FLAGS.values()):
        raise Unusable


def _check_sms_factor(pool: UserPool, attributes: Attributes) -> None:
    """Take nobody over without the factor that the function demands.

    Source: developer guide, "Migrate user Lambda trigger", enableSMSMFA.
    """
    if not attributes.get(CONTACT[Factor.SMS]) or Factor.SMS not in pool_factors(pool):
        raise Unusable


def _status(answer: dict[str, Any]) -> UserStatus:
    confirmed = answer["finalUserStatus"] == UserStatus.CONFIRMED
    return UserStatus.CONFIRMED if confirmed else UserStatus.RESET_REQUIRED


@dataclass(frozen=True, slots=True)
class Welcome:
    """Where a welcome message goes, and whose words it has."""

    recipients: tuple[tuple[Medium, str], ...]
    words: Wording


def _welcome(pool: UserPool, name: NewName, answer: dict[str, Any], origin: Origin) -> Welcome:
    """Have the welcome message worded; `messageAction` suppresses it, and SMS is its medium.

    Contacts that are not there get none. Raises what the function does that words it. Source:
    developer guide, "Migrate user Lambda trigger", messageAction and desiredDeliveryMediums.
    """
    wanted = [] if answer["messageAction"] == "SUPPRESS" else answer["desiredDeliveryMediums"]
    mediums = dict.fromkeys(map(Medium, [Medium.SMS] if wanted is None else wanted))
    present = {medium: name.attributes.get(DEFAULT_ATTRIBUTE[medium], "") for medium in mediums}
    recipients = tuple((medium, to) for medium, to in present.items() if to)
    if not recipients:
        return Welcome((), wording.PLAIN)
    attributes = merged({}, name.attributes)
    words = wording.ask(
        pool,
        Kind.INVITATION,
        [medium for medium, _ in recipients],
        username=name.username,
        attributes=lambda_triggers.attributes_of(name.sub, _status(answer), attributes),
        origin=origin,
    )
    return Welcome(recipients, words)


def _post(user: PoolUser, welcome: Welcome) -> None:
    """Post the welcome in the caller's transaction; nobody is kept out because it cannot go.

    Inferred: it is the pool's invitation. No temporary password would be of use, and the user's own
    is nothing for a message, so that asterisks stand for it.
    """
    for medium, destination in welcome.recipients:
        try:
            outbox.post(
                pool=user.pool,
                user=user,
                medium=medium,
                kind=Kind.INVITATION,
                destination=destination,
                code=NO_PASSWORD,
                words=welcome.words,
            )
        except CodeDeliveryFailureException as exc:
            log.warning("welcome not sent", pool_id=user.pool_id, medium=medium, reason=exc.message)


def _create(
    pool: UserPool, name: NewName, answer: dict[str, Any], password: str, welcome: Welcome
) -> PoolUser:
    record = (
        passwords.derive(pool, username=name.username, sub=name.sub, password=password)
        if password
        else None
    )

    def create() -> PoolUser:
        user = users.create_user(
            pool,
            name,
            status=_status(answer),
            password=record,
            force_alias=bool(answer["forceAliasCreation"]),
            mfa_methods=Factor.SMS if answer["enableSMSMFA"] else "",
        )
        _post(user, welcome)
        return user

    return in_transaction(create)() if welcome.recipients else create()
