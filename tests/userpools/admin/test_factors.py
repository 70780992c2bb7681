"""First and second factors on a user's page."""

from typing import Any

from django.test import Client

from tests.authenticator import code_of
from tests.userpools.admin.conftest import last_act, page
from userpools.models import AppClient, PoolUser, SoftwareToken


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
