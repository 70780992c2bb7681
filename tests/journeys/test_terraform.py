"""What Terraform's aws provider does with pools, clients and groups: a second plan is empty.

The calls, their order, and how answers are read are the provider's (resources
`aws_cognito_user_pool`, `aws_cognito_user_pool_client`, `aws_cognito_user_group`). A plan here is
written in wire spelling. `Optional` attributes that the provider does not compute must be absent
when the plan has none; computed ones may have any value, which has to stay.
"""

from typing import Any

import pytest

ROLE = "arn:aws:iam::000000000000:role/sms"
HOOK = "arn:aws:lambda:us-east-1:000000000000:function:hook"
SMS = {"SnsCallerArn": ROLE, "ExternalId": "ext"}
TOTP = {"Enabled": True}

# Members of DescribeUserPool that the provider neither computes nor ignores when they are empty.
NOT_COMPUTED = (
    "AliasAttributes",
    "AutoVerifiedAttributes",
    "DeviceConfiguration",
    "SmsConfiguration",
    "UsernameAttributes",
    "UsernameConfiguration",
    "UserPoolAddOns",
)
POLICY = {
    "MinimumLength": 10,
    "RequireLowercase": True,
    "RequireNumbers": True,
    "RequireSymbols": False,
    "RequireUppercase": False,
    "TemporaryPasswordValidityDays": 3,
}
STRING = {"AttributeDataType": "String", "DeveloperOnlyAttribute": False, "Mutable": True}
EMAIL_ATTRIBUTE = {
    **STRING,
    "Name": "email",
    "Required": True,
    "StringAttributeConstraints": {"MinLength": "0", "MaxLength": "2048"},
}
LEVEL = {
    "AttributeDataType": "Number",
    "DeveloperOnlyAttribute": False,
    "Mutable": True,
    "Name": "level",
    "Required": False,
    "NumberAttributeConstraints": {"MinValue": "1", "MaxValue": "9"},
}
NOTE = {**STRING, "Name": "note", "Required": False, "StringAttributeConstraints": {}}

MINIMAL: dict[str, Any] = {"Name": "minimal"}
COMPLETE: dict[str, Any] = {
    "Name": "complete",
    "AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]},
    "AdminCreateUserConfig": {
        "AllowAdminCreateUserOnly": True,
        "InviteMessageTemplate": {
            "EmailMessage": "{username} {####}",
            "EmailSubject": "Welcome",
            "SMSMessage": "{username} {####}",
        },
    },
    "AliasAttributes": ["email", "preferred_username"],
    "AutoVerifiedAttributes": ["email"],
    "DeletionProtection": "ACTIVE",
    "DeviceConfiguration": {
        "ChallengeRequiredOnNewDevice": True,
        "DeviceOnlyRememberedOnUserPrompt": False,
    },
    "EmailConfiguration": {
        "EmailSendingAccount": "COGNITO_DEFAULT",
        "ReplyToEmailAddress": "help@example.com",
    },
    "LambdaConfig": {"PreSignUp": HOOK},
    "Policies": {
        "PasswordPolicy": POLICY,
        "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]},
    },
    "Schema": [EMAIL_ATTRIBUTE, LEVEL],
    "SmsAuthenticationMessage": "Sign in with {####}",
    "SmsConfiguration": SMS,
    "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
    "UsernameConfiguration": {"CaseSensitive": False},
    "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"},
    "UserPoolTier": "PLUS",
    "VerificationMessageTemplate": {
        "DefaultEmailOption": "CONFIRM_WITH_LINK",
        "EmailMessage": "code {####}",
        "EmailMessageByLink": "go {##there##}",
        "EmailSubject": "Code",
        "EmailSubjectByLink": "Link",
        "SmsMessage": "sms {####}",
    },
    "UserPoolTags": {"team": "a"},
    "MfaConfiguration": "OPTIONAL",
    "SoftwareTokenMfaConfiguration": TOTP,
}
# Read from GetUserPoolMfaConfig.
MFA = ("MfaConfiguration", "SoftwareTokenMfaConfiguration", "EmailMfaConfiguration")
CREATE_ONLY = ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration", "Schema")


