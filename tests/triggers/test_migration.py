"""The user migration trigger: people taken over from another directory."""

import pytest
import time_machine
from botocore.exceptions import ClientError
from django.utils import timezone

from tests.calls import refused
from tests.triggers import recorder
from triggers.models import Function, Invocation, Outcome, functions
from userpools.models import PoolUser
from userpools.models.lockout import FREE_ATTEMPTS

PASSWORD = "legacy"
SIGN_IN = "UserMigration_Authentication"
RECOVERY = "UserMigration_ForgotPassword"
ANA = {"email": "ana@example.com", "email_verified": "true"}
RETURNED = {"userAttributes": ANA, "finalUserStatus": "CONFIRMED", "messageAction": "SUPPRESS"}


@pytest.fixture
def taking_over(pool, client, wire):
    wire(pool, "UserMigration", "PreAuthentication", "PreSignUp", "PostConfirmation")
    return client


@pytest.fixture
def hiding(pool, make_client, taking_over):
    return make_client(pool, PreventUserExistenceErrors="ENABLED")


def initiate(idp, client, username="ana", password=PASSWORD, **members):
    return idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": username, "PASSWORD": password},
        **members,
    )


def outcome_of(idp, client, username="ana"):
    """What a sign-in that is refused is told."""
    with pytest.raises(ClientError) as caught:
        initiate(idp, client, username)
    return caught.value.response["Error"]["Message"]


def forgot(idp, client, username="ana", **members):
    return idp.forgot_password(ClientId=client.client_id, Username=username, **members)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"userAttributes": {}},
        {"userAttributes": {"email": "no address"}},
        {"userAttributes": {"custom:unheard": "of"}},
        {"userAttributes": {**ANA, "username": "somebody-else"}},
    ],
)
def test_an_answer_of_no_use_is_an_unknown_user(idp, taking_over, hiding, answer):
    recorder.answers[SIGN_IN] = answer
    message = refused(idp, "UserNotFoundException", lambda: initiate(idp, taking_over))
    assert message == f"Exception migrating user in app client {taking_over.client_id}"
    message = refused(idp, "NotAuthorizedException", lambda: initiate(idp, hiding))
    assert message == "Incorrect username or password."
    assert not PoolUser.objects.exists()


def test_an_error_of_the_function_is_told(idp, taking_over):
    recorder.answers[SIGN_IN] = ValueError("Bad password")
    message = refused(idp, "UserLambdaValidationException", lambda: initiate(idp, taking_over))
    assert message == "UserMigration failed with error Bad password."


@pytest.mark.parametrize("answer", [recorder.Whole(None), {"userAttributes": "ana"}])
def test_an_unreadable_answer_is_an_unknown_user(idp, taking_over, hiding, answer):
    recorder.answers[SIGN_IN] = recorder.answers[RECOVERY] = answer
    message = refused(idp, "UserNotFoundException", lambda: initiate(idp, taking_over))
    assert message == f"Exception migrating user in app client {taking_over.client_id}"
    message = refused(idp, "NotAuthorizedException", lambda: initiate(idp, hiding))
    assert message == "Incorrect username or password."
    refused(idp, "UserNotFoundException", lambda: forgot(idp, taking_over))
    assert forgot(idp, hiding)["CodeDeliveryDetails"]


def test_a_missing_function_leaves_users_unknown(idp, pool, taking_over, hiding):
    Function.objects.update(enabled=False)
    functions.clear()
    idp.update_user_pool(
        UserPoolId=pool.id,
        LambdaConfig={"UserMigration": Function.objects.get().arn},
    )
    message = refused(idp, "UserNotFoundException", lambda: initiate(idp, taking_over))
    assert message == f"Exception migrating user in app client {taking_over.client_id}"
    message = refused(idp, "NotAuthorizedException", lambda: initiate(idp, hiding))
    assert message == "Incorrect username or password."
    assert Invocation.objects.filter(outcome=Outcome.UNAVAILABLE).count() == 2


