"""Which second factor a password sign-in needs: the complete decision, from the user's row alone.

Source: developer guide, "Adding MFA to a user pool", "MFA sign-in logic"; API reference,
SetUserMFAPreference.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from userpools.models import UserPool


class Factor(StrEnum):
    """A second factor, by its name in UserMFASettingList; also the name of its challenge."""

    SMS = "SMS_MFA"
    SOFTWARE_TOKEN = "SOFTWARE_TOKEN_MFA"  # noqa: S105 - the name of a challenge
    EMAIL = "EMAIL_OTP"


# What the code of a factor is sent to.
CONTACT = {Factor.SMS: "phone_number", Factor.EMAIL: "email"}
RECOVERS_BY = {"verified_phone_number": Factor.SMS, "verified_email": Factor.EMAIL}


@dataclass(frozen=True, slots=True)
class Owner:
    """What the decision needs to know of a user."""

    attributes: dict[str, Any]
    active: frozenset[str] = frozenset()
    preferred: str = ""
    has_software_token: bool = False

    def has(self, factor: Factor) -> bool:
        """Say whether the user has what the factor takes: a verified app, or a contact."""
        if factor is Factor.SOFTWARE_TOKEN:
            return self.has_software_token
        return bool(self.attributes.get(CONTACT[factor]))


@dataclass(frozen=True, slots=True)
class Decision:
    """One factor: its challenge; several: the user chooses; none: go on.

    `to_set_up` is what a user without any may enrol now. `is_impossible` when a factor is demanded
    and there is none to use or enrol.
    """

    factors: tuple[Factor, ...] = ()
    to_set_up: tuple[Factor, ...] = field(default=())
    is_impossible: bool = False


NOTHING = Decision()
IMPOSSIBLE = Decision(is_impossible=True)


def pool_factors(pool: UserPool) -> frozenset[Factor]:
    """Return the factors that the pool has on; none while its MFA is off."""
    if pool.mfa_configuration == "OFF":
        return frozenset()
    details = pool.mfa_details
    on = {
        Factor.SMS: "SmsMfaConfiguration" in details,
        Factor.EMAIL: "EmailMfaConfiguration" in details,
        Factor.SOFTWARE_TOKEN: bool(
            (details.get("SoftwareTokenMfaConfiguration") or {}).get("Enabled")
        ),
    }
    return frozenset(factor for factor, is_on in on.items() if is_on)


def recovery_factors(pool: UserPool) -> list[Factor]:
    """Return the factors whose contact recovers the account, the first choice first.

    Empty for pools without the setting, which came before it and set no medium apart, and for
    recovery by an administrator alone.
    """
    mechanisms = (pool.setting("AccountRecoverySetting") or {}).get("RecoveryMechanisms") or []
    ordered = sorted(mechanisms, key=lambda mechanism: mechanism["Priority"])
    return [RECOVERS_BY[each["Name"]] for each in ordered if each["Name"] in RECOVERS_BY]


def decide(pool: UserPool, owner: Owner) -> Decision:
    """Return what a user who proved a password must do next."""
    on = pool_factors(pool)
    if not on:
        return NOTHING
    usable = usable_factors(pool, owner)
    if owner.preferred in usable:
        return Decision((Factor(owner.preferred),))
    if usable:
        return Decision(usable)
    return NOTHING if pool.mfa_configuration == "OPTIONAL" else _demanded(pool, owner, on)


def usable_factors(pool: UserPool, owner: Owner) -> tuple[Factor, ...]:
    """Return the factors that the user has on, and may use in this pool."""
    return _ordered(
        factor for factor in pool_factors(pool) if factor in owner.active and owner.has(factor)
    )


def _demanded(pool: UserPool, owner: Owner, on: frozenset[Factor]) -> Decision:
    """Decide for a user who chose no factor in a pool that demands one.

    The contact that recovers the account first is no second factor: whoever holds it could reset
    the password as well.
    """
    apart = set(recovery_factors(pool)[:1])
    eligible = _ordered(factor for factor in on - apart if owner.has(factor))
    if eligible:
        return Decision(eligible)
    has_contact = any(owner.has(factor) for factor in CONTACT)
    candidates = on & {Factor.SOFTWARE_TOKEN} if has_contact else on - apart
    return Decision(to_set_up=_ordered(candidates)) if candidates else IMPOSSIBLE


def _ordered(factors: Iterable[Factor]) -> tuple[Factor, ...]:
    return tuple(sorted(factors, key=list(Factor).index))
