"""The pre token generation trigger: what it is given, and what it may change."""

from typing import Any

import jwt
import pytest

from tests.authenticator import code_of
from tests.calls import refused
from tests.triggers import recorder
from userpools.models import PoolUser

DETAILS = "claimsOverrideDetails"
BOTH = "claimsAndScopeOverrideDetails"
SIGN_IN = "TokenGeneration_Authentication"
ROLE = "arn:aws:iam::000000000000:role/admin"


def claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.fixture
def pair(client, user, sign_in):
    """Sign in with an answer of the function; return the claims of both tokens."""

    def sign(answer: Any, source: str = SIGN_IN) -> tuple[dict[str, Any], dict[str, Any]]:
        recorder.answers[source] = answer
        made = sign_in(client)
        return claims(made["IdToken"]), claims(made["AccessToken"])

    return sign


@pytest.fixture
def in_group(idp, pool, user):
    idp.create_group(UserPoolId=pool.id, GroupName="admins", RoleArn=ROLE, Precedence=1)
    idp.admin_add_user_to_group(UserPoolId=pool.id, GroupName="admins", Username=user)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (
            ValueError("no tokens today"),
            "UserLambdaValidationException",
            "PreTokenGeneration failed with error no tokens today.",
        ),
        (recorder.Whole(None), "InvalidLambdaResponseException", "Unrecognizable lambda output"),
        (
            {DETAILS: {"claimsToAddOrOverride": {"level": 7}}},
            "InvalidLambdaResponseException",
            "Unrecognizable lambda output",
        ),
    ],
)
def test_no_tokens_where_the_function_fails(
    idp, pool, client, user, wire, sign_in, answer, error, message
):
    wire(pool, "PreTokenGeneration")
    recorder.answers[SIGN_IN] = answer
    assert refused(idp, error, lambda: sign_in(client)) == message


def test_too_many_claims_are_refused(idp, pool, client, user, wire, sign_in):
    wire(pool, version="V2_0")
    many = {f"claim{number}": number for number in range(5000)}
    recorder.answers[SIGN_IN] = {BOTH: {"accessTokenGeneration": {"claimsToAddOrOverride": many}}}
    refused(idp, "InvalidLambdaResponseException", lambda: sign_in(client))


def test_a_missing_function_stops_the_sign_in(idp, pool, client, user, sign_in):
    arn = "arn:aws:lambda:us-east-1:000000000000:function:missing"
    idp.update_user_pool(UserPoolId=pool.id, LambdaConfig={"PreTokenGeneration": arn})
    assert refused(idp, "UnexpectedLambdaException", lambda: sign_in(client)) == (
        "PreTokenGeneration invocation failed due to error AccessDeniedException."
    )


def test_the_function_gets_everything_as_texts(idp, pool, client, user, in_group, wire, pair):
    wire(pool, "PreTokenGeneration")
    idp.admin_update_user_attributes(
        UserPoolId=pool.id,
        Username=user,
        UserAttributes=[{"Name": "email_verified", "Value": "true"}],
    )
    pair({})
    event = recorder.events[-1]
    assert recorder.sources() == [SIGN_IN]
    assert event["userName"] == "ana"
    assert event["callerContext"]["clientId"] == client.client_id
    assert event["callerContext"]["awsSdkVersion"].startswith("aws-sdk-")
    assert event["request"] == {
        "userAttributes": {
            "sub": str(PoolUser.objects.get().sub),
            "cognito:user_status": "CONFIRMED",
            "email": "ana@example.com",
            "email_verified": "true",
        },
        "groupConfiguration": {
            "groupsToOverride": ["admins"],
            "iamRolesToOverride": [ROLE],
            "preferredRole": ROLE,
        },
        "clientMetadata": None,
    }


@pytest.mark.parametrize("version", ["V1_0", "V2_0", "V3_0"])
def test_a_function_that_returns_its_input_changes_nothing(
    pool, in_group, client, user, sign_in, wire, pair, version
):
    made = sign_in(client)
    before = claims(made["IdToken"]), claims(made["AccessToken"])
    wire(pool, version=version)
    after = pair({})
    moving = {"jti", "origin_jti", "event_id", "auth_time", "iat", "exp"}
    for old, new in zip(before, after, strict=True):
        assert old.keys() == new.keys()
        assert {k: v for k, v in old.items() if k not in moving} == {
            k: v for k, v in new.items() if k not in moving
        }
    assert recorder.events[-1]["version"] == version[1]


