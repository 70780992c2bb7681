"""Functions, keys, registrars and carriers in the form of a user pool."""

from typing import Any

import pytest
from django.test import Client

from tests.userpools.admin.conftest import page
from tests.userpools.admin.test_pools import add, errors, save
from triggers.events import SOURCES
from userpools.admin import pool_integrations
from userpools.admin.pool_form import PoolForm
from userpools.admin.wire import input_shape
from userpools.models import UserPool

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:one"
OTHER = "arn:aws:lambda:us-east-1:000000000000:function:two"
KEY = "arn:aws:kms:us-east-1:000000000000:key/1f0e5c1e-0b8a-4a3a-9d3f-6a7b1c2d3e4f"
ROLE = "arn:aws:iam::000000000000:role/sms"
# What other fields of the form say, or what is mirrored by them.
ELSEWHERE = {
    "Schema",
    "AdminCreateUserConfig.UnusedAccountValidityDays",
    "SmsVerificationMessage",
    "EmailVerificationMessage",
    "EmailVerificationSubject",
    "LambdaConfig.PreTokenGeneration",
}


def described(idp: Any, pool: UserPool) -> dict[str, Any]:
    return dict(idp.describe_user_pool(UserPoolId=pool.id)["UserPool"])


def members(shape: Any, path: str = "") -> Any:
    """Yield the paths of what a structure has, down to what has no members."""
    for name, member in getattr(shape, "members", {}).items():
        below = f"{path}.{name}" if path else name
        yield from members(member, below) if hasattr(member, "members") else [below]


def test_the_form_has_every_member_of_the_service_model() -> None:
    wire = set(PoolForm.wire.values())
    versions = {f"LambdaConfig.{name}.LambdaVersion" for name in pool_integrations.VERSIONED}
    missing = {
        path
        for path in members(input_shape("CreateUserPool"))
        if not any(known == path or known.startswith(f"{path}.") for known in wire)
        and not any(path.startswith(f"{known}.") for known in wire)
    }
    assert missing == ELSEWHERE | (versions - {PoolForm.wire["token_version"]})


def test_every_function_has_a_field() -> None:
    named = {path.split(".")[1] for path in PoolForm.wire.values() if "LambdaConfig" in path}
    wanted = {name.replace("PreTokenGeneration", "PreTokenGenerationConfig")
              for name in SOURCES.values()}  # fmt: skip
    assert named == {*wanted, "KMSKeyID"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"pre_sign_up": "no-arn"}, "pre_sign_up"),
        ({"token_function": "no-arn"}, "token_function"),
        ({"email_sender": FUNCTION}, "sender_key"),
        ({"sms_sender": FUNCTION, "sender_key": "no-arn"}, "sender_key"),
        ({"pool_tier": "LITE", "token_function": FUNCTION, "token_version": "V2_0"},
         "token_version"),
        ({"acr_level_2": "with space"}, "acr_level_2"),
        ({"acr_level_1": "x" * 65}, "acr_level_1"),
        ({"acr_level_1": "urn:cognito:loa:2"}, "acr_level_1"),
        ({"pool_tier": "LITE", "acr_level_3": "three"}, "acr_level_1"),
        ({"pool_tier": "LITE", "registration": "Enabled"}, "registration"),
        ({"registration": "Perhaps"}, "registration"),
        ({"registration": "Enabled", "registered_scopes": "a b"}, "registered_scopes"),
        ({"key_type": "CUSTOMER_MANAGED_KEY"}, "key_arn"),
        ({"eums_identity": "+15550001234"}, "eums_role"),
        ({"eums_role": ROLE, "sms_role": ROLE}, "sms_role"),
        ({"eums_role": ROLE, "eums_region": "eu-west-1"}, "eums_region"),
    ],
)  # fmt: skip
def test_a_refusal_stands_at_the_field_that_it_is_about(
    browser: Client, idp: Any, pool: UserPool, changes: dict[str, Any], field: str
) -> None:
    before = described(idp, pool)
    assert list(errors(save(browser, pool, **changes))) == [field]
    assert described(idp, pool) == before


def test_functions_are_named_as_by_the_api(browser: Client, idp: Any, pool: UserPool) -> None:
    plain = dict.fromkeys(pool_integrations.TRIGGERS, FUNCTION)
    response = save(
        browser, pool, **plain, token_function=OTHER, token_version="V3_0", sms_sender=OTHER,
        email_sender=OTHER, sender_key=KEY, inbound_federation=OTHER,
    )  # fmt: skip
    assert response.status_code == 302
    first = {"LambdaVersion": "V1_0", "LambdaArn": OTHER}
    assert described(idp, pool)["LambdaConfig"] == {
        **dict.fromkeys(pool_integrations.TRIGGERS.values(), FUNCTION),
        "PreTokenGeneration": OTHER,
        "PreTokenGenerationConfig": {"LambdaVersion": "V3_0", "LambdaArn": OTHER},
        "CustomSMSSender": first,
        "CustomEmailSender": first,
        "InboundFederation": first,
        "KMSKeyID": KEY,
    }


