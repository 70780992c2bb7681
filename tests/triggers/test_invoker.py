"""What callers of the port get: answers, every failure's error and message, and the record."""

import json
import threading
from urllib.parse import unquote

import pytest
from django.db import transaction

from triggers import functions as service
from triggers.functions import Settings
from triggers.invoker import FunctionInvoker
from triggers.models import Function, Invocation, Outcome, QueuedEvent
from userpools.audit import Actor
from userpools.errors import (
    InvalidLambdaResponseException,
    UnexpectedLambdaException,
    UserLambdaValidationException,
)
from userpools.local_api import LocalApi
from userpools.models import UserPool

MISSING = "arn:aws:lambda:eu-west-1:000000000000:function:missing"
ACTOR = Actor("test", "command")
calls = []
release = threading.Event()
SECRETS = {
    "password": "Correct-Horse-9",
    "challengeAnswer": "answer-of-the-user",
    "privateChallengeParameters": {"answer": "private-answer"},
    "clientMetadata": {"campaign": "metadata-value"},
    "validationData": {"plan": "validation-value"},
    "session": [{"challengeName": "CUSTOM_CHALLENGE", "challengeMetadata": "CODE-777888"}],
    "code": "one-time-code",
}
HIDDEN = (
    "Correct-Horse-9", "answer-of-the-user", "private-answer", "metadata-value",
    "validation-value", "CODE-777888", "one-time-code",
)  # fmt: skip


def confirm(event, context):
    return {"response": {"autoConfirmUser": True}}


def refuse(event, context):
    raise ValueError("no thanks")


def silent(event, context):
    raise ValueError


def nothing(event, context):
    return None


def wrong(event, context):
    return {"response": {"autoConfirmUser": "yes"}}


def hang(event, context):
    calls.append(event)
    release.wait(60)


def hang_once(event, context):
    calls.append(event)
    if len(calls) == 1:
        release.wait(60)
    return event


def tell(event, context):
    raise ValueError(json.dumps(event["request"]))


def create(event, context):
    return {
        "response": {
            "publicChallengeParameters": {"question": "shown"},
            "privateChallengeParameters": {"answer": "made-by-the-function"},
            "challengeMetadata": "CODE-made-by-the-function",
        }
    }


@pytest.fixture(autouse=True)
def _fresh():
    calls.clear()
    release.clear()
    yield
    release.set()


@pytest.fixture
def made(people, make_function, use):
    """Make a function of a callable here, and name it in the pool."""

    def make(name, trigger="PreSignUp", **columns):
        function = make_function("python", f"{__name__}.{name}", people, **columns)
        use(function, trigger)
        return function

    return make


def test_the_function_s_answer_is_the_caller_s(made, invoke):
    made("confirm")
    assert invoke() == {"autoConfirmUser": True}
    row = Invocation.objects.get()
    assert (row.outcome, row.tries, row.error) == (Outcome.SUCCEEDED, 1, "")
    assert row.function_id
    assert row.duration_ms > 0
    assert (row.username, row.trigger_source) == ("jane", "PreSignUp_SignUp")
    assert row.response == {"autoConfirmUser": True}


@pytest.mark.parametrize(
    ("trigger", "source"),
    [
        ("PreSignUp", "PreSignUp_SignUp"),
        ("PostConfirmation", "PostConfirmation_ConfirmSignUp"),
        ("PreAuthentication", "PreAuthentication_Authentication"),
        ("PostAuthentication", "PostAuthentication_Authentication"),
        ("DefineAuthChallenge", "DefineAuthChallenge_Authentication"),
        ("CreateAuthChallenge", "CreateAuthChallenge_Authentication"),
        ("VerifyAuthChallengeResponse", "VerifyAuthChallengeResponse_Authentication"),
        ("PreTokenGeneration", "TokenGeneration_HostedAuth"),
        ("CustomMessage", "CustomMessage_SignUp"),
        ("UserMigration", "UserMigration_Authentication"),
    ],
)
def test_an_error_of_the_function_names_the_trigger(made, invoke, trigger, source):
    made("refuse", trigger)
    with pytest.raises(UserLambdaValidationException) as caught:
        invoke(source)
    assert caught.value.message == f"{trigger} failed with error no thanks."
    assert Invocation.objects.get().outcome == Outcome.FAILED


def test_an_error_without_a_text(made, invoke):
    made("silent")
    with pytest.raises(UserLambdaValidationException) as caught:
        invoke()
    assert caught.value.message == "PreSignUp failed with error ."


@pytest.mark.parametrize("name", ["nothing", "wrong"])
def test_an_answer_that_cannot_be_used(made, invoke, name):
    made(name)
    with pytest.raises(InvalidLambdaResponseException) as caught:
        invoke()
    assert caught.value.message == "Unrecognizable lambda output"
    row = Invocation.objects.get()
    assert row.outcome == Outcome.UNUSABLE
    assert row.error


