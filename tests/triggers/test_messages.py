"""Custom message and custom sender triggers: whose words a message has, and who sends it."""

import pytest

from tests.calls import refused
from tests.triggers import recorder
from triggers import queue
from triggers.models import QueuedEvent
from userpools.models import Message, PoolUser, VerificationCode

PASSWORD = "Correct-Horse-9"
WORDS = {"emailSubject": "For you", "emailMessage": "Yours is {####}, dear"}
INVITE = {"emailSubject": "Come in", "emailMessage": "{username}: {####}"}
VERIFIES = {"AutoVerifiedAttributes": ["email"]}
METADATA = {"language": "en"}


@pytest.fixture
def worded(pool, client, wire):
    wire(pool, "CustomMessage", **VERIFIES)


@pytest.fixture
def verified(pool, make_user):
    return make_user(pool, "ana", email="ana@example.com", email_verified="true")


def email(value):
    return [{"Name": "email", "Value": value}]


def sign_up(idp, client, username="ana"):
    return idp.sign_up(
        ClientId=client.client_id,
        Username=username,
        Password=PASSWORD,
        UserAttributes=email("ana@example.com"),
        ClientMetadata=METADATA,
    )


def invite(idp, pool, action=None):
    members = {"MessageAction": action} if action else {"UserAttributes": email("bob@example.com")}
    idp.admin_create_user(
        UserPoolId=pool.id,
        Username="bob",
        DesiredDeliveryMediums=["EMAIL"],
        ClientMetadata=METADATA,
        **members,
    )


def asked(source):
    """Return the request of the one event there was, of this source."""
    assert recorder.sources() == [source]
    return recorder.events[0]["request"]


@pytest.mark.parametrize(
    "answer", [ValueError("no words"), {"emailMessage": "no mark"}, {"emailMessage": 1}]
)
def test_a_sign_up_without_words_makes_no_account(idp, client, worded, answer):
    recorder.answers["CustomMessage_SignUp"] = answer
    error = (
        "UserLambdaValidationException"
        if isinstance(answer, Exception)
        else "InvalidLambdaResponseException"
    )
    refused(idp, error, lambda: sign_up(idp, client))
    assert not PoolUser.objects.exists()
    assert not Message.objects.exists()


def test_a_taken_name_gets_no_words(idp, client, verified, worded):
    refused(idp, "UsernameExistsException", lambda: sign_up(idp, client))
    assert recorder.events == []


def test_a_sign_up_is_worded(idp, client, worded, sent):
    recorder.answers["CustomMessage_SignUp"] = WORDS
    made = sign_up(idp, client)
    message = sent()[-1]
    assert message["subject"] == "For you"
    assert message["body"] == f"Yours is {message['code']}, dear"
    assert recorder.events[0]["userName"] == "ana"
    assert asked("CustomMessage_SignUp") == {
        "userAttributes": {
            "sub": made["UserSub"],
            "cognito:user_status": "UNCONFIRMED",
            "email": "ana@example.com",
            "email_verified": "false",
        },
        "codeParameter": "{####}",
        "linkParameter": "{##Click Here##}",
        "usernameParameter": None,
        "clientMetadata": METADATA,
    }


def test_what_the_answer_leaves_out_is_the_pool_s(idp, client, worded, sent):
    recorder.answers["CustomMessage_SignUp"] = {"emailSubject": "For you"}
    sign_up(idp, client)
    message = sent()[-1]
    assert message["subject"] == "For you"
    assert message["body"] == f"Your confirmation code is {message['code']}"


def test_another_code_is_worded(idp, client, worded, sent):
    sign_up(idp, client)
    recorder.events.clear()
    recorder.answers["CustomMessage_ResendCode"] = WORDS
    idp.resend_confirmation_code(ClientId=client.client_id, Username="ana", ClientMetadata=METADATA)
    assert sent()[-1]["body"].endswith(", dear")
    assert asked("CustomMessage_ResendCode")["clientMetadata"] == METADATA


def test_an_invitation_is_worded_each_time(idp, pool, worded, sent):
    recorder.answers["CustomMessage_AdminCreateUser"] = INVITE
    for action in (None, "RESEND"):
        recorder.events.clear()
        invite(idp, pool, action)
        message = sent()[-1]
        assert message["body"] == f"bob: {message['code']}"
        request = asked("CustomMessage_AdminCreateUser")
        assert request["usernameParameter"] == "{username}"
        assert request["clientMetadata"] == METADATA
        assert request["userAttributes"]["cognito:user_status"] == "FORCE_CHANGE_PASSWORD"
        assert request["userAttributes"]["email"] == "bob@example.com"


def test_a_silent_invitation_needs_no_words(idp, pool, worded):
    idp.admin_create_user(UserPoolId=pool.id, Username="bob", MessageAction="SUPPRESS")
    assert recorder.events == []


def forgot(idp, pool, client):
    idp.forgot_password(ClientId=client.client_id, Username="ana", ClientMetadata=METADATA)


def reset(idp, pool, client):
    idp.admin_reset_user_password(UserPoolId=pool.id, Username="ana", ClientMetadata=METADATA)


@pytest.mark.parametrize("call", [forgot, reset])
def test_a_reset_code_is_worded(idp, pool, client, verified, worded, sent, call):
    recorder.answers["CustomMessage_ForgotPassword"] = WORDS
    call(idp, pool, client)
    assert sent()[-1]["body"].endswith(", dear")
    assert asked("CustomMessage_ForgotPassword")["clientMetadata"] == METADATA


