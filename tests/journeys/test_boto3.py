"""The stories of an application that uses boto3, over a real socket."""

import base64
import hashlib
import hmac
import secrets
import time
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError
from pycognito.aws_srp import AWSSRP

from . import jwks
from .conftest import PASSWORD, Story

pytestmark = pytest.mark.journey

NEW_PASSWORD = "Battery-staple-9"


def refused(call: Any, /, **arguments: Any) -> tuple[str, str]:
    """Return code and message of the error that a call must end in."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error["Code"], error["Message"]


def secret_hash(username: str, client: dict[str, Any]) -> str:
    message = (username + client["ClientId"]).encode()
    digest = hmac.new(client["ClientSecret"].encode(), message, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def test_an_invited_user_chooses_a_password_and_gets_tokens(story: Story) -> None:
    username = story.invited("Temporary-1", email="ann@example.com")
    first = story.idp.initiate_auth(
        ClientId=story.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": username, "PASSWORD": "Temporary-1"},
    )
    assert first["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    second = story.idp.respond_to_auth_challenge(
        ClientId=story.client_id,
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=first["Session"],
        ChallengeResponses={"USERNAME": username, "NEW_PASSWORD": NEW_PASSWORD},
    )["AuthenticationResult"]

    user = story.idp.get_user(AccessToken=second["AccessToken"])
    assert user["Username"] == username
    assert {"Name": "email", "Value": "ann@example.com"} in user["UserAttributes"]
    described = story.idp.admin_get_user(UserPoolId=story.pool_id, Username=username)
    assert described["UserStatus"] == "CONFIRMED"
    assert refused(story.sign_in, username=username, password="Temporary-1") == (
        "NotAuthorizedException",
        "Incorrect username or password.",
    )
    assert story.sign_in(username, NEW_PASSWORD)["TokenType"] == "Bearer"


def test_someone_signs_up_and_confirms_with_the_delivered_code(story: Story) -> None:
    username = f"ben-{secrets.token_hex(4)}"
    signed_up = story.idp.sign_up(
        ClientId=story.client_id,
        Username=username,
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": "ben@example.com"}],
    )
    assert signed_up["UserConfirmed"] is False
    assert signed_up["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
    assert refused(story.sign_in, username=username)[0] == "UserNotConfirmedException"

    message = story.server.message(username)
    assert (message["to"], message["medium"]) == ("ben@example.com", "EMAIL")
    assert message["pool_id"] == story.pool_id
    assert message["code"] in message["body"]
    wrong = "000000" if message["code"] != "000000" else "111111"
    confirm = {"ClientId": story.client_id, "Username": username}
    assert (
        refused(story.idp.confirm_sign_up, **confirm, ConfirmationCode=wrong)[0]
        == "CodeMismatchException"
    )
    story.idp.confirm_sign_up(**confirm, ConfirmationCode=message["code"])

    tokens = story.sign_in(username)
    verified = {
        attribute["Name"]: attribute["Value"]
        for attribute in story.idp.get_user(AccessToken=tokens["AccessToken"])["UserAttributes"]
    }
    assert verified["email_verified"] == "true"
    assert verified["sub"] == signed_up["UserSub"]


def test_srp_signs_in_with_the_right_password_alone(story: Story) -> None:
    username = story.user()

    def srp(password: str) -> dict[str, Any]:
        return AWSSRP(
            username=username,
            password=password,
            pool_id=story.pool_id,
            client_id=story.client_id,
            client=story.idp,
        ).authenticate_user()

    tokens = srp(PASSWORD)["AuthenticationResult"]
    assert story.idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == username
    assert refused(srp, password="wrong") == (
        "NotAuthorizedException",
        "Incorrect username or password.",
    )


def test_a_wrong_password_and_an_unknown_user_read_the_same(story: Story) -> None:
    username = story.user()
    wrong = refused(story.sign_in, username=username, password="Wrong-pass-1")
    unknown = refused(story.sign_in, username="nobody-here", password="Wrong-pass-1")
    assert wrong == unknown == ("NotAuthorizedException", "Incorrect username or password.")


def test_both_tokens_verify_by_the_published_keys(story: Story) -> None:
    username = story.user(email="cleo@example.com")
    story.idp.create_group(UserPoolId=story.pool_id, GroupName="editors")
    story.idp.admin_add_user_to_group(
        UserPoolId=story.pool_id, Username=username, GroupName="editors"
    )
    tokens = story.sign_in(username)
    issuer = story.server.issuer(story.pool_id)

    identity = jwks.claims(tokens["IdToken"], issuer, story.client_id)
    access = jwks.claims(tokens["AccessToken"], issuer)

    assert identity["token_use"] == "id"
    assert identity["cognito:username"] == username
    assert identity["email"] == "cleo@example.com"
    assert identity["cognito:groups"] == access["cognito:groups"] == ["editors"]
    assert "at_hash" not in identity
    assert access["token_use"] == "access"
    assert access["client_id"] == story.client_id
    assert access["username"] == username
    assert access["scope"] == "aws.cognito.signin.user.admin"
    assert "aud" not in access
    assert access["sub"] == identity["sub"]
    assert access["origin_jti"] == identity["origin_jti"]
    assert access["exp"] - access["iat"] == tokens["ExpiresIn"]
    assert (
        jwt.get_unverified_header(tokens["IdToken"])["kid"]
        != jwt.get_unverified_header(tokens["AccessToken"])["kid"]
    )
    body, _, _ = tokens["AccessToken"].rpartition(".")
    forged = f"{body}.{tokens['IdToken'].rpartition('.')[2]}"
    with pytest.raises(jwt.InvalidSignatureError):
        jwks.claims(forged, issuer)
    assert refused(story.idp.get_user, AccessToken=forged)[0] == "NotAuthorizedException"


def test_a_refresh_token_brings_new_tokens_of_the_same_sign_in(story: Story) -> None:
    username = story.user()
    first = story.sign_in(username)
    issuer = story.server.issuer(story.pool_id)
    # Times in tokens are whole seconds: the refresh belongs into a later one.
    issued = jwks.claims(first["AccessToken"], issuer)["iat"]
    while int(time.time()) <= issued:
        time.sleep(0.02)
    second = story.idp.initiate_auth(
        ClientId=story.client_id,
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": first["RefreshToken"]},
    )["AuthenticationResult"]
    third = story.idp.get_tokens_from_refresh_token(
        ClientId=story.client_id, RefreshToken=first["RefreshToken"]
    )["AuthenticationResult"]

    assert "RefreshToken" not in second
    assert "RefreshToken" not in third
    before = jwks.claims(first["AccessToken"], issuer)
    for later in (second, third):
        after = jwks.claims(later["AccessToken"], issuer)
        for kept in ("sub", "auth_time", "origin_jti", "username"):
            assert after[kept] == before[kept]
        assert after["iat"] > before["iat"]
        assert after["jti"] != before["jti"]


def test_a_rotated_refresh_token_works_once(story: Story) -> None:
    client = story.client_with(
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
    )["ClientId"]
    username = story.user()
    first = story.sign_in(username, client_id=client)["RefreshToken"]
    refresh = story.idp.get_tokens_from_refresh_token
    second = refresh(ClientId=client, RefreshToken=first)["AuthenticationResult"]["RefreshToken"]
    assert second != first
    third = refresh(ClientId=client, RefreshToken=second)["AuthenticationResult"]["RefreshToken"]
    assert third not in {first, second}
    assert refused(refresh, ClientId=client, RefreshToken=second)[0] == "RefreshTokenReuseException"


def test_a_refresh_token_is_bound_to_its_client(story: Story) -> None:
    other = story.client_with(ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"])["ClientId"]
    token = story.sign_in(story.user())["RefreshToken"]
    assert refused(story.idp.get_tokens_from_refresh_token, ClientId=other, RefreshToken=token) == (
        "NotAuthorizedException",
        "Invalid Refresh Token",
    )


def test_global_sign_out_ends_every_session(story: Story) -> None:
    username = story.user()
    here, there = story.sign_in(username), story.sign_in(username)
    story.idp.global_sign_out(AccessToken=here["AccessToken"])

    for tokens in (here, there):
        assert refused(story.idp.get_user, AccessToken=tokens["AccessToken"]) == (
            "NotAuthorizedException",
            "Access Token has been revoked",
        )
        assert refused(
            story.idp.get_tokens_from_refresh_token,
            ClientId=story.client_id,
            RefreshToken=tokens["RefreshToken"],
        ) == ("NotAuthorizedException", "Refresh Token has been revoked")
    assert story.sign_in(username)["AccessToken"]


def test_revoking_one_refresh_token_leaves_the_other_session(story: Story) -> None:
    username = story.user()
    lost, kept = story.sign_in(username), story.sign_in(username)
    story.idp.revoke_token(ClientId=story.client_id, Token=lost["RefreshToken"])

    assert refused(story.idp.get_user, AccessToken=lost["AccessToken"]) == (
        "NotAuthorizedException",
        "Access Token has been revoked",
    )
    assert refused(
        story.idp.get_tokens_from_refresh_token,
        ClientId=story.client_id,
        RefreshToken=lost["RefreshToken"],
    ) == ("NotAuthorizedException", "Refresh Token has been revoked")
    assert story.idp.get_user(AccessToken=kept["AccessToken"])["Username"] == username
    assert (
        refused(story.idp.revoke_token, ClientId=story.client_id, Token=kept["AccessToken"])[0]
        == "UnsupportedTokenTypeException"
    )


def test_a_client_with_a_secret_demands_its_hash(story: Story) -> None:
    client = story.client_with(
        GenerateSecret=True,
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )
    username = story.user()

    def start(**extra: str) -> dict[str, Any]:
        return story.idp.initiate_auth(
            ClientId=client["ClientId"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": username, "PASSWORD": PASSWORD, **extra},
        )

    assert refused(start) == (
        "NotAuthorizedException",
        f"Client {client['ClientId']} is configured with secret but SECRET_HASH was not received",
    )
    assert refused(start, SECRET_HASH=base64.b64encode(bytes(32)).decode()) == (
        "NotAuthorizedException",
        f"Unable to verify secret hash for client {client['ClientId']}",
    )
    hashed = secret_hash(username, client)
    tokens = start(SECRET_HASH=hashed)["AuthenticationResult"]
    refreshed = story.idp.initiate_auth(
        ClientId=client["ClientId"],
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"], "SECRET_HASH": hashed},
    )
    assert refreshed["AuthenticationResult"]["AccessToken"]
    by_secret = story.idp.get_tokens_from_refresh_token(
        ClientId=client["ClientId"],
        ClientSecret=client["ClientSecret"],
        RefreshToken=tokens["RefreshToken"],
    )
    assert by_secret["AuthenticationResult"]["AccessToken"]


def test_a_token_of_another_pool_is_refused_by_its_keys(story: Story, idp: Any) -> None:
    tokens = story.sign_in(story.user())
    other = idp.create_user_pool(PoolName="other")["UserPool"]["Id"]
    with pytest.raises(KeyError):
        jwks.claims(tokens["AccessToken"], story.server.issuer(other))


def test_the_caller_identity_of_an_access_key(story: Story) -> None:
    identity = story.server.client("sts").get_caller_identity()
    assert identity["Account"] == "000000000000"
    assert identity["Arn"].startswith("arn:aws:iam::000000000000:user/")
    assert identity["UserId"]


def test_an_unsigned_or_wrongly_signed_administrator_is_refused(story: Story) -> None:
    stranger = story.server.client()
    stranger._request_signer._credentials.secret_key = "x" * 40
    assert refused(stranger.list_users, UserPoolId=story.pool_id)[0] == "InvalidSignatureException"
    stranger._request_signer._credentials.access_key = "AKIAIOSFODNN7EXAMPLE"
    assert (
        refused(stranger.list_users, UserPoolId=story.pool_id)[0] == "UnrecognizedClientException"
    )
