import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest
import time_machine
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from django.utils import timezone

from identitypools.sts import views
from userpools import access_keys
from userpools.models import AccessKey, Operator

NAMESPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"
CALL = "Action=GetCallerIdentity&Version=2011-06-15"


def told(response):
    """The status and code of an error document."""
    root = ET.fromstring(response.content)
    assert root.tag == f"{NAMESPACE}ErrorResponse"
    assert root.findtext(f"{NAMESPACE}RequestId") == response.headers["x-amzn-RequestId"]
    error = root.find(f"{NAMESPACE}Error")
    assert error.findtext(f"{NAMESPACE}Type") == (
        "Receiver" if response.status_code >= 500 else "Sender"
    )
    return response.status_code, error.findtext(f"{NAMESPACE}Code")


def refused(call):
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_an_unknown_key_is_refused(sts):
    AccessKey.objects.all().delete()
    assert refused(sts.get_caller_identity) == (403, "InvalidClientTokenId")


def test_a_disabled_key_is_refused(sts):
    AccessKey.objects.update(is_active=False)
    assert refused(sts.get_caller_identity) == (403, "InvalidClientTokenId")


def test_a_wrong_secret_is_refused(send, credentials):
    forged = Credentials(credentials.access_key, "x" * 40)
    assert told(send(CALL, credentials=forged)) == (403, "SignatureDoesNotMatch")


def test_an_old_signature_is_refused(send, credentials):
    with time_machine.travel(timezone.now() - timedelta(minutes=6)):
        request = send.signed(CALL, credentials=credentials)
    assert told(send.answer(request)) == (403, "SignatureDoesNotMatch")


def test_a_changed_body_is_refused(send, credentials):
    request = send.signed(CALL, credentials=credentials)
    request.body = f"{CALL}&x=1"
    assert told(send.answer(request)) == (403, "SignatureDoesNotMatch")


def test_a_signature_for_another_service_is_refused(send, credentials):
    response = send(CALL, credentials=credentials, service="cognito-idp")
    assert told(response) == (403, "SignatureDoesNotMatch")


def test_an_unsigned_call_is_refused(send):
    assert told(send(CALL)) == (403, "MissingAuthenticationToken")


def test_half_a_signature_is_refused(send):
    response = send(CALL, headers={"Authorization": "AWS4-HMAC-SHA256 Credential=x"})
    assert told(response) == (400, "IncompleteSignature")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Action=Nothing&Version=2011-06-15", (400, "InvalidAction")),
        ("Action=GetFederationToken&Version=2011-06-15", (400, "InvalidAction")),
        ("Action=GetCallerIdentity", (400, "InvalidAction")),
        ("Action=GetCallerIdentity&Version=2010-05-08", (400, "InvalidAction")),
        ("Version=2011-06-15", (400, "MissingAction")),
        (f"{CALL}&Action=GetCallerIdentity", (404, "MalformedQueryString")),
        (f"{CALL}&x=%ff", (404, "MalformedQueryString")),
        ("&".join(f"x{n}=1" for n in range(2000)), (404, "MalformedQueryString")),
    ],
)
def test_what_cannot_be_read_or_served_is_refused(send, credentials, body, expected):
    assert told(send(body, credentials=credentials)) == expected


@pytest.mark.parametrize("name", ["%3Cscript%3E%26", "%00%1f%ef%bf%bf", "%F0%9F%98%80"])
def test_an_error_that_repeats_the_request_is_well_formed(send, credentials, name):
    response = send(f"Action={name}&Version=2011-06-15", credentials=credentials)
    assert told(response) == (400, "InvalidAction")


def test_a_body_that_is_too_large_is_refused(send, credentials, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    response = send(f"{CALL}&x={'y' * 200}", credentials=credentials)
    assert told(response) == (413, "RequestEntityTooLarge")


def test_a_fault_says_nothing_of_itself(send, credentials, monkeypatch):
    def broken(**_):
        raise RuntimeError("secret")

    monkeypatch.setattr(views, "verify_request", broken)
    response = send(CALL, credentials=credentials)
    assert told(response) == (500, "InternalFailure")
    assert b"secret" not in response.content


def test_nothing_is_parsed_before_the_signature_is_verified(send):
    assert told(send("Action=%ff")) == (403, "MissingAuthenticationToken")


def test_a_signer_learns_who_it_is(sts, operator):
    answer = sts.get_caller_identity()
    assert answer["Account"] == "000000000000"
    assert answer["Arn"] == "arn:aws:iam::000000000000:user/root"
    assert answer["UserId"].startswith("AIDA")
    assert answer["ResponseMetadata"]["RequestId"]


def test_an_operator_without_any_permission_may_ask_too(signed_client):
    nobody = Operator.objects.create_user("nobody")
    answer = signed_client("sts", operator=nobody).get_caller_identity()
    assert answer["Arn"].endswith(":user/nobody")


def test_asking_counts_as_use_of_the_key(sts):
    access_keys.credentials.clear()
    sts.get_caller_identity()
    assert AccessKey.objects.get().last_used_service == "sts"


@pytest.mark.parametrize("presigned", [True, False])
def test_a_query_is_served_too(send, credentials, presigned):
    response = send(query=CALL, credentials=credentials, presigned=presigned)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/xml")
    root = ET.fromstring(response.content)
    arn = root.find(f"{NAMESPACE}GetCallerIdentityResult").findtext(f"{NAMESPACE}Arn")
    assert arn == "arn:aws:iam::000000000000:user/root"


def test_a_presigned_query_is_bound_to_its_action(send, credentials):
    request = send.signed(query=CALL, credentials=credentials, presigned=True)
    request.url = request.url.replace("GetCallerIdentity", "GetSessionToken")
    assert told(send.answer(request)) == (403, "SignatureDoesNotMatch")
