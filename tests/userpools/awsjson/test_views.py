import json

import pytest
import structlog
from django.test import RequestFactory

from userpools.awsjson.errors import AwsError
from userpools.awsjson.handlers import header_text
from userpools.awsjson.service import Service
from userpools.awsjson.throttling import Category

from .conftest import ACCOUNT, CALLER, KEY_ID, MEDIA_TYPE, PREFIX, Wire

GROUP = {"UserPoolId": "us-east-1_Abc", "GroupName": "editors"}
POOL_ARN = f"arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/us-east-1_Abc"


def parsed(response):
    return json.loads(response.content)


def code(response):
    return parsed(response)["__type"]


# Answers


def test_an_answer_is_filtered_through_the_output_shape(wire):
    response = wire.signed("CreateGroup", GROUP)
    assert response.status_code == 200
    assert parsed(response) == {"Group": {"GroupName": "editors", "UserPoolId": "us-east-1_Abc"}}


def test_arguments_that_were_not_sent_keep_their_defaults(wire, calls):
    wire.signed("CreateGroup", {**GROUP, "Description": None})
    assert calls[0][1:] == ("us-east-1_Abc", "editors", "", None)


def test_the_rest_arrives_in_snake_case(wire, calls):
    attributes = [{"Name": "email", "Value": "a@example.com"}]
    wire.unsigned(
        "SignUp", {"ClientId": "abc", "Username": "joe", "UserAttributes": attributes, "X": 1}
    )
    assert calls[0][1] == {"user_attributes": attributes}


def test_an_operation_without_output_answers_an_empty_object(wire):
    response = wire.unsigned("SetUserSettings", {"AccessToken": "a", "MFAOptions": []})
    assert (response.status_code, response.content) == (200, b"{}")


def test_the_call_says_who_and_where(wire, calls):
    response = wire.signed("CreateGroup", GROUP, **{"User-Agent": "aws-cli"})
    call = calls[0][0]
    assert call.operation == "CreateGroup"
    assert call.caller == CALLER
    assert call.client_address == "127.0.0.1"
    assert call.user_agent == "aws-cli"
    assert call.request_id == response["x-amzn-RequestId"]


def test_an_unsigned_call_has_the_default_region_and_account(wire, calls):
    wire.unsigned("SignUp", {"ClientId": "abc", "Username": "joe"})
    call = calls[0][0]
    assert (call.caller, call.region, call.account_id) == (None, "eu-west-1", ACCOUNT)


# Headers


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("SignUp", {"ClientId": "abc", "Username": "joe"}),
        ("SignUp", {}),
        ("SignUp", b"{"),
        ("Nothing", {}),
        ("CreateGroup", {}),
    ],
)
def test_every_answer_has_type_request_id_and_cors(wire, operation, body):
    response = wire.unsigned(operation, body)
    assert response["Content-Type"] == MEDIA_TYPE
    assert len(response["x-amzn-RequestId"]) == 36
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Access-Control-Expose-Headers"] == (
        "x-amzn-requestid,x-amzn-errortype,x-amzn-errormessage,date"
    )


def test_an_error_is_told_in_body_and_headers(wire):
    response = wire.signed("CreateGroup", {**GROUP, "GroupName": "taken"})
    assert response.status_code == 400
    assert parsed(response) == {
        "__type": "GroupExistsException",
        "message": "A group with the name already exists.",
    }
    assert response["x-amzn-ErrorType"] == "GroupExistsException:"
    assert response["x-amzn-ErrorMessage"] == "A group with the name already exists."


def test_a_message_in_the_header_is_one_printable_line():
    assert header_text("a\r\nSet-Cookie: x\x7f\x85") == "aSet-Cookie: x"
    assert header_text("Ünï 100%") == "%C3%9Cn%C3%AF 100%"
    assert header_text("a\ud800") == "a?"


def test_a_message_in_the_header_is_cut_at_one_kilobyte_between_characters():
    assert header_text("x" * 5000) == "x" * 1024
    assert header_text("é" * 5000) == "%C3%A9" * 170


def test_a_preflight_allows_any_origin_and_the_headers_asked_for(wire):
    request = RequestFactory().options(
        "/",
        HTTP_ORIGIN="https://app.example.com",
        HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST",
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS="content-type,x-amz-target, x-amz-user-agent",
    )
    response = wire.view(request)
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Access-Control-Allow-Methods"] == "POST"
    assert response["Access-Control-Allow-Headers"] == "content-type,x-amz-target,x-amz-user-agent"
    assert response["Access-Control-Max-Age"] == "172800"