class Provider:
    """The provider's create, read and update of a pool, call by call."""

    def __init__(self, idp: Any) -> None:
        self.idp = idp

    def create_pool(self, plan: dict[str, Any]) -> str:
        members = {name: value for name, value in plan.items() if name not in (*MFA, "Name")}
        answer = self.idp.create_user_pool(PoolName=plan["Name"], **members)
        pool_id: str = answer["UserPool"]["Id"]
        if plan.get("MfaConfiguration", "OFF") != "OFF":
            self._set_mfa(pool_id, plan)
        return pool_id

    def _set_mfa(self, pool_id: str, plan: dict[str, Any]) -> None:
        mode = plan.get("MfaConfiguration", "OFF")
        members = {name: plan[name] for name in MFA[1:] if name in plan}
        if "SmsConfiguration" in plan and mode != "OFF":
            members["SmsMfaConfiguration"] = {"SmsConfiguration": plan["SmsConfiguration"]}
            if "SmsAuthenticationMessage" in plan:
                members["SmsMfaConfiguration"]["SmsAuthenticationMessage"] = plan[
                    "SmsAuthenticationMessage"
                ]
        self.idp.set_user_pool_mfa_config(UserPoolId=pool_id, MfaConfiguration=mode, **members)

    def read_pool(self, pool_id: str, plan: dict[str, Any]) -> dict[str, Any]:
        state = dict(self.idp.describe_user_pool(UserPoolId=pool_id)["UserPool"])
        factors = self.idp.get_user_pool_mfa_config(UserPoolId=pool_id)
        state.pop("MfaConfiguration")
        state.update({name: factors[name] for name in MFA if name in factors})
        state["Schema"] = self._schema(state.pop("SchemaAttributes"), plan.get("Schema", []))
        return state

    @staticmethod
    def _schema(
        shown: list[dict[str, Any]], configured: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Drop the standard attributes with default settings, unless the plan has the very same."""
        result = []
        for entry in shown:
            is_default = (
                ":" not in entry["Name"]
                and entry["Required"] == (entry["Name"] == "sub")
                and entry["Mutable"] == (entry["Name"] != "sub")
            )
            if is_default and entry not in configured:
                continue
            result.append({**entry, "Name": entry["Name"].rpartition(":")[2]})
        return result

    def update_pool(self, pool_id: str, state: dict[str, Any], plan: dict[str, Any]) -> None:
        """Apply a changed plan; computed members come from the state."""
        if any(state.get(name) != plan.get(name) for name in (*MFA, "SmsConfiguration")):
            self._set_mfa(pool_id, plan)
        computed = {
            name: state[name]
            for name in (
                "AdminCreateUserConfig", "EmailVerificationMessage", "EmailVerificationSubject",
                "SmsVerificationMessage", "VerificationMessageTemplate",
            )
            if name in state
        }  # fmt: skip
        members = {
            **computed,
            **{
                name: value
                for name, value in plan.items()
                if name not in (*CREATE_ONLY, *MFA[1:], "Name")
            },
        }
        members["AdminCreateUserConfig"] = {
            name: value
            for name, value in members["AdminCreateUserConfig"].items()
            if name != "UnusedAccountValidityDays"
        }
        members.setdefault("MfaConfiguration", "OFF")
        self.idp.update_user_pool(UserPoolId=pool_id, PoolName=plan["Name"], **members)
        added = [each for each in plan.get("Schema", []) if each not in state["Schema"]]
        if added:
            self.idp.add_custom_attributes(UserPoolId=pool_id, CustomAttributes=added)


def covers(shown: Any, planned: Any) -> bool:
    """Say whether an answer holds what was planned; a structure may hold computed members too."""
    if isinstance(planned, dict):
        return isinstance(shown, dict) and all(
            covers(shown.get(name), value) for name, value in planned.items()
        )
    return bool(shown == planned)


def differences(state: dict[str, Any], plan: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what a plan would change: attribute, what is there, what is wanted."""
    found = {
        name: (state.get(name), value)
        for name, value in plan.items()
        if name != "Schema" and not covers(state.get(name), value)
    }
    if state["LambdaConfig"] != plan.get("LambdaConfig", state["LambdaConfig"]):
        found["LambdaConfig"] = (state["LambdaConfig"], plan["LambdaConfig"])
    for name in (*NOT_COMPUTED, *MFA[1:]):
        if name not in plan and state.get(name):
            found[name] = (state[name], None)
    if not plan.get("UserPoolTags") and state["UserPoolTags"]:
        found["UserPoolTags"] = (state["UserPoolTags"], {})
    if plan.get("MfaConfiguration", "OFF") != state["MfaConfiguration"]:
        found["MfaConfiguration"] = (state["MfaConfiguration"], plan.get("MfaConfiguration"))
    wanted = sorted(plan.get("Schema", []), key=lambda each: each["Name"])
    there = sorted(state["Schema"], key=lambda each: each["Name"])
    if there != wanted:
        found["Schema"] = (there, wanted)
    return found


@pytest.fixture
def idp(signed_client, operator):
    """A client that this process answers: no socket is needed to compare plans."""
    return signed_client(operator=operator)


@pytest.fixture
def provider(idp):
    return Provider(idp)


def test_the_provider_asks_who_it_is(signed_client, operator):
    identity = signed_client("sts", operator=operator).get_caller_identity()
    assert identity["Account"] == "000000000000"
    assert identity["Arn"] == "arn:aws:iam::000000000000:user/root"
    assert identity["UserId"]


@pytest.mark.parametrize("plan", [MINIMAL, COMPLETE], ids=["minimal", "complete"])
def test_a_second_plan_of_a_pool_shows_no_difference(provider, plan):
    pool_id = provider.create_pool(plan)
    state = provider.read_pool(pool_id, plan)
    assert differences(state, plan) == {}
    assert provider.read_pool(pool_id, plan) == state
    assert state["EstimatedNumberOfUsers"] == 0
    assert "Domain" not in state
    assert "CustomDomain" not in state


CHANGES: dict[str, dict[str, Any]] = {
    "rename": {"Name": "renamed"},
    "policy": {"Policies": {"PasswordPolicy": {**POLICY, "MinimumLength": 12}}},
    "no device tracking": {"DeviceConfiguration": None},
    "no tags": {"UserPoolTags": None},
    "tags": {"UserPoolTags": {"stage": "dev"}},
    "no trigger": {"LambdaConfig": {}},
    "no SMS": {"SmsConfiguration": None, "SmsAuthenticationMessage": None},
    "no TOTP": {"SoftwareTokenMfaConfiguration": None},
    "no MFA": {"MfaConfiguration": None, "SoftwareTokenMfaConfiguration": None},
    "required MFA": {"MfaConfiguration": "ON"},
    "no verification before update": {
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": []}
    },
    "no auto-verification": {
        "AutoVerifiedAttributes": None,
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": []},
    },
    "no add-ons": {"UserPoolAddOns": None, "UserPoolTier": "ESSENTIALS"},
    "template": {
        "VerificationMessageTemplate": {
            **COMPLETE["VerificationMessageTemplate"],
            "EmailMessage": "changed {####}",
            "SmsMessage": "changed {####}",
        }
    },
    "unprotected": {"DeletionProtection": "INACTIVE"},
    "attribute": {"Schema": [EMAIL_ATTRIBUTE, LEVEL, NOTE]},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_plan_is_applied_and_stays(provider, change):
    pool_id = provider.create_pool(COMPLETE)
    state = provider.read_pool(pool_id, COMPLETE)
    changed = {**COMPLETE, **CHANGES[change]}
    plan = {name: value for name, value in changed.items() if value is not None}
    assert differences(state, plan) != {}
    provider.update_pool(pool_id, state, plan)
    state = provider.read_pool(pool_id, plan)
    assert differences(state, plan) == {}


def test_from_sms_to_an_authenticator_app_and_back(provider):
    sms: dict[str, Any] = {"Name": "p", "MfaConfiguration": "ON", "SmsConfiguration": SMS}
    app: dict[str, Any] = {
        "Name": "p",
        "MfaConfiguration": "ON",
        "SoftwareTokenMfaConfiguration": TOTP,
    }
    pool_id = provider.create_pool(sms)
    for plan in (app, sms, app, {"Name": "p"}):
        provider.update_pool(pool_id, provider.read_pool(pool_id, plan), plan)
        assert differences(provider.read_pool(pool_id, plan), plan) == {}


# Clients

CLIENTS: dict[str, dict[str, Any]] = {
    "minimal": {},
    "confidential": {"GenerateSecret": True},
    "empty lists": {
        name: []
        for name in (
            "AllowedOAuthFlows", "AllowedOAuthScopes", "CallbackURLs", "ExplicitAuthFlows",
            "LogoutURLs", "ReadAttributes", "SupportedIdentityProviders", "WriteAttributes",
        )
    },
    "complete": {
        "AccessTokenValidity": 10,
        "IdTokenValidity": 12,
        "RefreshTokenValidity": 20,
        "TokenValidityUnits": {
            "AccessToken": "minutes",
            "IdToken": "hours",
            "RefreshToken": "days",
        },
        "AllowedOAuthFlows": ["code"],
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthScopes": ["email", "openid"],
        "AuthSessionValidity": 5,
        "CallbackURLs": ["https://example.com/cb"],
        "DefaultRedirectURI": "https://example.com/cb",
        "EnableTokenRevocation": False,
        "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        "LogoutURLs": ["https://example.com/bye"],
        "PreventUserExistenceErrors": "ENABLED",
        "ReadAttributes": ["email"],
        "WriteAttributes": ["email", "name"],
        "SupportedIdentityProviders": ["COGNITO"],
    },
}  # fmt: skip
# What the provider never sends back: identity, dates, and the secret.
NOT_SENT = ("ClientId", "ClientSecret", "CreationDate", "LastModifiedDate", "UserPoolId")


@pytest.mark.parametrize("plan", CLIENTS.values(), ids=CLIENTS)
def test_a_second_plan_of_a_client_shows_no_difference(idp, pool, plan):
    answer = idp.create_user_pool_client(UserPoolId=pool.id, ClientName="app", **plan)
    state = answer["UserPoolClient"]
    read = idp.describe_user_pool_client(UserPoolId=pool.id, ClientId=state["ClientId"])
    assert read["UserPoolClient"] == state
    planned = {name: value for name, value in plan.items() if name != "GenerateSecret"}
    assert covers(state, planned)


@pytest.mark.parametrize("plan", CLIENTS.values(), ids=CLIENTS)
def test_an_update_with_the_state_changes_what_is_planned_and_no_more(idp, pool, plan):
    state = idp.create_user_pool_client(UserPoolId=pool.id, ClientName="app", **plan)[
        "UserPoolClient"
    ]
    members = {name: value for name, value in state.items() if name not in NOT_SENT}
    # An empty structure is read as none, and none is not sent.
    if not members["TokenValidityUnits"]:
        del members["TokenValidityUnits"]
    members["ClientName"] = "renamed"
    answer = idp.update_user_pool_client(UserPoolId=pool.id, ClientId=state["ClientId"], **members)[
        "UserPoolClient"
    ]
    assert answer == {
        **state,
        "ClientName": "renamed",
        "LastModifiedDate": answer["LastModifiedDate"],
    }


# Groups


def test_a_group_shows_no_difference_after_each_change(idp, pool):
    plan = {"Description": "editors", "Precedence": 3, "RoleArn": ROLE}
    idp.create_group(UserPoolId=pool.id, GroupName="g", **plan)
    for change in ({}, {"Precedence": 0}, {"Description": ""}, {"Description": "again"}):
        plan |= change
        if change:
            idp.update_group(UserPoolId=pool.id, GroupName="g", **change)
        shown = idp.get_group(UserPoolId=pool.id, GroupName="g")["Group"]
        assert {name: shown.get(name, "") for name in plan} == plan
    idp.delete_group(UserPoolId=pool.id, GroupName="g")
    with pytest.raises(idp.exceptions.ResourceNotFoundException):
        idp.get_group(UserPoolId=pool.id, GroupName="g")


# All of it, to the end


def test_a_whole_stack_is_destroyed(idp, provider):
    plan = {**COMPLETE, "DeletionProtection": "INACTIVE"}
    pool_id = provider.create_pool(plan)
    client = idp.create_user_pool_client(UserPoolId=pool_id, ClientName="app")["UserPoolClient"]
    idp.create_group(UserPoolId=pool_id, GroupName="g")
    arn = idp.describe_user_pool(UserPoolId=pool_id)["UserPool"]["Arn"]
    assert idp.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"team": "a"}
    idp.delete_group(UserPoolId=pool_id, GroupName="g")
    idp.delete_user_pool_client(UserPoolId=pool_id, ClientId=client["ClientId"])
    idp.delete_user_pool(UserPoolId=pool_id)
    for read in (idp.describe_user_pool, idp.get_user_pool_mfa_config, idp.delete_user_pool):
        with pytest.raises(idp.exceptions.ResourceNotFoundException):
            read(UserPoolId=pool_id)
