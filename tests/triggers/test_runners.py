"""The other kinds of runners, and that all of them answer the same event alike."""

import base64
import json
import ssl
import threading
import time

import pytest

from tests.loopback import certificate, dripping, http_server, pem, raw_server
from tests.triggers.conftest import Received
from triggers.runners import lambda_api
from triggers.runners.base import (
    FunctionError,
    RunnerUnavailable,
    TimedOut,
    UnreadableAnswer,
)
from triggers.runners.http import HttpRunner, signature
from triggers.runners.lambda_api import LambdaRunner
from triggers.runners.process import ProcessRunner
from triggers.runners.python import PythonRunner
from userpools.errors import InvalidParameterException

EVENT = {
    "version": "1",
    "userPoolId": "eu-west-1_x",
    "userName": "Žaneta \u2028 \U0001f600",
    "triggerSource": "PreSignUp_SignUp",
    "request": {"userAttributes": {"email": "jane@example.com"}, "validationData": None},
    "response": {"autoConfirmUser": False},
}
SECRET = "a secret of the webhook"
JAVASCRIPT = (
    "exports.handler = async (event) => {"
    " event.response = { autoConfirmUser: true, seen: event.userName }; return event; }"
)
PYTHON = (
    "def handler(event, context):\n"
    "    event['response'] = {'autoConfirmUser': True, 'seen': event['userName']}\n"
    "    return event\n"
)
LAMBDA = "arn:aws:lambda:eu-west-1:000000000000:function:remote"


def confirm(event, _context=None):
    event["response"] = {"autoConfirmUser": True, "seen": event["userName"]}
    return event


def refuse(event, context):
    raise ValueError("no thanks")


def leave(event, context):
    raise SystemExit("no thanks")


def odd(event, context):
    return object()


def large(event, context):
    return "x" * (10 << 20)


def mark(event, context):
    event["request"]["touched"] = context.function_name
    return {"response": {}}


hanging = threading.Event()


def hang(event, context):
    hanging.wait(60)


def dotted(name):
    return f"{__name__}.{name}"


def header(received, name):
    return next(value for key, value in received.headers.items() if key.lower() == name.lower())


def signed(received, body, *, secret=SECRET, kind="answer", request_id="", at=None):
    timestamp = str(int(time.time()) if at is None else at)
    request_id = request_id or header(received, "X-Poolhouse-Request-Id")
    return {
        "X-Poolhouse-Timestamp": timestamp,
        "X-Poolhouse-Signature": signature(secret, kind, request_id, timestamp, body),
    }


def customer(received, answer=confirm, status=200):
    """A customer's webhook: check the request, answer and sign."""
    timestamp = header(received, "X-Poolhouse-Timestamp")
    request_id = header(received, "X-Poolhouse-Request-Id")
    wanted = signature(SECRET, "request", request_id, timestamp, received.body)
    assert header(received, "X-Poolhouse-Signature") == wanted
    body = json.dumps(answer(json.loads(received.body))).encode()
    return status, signed(received, body), body


def invoke_api(received, answer=confirm):
    """AWS Lambda's Invoke."""
    name = received.path.removeprefix("/2015-03-31/functions/").removesuffix("/invocations")
    assert name.replace("%3A", ":") == LAMBDA
    tail = base64.b64encode(b"START\nEND\n").decode()
    return 200, {"X-Amz-Log-Result": tail}, json.dumps(answer(json.loads(received.body))).encode()


@pytest.fixture
def webhook(loopback, make_function):
    loopback.answer = customer
    return make_function("http", f"{loopback.url}/hook?x=1", secret=SECRET)


