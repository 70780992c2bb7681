"""The part of a pool's form that names other parties: functions, keys, registrars, carriers.

What an ARN grants, the server's operators hand over: superusers alone name functions, keys and
roles, as the API demands a permission on each.
"""

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from userpools.admin import fields
from userpools.admin.fields import LinesField
from userpools.admin.wire import Document

TRIGGERS: Final = {
    "pre_sign_up": "PreSignUp",
    "post_confirmation": "PostConfirmation",
    "pre_authentication": "PreAuthentication",
    "post_authentication": "PostAuthentication",
    "user_migration": "UserMigration",
    "custom_message": "CustomMessage",
    "define_challenge": "DefineAuthChallenge",
    "create_challenge": "CreateAuthChallenge",
    "verify_challenge": "VerifyAuthChallengeResponse",
}
VERSIONED: Final = (
    "PreTokenGenerationConfig", "CustomEmailSender", "CustomSMSSender", "InboundFederation",
)  # fmt: skip
FIRST_VERSION: Final = "V1_0"
GRANTS: Final = tuple((grant, grant) for grant in ("code", "implicit", "client_credentials"))
LEVELS: Final = {f"acr_level_{level}": f"Level{level}" for level in range(1, 5)}
WIRE: Final = {
    **{name: f"LambdaConfig.{member}" for name, member in TRIGGERS.items()},
    "token_function": "LambdaConfig.PreTokenGenerationConfig.LambdaArn",
    "token_version": "LambdaConfig.PreTokenGenerationConfig.LambdaVersion",
    "email_sender": "LambdaConfig.CustomEmailSender.LambdaArn",
    "sms_sender": "LambdaConfig.CustomSMSSender.LambdaArn",
    "sender_key": "LambdaConfig.KMSKeyID",
    "inbound_federation": "LambdaConfig.InboundFederation.LambdaArn",
    **{name: f"AcrConfiguration.{level}.AcrValue" for name, level in LEVELS.items()},
    "registration": "DcrConfiguration.EnableStatus",
    "open_registration": "DcrConfiguration.OpenDcrEnabled",
    "registered_grants": "DcrConfiguration.AuthenticatedGrantTypes",
    "open_grants": "DcrConfiguration.OpenDcrGrantTypes",
    "registered_scopes": "DcrConfiguration.AllowedScopes",
    "key_type": "KeyConfiguration.KeyType",
    "key_arn": "KeyConfiguration.KmsKeyArn",
    "issuer_type": "IssuerConfiguration.Type",
    "eums_role": "SmsConfiguration.EumsSms.CallerArn",
    "eums_external_id": "SmsConfiguration.EumsSms.ExternalId",
    "eums_identity": "SmsConfiguration.EumsSms.OriginationIdentity",
    "eums_set": "SmsConfiguration.EumsSms.ConfigurationSetName",
    "eums_entity": "SmsConfiguration.EumsSms.InEntityId",
    "eums_template": "SmsConfiguration.EumsSms.InTemplateId",
    "eums_region": "SmsConfiguration.EumsSms.Region",
}
SUPERUSERS_ALONE: Final = (
    *TRIGGERS, "token_function", "token_version", "email_sender", "sms_sender", "sender_key",
    "inbound_federation", "key_type", "key_arn", "eums_role", "eums_external_id",
)  # fmt: skip
REFUSED_WORDS: Final = {
    "Access token customization": "token_version",
    "ACR": "acr_level_1",
    "Dynamic client registration": "registration",
    "EumsSms must be": "eums_region",
}
FIELDSETS: Final = (
    (
        "Triggers",
        (
            *TRIGGERS, "token_function", "token_version", "email_sender", "sms_sender",
            "sender_key", "inbound_federation",
        ),
    ),
    (
        "Client registration",
        (
            "registration", "open_registration", "registered_grants", "open_grants",
            "registered_scopes",
        ),
    ),
    ("Authentication context", tuple(LEVELS)),
    (
        "Kept for Cognito",
        (
            "key_type", "key_arn", "issuer_type", "eums_role", "eums_external_id",
            "eums_identity", "eums_set", "eums_entity", "eums_template", "eums_region",
        ),
    ),
)  # fmt: skip
# What stands above the fields of a tab.
DESCRIPTIONS: Final = {
    "Triggers": "Each is the ARN of a function, made under “Functions” or known to its runner; "
    "empty: none. Its name in LambdaConfig stands below.",
    "Authentication context": "What tokens say in acr of a sign-in of each level, in place of "
    "Cognito's own words.",
    "Kept for Cognito": "Settings that programs may write and read back. This server keeps and "
    "shows them, and makes nothing of them.",
}


def _function(label: str, member: str, hint: str = "") -> forms.CharField:
    return fields.text(label, f"<code>{member}</code>. {hint}".strip(), mono=True)


