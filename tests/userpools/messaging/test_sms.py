"""The SMS backends, each against a server that answers as its provider does."""

import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qs

import pytest

from tests.loopback import http_server, raw_server
from userpools.errors import CodeDeliveryFailureException
from userpools.messaging import sms
from userpools.ports import Sms

NUMBER = "+15550001234"
BODY = "Your verification code is 123456"


def message(**changes):
    members = {"to": NUMBER, "body": BODY, "pool_id": "eu-west-1_x", "kind": "sign_up"}
    return Sms(**members | changes)


def refusal(backend, text=None):
    """Send what must be refused; return the error's text, which quotes neither number nor code."""
    with pytest.raises(CodeDeliveryFailureException) as caught:
        backend.send(text or message())
    said = caught.value.message
    assert "5550001234" not in said
    assert "123456" not in said
    return said


@pytest.fixture
def server():
    with http_server() as server:
        yield server


@pytest.fixture
def configure(settings):
    def configure(**changes):
        settings.POOLHOUSE = {**settings.POOLHOUSE, **changes}

    return configure


def gone():
    """Return the URL of a server that has gone."""
    with raw_server(lambda connection: None) as url:
        return url


# Twilio


@pytest.fixture
def twilio(server, configure):
    options = {
        "ACCOUNT_SID": "AC123", "AUTH_TOKEN": "token", "FROM": "+15550009999",
        "ENDPOINT": server.url,
    }  # fmt: skip
    configure(TWILIO=options)
    server.status, server.body = 201, b'{"sid": "SM1", "status": "queued"}'
    return lambda **changes: configure(TWILIO={**options, **changes})


def test_twilio_is_told_by_a_form_with_basic_authentication(twilio, server):
    sms.TwilioSms().send(message())
    (request,) = server.requests
    assert (request.method, request.path) == (
        "POST",
        "/2010-04-01/Accounts/AC123/Messages.json",
    )
    assert parse_qs(request.body.decode()) == {
        "To": [NUMBER],
        "From": ["+15550009999"],
        "Body": [BODY],
    }
    credentials = base64.b64encode(b"AC123:token").decode()
    assert request.headers["Authorization"] == f"Basic {credentials}"


def test_twilio_s_messaging_service_is_the_sender_where_one_is_named(twilio, server):
    twilio(FROM="MG123")
    sms.TwilioSms().send(message())
    form = parse_qs(server.requests[0].body.decode())
    assert form["MessagingServiceSid"] == ["MG123"]
    assert "From" not in form


def test_twilio_s_refusal_is_told_by_its_number(twilio, server):
    server.status = 400
    text = f"The 'To' number {NUMBER} is not a valid phone number: {BODY}"
    server.body = json.dumps({"code": 21211, "message": text, "status": 400}).encode()
    said = refusal(sms.TwilioSms())
    assert said == "Twilio refused the message: HTTP 400, error 21211"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"code": "+15550001234"}'])
def test_an_error_page_instead_of_twilio_s_document(twilio, server, body):
    server.status, server.body = 502, body
    assert refusal(sms.TwilioSms()) == "Twilio refused the message: HTTP 502"


def test_twilio_cannot_be_reached(twilio):
    twilio(ENDPOINT=gone())
    assert "did not accept" in refusal(sms.TwilioSms())


# Any gateway


@pytest.fixture
def gateway(server, configure):
    options = {"URL": f"{server.url}/send", "SECRET": "shared", "TOKEN": "bearer"}
    configure(SMS_HTTP=options)
    return lambda **changes: configure(SMS_HTTP={**options, **changes})


def test_a_gateway_is_posted_a_signed_document(gateway, server):
    sms.HttpSms().send(message())
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/send")
    assert json.loads(request.body) == {
        "to": NUMBER,
        "body": BODY,
        "pool_id": "eu-west-1_x",
        "kind": "sign_up",
    }
    signed = request.headers["X-Poolhouse-Timestamp"].encode() + b"." + request.body
    expected = hmac.new(b"shared", signed, hashlib.sha256).hexdigest()
    assert request.headers["X-Poolhouse-Signature"] == f"sha256={expected}"
    assert request.headers["Authorization"] == "Bearer bearer"


def test_a_gateway_without_secrets_gets_none(gateway, server):
    gateway(SECRET="", TOKEN="")
    sms.HttpSms().send(message())
    headers = server.requests[0].headers
    assert "Authorization" not in headers
    assert "X-Poolhouse-Signature" not in headers


@pytest.mark.parametrize("status", [301, 400, 401, 500])
def test_a_gateway_refuses(gateway, server, status):
    server.status, server.body = status, BODY.encode()
    said = refusal(sms.HttpSms())
    assert said == f"The SMS gateway refused the message: HTTP {status}"


