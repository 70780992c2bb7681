"""What an account's history says of sign-ups, codes and passwords."""

import pytest
from django.db import connection

from tests.calls import refused
from tests.conftest import PASSWORD
from userpools.auth.account_events import EventType
from userpools.awsjson.service import cognito_idp
from userpools.models import AuthEvent, PoolUser, UserPool, UserStatus

NEW = "Another-Horse-9"
EMAIL = [{"Name": "email", "Value": "ana@example.com"}]


@pytest.fixture
def verifying(idp, make_client):
    made = idp.create_user_pool(PoolName="people", AutoVerifiedAttributes=["email"])["UserPool"]
    return make_client(UserPool.objects.get(id=made["Id"]))


@pytest.fixture
def hiding(verifying, make_client):
    return make_client(verifying.pool, PreventUserExistenceErrors="ENABLED")


@pytest.fixture
def ana(verifying, make_user):
    make_user(verifying.pool, "ana", email="ana@example.com", email_verified="true")
    return PoolUser.objects.get()


def sign_up(idp, client, name="ana"):
    return idp.sign_up(
        ClientId=client.client_id, Username=name, Password=PASSWORD, UserAttributes=EMAIL
    )


def forgot(idp, client, name="ana"):
    idp.forgot_password(ClientId=client.client_id, Username=name)


def set_by_code(idp, client, digits, name="ana"):
    idp.confirm_forgot_password(
        ClientId=client.client_id, Username=name, ConfirmationCode=digits, Password=NEW
    )


def events():
    """Return kind, outcome and reason of each event there is, the first one first."""
    found = AuthEvent.objects.exclude(event_type="SignIn").order_by("created_at")
    return [(each.event_type, each.outcome, each.reason) for each in found]


def test_kinds_are_those_of_the_service_model():
    known = cognito_idp.model.shape_for("EventType").enum
    assert {*EventType, "SignIn"} == set(known)
    outcomes = cognito_idp.model.shape_for("EventResponseType").enum
    assert {"Pass", "Fail", "InProgress"} == set(outcomes)


# Sign-up


@pytest.mark.parametrize("password", ["too-weak", PASSWORD])
def test_a_refused_sign_up_is_nobody_s_event(idp, verifying, ana, password):
    error = "UsernameExistsException"
    members = {"Username": "ana", "Password": password, "UserAttributes": EMAIL}
    refused(idp, error, idp.sign_up, ClientId=verifying.client_id, **members)
    assert events() == []


@pytest.mark.parametrize("members", [{}, {"AutoVerifiedAttributes": ["email"]},
                                     {"AliasAttributes": ["email"]}])  # fmt: skip
def test_a_sign_up_is_an_event_of_the_new_account(idp, make_pool, make_client, members):
    client = make_client(make_pool(**members))
    made = sign_up(idp, client)
    event = AuthEvent.objects.get()
    assert (event.event_type, event.outcome) == ("SignUp", "Pass")
    assert (str(event.user_sub), event.username) == (made["UserSub"], "ana")
    assert (event.pool_id, event.client_id) == (client.pool_id, client.client_id)
    assert event.ip_address == "127.0.0.1"
    assert event.request_id == made["ResponseMetadata"]["RequestId"]


@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite runs them in turn")
@pytest.mark.django_db(transaction=True)
def test_account_and_event_are_one_statement(idp, client, django_assert_max_num_queries):
    sign_up(idp, client, "first")
    with django_assert_max_num_queries(2) as captured:  # perhaps the client's version, and it
        sign_up(idp, client)
    statement = captured[-1]["sql"]
    assert 'INSERT INTO "userpools_pooluser"' in statement
    assert 'INSERT INTO "userpools_authevent"' in statement


# Codes


def test_another_code_is_an_event(idp, verifying):
    sign_up(idp, verifying)
    idp.resend_confirmation_code(ClientId=verifying.client_id, Username="ana")
    assert events()[1:] == [("ResendCode", "Pass", "")]


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_a_code_that_nobody_gets_is_an_event_all_the_same(idp, hiding, ana, name):
    PoolUser.objects.update(status=UserStatus.UNCONFIRMED, enabled=False)
    idp.resend_confirmation_code(ClientId=hiding.client_id, Username=name)
    event = AuthEvent.objects.get()
    assert (event.event_type, event.outcome, event.username) == ("ResendCode", "Fail", name)
    assert event.user_sub == (ana.sub if name == "ana" else None)


def test_a_code_that_is_refused_leaves_no_event(idp, verifying, ana):
    members = {"ClientId": verifying.client_id, "Username": "ana"}
    refused(idp, "InvalidParameterException", idp.resend_confirmation_code, **members)
    assert events() == []


# Forgotten passwords


def test_a_reset_is_in_progress_until_the_password_is_set(idp, verifying, ana, sent):
    forgot(idp, verifying)
    assert events() == [("ForgotPassword", "InProgress", "")]
    set_by_code(idp, verifying, sent()[-1]["code"])
    assert events()[1:] == [("ForgotPassword", "Pass", "")]
    assert set(AuthEvent.objects.values_list("user_sub", flat=True)) == {ana.sub}


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_wrong_codes_are_failures_of_everybody(idp, hiding, ana, name):
    forgot(idp, hiding, name)
    refused(idp, "CodeMismatchException", lambda: set_by_code(idp, hiding, "000000", name))
    event = AuthEvent.objects.latest("created_at")
    assert (event.outcome, event.reason) == ("Fail", "CodeMismatchException")
    assert (event.username, event.user_sub) == (name, ana.sub if name == "ana" else None)


def test_a_code_used_twice_is_a_failure(idp, verifying, ana, sent):
    forgot(idp, verifying)
    code = sent()[-1]["code"]
    set_by_code(idp, verifying, code)
    refused(idp, "ExpiredCodeException", lambda: set_by_code(idp, verifying, code))
    assert events()[2:] == [("ForgotPassword", "Fail", "ExpiredCodeException")]


def test_a_message_that_cannot_go_leaves_no_event(idp, verifying, ana, settings):
    settings.EMAIL_BACKEND = "userpools.messaging.email.NoEmail"
    refused(idp, "CodeDeliveryFailureException", lambda: forgot(idp, verifying))
    assert events() == []


# Changed passwords


def change(idp, token, previous=PASSWORD):
    idp.change_password(AccessToken=token, PreviousPassword=previous, ProposedPassword=NEW)


def test_a_wrong_password_is_a_failure_that_stays(idp, verifying, ana, sign_in):
    token = sign_in(verifying)["AccessToken"]
    refused(idp, "NotAuthorizedException", lambda: change(idp, token, "Wrong-Horse-9"))
    assert events() == [("PasswordChange", "Fail", "NotAuthorizedException")]


def test_a_changed_password_is_an_event(idp, verifying, ana, sign_in):
    change(idp, sign_in(verifying)["AccessToken"])
    assert events() == [("PasswordChange", "Pass", "")]
    event = AuthEvent.objects.get(event_type="PasswordChange")
    assert (event.user_sub, event.client_id) == (ana.sub, verifying.client_id)


def test_no_event_holds_a_password_or_a_code(idp, verifying, ana, sign_in, sent):
    change(idp, sign_in(verifying)["AccessToken"])
    forgot(idp, verifying)
    written = str(list(AuthEvent.objects.values()))
    for secret in (PASSWORD, NEW, sent()[-1]["code"]):
        assert secret not in written
