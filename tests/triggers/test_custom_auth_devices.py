"""Remembered devices in custom sign-ins: at the end, or where DefineAuthChallenge names them."""

import pytest

from tests.calls import refused
from tests.triggers import recorder
from tests.triggers.custom_sign_in import DEFINE, TRIGGERS, CustomSignIn, script
from tests.userpools.auth.phone import Phone
from userpools.models import CustomAuthStep, UserPool

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
