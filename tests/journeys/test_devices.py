"""The stories of people on their own device: identity-js and Amplify in Node.js, and pycognito."""

import jwt
import pytest
from pycognito import AWSSRP
from pycognito.aws_srp import generate_hash_device
from pycognito.exceptions import SoftwareTokenMFAChallengeException

from tests.authenticator import code_of

from .conftest import PASSWORD, Story
from .programs import run_node
from .test_node_clients import identity
from .test_pycognito import cognito

pytestmark = pytest.mark.journey


def track(story: Story, *, on_prompt: bool) -> None:
    """Have the story's pool remember devices, and ask for an app's code on new ones alone."""
    story.idp.update_user_pool(
        UserPoolId=story.pool_id,
        DeviceConfiguration={
            "ChallengeRequiredOnNewDevice": True,
            "DeviceOnlyRememberedOnUserPrompt": on_prompt,
        },
    )
    story.idp.set_user_pool_mfa_config(
        UserPoolId=story.pool_id,
        MfaConfiguration="OPTIONAL",
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )


def device_of(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return str(claims["device_key"])


@pytest.mark.client
@pytest.mark.parametrize("flow", ["USER_SRP_AUTH", "USER_PASSWORD_AUTH"])
def test_identity_js_proves_its_device_in_place_of_the_code(story: Story, flow: str) -> None:
    track(story, on_prompt=False)
    signing_in = {"do": "signIn", "username": story.user(), "password": PASSWORD, "flow": flow}
    first, *enrolled, asked, coded, proved, seen, refreshed = identity(
        story,
        signing_in,
        {"do": "associate"},
        {"do": "verifyApp", "drift": -1},
        {"do": "preferApp"},
        signing_in,
        {"do": "appCode"},
        signing_in,
        {"do": "device"},
        {"do": "refresh"},
    )
    assert all("ok" in step for step in enrolled)
    # The device is older than the second factor, so it is asked for once more.
    assert asked["ok"]["challenge"] == "SOFTWARE_TOKEN_MFA"
    key = device_of(first["ok"]["tokens"]["accessToken"])
    for step in (coded, proved):
        assert device_of(step["ok"]["tokens"]["accessToken"]) == key
    assert seen["ok"]["Device"]["DeviceKey"] == key
    assert device_of(refreshed["ok"]["accessToken"]) == key


@pytest.mark.client
def test_identity_js_remembers_a_device_when_its_user_says_so(story: Story) -> None:
    track(story, on_prompt=True)
    signing_in = {"do": "signIn", "username": story.user(), "password": PASSWORD}
    *_, asked, coded, none, remembered, proved, one, forgotten, new = identity(
        story,
        signing_in,
        {"do": "associate"},
        {"do": "verifyApp", "drift": -1},
        {"do": "preferApp"},
        signing_in,
        {"do": "appCode"},
        {"do": "devices"},
        {"do": "rememberDevice"},
        signing_in,
        {"do": "devices"},
        {"do": "forgetDevice"},
        signing_in,
    )
    assert asked["ok"]["challenge"] == "SOFTWARE_TOKEN_MFA"
    assert none["ok"]["Devices"] == []
    assert remembered["ok"] == "SUCCESS"
    key = device_of(coded["ok"]["tokens"]["accessToken"])
    assert device_of(proved["ok"]["tokens"]["accessToken"]) == key
    assert [device["DeviceKey"] for device in one["ok"]["Devices"]] == [key]
    assert forgotten["ok"] == "SUCCESS"
    # It still names the device, is told that there is none, and answers again without it.
    assert new["ok"]["challenge"] == "SOFTWARE_TOKEN_MFA"


def test_pycognito_proves_its_device_without_session(story: Story) -> None:
    track(story, on_prompt=False)
    username = story.user()
    user = cognito(story, username)
    before = device_of(story.sign_in(username)["AccessToken"])
    user.authenticate(PASSWORD)
    secret = user.associate_software_token()
    assert user.verify_software_token(code_of(secret, drift=-1), "laptop")
    user.set_user_mfa_preference(sms_mfa=False, software_token_mfa=True, preferred="SOFTWARE_TOKEN")

    with pytest.raises(SoftwareTokenMFAChallengeException) as asked:
        cognito(story, username).authenticate(PASSWORD)
    result = story.idp.respond_to_auth_challenge(
        ClientId=story.client_id,
        ChallengeName="SOFTWARE_TOKEN_MFA",
        Session=asked.value.get_tokens()["Session"],
        ChallengeResponses={"USERNAME": username, "SOFTWARE_TOKEN_MFA_CODE": code_of(secret)},
    )["AuthenticationResult"]
    key, group = (result["NewDeviceMetadata"][name] for name in ("DeviceKey", "DeviceGroupKey"))
    assert key != before
    password, config = generate_hash_device(group, key)
    story.idp.confirm_device(
        AccessToken=result["AccessToken"], DeviceKey=key, DeviceSecretVerifierConfig=config
    )

    done = AWSSRP(
        username=username,
        password=PASSWORD,
        pool_id=story.pool_id,
        client_id=story.client_id,
        client=story.idp,
        device_key=key,
        device_group_key=group,
        device_password=password,
    ).authenticate_user()
    assert device_of(done["AuthenticationResult"]["AccessToken"]) == key


@pytest.mark.client
def test_amplify_confirms_its_device_refreshes_with_it_and_forgets_it(story: Story) -> None:
    track(story, on_prompt=False)
    username = story.user()
    signing_in = {"do": "signIn", "username": username, "password": PASSWORD}
    signed_in, one, refreshed, _, again, same, _, none = run_node(
        "amplify.mjs",
        {
            "endpoint": story.server.url,
            "poolId": story.pool_id,
            "clientId": story.client_id,
            "steps": [
                signing_in,
                {"do": "fetchDevices"},
                {"do": "session", "forceRefresh": True},
                {"do": "signOut"},
                signing_in,
                {"do": "fetchDevices"},
                {"do": "forgetDevice"},
                {"do": "fetchDevices"},
            ],
        },
    )
    assert signed_in["ok"]["isSignedIn"] is True
    assert again["ok"]["isSignedIn"] is True
    (device,) = one["ok"]
    assert device["attributes"]["device_status"] == "valid"
    assert device_of(refreshed["ok"]["accessToken"]) == device["id"]
    assert [each["id"] for each in same["ok"]] == [device["id"]]
    assert none["ok"] == []
