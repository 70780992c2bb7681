"""Custom message and custom sender triggers for the codes of second factors."""

import pytest

from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from tests.triggers import recorder
from triggers import queue
from triggers.models import QueuedEvent
from userpools.models import Message, PoolUser, SignInSession, VerificationCode

METADATA = {"language": "en"}
CONTACTS = {
    "email": "ana@example.com",
    "email_verified": "true",
    "phone_number": "+4915112345678",
    "phone_number_verified": "true",
}
FACTORS = {
    "SMS_MFA": {
        "SmsMfaConfiguration": {
            "SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}
        }
    },
    "EMAIL_OTP": {"EmailMfaConfiguration": {}},
}
PREFERENCES = {"SMS_MFA": "SMSMfaSettings", "EMAIL_OTP": "EmailMfaSettings"}
WORDS = {
    "EMAIL_OTP": {"emailSubject": "For you", "emailMessage": "Yours is {####}, dear"},
    "SMS_MFA": {"smsMessage": "Yours is {####}, dear"},
}
SENDERS = {"SMS_MFA": "CustomSMSSender", "EMAIL_OTP": "CustomEmailSender"}


@pytest.fixture
def wired(idp, pool, make_user, wire):
    """Give the pool functions and factors, and ana the factors as well."""

    def put(*triggers, factors=("EMAIL_OTP",)):
        make_user(pool, "ana", **CONTACTS)
        wire(pool, *triggers)
        members = {name: value for each in factors for name, value in FACTORS[each].items()}
        idp.set_user_pool_mfa_config(UserPoolId=pool.id, MfaConfiguration="OPTIONAL", **members)
        idp.admin_set_user_mfa_preference(
            UserPoolId=pool.id,
            Username="ana",
            **{PREFERENCES[each]: {"Enabled": True} for each in factors},
        )

    return put


def begin(idp, client):
    return idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ana", "PASSWORD": PASSWORD},
        ClientMetadata={"of": "the first call"},
    )


def choose(idp, client, issued, factor):
    return idp.respond_to_auth_challenge(
        ClientId=client.client_id,
        ChallengeName="SELECT_MFA_TYPE",
        Session=issued["Session"],
        ChallengeResponses={"USERNAME": "ana", "ANSWER": factor},
        ClientMetadata=METADATA,
    )


@pytest.mark.parametrize("answer", [ValueError("no words"), {"emailMessage": "no mark"}])
def test_a_code_that_is_not_worded_is_not_sent(idp, client, wired, answer):
    wired("CustomMessage")
    recorder.answers["CustomMessage_Authentication"] = answer
    error = (
        "UserLambdaValidationException"
        if isinstance(answer, Exception)
        else "InvalidLambdaResponseException"
    )
    refused(idp, error, lambda: begin(idp, client))
    assert not VerificationCode.objects.exists()
    assert not Message.objects.exists()
    assert not SignInSession.objects.exists()


@pytest.mark.parametrize("factor", FACTORS)
def test_a_code_is_worded(idp, client, wired, sent, factor):
    wired("CustomMessage", factors=[factor])
    recorder.answers["CustomMessage_Authentication"] = WORDS[factor]
    issued = begin(idp, client)
    assert issued["ChallengeName"] == factor
    (message,) = sent()
    assert message["body"] == f"Yours is {message['code']}, dear"
    (event,) = recorder.events
    assert event["triggerSource"] == "CustomMessage_Authentication"
    assert event["userName"] == "ana"
    assert event["callerContext"]["clientId"] == client.client_id
    assert event["request"] == {
        "userAttributes": {
            "sub": str(PoolUser.objects.get().sub),
            "cognito:user_status": "CONFIRMED",
            **CONTACTS,
        },
        "codeParameter": "{####}",
        "linkParameter": "{##Click Here##}",
        "usernameParameter": None,
        # What InitiateAuth is given goes to no function that words a message.
        "clientMetadata": None,
    }


def test_a_worded_code_signs_in(idp, client, wired, sent):
    wired("CustomMessage")
    issued = begin(idp, client)
    answer = idp.respond_to_auth_challenge(
        ClientId=client.client_id,
        ChallengeName="EMAIL_OTP",
        Session=issued["Session"],
        ChallengeResponses={"USERNAME": "ana", "EMAIL_OTP_CODE": sent()[-1]["code"]},
    )
    assert answer["AuthenticationResult"]["AccessToken"]


def test_the_function_is_told_what_the_answer_to_a_challenge_says(idp, client, wired):
    wired("CustomMessage", factors=FACTORS)
    choose(idp, client, begin(idp, client), "SMS_MFA")
    (event,) = recorder.events
    assert event["request"]["clientMetadata"] == METADATA


def test_a_choice_made_again_has_nothing_worded(idp, client, wired):
    wired("CustomMessage", factors=FACTORS)
    issued = begin(idp, client)
    choose(idp, client, issued, "SMS_MFA")
    refused(idp, "NotAuthorizedException", lambda: choose(idp, client, issued, "SMS_MFA"))
    assert recorder.sources() == ["CustomMessage_Authentication"]
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_choices_in_parallel_send_one_code(idp, client, wired):
    wired("CustomMessage", factors=FACTORS)
    issued = begin(idp, client)
    in_parallel(4, lambda: choose(idp, client, issued, "SMS_MFA"))
    assert Message.objects.count() == 1


# Custom senders


@pytest.mark.parametrize("factor", FACTORS)
def test_a_sender_gets_the_code_and_nothing_else_is_sent(idp, client, wired, sent, factor):
    wired("CustomEmailSender", "CustomSMSSender", "CustomMessage", factors=[factor])
    issued = begin(idp, client)
    assert issued["ChallengeName"] == factor
    assert recorder.events == []
    assert queue.run_due() == 1
    assert sent() == []
    (event,) = recorder.events
    assert event["triggerSource"] == f"{SENDERS[factor]}_Authentication"
    assert event["callerContext"]["clientId"] == client.client_id
    assert event["request"].pop("code")
    assert event["request"] == {
        "type": f"c{SENDERS[factor][1:]}RequestV1",
        "clientMetadata": None,
        "userAttributes": {
            "sub": str(PoolUser.objects.get().sub),
            "cognito:user_status": "CONFIRMED",
            **CONTACTS,
        },
    }


def test_a_sender_of_one_medium_leaves_the_other_to_the_pool(idp, client, wired, sent):
    wired("CustomEmailSender", "CustomMessage", factors=FACTORS)
    recorder.answers["CustomMessage_Authentication"] = WORDS["SMS_MFA"]
    choose(idp, client, begin(idp, client), "SMS_MFA")
    assert recorder.sources() == ["CustomMessage_Authentication"]
    assert sent()[-1]["body"].endswith(", dear")
    assert not QueuedEvent.objects.exists()


def test_a_sender_is_told_what_the_answer_to_a_challenge_says(idp, client, wired):
    wired("CustomSMSSender", factors=FACTORS)
    choose(idp, client, begin(idp, client), "SMS_MFA")
    queue.run_due()
    (event,) = recorder.events
    assert event["request"]["clientMetadata"] == METADATA


def test_a_sender_that_fails_is_nothing_to_the_caller(idp, client, wired):
    wired("CustomEmailSender")
    recorder.answers["CustomEmailSender_Authentication"] = ValueError("down")
    assert begin(idp, client)["ChallengeName"] == "EMAIL_OTP"
    assert queue.run_due() == 0
    assert QueuedEvent.objects.get().attempts == 1