@pytest.fixture
def remote(loopback, make_function, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    lambda_api._client.cache_clear()
    loopback.answer = invoke_api
    return make_function("lambda", loopback.url, arn=LAMBDA)


def run(runner, function, timeout=20.0):
    return runner().run(function, json.loads(json.dumps(EVENT)), timeout=timeout)


# All alike


def test_every_runner_gives_the_same_answer(webhook, handler, make_function, loopback, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    lambda_api._client.cache_clear()
    answers = [
        run(ProcessRunner, handler("same.js", JAVASCRIPT)),
        run(ProcessRunner, handler("same.py", PYTHON)),
        run(HttpRunner, webhook),
        run(PythonRunner, make_function("python", dotted("confirm"))),
    ]
    loopback.answer = invoke_api
    answers.append(run(LambdaRunner, make_function("lambda", loopback.url, arn=LAMBDA)))
    assert [answer.value for answer in answers] == [confirm(dict(EVENT))] * 5


# Python


@pytest.mark.parametrize("name", ["refuse", "leave"])
def test_a_callable_that_raises_is_a_function_error(make_function, name):
    with pytest.raises(FunctionError, match="no thanks"):
        run(PythonRunner, make_function("python", dotted(name)))


def test_a_callable_s_odd_answer_is_unreadable(make_function):
    with pytest.raises(UnreadableAnswer):
        run(PythonRunner, make_function("python", dotted("odd")))


def test_a_callable_s_large_answer_is_refused(make_function):
    with pytest.raises(FunctionError, match="exceeded maximum"):
        run(PythonRunner, make_function("python", dotted("large")))


def test_a_callable_that_hangs_is_abandoned(make_function):
    hanging.clear()
    with pytest.raises(TimedOut):
        run(PythonRunner, make_function("python", dotted("hang")), timeout=0.1)
    hanging.set()


def test_a_callable_cannot_change_the_caller_s_event(make_function):
    function = make_function("python", dotted("mark"))
    event = json.loads(json.dumps(EVENT))
    PythonRunner().run(function, event, timeout=5)
    assert event == EVENT


@pytest.mark.parametrize("path", ["no.such.module", dotted("absent"), dotted("SECRET"), "x"])
def test_a_path_to_nothing_callable_is_refused(make_function, path):
    with pytest.raises(InvalidParameterException, match="dotted path"):
        make_function("python", path)


# Webhooks


def test_a_webhook_s_query_is_kept_and_its_request_is_signed(webhook, loopback):
    run(HttpRunner, webhook)
    assert loopback.requests[0].path == "/hook?x=1"
    assert json.loads(loopback.requests[0].body) == EVENT


@pytest.mark.parametrize(
    "forgery",
    [
        {"secret": "another secret"},
        {"kind": "request"},
        {"request_id": "0" * 32},
        {"at": 1},
        {"at": 4_000_000_000},
        {"at": "9" * 5000},
        {"at": -1},
        {"at": "\u00b2"},
    ],
)
def test_a_forged_or_old_answer_is_refused(webhook, loopback, forgery):
    body = json.dumps(EVENT).encode()
    loopback.answer = lambda received: (200, signed(received, body, **forgery), body)
    with pytest.raises(RunnerUnavailable):
        run(HttpRunner, webhook)


def test_an_answer_to_another_request_is_refused(webhook, loopback):
    run(HttpRunner, webhook)
    first = loopback.requests[0]
    kept = customer(first)
    loopback.answer = lambda _: kept
    with pytest.raises(RunnerUnavailable):
        run(HttpRunner, webhook)


def test_the_request_itself_is_no_answer(webhook, loopback):
    loopback.answer = lambda received: (200, received.headers, received.body)
    with pytest.raises(RunnerUnavailable):
        run(HttpRunner, webhook)


def test_an_answer_without_signature_is_refused(webhook, loopback):
    loopback.answer = lambda _: (200, {}, json.dumps(EVENT).encode())
    with pytest.raises(RunnerUnavailable):
        run(HttpRunner, webhook)


def test_a_changed_body_is_refused(webhook, loopback):
    def answer(received):
        status, headers, body = customer(received)
        return status, headers, body.replace(b"true", b"null")

    loopback.answer = answer
    with pytest.raises(RunnerUnavailable):
        run(HttpRunner, webhook)


def test_a_signed_error_is_the_function_s(webhook, loopback):
    error = {"errorMessage": "no thanks", "errorType": "Error"}
    loopback.answer = lambda received: customer(received, lambda _: error, 400)
    with pytest.raises(FunctionError, match=r"^no thanks$"):
        run(HttpRunner, webhook)


def test_a_signed_answer_that_is_no_json_is_unreadable(webhook, loopback):
    loopback.answer = lambda received: (200, signed(received, b"garbage"), b"garbage")
    with pytest.raises(UnreadableAnswer):
        run(HttpRunner, webhook)


def test_a_redirect_is_not_followed(webhook, loopback):
    loopback.answer = lambda _: (302, {"Location": f"{loopback.url}/other"}, b"")
    with pytest.raises(RunnerUnavailable):
        run(HttpRunner, webhook)
    assert len(loopback.requests) == 1


def test_a_large_answer_of_a_webhook_is_refused(webhook, loopback):
    body = b'"' + b"x" * (10 << 20) + b'"'
    loopback.answer = lambda received: (200, signed(received, body), body)
    with pytest.raises(RunnerUnavailable):
        run(HttpRunner, webhook)


def test_a_webhook_that_hangs_times_out(webhook, loopback):
    over = threading.Event()
    loopback.answer = lambda _: (over.wait(30), (200, {}, b""))[1]
    with pytest.raises(TimedOut):
        run(HttpRunner, webhook, timeout=0.2)
    over.set()


@pytest.mark.parametrize("parts", [(), (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",)])
def test_a_webhook_that_drips_has_no_more_time(make_function, loopback, parts):
    with raw_server(dripping(*parts)) as url:
        function = make_function("http", url, secret=SECRET)
        started = time.monotonic()
        with pytest.raises(TimedOut):
            run(HttpRunner, function, timeout=0.3)
        assert time.monotonic() - started < 2


def test_a_webhook_whose_certificate_nobody_vouches_for_is_told_nothing(
    make_function, loopback, tmp_path
):
    key, own = certificate("localhost")
    path = tmp_path / "server.pem"
    path.write_bytes(pem(key) + pem(own))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with http_server(context) as server:
        function = make_function("http", server.url, secret=SECRET)
        with pytest.raises(RunnerUnavailable, match="CERTIFICATE_VERIFY_FAILED") as caught:
            run(HttpRunner, function)
        assert caught.value.reason == "ServiceException"
        assert server.requests == []


def test_a_webhook_that_is_down_is_unavailable(webhook, loopback):
    loopback.server.shutdown()
    loopback.server.server_close()
    with pytest.raises(RunnerUnavailable) as caught:
        run(HttpRunner, webhook)
    assert caught.value.reason == "ServiceException"


def test_a_private_address_is_refused(make_function, settings, loopback):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "OUTBOUND_PRIVATE": False}
    function = make_function("http", f"https://127.0.0.1:{loopback.port}/", secret=SECRET)
    with pytest.raises(RunnerUnavailable, match="may not be called") as caught:
        run(HttpRunner, function)
    assert caught.value.reason == "AccessDeniedException"
    assert not loopback.requests


def test_no_password_goes_in_clear_where_only_public_addresses_may_be_called(
    webhook, make_function, settings, loopback
):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "OUTBOUND_PRIVATE": False}
    with pytest.raises(InvalidParameterException, match="https://"):
        make_function("http", "http://example.com/hook", secret=SECRET)
    # One from before that setting changed.
    with pytest.raises(RunnerUnavailable, match="https") as caught:
        run(HttpRunner, webhook)
    assert caught.value.reason == "AccessDeniedException"
    assert make_function("http", "https://example.com/hook", secret=SECRET)


@pytest.mark.parametrize(
    ("url", "secret"), [("ftp://example.com/", "s"), ("https://", "s"), ("https://example.com", "")]
)
def test_a_webhook_needs_an_address_and_a_secret(make_function, url, secret):
    with pytest.raises(InvalidParameterException):
        make_function("http", url, secret=secret or None)


# AWS Lambda


def test_the_end_of_the_log_comes_with_the_answer(remote):
    assert run(LambdaRunner, remote).log == "START\nEND\n"


def test_the_request_is_signed_for_the_function_s_region(remote, loopback):
    run(LambdaRunner, remote)
    credential = header(loopback.requests[0], "Authorization")
    assert "AKIAEXAMPLE/" in credential
    assert "/eu-west-1/lambda/aws4_request" in credential


def test_a_log_that_cannot_be_read_does_no_harm(remote, loopback):
    loopback.answer = lambda _: (200, {"X-Amz-Log-Result": "abcde"}, b"{}")
    answer = run(LambdaRunner, remote)
    assert (answer.value, answer.log) == ({}, "")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"errorMessage": "no thanks", "errorType": "Error"}, "no thanks"),
        ({"errorMessage": None}, "null"),
        ({}, "null"),
        ("text", "null"),
    ],
)
def test_a_function_error_bears_its_message(remote, loopback, document, text):
    body = json.dumps(document).encode()
    loopback.answer = lambda _: (200, {"X-Amz-Function-Error": "Unhandled"}, body)
    with pytest.raises(FunctionError, match=f"^{text}$"):
        run(LambdaRunner, remote)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (429, "TooManyRequestsException"),
        (500, "ServiceException"),
    ],
)
def test_an_error_of_the_api_is_named_and_not_tried_again(remote, loopback, status, code):
    loopback.answer = lambda _: (status, {"x-amzn-ErrorType": code}, b'{"Message": "x"}')
    with pytest.raises(RunnerUnavailable) as caught:
        run(LambdaRunner, remote)
    assert caught.value.reason == code
    assert len(loopback.requests) == 1


