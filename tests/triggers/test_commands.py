"""`manage.py functions`."""

import base64
import io
import json

import pytest
from django.core.management import CommandError, call_command

from triggers import custom_sender
from triggers.models import Function
from userpools.models import AuditEntry

MANY = "x" * 200


def confirm(event, context):
    return {"response": {"autoConfirmUser": True, "user": event["userName"]}}


def refuse(event, context):
    raise ValueError("no thanks")


@pytest.fixture
def run(db):
    def run(*arguments):
        out = io.StringIO()
        call_command("functions", *arguments, stdout=out, stderr=io.StringIO())
        return out.getvalue()

    return run


@pytest.fixture
def ask(run):
    return lambda *arguments: json.loads(run(*arguments, "--json"))


@pytest.fixture
def made(ask, people):
    target = f"{__name__}.confirm"
    return ask("create", "claims", "--runner", "python", "--target", target, "--pool", people.pk)


def test_a_function_is_made_listed_and_deleted(ask, run, made, people):
    assert made["Arn"] == "arn:aws:lambda:us-east-1:000000000000:function:claims"
    assert made["Pools"] == [people.pk]
    assert [row["Name"] for row in ask("list")] == ["claims"]
    assert AuditEntry.objects.get(action="CreateFunction").source == "command"
    run("delete", "claims", "--yes")
    assert ask("list") == []


def test_a_deletion_wants_a_yes(run, made):
    with pytest.raises(CommandError, match="--yes"):
        run("delete", "claims")
    assert Function.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("a b", "--runner", "python", "--target", f"{__name__}.confirm"),
        (MANY, "--runner", "python", "--target", f"{__name__}.confirm"),
        ("f", "--runner", "magic", "--target", f"{__name__}.confirm"),
        ("f", "--runner", "python", "--target", "no.such"),
        ("f", "--runner", "process", "--target", "relative.js"),
        ("f", "--runner", "http", "--target", "https://example.com/"),
        ("f", "--runner", "http", "--target", "https://example.com/", "--secret", "text"),
        ("f", "--runner", "http", "--target", "https://example.com/", "--secret", "@/no/file"),
        ("f", "--runner", "python", "--target", f"{__name__}.confirm", "--timeout", "61"),
        ("f", "--runner", "python", "--target", f"{__name__}.confirm", "--memory", "1"),
        ("f", "--runner", "python", "--target", f"{__name__}.confirm", "--pool", "none"),
        ("f", "--runner", "python", "--target", f"{__name__}.confirm", "--env", "NAME"),
        ("f", "--runner", "python", "--target", f"{__name__}.confirm", "--env", f"A={MANY * 30}"),
        ("f", "--runner", "python", "--target", f"{__name__}.confirm", "--arn", "arn:aws:x"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(run, arguments):
    with pytest.raises(CommandError):
        run("create", *arguments)
    assert not Function.objects.exists()


def test_an_arn_is_taken_once(run, made):
    with pytest.raises(CommandError, match="already exists"):
        run("create", "claims", "--runner", "python", "--target", f"{__name__}.confirm")


def test_secrets_go_in_and_never_come_out(ask, run, tmp_path):
    (tmp_path / "secret").write_text("of the webhook\n")
    made = ask(
        "create", "hook", "--runner", "http", "--target", "https://example.com/",
        "--secret", f"@{tmp_path}/secret", "--env", "TOKEN=of the function",
    )  # fmt: skip
    assert (made["HasSecret"], made["Environment"]) == (True, ["TOKEN"])
    function = Function.objects.get()
    assert (function.secret, function.environment) == (
        "of the webhook",
        {"TOKEN": "of the function"},
    )
    shown = run("list") + json.dumps(AuditEntry.objects.latest("pk").after) + json.dumps(made)
    assert "of the" not in shown


def test_a_test_event_is_answered(ask, made):
    answer = ask("invoke", "claims", "--event", '{"userName": "jane", "userPoolId": "p"}')
    assert answer["Answer"] == {"response": {"autoConfirmUser": True, "user": "jane"}}
    assert ask("invoke", made["Arn"])["DurationMs"] >= 0
    assert ask("logs") == []


def test_a_test_event_that_fails_says_why(run):
    run("create", "refuses", "--runner", "python", "--target", f"{__name__}.refuse")
    with pytest.raises(CommandError, match="no thanks") as caught:
        run("invoke", "refuses")
    assert caught.value.returncode == 1


def test_runs_are_shown_newest_first(ask, made, use, invoke):
    use(made["Arn"], "PreSignUp")
    invoke(username="first")
    invoke("PreSignUp_AdminCreateUser", username="second")
    rows = ask("logs", "claims")
    assert [row["Source"] for row in rows] == ["PreSignUp_AdminCreateUser", "PreSignUp_SignUp"]
    assert len(ask("logs", "--limit", "1")) == 1


def test_the_sender_s_key_is_the_pool_s(ask, people):
    shown = ask("sender-key", people.pk)
    assert base64.b64decode(shown["Key"]) == custom_sender.local_key(people.pk)
    assert (shown["KeyNamespace"], shown["KeyName"]) == ("poolhouse", people.pk)


def test_an_unknown_function_is_not_found(run):
    for verb in ("invoke", "logs"):
        with pytest.raises(CommandError, match="not found"):
            run(verb, "none")
