"""Pre sign-up and post confirmation triggers: what they get, decide and stop."""

import pytest

from tests.calls import refused
from tests.triggers import recorder
from userpools.models import PoolUser

PASSWORD = "Correct-Horse-9"
BEFORE = "PreSignUp_SignUp"
INVITED = "PreSignUp_AdminCreateUser"
AFTER = "PostConfirmation_ConfirmSignUp"
RECOVERED = "PostConfirmation_ConfirmForgotPassword"
VERIFIES = {"AutoVerifiedAttributes": ["email"]}


@pytest.fixture
def both(pool, client, wire):
    wire(pool, "PreSignUp", "PostConfirmation", **VERIFIES)


def sign_up(idp, client, username="ana", email="ana@example.com", **members):
    attributes = [{"Name": "email", "Value": email}] if email else []
    return idp.sign_up(
        ClientId=client.client_id,
        Username=username,
        Password=PASSWORD,
        UserAttributes=attributes,
        **members,
    )


def test_a_refusal_makes_no_account(idp, client, both):
    recorder.answers[BEFORE] = ValueError("invitation only")
    message = refused(idp, "UserLambdaValidationException", lambda: sign_up(idp, client))
    assert message == "PreSignUp failed with error invitation only."
    assert not PoolUser.objects.exists()


@pytest.mark.parametrize("member", ["autoVerifyEmail", "autoVerifyPhone"])
def test_what_is_not_there_is_not_verified(idp, client, both, member):
    recorder.answers[BEFORE] = {member: True}
    refused(idp, "InvalidParameterException", lambda: sign_up(idp, client, email=""))
    assert not PoolUser.objects.exists()


def test_a_password_against_the_policy_runs_nothing(idp, client, both):
    refused(
        idp,
        "InvalidPasswordException",
        lambda: idp.sign_up(ClientId=client.client_id, Username="ana", Password="short1"),
    )
    assert recorder.events == []


def test_the_function_gets_what_was_submitted(idp, client, both):
    sign_up(
        idp,
        client,
        ValidationData=[{"Name": "plan", "Value": "free"}],
        ClientMetadata={"campaign": "spring"},
    )
    event = recorder.events[0]
    assert event["userName"] == "ana"
    assert event["request"] == {
        "userAttributes": {"email": "ana@example.com"},
        "validationData": {"plan": "free"},
        "clientMetadata": {"campaign": "spring"},
    }
    assert event["response"] == {
        "autoConfirmUser": False,
        "autoVerifyEmail": False,
        "autoVerifyPhone": False,
    }


def test_a_function_that_returns_its_input_changes_nothing(idp, client, both, sent):
    made = sign_up(idp, client)
    assert made["UserConfirmed"] is False
    assert PoolUser.objects.get().status == "UNCONFIRMED"
    assert recorder.sources() == [BEFORE]
    assert len(sent()) == 1


def test_an_account_confirmed_at_once_needs_no_code(idp, client, both, sent, sign_in):
    recorder.answers[BEFORE] = {"autoConfirmUser": True, "autoVerifyEmail": True}
    made = sign_up(idp, client, ClientMetadata={"campaign": "spring"})
    assert made["UserConfirmed"] is True
    assert "CodeDeliveryDetails" not in made
    assert sent() == []
    assert recorder.sources() == [BEFORE, AFTER]
    assert recorder.events[1]["request"] == {
        "userAttributes": {
            "sub": made["UserSub"],
            "cognito:user_status": "CONFIRMED",
            "email": "ana@example.com",
            "email_verified": "true",
        },
        "clientMetadata": {"campaign": "spring"},
    }
    assert sign_in(client)["AccessToken"]


def test_an_alias_of_somebody_else_s_is_not_verified(idp, make_pool, make_client, make_user, wire):
    pool = make_pool(AliasAttributes=["email"])
    make_user(pool, "bob", email="ana@example.com", email_verified="true")
    client = make_client(pool)
    wire(pool, "PreSignUp")
    recorder.answers[BEFORE] = {"autoVerifyEmail": True}
    refused(idp, "UsernameExistsException", lambda: sign_up(idp, client))
    assert PoolUser.objects.count() == 1


