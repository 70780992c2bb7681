"""The form of a user pool, its acts, and what they leave behind."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.userpools.admin.conftest import form_data, last_act, page
from userpools.awsjson.service import cognito_idp
from userpools.models import AuditEntry, PasswordStorage, SigningKey, UserPool

ADD = "admin:userpools_userpool_add"


def add(browser: Client, **changes: Any) -> Any:
    data = {**form_data(browser.get(reverse(ADD))), "pool_name": "Album", **changes}
    return browser.post(reverse(ADD), data)


def save(browser: Client, pool: UserPool, **changes: Any) -> Any:
    data = {**form_data(browser.get(page("userpool", pool))), **changes}
    data = {name: value for name, value in data.items() if value is not None}
    return browser.post(page("userpool", pool), data)


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def test_a_pool_is_created_as_by_the_api(browser: Client, idp: Any) -> None:
    response = add(
        browser,
        pool_tags="team = web\nenv=prod=1",
        required_attributes=["email"],
        alias_attributes=["email"],
        auto_verified=["email"],
        recovery="email",
        minimum_length="12",
    )
    assert response.status_code == 302
    described = idp.describe_user_pool(UserPoolId=UserPool.objects.get().pk)["UserPool"]
    assert described["Name"] == "Album"
    assert described["UserPoolTags"] == {"team": "web", "env": "prod=1"}
    assert described["AliasAttributes"] == ["email"]
    assert described["UsernameConfiguration"] == {"CaseSensitive": False}
    assert described["Policies"]["PasswordPolicy"]["MinimumLength"] == 12
    assert described["AccountRecoverySetting"]["RecoveryMechanisms"] == [
        {"Name": "verified_email", "Priority": 1}
    ]
    email = next(each for each in described["SchemaAttributes"] if each["Name"] == "email")
    assert email["Required"] is True


def test_a_created_pool_has_its_keys_and_an_audit_entry(browser: Client) -> None:
    add(browser)
    pool = UserPool.objects.get()
    assert SigningKey.objects.filter(pool=pool, is_active=True).count() == 2
    entry = last_act()
    assert (entry.action, entry.actor, entry.source) == ("CreateUserPool", "root", "console")
    assert entry.client_address == "127.0.0.1"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pool_name", ""),
        ("pool_name", "<script>"),
        ("pool_name", "x" * 129),
        ("minimum_length", "5"),
        ("minimum_length", "100"),
        ("temporary_days", "366"),
        ("code_message", "no placeholder"),
        ("mfa_sms", "no placeholder"),
        ("pool_tags", "no equals sign"),
        ("pool_tier", "GOLD"),
        ("first_factors", ["SOFTWARE_TOKEN"]),
        ("pool_region", ""),
    ],
)
def test_a_wrong_value_is_an_error_of_its_field(browser: Client, field: str, value: Any) -> None:
    assert field in errors(add(browser, **{field: value}))
    assert not UserPool.objects.exists()


def test_what_the_service_refuses_is_said_at_the_field(browser: Client) -> None:
    both = add(browser, alias_attributes=["email"], username_attributes=["email"])
    assert "aliasAttributes or usernameAttributes" in errors(both)["alias_attributes"][0]
    passwordless = add(browser, pool_tier="LITE", first_factors=["PASSWORD", "EMAIL_OTP"])
    assert "not available in the LITE tier" in errors(passwordless)["first_factors"][0]
    assert not UserPool.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_region_outside_the_operators_list_is_refused(browser: Client, settings: Any) -> None:
    settings.POOLHOUSE = {**settings.POOLHOUSE, "REGIONS": ("eu-west-1",)}
    assert "pool_region" in errors(add(browser, pool_region="us-east-1"))
    assert add(browser, pool_region="eu-west-1").status_code == 302


def test_saving_an_untouched_form_changes_nothing(
    browser: Client, idp: Any, pool: UserPool
) -> None:
    before = idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]
    assert save(browser, pool).status_code == 302
    after = idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]
    for described in (before, after):
        described.pop("LastModifiedDate")
    assert before == after


def test_saving_keeps_what_the_form_does_not_show(browser: Client, idp: Any) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:hook"
    made = idp.create_user_pool(PoolName="hooks", LambdaConfig={"PostConfirmation": arn})
    pool = UserPool.objects.get(pk=made["UserPool"]["Id"])
    save(browser, pool, pool_name="hooked")
    described = idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]
    assert described["Name"] == "hooked"
    assert described["LambdaConfig"] == {"PostConfirmation": arn}


def test_a_change_is_seen_by_the_api_at_once(browser: Client, idp: Any, pool: UserPool) -> None:
    idp.describe_user_pool(UserPoolId=pool.id)
    save(browser, pool, minimum_length="20", require_symbols=None)
    policy = idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]["Policies"]["PasswordPolicy"]
    assert policy["MinimumLength"] == 20
    assert policy["RequireSymbols"] is False


def test_a_template_and_its_older_spelling_agree_after_a_change(browser: Client, idp: Any) -> None:
    made = idp.create_user_pool(PoolName="texts", EmailVerificationMessage="Old {####}")
    pool = UserPool.objects.get(pk=made["UserPool"]["Id"])
    save(browser, pool, code_message="New {####}")
    described = idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]
    assert described["EmailVerificationMessage"] == "New {####}"
    assert described["VerificationMessageTemplate"]["EmailMessage"] == "New {####}"
    save(browser, pool, code_message=None)
    described = idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]
    assert "EmailVerificationMessage" not in described


def test_what_only_creation_sets_cannot_be_changed(browser: Client, pool: UserPool) -> None:
    save(browser, pool, alias_attributes=["email"], pool_region="eu-west-1", case_sensitive="on")
    pool.refresh_from_db()
    assert pool.alias_attributes == []
    assert pool.region == "us-east-1"


def test_the_second_factor_is_turned_on_with_an_app(
    browser: Client, idp: Any, pool: UserPool
) -> None:
    assert save(browser, pool, mfa="OPTIONAL", totp="on").status_code == 302
    config = idp.get_user_pool_mfa_config(UserPoolId=pool.id)
    assert config["MfaConfiguration"] == "OPTIONAL"
    assert config["SoftwareTokenMfaConfiguration"] == {"Enabled": True}
    assert save(browser, pool, mfa="OFF", totp=None).status_code == 302
    assert idp.get_user_pool_mfa_config(UserPoolId=pool.id)["MfaConfiguration"] == "OFF"


def test_a_second_factor_without_any_factor_is_refused(browser: Client, pool: UserPool) -> None:
    assert "mfa" in errors(save(browser, pool, mfa="ON"))
    assert "totp" in errors(save(browser, pool, totp="on"))


def test_the_password_form_is_changed_unless_a_client_allows_srp(
    browser: Client, pool: UserPool, make_client: Any, user: str
) -> None:
    client = make_client(pool)
    refused = save(browser, pool, storage=PasswordStorage.ARGON2ID)
    assert "allow" in errors(refused)["storage"][0]
    client.delete()
    assert save(browser, pool, storage=PasswordStorage.ARGON2ID).status_code == 302
    pool.refresh_from_db()
    assert pool.password_storage == PasswordStorage.ARGON2ID
    assert "1 users" in browser.get(page("userpool", pool)).content.decode()


def test_the_issuer_is_changed_and_audited(browser: Client, pool: UserPool) -> None:
    save(browser, pool, issuer="aws")
    pool.refresh_from_db()
    assert pool.issuer == f"https://cognito-idp.us-east-1.amazonaws.com/{pool.id}"
    assert last_act().action == "SetIssuerProfile"


def test_a_custom_attribute_with_a_space_is_refused(browser: Client, pool: UserPool) -> None:
    address = page("userpool", pool, act="add-attribute")
    response = browser.post(address, {"name": "my attr", "kind": "String", "mutable": "on"})
    assert response.status_code == 200
    assert UserPool.objects.get(id=pool.id).schema == pool.schema


def test_a_custom_attribute_is_added(browser: Client, idp: Any, pool: UserPool) -> None:
    address = page("userpool", pool, act="add-attribute")
    answers = {"name": "level", "kind": "Number", "low": "1", "high": "9", "mutable": "on"}
    assert browser.post(address, answers).status_code == 302
    schema = idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]["SchemaAttributes"]
    level = next(each for each in schema if each["Name"] == "custom:level")
    assert level["NumberAttributeConstraints"] == {"MinValue": "1", "MaxValue": "9"}
    again = browser.post(address, answers)
    assert again.status_code == 200
    assert again.context["form"].non_field_errors()


def test_keys_are_rotated_by_a_post_alone(browser: Client, pool: UserPool) -> None:
    address = page("userpool", pool, act="rotate-keys")
    before = set(SigningKey.objects.filter(is_active=True).values_list("kid", flat=True))
    assert browser.get(address).status_code == 200
    assert set(SigningKey.objects.filter(is_active=True).values_list("kid", flat=True)) == before
    assert browser.post(address).status_code == 302
    assert not before & set(SigningKey.objects.filter(is_active=True).values_list("kid", flat=True))
    assert last_act().action == "RotateSigningKeys"


def test_a_pool_is_deleted_only_by_its_name(browser: Client, pool: UserPool, user: str) -> None:
    address = page("userpool", pool, act="delete")
    assert browser.post(address, {"confirmation": "People"}).status_code == 200
    assert UserPool.objects.filter(pk=pool.pk).exists()
    assert browser.post(address, {"confirmation": "people"}).status_code == 302
    assert not UserPool.objects.filter(pk=pool.pk).exists()
    assert last_act().action == "DeleteUserPool"


def test_a_protected_pool_stays(browser: Client, idp: Any) -> None:
    made = idp.create_user_pool(PoolName="safe", DeletionProtection="ACTIVE")
    pool = UserPool.objects.get(pk=made["UserPool"]["Id"])
    response = browser.post(page("userpool", pool, act="delete"), {"confirmation": "safe"})
    assert "deletion protection is activated" in response.context["form"].non_field_errors()[0]
    assert UserPool.objects.filter(pk=pool.pk).exists()


def test_an_act_without_a_csrf_token_is_refused(operator: Any, pool: UserPool) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(operator)
    assert browser.post(page("userpool", pool, act="rotate-keys")).status_code == 403
    assert browser.post(reverse(ADD), {"pool_name": "x"}).status_code == 403


def test_django_s_own_delete_pages_are_shut(browser: Client, pool: UserPool) -> None:
    assert (
        browser.get(f"/admin/userpools/userpool/{pool.pk.replace('_', '_5F')}/delete/").status_code
        == 403
    )
    picked = {"action": "delete_selected", "_selected_action": [pool.pk]}
    browser.post(page("userpool"), picked)
    assert UserPool.objects.filter(pk=pool.pk).exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"pool_tier": "LITE", "history_size": "3"}, "history_size"),
        ({"threat_protection": "ENFORCED"}, "threat_protection"),
        ({"pool_tier": "LITE", "mfa": "OPTIONAL", "email_mfa": "on"}, "email_mfa"),
        ({"mfa": "ON", "sms_mfa": "on"}, "mfa"),
        ({"sms_mfa": "on"}, "sms_mfa"),
        ({"email_mfa_subject": "Your code"}, "email_mfa_subject"),
        ({"email_account": "DEVELOPER"}, "email_source"),
        ({"email_source": "short"}, "email_source"),
        ({"sms_region": "us-east-1"}, "sms_role"),
        ({"verified_before_update": ["email"]}, "verified_before_update"),
        ({"invite_message": "Hello {####}"}, "invite_message"),
        ({"history_size": "25"}, "history_size"),
        ({"pool_tags": "\n".join(f"k{n} = v" for n in range(51))}, "pool_tags"),
    ],
)
def test_a_refusal_stands_at_the_field_that_it_is_about(
    browser: Client, pool: UserPool, changes: dict[str, Any], field: str
) -> None:
    before = AuditEntry.objects.count()
    assert list(errors(save(browser, pool, **changes))) == [field]
    assert AuditEntry.objects.count() == before


def test_limits_come_from_the_service_model(browser: Client, pool: UserPool) -> None:
    form = browser.get(page("userpool", pool)).context["adminform"].form
    shape = cognito_idp.model.shape_for("PasswordPolicyMinLengthType")
    length = form.fields["minimum_length"]
    assert (length.min_value, length.max_value) == (shape.metadata["min"], shape.metadata["max"])
    assert length.help_text == "6 to 99 characters."
    assert form.fields["mfa_sms"].help_text.startswith("6 to 140 characters. Must contain")


def test_second_factors_and_passkeys_are_set(browser: Client, idp: Any, pool: UserPool) -> None:
    save(
        browser,
        pool,
        mfa="OPTIONAL",
        totp="on",
        sms_mfa="on",
        sms_role="arn:aws:iam::000000000000:role/sms",
        email_mfa="on",
        email_mfa_subject="Your code",
        email_mfa_message="It is {####}",
        passkey_domain="example.com",
        passkey_verification="required",
    )
    described = idp.get_user_pool_mfa_config(UserPoolId=pool.id)
    assert described["MfaConfiguration"] == "OPTIONAL"
    assert described["SoftwareTokenMfaConfiguration"] == {"Enabled": True}
    sms = described["SmsMfaConfiguration"]["SmsConfiguration"]
    assert sms["SnsCallerArn"] == "arn:aws:iam::000000000000:role/sms"
    assert described["EmailMfaConfiguration"] == {
        "Message": "It is {####}",
        "Subject": "Your code",
    }
    assert described["WebAuthnConfiguration"]["RelyingPartyId"] == "example.com"
    assert save(browser, pool).status_code == 302
    again = idp.get_user_pool_mfa_config(UserPoolId=pool.id)
    assert again["SmsMfaConfiguration"] == described["SmsMfaConfiguration"]


def test_e_mail_settings_are_sent_as_the_api_takes_them(
    browser: Client, idp: Any, pool: UserPool
) -> None:
    arn = "arn:aws:ses:us-east-1:000000000000:identity/example.com"
    save(browser, pool, email_account="DEVELOPER", email_source=arn, email_set="mine")
    described = idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]["EmailConfiguration"]
    assert described == {
        "EmailSendingAccount": "DEVELOPER",
        "SourceArn": arn,
        "ConfigurationSet": "mine",
    }


def test_a_role_is_chosen_by_superusers_alone(browser_of: Any, idp: Any, pool: UserPool) -> None:
    clerk = browser_of("view_userpool", "change_userpool")
    assert save(clerk, pool, sms_role="arn:aws:iam::000000000000:role/sms").status_code == 302
    described = idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]
    assert "SmsConfiguration" not in described