def test_a_payload_that_is_no_json_is_unreadable(remote, loopback):
    loopback.answer = lambda _: (200, {}, b"garbage")
    with pytest.raises(UnreadableAnswer):
        run(LambdaRunner, remote)


def test_a_large_payload_is_refused(remote, loopback):
    loopback.answer = lambda _: (200, {}, b'"' + b"x" * (10 << 20) + b'"')
    with pytest.raises(FunctionError, match="exceeded maximum"):
        run(LambdaRunner, remote)


def test_lambda_that_hangs_times_out(remote, loopback):
    over = threading.Event()
    loopback.answer = lambda _: (over.wait(30), (200, {}, b""))[1]
    with pytest.raises(TimedOut):
        run(LambdaRunner, remote, timeout=0.3)
    over.set()


def test_lambda_that_is_down_is_unavailable(remote, loopback):
    loopback.server.shutdown()
    loopback.server.server_close()
    with pytest.raises(RunnerUnavailable) as caught:
        run(LambdaRunner, remote)
    assert caught.value.reason == "ServiceException"


def test_the_received_headers_are_those_of_a_real_request(webhook, loopback):
    run(HttpRunner, webhook)
    assert isinstance(loopback.requests[0], Received)
    assert header(loopback.requests[0], "Content-Type") == "application/json"
