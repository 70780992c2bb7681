"""The form of a user pool: a field for each setting, with Cognito's limits in its help."""

import copy
from typing import Any, ClassVar

from django import forms

from userpools.admin import fields, pool_integrations
from userpools.admin.fields import DocumentField, TagsField
from userpools.admin.pool_choices import (
    ALIASES,
    CONTACTS,
    DEVICES,
    FACTORS,
    MFA,
    RECOVERY,
    STANDARD,
    TIERS,
    VERIFIED_BEFORE_UPDATE,
    recovery_order,
)
from userpools.admin.pool_integrations import IntegrationFields
from userpools.admin.wire import Document, WireForm, input_shape, put
from userpools.conf import settings
from userpools.messaging.sms_guard import PREFIX
from userpools.models import IssuerProfile, PasswordStorage, UserPool
from userpools.services import mfa
from userpools.services.pool_rules import MOST_TAGS
from userpools.services.pools import SmsGuard

# What the columns hold.
MOST_MESSAGES = 2_147_483_647
LONGEST_PREFIXES = 2048

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


class PoolForm(IntegrationFields, WireForm):
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
        "email_mfa_subject": "EmailMfaConfiguration.Subject",
        "email_mfa_message": "EmailMfaConfiguration.Message",
        "passkey_domain": "WebAuthnConfiguration.RelyingPartyId",
        "passkey_verification": "WebAuthnConfiguration.UserVerification",
        "passkey_factor": "WebAuthnConfiguration.FactorConfiguration",
        "devices": "DeviceConfiguration",
        "admin_only": "AdminCreateUserConfig.AllowAdminCreateUserOnly",
        "auto_verified": "AutoVerifiedAttributes",
        "verified_before_update": VERIFIED_BEFORE_UPDATE,
        "recovery": "AccountRecoverySetting",
        "email_account": "EmailConfiguration.EmailSendingAccount",
        "email_source": "EmailConfiguration.SourceArn",
        "email_set": "EmailConfiguration.ConfigurationSet",
        "email_from": "EmailConfiguration.From",
        "email_reply_to": "EmailConfiguration.ReplyToEmailAddress",
        "sms_role": "SmsConfiguration.SnsCallerArn",
        "sms_external_id": "SmsConfiguration.ExternalId",
        "sms_region": "SmsConfiguration.SnsRegion",
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
        "threat_custom": "UserPoolAddOns.AdvancedSecurityAdditionalFlows.CustomAuthMode",
        **pool_integrations.WIRE,
    }
    further_operations = ("SetUserPoolMfaConfig",)
    refused_words: ClassVar[dict[str, str]] = {
        "Threat protection": "threat_protection",
        "Choice-based sign-in": "first_factors",
        "as first factors": "first_factors",
        "Password history": "history_size",
        "Email MFA": "email_mfa",
        "Multi-factor passkeys": "passkey_factor",
        "SourceArn is required": "email_source",
        "AttributesRequireVerificationBeforeUpdate": "verified_before_update",
        "MFA configuration": "mfa",
        "SMS configuration": "mfa",
        "ALLOW_USER_AUTH": "pool_tier",
        "preferred_username": "required_attributes",
        "recovery mechanisms": "recovery",
        "Recovery mechanisms": "recovery",
        "Argon2id": "storage",
        **pool_integrations.REFUSED_WORDS,
        " tags": "pool_tags",
        "Tag keys": "pool_tags",
    }

    # General
    pool_name = fields.text("Name", "Letters, digits, spaces and + = , . @ -", required=True)
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
        label="Tags",
        help_text=f"One on each line, as <code>key = value</code>. At most {MOST_TAGS}.",
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
        "What people may begin a sign-in with, in app clients that allow USER_AUTH. Password must "
        "be among them. More than a password needs the Essentials plan; codes are not for pools "
        "that require a second factor.",
        initial=["PASSWORD"],
    )

    # Passwords
    minimum_length = fields.number(
        "Minimum length", "{limits} characters.", initial=8, required=True
    )
    require_uppercase = fields.switch("Require an upper-case letter", initial=True)
    require_lowercase = fields.switch("Require a lower-case letter", initial=True)
    require_numbers = fields.switch("Require a digit", initial=True)
    require_symbols = fields.switch("Require a symbol", initial=True)
    temporary_days = fields.number(
        "Temporary passwords last", "{limits} days; 0 means 7.", initial=7
    )
    history_size = fields.number(
        "Former passwords refused",
        "{limits}; how many of them nobody may choose again. Needs the Essentials plan.",
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
        "Codes from an app on the phone.",
    )
    sms_mfa = fields.switch(
        "Codes by SMS", "Needs the SMS settings: an SNS caller role in the tab “Delivery”."
    )
    email_mfa = fields.switch("Codes by e-mail", "Needs the Essentials plan.")
    email_mfa_subject = fields.text("Subject of e-mails with a sign-in code")
    email_mfa_message = fields.area(
        "E-mail with a sign-in code", "Must contain <code>{####}</code>."
    )
    passkey_domain = fields.text(
        "Domain of passkeys",
        "The relying party id, such as example.com: its pages and those of sub-domains may use the "
        "passkeys, which are of no use at another. For development: localhost.",
        mono=True,
    )
    passkey_verification = fields.choice(
        "Passkeys ask for a fingerprint, face or PIN",
        (("", "As the device prefers"), ("preferred", "Preferred"), ("required", "Required")),
        required=False,
    )
    passkey_factor = fields.choice(
        "A passkey counts as",
        (
            ("", "One factor"),
            ("SINGLE_FACTOR", "One factor, stated explicitly"),
            ("MULTI_FACTOR_WITH_USER_VERIFICATION", "Both factors, where the user was verified"),
        ),
        "Both factors need the Essentials plan.",
        required=False,
    )
    devices = DocumentField(
        DEVICES, label="Devices", same=lambda document: tuple(sorted(document.items()))
    )
    threat_protection = fields.choice(
        "Threat protection",
        (
            ("", "Off"),
            ("OFF", "Off, stated explicitly"),
            ("AUDIT", "Audit only"),
            ("ENFORCED", "Enforced"),
        ),
        "Needs the Plus plan.",
        required=False,
    )
    threat_custom = fields.choice(
        "Threat protection of custom challenges",
        (("", "Off"), ("AUDIT", "Audit only"), ("ENFORCED", "Enforced")),
        "Needs the Plus plan, and threat protection itself.",
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
        RECOVERY, label="Forgotten passwords are reset by", same=recovery_order
    )

    # Messages
    email_from = fields.text("E-mail sender", "An address, or <code>Name &lt;address&gt;</code>.")
    email_reply_to = fields.text("Reply-to address")
    email_account = fields.choice(
        "E-mail sending account",
        (
            ("COGNITO_DEFAULT", "COGNITO_DEFAULT"),
            ("DEVELOPER", "DEVELOPER: an SES identity of yours"),
        ),
        "Kept for programs that read it. This server sends through its own mail settings.",
        initial="COGNITO_DEFAULT",
    )
    email_source = fields.text(
        "ARN of the SES identity", "Needed for the sending account DEVELOPER.", mono=True
    )
    email_set = fields.text("SES configuration set", mono=True)
    sms_role = fields.text(
        "SNS caller role",
        "ARN of the role that publishes SMS. Superusers alone choose it: passing a role grants "
        "its rights.",
        mono=True,
    )
    sms_external_id = fields.text(
        "External id of the SNS caller role", "Superusers alone choose it.", mono=True
    )
    sms_region = fields.text("SNS region", "Empty: the pool's region.", mono=True)
    confirm_by = fields.choice(
        "E-mail confirms by",
        (("CONFIRM_WITH_CODE", "A code"), ("CONFIRM_WITH_LINK", "A link (needs a domain)")),
        initial="CONFIRM_WITH_CODE",
    )
    code_subject = fields.text("Subject with a code")
    code_message = fields.area(
        "E-mail with a code",
        "Must contain <code>{####}</code>.",
    )
    link_subject = fields.text("Subject with a link")
    link_message = fields.area(
        "E-mail with a link",
        "Must contain <code>{##words of the link##}</code>.",
    )
    code_sms = fields.text("SMS with a code", "Must contain <code>{####}</code>.")
    mfa_sms = fields.text(
        "SMS with a sign-in code",
        "Must contain <code>{####}</code>.",
    )
    invite_subject = fields.text("Invitation's subject")
    invite_message = fields.area(
        "Invitation by e-mail",
        "Must contain <code>{username}</code> and <code>{####}</code>.",
    )
    invite_sms = fields.text(
        "Invitation by SMS",
        "Must contain <code>{username}</code> and <code>{####}</code>.",
    )

    # Cost of text messages
    sms_allowed = fields.LinesField(
        label="Text messages go to",
        help_text="Beginnings of numbers, one on each line: <code>+49</code>, <code>+1212</code>. "
        "Empty: everywhere that the server's own settings allow.",
    )
    sms_blocked = fields.LinesField(
        label="Text messages never go to", help_text="Beginnings of numbers; they come first."
    )
    sms_hourly = fields.number(
        "Text messages in an hour",
        "At most. Empty: as many as the server's own settings allow.",
        min_value=0,
        max_value=MOST_MESSAGES,
    )
    sms_daily = fields.number(
        "Text messages in a day",
        "At most, in 24 hours from the first one.",
        min_value=0,
        max_value=MOST_MESSAGES,
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
                "sms_allowed": pool.sms_allowed.split(),
                "sms_blocked": pool.sms_blocked.split(),
                "sms_hourly": pool.sms_hourly,
                "sms_daily": pool.sms_daily,
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
        for name, member in FACTOR_SWITCHES.items():
            self.initial.setdefault(name, member in self.stored)
        if not self.operator.is_superuser:
            for name in ROLE_FIELDS:
                self.fields[name].disabled = True

    def clean_pool_region(self) -> str:
        """Accept the regions that the operator allows."""
        region = str(self.cleaned_data["pool_region"])
        if self.is_new and settings.REGIONS and region not in settings.REGIONS:
            raise forms.ValidationError(f"Allowed regions: {', '.join(settings.REGIONS)}.")
        return region

    def settings(self) -> Document:
        """Return the members for the service; a template replaces the older member it mirrors."""
        document = pool_integrations.tidied(super().settings(), self.stored)
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

    def clean_sms_allowed(self) -> list[str]:
        """Accept beginnings of numbers."""
        return _prefixes(self.cleaned_data["sms_allowed"])

    def clean_sms_blocked(self) -> list[str]:
        """Accept beginnings of numbers."""
        return _prefixes(self.cleaned_data["sms_blocked"])

    def sms_guard(self) -> SmsGuard | None:
        """Return the bounds of text messages; None where nobody touched them."""
        if not GUARD_FIELDS & set(self.changed_data):
            return None
        answers = self.cleaned_data
        return SmsGuard(
            answers["sms_allowed"],
            answers["sms_blocked"],
            answers["sms_hourly"],
            answers["sms_daily"],
        )

    def changes_factors(self) -> bool:
        """Say whether second factors were touched; on a new pool, whether there are any."""
        if self.is_new:
            passkeys = any(self.cleaned_data.get(name) for name in PASSKEY_FIELDS)
            return passkeys or bool(self.cleaned_data.get("mfa") != "OFF")
        return bool(FACTOR_FIELDS & set(self.changed_data))

    def factor_settings(self) -> Document:
        """Return SetUserPoolMfaConfig's members: those that are set, with what was changed here."""
        answers = self.cleaned_data
        stored = copy.deepcopy(self.stored)
        kept = {name: stored[name] for name in mfa.DETAILS if name in stored}
        touched = set(answers) if self.is_new else set(self.changed_data)
        for name in FACTOR_FIELDS & self.wire.keys() & touched:
            put(kept, self.wire[name], answers[name])
        mode = answers["mfa"]
        if mode == "OFF":
            # The texts of e-mail codes stay: passwordless sign-in uses them too.
            for name in set(mfa.FACTORS) - {"EmailMfaConfiguration"}:
                kept.pop(name, None)
        else:
            kept["SoftwareTokenMfaConfiguration"] = {"Enabled": answers["totp"]}
            self._switch_sms(kept)
        if not answers["email_mfa"]:
            kept.pop("EmailMfaConfiguration", None)
        elif mode != "OFF":
            kept.setdefault("EmailMfaConfiguration", {})
        return {**kept, "MfaConfiguration": mode}

    def _switch_sms(self, factors: Document) -> None:
        """Make SMS a factor with the SMS settings of this form, or none."""
        if not self.cleaned_data["sms_mfa"]:
            factors.pop("SmsMfaConfiguration", None)
            return
        document = self.settings()
        shared = {name: document[name] for name in SMS_MEMBERS if name in document}
        factors["SmsMfaConfiguration"] = shared

    def clean(self) -> Document | None:
        """Refuse a factor that nobody would be asked for."""
        cleaned = super().clean()
        answers = self.cleaned_data
        for name in ("totp", "sms_mfa"):
            if (
                answers.get(name)
                and answers.get("mfa") == "OFF"
                and {name, "mfa"} & set(self.changed_data)
            ):
                self.add_error(name, "Turn the second factor on as well, or this off.")
        if answers.get("email_mfa") is False:
            for name in {"email_mfa_subject", "email_mfa_message"} & set(self.changed_data):
                if answers.get(name):
                    self.add_error(name, "Turn codes by e-mail on as well, or leave this empty.")
        if not self.errors and self.changes_factors():
            self._check(input_shape("SetUserPoolMfaConfig"), self.factor_settings())
        return cleaned


def _prefixes(lines: list[str]) -> list[str]:
    for line in lines:
        if not PREFIX.fullmatch(line):
            raise forms.ValidationError(f"“{line}” is no beginning of a phone number, such as +49.")
    if len(" ".join(lines)) > LONGEST_PREFIXES:
        raise forms.ValidationError(f"At most {LONGEST_PREFIXES:,} characters in all.")
    return lines


MIRRORED = {
    "SmsVerificationMessage": "code_sms",
    "EmailVerificationMessage": "code_message",
    "EmailVerificationSubject": "code_subject",
}
# Factors that are on where their document is present, and what the SMS factor is made of.
FACTOR_SWITCHES = {"sms_mfa": "SmsMfaConfiguration", "email_mfa": "EmailMfaConfiguration"}
SMS_MEMBERS = ("SmsConfiguration", "SmsAuthenticationMessage")
PASSKEY_FIELDS = ("passkey_domain", "passkey_verification", "passkey_factor")
FACTOR_FIELDS = frozenset(
    {"mfa", "totp", *FACTOR_SWITCHES, "email_mfa_subject", "email_mfa_message", *PASSKEY_FIELDS}
)
GUARD_FIELDS = frozenset({"sms_allowed", "sms_blocked", "sms_hourly", "sms_daily"})
ROLE_FIELDS = ("sms_role", "sms_external_id", *pool_integrations.SUPERUSERS_ALONE)
