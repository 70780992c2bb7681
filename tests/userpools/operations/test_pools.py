"""CreateUserPool and what reads, changes, lists and deletes its result."""

import re

import pytest

from userpools.audit import Actor
from userpools.models import AuditEntry, KeyUse, Membership, PoolUser, SigningKey, SignInSession
from userpools.models import UserPool as Pool
from userpools.services import pools

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:hook"
ROLE = "arn:aws:iam::000000000000:role/sms"
KEY = "arn:aws:kms:us-east-1:000000000000:key/abcd"
SMS = {"SnsCallerArn": ROLE, "ExternalId": "ext"}
UNKNOWN = "us-east-1_doesnotex"

DEFAULTS = {
    "Policies": {
        "PasswordPolicy": {
            "MinimumLength": 8,
            "RequireUppercase": True,
            "RequireLowercase": True,
            "RequireNumbers": True,
            "RequireSymbols": True,
            "TemporaryPasswordValidityDays": 7,
        },
        "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]},
    },
    "DeletionProtection": "INACTIVE",
    "LambdaConfig": {},
    "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"},
    "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": []},
    "MfaConfiguration": "OFF",
    "EstimatedNumberOfUsers": 0,
    "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
    "UserPoolTags": {},
    "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False, "UnusedAccountValidityDays": 7},
    "UserPoolTier": "ESSENTIALS",
}
IDENTITY = {"Id", "Name", "Arn", "CreationDate", "LastModifiedDate", "SchemaAttributes"}


def described(idp, pool_id):
    return idp.describe_user_pool(UserPoolId=pool_id)["UserPool"]


def created(idp, **members):
    return idp.create_user_pool(PoolName="people", **members)["UserPool"]["Id"]


def attribute(idp, pool_id, name):
    schema = described(idp, pool_id)["SchemaAttributes"]
    return next(each for each in schema if each["Name"] == name)


def refused(idp, error, **members):
    with pytest.raises(getattr(idp.exceptions, error)) as caught:
        idp.create_user_pool(PoolName="people", **members)
    assert not Pool.objects.exists()
    return caught.value.response["Error"]["Message"]


# Refusals


@pytest.mark.parametrize(
    "operation",
    ["describe_user_pool", "update_user_pool", "delete_user_pool", "get_user_pool_mfa_config"],
)
def test_an_unknown_pool_does_not_exist(idp, operation):
    with pytest.raises(idp.exceptions.ResourceNotFoundException) as caught:
        getattr(idp, operation)(UserPoolId=UNKNOWN)
    assert caught.value.response["Error"]["Message"] == f"User pool {UNKNOWN} does not exist."


