import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import time_machine
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from userpools.awsjson.errors import (
    AwsError,
    ExpiredTokenException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
)
from userpools.awsjson.sigv4 import Scope, SigningKeys, derive_key, is_region, verify_request

from .conftest import CALLER, HOST, KEY_ID, MEDIA_TYPE, PREFIX, SECRET, sign

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
BODY = b'{"MaxResults":1}'
TARGET = f"{PREFIX}.ListUserPools"


@pytest.fixture(autouse=True)
def frozen():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def headers_of(**options):
    return sign("ListUserPools", BODY, **options)


def code(response):
    return json.loads(response.content)["__type"]


def message(response):
    return json.loads(response.content)["message"]


def resign(headers, **changes):
    """Change parts of the Authorization header, leaving the rest as it was signed."""
    scheme, _, rest = headers["Authorization"].partition(" ")
    fields = dict(part.split("=", 1) for part in rest.split(", "))
    fields.update(changes)
    text = ", ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
    return {**headers, "Authorization": f"{scheme} {text}"}


def scope(**changes):
    parts = {
        "key": KEY_ID,
        "date": "20260304",
        "region": "us-east-1",
        "service": "cognito-idp",
        "end": "aws4_request",
    }
    return "/".join({**parts, **changes}.values())


# The header form


def test_a_request_signed_by_botocore_is_accepted(wire, calls):
    assert wire.send(BODY, headers_of()).status_code == 200
    (call, _), *_ = calls
    assert call.caller == CALLER
    assert call.region == "us-east-1"
    assert call.account_id == CALLER.account_id


def test_the_region_comes_from_the_scope(wire, calls):
    wire.send(BODY, headers_of(region="ap-south-1"))
    assert calls[0][0].region == "ap-south-1"


def test_a_session_token_reaches_the_resolver(wire):
    assert wire.send(BODY, headers_of(token="session-token")).status_code == 200
    assert code(wire.send(BODY, headers_of(token="other"))) == "UnrecognizedClientException"


def test_an_unsigned_session_token_is_refused(wire):
    headers = {**headers_of(), "X-Amz-Security-Token": "session-token"}
    assert code(wire.send(BODY, headers)) == "InvalidSignatureException"


def test_header_values_are_trimmed_and_may_be_utf_8(wire):
    headers = headers_of(**{"X-Amz-User-Agent": "  a   b  ", "X-Note": "ünï"})
    headers["X-Note"] = headers["X-Note"].encode().decode("latin-1")
    assert wire.send(BODY, headers).status_code == 200


def test_a_date_header_may_take_the_place_of_x_amz_date(wire):
    headers = headers_of(Date="will be replaced")
    assert headers["Date"] == format_datetime(NOW).replace("+0000", "-0000")
    assert "X-Amz-Date" not in headers
    assert wire.send(BODY, headers).status_code == 200


def test_nothing_signed_is_a_missing_token(wire):
    response = wire.unsigned("ListUserPools", BODY)
    assert (code(response), message(response)) == (
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    )


def test_another_scheme_is_a_missing_token(wire):
    response = wire.unsigned("ListUserPools", BODY, Authorization="Bearer abc")
    assert code(response) == "MissingAuthenticationTokenException"


def test_an_unknown_key_is_refused(wire):
    headers = resign(headers_of(), Credential=scope(key="AKIDOTHER"))
    response = wire.send(BODY, headers)
    assert (code(response), message(response)) == (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )


def test_a_resolver_may_refuse_by_itself(wire, configuration):
    class Expired:
        def resolve(self, access_key_id, session_token):
            raise ExpiredTokenException

    configuration(credential_resolvers=[Expired()])
    assert code(wire.send(BODY, headers_of())) == "ExpiredTokenException"


def test_a_wrong_signature_gets_the_long_text(wire):
    response = wire.send(BODY, resign(headers_of(), Signature="0" * 64))
    assert code(response) == "InvalidSignatureException"
    assert message(response).startswith("The request signature we calculated does not match")


def test_a_signature_is_not_parsed_before_it_is_compared(wire):
    response = wire.send(BODY, resign(headers_of(), Signature="é"))
    assert code(response) == "InvalidSignatureException"


def test_the_body_is_covered(wire, calls):
    assert code(wire.send(b'{"MaxResults":2}', headers_of())) == "InvalidSignatureException"
    assert calls == []


def test_a_broken_body_is_not_parsed_before_the_signature_holds(wire):
    assert code(wire.send(b"{", headers_of())) == "InvalidSignatureException"


