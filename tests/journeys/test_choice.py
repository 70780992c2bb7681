"""The stories of people who choose how to sign in: boto3, and aws-amplify in Node.js."""

import base64
import secrets
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.userpools.auth.srp_client import SrpClient

from .conftest import PASSWORD, Story
from .programs import run_node

pytestmark = pytest.mark.journey

FACTORS = ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]
CODES = {"EMAIL_OTP": "EMAIL_OTP_CODE", "SMS_OTP": "SMS_OTP_CODE"}


@pytest.fixture
def choosing(server: Any, idp: Any) -> Story:
    """Return a pool of all first factors but passkeys, and a client that hides who exists."""
    pool_id = idp.create_user_pool(
        PoolName="choice",
        AutoVerifiedAttributes=["email"],
        Policies={"SignInPolicy": {"AllowedFirstAuthFactors": FACTORS}},
    )["UserPool"]["Id"]
    client = idp.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="app",
        ExplicitAuthFlows=["ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        PreventUserExistenceErrors="ENABLED",
    )["UserPoolClient"]
    return Story(server, idp, pool_id, client["ClientId"])


def person(story: Story) -> tuple[str, str]:
    """Make a confirmed user with both contacts; return the name and the address."""
    address = f"{secrets.token_hex(4)}@example.com"
    number = f"+49151{secrets.randbelow(10**8):08d}"
    return story.user(email=address, phone_number=number), address


def begin(story: Story, username: str, **parameters: str) -> dict[str, Any]:
    return story.idp.initiate_auth(
        ClientId=story.client_id,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": username, **parameters},
    )


def answer(story: Story, issued: dict[str, Any], username: str, **responses: str) -> dict[str, Any]:
    return story.idp.respond_to_auth_challenge(
        ClientId=story.client_id,
        ChallengeName=issued["ChallengeName"],
        Session=issued["Session"],
        ChallengeResponses={"USERNAME": username, **responses},
    )


def owner_of(story: Story, done: dict[str, Any]) -> str:
    token = done["AuthenticationResult"]["AccessToken"]
    return story.idp.get_user(AccessToken=token)["Username"]


@pytest.mark.parametrize("factor", CODES)
@pytest.mark.parametrize("way", ["preferred", "chosen"])
def test_a_code_signs_in(choosing: Story, factor: str, way: str) -> None:
    username, _ = person(choosing)
    if way == "preferred":
        issued = begin(choosing, username, PREFERRED_CHALLENGE=factor)
    else:
        asked = begin(choosing, username)
        assert asked["ChallengeName"] == "SELECT_CHALLENGE"
        assert asked["AvailableChallenges"] == ["PASSWORD_SRP", *FACTORS]
        issued = answer(choosing, asked, username, ANSWER=factor)
    assert issued["ChallengeName"] == factor
    with pytest.raises(choosing.idp.exceptions.CodeMismatchException):
        answer(choosing, issued, username, **{CODES[factor]: "not-it"})
    code = choosing.server.message(username)["code"]
    done = answer(choosing, issued, username, **{CODES[factor]: code})
    assert owner_of(choosing, done) == username


def test_a_password_signs_in(choosing: Story) -> None:
    username, _ = person(choosing)
    done = begin(choosing, username, PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD)
    assert owner_of(choosing, done) == username
    asked = begin(choosing, username)
    done = answer(choosing, asked, username, ANSWER="PASSWORD", PASSWORD=PASSWORD)
    assert owner_of(choosing, done) == username


def test_srp_signs_in(choosing: Story) -> None:
    username, _ = person(choosing)
    srp = SrpClient(
        choosing.pool_id.split("_", 1)[1], username, PASSWORD, secrets.randbits(256) | 1
    )
    issued = begin(choosing, username, PREFERRED_CHALLENGE="PASSWORD_SRP", SRP_A=f"{srp.A:x}")
    given = issued["ChallengeParameters"]
    now = datetime.now(UTC)
    timestamp = f"{now:%a %b} {now.day} {now:%H:%M:%S} UTC {now.year}"
    block = base64.b64decode(given["SECRET_BLOCK"])
    signature = srp.signature(int(given["SRP_B"], 16), given["SALT"], block, timestamp)
    done = answer(
        choosing,
        issued,
        username,
        PASSWORD_CLAIM_SECRET_BLOCK=given["SECRET_BLOCK"],
        PASSWORD_CLAIM_SIGNATURE=base64.b64encode(signature).decode(),
        TIMESTAMP=timestamp,
    )
    assert owner_of(choosing, done) == username


