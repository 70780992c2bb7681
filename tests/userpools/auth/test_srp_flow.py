"""USER_SRP_AUTH and PASSWORD_VERIFIER through boto3."""

import base64
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tests.conftest import PASSWORD
from userpools import sealing
from userpools.auth.srp import N
from userpools.models import AppClient, AuthEvent, PoolUser, SignInSession, UserPool
from userpools.sealing import Purpose
from userpools.tokens.keys import keys_of

pytestmark = pytest.mark.django_db


def refused(idp, attempt, responses=None, error="NotAuthorizedException"):
    with pytest.raises(getattr(idp.exceptions, error)) as caught:
        attempt.respond(responses)
    return caught.value.response["Error"]["Message"]


@pytest.mark.parametrize("value", ["", "xyz", "-1", "0", f"{N:x}", f"{2 * N:x}", "f" * 771, " 2"])
def test_a_public_value_that_no_client_sends_is_refused(idp, client, user, value):
    with pytest.raises(idp.exceptions.InvalidParameterException):
        idp.initiate_auth(
            ClientId=client.client_id,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": "ana", "SRP_A": value},
        )


def test_the_first_step_writes_nothing(client, user, srp_sign_in, django_assert_num_queries):
    srp_sign_in(client).start()
    keys_of(UserPool.cached(client.pool_id))
    with django_assert_num_queries(1):
        answer = srp_sign_in(client).start()
    assert answer["ChallengeName"] == "PASSWORD_VERIFIER"
    assert 20 <= len(answer["Session"]) <= 4096
    assert not AuthEvent.objects.exists()


def test_a_right_password_signs_in_without_session(client, user, srp_sign_in):
    attempt = srp_sign_in(client)
    attempt.start()
    assert attempt.respond()["AuthenticationResult"]["AccessToken"]
    assert SignInSession.objects.count() == 1


def test_a_block_of_the_version_before_is_refused_as_any_other(idp, client, user, srp_sign_in):
    attempt = srp_sign_in(client)
    attempt.start()
    responses = attempt.responses()
    row = AppClient.objects.get(client_id=client.client_id)
    before = sealing.seal(Purpose.SECRET_BLOCK, b"\xff" * 900, context=row.sealing_context)
    old = {**responses, "PASSWORD_CLAIM_SECRET_BLOCK": base64.b64encode(before).decode()}
    assert refused(idp, attempt, old) == "Incorrect username or password."
    assert attempt.respond(responses)["AuthenticationResult"]


def test_the_second_step_costs_a_handful_of_statements(
    client, user, srp_sign_in, django_assert_max_num_queries
):
    attempt = srp_sign_in(client)
    attempt.start()
    responses = attempt.responses()
    keys_of(UserPool.cached(client.pool_id))
    with django_assert_max_num_queries(7):
        attempt.respond(responses)


def test_a_wrong_password_is_refused_and_counted(idp, client, user, srp_sign_in):
    attempt = srp_sign_in(client, password="wrong")
    attempt.start()
    assert refused(idp, attempt) == "Incorrect username or password."
    assert PoolUser.objects.get().failed_passwords == 1