def test_the_first_version_changes_the_id_token_alone(pool, wire, pair):
    wire(pool, "PreTokenGeneration")
    of_id, of_access = pair(
        {
            DETAILS: {
                "claimsToAddOrOverride": {"level": "7", "both": "x", "sub": "me", "dev:x": "1"},
                "claimsToSuppress": ["email", "both", "iss", "cognito:username"],
            }
        }
    )
    assert of_id["level"] == "7"
    assert not {"email", "both", "dev:x"} & of_id.keys()
    assert of_id["sub"] != "me"
    assert {"iss", "cognito:username"} <= of_id.keys()
    assert "level" not in of_access


@pytest.mark.parametrize(
    ("version", "foreign"),
    [
        ("V1_0", {BOTH: {"accessTokenGeneration": {"claimsToAddOrOverride": {"level": "7"}}}}),
        ("V2_0", {DETAILS: {"claimsToAddOrOverride": {"level": "7"}}}),
    ],
)
def test_the_container_of_another_version_changes_nothing(pool, wire, pair, version, foreign):
    wire(pool, version=version)
    of_id, of_access = pair(foreign)
    assert "level" not in of_id | of_access


@pytest.mark.parametrize("depth", [40, 250, 900])
def test_a_claim_nested_without_end_is_refused(idp, pool, client, user, wire, sign_in, depth):
    value = "x"
    for _ in range(depth):
        value = [value]
    wire(pool, version="V2_0")
    added = {"claimsToAddOrOverride": {"deep": value}}
    recorder.answers[SIGN_IN] = {BOTH: {"idTokenGeneration": added}}
    message = refused(idp, "InvalidLambdaResponseException", lambda: sign_in(client))
    assert message == "Unrecognizable lambda output"


@pytest.mark.parametrize("container", [DETAILS, BOTH])
def test_groups_are_replaced_in_both_tokens(pool, in_group, wire, pair, container):
    wire(pool, version="V1_0" if container == DETAILS else "V2_0")
    groups = {"groupsToOverride": ["b"], "iamRolesToOverride": [], "preferredRole": None}
    of_id, of_access = pair({container: {"groupOverrideDetails": groups}})
    assert of_id["cognito:groups"] == of_access["cognito:groups"] == ["b"]
    assert not {"cognito:roles", "cognito:preferred_role"} & of_id.keys()


@pytest.mark.parametrize("empty", [None, {}])
def test_groups_that_are_null_or_empty_are_suppressed(pool, in_group, wire, pair, empty):
    wire(pool, "PreTokenGeneration")
    of_id, of_access = pair({DETAILS: {"groupOverrideDetails": empty}})
    assert not any(name.startswith("cognito:g") for name in {*of_id, *of_access})


def test_groups_stay_where_the_answer_does_not_name_them(pool, in_group, wire, pair):
    wire(pool, "PreTokenGeneration")
    of_id, of_access = pair({DETAILS: {"claimsToAddOrOverride": {"a": "b"}}})
    assert of_id["cognito:groups"] == of_access["cognito:groups"] == ["admins"]


def test_suppressed_groups_take_their_roles_along(pool, in_group, wire, pair):
    wire(pool, "PreTokenGeneration")
    of_id, of_access = pair({DETAILS: {"claimsToSuppress": ["cognito:groups"]}})
    assert not {"cognito:groups", "cognito:roles", "cognito:preferred_role"} & of_id.keys()
    assert of_access["cognito:groups"] == ["admins"]


def test_later_versions_change_the_access_token_and_its_scopes(pool, client, wire, pair):
    wire(pool, version="V2_0")
    of_id, of_access = pair(
        {
            BOTH: {
                "idTokenGeneration": {
                    "claimsToAddOrOverride": {
                        "level": 7,
                        "tags": ["a", {"b": True}],
                        "email_verified": [True],
                        "nothing": None,
                    }
                },
                "accessTokenGeneration": {
                    "claimsToAddOrOverride": {
                        "tenant": {"id": 1},
                        "client_id": "another",
                        "scope": "everything",
                        "aud": client.client_id,
                        "cognito:groups": ["admins"],
                    },
                    "scopesToAdd": ["api/read", "api/write"],
                    "scopesToSuppress": ["aws.cognito.signin.user.admin", "api/write"],
                },
            }
        }
    )
    assert (of_id["level"], of_id["tags"]) == (7, ["a", {"b": True}])
    assert of_id["email_verified"] is False
    assert "nothing" not in of_id
    assert of_access["tenant"] == {"id": 1}
    assert of_access["client_id"] == of_access["aud"] == client.client_id
    assert of_access["scope"] == "api/read"
    assert "cognito:groups" not in of_access
    assert recorder.events[-1]["request"]["scopes"] == ["aws.cognito.signin.user.admin"]


