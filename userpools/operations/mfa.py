"""A user's second factors: authenticator apps, and which factor is asked for."""

from typing import Any

from userpools.audit import Actor
from userpools.auth import mfa_preferences, sealed, software_tokens
from userpools.auth.attempt import Attempt
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.errors import (
    EnableSoftwareTokenMFAException,
    InvalidParameterException,
)
from userpools.models import PoolUser, UserPool
from userpools.operations.subjects import named, setting_up, signed_in
from userpools.shapes import Shape

ONE_OF = "Exactly one of AccessToken and Session is required."
MISMATCH = "Code mismatch and fail enable Software Token MFA"


@operation("AssociateSoftwareToken", category=Category.USER_RESOURCE_UPDATE)
def associate_software_token(call: Call, *, access_token: str = "", session: str = "") -> Shape:
    """Make the seed of a new authenticator app, in use once its first code was verified."""
    _require_one(access_token, session)
    if access_token:
        return {"SecretCode": software_tokens.associate(signed_in(call, access_token).user)}
    attempt = setting_up(call, session)
    return {
        "SecretCode": software_tokens.associate(attempt.known_user),
        "Session": sealed.seal(attempt),
    }


@operation("VerifySoftwareToken", category=Category.USER_RESOURCE_UPDATE)
def verify_software_token(
    call: Call,
    *,
    user_code: str,
    access_token: str = "",
    session: str = "",
    friendly_device_name: str = "",
) -> Shape:
    """Take a new authenticator app into use by its first code."""
    _require_one(access_token, session)
    if access_token:
        user = signed_in(call, access_token).user
        if not software_tokens.prove(user, user_code, name=friendly_device_name):
            raise EnableSoftwareTokenMFAException(MISMATCH)
        return {"Status": "SUCCESS"}
    attempt = setting_up(call, session)
    _prove(attempt, user_code, friendly_device_name)
    return {"Status": "SUCCESS", "Session": sealed.seal(attempt)}


def _require_one(access_token: str, session: str) -> None:
    if bool(access_token) == bool(session):
        raise InvalidParameterException(ONE_OF)


def _prove(attempt: Attempt, code: str, name: str) -> None:
    """Note the proof in the attempt, which MFA_SETUP then accepts."""
    user = attempt.known_user
    if not software_tokens.prove(user, code, name=name, only_first=True):
        raise EnableSoftwareTokenMFAException(MISMATCH)
    attempt.has_set_up = True


@operation("SetUserMFAPreference", category=Category.USER_RESOURCE_UPDATE)
def set_user_mfa_preference(
    call: Call,
    *,
    access_token: str,
    sms_mfa_settings: Shape | None = None,
    software_token_mfa_settings: Shape | None = None,
    email_mfa_settings: Shape | None = None,
    web_authn_mfa_settings: Shape | None = None,
) -> Shape:
    """Turn one's own factors on or off, and prefer one."""
    user = signed_in(call, access_token).user
    settings = {
        "SMSMfaSettings": sms_mfa_settings,
        "SoftwareTokenMfaSettings": software_token_mfa_settings,
        "EmailMfaSettings": email_mfa_settings,
        "WebAuthnMfaSettings": web_authn_mfa_settings,
    }
    mfa_preferences.set_preferences(user, settings)
    return {}


@operation("AdminSetUserMFAPreference", category=Category.USER_RESOURCE_UPDATE)
def admin_set_user_mfa_preference(
    call: Call,
    *,
    user_pool_id: str,
    username: str,
    sms_mfa_settings: Shape | None = None,
    software_token_mfa_settings: Shape | None = None,
    email_mfa_settings: Shape | None = None,
    web_authn_mfa_settings: Shape | None = None,
) -> Shape:
    """Turn a user's factors on or off, and prefer one."""
    user = _user(call, user_pool_id, username)
    settings = {
        "SMSMfaSettings": sms_mfa_settings,
        "SoftwareTokenMfaSettings": software_token_mfa_settings,
        "EmailMfaSettings": email_mfa_settings,
        "WebAuthnMfaSettings": web_authn_mfa_settings,
    }
    mfa_preferences.set_preferences(user, settings, actor=Actor.of(call))
    return {}


@operation("SetUserSettings", category=Category.USER_RESOURCE_UPDATE)
def set_user_settings(call: Call, *, access_token: str, mfa_options: list[Any]) -> Shape:
    """Turn codes by SMS on or, with an empty list, off: the older form of SetUserMFAPreference."""
    mfa_preferences.set_legacy_options(signed_in(call, access_token).user, mfa_options)
    return {}


@operation("AdminSetUserSettings", category=Category.USER_RESOURCE_UPDATE)
def admin_set_user_settings(
    call: Call, *, user_pool_id: str, username: str, mfa_options: list[Any]
) -> Shape:
    """Turn a user's codes by SMS on or, with an empty list, off."""
    user = _user(call, user_pool_id, username)
    mfa_preferences.set_legacy_options(user, mfa_options, actor=Actor.of(call))
    return {}


@operation("AdminDeleteSoftwareToken", category=Category.USER_RESOURCE_UPDATE)
def admin_delete_software_token(call: Call, *, user_pool_id: str, username: str) -> Shape:
    """Take a user's authenticator app away."""
    software_tokens.delete(_user(call, user_pool_id, username), actor=Actor.of(call))
    return {}


def _user(call: Call, user_pool_id: str, username: str) -> PoolUser:
    return named(call, UserPool.objects.for_call(call, user_pool_id), username)