def test_a_stated_body_hash_must_be_the_bodys(wire):
    headers = headers_of(**{"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert code(wire.send(BODY, headers)) == "InvalidSignatureException"


def test_a_true_body_hash_is_honoured(wire):
    headers = headers_of(**{"X-Amz-Content-SHA256": sha256(BODY).hexdigest()})
    assert wire.send(BODY, headers).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "elsewhere"),
        ("Host", f"{HOST},elsewhere"),
        ("X-Amz-Date", "20260304T050608Z"),
        ("Content-Type", MEDIA_TYPE + "; charset=utf-8"),
    ],
)
def test_a_changed_signed_header_breaks_the_signature(wire, name, value):
    assert code(wire.send(BODY, {**headers_of(), name: value})) == "InvalidSignatureException"


def test_another_target_breaks_the_signature(wire):
    body = b'{"UserPoolId":"us-east-1_a","GroupName":"g","MaxResults":1}'
    headers = {**sign("ListUserPools", body), "X-Amz-Target": f"{PREFIX}.CreateGroup"}
    assert code(wire.send(body, headers)) == "InvalidSignatureException"


def test_a_query_string_breaks_the_signature(wire):
    assert code(wire.send(BODY, headers_of(), path="/?a=1")) == "InvalidSignatureException"


def test_another_path_breaks_the_signature(wire):
    assert code(wire.send(BODY, headers_of(), path="/x")) == "InvalidSignatureException"


def sign_only(*names):
    class Partial(SigV4Auth):
        def headers_to_sign(self, request):
            everything = super().headers_to_sign(request)
            for name in set(everything) - set(names):
                del everything[name]
            return everything

    request = AWSRequest(
        "POST", f"http://{HOST}/", headers={"Host": HOST, "X-Amz-Target": TARGET}, data=BODY
    )
    Partial(Credentials(KEY_ID, SECRET), "cognito-idp", "us-east-1").add_auth(request)
    return dict(request.headers.items())


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("x-amz-date", "x-amz-target"), "'Host' or ':authority'"),
        (("host", "x-amz-date"), "'x-amz-target'"),
        (("host", "x-amz-target"), "'x-amz-date'"),
    ],
)
def test_host_date_and_target_must_be_signed(wire, names, missing):
    response = wire.send(BODY, sign_only(*names))
    assert code(response) == "InvalidSignatureException"
    assert message(response).startswith(f"{missing} must be a 'SignedHeader'")


def test_the_least_that_must_be_signed_is_enough(wire):
    assert wire.send(BODY, sign_only("host", "x-amz-date", "x-amz-target")).status_code == 200


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"service": "sts"}, "Credential should be scoped to correct service: 'cognito-idp'. "),
        ({"region": "mars-north-1"}, "Credential should be scoped to a valid region. "),
        ({"region": "us_east"}, "Credential should be scoped to a valid region. "),
        ({"region": "x" * 33}, "Credential should be scoped to a valid region. "),
        (
            {"end": "aws5_request"},
            "Credential should be scoped with a valid terminator: 'aws4_request', "
            "not 'aws5_request'.",
        ),
        (
            {"date": "20260303"},
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            "HTTP: '20260303' != '20260304', from '20260304T050607Z'.",
        ),
    ],
)
def test_the_scope_must_fit_the_request(wire, changes, text):
    response = wire.send(BODY, resign(headers_of(), Credential=scope(**changes)))
    assert (code(response), message(response)) == ("InvalidSignatureException", text)


def test_a_signature_for_another_region_does_not_fit(wire):
    headers = resign(headers_of(region="eu-west-1"), Credential=scope())
    assert code(wire.send(BODY, headers)) == "InvalidSignatureException"


@pytest.mark.parametrize("credential", ["AKID", "a/b/c/d", "a/b/c/d/e/f", "//us-east-1//"])
def test_a_malformed_credential_is_incomplete(wire, credential):
    response = wire.send(BODY, resign(headers_of(), Credential=credential))
    assert code(response) == "IncompleteSignatureException"


@pytest.mark.parametrize("name", ["Credential", "Signature", "SignedHeaders"])
def test_each_part_of_the_header_is_wanted(wire, name):
    response = wire.send(BODY, resign(headers_of(), **{name: None}))
    assert code(response) == "IncompleteSignatureException"
    assert f"Authorization header requires '{name}' parameter." in message(response)


def test_a_date_is_wanted(wire):
    headers = headers_of()
    del headers["X-Amz-Date"]
    response = wire.send(BODY, headers)
    assert code(response) == "IncompleteSignatureException"
    assert "existence of either a 'X-Amz-Date' or a 'Date' header" in message(response)


