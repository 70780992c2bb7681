"""What a pool's settings must satisfy together, whoever changes them."""

from collections.abc import Callable, Iterator, Mapping

from userpools.errors import (
    FeatureUnavailableInTierException,
    InvalidParameterException,
    TierChangeNotAllowedException,
    UserPoolTaggingException,
)
from userpools.models import AppClient, UserPool

TIERS = ("LITE", "ESSENTIALS", "PLUS")
MOST_TAGS = 50
CONTACT_FACTORS = frozenset({"EMAIL_OTP", "SMS_OTP"})
PASSWORDLESS = CONTACT_FACTORS | {"WEB_AUTHN"}
ACR_DEFAULTS = {f"Level{level}": f"urn:cognito:loa:{level}" for level in range(1, 5)}
SMS_NEEDED = (
    "SMS configuration and Auto verification for phone_number are required when MFA is "
    "required/optional"
)


def check(pool: UserPool, *, former_tier: str | None = None) -> None:
    """Check the state that a change would leave; `former_tier` where the tier may have changed.

    Raises InvalidParameterException, FeatureUnavailableInTierException or, when the tier was
    lowered, TierChangeNotAllowedException.
    """
    for rule in RULES:
        rule(pool)
    _check_tier(pool, former_tier)


def _names(pool: UserPool) -> None:
    if pool.username_attributes and pool.alias_attributes:
        raise InvalidParameterException(
            "Only one of the aliasAttributes or usernameAttributes can be set in a user pool."
        )
    preferred = pool.schema_by_name["preferred_username"]
    if "preferred_username" in pool.alias_attributes and preferred["Required"]:
        raise InvalidParameterException(
            "preferred_username cannot be both a required attribute and an alias."
        )


def _verification(pool: UserPool) -> None:
    wanted = pool.setting("UserAttributeUpdateSettings")[
        "AttributesRequireVerificationBeforeUpdate"
    ]
    if not set(wanted) <= set(pool.auto_verified_attributes):
        raise InvalidParameterException(
            "Please make sure that all attributes in AttributesRequireVerificationBeforeUpdate "
            "are also in AutoVerifiedAttributes."
        )


def _first_factors(pool: UserPool) -> None:
    factors = pool.first_factors
    if "SOFTWARE_TOKEN" in factors:
        raise InvalidParameterException(
            "SOFTWARE_TOKEN is not supported in AllowedFirstAuthFactors."
        )
    if "PASSWORD" not in factors:
        raise InvalidParameterException("AllowedFirstAuthFactors must contain PASSWORD.")
    if pool.mfa_configuration == "ON" and CONTACT_FACTORS & factors:
        raise InvalidParameterException(
            "EMAIL_OTP and SMS_OTP cannot be allowed as first factors when MFA is required."
        )


def _recovery(pool: UserPool) -> None:
    mechanisms = (pool.setting("AccountRecoverySetting") or {}).get("RecoveryMechanisms") or []
    names = [each["Name"] for each in mechanisms]
    if "admin_only" in names and len(names) > 1:
        raise InvalidParameterException(
            "admin_only cannot be combined with other recovery mechanisms."
        )
    if len(set(names)) < len(names) or len({each["Priority"] for each in mechanisms}) < len(names):
        raise InvalidParameterException("Recovery mechanisms and their priorities must be unique.")


def _email(pool: UserPool) -> None:
    email = pool.setting("EmailConfiguration")
    if email["EmailSendingAccount"] == "DEVELOPER" and not email.get("SourceArn"):
        raise InvalidParameterException(
            "SourceArn is required when EmailSendingAccount is DEVELOPER."
        )


def _sms(pool: UserPool) -> None:
    sms = pool.setting("SmsConfiguration")
    if sms is None:
        return
    other = sms.get("EumsSms")
    if bool(sms.get("SnsCallerArn")) == bool(other):
        raise InvalidParameterException(
            "SmsConfiguration needs either SnsCallerArn or EumsSms, and not both."
        )
    if other and other.get("Region", pool.region) != pool.region:
        raise InvalidParameterException("EumsSms must be in the user pool's Region.")


def _messages(pool: UserPool) -> None:
    invitation = pool.setting("AdminCreateUserConfig").get("InviteMessageTemplate") or {}
    wanted = ["{username}"] if pool.first_factors & PASSWORDLESS else ["{username}", "{####}"]
    for member in ("SMSMessage", "EmailMessage"):
        text = invitation.get(member)
        if text is not None and not all(placeholder in text for placeholder in wanted):
            raise InvalidParameterException(
                f"{member} of InviteMessageTemplate must contain {' and '.join(wanted)}."
            )


