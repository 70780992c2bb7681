"""The console's pages of functions."""

import json

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from triggers import queue
from triggers.models import EventState, Function, Invocation, QueuedEvent
from userpools.models import AuditEntry, Operator


def confirm(event, context):
    return {"response": {"autoConfirmUser": True}, "name": event["userName"]}


def refuse(event, context):
    raise ValueError("no <thanks>")


TARGET = f"{__name__}.confirm"


@pytest.fixture
def browser(operator):
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def function(make_function, people):
    return make_function("python", TARGET, people, name="claims", environment={"TOKEN": "secret"})


def page(model, obj=None, act=""):
    if act:
        return reverse(f"admin:triggers_{model}_act", args=[obj.pk, act])
    if obj is None:
        return reverse(f"admin:triggers_{model}_changelist")
    return reverse(f"admin:triggers_{model}_change", args=[obj.pk])


def form(**changes):
    return {
        "name": "claims",
        "runner": "python",
        "target": TARGET,
        "handler": "handler",
        "timeout": "5",
        "memory_mb": "256",
        "enabled": "on",
        **changes,
    }


@pytest.mark.parametrize("model", ["function", "invocation", "queuedevent"])
def test_lists_open_empty_and_filled(browser, model, function, use, invoke):
    assert browser.get(page(model)).status_code == 200
    use(function, "PreSignUp", CustomSMSSender={"LambdaArn": function.arn})
    invoke()
    invoke("CustomSMSSender_SignUp", request={"code": "1"}, response={})
    assert browser.get(page(model), {"q": "x_\x00"}).status_code == 200
    response = browser.get(page(model))
    assert response.status_code == 200
    assert len(response.context["cl"].result_list) == 1


def test_a_function_is_made_and_changed(browser, people):
    add = reverse("admin:triggers_function_add")
    assert browser.get(add).status_code == 200
    made = browser.post(add, form(pools=[people.pk], environment="TOKEN = secret", secret="s"))
    assert made.status_code == 302
    function = Function.objects.get()
    assert function.arn.endswith(":function:claims")
    assert (function.environment, function.secret) == ({"TOKEN": "secret"}, "s")
    assert list(function.pools.all()) == [people]
    assert AuditEntry.objects.get(action="CreateFunction").source == "console"

    html = browser.get(page("function", function)).content.decode()
    assert "TOKEN" in html
    assert "secret</textarea>" not in html
    kept = form(name="other", environment="TOKEN = ••••••••\nMORE = b")
    assert browser.post(page("function", function), kept).status_code == 302
    changed = Function.objects.get()
    assert (changed.name, changed.arn, changed.secret) == ("other", function.arn, "s")
    assert changed.environment == {"TOKEN": "secret", "MORE": "b"}
    assert not changed.pools.exists()


@pytest.mark.parametrize(
    "wrong", [{"target": "no.such"}, {"name": "a b"}, {"timeout": "61"}, {"runner": "magic"}]
)
def test_what_cannot_be_is_said_in_the_form(browser, wrong):
    response = browser.post(reverse("admin:triggers_function_add"), form(**wrong))
    assert response.status_code == 200
    assert response.context["adminform"].form.errors
    assert not Function.objects.exists()


def test_a_function_s_page_lists_its_last_runs(browser, function, use, invoke):
    use(function, "PreSignUp")
    invoke()
    html = browser.get(page("function", function)).content.decode()
    assert "PreSignUp_SignUp" in html
    assert "Succeeded" in html


def test_a_run_s_page_shows_what_was_said(browser, function, use, invoke):
    use(function, "PreSignUp")
    invoke(request={"userAttributes": {"email": "jane@example.com"}, "clientMetadata": {"a": "b"}})
    html = browser.get(page("invocation", Invocation.objects.get())).content.decode()
    assert "jane@example.com" in html
    assert "[redacted]" in html