@pytest.mark.parametrize("answer", [{}, ValueError("Bad password")])
def test_guesses_at_the_other_directory_are_counted(idp, taking_over, hiding, answer):
    recorder.answers[SIGN_IN] = answer
    clients = [taking_over, hiding] * 10
    with time_machine.travel(timezone.now(), tick=False) as clock:
        said = [outcome_of(idp, client) for client in clients]
        assert recorder.sources().count(SIGN_IN) == FREE_ATTEMPTS
        assert said[FREE_ATTEMPTS:] == ["Password attempts exceeded"] * (20 - FREE_ATTEMPTS)
        # Other names are others' guesses, and the right password is taken once the lock is over.
        recorder.answers[SIGN_IN] = RETURNED
        assert initiate(idp, taking_over, "bob")["AuthenticationResult"]
        clock.shift(2)
        assert initiate(idp, taking_over)["AuthenticationResult"]


def test_a_known_and_an_unknown_user_are_locked_alike(idp, pool, taking_over, hiding, make_user):
    make_user(pool, "bob")
    with time_machine.travel(timezone.now(), tick=False):
        known = [outcome_of(idp, hiding, "bob") for _ in range(8)]
        unknown = [outcome_of(idp, hiding) for _ in range(8)]
    assert known == unknown
    assert "Password attempts exceeded" in known


def test_an_alias_of_somebody_else_s_stays_theirs(idp, make_pool, make_client, make_user, wire):
    pool = make_pool(AliasAttributes=["email"])
    client = make_client(pool)
    make_user(pool, "bob", **ANA)
    wire(pool, "UserMigration")
    recorder.answers[SIGN_IN] = RETURNED
    refused(idp, "UserNotFoundException", lambda: initiate(idp, client))
    recorder.answers[SIGN_IN] = {**RETURNED, "forceAliasCreation": True}
    assert initiate(idp, client)["AuthenticationResult"]


def test_srp_takes_nobody_over(idp, taking_over):
    refused(
        idp,
        "UserNotFoundException",
        lambda: idp.initiate_auth(
            ClientId=taking_over.client_id,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": "ana", "SRP_A": "ab" * 300},
        ),
    )
    assert recorder.events == []


def test_a_known_user_is_not_asked_for(idp, pool, taking_over, make_user):
    make_user(pool, "ana")
    recorder.events.clear()
    refused(idp, "NotAuthorizedException", lambda: initiate(idp, taking_over))
    assert recorder.sources() == ["PreAuthentication_Authentication"]


def test_a_user_is_taken_over_and_signed_in(idp, pool, taking_over):
    recorder.answers[SIGN_IN] = RETURNED
    assert initiate(idp, taking_over, ClientMetadata={"from": "app"})["AuthenticationResult"]
    assert recorder.sources() == [SIGN_IN, "PreAuthentication_Authentication"]
    asked, then = recorder.events
    assert asked["userName"] == "ana"
    assert asked["request"] == {
        "password": PASSWORD,
        "validationData": {"from": "app"},
        "clientMetadata": None,
    }
    assert set(asked["response"].values()) == {None}
    assert then["request"]["userNotFound"] is False
    user = idp.admin_get_user(UserPoolId=pool.id, Username="ana")
    assert user["UserStatus"] == "CONFIRMED"
    assert {"Name": "email_verified", "Value": "true"} in user["UserAttributes"]
    recorder.events.clear()
    assert initiate(idp, taking_over)["AuthenticationResult"]
    assert SIGN_IN not in recorder.sources()


def test_a_server_takes_users_over_too(idp, pool, taking_over):
    recorder.answers[SIGN_IN] = RETURNED
    made = idp.admin_initiate_auth(
        UserPoolId=pool.id,
        ClientId=taking_over.client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ana", "PASSWORD": PASSWORD},
    )
    assert made["AuthenticationResult"]


@pytest.mark.parametrize("status", [None, "RESET_REQUIRED"])
def test_a_user_who_is_not_confirmed_has_to_reset(idp, taking_over, hiding, status):
    recorder.answers[SIGN_IN] = {**RETURNED, "finalUserStatus": status}
    for client in (hiding, taking_over):
        refused(idp, "PasswordResetRequiredException", lambda: initiate(idp, client))  # noqa: B023
    assert PoolUser.objects.get().status == "RESET_REQUIRED"


