"""Pre and post authentication triggers: when they run, what they get, and what they stop."""

import pytest

from tests.calls import refused
from tests.triggers import recorder
from tests.userpools.auth.phone import Phone
from userpools.models import Device, PoolUser, SignInSession

PASSWORD = "Correct-Horse-9"
BEFORE = "PreAuthentication_Authentication"
AFTER = "PostAuthentication_Authentication"


@pytest.fixture
def both(pool, client, user, wire):
    wire(pool, "PreAuthentication", "PostAuthentication", "PreTokenGeneration")


@pytest.fixture
def hiding(pool, make_client):
    return make_client(pool, PreventUserExistenceErrors="ENABLED")


def initiate(idp, client, username="ana", password=PASSWORD, DEVICE_KEY=None, **members):  # noqa: N803
    named = {"DEVICE_KEY": DEVICE_KEY} if DEVICE_KEY else {}
    return idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": username, "PASSWORD": password, **named},
        **members,
    )


def test_a_refusal_stops_the_sign_in_and_counts_no_attempt(idp, client, both):
    recorder.answers[BEFORE] = ValueError("not from there")
    message = refused(
        idp, "UserLambdaValidationException", lambda: initiate(idp, client, password="wrong")
    )
    assert message == "PreAuthentication failed with error not from there."
    assert recorder.sources() == [BEFORE]
    assert PoolUser.objects.get().failed_passwords == 0


def test_a_wrong_password_is_seen_by_the_first_function_alone(idp, client, both):
    refused(idp, "NotAuthorizedException", lambda: initiate(idp, client, password="wrong"))
    assert recorder.sources() == [BEFORE]
    assert PoolUser.objects.get().failed_passwords == 1


def test_a_missing_parameter_runs_nothing(idp, client, both):
    refused(idp, "InvalidParameterException", lambda: initiate(idp, client, password=""))
    assert recorder.events == []


def test_unknown_names_are_told_where_the_client_hides_them(idp, hiding, both):
    refused(idp, "NotAuthorizedException", lambda: initiate(idp, hiding, username="nobody"))
    assert recorder.sources() == [BEFORE]
    event = recorder.events[0]
    assert event["userName"] == "nobody"
    assert event["request"] == {
        "userAttributes": {},
        "validationData": None,
        "userNotFound": True,
    }


def test_unknown_names_run_nothing_elsewhere(idp, client, both):
    refused(idp, "UserNotFoundException", lambda: initiate(idp, client, username="nobody"))
    assert recorder.events == []


def test_a_disabled_user_is_refused_after_the_function(idp, pool, client, user, both):
    idp.admin_disable_user(UserPoolId=pool.id, Username=user)
    refused(idp, "NotAuthorizedException", lambda: initiate(idp, client))
    assert recorder.sources() == [BEFORE]


def test_a_failure_at_the_end_gives_no_tokens(idp, client, both):
    recorder.answers[AFTER] = ValueError("closed")
    message = refused(idp, "UserLambdaValidationException", lambda: initiate(idp, client))
    assert message == "PostAuthentication failed with error closed."
    assert recorder.sources() == [BEFORE, AFTER]
    assert not SignInSession.objects.exists()


def test_each_runs_once_and_in_order(idp, client, both):
    initiate(idp, client, ClientMetadata={"from": "initiate"})
    assert recorder.sources() == [BEFORE, AFTER, "TokenGeneration_Authentication"]
    attributes = {
        "sub": str(PoolUser.objects.get().sub),
        "cognito:user_status": "CONFIRMED",
        "email": "ana@example.com",
        "email_verified": "false",
    }
    before, after, _ = recorder.events
    assert before["request"] == {
        "userAttributes": attributes,
        "validationData": {"from": "initiate"},
        "userNotFound": False,
    }
    assert after["request"] == {
        "userAttributes": attributes,
        "clientMetadata": None,
    }


def test_a_challenge_runs_the_first_function_no_second_time(idp, pool, client, both):
    idp.admin_create_user(
        UserPoolId=pool.id,
        Username="bob",
        TemporaryPassword="Temporary-Pass-1",
        MessageAction="SUPPRESS",
    )
    begun = initiate(idp, client, "bob", "Temporary-Pass-1")
    assert recorder.sources() == [BEFORE]
    idp.respond_to_auth_challenge(
        ClientId=client.client_id,
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=begun["Session"],
        ChallengeResponses={"USERNAME": "bob", "NEW_PASSWORD": PASSWORD},
        ClientMetadata={"from": "respond"},
    )
    assert recorder.sources() == [BEFORE, AFTER, "TokenGeneration_NewPasswordChallenge"]
    assert recorder.events[1]["request"]["clientMetadata"] == {"from": "respond"}


def test_srp_runs_them_with_its_two_steps(pool, client, user, idp, both):
    challenge = idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_SRP_AUTH",
        AuthParameters={"USERNAME": user, "SRP_A": "ab" * 300},
    )
    assert challenge["ChallengeName"] == "PASSWORD_VERIFIER"
    assert recorder.sources() == [BEFORE]


# Devices

TRACKED = {"DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True}}


def test_a_device_that_is_new_is_said_where_devices_are_tracked(idp, pool, client, user, wire):
    wire(pool, "PostAuthentication", "PreTokenGeneration", **TRACKED)
    result = initiate(idp, client)["AuthenticationResult"]
    phone = Phone(idp, result["NewDeviceMetadata"])
    phone.confirm(result["AccessToken"])
    initiate(idp, client, DEVICE_KEY=phone.key)
    used = [event["request"] for event in recorder.events if event["triggerSource"] == AFTER]
    assert [each["newDeviceUsed"] for each in used] == [True, False]


def test_a_device_in_place_of_the_second_factor_has_a_source_of_its_own(
    idp, pool, client, user, wire
):
    wire(pool, "PostAuthentication", "PreTokenGeneration", **TRACKED)
    result = initiate(idp, client)["AuthenticationResult"]
    phone = Phone(idp, result["NewDeviceMetadata"])
    phone.confirm(result["AccessToken"])
    Device.objects.update(passed_factor=True)
    PoolUser.objects.update(mfa_methods="EMAIL_OTP")
    idp.set_user_pool_mfa_config(
        UserPoolId=pool.id,
        MfaConfiguration="OPTIONAL",
        EmailMfaConfiguration={"Message": "{####}", "Subject": "Code"},
    )
    recorder.events.clear()
    issued = initiate(idp, client, DEVICE_KEY=phone.key)
    assert recorder.events == []
    phone.sign_in(client, issued)
    assert recorder.sources() == [AFTER, "TokenGeneration_AuthenticateDevice"]
    assert recorder.events[0]["request"]["newDeviceUsed"] is False


def test_a_failure_at_the_end_leaves_the_device_as_it_was(idp, pool, client, user, wire):
    wire(pool, "PostAuthentication", **TRACKED)
    result = initiate(idp, client)["AuthenticationResult"]
    phone = Phone(idp, result["NewDeviceMetadata"])
    phone.confirm(result["AccessToken"])
    used = Device.objects.get().last_authenticated_at
    recorder.answers[AFTER] = ValueError("closed")
    refused(
        idp,
        "UserLambdaValidationException",
        lambda: initiate(idp, client, DEVICE_KEY=phone.key),
    )
    assert Device.objects.get().last_authenticated_at == used
