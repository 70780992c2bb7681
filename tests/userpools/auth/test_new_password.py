"""NEW_PASSWORD_REQUIRED through boto3."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tests.conftest import PASSWORD
from userpools.models import PoolUser, UserPool

pytestmark = pytest.mark.django_db
TEMPORARY = "Temporary-Horse-1"


@pytest.fixture
def invited(idp, pool):
    idp.admin_create_user(
        UserPoolId=pool.id,
        Username="eva",
        TemporaryPassword=TEMPORARY,
        MessageAction="SUPPRESS",
        UserAttributes=[
            {"Name": "email", "Value": "eva@example.com"},
            {"Name": "email_verified", "Value": "true"},
        ],
    )
    return "eva"


def begin(idp, client, name="eva"):
    return idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": TEMPORARY},
    )


def respond(idp, client, session, name="eva", **responses):
    responses = {key.replace("__", "."): value for key, value in responses.items()}
    return idp.respond_to_auth_challenge(
        ClientId=client.client_id,
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=session,
        ChallengeResponses={"USERNAME": name, **responses},
    )


def refused(idp, error, *args, **kwargs):
    with pytest.raises(getattr(idp.exceptions, error)) as caught:
        respond(idp, *args, **kwargs)
    return caught.value.response["Error"]["Message"]


def test_the_challenge_shows_what_is_there_and_what_is_missing(idp, client, invited):
    answer = begin(idp, client)
    assert answer["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    parameters = answer["ChallengeParameters"]
    assert parameters["USER_ID_FOR_SRP"] == "eva"
    assert json.loads(parameters["requiredAttributes"]) == []
    assert json.loads(parameters["userAttributes"]) == {
        "email": "eva@example.com",
        "email_verified": "true",
    }
    assert 20 <= len(answer["Session"]) <= 4096
    assert not answer["Session"].startswith("-")


def test_a_password_outside_the_policy_leaves_the_session_usable(idp, client, invited):
    session = begin(idp, client)["Session"]
    said = refused(idp, "InvalidPasswordException", client, session, NEW_PASSWORD="short1A!"[:6])
    assert said == "Password did not conform with policy: Password not long enough"
    assert respond(idp, client, session, NEW_PASSWORD=PASSWORD)["AuthenticationResult"]


def test_a_missing_password_is_named(idp, client, invited):
    session = begin(idp, client)["Session"]
    assert refused(idp, "InvalidParameterException", client, session) == (
        "Missing required parameter NEW_PASSWORD"
    )


def test_the_new_password_counts_from_then_on_and_the_session_only_once(
    idp, client, invited, sign_in
):
    session = begin(idp, client)["Session"]
    assert respond(idp, client, session, NEW_PASSWORD=PASSWORD)["AuthenticationResult"]
    assert PoolUser.objects.get().status == "CONFIRMED"
    assert sign_in(client, "eva")["AccessToken"]
    said = refused(idp, "NotAuthorizedException", client, session, NEW_PASSWORD="Another-Horse-2")
    assert said == "Invalid session for the user, session can only be used once."
    assert sign_in(client, "eva")["AccessToken"]


def test_an_expired_session_is_told_apart(idp, client, invited):
    session = begin(idp, client)["Session"]
    with time_machine.travel(timezone.now() + timedelta(minutes=3, seconds=2)):
        said = refused(idp, "NotAuthorizedException", client, session, NEW_PASSWORD=PASSWORD)
    assert said == "Invalid session for the user, session is expired."


def test_a_session_of_another_client_or_broken_is_refused(idp, pool, client, invited, make_client):
    session = begin(idp, client)["Session"]
    broken = session[:-3] + ("AAA" if not session.endswith("AAA") else "BBB")
    other = make_client(pool)
    for held_by, given in ((other, session), (client, broken), (client, "x" * 40)):
        said = refused(idp, "NotAuthorizedException", held_by, given, NEW_PASSWORD=PASSWORD)
        assert said == "Invalid session for the user."


def test_a_session_of_another_user_is_refused(idp, pool, client, invited, user):
    session = begin(idp, client)["Session"]
    said = refused(
        idp, "NotAuthorizedException", client, session, name="ana", NEW_PASSWORD="Stolen-Horse-3"
    )
    assert said == "Invalid session for the user."


def test_a_wrong_challenge_name_is_refused(idp, client, invited):
    session = begin(idp, client)["Session"]
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        idp.respond_to_auth_challenge(
            ClientId=client.client_id,
            ChallengeName="SOFTWARE_TOKEN_MFA",
            Session=session,
            ChallengeResponses={"USERNAME": "eva", "SOFTWARE_TOKEN_MFA_CODE": "123456"},
        )


def test_disabling_the_user_kills_the_session(idp, pool, client, invited):
    session = begin(idp, client)["Session"]
    idp.admin_disable_user(UserPoolId=pool.id, Username="eva")
    idp.admin_enable_user(UserPoolId=pool.id, Username="eva")
    said = refused(idp, "NotAuthorizedException", client, session, NEW_PASSWORD=PASSWORD)
    assert said == "Invalid session for the user."


def test_required_attributes_are_asked_for_and_given_ones_kept(idp, make_client):
    made = idp.create_user_pool(
        PoolName="strict",
        Schema=[{"Name": "email", "Required": True}, {"Name": "name", "Required": True}],
    )["UserPool"]
    client = make_client(UserPool.objects.get(id=made["Id"]))
    idp.admin_create_user(
        UserPoolId=made["Id"],
        Username="eva",
        TemporaryPassword=TEMPORARY,
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": "email", "Value": "eva@example.com"}],
    )
    answer = begin(idp, client)
    assert json.loads(answer["ChallengeParameters"]["requiredAttributes"]) == [
        "userAttributes.name"
    ]
    session = answer["Session"]
    said = refused(idp, "InvalidParameterException", client, session, NEW_PASSWORD=PASSWORD)
    assert said == "Invalid attributes given, name is missing"
    said = refused(
        idp,
        "NotAuthorizedException",
        client,
        session,
        NEW_PASSWORD=PASSWORD,
        userAttributes__name="Eva",
        userAttributes__email="else@example.com",
    )
    assert said == "Cannot modify an already provided email"
    assert respond(idp, client, session, NEW_PASSWORD=PASSWORD, userAttributes__name="Eva")[
        "AuthenticationResult"
    ]
    assert PoolUser.objects.get().attributes == {
        "email": "eva@example.com",
        "email_verified": "false",
        "name": "Eva",
    }


def test_srp_leads_to_the_challenge_and_its_block_is_spent(idp, client, invited, srp_sign_in):
    attempt = srp_sign_in(client, "eva", TEMPORARY)
    attempt.start()
    responses = attempt.responses()
    answer = attempt.respond(responses)
    assert answer["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    with pytest.raises(idp.exceptions.NotAuthorizedException, match="only be used once"):
        attempt.respond(responses)
    assert respond(idp, client, answer["Session"], NEW_PASSWORD=PASSWORD)["AuthenticationResult"]