class IntegrationFields(forms.Form):
    """The fields."""

    pre_sign_up = _function(
        "Before a sign-up", "PreSignUp", "May refuse it, or confirm it at once."
    )
    post_confirmation = _function(
        "After a confirmation",
        "PostConfirmation",
        "Runs once a user is confirmed or has reset a password.",
    )
    pre_authentication = _function("Before a sign-in", "PreAuthentication", "May refuse it.")
    post_authentication = _function("After a sign-in", "PostAuthentication")
    user_migration = _function(
        "Unknown users", "UserMigration", "Takes them over from another directory."
    )
    custom_message = _function("Wording of messages", "CustomMessage")
    define_challenge = _function("Next custom challenge", "DefineAuthChallenge")
    create_challenge = _function("Question of a challenge", "CreateAuthChallenge")
    verify_challenge = _function("Check of an answer", "VerifyAuthChallengeResponse")
    token_function = _function("Claims of tokens", "PreTokenGeneration")
    token_version = fields.choice(
        "Version of the claims event",
        (
            ("V1_0", "1: ID tokens"),
            ("V2_0", "2: access tokens too"),
            ("V3_0", "3: tokens of machines too"),
        ),
        "More than the first needs the Essentials plan.",
        initial=FIRST_VERSION,
        required=False,
    )
    email_sender = _function(
        "E-mail sender",
        "CustomEmailSender",
        "Sends in place of this server, which hands it the codes.",
    )
    sms_sender = _function(
        "Text message sender",
        "CustomSMSSender",
        "Sends in place of this server, which hands it the codes.",
    )
    sender_key = fields.text(
        "Key for the senders",
        "<code>KMSKeyID</code>. The ARN of a KMS key that encrypts the codes; needed with either "
        "sender. A key of this server's stands in for one that it may not use.",
        mono=True,
    )
    inbound_federation = _function(
        "Attributes from providers",
        "InboundFederation",
        "Changes what another provider says of a user.",
    )

    acr_level_1 = fields.text("Level 1", "Empty: urn:cognito:loa:1. Needs the Essentials plan.")
    acr_level_2 = fields.text("Level 2", "Empty: urn:cognito:loa:2.")
    acr_level_3 = fields.text("Level 3", "Empty: urn:cognito:loa:3.")
    acr_level_4 = fields.text("Level 4", "Empty: urn:cognito:loa:4.")

    registration = fields.choice(
        "Programs register app clients",
        (("", "No"), ("Enabled", "Yes"), ("Disabled", "No, stated explicitly")),
        "Needs the Essentials plan.",
        required=False,
    )
    open_registration = fields.switch("Without an initial access token")
    registered_grants = fields.choices(
        "Grants of registered clients", GRANTS, "None chosen: code and client_credentials."
    )
    open_grants = fields.choices(
        "Grants of clients registered without a token", GRANTS, "None chosen: code."
    )
    registered_scopes = LinesField(
        label="Further scopes of registered clients", help_text="One on each line."
    )

    key_type = fields.choice(
        "Encryption key",
        (
            ("", "Not stated"),
            ("AWS_OWNED_KEY", "Owned by AWS"),
            ("CUSTOMER_MANAGED_KEY", "A KMS key of yours"),
        ),
        required=False,
    )
    key_arn = fields.text("ARN of the KMS key", mono=True)
    issuer_type = fields.choice(
        "Kind of issuer",
        (("", "Not stated"), ("ORIGINAL", "Original"), ("UPDATED", "Updated")),
        "“Tokens state as issuer” is what counts here.",
        required=False,
    )
    eums_role = fields.text("EUM SMS caller role", mono=True)
    eums_external_id = fields.text("EUM SMS external id", mono=True)
    eums_identity = fields.text("EUM SMS origination identity", mono=True)
    eums_set = fields.text("EUM SMS configuration set", mono=True)
    eums_entity = fields.text("EUM SMS principal entity id", mono=True)
    eums_template = fields.text("EUM SMS template id", mono=True)
    eums_region = fields.text("EUM SMS region", mono=True)


def tidied(document: Document, stored: Mapping[str, Any]) -> Document:
    """Complete what the fields leave open: versions, and what is empty without its main member."""
    made = {**document, "LambdaConfig": _triggers(document.get("LambdaConfig") or {})}
    if not made["LambdaConfig"]:
        del made["LambdaConfig"]
    registration = dict(made.get("DcrConfiguration") or {})
    if "EnableStatus" not in registration:
        # To the service a configuration without a status is one that is on.
        made.pop("DcrConfiguration", None)
        if stored.get("DcrConfiguration"):
            made["DcrConfiguration"] = {**registration, "EnableStatus": "Disabled"}
    return made


def _triggers(given: Mapping[str, Any]) -> Document:
    config = dict(given)
    # The older spelling mirrors PreTokenGenerationConfig, and refuses to differ from it.
    config.pop("PreTokenGeneration", None)
    for member in VERSIONED:
        named = config.pop(member, None)
        if named and named.get("LambdaArn"):
            config[member] = {"LambdaVersion": FIRST_VERSION, **named}
    return config
