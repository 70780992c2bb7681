import base64
from datetime import UTC, datetime

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from userpools.awsjson.errors import InvalidParameterException, SerializationException
from userpools.awsjson.validation import checker, describe, refuse

MODEL = ServiceModel(Loader().load_service_model("cognito-idp", "service-2"), "cognito-idp")
POOL = "us-east-1_Abc123"


def check(shape, value):
    violations = []
    answer = checker("cognito-idp", MODEL.shape_for(shape))(value, "", violations)
    refuse(violations)
    return answer


def refusal(shape, value):
    with pytest.raises(InvalidParameterException) as caught:
        check(shape, value)
    return caught.value.message


def wrong_type(shape, value):
    with pytest.raises(SerializationException) as caught:
        check(shape, value)
    return caught.value.message


def test_a_broken_pattern_shows_value_path_and_pattern():
    assert refusal("DescribeUserPoolRequest", {"UserPoolId": "x"}) == (
        "1 validation error detected: Value 'x' at 'userPoolId' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+"
    )


def test_a_missing_member_shows_no_value():
    assert refusal("DescribeUserPoolRequest", {}) == (
        "1 validation error detected: Value at 'userPoolId' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_null_counts_as_missing():
    assert "Member must not be null" in refusal("DescribeUserPoolRequest", {"UserPoolId": None})


def test_several_violations_are_counted_and_joined():
    message = refusal("CreateGroupRequest", {"UserPoolId": "x", "Precedence": -1})
    head, _, rest = message.partition(" detected: ")
    assert head == "3 validation errors"
    assert {part.split("'")[-2] for part in rest.replace("'x' at ", "").split("; ")} == {
        "userPoolId",
        "groupName",
        "precedence",
    }


def test_an_empty_value_breaks_length_and_pattern():
    message = refusal("DescribeUserPoolRequest", {"UserPoolId": ""})
    assert message.startswith("2 validation errors detected: ")
    assert "Member must have length greater than or equal to 1" in message


def test_a_long_value_is_named_too_long_alone():
    assert refusal("DescribeUserPoolRequest", {"UserPoolId": "a_" + "1" * 54}).endswith(
        "Member must have length less than or equal to 55"
    )


def test_sensitive_values_are_not_shown():
    message = refusal(
        "SignUpRequest", {"ClientId": "a b", "Username": "two words", "Password": " secret "}
    )
    assert "a b" not in message
    assert "two words" not in message
    assert "secret" not in message
    assert "Value at 'password' failed" in message


def test_a_huge_value_is_not_echoed():
    message = refusal("CreateUserPoolRequest", {"PoolName": "x" * 100_000})
    assert len(message) < 500


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-1, "Value '-1' at 'precedence'"),
        (-1, "Member must have value greater than or equal to 0"),
    ],
)
def test_a_number_below_its_minimum(value, text):
    group = {"UserPoolId": POOL, "GroupName": "g", "Precedence": value}
    assert text in refusal("CreateGroupRequest", group)


def test_a_number_above_its_maximum():
    assert "Member must have value less than or equal to 60" in refusal(
        "ListUserPoolsRequest", {"MaxResults": 61}
    )


def test_an_enumeration_names_its_values():
    message = refusal(
        "AdminCreateUserRequest",
        {"UserPoolId": POOL, "Username": "joe", "MessageAction": "RESENT"},
    )
    assert message.endswith(
        "Value 'RESENT' at 'messageAction' failed to satisfy constraint: "
        "Member must satisfy enum value set: [RESEND, SUPPRESS]"
    )


def test_a_path_into_a_list_of_structures_counts_from_one():
    message = refusal(
        "SignUpRequest",
        {"ClientId": "abc", "Username": "joe", "UserAttributes": [{"Name": "a"}, {"Value": "x"}]},
    )
    assert "Value at 'userAttributes.2.member.name' failed" in message


def test_a_path_into_a_structure_is_dotted_and_lower_camel():
    message = refusal(
        "CreateUserPoolRequest",
        {"PoolName": "p", "Policies": {"PasswordPolicy": {"MinimumLength": 5}}},
    )
    assert "Value '5' at 'policies.passwordPolicy.minimumLength' failed" in message


