"""Which second factors a user has on, and which one is preferred.

Source: API reference, SetUserMFAPreference, SetUserSettings; texts from recordings.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from userpools.audit import Actor, record_act
from userpools.auth.mfa_decision import CONTACT, Factor, Owner, pool_factors
from userpools.errors import InvalidParameterException
from userpools.models import Passkey, PoolUser
from userpools.services import relying_party
from userpools.services.lookup import locked

MEMBERS = {
    "SMSMfaSettings": Factor.SMS,
    "SoftwareTokenMfaSettings": Factor.SOFTWARE_TOKEN,
    "EmailMfaSettings": Factor.EMAIL,
}
PASSKEYS = "WebAuthnMfaSettings"
NO_PASSKEY = "User has not registered a passkey"
ONE_FACTOR_PASSKEYS = "Passkeys are not a multi-factor method of the user pool."
PASSKEY_ALONE = "Another MFA method must be enabled for the user to enable passkeys."
LEGACY_SMS = {"DeliveryMedium": "SMS", "AttributeName": "phone_number"}


def owner_of(user: PoolUser) -> Owner:
    """Return what decisions about second factors know of a user."""
    return Owner(
        attributes=user.attributes,
        active=frozenset(user.mfa_methods.split()),
        preferred=user.mfa_preferred,
        has_software_token=user.software_token_name is not None,
    )


def set_preferences(
    user: PoolUser, settings: Mapping[str, Mapping[str, Any] | None], *, actor: Actor | None = None
) -> None:
    """Apply the factor members of (Admin)SetUserMFAPreference; what is left out stays as it is.

    Raises InvalidParameterException. Audited for an actor; without one the user does it.
    """
    wanted = {factor: settings.get(member) for member, factor in MEMBERS.items()}
    changes = {factor: sent for factor, sent in wanted.items() if sent is not None}
    preferred = [factor for factor, sent in changes.items() if sent.get("PreferredMfa")]
    if len(preferred) > 1:
        raise InvalidParameterException("Only one MFA method can be preferred.")
    with transaction.atomic():
        row = locked(user)
        before, methods = _audited(row), set(row.mfa_methods.split())
        for factor, sent in changes.items():
            _apply(row, methods, factor, sent, is_admin=actor is not None)
        row.passkey_mfa = _wants_passkeys(row, methods, settings.get(PASSKEYS))
        kept = "" if row.mfa_preferred in changes else row.mfa_preferred
        _store(row, methods, preferred[0] if preferred else kept)
        if actor is not None:
            record_act(
                actor,
                "AdminSetUserMFAPreference",
                pool_id=row.pool_id,
                resource=row.username,
                before=before,
                after=_audited(row),
            )


def _audited(row: PoolUser) -> dict[str, Any]:
    return {
        "UserMFASettingList": row.mfa_methods.split(),
        PASSKEYS: {"Enabled": row.passkey_mfa},
    }


def set_legacy_options(
    user: PoolUser, options: Iterable[Mapping[str, str]], *, actor: Actor | None = None
) -> None:
    """Apply MFAOptions of (Admin)SetUserSettings: SMS on, or with an empty list off."""
    options = list(options)
    if any({**LEGACY_SMS, **option} != LEGACY_SMS for option in options):
        raise InvalidParameterException(
            "MFAOptions can only set the delivery medium SMS for phone_number."
        )
    set_preferences(user, {"SMSMfaSettings": {"Enabled": bool(options)}}, actor=actor)


def _apply(
    row: PoolUser,
    methods: set[str],
    factor: Factor,
    sent: Mapping[str, Any],
    *,
    is_admin: bool,
) -> None:
    if not sent.get("Enabled"):
        if sent.get("PreferredMfa"):
            raise InvalidParameterException(f"{factor} must be enabled to be the preferred MFA.")
        if factor in methods and row.pool.mfa_configuration == "ON" and not is_admin:
            raise InvalidParameterException("MFA is required and cannot be disabled for the user.")
        methods.discard(factor)
        return
    if factor not in pool_factors(row.pool):
        raise InvalidParameterException(f"{factor} is not enabled for the user pool.")
    if not owner_of(row).has(factor):
        raise InvalidParameterException(
            f"User does not have delivery config set to turn on {factor}"
            if factor in CONTACT
            else "User has not verified software token mfa"
        )
    methods.add(factor)


def _wants_passkeys(row: PoolUser, methods: set[str], sent: Mapping[str, Any] | None) -> bool:
    """Say whether passkeys are a factor of the user's from now on: never the only one.

    Who turns the last other method off has them off as well. Source: API reference,
    WebAuthnMfaSettingsType: "to prevent account lockout".
    """
    if sent is None:
        return row.passkey_mfa and bool(methods)
    if not sent.get("Enabled"):
        return False
    if not relying_party.satisfies_mfa(row.pool):
        raise InvalidParameterException(ONE_FACTOR_PASSKEYS)
    if not Passkey.objects.of(row).exists():
        raise InvalidParameterException(NO_PASSKEY)
    if not methods:
        raise InvalidParameterException(PASSKEY_ALONE)
    return True


def _store(row: PoolUser, methods: set[str], preferred: str) -> None:
    row.mfa_methods = " ".join(factor for factor in Factor if factor in methods)
    row.mfa_preferred = preferred if preferred in methods else ""
    row.modified_at = timezone.now()
    row.save(update_fields=["mfa_methods", "mfa_preferred", "passkey_mfa", "modified_at"])


def turn_on(user: PoolUser, factor: Factor) -> None:
    """Have a factor asked for that the user has just set up."""
    with transaction.atomic():
        row = locked(user)
        _store(row, {*row.mfa_methods.split(), factor}, row.mfa_preferred)
