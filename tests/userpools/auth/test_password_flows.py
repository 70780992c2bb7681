"""USER_PASSWORD_AUTH and ADMIN_USER_PASSWORD_AUTH through boto3."""

from datetime import timedelta

import jwt
import pytest
import time_machine
from django.utils import timezone

from tests.conftest import PASSWORD
from userpools.models import AuthEvent, PoolUser, SignInSession, UserPool
from userpools.tokens.keys import keys_of

pytestmark = pytest.mark.django_db


def begin(idp, client, flow="USER_PASSWORD_AUTH", **parameters):
    return idp.initiate_auth(ClientId=client.client_id, AuthFlow=flow, AuthParameters=parameters)


def refusal(idp, error, call, *args, **kwargs):
    with pytest.raises(getattr(idp.exceptions, error)) as caught:
        call(*args, **kwargs)
    return caught.value.response["Error"]["Message"]


def test_an_unknown_client_is_refused_before_anything_else(idp, db):
    message = refusal(
        idp,
        "ResourceNotFoundException",
        idp.initiate_auth,
        ClientId="0nobody",
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ana", "PASSWORD": PASSWORD},
    )
    assert message == "User pool client 0nobody does not exist."


@pytest.mark.parametrize(
    ("flow", "allowed", "message"),
    [
        (
            "USER_PASSWORD_AUTH",
            "ALLOW_USER_SRP_AUTH",
            "USER_PASSWORD_AUTH flow not enabled for this client",
        ),
        (
            "USER_SRP_AUTH",
            "ALLOW_USER_PASSWORD_AUTH",
            "USER_SRP_AUTH is not enabled for the client.",
        ),
        ("ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "Initiate Auth method not supported."),
        ("ADMIN_NO_SRP_AUTH", "ALLOW_USER_SRP_AUTH", "Initiate Auth method not supported."),
    ],
)
def test_a_flow_that_the_client_lacks_is_named(idp, pool, make_client, flow, allowed, message):
    client = make_client(pool, ExplicitAuthFlows=[allowed, "ALLOW_REFRESH_TOKEN_AUTH"])
    said = refusal(
        idp, "InvalidParameterException", begin, idp, client, flow, USERNAME="a", PASSWORD="b"
    )
    assert said == message


@pytest.mark.parametrize("missing", ["USERNAME", "PASSWORD"])
@pytest.mark.parametrize("empty", [True, False])
def test_missing_and_empty_parameters_are_named(idp, client, user, missing, empty):
    parameters = {"USERNAME": "ana", "PASSWORD": PASSWORD, missing: ""}
    if not empty:
        del parameters[missing]
    said = refusal(idp, "InvalidParameterException", begin, idp, client, **parameters)
    assert said == f"Missing required parameter {missing}"


def test_an_unknown_user_is_told_only_where_the_client_tells(idp, pool, client, make_client):
    said = refusal(
        idp, "UserNotFoundException", begin, idp, client, USERNAME="nobody", PASSWORD=PASSWORD
    )
    assert said == "User does not exist."
    hiding = make_client(pool, PreventUserExistenceErrors="ENABLED")
    said = refusal(
        idp, "NotAuthorizedException", begin, idp, hiding, USERNAME="nobody", PASSWORD=PASSWORD
    )
    assert said == "Incorrect username or password."


def test_a_wrong_password_is_refused_counted_and_recorded(idp, pool, client, user):
    said = refusal(
        idp, "NotAuthorizedException", begin, idp, client, USERNAME="ana", PASSWORD="Wrong-Horse-9"
    )
    assert said == "Incorrect username or password."
    assert PoolUser.objects.get(username="ana").failed_passwords == 1
    event = AuthEvent.objects.get(pool_id=pool.id)
    assert (event.outcome, event.username, event.flow) == ("Fail", "ana", "USER_PASSWORD_AUTH")


def test_the_sixth_attempt_is_locked_even_when_right_and_the_lock_ends(idp, client, user):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(5):
            refusal(idp, "NotAuthorizedException", begin, idp, client, USERNAME="ana", PASSWORD="x")
        said = refusal(
            idp, "NotAuthorizedException", begin, idp, client, USERNAME="ana", PASSWORD=PASSWORD
        )
        assert said == "Password attempts exceeded"
        assert PoolUser.objects.get(username="ana").failed_passwords == 5
        clock.shift(timedelta(seconds=1))
        assert begin(idp, client, USERNAME="ana", PASSWORD=PASSWORD)["AuthenticationResult"]
    assert PoolUser.objects.get(username="ana").failed_passwords == 0


def test_the_lock_doubles_and_ends_at_fifteen_minutes(idp, client, user):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(5):
            refusal(idp, "NotAuthorizedException", begin, idp, client, USERNAME="ana", PASSWORD="x")
        for seconds in (1, 2, 4, 8, 16):
            clock.shift(timedelta(seconds=seconds, milliseconds=-10))
            said = refusal(
                idp, "NotAuthorizedException", begin, idp, client, USERNAME="ana", PASSWORD="x"
            )
            assert said == "Password attempts exceeded"
            clock.shift(timedelta(milliseconds=10))
            said = refusal(
                idp, "NotAuthorizedException", begin, idp, client, USERNAME="ana", PASSWORD="x"
            )
            assert said == "Incorrect username or password."
        PoolUser.objects.update(failed_passwords=40, password_tried_at=timezone.now())
        clock.shift(timedelta(minutes=15))
        assert begin(idp, client, USERNAME="ana", PASSWORD=PASSWORD)["AuthenticationResult"]


def test_unknown_names_are_locked_like_known_ones(idp, pool, make_client):
    client = make_client(pool, PreventUserExistenceErrors="ENABLED")
    with time_machine.travel(timezone.now(), tick=False):
        said = [
            refusal(idp, "NotAuthorizedException", begin, idp, client, USERNAME="no", PASSWORD="x")
            for _ in range(6)
        ]
    assert said == ["Incorrect username or password."] * 5 + ["Password attempts exceeded"]


def test_the_counter_is_one_for_password_and_srp(idp, client, user, srp_sign_in):
    with time_machine.travel(timezone.now(), tick=False):
        for _ in range(3):
            refusal(idp, "NotAuthorizedException", begin, idp, client, USERNAME="ana", PASSWORD="x")
        for _ in range(2):
            attempt = srp_sign_in(client, password="wrong")
            attempt.start()
            refusal(idp, "NotAuthorizedException", attempt.respond)
        attempt = srp_sign_in(client)
        attempt.start()
        assert (
            refusal(idp, "NotAuthorizedException", attempt.respond) == "Password attempts exceeded"
        )


def test_a_disabled_user_is_told_so_and_hidden_clients_need_the_password(
    idp, pool, client, user, make_client
):
    idp.admin_disable_user(UserPoolId=pool.id, Username="ana")
    said = refusal(idp, "NotAuthorizedException", begin, idp, client, USERNAME="ana", PASSWORD="x")
    assert said == "User is disabled."
    hiding = make_client(pool, PreventUserExistenceErrors="ENABLED")
    said = refusal(idp, "NotAuthorizedException", begin, idp, hiding, USERNAME="ana", PASSWORD="x")
    assert said == "Incorrect username or password."
    said = refusal(
        idp, "NotAuthorizedException", begin, idp, hiding, USERNAME="ana", PASSWORD=PASSWORD
    )
    assert said == "User is disabled."


def test_an_unconfirmed_user_is_told_only_with_the_right_password(idp, pool, client):
    idp.sign_up(ClientId=client.client_id, Username="eva", Password=PASSWORD)
    said = refusal(idp, "NotAuthorizedException", begin, idp, client, USERNAME="eva", PASSWORD="x")
    assert said == "Incorrect username or password."
    said = refusal(
        idp, "UserNotConfirmedException", begin, idp, client, USERNAME="eva", PASSWORD=PASSWORD
    )
    assert said == "User is not confirmed."


def test_an_expired_temporary_password_is_refused(idp, pool, client):
    idp.admin_create_user(
        UserPoolId=pool.id, Username="eva", TemporaryPassword=PASSWORD, MessageAction="SUPPRESS"
    )
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=5)):
        said = refusal(
            idp, "NotAuthorizedException", begin, idp, client, USERNAME="eva", PASSWORD=PASSWORD
        )
    assert said == "Temporary password has expired and must be reset by an administrator."