@pytest.mark.parametrize(
    ("members", "text"),
    [
        (
            {"UsernameAttributes": ["email"], "AliasAttributes": ["phone_number"]},
            "Only one of the aliasAttributes or usernameAttributes can be set in a user pool.",
        ),
        (
            {
                "AliasAttributes": ["preferred_username"],
                "Schema": [{"Name": "preferred_username", "Required": True}],
            },
            "preferred_username cannot be both",
        ),
        (
            {
                "UserAttributeUpdateSettings": {
                    "AttributesRequireVerificationBeforeUpdate": ["email"]
                }
            },
            "AutoVerifiedAttributes",
        ),
        (
            {"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["EMAIL_OTP"]}}},
            "must contain PASSWORD",
        ),
        (
            {
                "Policies": {
                    "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "SOFTWARE_TOKEN"]}
                }
            },
            "SOFTWARE_TOKEN is not supported",
        ),
        (
            {
                "MfaConfiguration": "ON",
                "SmsConfiguration": SMS,
                "Policies": {
                    "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}
                },
            },
            "cannot be allowed as first factors when MFA is required",
        ),
        (
            {
                "AccountRecoverySetting": {
                    "RecoveryMechanisms": [
                        {"Name": "admin_only", "Priority": 1},
                        {"Name": "verified_email", "Priority": 2},
                    ]
                }
            },
            "admin_only cannot be combined",
        ),
        (
            {
                "AccountRecoverySetting": {
                    "RecoveryMechanisms": [
                        {"Name": "verified_phone_number", "Priority": 1},
                        {"Name": "verified_email", "Priority": 1},
                    ]
                }
            },
            "must be unique",
        ),
        ({"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER"}}, "SourceArn is required"),
        ({"SmsConfiguration": {"ExternalId": "x"}}, "either SnsCallerArn or EumsSms"),
        ({"SmsConfiguration": {**SMS, "EumsSms": {"CallerArn": ROLE}}}, "and not both"),
        (
            {"SmsConfiguration": {"EumsSms": {"CallerArn": ROLE, "Region": "eu-west-1"}}},
            "must be in the user pool's Region",
        ),
        ({"MfaConfiguration": "ON"}, "SMS configuration and Auto verification"),
        ({"MfaConfiguration": "OPTIONAL"}, "SMS configuration and Auto verification"),
        (
            {
                "AdminCreateUserConfig": {"UnusedAccountValidityDays": 3},
                "Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}},
            },
            "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of "
            "UnusedAccountValidityDays",
        ),
        (
            {
                "AdminCreateUserConfig": {
                    "InviteMessageTemplate": {"EmailMessage": "Welcome {username}"}
                }
            },
            "must contain {username} and {####}",
        ),
        (
            {"AdminCreateUserConfig": {"InviteMessageTemplate": {"SMSMessage": "Code {####}"}}},
            "SMSMessage of InviteMessageTemplate must contain",
        ),
        (
            {"VerificationMessageTemplate": {"EmailMessage": "no placeholder"}},
            "Member must satisfy regular expression pattern",
        ),
        (
            {
                "LambdaConfig": {
                    "PreTokenGeneration": FUNCTION,
                    "PreTokenGenerationConfig": {
                        "LambdaVersion": "V1_0",
                        "LambdaArn": FUNCTION + "2",
                    },
                }
            },
            "must be identical",
        ),
        (
            {"LambdaConfig": {"CustomSMSSender": {"LambdaVersion": "V1_0", "LambdaArn": FUNCTION}}},
            "KMSKeyID is required",
        ),
        (
            {"AcrConfiguration": {"Level2": {"AcrValue": "urn:cognito:loa:1"}}},
            "must be unique",
        ),
        ({"KeyConfiguration": {"KeyType": "CUSTOMER_MANAGED_KEY"}}, "KmsKeyArn is required"),
    ],
)
def test_create_refuses_settings_that_do_not_go_together(idp, members, text):
    assert text in refused(idp, "InvalidParameterException", **members)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"Name": "level"}, "Invalid AttributeDataType input"),
        (
            {"Name": "level", "AttributeDataType": "String", "Required": True},
            "Required custom attributes are not supported currently.",
        ),
        (
            {"Name": "email", "AttributeDataType": "Number"},
            "You can not change AttributeDataType or set developerOnlyAttribute for standard "
            "schema attribute email",
        ),
        ({"Name": "email", "DeveloperOnlyAttribute": True}, "You can not change"),
        ({"Name": "sub", "Mutable": True}, "You can not change"),
        ({"Name": "email_verified", "Required": True}, "You can not change"),
        ({"Name": "x" * 21, "AttributeDataType": "String"}, "less than or equal to 20"),
        ({"AttributeDataType": "String"}, "Attribute name is required"),
        (
            {
                "Name": "n",
                "AttributeDataType": "String",
                "StringAttributeConstraints": {"MaxLength": "2049"},
            },
            "user.custom:n: String attributes cannot have a length of more than 2048",
        ),
        (
            {
                "Name": "n",
                "AttributeDataType": "String",
                "StringAttributeConstraints": {"MinLength": "5", "MaxLength": "4"},
            },
            "user.custom:n: Max length cannot be less than min length.",
        ),
        (
            {
                "Name": "n",
                "AttributeDataType": "Number",
                "NumberAttributeConstraints": {"MinValue": "5", "MaxValue": "4"},
            },
            "user.custom:n: Max value cannot be less than min value.",
        ),
        (
            {
                "Name": "n",
                "AttributeDataType": "String",
                "StringAttributeConstraints": {"MinLength": "-1"},
            },
            "Invalid StringAttributeConstraints.MinLength for schema attribute custom:n",
        ),
        (
            {
                "Name": "n",
                "AttributeDataType": "Number",
                "NumberAttributeConstraints": {"MaxValue": "9" * 5000},
            },
            "Invalid NumberAttributeConstraints.MaxValue",
        ),
    ],
)
def test_create_refuses_a_bad_schema_entry(idp, entry, text):
    assert text in refused(idp, "InvalidParameterException", Schema=[entry])