def test_a_reset_that_is_not_worded_does_not_happen(idp, pool, client, verified, worded):
    recorder.answers["CustomMessage_ForgotPassword"] = ValueError("no words")
    refused(idp, "UserLambdaValidationException", lambda: reset(idp, pool, client))
    assert PoolUser.objects.get().status == "CONFIRMED"
    assert not VerificationCode.objects.exists()


@pytest.mark.parametrize("by", ["owner", "administrator"])
def test_a_changed_address_is_worded(idp, pool, client, verified, sign_in, worded, sent, by):
    token = sign_in(client)["AccessToken"]
    recorder.answers["CustomMessage_UpdateUserAttribute"] = WORDS
    members = {"UserAttributes": email("new@example.com"), "ClientMetadata": METADATA}
    if by == "owner":
        idp.update_user_attributes(AccessToken=token, **members)
    else:
        idp.admin_update_user_attributes(UserPoolId=pool.id, Username="ana", **members)
    assert sent()[-1]["body"].endswith(", dear")
    request = asked("CustomMessage_UpdateUserAttribute")
    assert request["userAttributes"]["email"] == "new@example.com"
    assert request["clientMetadata"] == METADATA


def test_an_address_stays_where_its_message_is_not_worded(
    idp, pool, client, verified, sign_in, worded
):
    token = sign_in(client)["AccessToken"]
    recorder.answers["CustomMessage_UpdateUserAttribute"] = ValueError("no words")
    refused(
        idp,
        "UserLambdaValidationException",
        lambda: idp.update_user_attributes(
            AccessToken=token, UserAttributes=email("new@example.com")
        ),
    )
    assert PoolUser.objects.get().attributes["email"] == "ana@example.com"


def test_other_attributes_need_no_words(idp, client, verified, sign_in, worded):
    idp.update_user_attributes(
        AccessToken=sign_in(client)["AccessToken"],
        UserAttributes=[{"Name": "name", "Value": "Ana"}],
    )
    assert recorder.events == []


def test_a_code_for_an_address_is_worded(idp, client, verified, sign_in, worded, sent):
    recorder.answers["CustomMessage_VerifyUserAttribute"] = WORDS
    idp.get_user_attribute_verification_code(
        AccessToken=sign_in(client)["AccessToken"],
        AttributeName="email",
        ClientMetadata=METADATA,
    )
    assert sent()[-1]["body"].endswith(", dear")
    assert asked("CustomMessage_VerifyUserAttribute")["clientMetadata"] == METADATA


# Custom senders


@pytest.fixture
def handed(pool, client, wire):
    wire(pool, "CustomEmailSender", "CustomSMSSender", "CustomMessage", **VERIFIES)


def test_a_sender_gets_the_code_and_nothing_else_is_sent(idp, client, handed, sent):
    made = sign_up(idp, client)
    assert made["CodeDeliveryDetails"]["Destination"] == "a***@e***"
    assert recorder.events == []
    assert queue.run_due() == 1
    assert sent() == []
    assert not Message.objects.exists()
    request = asked("CustomEmailSender_SignUp")
    assert request.pop("code") not in (None, "")
    assert request == {
        "type": "customEmailSenderRequestV1",
        "clientMetadata": METADATA,
        "userAttributes": {
            "sub": made["UserSub"],
            "cognito:user_status": "UNCONFIRMED",
            "email": "ana@example.com",
            "email_verified": "false",
        },
    }


def test_a_sender_that_fails_is_nothing_to_the_caller(idp, client, handed):
    recorder.answers["CustomEmailSender_SignUp"] = ValueError("down")
    sign_up(idp, client)
    assert queue.run_due() == 0
    assert QueuedEvent.objects.get().attempts == 1


def test_what_is_rolled_back_sends_nothing(idp, client, verified, handed):
    refused(idp, "UsernameExistsException", lambda: sign_up(idp, client))
    assert not QueuedEvent.objects.exists()


def test_a_sender_gets_the_address_that_is_to_be_proved(idp, pool, client, verified, sign_in, wire):
    wire(
        pool,
        "CustomEmailSender",
        UserAttributeUpdateSettings={"AttributesRequireVerificationBeforeUpdate": ["email"]},
        **VERIFIES,
    )
    idp.update_user_attributes(
        AccessToken=sign_in(client)["AccessToken"], UserAttributes=email("new@example.com")
    )
    queue.run_due()
    request = asked("CustomEmailSender_UpdateUserAttribute")
    assert request["userAttributes"]["email"] == "new@example.com"
    assert request["clientMetadata"] is None
    assert PoolUser.objects.get().attributes["email"] == "ana@example.com"


@pytest.mark.parametrize("username", ["ana", "nobody"])
def test_a_sender_needs_no_mail_server(idp, pool, make_client, verified, wire, settings, username):
    client = make_client(pool, PreventUserExistenceErrors="ENABLED")
    wire(pool, "CustomEmailSender", "CustomSMSSender", **VERIFIES)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = ""
    details = idp.forgot_password(ClientId=client.client_id, Username=username)
    assert details["CodeDeliveryDetails"]["DeliveryMedium"] in {"EMAIL", "SMS"}