def test_a_list_of_scalars_reports_at_the_list_with_all_constraints():
    message = refusal(
        "CreateUserPoolClientRequest",
        {"UserPoolId": POOL, "ClientName": "c", "AllowedOAuthScopes": ["openid", "a b"]},
    )
    assert message == (
        "1 validation error detected: Value '[openid, a b]' at 'allowedOAuthScopes' failed to "
        "satisfy constraint: Member must satisfy constraint: "
        "[Member must have length less than or equal to 256, "
        "Member must have length greater than or equal to 1, "
        r"Member must satisfy regular expression pattern: [\x21\x23-\x5B\x5D-\x7E]+]"
    )


def test_a_list_that_is_too_long():
    message = refusal(
        "CreateUserPoolClientRequest",
        {"UserPoolId": POOL, "ClientName": "c", "AllowedOAuthScopes": ["a"] * 51},
    )
    assert "at 'allowedOAuthScopes' failed" in message
    assert "Member must have length less than or equal to 50" in message


def test_a_list_that_is_too_short():
    message = refusal("AddCustomAttributesRequest", {"UserPoolId": POOL, "CustomAttributes": []})
    assert "Member must have length greater than or equal to 1" in message


def test_a_map_reports_keys_and_values_at_the_map():
    message = refusal(
        "TagResourceRequest", {"ResourceArn": "arn", "Tags": {"k" * 129: "v", "ok": "v" * 257}}
    )
    assert "at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [" in message
    assert "at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [" in message


def test_a_sensitive_map_is_not_shown():
    message = refusal(
        "InitiateAuthRequest",
        {
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": "abc",
            "AuthParameters": {"PASSWORD": "hunter2" * 20_000},
        },
    )
    assert "hunter2" not in message


def test_null_map_values_are_dropped():
    answer = check(
        "RespondToAuthChallengeRequest",
        {
            "ClientId": "abc",
            "ChallengeName": "PASSWORD_VERIFIER",
            "ChallengeResponses": {"USERNAME": "joe", "DEVICE_KEY": None},
        },
    )
    assert answer["ChallengeResponses"] == {"USERNAME": "joe"}


def test_null_list_items_are_dropped():
    answer = check(
        "AdminCreateUserRequest",
        {
            "UserPoolId": POOL,
            "Username": "joe",
            "DesiredDeliveryMediums": ["SMS", None],
            "UserAttributes": [None, {"Name": "email", "Value": None}],
        },
    )
    assert answer["DesiredDeliveryMediums"] == ["SMS"]
    assert answer["UserAttributes"] == [{"Name": "email"}]


def test_unknown_members_are_dropped_at_every_level():
    answer = check(
        "CreateUserPoolRequest",
        {"PoolName": "p", "X": 1, "Policies": {"Y": 2, "PasswordPolicy": {"Z": 3}}},
    )
    assert answer == {"PoolName": "p", "Policies": {"PasswordPolicy": {}}}


