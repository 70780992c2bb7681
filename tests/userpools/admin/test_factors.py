"""First and second factors, and passkeys, on a user's page."""

from typing import Any

import pytest
from django.test import Client

from tests.authenticator import code_of
from tests.userpools.admin.conftest import last_act, page
from userpools.models import AppClient, Passkey, PoolUser, SoftwareToken


def test_an_authenticator_app_is_shown_and_deleted(
    browser: Client, idp: Any, ana: PoolUser, client: AppClient, sign_in: Any
) -> None:
    assert browser.post(page("pooluser", ana, act="delete-app")).status_code == 302
    assert last_act().action != "AdminDeleteSoftwareToken"
    idp.set_user_pool_mfa_config(
        UserPoolId=ana.pool_id,
        MfaConfiguration="OPTIONAL",
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )
    token = sign_in(client)["AccessToken"]
    seed = idp.associate_software_token(AccessToken=token)["SecretCode"]
    idp.verify_software_token(AccessToken=token, UserCode=code_of(seed))
    idp.set_user_mfa_preference(
        AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
    )

    shown = browser.get(page("pooluser", ana)).content.decode()
    assert "SOFTWARE_TOKEN_MFA is preferred." in shown
    assert "Delete authenticator app" in shown

    assert browser.post(page("pooluser", ana, act="delete-app")).status_code == 302
    assert last_act().action == "AdminDeleteSoftwareToken"
    assert not SoftwareToken.objects.exists()
    assert sign_in(client)


def test_passkeys_are_shown_and_deleted(
    browser: Client, idp: Any, passkey_app: AppClient, sign_in: Any, register: Any
) -> None:
    ana = PoolUser.objects.get()
    token = sign_in(passkey_app)["AccessToken"]
    kept, lost = register(token), register(token, attachment="cross-platform")
    shown = browser.get(page("pooluser", ana)).content.decode()
    assert "Roaming passkey" in shown
    assert "Of no use" not in shown

    act = page("pooluser", ana, act="delete-passkey")
    assert browser.post(act, {"passkey": "somebody else's"}).status_code == 200
    assert last_act().action != "DeleteWebAuthnCredential"
    assert browser.post(act, {"passkey": lost.id}).status_code == 302
    assert last_act().action == "DeleteWebAuthnCredential"
    assert [each.credential_id for each in Passkey.objects.all()] == [kept.id]

    idp.set_user_pool_mfa_config(
        UserPoolId=ana.pool_id, WebAuthnConfiguration={"RelyingPartyId": "example.org"}
    )
    assert "Of no use" in browser.get(page("pooluser", ana)).content.decode()


def test_what_a_sign_in_may_begin_with_is_shown(browser: Client, idp: Any, ana: PoolUser) -> None:
    def shown() -> list[str]:
        text = browser.get(page("pooluser", ana)).content.decode()
        part = text.partition("First factors")[2].partition("What choice-based")[0]
        return [name for name in ("PASSWORD_SRP", "EMAIL_OTP", "SMS_OTP") if name in part]

    idp.admin_update_user_attributes(
        UserPoolId=ana.pool_id,
        Username=ana.username,
        UserAttributes=[{"Name": "email", "Value": "ana@example.com"}],
    )
    assert shown() == ["PASSWORD_SRP"]
    allowed = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]}}
    idp.update_user_pool(UserPoolId=ana.pool_id, Policies=allowed)
    assert shown() == ["PASSWORD_SRP", "EMAIL_OTP"]
    PoolUser.objects.update(password_form="", attributes={})
    assert shown() == []


@pytest.fixture
def factors(idp: Any, ana: PoolUser) -> PoolUser:
    """Ana, with both contacts, in a pool with codes by SMS and by e-mail."""
    idp.set_user_pool_mfa_config(
        UserPoolId=ana.pool_id,
        MfaConfiguration="OPTIONAL",
        SmsMfaConfiguration={
            "SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}
        },
        EmailMfaConfiguration={},
    )
    idp.admin_update_user_attributes(
        UserPoolId=ana.pool_id,
        Username="ana",
        UserAttributes=[{"Name": "phone_number", "Value": "+15550001234"}],
    )
    ana.refresh_from_db()
    return ana


def settings_of(idp: Any, user: PoolUser) -> tuple[list[str], str | None]:
    found = idp.admin_get_user(UserPoolId=user.pool_id, Username=user.username)
    return found.get("UserMFASettingList", []), found.get("PreferredMfaSetting")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"SOFTWARE_TOKEN_MFA": "on"}, "SOFTWARE_TOKEN_MFA is not enabled for the user pool."),
        ({"preferred": "SMS_MFA"}, "SMS_MFA must be enabled to be the preferred MFA."),
    ],
)
def test_factors_that_cannot_be_are_refused(
    browser: Client, idp: Any, factors: PoolUser, answers: dict[str, str], words: str
) -> None:
    response = browser.post(page("pooluser", factors, act="second-factors"), answers)
    assert response.context["form"].non_field_errors() == [words]
    assert settings_of(idp, factors) == ([], None)


def test_a_factor_without_its_contact_is_refused(browser: Client, factors: PoolUser) -> None:
    PoolUser.objects.update(attributes={})
    address = page("pooluser", factors, act="second-factors")
    response = browser.post(address, {"SMS_MFA": "on"})
    assert "delivery config" in response.context["form"].non_field_errors()[0]


def test_factors_are_set_preferred_and_cleared(
    browser: Client, idp: Any, factors: PoolUser
) -> None:
    address = page("pooluser", factors, act="second-factors")
    both = {"SMS_MFA": "on", "EMAIL_OTP": "on"}
    for answers, listed, preferred in (
        ({**both, "preferred": "EMAIL_OTP"}, ["SMS_MFA", "EMAIL_OTP"], "EMAIL_OTP"),
        ({**both, "preferred": "SMS_MFA"}, ["SMS_MFA", "EMAIL_OTP"], "SMS_MFA"),
        (both, ["SMS_MFA", "EMAIL_OTP"], None),
        ({"EMAIL_OTP": "on", "preferred": "EMAIL_OTP"}, ["EMAIL_OTP"], "EMAIL_OTP"),
        ({}, [], None),
    ):
        assert browser.post(address, answers).status_code == 302
        assert settings_of(idp, factors) == (listed, preferred)
        assert last_act().action == "AdminSetUserMFAPreference"
    before = last_act().pk
    assert browser.post(address, {}).status_code == 302
    assert last_act().pk == before


def test_factors_are_not_set_by_those_who_only_look(browser_of: Any, factors: PoolUser) -> None:
    clerk = browser_of("view_pooluser")
    address = page("pooluser", factors, act="second-factors")
    assert clerk.post(address, {"SMS_MFA": "on"}).status_code == 403