def test_a_run_whose_event_is_whole_is_tried_again(browser, function, use, invoke):
    use(function, "PreSignUp")
    invoke(request={"userAttributes": {"email": "jane@example.com"}, "clientMetadata": None})
    run = Invocation.objects.get()
    shown = browser.get(page("invocation", run, "again"))
    event = json.loads(shown.context["form"]["event"].value())
    assert event["triggerSource"] == run.trigger_source
    assert event["userPoolId"] == run.pool_id
    assert event["request"]["userAttributes"]["email"] == "jane@example.com"
    answer = browser.post(page("invocation", run, "again"), {"event": json.dumps(event)})
    assert answer.context["trial"].answer["name"] == run.username
    assert Invocation.objects.count() == 1


def test_a_run_with_gaps_or_without_its_function_is_not_tried_again(browser, function, use, invoke):
    use(function, "PreSignUp")
    invoke(request={"userAttributes": {}, "clientMetadata": {"a": "b"}})
    run = Invocation.objects.get()
    again = page("invocation", run, "again")
    assert again not in browser.get(page("invocation", run)).content.decode()
    Invocation.objects.update(request={"userAttributes": {}})
    assert again in browser.get(page("invocation", run)).content.decode()
    Function.objects.all().delete()
    assert again not in browser.get(page("invocation", run)).content.decode()


def test_a_test_event_is_answered_beside_it(browser, function):
    shown = browser.get(page("function", function, "try"))
    offered = shown.context["form"]["event"].value()
    assert json.loads(offered)["triggerSource"] == "PreSignUp_SignUp"
    assert "\n" in offered
    event = json.dumps({"userName": "jane", "userPoolId": "p"})
    answer = browser.post(page("function", function, "try"), {"event": event})
    assert answer.context["trial"].answer["name"] == "jane"
    assert "no-store" in answer["Cache-Control"]
    assert "autoConfirmUser" in answer.content.decode()


def test_a_test_event_s_error_is_escaped(browser, make_function):
    function = make_function("python", f"{__name__}.refuse")
    answer = browser.post(page("function", function, "try"), {"event": '{"a": 1}'})
    assert "no &lt;thanks&gt;" in answer.content.decode()


def test_a_wrong_name_is_said_of_the_name(browser):
    answer = browser.post(reverse("admin:triggers_function_add"), {"name": "a/b"})
    assert "name" in answer.context["adminform"].form.errors


@pytest.mark.parametrize("event", ["", "[]", "{", "7"])
def test_an_event_is_an_object(browser, function, event):
    answer = browser.post(page("function", function, "try"), {"event": event})
    assert answer.context["form"].errors


def test_a_function_is_disabled_enabled_and_deleted(browser, function):
    browser.post(page("function", function, "disable"))
    assert not Function.objects.get().enabled
    browser.post(page("function", function, "enable"))
    assert Function.objects.get().enabled
    assert Function.objects.get().pools.exists()
    browser.post(page("function", function, "delete"), {"confirmation": "wrong"})
    assert Function.objects.exists()
    browser.post(page("function", function, "delete"), {"confirmation": "claims"})
    assert not Function.objects.exists()
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions)[-1] == "DeleteFunction"


def test_an_event_that_was_given_up_is_run_again(browser, function, use, invoke):
    use(function, CustomSMSSender={"LambdaArn": function.arn})
    invoke("CustomSMSSender_SignUp", request={"code": "1"}, response={})
    event = QueuedEvent.objects.get()
    assert browser.get(page("queuedevent", event)).status_code == 200
    QueuedEvent.objects.update(state=EventState.DEAD, attempts=queue.MAX_ATTEMPTS)
    browser.post(page("queuedevent", event, "retry"))
    event.refresh_from_db()
    assert (event.state, event.attempts) == (EventState.DUE, 0)


def test_no_permission_opens_these_pages(db, function):
    clerk = Operator.objects.create_user("clerk", password="operator-password-2", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(content_type__app_label="triggers"))
    client = Client()
    client.force_login(clerk)
    for address in (
        page("function"),
        page("function", function),
        page("function", function, "try"),
        reverse("admin:triggers_function_add"),
        page("invocation"),
        page("queuedevent"),
    ):
        assert client.get(address).status_code == 403, address
    assert client.post(page("function", function, "disable")).status_code == 403
    assert "Functions" not in client.get(reverse("admin:index")).content.decode()
    assert Function.objects.get().enabled


def test_superusers_find_the_pages(browser):
    assert page("function") in browser.get(reverse("admin:index")).content.decode()
