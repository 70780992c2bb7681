"""The form of a user pool: a field for each setting, with Cognito's limits in its help."""

from typing import Any, ClassVar

from django import forms

from userpools.admin import fields
from userpools.admin.fields import DocumentField, TagsField
from userpools.admin.wire import Document, WireForm
from userpools.conf import settings
from userpools.models import IssuerProfile, PasswordStorage, UserPool
from userpools.services import mfa

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


def _recovery_order(document: Document) -> tuple[str, ...]:
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
# The columns of a pool, by the members that they answer.
COLUMNS = {
    "PoolName": "name",
    "UserPoolTier": "tier",
    "MfaConfiguration": "mfa_configuration",
    "DeletionProtection": "deletion_protection",
    "UserPoolTags": "tags",
}


def pool_document(pool: UserPool) -> Document:
    """Return a pool's settings as UpdateUserPool takes them, and those of creation alone."""
    columns = {wire: getattr(pool, column) for wire, column in COLUMNS.items()}
    return {**pool.configuration, **pool.mfa_details, **columns}


class PoolForm(WireForm):
    """A user pool's settings."""

    create_operation = "CreateUserPool"
    update_operation = "UpdateUserPool"
    document_of = staticmethod(pool_document)
    create_only = frozenset(
        {
            "pool_region",
            "alias_attributes",
            "username_attributes",
            "case_sensitive",
            "required_attributes",
        }
    )
    wire: ClassVar[dict[str, str]] = {
        "pool_name": "PoolName",
        "pool_tier": "UserPoolTier",
        "protection": "DeletionProtection",
        "pool_tags": "UserPoolTags",
        "alias_attributes": "AliasAttributes",
        "username_attributes": "UsernameAttributes",
        "case_sensitive": "UsernameConfiguration.CaseSensitive",
        "first_factors": "Policies.SignInPolicy.AllowedFirstAuthFactors",
        "minimum_length": "Policies.PasswordPolicy.MinimumLength",
        "require_uppercase": "Policies.PasswordPolicy.RequireUppercase",
        "require_lowercase": "Policies.PasswordPolicy.RequireLowercase",
        "require_numbers": "Policies.PasswordPolicy.RequireNumbers",
        "require_symbols": "Policies.PasswordPolicy.RequireSymbols",
        "temporary_days": "Policies.PasswordPolicy.TemporaryPasswordValidityDays",
        "history_size": "Policies.PasswordPolicy.PasswordHistorySize",
        "mfa": "MfaConfiguration",
        "totp": "SoftwareTokenMfaConfiguration.Enabled",
        "devices": "DeviceConfiguration",
        "admin_only": "AdminCreateUserConfig.AllowAdminCreateUserOnly",
        "auto_verified": "AutoVerifiedAttributes",
        "verified_before_update": VERIFIED_BEFORE_UPDATE,
        "recovery": "AccountRecoverySetting",
        "email_from": "EmailConfiguration.From",
        "email_reply_to": "EmailConfiguration.ReplyToEmailAddress",
        "confirm_by": "VerificationMessageTemplate.DefaultEmailOption",
        "code_subject": "VerificationMessageTemplate.EmailSubject",
        "code_message": "VerificationMessageTemplate.EmailMessage",
        "link_subject": "VerificationMessageTemplate.EmailSubjectByLink",
        "link_message": "VerificationMessageTemplate.EmailMessageByLink",
        "code_sms": "VerificationMessageTemplate.SmsMessage",
        "invite_subject": "AdminCreateUserConfig.InviteMessageTemplate.EmailSubject",
        "invite_message": "AdminCreateUserConfig.InviteMessageTemplate.EmailMessage",
        "invite_sms": "AdminCreateUserConfig.InviteMessageTemplate.SMSMessage",
        "mfa_sms": "SmsAuthenticationMessage",
        "threat_protection": "UserPoolAddOns.AdvancedSecurityMode",
    }

    # General
    pool_name = fields.text(
        "Name", "1 to 128 letters, digits, spaces and + = , . @ -", required=True, max_length=128
    )
    pool_region = fields.text(
        "Region",
        "Part of the pool's id; cannot be changed later.",
        required=True,
        max_length=32,
        mono=True,
    )
    pool_tier = fields.choice("Feature plan", TIERS, initial="ESSENTIALS")
    protection = fields.choice(
        "Deletion protection",
        (("INACTIVE", "Off"), ("ACTIVE", "On: the pool cannot be deleted")),
        initial="INACTIVE",
    )
    pool_tags = TagsField(
        label="Tags", help_text="One on each line, as <code>key = value</code>. At most 50."
    )

    # Sign-in
    username_attributes = fields.choices(
        "People sign in with",
        CONTACTS,
        "Instead of a user name, which becomes a generated id. Cannot be changed later.",
    )
    alias_attributes = fields.choices(
        "People may also sign in with",
        ALIASES,
        "Besides the user name, once verified. Not together with the choice above; cannot be "
        "changed later.",
    )
    case_sensitive = fields.switch(
        "Names differ by letter case",
        "Cognito's API turns this on unless told otherwise. Cannot be changed later.",
    )
    first_factors = fields.choices(
        "First factors of choice-based sign-in",
        FACTORS,
        "Password must be among them. More than a password needs the Essentials plan.",
        initial=["PASSWORD"],
    )

    # Passwords
    minimum_length = fields.number(
        "Minimum length", 6, 99, "6 to 99 characters.", initial=8, required=True
    )
    require_uppercase = fields.switch("Require an upper-case letter", initial=True)
    require_lowercase = fields.switch("Require a lower-case letter", initial=True)
    require_numbers = fields.switch("Require a digit", initial=True)
    require_symbols = fields.switch("Require a symbol", initial=True)
    temporary_days = fields.number(
        "Temporary passwords last", 0, 365, "Days, 0 to 365; 0 means 7.", initial=7
    )
    history_size = fields.number(
        "Old passwords refused", 0, 24, "How many, 0 to 24. Needs the Essentials plan."
    )
    storage = fields.choice(
        "Passwords are kept as",
        PasswordStorage.choices,
        "The verifier serves SRP, which never sends a password; it is sealed with the server's "
        "master key. "
        "Argon2id costs a thief of database and key far more work, and excludes SRP: no app "
        "client may allow it. "
        "After a change each password is converted when its user next signs in with it.",
        initial=PasswordStorage.VERIFIER,
    )

    # Second factor
    mfa = fields.choice(
        "Second factor",
        MFA,
        "Asked for after the first one. Optional means for users who set one up.",
        initial="OFF",
    )
    totp = fields.switch(
        "Authenticator app",
        "Codes from an app on the phone. Other factors are set with SetUserPoolMfaConfig.",
    )
    devices = DocumentField(
        DEVICES, label="Devices", same=lambda document: tuple(sorted(document.items()))
    )
    threat_protection = fields.choice(
        "Threat protection",
        (("", "Off"), ("AUDIT", "Audit only"), ("ENFORCED", "Enforced")),
        "Needs the Plus plan.",
        required=False,
    )

    # Sign-up and recovery
    admin_only = fields.switch(
        "Only administrators create users", "SignUp is then refused for every app client."
    )
    required_attributes = fields.choices(
        "Required attributes",
        ((name, name) for name in STANDARD),
        "Demanded at sign-up. Cannot be changed later.",
    )
    auto_verified = fields.choices(
        "Verify automatically", CONTACTS, "A code goes out at sign-up and when the value changes."
    )
    verified_before_update = fields.choices(
        "Keep the old value until the new one is verified",
        CONTACTS,
        "Must be verified automatically too. Recommended.",
    )
    recovery = DocumentField(
        RECOVERY, label="Forgotten passwords are reset by", same=_recovery_order
    )

    # Messages
    email_from = fields.text("E-mail sender", "An address, or <code>Name &lt;address&gt;</code>.")
    email_reply_to = fields.text("Reply-to address")
    confirm_by = fields.choice(
        "E-mail confirms by",
        (("CONFIRM_WITH_CODE", "A code"), ("CONFIRM_WITH_LINK", "A link (needs a domain)")),
        initial="CONFIRM_WITH_CODE",
    )
    code_subject = fields.text("Subject with a code", "1 to 140 characters.", max_length=140)
    code_message = fields.area(
        "E-mail with a code",
        "Must contain <code>{####}</code>; 6 to 20,000 characters.",
        max_length=20000,
    )
    link_subject = fields.text("Subject with a link", "1 to 140 characters.", max_length=140)
    link_message = fields.area(
        "E-mail with a link",
        "Must contain <code>{##words of the link##}</code>; 6 to 20,000 characters.",
        max_length=20000,
    )
    code_sms = fields.text(
        "SMS with a code", "Must contain <code>{####}</code>; 6 to 140 characters.", max_length=140
    )
    mfa_sms = fields.text(
        "SMS with a sign-in code",
        "Must contain <code>{####}</code>; 6 to 140 characters.",
        max_length=140,
    )
    invite_subject = fields.text("Invitation's subject", "1 to 140 characters.", max_length=140)
    invite_message = fields.area(
        "Invitation by e-mail",
        "Must contain <code>{username}</code> and <code>{####}</code>; 6 to 20,000 characters.",
        max_length=20000,
    )
    invite_sms = fields.text(
        "Invitation by SMS",
        "Must contain <code>{username}</code> and <code>{####}</code>; 6 to 140 characters.",
        max_length=140,
    )

    # Tokens
    issuer = fields.choice(
        "Tokens state as issuer",
        IssuerProfile.choices,
        "Verifiers compare it letter by letter: a change makes them refuse new tokens until "
        "they are told.",
        initial=IssuerProfile.PUBLIC_URL,
    )

    class Meta:
        model = UserPool
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pool = kwargs.get("instance")
        columns = (
            {"pool_region": settings.DEFAULT_REGION}
            if pool is None
            else {
                "pool_region": pool.region,
                "storage": pool.password_storage,
                "issuer": pool.issuer_profile,
                "required_attributes": [
                    each["Name"]
                    for each in pool.schema
                    if each.get("Required") and each["Name"] in STANDARD
                ],
            }
        )
        super().__init__(
            *args, **{**kwargs, "initial": {**columns, **(kwargs.get("initial") or {})}}
        )

    def clean_pool_region(self) -> str:
        """Accept the regions that the operator allows."""
        region = str(self.cleaned_data["pool_region"])
        if self.is_new and settings.REGIONS and region not in settings.REGIONS:
            raise forms.ValidationError(f"Allowed regions: {', '.join(settings.REGIONS)}.")
        return region

    def settings(self) -> Document:
        """Return the members for the service; a template replaces the older member it mirrors."""
        document = super().settings()
        # The factors have an operation of their own, which turns MFA on together with one.
        if self.is_new:
            document.pop("MfaConfiguration", None)
        else:
            document["MfaConfiguration"] = self.stored["MfaConfiguration"]
        if self.is_new:
            required = [
                {"Name": name, "Required": True, "Mutable": True}
                for name in self.cleaned_data.get("required_attributes") or []
            ]
            return {**document, "Schema": required} if required else document
        # The older spellings hold the same texts; sent along, they would win over a change.
        for older, field in MIRRORED.items():
            if field in self.changed_data:
                document.pop(older, None)
        # Both say how long a temporary password lasts, and the service refuses to be told twice.
        invitation = dict(document.get("AdminCreateUserConfig") or {})
        if invitation.pop("UnusedAccountValidityDays", None) is not None:
            document["AdminCreateUserConfig"] = invitation
        return document

    def changes_factors(self) -> bool:
        """Say whether second factors were touched; on a new pool, whether there are any."""
        if self.is_new:
            return bool(self.cleaned_data["mfa"] != "OFF")
        return bool({"mfa", "totp"} & set(self.changed_data))

    def factor_settings(self) -> Document:
        """Return SetUserPoolMfaConfig's members: those that are set, with what was changed here."""
        mode, app = self.cleaned_data["mfa"], self.cleaned_data["totp"]
        kept = {name: self.stored[name] for name in mfa.DETAILS if name in self.stored}
        if mode == "OFF":
            kept = {name: value for name, value in kept.items() if name not in mfa.FACTORS}
            return {**kept, "MfaConfiguration": mode}
        return {**kept, "MfaConfiguration": mode, "SoftwareTokenMfaConfiguration": {"Enabled": app}}

    def clean(self) -> Document | None:
        """Refuse a factor that nobody would be asked for."""
        cleaned = super().clean()
        answers = self.cleaned_data
        if (
            answers.get("totp")
            and answers.get("mfa") == "OFF"
            and {"totp", "mfa"} & set(self.changed_data)
        ):
            self.add_error("totp", "Turn the second factor on as well, or this off.")
        return cleaned


MIRRORED = {
    "SmsVerificationMessage": "code_sms",
    "EmailVerificationMessage": "code_message",
    "EmailVerificationSubject": "code_subject",
}
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
    ("Second factor", ("mfa", "totp", "devices", "threat_protection")),
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
            "email_from", "email_reply_to", "confirm_by", "code_subject", "code_message",
            "link_subject", "link_message", "code_sms", "mfa_sms", "invite_subject",
            "invite_message", "invite_sms",
        ),
    ),
    ("Tokens", ("issuer",)),
)  # fmt: skip