@pytest.mark.parametrize("name", ["level", "email"])
def test_create_refuses_an_attribute_named_twice(idp, name):
    entry = {"Name": name, "AttributeDataType": "String"}
    text = refused(idp, "InvalidParameterException", Schema=[entry, entry])
    assert "Existing attribute already has name" in text


def test_create_refuses_more_than_fifty_schema_entries(idp):
    entries = [{"Name": f"a{n}", "AttributeDataType": "String"} for n in range(51)]
    assert "less than or equal to 50" in refused(idp, "InvalidParameterException", Schema=entries)


@pytest.mark.parametrize(
    ("tier", "members"),
    [
        ("ESSENTIALS", {"UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}}),
        ("LITE", {"Policies": {"PasswordPolicy": {"PasswordHistorySize": 3}}}),
        (
            "LITE",
            {"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}}},
        ),
        (
            "LITE",
            {
                "LambdaConfig": {
                    "PreTokenGenerationConfig": {"LambdaVersion": "V2_0", "LambdaArn": FUNCTION}
                }
            },
        ),
        ("LITE", {"DcrConfiguration": {}}),
        ("LITE", {"AcrConfiguration": {"Level1": {"AcrValue": "urn:own"}}}),
    ],
)
def test_a_feature_above_the_tier_is_unavailable(idp, tier, members):
    refused(idp, "FeatureUnavailableInTierException", UserPoolTier=tier, **members)


@pytest.mark.parametrize("tags", [{f"k{n}": "v" for n in range(51)}, {"aws:owner": "me"}])
def test_create_refuses_tags_that_cannot_be(idp, tags):
    refused(idp, "UserPoolTaggingException", UserPoolTags=tags)


def test_a_region_holds_a_thousand_pools(idp, pool, monkeypatch):
    monkeypatch.setattr(pools, "POOLS_PER_REGION", 1)
    with pytest.raises(idp.exceptions.LimitExceededException):
        idp.create_user_pool(PoolName="one more")


# What is passed


@pytest.mark.parametrize(
    ("action", "arn", "members"),
    [
        ("lambda:InvokeFunction", FUNCTION, {"LambdaConfig": {"PreSignUp": FUNCTION}}),
        (
            "lambda:InvokeFunction",
            FUNCTION,
            {
                "LambdaConfig": {
                    "PreTokenGenerationConfig": {"LambdaVersion": "V2_0", "LambdaArn": FUNCTION}
                }
            },
        ),
        ("kms:CreateGrant", KEY, {"LambdaConfig": {"KMSKeyID": KEY}}),
        ("kms:CreateGrant", KEY, {"KeyConfiguration": {"KmsKeyArn": KEY}}),
        ("iam:PassRole", ROLE, {"SmsConfiguration": SMS}),
        ("iam:PassRole", ROLE, {"SmsConfiguration": {"EumsSms": {"CallerArn": ROLE}}}),
    ],
)
def test_naming_a_role_function_or_key_needs_the_permission_to_pass_it(
    signed_client, operator, action, arn, members
):
    mine = {"Effect": "Allow", "Action": "cognito-idp:*", "Resource": "*"}
    without = signed_client(operator=operator, policy={"Statement": [mine]})
    with pytest.raises(without.exceptions.ClientError, match=re.escape(action)) as caught:
        without.create_user_pool(PoolName="people", **members)
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert not Pool.objects.exists()
    passing = {"Effect": "Allow", "Action": action, "Resource": arn}
    allowed = signed_client(operator=operator, policy={"Statement": [mine, passing]})
    pool_id = allowed.create_user_pool(PoolName="people", **members)["UserPool"]["Id"]
    with pytest.raises(without.exceptions.ClientError, match=re.escape(action)):
        without.update_user_pool(UserPoolId=pool_id, **members)


# Create


def test_describe_shows_the_documented_defaults_after_a_create_by_name(idp):
    answer = idp.create_user_pool(PoolName="people")["UserPool"]
    shown = described(idp, answer["Id"])
    assert {name: value for name, value in shown.items() if name not in IDENTITY} == DEFAULTS
    assert shown == answer
    assert shown["Name"] == "people"
    assert re.fullmatch(r"us-east-1_[0-9A-Za-z]{9}", shown["Id"])
    assert shown["Arn"] == f"arn:aws:cognito-idp:us-east-1:000000000000:userpool/{shown['Id']}"
    assert shown["CreationDate"] == shown["LastModifiedDate"]


def test_a_pool_is_of_the_region_that_the_call_was_signed_for(signed_client, operator):
    pool = signed_client(operator=operator, region="eu-central-1").create_user_pool(PoolName="a")
    assert pool["UserPool"]["Id"].startswith("eu-central-1_")


def test_a_new_pool_has_one_active_key_for_each_use(pool):
    keys = SigningKey.objects.filter(pool=pool, is_active=True)
    assert sorted(key.use for key in keys) == sorted(KeyUse.values)


def test_the_standard_schema_is_shown_in_the_service_order(idp, pool):
    schema = described(idp, pool.id)["SchemaAttributes"]
    assert [each["Name"] for each in schema] == [
        "profile", "address", "birthdate", "gender", "preferred_username", "updated_at", "website",
        "picture", "identities", "sub", "phone_number", "phone_number_verified", "zoneinfo",
        "locale", "email", "email_verified", "given_name", "family_name", "middle_name", "name",
        "nickname",
    ]  # fmt: skip
    by_name = {each["Name"]: each for each in schema}
    assert by_name["sub"] == {
        "Name": "sub",
        "AttributeDataType": "String",
        "DeveloperOnlyAttribute": False,
        "Mutable": False,
        "Required": True,
        "StringAttributeConstraints": {"MinLength": "1", "MaxLength": "2048"},
    }
    assert by_name["birthdate"]["StringAttributeConstraints"] == {
        "MinLength": "10",
        "MaxLength": "10",
    }
    assert by_name["updated_at"]["NumberAttributeConstraints"] == {"MinValue": "0"}
    assert by_name["identities"]["StringAttributeConstraints"] == {}
    assert "StringAttributeConstraints" not in by_name["email_verified"]


def test_settings_are_echoed_as_they_were_sent(idp):
    sent = {
        "AliasAttributes": ["email", "preferred_username"],
        "AutoVerifiedAttributes": ["email"],
        "UsernameConfiguration": {"CaseSensitive": False},
        "DeletionProtection": "ACTIVE",
        "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True},
        "EmailConfiguration": {
            "EmailSendingAccount": "DEVELOPER",
            "SourceArn": "arn:aws:ses:us-east-1:000000000000:identity/a@example.com",
            "From": "a@example.com",
            "ReplyToEmailAddress": "b@example.com",
            "ConfigurationSet": "set",
        },
        "SmsConfiguration": SMS,
        "SmsAuthenticationMessage": "Code {####}",
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
        "AccountRecoverySetting": {
            "RecoveryMechanisms": [
                {"Name": "verified_email", "Priority": 1},
                {"Name": "verified_phone_number", "Priority": 2},
            ]
        },
        "UserPoolAddOns": {
            "AdvancedSecurityMode": "ENFORCED",
            "AdvancedSecurityAdditionalFlows": {"CustomAuthMode": "AUDIT"},
        },
        "UserPoolTier": "PLUS",
        "UserPoolTags": {"team": "a"},
        "IssuerConfiguration": {"Type": "ORIGINAL"},
        "AcrConfiguration": {"Level1": {"AcrValue": "urn:own:1"}},
        "LambdaConfig": {"PreSignUp": FUNCTION},
    }
    shown = described(idp, created(idp, **sent))
    assert {name: shown[name] for name in sent} == sent


def test_booleans_left_out_of_a_password_policy_are_false(idp):
    pool_id = created(
        idp, Policies={"PasswordPolicy": {"MinimumLength": 12, "RequireNumbers": True}}
    )
    assert described(idp, pool_id)["Policies"] == {
        "PasswordPolicy": {
            "MinimumLength": 12,
            "RequireUppercase": False,
            "RequireLowercase": False,
            "RequireNumbers": True,
            "RequireSymbols": False,
            "TemporaryPasswordValidityDays": 7,
        },
        "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]},
    }


@pytest.mark.parametrize(
    ("members", "days"),
    [
        ({"AdminCreateUserConfig": {"UnusedAccountValidityDays": 3}}, 3),
        ({"AdminCreateUserConfig": {"UnusedAccountValidityDays": 0}}, 7),
        ({"Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 4}}}, 4),
        ({"Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 0}}}, 7),
    ],
)
def test_both_members_show_the_validity_of_temporary_passwords(idp, members, days):
    shown = described(idp, created(idp, **members))
    assert shown["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"] == days
    assert shown["AdminCreateUserConfig"]["UnusedAccountValidityDays"] == days


OLD = {
    "EmailVerificationMessage": "old {####}",
    "EmailVerificationSubject": "old",
    "SmsVerificationMessage": "sms {####}",
}
NEW = {"EmailMessage": "new {####}", "EmailSubject": "new", "SmsMessage": "new sms {####}"}


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        (OLD, ["old {####}", "old", "sms {####}"]),
        ({"VerificationMessageTemplate": NEW}, ["new {####}", "new", "new sms {####}"]),
        ({**OLD, "VerificationMessageTemplate": NEW}, ["new {####}", "new", "new sms {####}"]),
    ],
)
def test_old_verification_members_mirror_the_template(idp, members, shown):
    pool = described(idp, created(idp, **members))
    template = pool["VerificationMessageTemplate"]
    assert [template[name] for name in ("EmailMessage", "EmailSubject", "SmsMessage")] == shown
    assert [pool[name] for name in OLD] == shown


@pytest.mark.parametrize(
    "config",
    [
        {"PreTokenGeneration": FUNCTION},
        {"PreTokenGenerationConfig": {"LambdaVersion": "V1_0", "LambdaArn": FUNCTION}},
    ],
)
def test_the_two_spellings_of_the_token_trigger_mirror_each_other(idp, config):
    assert described(idp, created(idp, LambdaConfig=config))["LambdaConfig"] == {
        "PreTokenGeneration": FUNCTION,
        "PreTokenGenerationConfig": {"LambdaVersion": "V1_0", "LambdaArn": FUNCTION},
    }


def test_an_invitation_without_code_goes_with_passwordless_sign_in(idp):
    template = {"EmailMessage": "Welcome {username}"}
    factors = ["PASSWORD", "EMAIL_OTP"]
    pool_id = created(
        idp,
        Policies={"SignInPolicy": {"AllowedFirstAuthFactors": factors}},
        AdminCreateUserConfig={"InviteMessageTemplate": template},
    )
    shown = described(idp, pool_id)
    assert shown["AdminCreateUserConfig"]["InviteMessageTemplate"] == template


def test_schema_entries_change_standard_attributes_and_add_custom_ones(idp):
    pool_id = created(
        idp,
        Schema=[
            {"Name": "email", "Required": True, "Mutable": False},
            {"Name": "level", "AttributeDataType": "Number"},
            {"Name": "note", "AttributeDataType": "String", "DeveloperOnlyAttribute": True},
            {
                "Name": "nickname",
                "AttributeDataType": "String",
                "StringAttributeConstraints": {"MinLength": "1", "MaxLength": "9"},
            },
        ],
    )
    assert attribute(idp, pool_id, "email") == {
        "Name": "email",
        "AttributeDataType": "String",
        "DeveloperOnlyAttribute": False,
        "Mutable": False,
        "Required": True,
        "StringAttributeConstraints": {"MinLength": "0", "MaxLength": "2048"},
    }
    assert attribute(idp, pool_id, "custom:level") == {
        "Name": "custom:level",
        "AttributeDataType": "Number",
        "DeveloperOnlyAttribute": False,
        "Mutable": True,
        "Required": False,
        "NumberAttributeConstraints": {},
    }
    assert attribute(idp, pool_id, "dev:note")["DeveloperOnlyAttribute"] is True
    assert attribute(idp, pool_id, "nickname")["StringAttributeConstraints"] == {
        "MinLength": "1",
        "MaxLength": "9",
    }


# Update


def full(idp):
    return created(
        idp,
        AliasAttributes=["email"],
        UsernameConfiguration={"CaseSensitive": False},
        AutoVerifiedAttributes=["email"],
        UserPoolTier="PLUS",
        UserPoolAddOns={"AdvancedSecurityMode": "AUDIT"},
        DeletionProtection="ACTIVE",
        DeviceConfiguration={"ChallengeRequiredOnNewDevice": True},
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
        Policies={
            "PasswordPolicy": {"MinimumLength": 10, "TemporaryPasswordValidityDays": 2},
            "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]},
        },
        DcrConfiguration={"OpenDcrEnabled": True},
        LambdaConfig={"PreSignUp": FUNCTION},
        UserAttributeUpdateSettings={"AttributesRequireVerificationBeforeUpdate": ["email"]},
        UserPoolTags={"team": "a"},
        AccountRecoverySetting={"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}]},
        **OLD,
    )


def test_an_update_with_nothing_keeps_and_resets_field_by_field(idp):
    pool_id = full(idp)
    idp.update_user_pool(UserPoolId=pool_id)
    shown = {name: value for name, value in described(idp, pool_id).items() if name not in IDENTITY}
    assert shown == {
        **DEFAULTS,
        "UserPoolTier": "PLUS",
        "Policies": {
            "PasswordPolicy": {
                "MinimumLength": 10,
                "RequireUppercase": False,
                "RequireLowercase": False,
                "RequireNumbers": False,
                "RequireSymbols": False,
                "TemporaryPasswordValidityDays": 2,
            },
            "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]},
        },
        "AdminCreateUserConfig": {
            "AllowAdminCreateUserOnly": False,
            "UnusedAccountValidityDays": 2,
        },
        "DcrConfiguration": {"EnableStatus": "Enabled", "OpenDcrEnabled": True},
        "AliasAttributes": ["email"],
        "UsernameConfiguration": {"CaseSensitive": False},
    }


@pytest.mark.parametrize("sent", ["PasswordPolicy", "SignInPolicy"])
def test_a_policy_sent_alone_keeps_the_other(idp, sent):
    pool_id = full(idp)
    before = described(idp, pool_id)["Policies"]
    policies = {
        "PasswordPolicy": {"MinimumLength": 20},
        "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]},
    }
    idp.update_user_pool(UserPoolId=pool_id, Policies={sent: policies[sent]})
    after = described(idp, pool_id)["Policies"]
    other = ({"PasswordPolicy", "SignInPolicy"} - {sent}).pop()
    assert after[other] == before[other]
    assert after[sent].items() >= policies[sent].items()


def test_an_update_renames_and_moves_the_date(idp, pool):
    before = described(idp, pool.id)
    idp.update_user_pool(UserPoolId=pool.id, PoolName="others")
    after = described(idp, pool.id)
    assert after["Name"] == "others"
    assert after["CreationDate"] == before["CreationDate"]
    assert after["LastModifiedDate"] > before["LastModifiedDate"]


def test_mfa_survives_an_update_that_does_not_name_it(idp):
    pool_id = created(idp, MfaConfiguration="ON", SmsConfiguration=SMS)
    idp.update_user_pool(UserPoolId=pool_id, SmsConfiguration=SMS)
    assert described(idp, pool_id)["MfaConfiguration"] == "ON"


def test_an_update_cannot_take_the_last_factor_from_a_pool_with_mfa(idp):
    pool_id = created(idp, MfaConfiguration="ON", SmsConfiguration=SMS)
    before = described(idp, pool_id)
    with pytest.raises(idp.exceptions.InvalidParameterException, match="SMS configuration"):
        idp.update_user_pool(UserPoolId=pool_id)
    assert described(idp, pool_id) == before


def test_a_tier_in_use_cannot_be_lowered(idp):
    pool_id = full(idp)
    with pytest.raises(idp.exceptions.TierChangeNotAllowedException):
        idp.update_user_pool(UserPoolId=pool_id, UserPoolTier="LITE")
    assert described(idp, pool_id)["UserPoolTier"] == "PLUS"


def test_a_tier_can_be_lowered_with_its_features_turned_off(idp):
    pool_id = full(idp)
    idp.update_user_pool(
        UserPoolId=pool_id,
        UserPoolTier="LITE",
        Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}},
        DcrConfiguration={"EnableStatus": "Disabled"},
    )
    assert described(idp, pool_id)["UserPoolTier"] == "LITE"


def test_a_tier_cannot_be_lowered_below_a_client_that_needs_it(idp, pool, make_client):
    make_client(pool, ExplicitAuthFlows=["ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
    with pytest.raises(idp.exceptions.TierChangeNotAllowedException):
        idp.update_user_pool(UserPoolId=pool.id, UserPoolTier="LITE")


def test_an_update_refused_changes_nothing_and_is_not_recorded(idp, pool):
    with pytest.raises(idp.exceptions.InvalidParameterException):
        idp.update_user_pool(
            UserPoolId=pool.id,
            PoolName="x",
            EmailConfiguration={"EmailSendingAccount": "DEVELOPER"},
        )
    assert described(idp, pool.id)["Name"] == "people"
    assert not AuditEntry.objects.filter(action="UpdateUserPool").exists()


def test_acts_on_a_pool_are_recorded_with_before_and_after(idp, pool):
    idp.update_user_pool(UserPoolId=pool.id, PoolName="others")
    idp.delete_user_pool(UserPoolId=pool.id)
    entries = {entry.action: entry for entry in AuditEntry.objects.filter(pool_id=pool.id)}
    assert set(entries) == {"CreateUserPool", "UpdateUserPool", "DeleteUserPool"}
    assert entries["UpdateUserPool"].before["PoolName"] == "people"
    assert entries["UpdateUserPool"].after["PoolName"] == "others"
    assert entries["UpdateUserPool"].actor.endswith(":user/root")


# Custom attributes


def test_add_custom_attributes(idp, pool):
    idp.add_custom_attributes(
        UserPoolId=pool.id, CustomAttributes=[{"Name": "level", "AttributeDataType": "String"}]
    )
    assert attribute(idp, pool.id, "custom:level")["StringAttributeConstraints"] == {}


def test_add_custom_attributes_refuses_a_name_that_exists(idp, pool):
    attributes = [{"Name": "level", "AttributeDataType": "String"}]
    idp.add_custom_attributes(UserPoolId=pool.id, CustomAttributes=attributes)
    with pytest.raises(idp.exceptions.InvalidParameterException) as caught:
        idp.add_custom_attributes(UserPoolId=pool.id, CustomAttributes=attributes)
    assert caught.value.response["Error"]["Message"] == (
        "custom:level: Existing attribute already has name custom:level."
    )


def test_a_pool_has_at_most_fifty_custom_attributes(idp, pool):
    def add(*numbers):
        idp.add_custom_attributes(
            UserPoolId=pool.id,
            CustomAttributes=[{"Name": f"a{n}", "AttributeDataType": "String"} for n in numbers],
        )

    add(*range(25))
    add(*range(25, 50))
    with pytest.raises(idp.exceptions.InvalidParameterException, match="at most 50"):
        add(50)
    assert len(described(idp, pool.id)["SchemaAttributes"]) == 71


# List


def test_list_needs_max_results(idp):
    with pytest.raises(idp.exceptions.InvalidParameterException, match="maxResults"):
        idp.list_user_pools()


def test_list_pages_through_all_pools_of_the_region(idp, signed_client, operator):
    made = {idp.create_user_pool(PoolName=f"p{n}")["UserPool"]["Id"] for n in range(3)}
    signed_client(operator=operator, region="eu-west-1").create_user_pool(PoolName="elsewhere")
    first = idp.list_user_pools(MaxResults=2)
    second = idp.list_user_pools(MaxResults=2, NextToken=first["NextToken"])
    assert "NextToken" not in second
    listed = [each["Id"] for each in first["UserPools"] + second["UserPools"]]
    assert len(listed) == 3
    assert set(listed) == made
    assert set(first["UserPools"][0]) == {
        "Id", "Name", "LambdaConfig", "CreationDate", "LastModifiedDate",
    }  # fmt: skip


def test_list_fills_pages_from_the_pools_that_the_key_may_see(idp, signed_client, operator):
    made = sorted(idp.create_user_pool(PoolName=f"p{n}")["UserPool"]["Id"] for n in range(6))
    mine = [made[1], made[4], made[5]]
    scoped = signed_client(
        operator=operator,
        policy={
            "Statement": {
                "Effect": "Allow",
                "Action": "cognito-idp:*",
                "Resource": [
                    f"arn:aws:cognito-idp:us-east-1:000000000000:userpool/{each}" for each in mine
                ],
            }
        },
    )
    first = scoped.list_user_pools(MaxResults=2)
    assert [each["Id"] for each in first["UserPools"]] == mine[:2]
    second = scoped.list_user_pools(MaxResults=2, NextToken=first["NextToken"])
    assert [each["Id"] for each in second["UserPools"]] == mine[2:]
    assert "NextToken" not in second


# Delete


def test_a_protected_pool_is_not_deleted(idp):
    pool_id = created(idp, DeletionProtection="ACTIVE")
    with pytest.raises(idp.exceptions.InvalidParameterException, match="deletion protection"):
        idp.delete_user_pool(UserPoolId=pool_id)
    idp.update_user_pool(UserPoolId=pool_id, DeletionProtection="INACTIVE")
    idp.delete_user_pool(UserPoolId=pool_id)
    assert not Pool.objects.exists()


def test_a_deleted_pool_is_gone_with_everything_in_it(
    idp, pool, client, user, sign_in, monkeypatch
):
    monkeypatch.setattr(pools, "DELETE_BATCH", 1)
    idp.create_group(UserPoolId=pool.id, GroupName="g")
    idp.admin_add_user_to_group(UserPoolId=pool.id, Username=user, GroupName="g")
    idp.admin_create_user(UserPoolId=pool.id, Username="other", MessageAction="SUPPRESS")
    tokens = sign_in(client)
    idp.delete_user_pool(UserPoolId=pool.id)
    for model in (Pool, PoolUser, Membership, SignInSession, SigningKey):
        assert not model.objects.exists()
    with pytest.raises(idp.exceptions.ResourceNotFoundException):
        idp.describe_user_pool(UserPoolId=pool.id)
    with pytest.raises(idp.exceptions.ClientError):
        idp.get_user(AccessToken=tokens["AccessToken"])
    with pytest.raises(idp.exceptions.ResourceNotFoundException):
        sign_in(client)


# Counting


def test_the_number_of_users_is_exact_up_to_a_bound_and_estimated_above(
    idp, pool, make_user, monkeypatch
):
    make_user(pool, "ana")
    make_user(pool, "bo")
    assert described(idp, pool.id)["EstimatedNumberOfUsers"] == 2
    monkeypatch.setattr(pools, "COUNTED_EXACTLY", 1)
    Pool.objects.filter(pk=pool.pk).update(user_count=1234)
    pool.touch()
    assert described(idp, pool.id)["EstimatedNumberOfUsers"] == 1234


# Password storage


def test_a_pool_whose_clients_allow_srp_cannot_keep_argon2id_hashes(idp, pool, make_client):
    actor = Actor("root", "console")
    app = make_client(pool)
    with pytest.raises(Exception, match="app"):
        pools.set_password_storage(pool.id, "argon2id", actor=actor)
    idp.update_user_pool_client(
        UserPoolId=pool.id,
        ClientId=app.client_id,
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )
    assert (
        pools.set_password_storage(pool.id, "argon2id", actor=actor).password_storage == "argon2id"
    )
