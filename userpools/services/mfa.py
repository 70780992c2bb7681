"""A pool's second factors and passkeys: set by themselves, or implied by other settings."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from userpools.audit import Actor
from userpools.errors import InvalidParameterException
from userpools.models import UserPool
from userpools.services import pool_rules
from userpools.services.pool_documents import Wire
from userpools.services.pool_store import document_of, store

FACTORS = ("SmsMfaConfiguration", "SoftwareTokenMfaConfiguration", "EmailMfaConfiguration")
DETAILS = (*FACTORS, "WebAuthnConfiguration")


def follow_sms_configuration(pool: UserPool) -> None:
    """Bring the factors in line with MfaConfiguration and SmsConfiguration, after these changed.

    CreateUserPool and UpdateUserPool know SMS alone as a factor: with MFA on, an SMS configuration
    makes it one unless the pool has others. Without MFA there are none, but the texts of e-mail
    codes, which passwordless sign-in uses too.
    Source: API reference, CreateUserPool, MfaConfiguration.
    """
    if pool.mfa_configuration == "OFF":
        pool.mfa_details = {
            name: value for name, value in pool.mfa_details.items() if name not in FACTORS[:2]
        }
        return
    sms = pool.setting("SmsConfiguration")
    others = [name for name in FACTORS[1:] if name in pool.mfa_details]
    was_on = "SmsMfaConfiguration" in pool.mfa_details
    details = {name: value for name, value in pool.mfa_details.items() if name != FACTORS[0]}
    if sms is not None and (was_on or not others):
        details["SmsMfaConfiguration"] = sms_factor(pool)
    pool.mfa_details = details


def sms_factor(pool: UserPool) -> Wire:
    """Return SmsMfaConfiguration as the pool's own settings imply it."""
    factor: Wire = {"SmsConfiguration": pool.setting("SmsConfiguration")}
    if pool.setting("SmsAuthenticationMessage"):
        factor["SmsAuthenticationMessage"] = pool.setting("SmsAuthenticationMessage")
    return factor


def configure(pool_id: str, settings: Mapping[str, Any], *, actor: Actor) -> UserPool:
    """Replace the factors by those of SetUserPoolMfaConfig's members; what is absent is turned off.

    The SMS settings are shared with the pool's own.
    """
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        before = document_of(pool)
        pool.mfa_configuration = settings.get("MfaConfiguration", pool.mfa_configuration)
        sent = {name: settings[name] for name in DETAILS if settings.get(name) is not None}
        if pool.mfa_configuration == "OFF" and _turns_on(sent):
            raise InvalidParameterException(
                "Invalid MFA configuration given, can't turn off MFA and configure an MFA together."
            )
        pool.mfa_details = sent
        if "SmsMfaConfiguration" in sent:
            _share_sms_settings(pool, sent["SmsMfaConfiguration"])
        pool_rules.check(pool)
        store(pool, actor, "SetUserPoolMfaConfig", before)
    return pool


def _turns_on(sent: Mapping[str, Any]) -> bool:
    totp = (sent.get("SoftwareTokenMfaConfiguration") or {}).get("Enabled")
    return bool(totp) or "SmsMfaConfiguration" in sent


def _share_sms_settings(pool: UserPool, factor: Mapping[str, Any]) -> None:
    configuration = dict(pool.configuration)
    for member in ("SmsConfiguration", "SmsAuthenticationMessage"):
        if factor.get(member) is not None:
            configuration[member] = factor[member]
    pool.configuration = configuration
    if pool.setting("SmsConfiguration") is None:
        raise InvalidParameterException(pool_rules.SMS_NEEDED)
    pool.mfa_details = {**pool.mfa_details, "SmsMfaConfiguration": sms_factor(pool)}