def test_the_secret_block_is_consumed_by_success_only(idp, client, user, srp_sign_in):
    attempt = srp_sign_in(client)
    attempt.start()
    right = attempt.responses()
    wrong = {**right, "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(b"x" * 32).decode()}
    assert refused(idp, attempt, wrong) == "Incorrect username or password."
    assert attempt.respond(right)["AuthenticationResult"]
    said = refused(idp, attempt, right)
    assert said == "Invalid session for the user, session can only be used once."
    assert SignInSession.objects.count() == 1


@pytest.mark.parametrize("index", [0, 5, 9, 30, 100, 850])
def test_a_tampered_secret_block_is_refused(idp, client, user, srp_sign_in, index):
    attempt = srp_sign_in(client)
    attempt.start()
    right = attempt.responses()
    block = bytearray(base64.b64decode(right["PASSWORD_CLAIM_SECRET_BLOCK"]))
    block[index] ^= 1
    tampered = {**right, "PASSWORD_CLAIM_SECRET_BLOCK": base64.b64encode(block).decode()}
    assert refused(idp, attempt, tampered) == "Incorrect username or password."


def test_a_secret_block_of_another_client_is_refused(
    idp, pool, client, user, srp_sign_in, make_client
):
    attempt = srp_sign_in(client)
    attempt.start()
    responses = attempt.responses()
    attempt.client = make_client(pool)
    assert refused(idp, attempt, responses) == "Incorrect username or password."


def test_an_old_secret_block_is_refused(idp, client, user, srp_sign_in):
    attempt = srp_sign_in(client)
    attempt.start()
    with time_machine.travel(timezone.now() + timedelta(minutes=3, seconds=5)):
        assert refused(idp, attempt, attempt.responses()) == "Incorrect username or password."


@pytest.mark.parametrize("stamp", ["yesterday", "Tue Jun 3 09:05:07 UTC 2025", ""])
def test_a_stale_or_malformed_timestamp_is_refused(idp, client, user, srp_sign_in, stamp):
    attempt = srp_sign_in(client)
    attempt.start()
    responses = {**attempt.responses(), "TIMESTAMP": stamp}
    error = "NotAuthorizedException" if stamp else "InvalidParameterException"
    assert refused(idp, attempt, responses, error)


def test_another_users_name_beside_the_block_is_refused(
    idp, pool, client, user, make_user, srp_sign_in
):
    make_user(pool, "eva")
    attempt = srp_sign_in(client)
    attempt.start()
    assert refused(idp, attempt, {**attempt.responses(), "USERNAME": "eva"}) == (
        "Incorrect username or password."
    )


def test_a_null_device_key_is_accepted(idp, client, user, srp_sign_in):
    attempt = srp_sign_in(client)
    attempt.start()
    assert attempt.respond({**attempt.responses(), "DEVICE_KEY": None})["AuthenticationResult"]


def test_sign_out_between_the_steps_ends_the_attempt(idp, pool, client, user, srp_sign_in):
    attempt = srp_sign_in(client)
    attempt.start()
    idp.admin_user_global_sign_out(UserPoolId=pool.id, Username="ana")
    assert refused(idp, attempt) == "Invalid session for the user."


def test_a_hidden_unknown_user_gets_a_stable_challenge_and_a_wrong_password(
    idp, pool, make_client, user, srp_sign_in
):
    client = make_client(pool, PreventUserExistenceErrors="ENABLED")
    known, first, second = (srp_sign_in(client, name) for name in ("ana", "nobody", "nobody"))
    for attempt in (known, first, second):
        attempt.start()
    assert set(first.challenge) == set(known.challenge)
    assert first.challenge["SALT"] == second.challenge["SALT"]
    assert first.challenge["SRP_B"] != second.challenge["SRP_B"]
    assert first.challenge["USER_ID_FOR_SRP"] == "nobody"
    assert len(first.challenge["SALT"]) == len(known.challenge["SALT"])
    assert refused(idp, first) == "Incorrect username or password."


def test_a_hidden_unknown_user_of_an_email_pool_looks_like_a_uuid(idp, make_client, srp_sign_in):
    made = idp.create_user_pool(PoolName="by-email", UsernameAttributes=["email"])["UserPool"]
    client = make_client(UserPool.objects.get(id=made["Id"]), PreventUserExistenceErrors="ENABLED")
    attempts = [srp_sign_in(client, "nobody@example.com") for _ in range(2)]
    shown = {attempt.start()["ChallengeParameters"]["USER_ID_FOR_SRP"] for attempt in attempts}
    assert len(shown) == 1
    assert len(shown.pop()) == 36
    assert refused(idp, attempts[0]) == "Incorrect username or password."


def test_the_password_flow_uses_the_same_verifier(client, user, sign_in):
    assert PoolUser.objects.get().password_form == "verifier"
    assert sign_in(client, password=PASSWORD)["AccessToken"]