def _triggers(pool: UserPool) -> None:
    config = pool.lambda_config
    if {"CustomSMSSender", "CustomEmailSender"} & config.keys() and not config.get("KMSKeyID"):
        raise InvalidParameterException("KMSKeyID is required with a custom sender trigger.")


def _mfa(pool: UserPool) -> None:
    details = pool.mfa_details
    any_factor = (
        "SmsMfaConfiguration" in details
        or "EmailMfaConfiguration" in details
        or (details.get("SoftwareTokenMfaConfiguration") or {}).get("Enabled")
    )
    if pool.mfa_configuration != "OFF" and not any_factor:
        raise InvalidParameterException(SMS_NEEDED)


def _context_classes(pool: UserPool) -> None:
    sent = pool.setting("AcrConfiguration") or {}
    names = list(
        {**ACR_DEFAULTS, **{level: each["AcrValue"] for level, each in sent.items()}}.values()
    )
    if len(set(names)) < len(names):
        raise InvalidParameterException("The names of ACR levels must be unique.")


def _key(pool: UserPool) -> None:
    key = pool.setting("KeyConfiguration") or {}
    if key.get("KeyType") == "CUSTOMER_MANAGED_KEY" and not key.get("KmsKeyArn"):
        raise InvalidParameterException("KmsKeyArn is required for a customer managed key.")


RULES: tuple[Callable[[UserPool], None], ...] = (
    _names,
    _verification,
    _first_factors,
    _recovery,
    _email,
    _sms,
    _messages,
    _triggers,
    _mfa,
    _context_classes,
    _key,
)


def _gated(pool: UserPool) -> Iterator[tuple[str, str]]:
    """Yield each feature in use that not every tier has, with the lowest tier that has it."""
    addons = pool.setting("UserPoolAddOns") or {}
    if addons.get("AdvancedSecurityMode", "OFF") != "OFF":
        yield "PLUS", "Threat protection"
    if pool.first_factors & PASSWORDLESS:
        yield "ESSENTIALS", "Choice-based sign-in"
    if pool.password_policy.get("PasswordHistorySize"):
        yield "ESSENTIALS", "Password history"
    version = (pool.lambda_config.get("PreTokenGenerationConfig") or {}).get(
        "LambdaVersion", "V1_0"
    )
    if version != "V1_0":
        yield "ESSENTIALS", "Access token customization"
    if "EmailMfaConfiguration" in pool.mfa_details:
        yield "ESSENTIALS", "Email MFA"
    passkeys = pool.mfa_details.get("WebAuthnConfiguration") or {}
    if passkeys.get("FactorConfiguration") == "MULTI_FACTOR_WITH_USER_VERIFICATION":
        yield "ESSENTIALS", "Multi-factor passkeys"
    if (pool.setting("DcrConfiguration") or {}).get("EnableStatus") == "Enabled":
        yield "ESSENTIALS", "Dynamic client registration"
    if pool.setting("AcrConfiguration"):
        yield "ESSENTIALS", "Custom ACR names"


def tier_has(pool: UserPool, tier: str) -> bool:
    """Say whether the pool's tier includes what `tier` includes."""
    return TIERS.index(pool.tier) >= TIERS.index(tier)


def _check_tier(pool: UserPool, former_tier: str | None) -> None:
    lowered = former_tier is not None and TIERS.index(pool.tier) < TIERS.index(former_tier)
    for tier, feature in _gated(pool):
        if tier_has(pool, tier):
            continue
        if lowered:
            raise TierChangeNotAllowedException(
                f"{feature} is active and not available in the {pool.tier} tier."
            )
        raise FeatureUnavailableInTierException(
            f"{feature} is not available in the {pool.tier} tier."
        )
    if lowered and not tier_has(pool, "ESSENTIALS"):
        _check_clients_of_lowered(pool)


def _check_clients_of_lowered(pool: UserPool) -> None:
    for configuration in AppClient.objects.filter(pool_id=pool.pk).values_list(
        "configuration", flat=True
    ):
        if "ALLOW_USER_AUTH" in (configuration.get("ExplicitAuthFlows") or ()):
            raise TierChangeNotAllowedException(
                f"An app client allows ALLOW_USER_AUTH, which is not available in the {pool.tier} "
                "tier."
            )


def tag_problem(tags: Mapping[str, str]) -> str | None:
    """Say what is wrong with a pool's tags as a whole."""
    if len(tags) > MOST_TAGS:
        return f"A user pool can have at most {MOST_TAGS} tags."
    if any(key.lower().startswith("aws:") for key in tags):
        return "Tag keys cannot start with aws:."
    return None


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise UserPoolTaggingException for tags that a pool cannot have."""
    problem = tag_problem(tags)
    if problem:
        raise UserPoolTaggingException(problem)