def test_a_function_is_changed_and_taken_away(browser: Client, idp: Any, pool: UserPool) -> None:
    idp.update_user_pool(
        UserPoolId=pool.id, LambdaConfig={"PreTokenGeneration": FUNCTION, "PreSignUp": FUNCTION}
    )
    save(browser, pool, token_function=OTHER)
    assert described(idp, pool)["LambdaConfig"] == {
        "PreSignUp": FUNCTION,
        "PreTokenGeneration": OTHER,
        "PreTokenGenerationConfig": {"LambdaVersion": "V1_0", "LambdaArn": OTHER},
    }
    save(browser, pool, token_function="", pre_sign_up="")
    assert described(idp, pool)["LambdaConfig"] == {}


def test_what_nobody_touched_stays_as_it_was_sent(browser: Client, idp: Any) -> None:
    sent = {
        "LambdaConfig": {
            "PreTokenGenerationConfig": {"LambdaVersion": "V2_0", "LambdaArn": FUNCTION},
            "CustomSMSSender": {"LambdaVersion": "V1_0", "LambdaArn": FUNCTION},
            "KMSKeyID": KEY,
        },
        "AcrConfiguration": {"Level2": {"AcrValue": "two"}},
        "DcrConfiguration": {"EnableStatus": "Enabled", "OpenDcrEnabled": True},
        "KeyConfiguration": {"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": KEY},
        "IssuerConfiguration": {"Type": "UPDATED"},
        "SmsConfiguration": {"EumsSms": {"CallerArn": ROLE, "OriginationIdentity": "Shop"}},
    }
    made = idp.create_user_pool(PoolName="all", **sent)["UserPool"]
    pool = UserPool.objects.get(pk=made["Id"])
    before = described(idp, pool)
    assert save(browser, pool, pool_name="other").status_code == 302
    after = described(idp, pool)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {"Name", "LastModifiedDate"}


def test_a_new_pool_states_nothing_that_nobody_chose(browser: Client, idp: Any, db: None) -> None:
    assert add(browser).status_code == 302
    made = described(idp, UserPool.objects.get())
    assert made["LambdaConfig"] == {}
    assert not {
        "AcrConfiguration", "DcrConfiguration", "KeyConfiguration", "IssuerConfiguration",
        "SmsConfiguration",
    } & made.keys()  # fmt: skip


def test_levels_and_registration_are_set(browser: Client, idp: Any, pool: UserPool) -> None:
    save(
        browser, pool, acr_level_1="bronze", acr_level_4="gold", registration="Enabled",
        open_registration="on", registered_grants=["code"], registered_scopes="shop/read\nshop/buy",
    )  # fmt: skip
    made = described(idp, pool)
    assert made["AcrConfiguration"] == {
        "Level1": {"AcrValue": "bronze"},
        "Level4": {"AcrValue": "gold"},
    }
    assert made["DcrConfiguration"] == {
        "EnableStatus": "Enabled",
        "OpenDcrEnabled": True,
        "AuthenticatedGrantTypes": ["code"],
        "AllowedScopes": ["shop/read", "shop/buy"],
    }
    save(browser, pool, registration="")
    assert described(idp, pool)["DcrConfiguration"]["EnableStatus"] == "Disabled"


def test_functions_keys_and_roles_are_superusers_to_choose(
    browser_of: Any, idp: Any, pool: UserPool
) -> None:
    idp.update_user_pool(UserPoolId=pool.id, LambdaConfig={"PreSignUp": FUNCTION})
    clerk = browser_of("view_userpool", "change_userpool", "add_userpool")
    form = clerk.get(page("userpool", pool)).context["adminform"].form
    arns = {
        name for name in form.fields if PoolForm.wire.get(name, "").endswith(("Arn", "KMSKeyID"))
    }
    assert all(form.fields[name].disabled for name in {*arns, *pool_integrations.TRIGGERS} - {
        "email_source"})  # fmt: skip
    named = dict.fromkeys(pool_integrations.SUPERUSERS_ALONE, OTHER)
    assert save(clerk, pool, **named, pool_name="mine").status_code == 302
    made = described(idp, pool)
    assert made["Name"] == "mine"
    assert made["LambdaConfig"] == {"PreSignUp": FUNCTION}
    assert not {"KeyConfiguration", "SmsConfiguration"} & made.keys()