@pytest.mark.parametrize("date", ["now", "20260304", "2026-03-04T05:06:07Z", "20261304T050607Z"])
def test_a_malformed_date_is_incomplete(wire, date):
    response = wire.send(BODY, {**headers_of(), "X-Amz-Date": date})
    assert code(response) == "IncompleteSignatureException"
    assert message(response).startswith(f"Date must be in ISO-8601 'basic format'. Got '{date}'.")


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential",
        "AWS4-HMAC-SHA512 Credential=a",
        "AWS4-ECDSA-P256-SHA256 Credential=a",
        "AWS4-HMAC-SHA256 Credential=a, Credential=b",
        "AWS4-HMAC-SHA256 " + "a=b," * 5000,
    ],
)
def test_a_malformed_authorization_is_incomplete(wire, authorization):
    response = wire.send(BODY, {**headers_of(), "Authorization": authorization})
    assert code(response) == "IncompleteSignatureException"


def test_an_authorization_sent_twice_is_refused(wire):
    headers = headers_of()
    twice = f"{headers['Authorization']},{headers['Authorization']}"
    response = wire.send(BODY, {**headers, "Authorization": twice})
    assert code(response) == "IncompleteSignatureException"


def test_a_date_sent_twice_is_refused(wire):
    headers = headers_of()
    headers["X-Amz-Date"] = f"{headers['X-Amz-Date']},{headers['X-Amz-Date']}"
    assert code(wire.send(BODY, headers)) == "IncompleteSignatureException"


def test_a_target_sent_twice_is_no_operation(wire):
    headers = headers_of()
    headers["X-Amz-Target"] = f"{TARGET},{TARGET}"
    assert code(wire.send(BODY, headers)) == "UnknownOperationException"


@pytest.mark.parametrize(
    "names", ["host;Host;x-amz-date;x-amz-target", "x-amz-target;x-amz-date;host", "host;;x", ""]
)
def test_signed_headers_are_a_sorted_list_of_names(wire, names):
    response = wire.send(BODY, resign(headers_of(), SignedHeaders=names))
    assert code(response) == "IncompleteSignatureException"


def test_a_signed_header_that_did_not_come_is_refused(wire):
    headers = headers_of(**{"X-Extra": "1"})
    del headers["X-Extra"]
    assert code(wire.send(BODY, headers)) == "InvalidSignatureException"


# Time


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_a_signature_holds_for_five_minutes_both_ways(wire, frozen, seconds):
    headers = headers_of()
    frozen.move_to(NOW + timedelta(seconds=seconds))
    assert wire.send(BODY, headers).status_code == 200


def test_an_older_signature_has_expired(wire, frozen):
    headers = headers_of()
    frozen.move_to(NOW + timedelta(seconds=301))
    response = wire.send(BODY, headers)
    assert code(response) == "InvalidSignatureException"
    assert message(response) == (
        "Signature expired: 20260304T050607Z is now earlier than 20260304T050608Z "
        "(20260304T051108Z - 5 min.)"
    )


def test_a_signature_from_the_future_is_not_yet_current(wire, frozen):
    headers = headers_of()
    frozen.move_to(NOW - timedelta(seconds=301))
    response = wire.send(BODY, headers)
    assert code(response) == "InvalidSignatureException"
    assert message(response) == (
        "Signature not yet current: 20260304T050607Z is still later than 20260304T050606Z "
        "(20260304T050106Z + 5 min.)"
    )


# The presigned form


class Presigner(SigV4QueryAuth):
    """botocore's query signer; it would move a JSON body into the query, so it never sees it."""

    body = BODY

    def payload(self, request):
        return sha256(self.body).hexdigest()


def presigned(*, expires=60, token=None, url=f"http://{HOST}/", **headers):
    request = AWSRequest("POST", url, headers={"Host": HOST, "X-Amz-Target": TARGET, **headers})
    signer = Presigner(
        Credentials(KEY_ID, SECRET, token), "cognito-idp", "us-east-1", expires=expires
    )
    signer.add_auth(request)
    return "/?" + urlsplit(request.url).query


def changed(path, **changes):
    query = {**dict(parse_qsl(path[2:])), **changes}
    return "/?" + urlencode({name: value for name, value in query.items() if value is not None})


def send_presigned(wire, path, body=BODY, target=TARGET):
    return wire.send(body, {"X-Amz-Target": target}, path=path)


def test_a_presigned_request_is_accepted(wire, calls):
    assert send_presigned(wire, presigned()).status_code == 200
    assert calls[0][0].caller == CALLER


def test_a_presigned_session_token_is_covered(wire):
    path = presigned(token="session-token")
    assert send_presigned(wire, path).status_code == 200
    without = changed(path, **{"X-Amz-Security-Token": None})
    assert code(send_presigned(wire, without)) == "InvalidSignatureException"


def test_a_presigned_body_and_target_are_covered(wire):
    body = b'{"UserPoolId":"us-east-1_a","GroupName":"g","MaxResults":1}'
    assert code(send_presigned(wire, presigned(), body)) == "InvalidSignatureException"
    other = f"{PREFIX}.CreateGroup"
    assert code(send_presigned(wire, presigned(), BODY, other)) == "InvalidSignatureException"