def test_a_sign_in_that_takes_somebody_over_asks_for_the_code_that_the_function_wants(
    idp, pool, taking_over
):
    idp.set_user_pool_mfa_config(
        UserPoolId=pool.id,
        MfaConfiguration="OPTIONAL",
        SmsMfaConfiguration={"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::1:role/sms"}},
    )
    attributes = {**ANA, "phone_number": "+15550001234"}
    recorder.answers[SIGN_IN] = {
        **RETURNED, "userAttributes": attributes, "enableSMSMFA": True,
    }  # fmt: skip
    assert initiate(idp, taking_over)["ChallengeName"] == "SMS_MFA"


def test_an_alias_brings_the_user_of_that_name(idp, make_pool, make_client, wire):
    pool = make_pool(AliasAttributes=["email"])
    client = make_client(pool)
    wire(pool, "UserMigration")
    recorder.answers[SIGN_IN] = {**RETURNED, "userAttributes": {**ANA, "username": "ana"}}
    assert initiate(idp, client, "ana@example.com")["AuthenticationResult"]
    assert PoolUser.objects.get().username == "ana"


def test_an_address_is_the_name_where_people_sign_in_with_theirs(idp, make_pool, make_client, wire):
    pool = make_pool(UsernameAttributes=["email"])
    client = make_client(pool)
    wire(pool, "UserMigration")
    recorder.answers[SIGN_IN] = {
        **RETURNED,
        "userAttributes": {"email_verified": "true", "username": "ana@example.com"},
    }
    assert initiate(idp, client, "ana@example.com")["AuthenticationResult"]
    user = PoolUser.objects.get()
    assert user.username == str(user.sub)
    assert user.attributes == {"email": "ana@example.com", "email_verified": "true"}


def test_a_lost_password_needs_a_verified_contact(idp, taking_over, hiding):
    recorder.answers[RECOVERY] = {"userAttributes": {"email": "ana@example.com"}}
    refused(idp, "UserNotFoundException", lambda: forgot(idp, taking_over))
    assert forgot(idp, hiding)["CodeDeliveryDetails"]
    assert not PoolUser.objects.exists()


def test_a_lost_password_is_reset_by_a_code(idp, taking_over, sent):
    recorder.answers[RECOVERY] = {"userAttributes": ANA, "messageAction": "SUPPRESS"}
    forgot(idp, taking_over, ClientMetadata={"from": "app"})
    assert recorder.sources() == [RECOVERY]
    assert recorder.events[0]["request"] == {
        "validationData": None,
        "clientMetadata": {"from": "app"},
    }
    idp.confirm_forgot_password(
        ClientId=taking_over.client_id,
        Username="ana",
        ConfirmationCode=sent()[-1]["code"],
        Password="Correct-Horse-9",
    )
    assert initiate(idp, taking_over, password="Correct-Horse-9")["AuthenticationResult"]


# Welcome messages and second factors

PHONE = {"phone_number": "+15550001234", "phone_number_verified": "true"}
BOTH = {**ANA, **PHONE}
UNSUPPRESSED = {"userAttributes": BOTH, "finalUserStatus": "CONFIRMED"}
SMS = {
    "SmsMfaConfiguration": {
        "SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}
    }
}


@pytest.mark.parametrize(
    ("answer", "mediums"),
    [
        ({}, ["SMS"]),
        ({"desiredDeliveryMediums": ["EMAIL"]}, ["EMAIL"]),
        ({"desiredDeliveryMediums": ["SMS", "EMAIL", "SMS"]}, ["EMAIL", "SMS"]),
        ({"desiredDeliveryMediums": []}, []),
        ({"messageAction": "SUPPRESS", "desiredDeliveryMediums": ["EMAIL"]}, []),
        ({"userAttributes": ANA}, []),
        ({"userAttributes": PHONE, "desiredDeliveryMediums": ["EMAIL"]}, []),
    ],
)
def test_a_user_who_was_taken_over_is_welcomed(idp, taking_over, sent, answer, mediums):
    recorder.answers[SIGN_IN] = {**UNSUPPRESSED, **answer}
    assert initiate(idp, taking_over)["AuthenticationResult"]
    messages = sent()
    assert sorted(each["medium"] for each in messages) == mediums
    assert {each["kind"] for each in messages} <= {"invitation"}