def test_a_new_password_is_still_the_source_after_a_second_factor(idp, pool, client, wire):
    wire(pool, "PreTokenGeneration")
    idp.set_user_pool_mfa_config(
        UserPoolId=pool.id,
        MfaConfiguration="ON",
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )
    idp.admin_create_user(
        UserPoolId=pool.id,
        Username="bob",
        TemporaryPassword="Temporary-Pass-1",
        MessageAction="SUPPRESS",
    )

    def answer(issued, **responses):
        return idp.respond_to_auth_challenge(
            ClientId=client.client_id,
            ChallengeName=issued["ChallengeName"],
            Session=issued["Session"],
            ChallengeResponses={"USERNAME": "bob", **responses},
        )

    issued = idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "bob", "PASSWORD": "Temporary-Pass-1"},
    )
    issued = answer(issued, NEW_PASSWORD="Battery-Staple-7")
    assert issued["ChallengeName"] == "MFA_SETUP"
    made = idp.associate_software_token(Session=issued["Session"])
    verified = idp.verify_software_token(
        Session=made["Session"], UserCode=code_of(made["SecretCode"])
    )
    assert answer({**issued, "Session": verified["Session"]})["AuthenticationResult"]
    assert recorder.sources() == ["TokenGeneration_NewPasswordChallenge"]


def test_another_audience_is_left_out(pool, wire, pair):
    wire(pool, version="V3_0")
    _, of_access = pair(
        {BOTH: {"accessTokenGeneration": {"claimsToAddOrOverride": {"aud": "another"}}}}
    )
    assert "aud" not in of_access


def test_metadata_of_a_sign_in_s_beginning_does_not_arrive(idp, pool, client, user, wire):
    wire(pool, "PreTokenGeneration")
    idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user, "PASSWORD": "Correct-Horse-9"},
        ClientMetadata={"from": "initiate"},
    )
    assert recorder.events[-1]["request"]["clientMetadata"] is None


def test_a_new_password_has_a_source_of_its_own(idp, pool, client, wire):
    wire(pool, "PreTokenGeneration")
    idp.admin_create_user(
        UserPoolId=pool.id,
        Username="bob",
        TemporaryPassword="Temporary-Pass-1",
        MessageAction="SUPPRESS",
    )
    begun = idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "bob", "PASSWORD": "Temporary-Pass-1"},
    )
    assert recorder.events == []
    idp.respond_to_auth_challenge(
        ClientId=client.client_id,
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=begun["Session"],
        ChallengeResponses={"USERNAME": "bob", "NEW_PASSWORD": "Correct-Horse-9"},
        ClientMetadata={"from": "respond"},
    )
    assert recorder.sources() == ["TokenGeneration_NewPasswordChallenge"]
    request = recorder.events[-1]["request"]
    assert request["clientMetadata"] == {"from": "respond"}
    assert request["userAttributes"]["cognito:user_status"] == "CONFIRMED"


def refresh(idp, client, token, **metadata):
    return idp.get_tokens_from_refresh_token(
        ClientId=client.client_id, RefreshToken=token, **metadata
    )["AuthenticationResult"]


@pytest.fixture
def rotating(pool, make_client):
    return make_client(
        pool,
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
    )


def test_a_refresh_runs_it_with_the_call_s_metadata(idp, pool, rotating, user, sign_in, wire):
    token = sign_in(rotating)["RefreshToken"]
    wire(pool, "PreTokenGeneration")
    source = "TokenGeneration_RefreshTokens"
    recorder.answers[source] = {DETAILS: {"claimsToAddOrOverride": {"again": "yes"}}}
    made = refresh(idp, rotating, token, ClientMetadata={"from": "refresh"})
    assert claims(made["IdToken"])["again"] == "yes"
    assert recorder.sources() == [source]
    assert recorder.events[-1]["request"]["clientMetadata"] == {"from": "refresh"}


def test_a_failure_does_not_cost_the_refresh_token(idp, pool, rotating, user, sign_in, wire):
    token = sign_in(rotating)["RefreshToken"]
    wire(pool, "PreTokenGeneration")
    recorder.answers["TokenGeneration_RefreshTokens"] = ValueError("later")
    refused(idp, "UserLambdaValidationException", lambda: refresh(idp, rotating, token))
    recorder.answers.clear()
    assert refresh(idp, rotating, token)["RefreshToken"] != token


def test_a_reused_refresh_token_runs_nothing(idp, pool, rotating, user, sign_in, wire):
    token = sign_in(rotating)["RefreshToken"]
    refresh(idp, rotating, token)
    wire(pool, "PreTokenGeneration")
    refused(idp, "RefreshTokenReuseException", lambda: refresh(idp, rotating, token))
    assert recorder.events == []
