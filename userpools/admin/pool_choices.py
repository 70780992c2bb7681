"""What the form of a user pool offers to choose from, and how it is laid out."""

from userpools.admin.wire import Document

CONTACTS = (("email", "E-mail"), ("phone_number", "Phone number"))
ALIASES = (*CONTACTS, ("preferred_username", "Preferred username"))
TIERS = (
    ("LITE", "Lite"),
    ("ESSENTIALS", "Essentials"),
    ("PLUS", "Plus, with threat protection"),
)
MFA = (
    ("OFF", "Off"),
    ("OPTIONAL", "Optional: users choose"),
    ("ON", "Required for everybody"),
)
FACTORS = (
    ("PASSWORD", "Password"),
    ("EMAIL_OTP", "Code by e-mail"),
    ("SMS_OTP", "Code by SMS"),
    ("WEB_AUTHN", "Passkey"),
)
# Those that may be demanded at sign-up. Source: API reference, SchemaAttributeType.
VERIFIED_BEFORE_UPDATE = "UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate"
STANDARD = (
    "address", "birthdate", "email", "family_name", "gender", "given_name", "locale", "middle_name",
    "name", "nickname", "phone_number", "picture", "preferred_username", "profile", "updated_at",
    "website", "zoneinfo",
)  # fmt: skip


def _mechanisms(*names: str) -> Document:
    return {
        "RecoveryMechanisms": [
            {"Name": name, "Priority": place} for place, name in enumerate(names, 1)
        ]
    }


def recovery_order(document: Document) -> tuple[str, ...]:
    """Return the mechanisms of AccountRecoverySetting, the first one first."""
    mechanisms = sorted(document.get("RecoveryMechanisms") or [], key=lambda each: each["Priority"])
    return tuple(each["Name"] for each in mechanisms)


RECOVERY = (
    ("", "As Cognito does by default: phone, else e-mail", None),
    ("email", "E-mail only", _mechanisms("verified_email")),
    ("phone", "Phone only", _mechanisms("verified_phone_number")),
    ("email_phone", "E-mail, else phone", _mechanisms("verified_email", "verified_phone_number")),
    ("phone_email", "Phone, else e-mail", _mechanisms("verified_phone_number", "verified_email")),
    ("admin", "Nobody: administrators reset passwords", _mechanisms("admin_only")),
)
DEVICES = (
    ("", "Do not remember devices", None),
    (
        "always",
        "Remember every device",
        {"ChallengeRequiredOnNewDevice": False, "DeviceOnlyRememberedOnUserPrompt": False},
    ),
    (
        "asked",
        "Remember a device when the user agrees",
        {"ChallengeRequiredOnNewDevice": False, "DeviceOnlyRememberedOnUserPrompt": True},
    ),
    (
        "always_trusted",
        "Remember every device, and skip the second factor there",
        {"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": False},
    ),
    (
        "asked_trusted",
        "Remember when the user agrees, and skip the second factor there",
        {"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": True},
    ),
)
FIELDSETS = (
    ("General", ("pool_name", "pool_region", "pool_tier", "protection", "pool_tags")),
    ("Sign-in", ("username_attributes", "alias_attributes", "case_sensitive", "first_factors")),
    (
        "Passwords",
        (
            "minimum_length", "require_uppercase", "require_lowercase", "require_numbers",
            "require_symbols", "temporary_days", "history_size", "storage",
        ),
    ),
    (
        "Second factor",
        ("mfa", "totp", "sms_mfa", "email_mfa", "email_mfa_subject", "email_mfa_message"),
    ),
    (
        "Passkeys and devices",
        ("passkey_domain", "passkey_verification", "passkey_factor", "devices"),
    ),
    ("Threats", ("threat_protection", "threat_custom")),
    (
        "Sign-up and recovery",
        (
            "admin_only", "required_attributes", "auto_verified", "verified_before_update",
            "recovery",
        ),
    ),
    (
        "Messages",
        (
            "confirm_by", "code_subject", "code_message", "link_subject", "link_message",
            "code_sms", "mfa_sms", "invite_subject", "invite_message", "invite_sms",
        ),
    ),
    (
        "Delivery",
        (
            "email_from", "email_reply_to", "email_account", "email_source", "email_set",
            "sms_role", "sms_external_id", "sms_region",
        ),
    ),
    ("Cost of text messages", ("sms_allowed", "sms_blocked", "sms_hourly", "sms_daily")),
    ("Tokens", ("issuer",)),
)  # fmt: skip