def test_a_preflight_echoes_header_names_only(wire):
    request = RequestFactory().options(
        "/", HTTP_ACCESS_CONTROL_REQUEST_HEADERS="x-a,é,a b,c:d,,x-b"
    )
    assert wire.view(request)["Access-Control-Allow-Headers"] == "x-a,x-b"


# Refusals before the operation


@pytest.mark.parametrize("target", ["", "CreateGroup", "X.CreateGroup", f"{PREFIX}.DeleteGroup"])
def test_an_unknown_or_unserved_target_is_an_unknown_operation(wire, target):
    response = wire.send({}, {"X-Amz-Target": target})
    assert response.status_code == 400
    assert code(response) == "UnknownOperationException"


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "", "multipart/x"])
def test_another_content_type_is_an_unknown_operation(wire, calls, media_type):
    response = wire.unsigned("SignUp", {}, **{"Content-Type": media_type})
    assert code(response) == "UnknownOperationException"
    assert calls == []


def test_a_charset_beside_the_content_type_is_fine(wire):
    response = wire.unsigned(
        "SignUp",
        {"ClientId": "abc", "Username": "joe"},
        **{"Content-Type": "Application/X-Amz-JSON-1.1; charset=utf-8"},
    )
    assert response.status_code == 200


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_other_methods_are_refused_in_json(wire, method):
    response = wire.send(b"", {}, method=method)
    assert response.status_code == 405
    assert code(response) == "UnknownOperationException"


def test_a_body_over_two_megabytes_is_refused(wire, calls):
    body = {"ClientId": "abc", "Username": "joe", "X": "x" * (2 * 1024 * 1024)}
    response = wire.unsigned("SignUp", body)
    assert response.status_code == 413
    assert code(response) == "RequestEntityTooLargeException"
    assert calls == []


def test_an_announced_length_is_believed_before_reading(wire):
    class Untouchable:
        def read(self, *args):
            raise AssertionError("the body was read")

    request = RequestFactory().post("/", b"", content_type=MEDIA_TYPE)
    request.META["CONTENT_LENGTH"] = str(2 * 1024 * 1024 + 1)
    request._stream = Untouchable()
    assert wire.view(request).status_code == 413


def test_a_body_of_just_two_megabytes_is_read(wire):
    head = b'{"ClientId":"abc","Username":"joe","X":"'
    body = head + b"x" * (2 * 1024 * 1024 - len(head) - 2) + b'"}'
    assert wire.unsigned("SignUp", body).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nope",
        b"[]",
        b"null",
        b'"x"',
        b"1",
        b'{"a":1,}',
        b'{"a":1} {}',
        b'{"a":NaN}',
        b'{"ClientId":"\xff"}',
        b'{"ClientId":"\\ud800"}',
        b'{"ClientId":"abc","Username":"a\\u0000b"}',
        b'{"ClientId":"abc","Username":"joe","UserAttributes":[{"Name":"a","Value":"\\u0000"}]}',
        b'{"ClientId":"abc","Username":"joe","ClientMetadata":{"\\u0000":"x"}}',
        b'{"a":' + b"[" * 64 + b"]" * 64 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xef\xbb\xbf{}",
    ],
)
def test_a_body_that_is_no_plain_object_is_a_serialization_error(wire, calls, body):
    response = wire.unsigned("SignUp", body)
    assert response.status_code == 400
    assert code(response) == "SerializationException"
    assert calls == []


@pytest.mark.parametrize(
    "extra", ['"\\\\u0000"', "[" * 62 + "]" * 62, '"' + "{[" * 100 + '"', "[" + "{}," * 99 + "{}]"]
)
def test_what_only_looks_deep_or_null_is_fine(wire, extra):
    body = f'{{"ClientId":"abc","Username":"joe","X":{extra}}}'.encode()
    assert wire.unsigned("SignUp", body).status_code == 200


def test_of_a_repeated_key_the_last_counts(wire, calls):
    wire.signed("CreateGroup", b'{"UserPoolId":"a_1","UserPoolId":"b_2","GroupName":"g"}')
    assert calls[0][1] == "b_2"


def test_a_null_challenge_response_is_accepted(wire, calls):
    wire.unsigned(
        "RespondToAuthChallenge",
        {
            "ClientId": "abc",
            "ChallengeName": "PASSWORD_VERIFIER",
            "ChallengeResponses": {"USERNAME": "joe", "DEVICE_KEY": None},
        },
    )
    assert calls[0][1] == {"challenge_responses": {"USERNAME": "joe"}}


