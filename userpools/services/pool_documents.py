"""The documents of a pool's configuration as the API takes and shows them: defaults and mirrors.

What CreateUserPool and UpdateUserPool share. A stored configuration is complete: every default that
DescribeUserPool shows is in it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from userpools.errors import InvalidParameterException

Wire = dict[str, Any]
PASSWORD_BOOLEANS = ("RequireUppercase", "RequireLowercase", "RequireNumbers", "RequireSymbols")
TEMPORARY_PASSWORD_DAYS = 7
MINIMUM_LENGTH = 8
SIGN_IN_POLICY: Wire = {"AllowedFirstAuthFactors": ["PASSWORD"]}

# Only CreateUserPool sets them. Source: API reference, UpdateUserPool.
IMMUTABLE = ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")
# Columns of their own.
COLUMNS = frozenset(
    {
        "UserPoolId", "PoolName", "UserPoolTier", "DeletionProtection", "MfaConfiguration",
        "UserPoolTags", "Schema",
    }
)  # fmt: skip
# The old members and the members of VerificationMessageTemplate that mirror them.
MIRRORS = {
    "SmsVerificationMessage": "SmsMessage",
    "EmailVerificationMessage": "EmailMessage",
    "EmailVerificationSubject": "EmailSubject",
}
# Stored and shown as sent, absent otherwise.
PLAIN = (
    "AutoVerifiedAttributes", "SmsAuthenticationMessage", "DeviceConfiguration", "SmsConfiguration",
    "UserPoolAddOns", "AccountRecoverySetting", "KeyConfiguration", "IssuerConfiguration",
    "AcrConfiguration",
)  # fmt: skip


def configuration(settings: Mapping[str, Any], kept: Mapping[str, Any] | None = None) -> Wire:
    """Return the whole configuration that a request asks for.

    `kept` is the present one when a pool is updated. Of it, what the request leaves out stays only
    for Policies, each of its two members, and DcrConfiguration; the rest goes back to its default.
    Source: the live service, measured in 2026; where it was not measured, API reference,
    UpdateUserPool.
    """
    present = kept or {}
    immutable = present if kept is not None else settings
    made: Wire = {name: immutable[name] for name in IMMUTABLE if name in immutable}
    made.update({name: settings[name] for name in PLAIN if name in settings})
    for name, build in DOCUMENTS.items():
        document = build(settings, present)
        if document is not None:
            made[name] = document
    template = made["VerificationMessageTemplate"]
    made.update({old: template[new] for old, new in MIRRORS.items() if new in template})
    _agree_on_validity(settings, made)
    return made


def _policies(settings: Mapping[str, Any], present: Mapping[str, Any]) -> Wire:
    sent = settings.get("Policies") or {}
    kept = present.get("Policies") or {}
    password = (
        _password_policy(sent["PasswordPolicy"])
        if "PasswordPolicy" in sent
        else kept.get("PasswordPolicy") or _default_password_policy()
    )
    sign_in = sent.get("SignInPolicy") or kept.get("SignInPolicy") or SIGN_IN_POLICY
    return {
        "PasswordPolicy": dict(password),
        "SignInPolicy": {**SIGN_IN_POLICY, **sign_in},
    }


def _default_password_policy() -> Wire:
    return {
        "MinimumLength": MINIMUM_LENGTH,
        **dict.fromkeys(PASSWORD_BOOLEANS, True),
        "TemporaryPasswordValidityDays": TEMPORARY_PASSWORD_DAYS,
    }


def _password_policy(sent: Mapping[str, Any]) -> Wire:
    """Complete a policy that was sent: what it leaves out is not required."""
    policy: Wire = {
        "MinimumLength": MINIMUM_LENGTH,
        **dict.fromkeys(PASSWORD_BOOLEANS, False),
        **sent,
    }
    # 0 counts as absent. Source: API reference, PasswordPolicyType.
    policy["TemporaryPasswordValidityDays"] = (
        sent.get("TemporaryPasswordValidityDays") or TEMPORARY_PASSWORD_DAYS
    )
    return policy


def _lambda_config(settings: Mapping[str, Any], _present: Mapping[str, Any]) -> Wire:
    """Complete LambdaConfig: the two spellings of the token generation trigger mirror each other.

    Source: API reference, LambdaConfigType, PreTokenGeneration.
    """
    config = dict(settings.get("LambdaConfig") or {})
    plain = config.get("PreTokenGeneration")
    versioned = config.get("PreTokenGenerationConfig")
    if plain and versioned and plain != versioned["LambdaArn"]:
        raise InvalidParameterException(
            "PreTokenGeneration and the LambdaArn of PreTokenGenerationConfig must be identical."
        )
    if versioned:
        config["PreTokenGeneration"] = versioned["LambdaArn"]
    elif plain:
        config["PreTokenGenerationConfig"] = {"LambdaVersion": "V1_0", "LambdaArn": plain}
    return config


def _verification_template(settings: Mapping[str, Any], _present: Mapping[str, Any]) -> Wire:
    """Complete the template; where an old member differs from it, the template wins.

    Terraform sends both after a change of the template, the old member with its former text.
    """
    template: Wire = {
        new: settings[old] for old, new in MIRRORS.items() if settings.get(old) is not None
    }
    template.update(settings.get("VerificationMessageTemplate") or {})
    template.setdefault("DefaultEmailOption", "CONFIRM_WITH_CODE")
    return template


def _update_settings(settings: Mapping[str, Any], _present: Mapping[str, Any]) -> Wire:
    return {
        "AttributesRequireVerificationBeforeUpdate": [],
        **(settings.get("UserAttributeUpdateSettings") or {}),
    }


def _email_configuration(settings: Mapping[str, Any], _present: Mapping[str, Any]) -> Wire:
    return {
        "EmailSendingAccount": "COGNITO_DEFAULT",
        **(settings.get("EmailConfiguration") or {}),
    }


def _admin_create_user(settings: Mapping[str, Any], _present: Mapping[str, Any]) -> Wire:
    return {"AllowAdminCreateUserOnly": False, **(settings.get("AdminCreateUserConfig") or {})}


def _registration(settings: Mapping[str, Any], present: Mapping[str, Any]) -> Wire | None:
    sent = settings.get("DcrConfiguration")
    if sent is None:
        return present.get("DcrConfiguration")
    # Source: API reference, DcrConfigurationType, EnableStatus.
    return {"EnableStatus": "Enabled", **sent}


def _agree_on_validity(settings: Mapping[str, Any], made: Wire) -> None:
    """Settle how long a temporary password is valid: two members, one value, never both sent.

    Source: API reference, PasswordPolicyType, TemporaryPasswordValidityDays; the text is the one
    that Terraform looks for.
    """
    legacy = (settings.get("AdminCreateUserConfig") or {}).get("UnusedAccountValidityDays")
    sent = ((settings.get("Policies") or {}).get("PasswordPolicy") or {}).get(
        "TemporaryPasswordValidityDays"
    )
    if legacy is not None and sent is not None:
        raise InvalidParameterException(
            "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of "
            "UnusedAccountValidityDays"
        )
    policy = made["Policies"]["PasswordPolicy"]
    if legacy is not None:
        policy["TemporaryPasswordValidityDays"] = legacy or TEMPORARY_PASSWORD_DAYS
    made["AdminCreateUserConfig"]["UnusedAccountValidityDays"] = policy[
        "TemporaryPasswordValidityDays"
    ]


DOCUMENTS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Wire | None]] = {
    "Policies": _policies,
    "LambdaConfig": _lambda_config,
    "VerificationMessageTemplate": _verification_template,
    "UserAttributeUpdateSettings": _update_settings,
    "EmailConfiguration": _email_configuration,
    "AdminCreateUserConfig": _admin_create_user,
    "DcrConfiguration": _registration,
}
