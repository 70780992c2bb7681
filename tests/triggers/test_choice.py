"""Functions in a choice-based sign-in: which run, when, and with what."""

import pytest

from tests.calls import refused
from tests.triggers import recorder
from tests.userpools.auth.choice import FLOWS, answer, begin, begun_wrongly, factors
from userpools.models import PoolUser, SignInSession, UserPool

pytestmark = pytest.mark.django_db

BEFORE = "PreAuthentication_Authentication"
AFTER = "PostAuthentication_Authentication"
TOKENS = "TokenGeneration_Authentication"
EVERYTHING = (
    "PreAuthentication",
    "PostAuthentication",
    "PreTokenGeneration",
    "PostConfirmation",
    "UserMigration",
)


@pytest.fixture
def wired(make_pool, make_client, make_user, wire):
    """A client whose pool has functions, a code by e-mail as first factor, and ana."""

    def make(*triggers, **members):
        pool = make_pool(**factors("PASSWORD", "EMAIL_OTP"))
        make_user(pool, "ana", email="ana@example.com", email_verified="true")
        kept = factors("PASSWORD", "EMAIL_OTP")
        wire(pool, *(triggers or EVERYTHING), **kept)
        return make_client(UserPool.objects.get(id=pool.id), ExplicitAuthFlows=FLOWS, **members)

    return make


def test_a_refusal_stops_it_before_anything_is_sent(idp, wired, sent):
    client = wired()
    recorder.answers[BEFORE] = ValueError("not today")
    begun_wrongly(idp, "UserLambdaValidationException", client, PREFERRED_CHALLENGE="EMAIL_OTP")
    assert recorder.sources() == [BEFORE]
    assert not sent()


def test_a_failure_at_the_end_gives_no_tokens(idp, wired, sent):
    client = wired()
    issued = begin(idp, client, PREFERRED_CHALLENGE="EMAIL_OTP")
    recorder.answers[AFTER] = ValueError("closed")
    refused(
        idp,
        "UserLambdaValidationException",
        lambda: answer(idp, client, issued, EMAIL_OTP_CODE=sent()[0]["code"]),
    )
    assert not SignInSession.objects.exists()


@pytest.mark.parametrize("chosen", [True, False])
def test_each_runs_once_and_in_order(idp, wired, sent, chosen):
    client = wired()
    PoolUser.objects.update(status="UNCONFIRMED")
    issued = begin(idp, client, **({} if chosen else {"PREFERRED_CHALLENGE": "EMAIL_OTP"}))
    if chosen:
        issued = answer(idp, client, issued, ANSWER="EMAIL_OTP")
    assert recorder.sources() == [BEFORE]
    answer(idp, client, issued, EMAIL_OTP_CODE=sent()[0]["code"])
    # The code confirms the account, and no function is told so.
    assert recorder.sources() == [BEFORE, AFTER, TOKENS]
    after = recorder.events[1]["request"]["userAttributes"]
    assert after["cognito:user_status"] == "CONFIRMED"


def test_unknown_names_are_told_where_the_client_hides_them(idp, wired):
    client = wired(PreventUserExistenceErrors="ENABLED")
    begin(idp, client, "nobody", PREFERRED_CHALLENGE="EMAIL_OTP")
    assert recorder.sources() == [BEFORE]
    assert recorder.events[0]["request"]["userNotFound"] is True


def test_a_password_that_comes_along_takes_a_user_over(idp, wired):
    client = wired()
    recorder.answers["UserMigration_Authentication"] = {
        "userAttributes": {"email": "eva@example.com", "email_verified": "true"},
        "finalUserStatus": "CONFIRMED",
        "messageAction": "SUPPRESS",
    }
    done = begin(idp, client, "eva", PREFERRED_CHALLENGE="PASSWORD", PASSWORD="Correct-Horse-9")
    assert done["AuthenticationResult"]
    assert recorder.sources() == ["UserMigration_Authentication", BEFORE, AFTER, TOKENS]


@pytest.mark.parametrize("preferred", ["EMAIL_OTP", "PASSWORD_SRP", ""])
def test_no_other_factor_takes_a_user_over(idp, wired, preferred):
    client = wired()
    begun_wrongly(
        idp,
        "UserNotFoundException",
        client,
        "eva",
        PREFERRED_CHALLENGE=preferred,
        PASSWORD="Correct-Horse-9",
    )
    assert recorder.events == []


def test_the_message_is_the_function_s(idp, wired, sent):
    client = wired("CustomMessage")
    recorder.answers["CustomMessage_Authentication"] = {
        "emailSubject": "For you",
        "emailMessage": "Yours is {####}, dear",
    }
    issued = begin(idp, client, PREFERRED_CHALLENGE="EMAIL_OTP")
    (message,) = sent()
    assert message["subject"] == "For you"
    assert answer(idp, client, issued, EMAIL_OTP_CODE=message["code"])["AuthenticationResult"]
    recorder.events.clear()
    hiding = wired("CustomMessage", PreventUserExistenceErrors="ENABLED")
    begin(idp, hiding, "nobody", PREFERRED_CHALLENGE="EMAIL_OTP")
    assert recorder.events == []
    assert len(sent()) == 1


def test_whoever_has_just_confirmed_runs_them_as_well(idp, wired, sent):
    client = wired()
    idp.update_user_pool(
        UserPoolId=client.pool_id,
        AutoVerifiedAttributes=["email"],
        LambdaConfig=idp.describe_user_pool(UserPoolId=client.pool_id)["UserPool"]["LambdaConfig"],
    )
    begun = idp.sign_up(
        ClientId=client.client_id,
        Username="eva",
        UserAttributes=[{"Name": "email", "Value": "eva@example.com"}],
    )
    session = idp.confirm_sign_up(
        ClientId=client.client_id,
        Username="eva",
        ConfirmationCode=sent()[0]["code"],
        Session=begun["Session"],
    )["Session"]
    recorder.events.clear()
    done = idp.initiate_auth(
        ClientId=client.client_id, AuthFlow="USER_AUTH", Session=session, AuthParameters={}
    )
    assert done["AuthenticationResult"]
    assert recorder.sources() == [BEFORE, AFTER, TOKENS]
