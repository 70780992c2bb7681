"""What functions may answer."""

import pytest

from triggers.events import Occasion
from triggers.responses import UnusableAnswer, usable_response
from userpools.models import UserPool

PRE_SIGN_UP = {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False}
MESSAGE = {"smsMessage": None, "emailMessage": None, "emailSubject": None}
MARKS = {"codeParameter": "{####}", "usernameParameter": None}
LINKS = {"VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_LINK"}}


def occasion(source="PreSignUp_SignUp", request=MARKS, configuration=None):
    pool = UserPool(id="eu-west-1_x", region="eu-west-1", configuration=configuration or {})
    return Occasion(source, pool, None, "jane", request, {})


def answered(response, source="PreSignUp_SignUp", default=PRE_SIGN_UP, **members):
    return usable_response({"response": response}, occasion(source, **members), dict(default))


@pytest.mark.parametrize("answer", [None, [], "text", 7, True, {}, {"response": None},
                                    {"response": []}, {"response": "x"}])  # fmt: skip
def test_what_is_no_event_with_a_response_is_unusable(answer):
    with pytest.raises(UnusableAnswer):
        usable_response(answer, occasion(), dict(PRE_SIGN_UP))


@pytest.mark.parametrize("response", [{}, {"autoConfirmUser": None}, {"other": object}])
def test_what_is_absent_null_or_unknown_leaves_the_default(response):
    assert answered(response) == PRE_SIGN_UP