def test_pools_of_addresses_name_the_user_to_be(idp, make_pool, make_client, wire):
    pool = make_pool(UsernameAttributes=["email"])
    client = make_client(pool)
    wire(pool, "PreSignUp")
    made = sign_up(idp, client, "ana@example.com", email="")
    assert recorder.events[0]["userName"] == made["UserSub"]
    assert recorder.events[0]["request"]["userAttributes"] == {"email": "ana@example.com"}


def test_an_account_stays_confirmed_when_the_function_fails(idp, pool, client, both, sent):
    sign_up(idp, client)
    recorder.answers[AFTER] = ValueError("mail is down")

    def confirm():
        idp.confirm_sign_up(
            ClientId=client.client_id,
            Username="ana",
            ConfirmationCode=sent()[-1]["code"],
            ClientMetadata={"campaign": "spring"},
        )

    message = refused(idp, "UserLambdaValidationException", confirm)
    assert message == "PostConfirmation failed with error mail is down."
    assert idp.admin_get_user(UserPoolId=pool.id, Username="ana")["UserStatus"] == "CONFIRMED"
    request = recorder.events[-1]["request"]
    assert request["clientMetadata"] == {"campaign": "spring"}
    assert request["userAttributes"]["cognito:user_status"] == "CONFIRMED"
    assert request["userAttributes"]["email_verified"] == "true"


def test_a_wrong_code_runs_nothing(idp, client, both):
    sign_up(idp, client)
    recorder.events.clear()
    refused(
        idp,
        "CodeMismatchException",
        lambda: idp.confirm_sign_up(
            ClientId=client.client_id, Username="ana", ConfirmationCode="000"
        ),
    )
    assert recorder.events == []


def test_an_administrator_s_confirmation_runs_it_without_a_client(idp, pool, client, both):
    sign_up(idp, client)
    idp.admin_confirm_sign_up(
        UserPoolId=pool.id, Username="ana", ClientMetadata={"by": "administrator"}
    )
    event = recorder.events[-1]
    assert event["triggerSource"] == AFTER
    assert event["callerContext"]["clientId"] == "CLIENT_ID_NOT_APPLICABLE"
    assert event["request"]["clientMetadata"] == {"by": "administrator"}
    assert event["request"]["userAttributes"]["cognito:user_status"] == "CONFIRMED"


def test_a_password_set_by_code_runs_it(idp, pool, client, make_user, both, sent):
    make_user(pool, "ana", email="ana@example.com", email_verified="true")
    recorder.events.clear()
    idp.forgot_password(ClientId=client.client_id, Username="ana")
    idp.confirm_forgot_password(
        ClientId=client.client_id,
        Username="ana",
        ConfirmationCode=sent()[-1]["code"],
        Password="Another-Horse-9",
        ClientMetadata={"from": "recovery"},
    )
    assert recorder.sources() == [RECOVERED]
    assert recorder.events[0]["request"]["clientMetadata"] == {"from": "recovery"}


def invite(idp, pool, **members):
    return idp.admin_create_user(
        UserPoolId=pool.id,
        Username="bob",
        UserAttributes=[{"Name": "email", "Value": "bob@example.com"}],
        MessageAction="SUPPRESS",
        **members,
    )["User"]


def test_an_administrator_s_user_may_be_refused(idp, pool, both):
    recorder.answers[INVITED] = ValueError("full")
    refused(idp, "UserLambdaValidationException", lambda: invite(idp, pool))
    assert not PoolUser.objects.exists()


def test_an_administrator_s_user_is_verified_but_never_confirmed(idp, pool, both):
    recorder.answers[INVITED] = {"autoConfirmUser": True, "autoVerifyEmail": True}
    made = invite(
        idp,
        pool,
        ValidationData=[{"Name": "plan", "Value": "free"}],
        ClientMetadata={"by": "administrator"},
    )
    assert made["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    assert {"Name": "email_verified", "Value": "true"} in made["Attributes"]
    assert recorder.sources() == [INVITED]
    assert recorder.events[0]["callerContext"]["clientId"] == "CLIENT_ID_NOT_APPLICABLE"
    assert recorder.events[0]["request"] == {
        "userAttributes": {"email": "bob@example.com"},
        "validationData": {"plan": "free"},
        "clientMetadata": {"by": "administrator"},
    }