def test_a_function_that_hangs_is_tried_three_times(made, invoke):
    made("hang", timeout=0.1)
    with pytest.raises(UnexpectedLambdaException) as caught:
        invoke()
    assert caught.value.message == "PreSignUp invocation failed due to configuration."
    assert len(calls) == 3
    row = Invocation.objects.get()
    assert (row.outcome, row.tries) == (Outcome.TIMED_OUT, 3)


def test_a_function_that_hangs_once_has_another_chance(made, invoke):
    made("hang_once", timeout=0.2)
    assert invoke() == {"autoConfirmUser": False}
    assert len(calls) == 2


def test_an_error_is_not_tried_again(made, invoke):
    made("refuse")
    with pytest.raises(UserLambdaValidationException):
        invoke()
    assert Invocation.objects.get().tries == 1


def denied(invoke):
    with pytest.raises(UnexpectedLambdaException) as caught:
        invoke()
    assert caught.value.message == "PreSignUp invocation failed due to error AccessDeniedException."
    assert Invocation.objects.get().outcome == Outcome.UNAVAILABLE


def test_an_arn_without_a_function(use, invoke):
    use(MISSING, "PreSignUp")
    denied(invoke)
    assert Invocation.objects.get().function_id is None


def test_a_disabled_function(made, invoke):
    made("confirm", enabled=False)
    denied(invoke)


def test_another_pool_s_function(make_function, use, invoke):
    other = UserPool.objects.create(id="eu-west-1_other", name="other", region="eu-west-1")
    use(make_function("python", f"{__name__}.confirm", other), "PreSignUp")
    denied(invoke)


def test_a_function_that_was_disabled_a_moment_ago(made, invoke):
    function = made("confirm")
    invoke()
    Invocation.objects.all().delete()
    service.update(function, Settings({"enabled": False}, function.pools.all()), actor=ACTOR)
    denied(invoke)


def test_a_pool_that_was_taken_off_a_moment_ago(made, invoke):
    function = made("confirm")
    invoke()
    Invocation.objects.all().delete()
    service.update(function, Settings({}, []), actor=ACTOR)
    denied(invoke)


def test_a_version_of_a_function_is_the_function(made, use, invoke):
    function = made("confirm")
    use(f"{function.arn}:live", "PreSignUp")
    assert invoke() == {"autoConfirmUser": True}


