"""Refreshing, rotating and revoking through boto3."""

from datetime import timedelta

import jwt
import pytest
import time_machine
from django.utils import timezone

from tests.calls import in_parallel
from userpools.models import SignInSession, UserPool
from userpools.tokens.keys import keys_of

pytestmark = pytest.mark.django_db


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def refresh(idp, client, token, **parameters):
    return idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": token, **parameters},
    )["AuthenticationResult"]


def redeem(idp, client, token, **members):
    return idp.get_tokens_from_refresh_token(
        ClientId=client.client_id, RefreshToken=token, **members
    )["AuthenticationResult"]


def refused(idp, call, *args, error="NotAuthorizedException", **kwargs):
    with pytest.raises(getattr(idp.exceptions, error)) as caught:
        call(idp, *args, **kwargs)
    return caught.value.response["Error"]["Message"]


@pytest.fixture
def tokens(client, user, sign_in):
    return sign_in(client)


@pytest.fixture
def rotating(pool, make_client):
    def make(grace=0):
        return make_client(
            pool,
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
            RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": grace},
        )

    return make


@pytest.mark.parametrize("call", [refresh, redeem])
@pytest.mark.parametrize("token", ["garbage", "x" * 300, "a.b.c.d.e"])
def test_garbage_is_refused(idp, client, call, token):
    assert refused(idp, call, client, token) == "Invalid Refresh Token"


@pytest.mark.parametrize("call", [refresh, redeem])
def test_another_clients_token_is_refused(idp, pool, tokens, make_client, call):
    assert refused(idp, call, make_client(pool), tokens["RefreshToken"]) == "Invalid Refresh Token"


@pytest.mark.parametrize("call", [refresh, redeem])
def test_another_kind_of_token_is_refused(idp, client, tokens, call):
    for kind in ("AccessToken", "IdToken"):
        assert refused(idp, call, client, tokens[kind]) == "Invalid Refresh Token"


@pytest.mark.parametrize("call", [refresh, redeem])
def test_new_tokens_keep_what_belongs_to_the_sign_in(idp, client, tokens, call):
    fresh = call(idp, client, tokens["RefreshToken"])
    assert "RefreshToken" not in fresh
    for kind in ("AccessToken", "IdToken"):
        old, new = claims_of(tokens[kind]), claims_of(fresh[kind])
        assert new["jti"] != old["jti"]
        for name in ("origin_jti", "auth_time", "sub", "iss"):
            assert new[name] == old[name]


def test_a_refresh_reads_once(idp, client, tokens, django_assert_num_queries):
    refresh(idp, client, tokens["RefreshToken"])
    keys_of(UserPool.cached(client.pool_id))
    with django_assert_num_queries(1):
        refresh(idp, client, tokens["RefreshToken"])


def test_a_refreshed_id_token_has_the_attributes_of_now(idp, pool, client, tokens):
    idp.admin_update_user_attributes(
        UserPoolId=pool.id, Username="ana", UserAttributes=[{"Name": "name", "Value": "Ana"}]
    )
    assert claims_of(refresh(idp, client, tokens["RefreshToken"])["IdToken"])["name"] == "Ana"


def test_an_expired_token_is_told_apart(idp, client, tokens):
    with time_machine.travel(timezone.now() + timedelta(days=30, seconds=1)):
        assert refused(idp, refresh, client, tokens["RefreshToken"]) == "Refresh Token has expired"


def test_sign_out_everywhere_ends_it(idp, client, tokens):
    idp.global_sign_out(AccessToken=tokens["AccessToken"])
    assert refused(idp, refresh, client, tokens["RefreshToken"]) == "Refresh Token has been revoked"
    with pytest.raises(
        idp.exceptions.NotAuthorizedException, match="Access Token has been revoked"
    ):
        idp.get_user(AccessToken=tokens["AccessToken"])


def test_disable_ends_it_for_good(idp, pool, client, tokens):
    idp.admin_disable_user(UserPoolId=pool.id, Username="ana")
    assert refused(idp, refresh, client, tokens["RefreshToken"]) == "User is disabled."
    idp.admin_enable_user(UserPoolId=pool.id, Username="ana")
    assert refused(idp, refresh, client, tokens["RefreshToken"]) == "Refresh Token has been revoked"


def test_a_deleted_users_namesake_gets_nothing(idp, pool, client, tokens, make_user):
    idp.admin_delete_user(UserPoolId=pool.id, Username="ana")
    make_user(pool, "ana")
    assert refused(idp, refresh, client, tokens["RefreshToken"]) == "Refresh Token has been revoked"


def test_revoking_ends_one_sign_in_and_no_other(idp, client, tokens, sign_in):
    other = sign_in(client)
    idp.revoke_token(ClientId=client.client_id, Token=tokens["RefreshToken"])
    assert refused(idp, refresh, client, tokens["RefreshToken"]) == "Refresh Token has been revoked"
    with pytest.raises(
        idp.exceptions.NotAuthorizedException, match="Access Token has been revoked"
    ):
        idp.get_user(AccessToken=tokens["AccessToken"])
    assert refresh(idp, client, other["RefreshToken"])["AccessToken"]
    assert idp.get_user(AccessToken=other["AccessToken"])["Username"] == "ana"


