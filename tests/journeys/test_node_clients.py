"""The stories of a web application: amazon-cognito-identity-js and aws-jwt-verify in Node.js."""

import secrets
from typing import Any

import pytest

from .conftest import PASSWORD, Story
from .programs import run_node

pytestmark = [pytest.mark.journey, pytest.mark.client]


def identity(story: Story, *steps: dict[str, Any]) -> list[dict[str, Any]]:
    """Run steps with amazon-cognito-identity-js; one outcome for each."""
    return run_node(
        "identity.mjs",
        {
            "endpoint": f"{story.server.url}/",
            "poolId": story.pool_id,
            "clientId": story.client_id,
            "outbox": str(story.server.data_dir / "outbox"),
            "steps": list(steps),
        },
    )


def verify(story: Story, *tokens: dict[str, str], client_id: str = "") -> list[dict[str, Any]]:
    """Verify tokens with aws-jwt-verify; one outcome for each."""
    issuer = story.server.issuer(story.pool_id)
    return run_node(
        "verify.mjs",
        {
            "issuer": issuer,
            "jwksUri": f"{issuer}/.well-known/jwks.json",
            "poolId": story.pool_id,
            "clientId": client_id or story.client_id,
            "tokens": list(tokens),
        },
    )


@pytest.mark.parametrize("flow", ["USER_SRP_AUTH", "USER_PASSWORD_AUTH"])
def test_identity_js_signs_in_refreshes_and_signs_out_everywhere(story: Story, flow: str) -> None:
    username = story.user(email="fay@example.com")
    wrong, right, attributes, refreshed, signed_out, after = identity(
        story,
        {"do": "signIn", "username": username, "password": "Wrong-pass-1", "flow": flow},
        {"do": "signIn", "username": username, "password": PASSWORD, "flow": flow},
        {"do": "attributes"},
        {"do": "refresh"},
        {"do": "globalSignOut"},
        {"do": "userData"},
    )
    assert wrong["error"] == {
        "code": "NotAuthorizedException",
        "message": "Incorrect username or password.",
    }
    assert right["ok"]["tokens"]["idToken"]
    assert right["ok"]["username"] == username
    assert {"Name": "email", "Value": "fay@example.com"} in attributes["ok"]
    assert refreshed["ok"]["accessToken"] != right["ok"]["tokens"]["accessToken"]
    assert refreshed["ok"]["refreshToken"] == right["ok"]["tokens"]["refreshToken"]
    assert signed_out["ok"] == "SUCCESS"
    assert after["error"] == {
        "code": "NotAuthorizedException",
        "message": "Access Token has been revoked",
    }


@pytest.mark.parametrize("flow", ["USER_SRP_AUTH", "USER_PASSWORD_AUTH"])
def test_identity_js_answers_the_new_password_challenge(story: Story, flow: str) -> None:
    username = story.invited("Temporary-1", email="gil@example.com")
    asked, done, again = identity(
        story,
        {"do": "signIn", "username": username, "password": "Temporary-1", "flow": flow},
        {"do": "newPassword", "password": PASSWORD},
        {"do": "signIn", "username": username, "password": PASSWORD},
    )
    assert asked["ok"]["challenge"] == "NEW_PASSWORD_REQUIRED"
    assert asked["ok"]["userAttributes"]["email"] == "gil@example.com"
    assert asked["ok"]["requiredAttributes"] == []
    assert done["ok"]["tokens"]["refreshToken"]
    assert again["ok"]["tokens"]["accessToken"]


def test_identity_js_signs_up_and_confirms(story: Story) -> None:
    username = f"hal-{secrets.token_hex(4)}"
    signed_up, early = identity(
        story,
        {
            "do": "signUp",
            "username": username,
            "password": PASSWORD,
            "attributes": {"email": "hal@example.com"},
        },
        {"do": "signIn", "username": username, "password": PASSWORD},
    )
    assert signed_up["ok"]["confirmed"] is False
    assert early["error"]["code"] == "UserNotConfirmedException"
    code = story.server.message(username)["code"]
    confirmed, signed_in = identity(
        story,
        {"do": "confirm", "username": username, "code": code},
        {"do": "signIn", "username": username, "password": PASSWORD},
    )
    assert confirmed["ok"] == "SUCCESS"
    assert signed_in["ok"]["tokens"]["idToken"]


def test_identity_js_signs_in_by_a_verified_address(story: Story) -> None:
    pool = story.idp.create_user_pool(PoolName="aliases", AliasAttributes=["email"])["UserPool"]
    pool_id = pool["Id"]
    client_id = story.idp.create_user_pool_client(UserPoolId=pool_id, ClientName="web")[
        "UserPoolClient"
    ]["ClientId"]
    aliased = Story(story.server, story.idp, pool_id, client_id)
    username = aliased.user(email="ida@example.com", email_verified="true")
    signed_in, refreshed = identity(
        aliased,
        {"do": "signIn", "username": "ida@example.com", "password": PASSWORD},
        {"do": "refresh"},
    )
    assert signed_in["ok"]["username"] == username
    assert refreshed["ok"]["accessToken"]


def test_identity_js_revokes_its_refresh_token_at_sign_out(story: Story) -> None:
    username = story.user()
    signed_in, revoked = identity(
        story,
        {"do": "signIn", "username": username, "password": PASSWORD},
        {"do": "revoke"},
    )
    assert revoked["ok"] == "revoked"
    with pytest.raises(story.idp.exceptions.NotAuthorizedException, match="has been revoked"):
        story.idp.get_tokens_from_refresh_token(
            ClientId=story.client_id, RefreshToken=signed_in["ok"]["tokens"]["refreshToken"]
        )


def test_aws_jwt_verify_accepts_both_tokens_for_their_own_use(story: Story) -> None:
    username = story.user(email="jan@example.com")
    tokens = story.sign_in(username)
    body, _, _ = tokens["IdToken"].rpartition(".")
    identity_claims, access_claims, misused, forged = verify(
        story,
        {"token": tokens["IdToken"], "use": "id"},
        {"token": tokens["AccessToken"], "use": "access"},
        {"token": tokens["IdToken"], "use": "access"},
        {"token": f"{body}.{tokens['AccessToken'].rpartition('.')[2]}", "use": "id"},
    )
    assert identity_claims["ok"]["cognito:username"] == username
    assert access_claims["ok"]["client_id"] == story.client_id
    assert misused["error"]["code"] == "CognitoJwtInvalidTokenUseError"
    assert forged["error"]["code"] == "JwtInvalidSignatureError"


def test_aws_jwt_verify_refuses_another_client_and_another_pool(story: Story) -> None:
    tokens = story.sign_in(story.user())
    wanted = {"token": tokens["AccessToken"], "use": "access"}
    (other_client,) = verify(story, wanted, client_id="0" * 26)
    assert other_client["error"]["code"] == "CognitoJwtInvalidClientIdError"
    pool_id = story.idp.create_user_pool(PoolName="other")["UserPool"]["Id"]
    (other_pool,) = verify(Story(story.server, story.idp, pool_id, story.client_id), wanted)
    assert other_pool["error"]["code"] == "KidNotFoundInJwksError"