def test_a_welcome_tells_no_password(idp, taking_over, sent):
    recorder.answers[SIGN_IN] = UNSUPPRESSED
    initiate(idp, taking_over)
    (message,) = sent()
    assert message["body"] == "Your username is ana and temporary password is ********."
    assert PASSWORD not in str(message)


def test_a_welcome_is_sent_once(idp, taking_over, sent):
    recorder.answers[SIGN_IN] = UNSUPPRESSED
    initiate(idp, taking_over)
    initiate(idp, taking_over)
    assert len(sent()) == 1


def test_a_welcome_is_worded_by_the_function(idp, pool, client, wire, sent):
    wire(pool, "UserMigration", "CustomMessage")
    recorder.answers[SIGN_IN] = UNSUPPRESSED
    words = "CustomMessage_AdminCreateUser"
    recorder.answers[words] = {"smsMessage": "Hello {username}, {####}"}
    initiate(idp, client)
    assert sent()[-1]["body"] == "Hello ana, ********"
    assert recorder.sources() == [SIGN_IN, words]
    request = recorder.events[1]["request"]
    assert request["userAttributes"]["cognito:user_status"] == "CONFIRMED"
    assert request["userAttributes"]["phone_number"] == "+15550001234"


def test_a_welcome_that_is_not_worded_takes_nobody_over(idp, pool, client, wire):
    wire(pool, "UserMigration", "CustomMessage")
    recorder.answers[SIGN_IN] = UNSUPPRESSED
    recorder.answers["CustomMessage_AdminCreateUser"] = ValueError("no words")
    refused(idp, "UserLambdaValidationException", lambda: initiate(idp, client))
    assert not PoolUser.objects.exists()


def test_a_welcome_that_cannot_go_keeps_nobody_out(idp, taking_over, settings, sent):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "SMS_BACKEND": "userpools.messaging.sms.NoSms"}
    recorder.answers[SIGN_IN] = UNSUPPRESSED
    assert initiate(idp, taking_over)["AuthenticationResult"]
    assert sent() == []


def test_a_lost_password_brings_the_welcome_and_the_code(idp, taking_over, sent):
    recorder.answers[RECOVERY] = {"userAttributes": ANA, "desiredDeliveryMediums": ["EMAIL"]}
    forgot(idp, taking_over)
    assert [each["kind"] for each in sent()] == ["invitation", "reset_password"]


@pytest.mark.parametrize("is_on", [True, False])
def test_a_demanded_factor_needs_a_phone_and_the_pool_s_factor(idp, pool, client, wire, is_on):
    wire(pool, "UserMigration")
    if is_on:
        idp.set_user_pool_mfa_config(UserPoolId=pool.id, MfaConfiguration="OPTIONAL", **SMS)
    attributes = ANA if is_on else BOTH
    recorder.answers[SIGN_IN] = {**RETURNED, "userAttributes": attributes, "enableSMSMFA": True}
    refused(idp, "UserNotFoundException", lambda: initiate(idp, client))
    assert not PoolUser.objects.exists()


@pytest.mark.parametrize("demanded", [True, False, None])
def test_a_demanded_factor_is_asked_for_at_once(idp, pool, client, wire, sent, demanded):
    wire(pool, "UserMigration")
    idp.set_user_pool_mfa_config(UserPoolId=pool.id, MfaConfiguration="OPTIONAL", **SMS)
    recorder.answers[SIGN_IN] = {**RETURNED, "userAttributes": BOTH, "enableSMSMFA": demanded}
    issued = initiate(idp, client)
    user = idp.admin_get_user(UserPoolId=pool.id, Username="ana")
    if not demanded:
        assert issued["AuthenticationResult"]
        assert "UserMFASettingList" not in user
        return
    assert user["UserMFASettingList"] == ["SMS_MFA"]
    assert issued["ChallengeName"] == "SMS_MFA"
    answer = idp.respond_to_auth_challenge(
        ClientId=client.client_id,
        ChallengeName="SMS_MFA",
        Session=issued["Session"],
        ChallengeResponses={"USERNAME": "ana", "SMS_MFA_CODE": sent()[-1]["code"]},
    )
    assert answer["AuthenticationResult"]
