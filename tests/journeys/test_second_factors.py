"""The stories of people with an authenticator app: identity-js in Node.js, and pycognito."""

import math
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from pycognito.exceptions import SoftwareTokenMFAChallengeException

from tests.authenticator import code_of
from userpools.models.lockout import FREE_ATTEMPTS

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


@pytest.mark.client
@pytest.mark.parametrize("flow", ["USER_SRP_AUTH", "USER_PASSWORD_AUTH"])
def test_identity_js_signs_in_by_a_code_that_a_text_message_brings(story: Story, flow: str) -> None:
    story.idp.set_user_pool_mfa_config(
        UserPoolId=story.pool_id,
        MfaConfiguration="ON",
        SmsMfaConfiguration={
            "SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}
        },
    )
    number = "+491511234" + ("5678" if flow == "USER_SRP_AUTH" else "5679")
    username = story.user(phone_number=number)
    signing_in = {"do": "signIn", "username": username, "password": PASSWORD, "flow": flow}
    asked, code, wrong, done, again = identity(
        story,
        signing_in,
        {"do": "code", "to": number, "as": "sms"},
        {"do": "smsCode", "code": "000000"},
        {"do": "smsCode", "code": "$sms"},
        {"do": "smsCode", "code": "$sms"},
    )
    assert asked["ok"]["challenge"] == "SMS_MFA"
    assert asked["ok"]["parameters"]["CODE_DELIVERY_DESTINATION"].endswith(number[-4:])
    assert code["ok"] != "000000"
    assert wrong["error"]["code"] == "CodeMismatchException"
    assert done["ok"]["tokens"]["accessToken"]
    assert again["error"] == {
        "code": "NotAuthorizedException",
        "message": "Invalid session for the user, session can only be used once.",
    }
    verified = {
        each["Name"]: each["Value"]
        for each in story.idp.admin_get_user(UserPoolId=story.pool_id, Username=username)[
            "UserAttributes"
        ]
    }
    assert verified["phone_number_verified"] == "true"


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


GUESSES = 200


def test_two_hundred_guesses_at_once_take_no_more_than_the_lock_lets_through(story: Story) -> None:
    use_apps(story, "OPTIONAL")
    username = story.user()
    token = story.sign_in(username)["AccessToken"]
    secret = story.idp.associate_software_token(AccessToken=token)["SecretCode"]
    proof = code_of(secret, drift=-1)
    story.idp.verify_software_token(AccessToken=token, UserCode=proof)
    story.idp.set_user_mfa_preference(
        AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
    )
    issued = story.idp.initiate_auth(
        ClientId=story.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": username, "PASSWORD": PASSWORD},
    )
    right = {code_of(secret, drift=drift) for drift in range(-2, 5)}
    wrong = [f"{number:06}" for number in range(GUESSES + len(right))]
    guesses = [code for code in wrong if code not in right][:GUESSES]

    def guess(code: str) -> str:
        try:
            answer(code)
        except ClientError as error:
            return error.response["Error"]["Message"]
        return "signed in"

    def answer(code: str) -> None:
        story.idp.respond_to_auth_challenge(
            ClientId=story.client_id,
            ChallengeName="SOFTWARE_TOKEN_MFA",
            Session=issued["Session"],
            ChallengeResponses={"USERNAME": username, "SOFTWARE_TOKEN_MFA_CODE": code},
        )

    started = time.monotonic()
    with ThreadPoolExecutor(GUESSES) as threads:
        outcomes = Counter(threads.map(guess, guesses))
    seconds = time.monotonic() - started
    # Locked for 1 s, 2 s, 4 s ...: whenever a lock ends one more comes through.
    let_through = FREE_ATTEMPTS + int(math.log2(seconds + 1))
    assert outcomes.pop("Invalid code received for user") in range(FREE_ATTEMPTS, let_through + 1)
    assert set(outcomes) == {"Password attempts exceeded"}
    # Not even the right code, before the lock is over.
    assert guess(code_of(secret)) == "Password attempts exceeded"
