"""The stories of people with an authenticator app: identity-js in Node.js, and pycognito."""

import pytest
from pycognito.exceptions import SoftwareTokenMFAChallengeException

from tests.authenticator import code_of

from .conftest import PASSWORD, Story
from .test_node_clients import identity
from .test_pycognito import cognito

pytestmark = pytest.mark.journey


def use_apps(story: Story, mode: str) -> None:
    story.idp.set_user_pool_mfa_config(
        UserPoolId=story.pool_id,
        MfaConfiguration=mode,
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )


@pytest.mark.client
@pytest.mark.parametrize("flow", ["USER_SRP_AUTH", "USER_PASSWORD_AUTH"])
def test_identity_js_enrols_an_app_and_signs_in_by_its_code(story: Story, flow: str) -> None:
    use_apps(story, "OPTIONAL")
    signing_in = {"do": "signIn", "username": story.user(), "password": PASSWORD, "flow": flow}
    _, length, verified, preferred, asked, wrong, done = identity(
        story,
        signing_in,
        {"do": "associate"},
        {"do": "verifyApp", "drift": -1},
        {"do": "preferApp"},
        signing_in,
        {"do": "appCode", "drift": 9},
        {"do": "appCode"},
    )
    assert length["ok"] == 52
    assert verified["ok"] == "SUCCESS"
    assert preferred["ok"] == "SUCCESS"
    assert asked["ok"]["challenge"] == "SOFTWARE_TOKEN_MFA"
    assert wrong["error"] == {
        "code": "CodeMismatchException",
        "message": "Invalid code received for user",
    }
    assert done["ok"]["tokens"]["accessToken"]


@pytest.mark.client
def test_identity_js_sets_an_app_up_where_the_pool_demands_one(story: Story) -> None:
    use_apps(story, "ON")
    signing_in = {"do": "signIn", "username": story.user(), "password": PASSWORD}
    asked, length, done, again = identity(
        story, signing_in, {"do": "associate"}, {"do": "verifyApp"}, signing_in
    )
    assert asked["ok"]["challenge"] == "MFA_SETUP"
    assert length["ok"] == 52
    assert done["ok"]["tokens"]["accessToken"]
    assert again["ok"]["challenge"] == "SOFTWARE_TOKEN_MFA"


def test_pycognito_enrols_an_app_and_signs_in_by_its_code(story: Story) -> None:
    use_apps(story, "OPTIONAL")
    username = story.user()
    user = cognito(story, username)
    user.authenticate(PASSWORD)
    secret = user.associate_software_token()
    assert user.verify_software_token(code_of(secret, drift=-1), "phone")
    user.set_user_mfa_preference(sms_mfa=False, software_token_mfa=True, preferred="SOFTWARE_TOKEN")

    again = cognito(story, username)
    with pytest.raises(SoftwareTokenMFAChallengeException):
        again.authenticate(PASSWORD)
    again.respond_to_software_token_mfa_challenge(code_of(secret))
    again.verify_tokens()