def test_an_account_without_a_password_signs_up_and_in(choosing: Story) -> None:
    idp, username = choosing.idp, f"user-{secrets.token_hex(4)}"
    begun = idp.sign_up(
        ClientId=choosing.client_id,
        Username=username,
        UserAttributes=[{"Name": "email", "Value": f"{username}@example.com"}],
    )
    confirmed = idp.confirm_sign_up(
        ClientId=choosing.client_id,
        Username=username,
        ConfirmationCode=choosing.server.message(username)["code"],
        Session=begun["Session"],
    )
    done = idp.initiate_auth(
        ClientId=choosing.client_id,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": username},
        Session=confirmed["Session"],
    )
    token = done["AuthenticationResult"]["AccessToken"]
    shown = idp.get_user_auth_factors(AccessToken=token)
    assert (shown["Username"], shown["ConfiguredUserAuthFactors"]) == (username, ["EMAIL_OTP"])
    again = begin(choosing, username, PREFERRED_CHALLENGE="PASSWORD")
    assert again["AvailableChallenges"] == ["EMAIL_OTP"]


def test_nobody_is_sent_a_code_and_nobody_can_tell(choosing: Story) -> None:
    issued = begin(choosing, "nobody@example.org", PREFERRED_CHALLENGE="EMAIL_OTP")
    assert issued["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"] == "n***@e***"
    with pytest.raises(choosing.idp.exceptions.CodeMismatchException):
        answer(choosing, issued, "nobody@example.org", EMAIL_OTP_CODE="12345678")


def amplify(story: Story, *steps: dict[str, Any]) -> list[dict[str, Any]]:
    return run_node(
        "amplify.mjs",
        {
            "endpoint": f"{story.server.url}/",
            "poolId": story.pool_id,
            "clientId": story.client_id,
            "outbox": str(story.server.data_dir / "outbox"),
            "steps": list(steps),
        },
    )


def step_of(outcome: dict[str, Any]) -> str:
    return outcome["ok"]["nextStep"]["signInStep"]


@pytest.mark.client
def test_amplify_signs_in_by_a_code_that_it_prefers(choosing: Story) -> None:
    username, address = person(choosing)
    options = {"authFlowType": "USER_AUTH", "preferredChallenge": "EMAIL_OTP"}
    asked, _, wrong, done, session = amplify(
        choosing,
        {"do": "signIn", "username": username, "options": options},
        {"do": "code", "to": address, "as": "otp"},
        {"do": "confirmSignIn", "challengeResponse": "12345"},
        {"do": "confirmSignIn", "challengeResponse": "$otp"},
        {"do": "session"},
    )
    assert step_of(asked) == "CONFIRM_SIGN_IN_WITH_EMAIL_CODE"
    assert asked["ok"]["nextStep"]["codeDeliveryDetails"]["deliveryMedium"] == "EMAIL"
    assert wrong["error"]["code"] == "CodeMismatchException"
    assert done["ok"]["isSignedIn"] is True
    assert session["ok"]["idToken"]


@pytest.mark.client
@pytest.mark.parametrize("factor", ["PASSWORD", "PASSWORD_SRP"])
def test_amplify_signs_in_by_a_password(choosing: Story, factor: str) -> None:
    username, _ = person(choosing)
    by_choice = {"authFlowType": "USER_AUTH"}
    asked, chosen, done, _, preferred = amplify(
        choosing,
        {"do": "signIn", "username": username, "options": by_choice},
        {"do": "confirmSignIn", "challengeResponse": factor},
        {"do": "confirmSignIn", "challengeResponse": PASSWORD},
        {"do": "signOut"},
        {
            "do": "signIn",
            "username": username,
            "password": PASSWORD,
            "options": {**by_choice, "preferredChallenge": factor},
        },
    )
    assert step_of(asked) == "CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION"
    assert asked["ok"]["nextStep"]["availableChallenges"] == ["PASSWORD_SRP", *FACTORS]
    assert step_of(chosen) == "CONFIRM_SIGN_IN_WITH_PASSWORD"
    assert done["ok"]["isSignedIn"] is True
    assert preferred["ok"]["isSignedIn"] is True


@pytest.mark.client
def test_amplify_signs_in_right_after_sign_up(choosing: Story) -> None:
    username = f"user-{secrets.token_hex(4)}"
    address = f"{username}@example.com"
    options = {"userAttributes": {"email": address}, "autoSignIn": {"authFlowType": "USER_AUTH"}}
    signed_up, _, confirmed, done, session = amplify(
        choosing,
        {"do": "signUp", "username": username, "options": options},
        {"do": "code", "to": address, "as": "sign-up"},
        {"do": "confirmSignUp", "username": username, "confirmationCode": "$sign-up"},
        {"do": "autoSignIn"},
        {"do": "session"},
    )
    assert signed_up["ok"]["nextStep"]["signUpStep"] == "CONFIRM_SIGN_UP"
    assert confirmed["ok"]["nextStep"]["signUpStep"] == "COMPLETE_AUTO_SIGN_IN"
    assert done["ok"]["isSignedIn"] is True
    assert session["ok"]["accessToken"]
    assert len(choosing.server.messages(username)) == 1