@pytest.mark.parametrize(
    ("source", "response"),
    [
        ("PreSignUp_SignUp", {"autoConfirmUser": "true"}),
        ("PreSignUp_SignUp", {"autoVerifyEmail": 1}),
        ("DefineAuthChallenge_Authentication", {"issueTokens": "yes"}),
        ("DefineAuthChallenge_Authentication", {"challengeName": "SRP_A"}),
        ("DefineAuthChallenge_Authentication", {"challengeName": 5}),
        ("CreateAuthChallenge_Authentication", {"publicChallengeParameters": {"a": 1}}),
        ("CreateAuthChallenge_Authentication", {"privateChallengeParameters": ["a"]}),
        ("CreateAuthChallenge_Authentication", {"privateChallengeParameters": {"a": None}}),
        ("CreateAuthChallenge_Authentication", {"challengeMetadata": {"a": "b"}}),
        ("VerifyAuthChallengeResponse_Authentication", {"answerCorrect": "true"}),
        ("TokenGeneration_Authentication", {"claimsOverrideDetails": []}),
        (
            "TokenGeneration_Authentication",
            {"claimsOverrideDetails": {"claimsToAddOrOverride": {"level": 5}}},
        ),
        (
            "TokenGeneration_Authentication",
            {"claimsOverrideDetails": {"claimsToSuppress": "email"}},
        ),
        (
            "TokenGeneration_Authentication",
            {"claimsOverrideDetails": {"groupOverrideDetails": {"groupsToOverride": "a"}}},
        ),
        (
            "TokenGeneration_Authentication",
            {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": {"scopesToAdd": ["a b"]}}},
        ),
        ("UserMigration_Authentication", {"userAttributes": {"email": True}}),
        ("UserMigration_Authentication", {"userAttributes": {"email": "a\x00b"}}),
        ("UserMigration_Authentication", {"desiredDeliveryMediums": ["PIGEON"]}),
        ("UserMigration_Authentication", {"finalUserStatus": True}),
        ("CustomMessage_SignUp", {"emailMessage": 5}),
        ("InboundFederation_ExternalProvider", {"userAttributesToMap": {"email": ["a"]}}),
    ],
)
def test_a_member_of_the_wrong_type_makes_the_answer_unusable(source, response):
    with pytest.raises(UnusableAnswer) as caught:
        answered(response, source, dict.fromkeys(response))
    assert next(iter(response)) in str(caught.value)


def test_the_error_names_the_member_and_not_the_value():
    with pytest.raises(UnusableAnswer) as caught:
        answered(
            {"privateChallengeParameters": {"code": 123456}}, "CreateAuthChallenge_Authentication"
        )
    assert str(caught.value) == "privateChallengeParameters.code must be a text."


def test_documented_members_alone_come_through():
    response = {"autoConfirmUser": True, "isAdministrator": True}
    assert answered(response) == {**PRE_SIGN_UP, "autoConfirmUser": True}


def test_the_first_version_of_claims():
    details = {
        "claimsToAddOrOverride": {"tier": "gold"},
        "claimsToSuppress": ["email"],
        "groupOverrideDetails": {"groupsToOverride": ["b"], "preferredRole": None},
    }
    assert answered(
        {"claimsOverrideDetails": details},
        "TokenGeneration_Authentication",
        {"claimsOverrideDetails": None},
    ) == {"claimsOverrideDetails": details}


def test_groups_left_out_and_groups_that_are_null_stay_apart():
    for details in ({}, {"groupOverrideDetails": None}):
        answer = answered(
            {"claimsOverrideDetails": details},
            "TokenGeneration_Authentication",
            {"claimsOverrideDetails": None},
        )
        assert answer["claimsOverrideDetails"] == details


def test_the_later_versions_take_claims_of_any_form():
    details = {
        "idTokenGeneration": {"claimsToAddOrOverride": {"a": [1, {"b": None}]}},
        "accessTokenGeneration": {"scopesToAdd": ["api/read"], "scopesToSuppress": []},
    }
    assert answered(
        {"claimsAndScopeOverrideDetails": details},
        "TokenGeneration_HostedAuth",
        {"claimsAndScopeOverrideDetails": None},
    ) == {"claimsAndScopeOverrideDetails": details}


@pytest.mark.parametrize("member", ["smsMessage", "emailMessage"])
def test_a_message_without_the_code_s_mark_is_unusable(member):
    with pytest.raises(UnusableAnswer, match="codeParameter"):
        answered({member: "Hello"}, "CustomMessage_ForgotPassword", MESSAGE)


def test_an_invitation_needs_the_user_name_s_mark_too():
    marks = {"codeParameter": "{####}", "usernameParameter": "{username}"}
    with pytest.raises(UnusableAnswer, match="usernameParameter"):
        answered(
            {"emailMessage": "Code {####}"},
            "CustomMessage_AdminCreateUser",
            MESSAGE,
            request=marks,
        )
    whole = {"emailMessage": "Hello {username}, {####}"}
    answered(whole, "CustomMessage_AdminCreateUser", MESSAGE, request=marks)


@pytest.mark.parametrize("source", ["CustomMessage_SignUp", "CustomMessage_ResendCode"])
def test_a_link_stands_for_the_code_in_pools_that_send_links(source):
    text = {"emailMessage": "Click {##here##}"}
    answered(text, source, MESSAGE, configuration=LINKS)
    with pytest.raises(UnusableAnswer):
        answered(text, source, MESSAGE)
    with pytest.raises(UnusableAnswer):
        answered({"smsMessage": "Click {##here##}"}, source, MESSAGE, configuration=LINKS)


def test_a_link_stands_for_no_code_elsewhere():
    with pytest.raises(UnusableAnswer):
        answered(
            {"emailMessage": "Click {##here##}"},
            "CustomMessage_ForgotPassword",
            MESSAGE,
            configuration=LINKS,
        )


@pytest.mark.parametrize(
    ("member", "limit"), [("smsMessage", 140), ("emailMessage", 20_000), ("emailSubject", 140)]
)
def test_messages_have_a_length(member, limit):
    longest = "{####}" + "é" * (limit - 6)
    assert answered({member: longest}, "CustomMessage_SignUp", MESSAGE)[member] == longest
    with pytest.raises(UnusableAnswer, match="at most"):
        answered({member: longest + "é"}, "CustomMessage_SignUp", MESSAGE)


def test_a_message_left_out_falls_back_to_the_pool_s():
    assert answered({"emailSubject": "Hi"}, "CustomMessage_SignUp", MESSAGE) == {
        **MESSAGE,
        "emailSubject": "Hi",
    }