def test_other_query_parameters_are_covered(wire):
    path = presigned(url=f"http://{HOST}/?b=2%2F&a=x%20y")
    assert send_presigned(wire, path).status_code == 200
    assert code(send_presigned(wire, path + "&c=3")) == "InvalidSignatureException"


def test_a_presigned_request_expires_when_it_says(wire, frozen):
    path = presigned(expires=90)
    frozen.move_to(NOW + timedelta(seconds=90))
    assert send_presigned(wire, path).status_code == 200
    frozen.move_to(NOW + timedelta(seconds=91))
    response = send_presigned(wire, path)
    assert code(response) == "InvalidSignatureException"
    assert message(response).startswith("Signature expired: 20260304T050607Z is now earlier")


def test_a_presigned_request_from_the_future_is_refused(wire, frozen):
    path = presigned()
    frozen.move_to(NOW - timedelta(seconds=301))
    assert message(send_presigned(wire, path)).startswith("Signature not yet current: ")


@pytest.mark.parametrize("expires", [0, -1, 604_801, "1.5", "ten", "\u0661", "9" * 20])
def test_the_expiry_is_bounded(wire, expires):
    path = changed(presigned(), **{"X-Amz-Expires": expires})
    assert code(send_presigned(wire, path)) == "IncompleteSignatureException"


def test_the_longest_expiry_is_a_week(wire, frozen):
    path = presigned(expires=604_800)
    frozen.move_to(NOW + timedelta(days=7))
    assert send_presigned(wire, path).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
    ],
)
def test_each_query_part_is_wanted(wire, name):
    path = changed(presigned(), **{name: None})
    assert code(send_presigned(wire, path)) == "IncompleteSignatureException"


def test_a_query_part_given_twice_is_refused(wire):
    path = presigned() + "&X-Amz-Date=20260304T050607Z"
    assert code(send_presigned(wire, path)) == "IncompleteSignatureException"


def test_a_presigned_query_beside_a_header_is_refused(wire):
    assert code(wire.send(BODY, headers_of(), path=presigned())) == "IncompleteSignatureException"


def test_a_wrong_presigned_signature_is_refused(wire):
    path = changed(presigned(), **{"X-Amz-Signature": "0" * 64})
    assert code(send_presigned(wire, path)) == "InvalidSignatureException"


# Other protocols


def signed_get(url, **headers):
    request = AWSRequest("GET", url, headers={"Host": HOST, **headers})
    SigV4Auth(Credentials(KEY_ID, SECRET), "sts", "us-east-1").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def verify(headers, **changes):
    options = {
        "method": "GET",
        "path": "/some path/",
        "query_string": "Action=GetCallerIdentity&Version=2011-06-15",
        "headers": headers,
        "body": b"",
        "service": "sts",
        "required_headers": ("host",),
    }
    return verify_request(**{**options, **changes})


URL = f"http://{HOST}/some path/?Action=GetCallerIdentity&Version=2011-06-15"


def test_a_request_of_another_protocol_is_verified():
    assert verify(signed_get(URL)) == (CALLER, "us-east-1")


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "POST"},
        {"path": "/"},
        {"query_string": "Action=AssumeRole&Version=2011-06-15"},
        {"body": b"x"},
        {"service": "cognito-idp"},
    ],
)
def test_every_part_of_it_is_covered(changes):
    with pytest.raises(InvalidSignatureException):
        verify(signed_get(URL), **changes)


def test_a_request_without_signature_names_what_is_missing():
    with pytest.raises(AwsError):
        verify({"host": HOST})


def test_missing_authentication_has_its_text():
    assert MissingAuthenticationTokenException().message == "Missing Authentication Token"


# Keys


def test_the_published_signing_key_is_derived():
    """Source: IAM user guide, "Examples of how to derive a signing key"."""
    key = derive_key(
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        Scope("AKIDEXAMPLE", "20120215", "us-east-1", "iam"),
    )
    assert key.hex() == "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"


def test_kept_keys_are_bounded_and_follow_the_secret():
    keys = SigningKeys(size=2)
    scopes = [Scope("AKID", f"2026030{day}", "us-east-1", "sts") for day in range(1, 5)]
    for one in scopes:
        assert keys.get(one, "a") == derive_key("a", one)
    assert len(keys._keys) == 2
    assert keys.get(scopes[-1], "b") == derive_key("b", scopes[-1])


def test_regions_are_short_lower_case_names():
    assert is_region("us-gov-west-1")
    assert not is_region("")
    assert not is_region("US-EAST-1")
    assert not is_region("us/east")
