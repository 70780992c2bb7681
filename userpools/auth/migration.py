"""People of another directory, taken over when they first sign in or reset their password.

The pool's function says who they are. Source: developer guide, "Migrate user Lambda trigger".
"""

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from userpools import lambda_triggers
from userpools.auth import mfa_preferences, passwords
from userpools.auth.checks import LOCKED
from userpools.auth.mfa_decision import Factor, pool_factors
from userpools.errors import (
    AliasExistsException,
    InvalidLambdaResponseException,
    InvalidParameterException,
    NotAuthorizedException,
    UnexpectedLambdaException,
    UsernameExistsException,
)
from userpools.lambda_triggers import Origin
from userpools.models import AppClient, PoolUser, UserPool, UserStatus
from userpools.models.lockout import take_unknown_name_attempt
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

TRIGGER: Final = "UserMigration"
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
        return _create(pool, name, answer, password)
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


def _create(pool: UserPool, name: NewName, answer: dict[str, Any], password: str) -> PoolUser:
    confirmed = answer["finalUserStatus"] == UserStatus.CONFIRMED
    record = (
        passwords.derive(pool, username=name.username, sub=name.sub, password=password)
        if password
        else None
    )
    with transaction.atomic():
        user = users.create_user(
            pool,
            name,
            status=UserStatus.CONFIRMED if confirmed else UserStatus.RESET_REQUIRED,
            password=record,
            force_alias=bool(answer["forceAliasCreation"]),
        )
        if answer["enableSMSMFA"] and _can_use_sms(user):
            mfa_preferences.turn_on(user, Factor.SMS)
            user.mfa_methods = Factor.SMS.value
    return user


def _can_use_sms(user: PoolUser) -> bool:
    return Factor.SMS in pool_factors(user.pool) and mfa_preferences.owner_of(user).has(Factor.SMS)