def test_a_version_that_a_pool_names_is_the_one_that_lambda_runs(
    make_function, people, use, invoke, loopback, monkeypatch
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    function = make_function("lambda", loopback.url, people, arn=MISSING)
    loopback.answer = lambda _: (200, {}, b'{"response": {"autoConfirmUser": true}}')
    use(f"{MISSING}:live", "PreSignUp")
    assert invoke() == {"autoConfirmUser": True}
    assert unquote(loopback.requests[0].path) == (
        f"/2015-03-31/functions/{MISSING}:live/invocations"
    )
    row = Invocation.objects.get()
    assert (row.function_id, row.arn) == (function.pk, f"{MISSING}:live")
    use(MISSING, "PreSignUp")
    invoke()
    assert unquote(loopback.requests[1].path) == f"/2015-03-31/functions/{MISSING}/invocations"


@pytest.mark.parametrize("allowed", ["LAMBDA_ENDPOINT", "AWS_TARGETS"])
def test_an_arn_without_a_record_is_aws_s_where_the_operator_allows_it(
    use, invoke, settings, loopback, monkeypatch, allowed
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", loopback.url)
    value = loopback.url if allowed == "LAMBDA_ENDPOINT" else ("arn:aws:lambda:*:miss*",)
    settings.POOLHOUSE = {**settings.POOLHOUSE, allowed: value}
    loopback.answer = lambda _: (200, {}, b'{"response": {"autoConfirmUser": true}}')
    use(MISSING, "PreSignUp")
    assert invoke() == {"autoConfirmUser": True}
    settings.POOLHOUSE = {**settings.POOLHOUSE, allowed: () if allowed == "AWS_TARGETS" else ""}
    with pytest.raises(UnexpectedLambdaException):
        invoke()


def test_a_kind_of_runner_that_is_gone(made, invoke):
    function = made("confirm")
    Function.objects.filter(pk=function.pk).update(runner="former")
    with pytest.raises(UnexpectedLambdaException, match="ServiceException"):
        invoke()


def test_a_function_never_runs_inside_a_transaction(made, invoke):
    made("confirm")
    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction"):
        invoke()


def test_a_run_costs_two_statements(made, invoke, django_assert_num_queries):
    made("confirm")
    invoke()
    # The function is known: its record alone is written.
    with django_assert_num_queries(1):
        invoke()


@pytest.mark.parametrize("trigger", ["PostAuthentication", "PostConfirmation"])
def test_a_function_that_says_so_runs_later(made, invoke, trigger):
    made("refuse", trigger, is_async=True)
    source = {
        "PostAuthentication": "PostAuthentication_Authentication",
        "PostConfirmation": "PostConfirmation_ConfirmSignUp",
    }[trigger]
    assert invoke(source, response={}) == {}
    assert QueuedEvent.objects.get().trigger_source == source
    assert not Invocation.objects.exists()


def test_a_function_whose_answer_matters_never_runs_later(made, invoke):
    made("confirm", is_async=True)
    assert invoke() == {"autoConfirmUser": True}
    assert not QueuedEvent.objects.exists()


def test_the_plain_member_and_the_versioned_one_name_the_same_function(made, use, invoke):
    function = made("confirm", "PreTokenGeneration")
    use(
        MISSING,
        "PreTokenGeneration",
        PreTokenGenerationConfig={"LambdaVersion": "V2_0", "LambdaArn": function.arn},
    )
    answer = invoke("TokenGeneration_Authentication", response={})
    assert answer == {"claimsAndScopeOverrideDetails": None}
    assert Invocation.objects.get().outcome == Outcome.SUCCEEDED


def test_a_record_shows_no_secret_of_the_request(made, invoke):
    made("tell", "PreAuthentication")
    with pytest.raises(UserLambdaValidationException):
        invoke(
            "PreAuthentication_Authentication",
            request={"userAttributes": {"email": "jane@example.com"}, **SECRETS},
        )
    row = Invocation.objects.get()
    written = json.dumps(row.request) + row.error + row.log + json.dumps(row.response)
    assert not [secret for secret in HIDDEN if secret in written]
    # What is no secret is there, as are the names.
    assert "jane@example.com" in json.dumps(row.request)
    assert row.request["clientMetadata"] == {"campaign": "[redacted]"}
    assert row.request["password"] == "[redacted]"


def test_a_record_shows_no_secret_of_the_response(made, invoke):
    made("create", "CreateAuthChallenge")
    invoke("CreateAuthChallenge_Authentication")
    row = Invocation.objects.get()
    assert "made-by-the-function" not in json.dumps(row.response)
    assert row.response["publicChallengeParameters"] == {"question": "shown"}
    assert row.response["privateChallengeParameters"] == {"answer": "[redacted]"}


def test_what_the_log_repeats_is_taken_out(handler, people, use, invoke):
    function = handler(
        "tells.py",
        "def handler(e, c):\n    print(e)\n    print(e['request']['password'])\n    return e\n",
        people,
    )
    use(function, "PreAuthentication")
    invoke(
        "PreAuthentication_Authentication",
        request={**SECRETS, "password": 'it\'s "quoted"\n\u017e'},
        response={},
    )
    log = Invocation.objects.get().log
    assert "[redacted]" in log
    assert "quoted" not in log
    assert not [secret for secret in HIDDEN if secret in log]


def test_null_characters_and_long_names_are_no_obstacle(made, invoke):
    made("confirm")
    invoke(username="j" * 200 + "\x00", request={"userAttributes": {"name\x00": "a\x00b"}})
    assert Invocation.objects.get().request["userAttributes"] == {"name\ufffd": "a\ufffdb"}


def test_a_secret_that_no_key_opens_makes_the_function_unavailable(
    make_function, people, use, invoke
):
    function = make_function("http", "https://example.com/", people, secret="s")
    other = make_function("http", "https://example.com/", people, secret="t")
    Function.objects.filter(pk=function.pk).update(secret_sealed=other.secret_sealed)
    use(function, "PreSignUp")
    with pytest.raises(UnexpectedLambdaException, match="ServiceException"):
        invoke()


def test_a_deleted_pool_takes_its_events_along_and_leaves_functions_and_runs(
    made, people, use, invoke
):
    function = made("confirm")
    invoke()
    use(function, CustomSMSSender={"LambdaArn": function.arn})
    invoke("CustomSMSSender_SignUp", request={"code": "1"}, response={})
    LocalApi().in_pool(people.pk)("DeleteUserPool", UserPoolId=people.pk)
    assert not QueuedEvent.objects.exists()
    assert not Function.objects.get().pools.exists()
    assert Invocation.objects.exists()


def test_a_trial_writes_nothing_down(made):
    function = made("confirm")
    trial = service.try_out(function, service.sample_event())
    assert (trial.outcome, trial.answer) == (
        Outcome.SUCCEEDED,
        {"response": {"autoConfirmUser": True}},
    )
    assert not Invocation.objects.exists()


def test_the_invoker_is_what_the_settings_name(settings):
    from userpools.conf import settings as ours  # noqa: PLC0415

    assert ours.TRIGGER_INVOKER is FunctionInvoker
    assert set(ours.TRIGGER_RUNNERS) == {"process", "http", "lambda", "python"}
