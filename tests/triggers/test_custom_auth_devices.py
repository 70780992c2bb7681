"""Remembered devices in custom sign-ins: at the end, or where DefineAuthChallenge names them."""

import pytest
from django.utils import timezone

from tests.calls import refused
from tests.conftest import PASSWORD
from tests.triggers import recorder
from tests.triggers.custom_sign_in import DEFINE, TRIGGERS, CustomSignIn, after_password, script
from tests.userpools.auth.phone import Phone
from userpools.models import CustomAuthStep, Device, PoolUser, SignInSession, UserPool

FLOWS = ["ALLOW_CUSTOM_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
ALWAYS = {"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": False}


@pytest.fixture
def app(idp, make_pool, make_client, make_user, wire):
    pool = UserPool.objects.get(pk=make_pool(DeviceConfiguration=ALWAYS).pk)
    make_user(pool, "ana")
    wire(pool, *TRIGGERS, DeviceConfiguration=ALWAYS)
    script()
    return make_client(pool, ExplicitAuthFlows=FLOWS, PreventUserExistenceErrors="ENABLED")


@pytest.fixture
def phone(idp, app):
    """A device of ana's, remembered at her first custom sign-in."""
    sign_in = CustomSignIn(idp, app)
    sign_in.begin()
    tokens = sign_in.answer()["AuthenticationResult"]
    phone = Phone(idp, tokens["NewDeviceMetadata"])
    phone.confirm(tokens["AccessToken"])
    recorder.events.clear()
    return phone


def begin(sign_in, phone):
    return sign_in.begin(AuthParameters={"USERNAME": sign_in.name, "DEVICE_KEY": phone.key})


def test_the_device_proves_itself_once_tokens_are_allowed(idp, app, phone):
    sign_in = CustomSignIn(idp, app)
    assert begin(sign_in, phone)["ChallengeName"] == "CUSTOM_CHALLENGE"
    issued = sign_in.answer()
    assert issued["ChallengeName"] == "DEVICE_SRP_AUTH"
    decided = recorder.sources().count(DEFINE)
    tokens = phone.sign_in(app, issued)
    assert tokens["AccessToken"]
    assert "NewDeviceMetadata" not in tokens
    assert recorder.sources().count(DEFINE) == decided
    assert not CustomAuthStep.objects.exists()


def test_a_named_device_step_is_told(idp, app, phone):
    def device_first(event):
        names = [one["challengeName"] for one in event["request"]["session"]]
        if "DEVICE_PASSWORD_VERIFIER" in names:
            return {"issueTokens": True}
        return {"challengeName": "DEVICE_SRP_AUTH"}

    script(device_first)
    issued = begin(CustomSignIn(idp, app), phone)
    assert issued["ChallengeName"] == "DEVICE_SRP_AUTH"
    assert phone.sign_in(app, issued)["AccessToken"]
    session = recorder.events[-1]["request"]["session"]
    assert [one["challengeName"] for one in session] == [
        "DEVICE_SRP_AUTH",
        "DEVICE_PASSWORD_VERIFIER",
    ]


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_an_unknown_device_tells_nothing_before_the_answer_is_right(idp, app, phone, name):
    phone.key = phone.key[:-1] + ("0" if phone.key[-1] != "0" else "1")
    sign_in = CustomSignIn(idp, app, name)
    assert begin(sign_in, phone)["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert sign_in.answer("four")["ChallengeName"] == "CUSTOM_CHALLENGE"
    error = "ResourceNotFoundException" if name == "ana" else "NotAuthorizedException"
    refused(idp, error, sign_in.answer)


def device_first(event):
    """Ask for the device before anything else, and for the password behind it."""
    session = event["request"]["session"]
    names = [one["challengeName"] for one in session]
    if "PASSWORD_VERIFIER" in names:
        return {"issueTokens": True}
    named = "PASSWORD_VERIFIER" if "DEVICE_PASSWORD_VERIFIER" in names else "DEVICE_SRP_AUTH"
    return {"challengeName": named}


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_a_named_step_of_an_unknown_device_tells_nothing_and_forgives_nothing(
    idp, app, phone, name
):
    PoolUser.objects.update(failed_passwords=3, password_tried_at=timezone.now())
    script(device_first)
    phone.key = phone.key[:-1] + ("0" if phone.key[-1] != "0" else "1")
    given = {"USERNAME": name, "DEVICE_KEY": phone.key}
    begin = CustomSignIn(idp, app, name).begin
    refused(idp, "InvalidLambdaResponseException", begin, AuthParameters=given)
    assert PoolUser.objects.get().failed_passwords == 3


def test_a_device_that_passed_no_second_factor_does_not_become_one_that_did(idp, app, phone):
    script(after_password)
    sign_in = CustomSignIn(idp, app, password=PASSWORD)
    sign_in.begin()
    sign_in.respond("PASSWORD_VERIFIER", {**sign_in.claim(), "DEVICE_KEY": phone.key})
    issued = sign_in.answer()
    assert issued["ChallengeName"] == "DEVICE_SRP_AUTH"
    assert phone.sign_in(app, issued)["AccessToken"]
    assert not Device.objects.get().passed_factor
    assert not SignInSession.objects.filter(passed_factor=True).exists()


@pytest.mark.parametrize("passed_factor", [True, False])
def test_a_device_before_the_password_stands_for_the_factor_that_it_passed(
    idp, app, phone, passed_factor
):
    idp.set_user_pool_mfa_config(
        UserPoolId=app.pool_id,
        MfaConfiguration="ON",
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )
    Device.objects.update(passed_factor=passed_factor)
    script(device_first)
    sign_in = CustomSignIn(idp, app, password=PASSWORD)
    parameters = {"USERNAME": "ana", "SRP_A": f"{sign_in.srp.A:x}", "CHALLENGE_NAME": "SRP_A"}
    issued = sign_in.begin(AuthParameters={**parameters, "DEVICE_KEY": phone.key})
    asked = phone.ask(app, issued)
    sign_in.issued = phone.prove(app, phone.claim(asked))
    assert sign_in.issued["ChallengeName"] == "PASSWORD_VERIFIER"
    done = sign_in.respond("PASSWORD_VERIFIER", {**sign_in.claim(), "DEVICE_KEY": phone.key})
    if passed_factor:
        assert done["AuthenticationResult"]
    else:
        assert done["ChallengeName"] == "MFA_SETUP"
