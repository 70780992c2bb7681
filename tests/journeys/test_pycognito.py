"""The stories of a Python application that uses pycognito."""

import secrets

import pytest
from botocore.exceptions import ClientError
from pycognito import Cognito
from pycognito.exceptions import ForceChangePasswordException

from .conftest import PASSWORD, Story

pytestmark = pytest.mark.journey


def cognito(story: Story, username: str, **options: str) -> Cognito:
    settings = story.server.settings
    return Cognito(
        story.pool_id,
        options.pop("client_id", story.client_id),
        username=username,
        access_key=settings["AWS_ACCESS_KEY_ID"],
        secret_key=settings["AWS_SECRET_ACCESS_KEY"],
        boto3_client_kwargs={"endpoint_url": story.server.url},
        **options,
    )


def test_pycognito_signs_in_verifies_refreshes_and_signs_out(story: Story) -> None:
    username = story.user(email="kim@example.com")
    user = cognito(story, username)
    with pytest.raises(ClientError, match="Incorrect username or password"):
        user.authenticate("Wrong-pass-1")

    user.authenticate(PASSWORD)
    user.verify_tokens()
    assert user.id_claims["email"] == "kim@example.com"
    assert user.access_claims["username"] == username
    assert user.get_user().email == "kim@example.com"

    before = user.access_token
    user.renew_access_token()
    assert user.access_token != before
    user.verify_tokens()

    signed_in = cognito(story, username, access_token=user.access_token)
    user.logout()
    with pytest.raises(ClientError, match="Access Token has been revoked"):
        signed_in.get_user()


def test_pycognito_registers_and_confirms(story: Story) -> None:
    username = f"leo-{secrets.token_hex(4)}"
    user = cognito(story, username)
    user.set_base_attributes(email="leo@example.com")
    assert user.register(username, PASSWORD)["UserConfirmed"] is False
    user.confirm_sign_up(story.server.message(username)["code"], username=username)
    user.authenticate(PASSWORD)
    user.verify_tokens()


def test_pycognito_answers_the_new_password_challenge(story: Story) -> None:
    username = story.invited("Temporary-1")
    user = cognito(story, username)
    with pytest.raises(ForceChangePasswordException):
        user.authenticate("Temporary-1")
    user.new_password_challenge("Temporary-1", PASSWORD)
    user.verify_tokens()


def test_pycognito_signs_in_at_a_client_with_a_secret(story: Story) -> None:
    client = story.client_with(
        GenerateSecret=True, ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    )
    user = cognito(
        story, story.user(), client_id=client["ClientId"], client_secret=client["ClientSecret"]
    )
    user.authenticate(PASSWORD)
    user.verify_tokens()
    user.renew_access_token()
    user.verify_tokens()
