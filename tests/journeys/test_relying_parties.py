"""Relying parties of OpenID Connect against a real server: openid-client in Node.js."""

from typing import Any

import pytest

from .conftest import PASSWORD, Story
from .programs import run_node

pytestmark = [pytest.mark.journey, pytest.mark.client]

CALLBACK = "https://app.example.com/callback"


def web_client(story: Story, **settings: Any) -> dict[str, Any]:
    """Create a client of the code flow."""
    return story.client_with(
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid", "email", "profile"],
        CallbackURLs=[CALLBACK],
        SupportedIdentityProviders=["COGNITO"],
        **settings,
    )


@pytest.mark.parametrize("confidential", [False, True])
def test_openid_client_signs_a_person_in(story: Story, confidential: bool) -> None:
    username = story.user(email="eve@example.com")
    client = web_client(story, GenerateSecret=confidential)
    (told,) = run_node(
        "openid.mjs",
        {
            "issuer": story.server.issuer(story.pool_id),
            "clientId": client["ClientId"],
            "clientSecret": client.get("ClientSecret", ""),
            "redirectUri": CALLBACK,
            "username": username,
            "password": PASSWORD,
            "scope": "openid email",
        },
    )
    claims = told["claims"]
    assert claims["iss"] == story.server.issuer(story.pool_id)
    assert claims["aud"] == client["ClientId"]
    assert claims["cognito:username"] == username
    assert claims["email"] == "eve@example.com"
    assert claims["nonce"]
    assert told["userInfo"]["sub"] == claims["sub"]
    assert told["userInfo"]["email"] == "eve@example.com"
    assert told["refreshed"]["auth_time"] == claims["auth_time"]
    assert told["silent"]["sub"] == claims["sub"]
    assert told["silent"]["auth_time"] == claims["auth_time"]
    assert (told["tokenType"], told["afterRevocation"]) == ("bearer", "invalid_grant")