@pytest.mark.parametrize(
    ("shape", "value", "message"),
    [
        ("StringType", 1, "NUMBER_VALUE can not be converted to a String"),
        ("StringType", 1.5, "NUMBER_VALUE can not be converted to a String"),
        ("StringType", True, "TRUE_VALUE can not be converted to a String"),
        ("StringType", False, "FALSE_VALUE can not be converted to a String"),
        ("StringType", [], "Start of list found where not expected"),
        ("StringType", {}, "Start of structure or map found where not expected."),
        ("QueryLimitType", "1", "STRING_VALUE can not be converted to an Integer"),
        ("QueryLimitType", True, "TRUE_VALUE can not be converted to an Integer"),
        ("QueryLimitType", 1.5, "NUMBER_VALUE can not be converted to an Integer"),
        ("IntegerType", 2**31, "NUMBER_VALUE can not be converted to an Integer"),
        ("IntegerType", 1e300, "NUMBER_VALUE can not be converted to an Integer"),
        ("LongType", 2**63, "NUMBER_VALUE can not be converted to a Long"),
        ("BooleanType", 1, "NUMBER_VALUE can not be converted to a Boolean"),
        ("BooleanType", "true", "STRING_VALUE can not be converted to a Boolean"),
        ("DateType", "2026-01-01", "STRING_VALUE can not be converted to a Timestamp"),
        ("DateType", 1e18, "NUMBER_VALUE can not be converted to a Timestamp"),
        ("ScopeListType", "a", "Expected list or null"),
        ("ScopeListType", {}, "Start of structure or map found where not expected."),
        ("ScopeListType", [1], "NUMBER_VALUE can not be converted to a String"),
        ("AttributeListType", "a", "Expected list or null"),
        ("AttributeListType", ["a"], "Expected null"),
        ("AttributeListType", [[]], "Start of list found where not expected"),
        ("AttributeType", "a", "Expected null"),
        ("ClientMetadataType", [], "Start of list found where not expected"),
        ("ClientMetadataType", "x", "Expected null"),
        ("ClientMetadataType", {"a": 1}, "NUMBER_VALUE can not be converted to a String"),
        ("ImageFileType", "not base64", "Invalid base64 in a binary member"),
        ("Document", [], "Start of list found where not expected"),
    ],
)
def test_a_wrong_json_type_is_a_serialization_error(shape, value, message):
    assert wrong_type(shape, value) == message


def test_a_wrong_type_wins_over_broken_constraints():
    wrong_type("CreateGroupRequest", {"UserPoolId": "x", "GroupName": 7})


def test_timestamps_become_aware_datetimes():
    assert check("DateType", 1.5) == datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)


def test_blobs_are_decoded_and_measured_in_bytes():
    assert check("ImageFileType", base64.b64encode(b"\x00\xff").decode()) == b"\x00\xff"
    too_long = base64.b64encode(b"\x00" * 131_073).decode()
    assert "Member must have length less than or equal to 131072" in refusal(
        "SetUICustomizationRequest", {"UserPoolId": POOL, "ImageFile": too_long}
    )


def test_whole_floats_are_integers():
    assert check("QueryLimitType", 3.0) == 3


def test_documents_pass_as_they_are():
    settings = {"a": [1, {"b": None}]}
    assert check("Document", settings) == settings


@pytest.mark.parametrize("name", ["Ω", "名前", "e\u0301", "a-b.c@d", "🦊"])
def test_usernames_take_letters_marks_symbols_of_any_script(name):
    assert check("UsernameType", name) == name


@pytest.mark.parametrize("name", ["a b", "a\u00a0b", "a\tb", "a\u200bb", ""])
def test_usernames_take_no_spaces_or_format_characters(name):
    refusal("UsernameType", name)


@pytest.mark.parametrize("pool_id", ["us-east-1_é", "us-east-1_\u0661", "ü-1_a", "us-east-1_a\n"])
def test_word_characters_and_digits_are_ascii(pool_id):
    refusal("UserPoolIdType", pool_id)


def test_space_that_java_does_not_know_is_not_space():
    assert check("ConfirmationCodeType", "12\u00a034") == "12\u00a034"
    refusal("ConfirmationCodeType", "12 34")


def test_a_dot_stops_at_line_terminators():
    refusal("SmsVerificationMessageType", "line\u2028{####}")
    assert check("SmsInviteMessageType", "a\nb{username}{####}")


def test_patterns_match_the_whole_value():
    refusal("HexStringType", "abc\n")
    refusal("SecretCodeType", "ab-c")


def test_a_flood_of_violations_is_cut():
    violations = []
    check_ = checker("cognito-idp", MODEL.shape_for("AttributeListType"))
    check_([{} for _ in range(50_000)], "userAttributes", violations)
    assert len(violations) <= 101
    assert describe(violations).startswith(f"{len(violations)} validation errors detected")


def test_every_shape_of_both_services_compiles():
    for name in ("cognito-idp", "cognito-identity"):
        model = ServiceModel(Loader().load_service_model(name, "service-2"), name)
        for shape in model.shape_names:
            checker(name, model.shape_for(shape))