# Signatures


def test_a_foreign_authorization_is_ignored_where_none_is_wanted(wire):
    for authorization in ("Bearer abc", "AWS4-HMAC-SHA256 nonsense", "Basic x"):
        response = wire.unsigned(
            "SignUp", {"ClientId": "abc", "Username": "joe"}, Authorization=authorization
        )
        assert response.status_code == 200


def test_an_optional_signature_may_be_absent(wire, calls):
    body = {"ClientId": "abc", "Secret": "s" * 24}
    assert wire.unsigned("GetClientToken", body).status_code == 200
    assert calls[0][0].caller is None


def test_an_optional_signature_is_used_when_it_is_there(wire, calls, policies):
    body = {"ClientId": "abc", "Secret": "s" * 24}
    assert wire.signed("GetClientToken", body).status_code == 200
    assert calls[0][0].caller == CALLER
    assert policies.asked == []


def test_a_wrong_optional_signature_is_refused(wire):
    response = wire.unsigned(
        "GetClientToken", {}, Authorization="AWS4-HMAC-SHA256 Credential=nonsense"
    )
    assert code(response) == "IncompleteSignatureException"


# Policies


def test_a_pool_in_the_body_is_the_resource(wire, policies):
    wire.signed("CreateGroup", GROUP)
    assert policies.asked == [(KEY_ID, "cognito-idp:CreateGroup", POOL_ARN)]


def test_a_refusal_names_caller_action_and_resource(wire, policies, calls):
    policies.allowed = False
    response = wire.signed("CreateGroup", GROUP)
    assert response.status_code == 400
    assert parsed(response) == {
        "__type": "AccessDeniedException",
        "message": f"User: {CALLER.arn} is not authorized to perform: cognito-idp:CreateGroup on "
        f"resource: {POOL_ARN} because no identity-based policy allows the "
        "cognito-idp:CreateGroup action",
    }
    assert calls == []


def test_a_list_asks_for_the_action_on_any_resource(wire, policies):
    wire.signed("ListUserPools", {"MaxResults": 1})
    assert policies.asked == [(KEY_ID, "cognito-idp:ListUserPools", None)]


def test_permission_is_refused_before_constraints_are_explained(wire, policies):
    policies.allowed = False
    response = wire.signed("CreateGroup", {"UserPoolId": 7})
    assert code(response) == "AccessDeniedException"
    assert policies.asked == [(KEY_ID, "cognito-idp:CreateGroup", "*")]


def test_a_member_that_the_operation_does_not_have_names_no_resource(policies):
    toy = Service("cognito-idp")

    @toy.operation("DescribeUserPoolDomain", category=Category.USER_POOL_READ)
    def describe(call, *, domain):
        return {}

    wire = Wire(toy)
    wire.signed("DescribeUserPoolDomain", {"Domain": "d", "UserPoolId": "us-east-1_Abc"})
    assert policies.asked == [(KEY_ID, "cognito-idp:DescribeUserPoolDomain", "*")]


def test_a_resource_arn_in_the_body_is_the_resource(policies):
    toy = Service("cognito-idp")

    @toy.operation("ListTagsForResource", category=Category.USER_POOL_RESOURCE_READ)
    def list_tags(call, *, resource_arn):
        return {}

    Wire(toy).signed("ListTagsForResource", {"ResourceArn": POOL_ARN})
    assert policies.asked == [(KEY_ID, "cognito-idp:ListTagsForResource", POOL_ARN)]


# Rates


def test_account_and_pool_are_counted_once_each(wire, rates):
    wire.signed("CreateGroup", GROUP)
    category = Category.USER_POOL_RESOURCE_UPDATE
    assert rates.taken == [
        (category, ACCOUNT, "us-east-1", None),
        (category, ACCOUNT, "us-east-1", "us-east-1_Abc"),
    ]


def test_an_empty_account_allowance_refuses_before_the_body_is_read(wire, rates):
    rates.empty.add(ACCOUNT)
    response = wire.unsigned("SignUp", b"{")
    assert response.status_code == 400
    assert parsed(response) == {"__type": "TooManyRequestsException", "message": "Rate exceeded"}


def test_an_empty_pool_allowance_refuses_the_valid_call(wire, rates, calls):
    rates.empty.add("us-east-1_Abc")
    assert code(wire.signed("CreateGroup", GROUP)) == "TooManyRequestsException"
    assert calls == []


