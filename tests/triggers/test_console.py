"""Functions around what operators do in the console, as around the API's Admin operations."""

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from tests.conftest import PASSWORD
from tests.triggers import recorder
from triggers.events import NO_CLIENT
from userpools.models import AuditEntry, Message, PoolUser

ADD = "admin:userpools_pooluser_add"
BEFORE, AFTER = "PreSignUp_AdminCreateUser", "PostConfirmation_ConfirmSignUp"
WORDS = {"emailMessage": "Yours is {####}, {username}"}


@pytest.fixture
def browser(operator):
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def wired(pool, wire):
    wire(pool, "PreSignUp", "PostConfirmation", "CustomMessage", AutoVerifiedAttributes=["email"])
    return pool


@pytest.fixture
def unconfirmed(idp, wired, client):
    """A user who signed up; what ran then is forgotten."""
    idp.sign_up(
        ClientId=client.client_id,
        Username="ana",
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": "ana@example.com"}],
    )
    recorder.events.clear()
    Message.objects.all().delete()
    return PoolUser.objects.get()


def add(browser, pool, **changes):
    given = {
        "pool": pool.pk, "name": "ben", "email": "ben@example.com", "send_by": "EMAIL", **changes,
    }  # fmt: skip
    return browser.post(reverse(ADD), given)


def act(browser, user, name, **answers):
    return browser.post(reverse("admin:userpools_pooluser_act", args=[user.pk, name]), answers)


@pytest.mark.django_db(transaction=True)
def test_a_refused_user_is_not_made(browser, wired):
    recorder.answers[BEFORE] = ValueError("not here")
    response = add(browser, wired)
    assert response.status_code == 200
    form = response.context["adminform"].form
    assert form.non_field_errors() == ["PreSignUp failed with error not here."]
    assert form["name"].value() == "ben"
    assert recorder.sources() == [BEFORE]
    assert not PoolUser.objects.exists()
    assert not AuditEntry.objects.filter(action="AdminCreateUser").exists()


@pytest.mark.django_db(transaction=True)
def test_a_new_user_is_admitted_and_the_invitation_worded(browser, wired, sent):
    recorder.answers[BEFORE] = {"autoVerifyEmail": True}
    recorder.answers["CustomMessage_AdminCreateUser"] = WORDS
    assert add(browser, wired).status_code == 302
    assert recorder.sources() == [BEFORE, "CustomMessage_AdminCreateUser"]
    event = recorder.events[0]
    assert event["callerContext"]["clientId"] == NO_CLIENT
    assert event["request"] == {
        "userAttributes": {"email": "ben@example.com"},
        "validationData": None,
        "clientMetadata": None,
    }
    user = PoolUser.objects.get()
    assert user.attributes["email_verified"] == "true"
    message = sent()[-1]
    assert message["body"] == f"Yours is {message['code']}, ben"


def test_a_wrong_form_runs_nothing(browser, wired):
    assert add(browser, wired, send_by="").status_code == 200
    assert recorder.events == []


def test_a_taken_name_is_told_at_the_form(browser, wired):
    add(browser, wired)
    response = add(browser, wired)
    assert response.status_code == 200
    assert response.context["adminform"].form.non_field_errors() == ["User account already exists"]
    assert PoolUser.objects.count() == 1


def test_who_may_not_add_users_adds_none(db, operator, wired):
    operator.is_superuser = False
    operator.save()
    clerk = Client()
    clerk.force_login(operator)
    assert add(clerk, wired).status_code == 403
    assert recorder.events == []
    assert not PoolUser.objects.exists()


def test_a_form_without_a_csrf_token_is_refused(operator, wired):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(operator)
    assert add(browser, wired).status_code == 403
    assert not PoolUser.objects.exists()


def test_a_confirmation_runs_its_function(browser, unconfirmed):
    assert act(browser, unconfirmed, "confirm").status_code == 302
    assert recorder.sources() == [AFTER]
    assert recorder.events[0]["request"]["userAttributes"]["cognito:user_status"] == "CONFIRMED"


def test_a_function_that_fails_afterwards_leaves_the_user_confirmed(browser, unconfirmed):
    recorder.answers[AFTER] = ValueError("too late")
    response = act(browser, unconfirmed, "confirm")
    assert response.context["form"].non_field_errors() == [
        "PostConfirmation failed with error too late."
    ]
    assert PoolUser.objects.get().status == "CONFIRMED"


@pytest.mark.parametrize(
    ("name", "answers", "source"),
    [
        ("resend-code", {}, "CustomMessage_ResendCode"),
        ("attributes", {"email": "new@example.com"}, "CustomMessage_UpdateUserAttribute"),
    ],
)
def test_codes_are_worded(browser, unconfirmed, sent, name, answers, source):
    recorder.answers[source] = {"emailMessage": "Yours is {####}, dear"}
    assert act(browser, unconfirmed, name, **answers).status_code == 302
    assert recorder.sources() == [source]
    assert sent()[-1]["body"].endswith(", dear")


def test_an_invitation_sent_again_is_worded(browser, wired, sent):
    add(browser, wired)
    recorder.events.clear()
    recorder.answers["CustomMessage_AdminCreateUser"] = WORDS
    assert act(browser, PoolUser.objects.get(), "invite", send_by="EMAIL").status_code == 302
    assert recorder.sources() == ["CustomMessage_AdminCreateUser"]
    assert sent()[-1]["body"].endswith(", ben")


def test_a_reset_code_is_worded(browser, wired, make_user, sent):
    make_user(wired, "ana", email="ana@example.com", email_verified="true")
    recorder.events.clear()
    recorder.answers["CustomMessage_ForgotPassword"] = {"emailMessage": "Yours is {####}, dear"}
    assert act(browser, PoolUser.objects.get(), "reset").status_code == 302
    assert recorder.sources() == ["CustomMessage_ForgotPassword"]
    assert sent()[-1]["body"].endswith(", dear")


# The command


def create(pool, password, monkeypatch):
    import io  # noqa: PLC0415

    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    call_command("user", "create", pool.pk, "ben", "--password-stdin", "--json")


@pytest.mark.django_db(transaction=True)
def test_the_command_runs_the_functions_too(wired, monkeypatch):
    create(wired, PASSWORD, monkeypatch)
    assert recorder.sources() == [BEFORE]
    assert PoolUser.objects.get().status == "CONFIRMED"


@pytest.mark.django_db(transaction=True)
def test_the_command_leaves_no_user_behind_whose_password_is_refused(wired, monkeypatch):
    with pytest.raises(CommandError, match="InvalidPasswordException"):
        create(wired, "short", monkeypatch)
    assert recorder.events == []
    assert not PoolUser.objects.exists()
