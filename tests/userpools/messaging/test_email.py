"""E-mail by a provider's API: django-anymail, against a server that answers as Postmark does."""

import json

import pytest

from tests.loopback import http_server
from userpools.messaging import outbox
from userpools.models import Message, MessageState


@pytest.fixture
def postmark(settings):
    with http_server() as server:
        settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
        settings.ANYMAIL = {
            "POSTMARK_SERVER_TOKEN": "token",
            "POSTMARK_API_URL": f"{server.url}/",
        }
        server.headers["Content-Type"] = "application/json"
        server.body = json.dumps(
            {"ErrorCode": 0, "Message": "OK", "MessageID": "1", "To": "jane@example.com",
             "SubmittedAt": "2026-01-01T00:00:00Z"}
        ).encode()  # fmt: skip
        yield server


@pytest.fixture
def row(reader):
    reader.pool.configuration = {
        "EmailConfiguration": {
            "From": "Ann <ann@example.com>",
            "ReplyToEmailAddress": "help@example.com",
        },
        "EmailVerificationMessage": "<b>{####}</b>",
    }
    outbox.post(
        pool=reader.pool,
        user=reader,
        medium="EMAIL",
        kind="sign_up",
        destination="jane@example.com",
        code="123456",
    )
    return Message.objects.get()


def test_a_provider_s_backend_gets_the_whole_message_and_nothing_internal(postmark, row):
    assert outbox.deliver(row.pk)
    (request,) = postmark.requests
    assert json.loads(request.body) == {
        "From": "Ann <ann@example.com>",
        "To": "jane@example.com",
        "ReplyTo": "help@example.com",
        "Subject": "Your verification code",
        "TextBody": "123456",
        "HtmlBody": "<b>123456</b>",
    }
    assert request.headers["X-Postmark-Server-Token"] == "token"


def test_a_provider_s_refusal_is_kept_without_address_and_code(postmark, row):
    postmark.status = 422
    postmark.body = json.dumps(
        {"ErrorCode": 300, "Message": "jane@example.com got 123456: invalid"}
    ).encode()
    assert not outbox.deliver(row.pk)
    row.refresh_from_db()
    assert row.state == MessageState.DUE
    assert "AnymailRequestsAPIError" in row.last_error
    assert "jane@example.com" not in row.last_error
    assert "123456" not in row.last_error