def test_revoking_twice_or_nonsense_is_no_error_and_another_kind_is(idp, client, tokens):
    for token in (tokens["RefreshToken"], tokens["RefreshToken"], "nonsense"):
        idp.revoke_token(ClientId=client.client_id, Token=token)
    with pytest.raises(idp.exceptions.UnsupportedTokenTypeException):
        idp.revoke_token(ClientId=client.client_id, Token=tokens["AccessToken"])


def test_revoking_wants_the_secret_and_the_setting(idp, pool, user, make_client):
    secret = make_client(pool, GenerateSecret=True)
    for given in ({}, {"ClientSecret": "x" * 30}):
        with pytest.raises(idp.exceptions.UnauthorizedException):
            idp.revoke_token(ClientId=secret.client_id, Token="t", **given)
    without = make_client(pool, EnableTokenRevocation=False)
    with pytest.raises(idp.exceptions.UnsupportedOperationException):
        idp.revoke_token(ClientId=without.client_id, Token="t")


def test_a_client_without_revocation_has_no_origin_jti_and_signs_out_all_the_same(
    idp, pool, user, make_client, sign_in
):
    client = make_client(pool, EnableTokenRevocation=False)
    tokens = sign_in(client)
    claims = claims_of(tokens["IdToken"])
    assert "origin_jti" not in claims
    assert "jti" not in claims
    assert idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == "ana"
    idp.admin_user_global_sign_out(UserPoolId=pool.id, Username="ana")
    with pytest.raises(
        idp.exceptions.NotAuthorizedException, match="Access Token has been revoked"
    ):
        idp.get_user(AccessToken=tokens["AccessToken"])


def test_the_hash_of_a_refresh_is_over_the_canonical_name(idp, make_client, make_user):
    from userpools.auth.secret_hash import secret_hash  # noqa: PLC0415

    made = idp.create_user_pool(PoolName="by-email", UsernameAttributes=["email"])["UserPool"]
    pool = UserPool.objects.get(id=made["Id"])
    client = make_client(pool, GenerateSecret=True)
    username = make_user(pool, "ana@example.com")

    def digest(name):
        return secret_hash(client.secret_values[0], name, client.client_id)

    tokens = idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={
            "USERNAME": "ana@example.com",
            "PASSWORD": "Correct-Horse-9",
            "SECRET_HASH": digest("ana@example.com"),
        },
    )["AuthenticationResult"]
    said = refused(
        idp, refresh, client, tokens["RefreshToken"], SECRET_HASH=digest("ana@example.com")
    )
    assert said.startswith("Unable to verify secret hash")
    assert "was not received" in refused(idp, refresh, client, tokens["RefreshToken"])
    assert refresh(idp, client, tokens["RefreshToken"], SECRET_HASH=digest(username))


def test_the_secret_of_get_tokens_is_checked(idp, pool, user, make_client, client, tokens):
    secret = make_client(pool, GenerateSecret=True)
    for given in ({}, {"ClientSecret": "y" * 30}):
        assert refused(idp, redeem, secret, tokens["RefreshToken"], **given)
    assert refused(idp, redeem, client, tokens["RefreshToken"], ClientSecret="y" * 30)


def test_rotation_replaces_the_token_and_keeps_its_end(idp, rotating, user, sign_in):
    client = rotating()
    first = sign_in(client)["RefreshToken"]
    expires = SignInSession.objects.get().expires_at
    second = redeem(idp, client, first)["RefreshToken"]
    assert second != first
    assert redeem(idp, client, second)["RefreshToken"]
    assert SignInSession.objects.get().expires_at == expires


def test_reuse_after_the_grace_period_ends_the_family(idp, rotating, user, sign_in):
    client = rotating()
    first = sign_in(client)["RefreshToken"]
    second = redeem(idp, client, first)["RefreshToken"]
    refused(idp, redeem, client, first, error="RefreshTokenReuseException")
    assert refused(idp, redeem, client, second) == "Refresh Token has been revoked"


def test_within_the_grace_period_the_successor_is_the_same_family(idp, rotating, user, sign_in):
    client = rotating(grace=30)
    first = sign_in(client)["RefreshToken"]
    second = redeem(idp, client, first)["RefreshToken"]
    again = redeem(idp, client, first)["RefreshToken"]
    third = redeem(idp, client, again)["RefreshToken"]
    assert redeem(idp, client, second)["RefreshToken"]
    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        refused(idp, redeem, client, second, error="RefreshTokenReuseException")
        assert refused(idp, redeem, client, third) == "Refresh Token has been revoked"


@pytest.mark.django_db(transaction=True)
def test_parallel_rotations_of_one_token_have_one_winner(idp, rotating, user, sign_in):
    client = rotating()
    token = sign_in(client)["RefreshToken"]
    outcomes = in_parallel(8, lambda: redeem(idp, client, token))
    assert outcomes.count("done") == 1