def test_an_operation_without_that_error_says_throttling(wire, rates):
    rates.empty.add(ACCOUNT)
    response = wire.unsigned("SetUserSettings", {"AccessToken": "a", "MFAOptions": []})
    assert code(response) == "ThrottlingException"


def test_an_unverified_signature_counts_nothing(wire, rates):
    wire.unsigned("CreateGroup", GROUP)
    assert rates.taken == []


# Faults


def test_a_crash_is_a_fault_without_details(wire):
    response = wire.signed("CreateGroup", {**GROUP, "GroupName": "crash"})
    assert response.status_code == 500
    assert code(response) == "InternalErrorException"
    assert b"secret detail" not in response.content
    assert response["Access-Control-Allow-Origin"] == "*"


def toy_answering(answer):
    toy = Service("cognito-idp")

    @toy.operation("DescribeUserPool", category=Category.USER_POOL_READ)
    def describe(call, *, user_pool_id):
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Wire(toy)


@pytest.mark.parametrize(
    "answer",
    [
        {"UserPool": {"Name": 7}},
        {"UserPool": {"Id": "not a pool id"}},
        {"UserPool": {"MfaConfiguration": "SOMETIMES"}},
        {"UserPool": "x"},
        {"UserPool": {"SchemaAttributes": [{"Name": "x" * 32}]}},
        {"UserPool": {"Name": "\ud800"}},
    ],
)
def test_an_answer_that_breaks_the_model_is_a_fault_under_test(answer):
    response = toy_answering(answer).signed("DescribeUserPool", {"UserPoolId": "a_1"})
    assert response.status_code == 500
    assert code(response) == "InternalErrorException"


def test_an_answer_that_cannot_be_written_is_a_fault_in_production(configuration):
    configuration(check_output=False)
    wire = toy_answering({"UserPool": {"Name": object()}})
    response = wire.signed("DescribeUserPool", {"UserPoolId": "a_1"})
    assert response.status_code == 500
    assert code(response) == "InternalErrorException"
    assert response["x-amzn-RequestId"]


class CodeMismatchException(AwsError):
    default_message = "Invalid code"


def test_an_unmodelled_error_is_a_fault_under_test():
    wire = toy_answering(CodeMismatchException())
    response = wire.signed("DescribeUserPool", {"UserPoolId": "a_1"})
    assert response.status_code == 500
    assert "does not list CodeMismatchException" in parsed(response)["message"]


def test_an_unmodelled_error_stays_a_client_error_in_production(configuration):
    configuration(check_output=False)
    wire = toy_answering(CodeMismatchException())
    response = wire.signed("DescribeUserPool", {"UserPoolId": "a_1"})
    assert response.status_code == 400
    assert parsed(response) == {"__type": "InvalidParameterException", "message": "Invalid code"}


def test_an_operations_own_throttling_is_told(wire):
    response = wire.signed("CreateGroup", {**GROUP, "GroupName": "busy"})
    assert code(response) == "TooManyRequestsException"


# Records


def test_one_line_is_logged_for_a_request_and_holds_no_input(wire):
    body = {"ClientId": "abc", "Username": "joe", "Password": "hunter22"}
    with structlog.testing.capture_logs() as lines:
        response = wire.unsigned("SignUp", body)
    (line,) = lines
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "operation": "SignUp",
        "status": 200,
        "error": "",
        "request_id": response["x-amzn-RequestId"],
        "access_key_id": "",
        "client_address": "127.0.0.1",
    }


def test_the_line_of_a_refusal_names_error_and_key(wire, policies):
    policies.allowed = False
    with structlog.testing.capture_logs() as lines:
        wire.signed("CreateGroup", GROUP)
    assert lines[0]["error"] == "AccessDeniedException"
    assert lines[0]["access_key_id"] == KEY_ID


def test_an_observer_hears_of_each_answer(wire, configuration):
    heard = []
    configuration(observer=lambda *facts: heard.append(facts[:4]))
    wire.unsigned("SignUp", {"ClientId": "abc", "Username": "joe"})
    wire.unsigned("SignUp", {})
    wire.unsigned("Nothing", {})
    assert heard == [
        ("cognito-idp", "SignUp", 200, ""),
        ("cognito-idp", "SignUp", 400, "InvalidParameterException"),
        ("", "", 400, "UnknownOperationException"),
    ]