def test_a_secret_client_wants_the_hash(idp, pool, user, make_client):
    client = make_client(pool, GenerateSecret=True)
    said = refusal(
        idp, "NotAuthorizedException", begin, idp, client, USERNAME="ana", PASSWORD=PASSWORD
    )
    assert said == (
        f"Client {client.client_id} is configured with secret but SECRET_HASH was not received"
    )


def test_sign_in_returns_tokens_a_session_and_an_event(idp, pool, client, user, sign_in):
    result = sign_in(client)
    assert result["TokenType"] == "Bearer"
    assert result["ExpiresIn"] == 3600
    claims = jwt.decode(result["AccessToken"], options={"verify_signature": False})
    session = SignInSession.objects.get()
    assert claims["origin_jti"] == str(session.id)
    event = AuthEvent.objects.get()
    assert (event.outcome, str(event.id)) == ("Pass", claims["event_id"])


@pytest.fixture
def asked(idp, pool, client, user):
    """A sign-in of the legacy flow that is asked for the password."""
    given = {"UserPoolId": pool.id, "ClientId": client.client_id}
    begun = idp.admin_initiate_auth(
        **given, AuthFlow="ADMIN_NO_SRP_AUTH", AuthParameters={"USERNAME": "ana"}
    )
    assert begun["ChallengeName"] == "ADMIN_NO_SRP_AUTH"

    def answer(password):
        return idp.admin_respond_to_auth_challenge(
            **given,
            ChallengeName="ADMIN_NO_SRP_AUTH",
            Session=begun["Session"],
            ChallengeResponses={"USERNAME": "ana", "PASSWORD": password},
        )

    return answer