def test_a_gateway_takes_the_message_for_later(gateway, server):
    server.status = 202
    sms.HttpSms().send(message())
    assert server.requests


def test_a_gateway_cannot_be_reached(gateway):
    gateway(URL=gone())
    assert "did not accept" in refusal(sms.HttpSms())


def test_no_gateway_is_a_cloud_s_metadata_service(gateway):
    gateway(URL="http://169.254.169.254/latest/api/token")
    assert "may not be called" in refusal(sms.HttpSms())


# Amazon SNS

PUBLISHED = b"""<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
  <PublishResult><MessageId>94f20ce6-13c5-43a0-9a9e-ca52d816e90b</MessageId></PublishResult>
  <ResponseMetadata><RequestId>f187a3c1-376f-11df-8963-01868b7c937a</RequestId></ResponseMetadata>
</PublishResponse>"""
INVALID = b"""<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
  <Error><Type>Sender</Type><Code>InvalidParameter</Code>
  <Message>Invalid parameter: PhoneNumber Reason: +15550001234 is not valid to publish to</Message>
  </Error><RequestId>f187a3c1-376f-11df-8963-01868b7c937a</RequestId>
</ErrorResponse>"""


@pytest.fixture
def sns(server, configure, monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL_SNS": server.url,
    }.items():
        monkeypatch.setenv(name, value)
    configure(DEFAULT_REGION="eu-west-1")
    server.headers["Content-Type"] = "text/xml"
    server.body = PUBLISHED
    sms._sns.cache_clear()
    yield
    sms._sns.cache_clear()


def published(server):
    (request,) = server.requests
    return {name: value for name, (value,) in parse_qs(request.body.decode()).items()}, request


def test_sns_publishes_to_the_phone_as_a_transactional_message(sns, server):
    sms.SnsSms().send(message())
    form, request = published(server)
    assert (form["Action"], form["PhoneNumber"], form["Message"]) == ("Publish", NUMBER, BODY)
    assert form["MessageAttributes.entry.1.Name"] == "AWS.SNS.SMS.SMSType"
    assert form["MessageAttributes.entry.1.Value.StringValue"] == "Transactional"
    assert "MessageAttributes.entry.2.Name" not in form
    assert "TopicArn" not in form
    assert "/eu-west-1/sns/aws4_request" in request.headers["Authorization"]


def test_sns_is_told_the_sender(sns, server, configure):
    configure(SNS={"SENDER_ID": "Example"})
    sms.SnsSms().send(message())
    form, _ = published(server)
    assert form["MessageAttributes.entry.2.Name"] == "AWS.SNS.SMS.SenderID"
    assert form["MessageAttributes.entry.2.Value.StringValue"] == "Example"


@pytest.mark.parametrize(
    "targets", [(), ("arn:aws:lambda:*:*:*",), ("arn:aws:sns:us-*:000000000000:sms",)]
)
def test_a_pool_s_own_region_needs_the_operator_s_leave(sns, server, configure, targets):
    configure(AWS_TARGETS=targets)
    said = refusal(sms.SnsSms(), message(region="ap-south-1"))
    assert "ap-south-1" in said
    assert not server.requests


def test_a_pool_s_own_region_is_used_with_the_operator_s_leave(sns, server, configure):
    configure(AWS_TARGETS=("arn:aws:sns:ap-*:000000000000:sms",))
    sms.SnsSms().send(message(region="ap-south-1"))
    _, request = published(server)
    assert "/ap-south-1/sns/aws4_request" in request.headers["Authorization"]


def test_the_server_s_region_needs_no_leave(sns, server):
    sms.SnsSms().send(message(region="eu-west-1"))
    assert server.requests


def test_sns_refusal_is_told_by_its_code(sns, server):
    server.status, server.body = 400, INVALID
    assert refusal(sms.SnsSms()) == "SNS refused the message: InvalidParameter"


def test_sns_without_credentials(sns, server, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for name, value in {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    assert refusal(sms.SnsSms()) == "SNS: NoCredentialsError"
    assert not server.requests


def test_a_region_that_is_none(sns, server, configure):
    configure(AWS_TARGETS=("*",))
    assert "SNS" in refusal(sms.SnsSms(), message(region="evil.example.com/"))
    assert not server.requests


def test_each_backend_says_what_it_lacks(configure):
    configure(TWILIO={"ACCOUNT_SID": "AC1"}, SMS_HTTP={})
    assert sms.TwilioSms.missing() == ["TWILIO_AUTH_TOKEN", "TWILIO_FROM"]
    assert sms.HttpSms.missing() == ["SMS_HTTP_URL"]