@pytest.mark.parametrize(
    ("password", "error", "message"),
    [
        ("wrong", "NotAuthorizedException", "Incorrect username or password."),
        ("", "InvalidParameterException", "Missing required parameter PASSWORD"),
    ],
)
def test_the_legacy_flow_takes_no_other_password(idp, asked, password, error, message):
    assert refusal(idp, error, asked, password) == message
    assert asked(PASSWORD)["AuthenticationResult"]


def test_the_legacy_flow_asks_for_the_password_once(idp, asked):
    assert asked(PASSWORD)["AuthenticationResult"]
    said = refusal(idp, "NotAuthorizedException", asked, PASSWORD)
    assert said == "Invalid session for the user, session can only be used once."


def test_the_admin_flow_has_its_own_door(idp, pool, client, user):
    answer = idp.admin_initiate_auth(
        UserPoolId=pool.id,
        ClientId=client.client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ana", "PASSWORD": PASSWORD},
    )
    assert answer["ChallengeParameters"] == {}
    assert answer["AuthenticationResult"]["RefreshToken"]


def test_another_pools_client_is_not_found(idp, pool, client, make_client):
    other = idp.create_user_pool(PoolName="other")["UserPool"]["Id"]
    said = refusal(
        idp,
        "ResourceNotFoundException",
        idp.admin_initiate_auth,
        UserPoolId=other,
        ClientId=client.client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ana", "PASSWORD": PASSWORD},
    )
    assert said == f"User pool client {client.client_id} does not exist."


def test_a_password_sign_in_costs_a_handful_of_statements(
    idp, client, user, sign_in, django_assert_max_num_queries
):
    sign_in(client)
    keys_of(UserPool.cached(client.pool_id))
    with django_assert_max_num_queries(7):
        sign_in(client)
