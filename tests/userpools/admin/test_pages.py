"""Every page opens, and what an empty or filled server shows on it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.userpools.admin.conftest import page
from userpools.admin.dashboard import _count_sign_ins
from userpools.models import (
    AppClient,
    AuditEntry,
    AuthEvent,
    Group,
    Message,
    PoolUser,
    SignInSession,
    UserPool,
)
from userpools.tokens.keys import SigningKey

LISTS = [
    "userpool",
    "appclient",
    "pooluser",
    "group",
    "authevent",
    "message",
    "auditentry",
    "signingkey",
    "accesskey",
    "operator",
]


@pytest.mark.parametrize("model", LISTS)
def test_an_empty_list_says_what_to_do(browser: Client, model: str) -> None:
    response = browser.get(page(model))
    assert response.status_code == 200
    if model != "operator":
        assert response.context["cl"].model_admin.empty_title in response.content.decode()


@pytest.mark.parametrize("model", LISTS)
def test_a_filled_list_opens(
    browser: Client, ana: PoolUser, client: AppClient, sign_in: Any, model: str
) -> None:
    sign_in(client)
    assert browser.get(page(model)).status_code == 200


@pytest.mark.parametrize("model", LISTS)
def test_a_search_for_anything_is_answered(browser: Client, ana: PoolUser, model: str) -> None:
    for term in (
        "ana",
        "ANA@EXAMPLE",
        "\x00",
        "%_'\"",
        "00000000-0000-4000-8000-000000000000",
        "é" * 200,
    ):
        assert browser.get(page(model), {"q": term}).status_code == 200


@pytest.mark.parametrize(
    "model", ["userpool", "appclient", "group", "accesskey", "operator", "pooluser"]
)
def test_a_form_to_add_opens(browser: Client, pool: UserPool, model: str) -> None:
    assert browser.get(reverse(f"admin:userpools_{model}_add")).status_code == 200


@pytest.mark.parametrize("model", ["authevent", "message", "auditentry", "signingkey"])
def test_records_cannot_be_added(browser: Client, model: str) -> None:
    assert browser.get(reverse(f"admin:userpools_{model}_add")).status_code == 403


def test_each_object_has_a_page(
    browser: Client, idp: Any, ana: PoolUser, client: AppClient, sign_in: Any
) -> None:
    idp.create_group(UserPoolId=ana.pool_id, GroupName="editors")
    idp.admin_add_user_to_group(UserPoolId=ana.pool_id, GroupName="editors", Username="ana")
    idp.admin_create_user(
        UserPoolId=ana.pool_id,
        Username="bo",
        DesiredDeliveryMediums=["EMAIL"],
        UserAttributes=[{"Name": "email", "Value": "bo@example.com"}],
    )
    sign_in(client)
    key = browser.get(page("accesskey")).context["cl"].result_list[0]
    for model, obj in (
        ("userpool", ana.pool),
        ("appclient", client),
        ("pooluser", ana),
        ("group", Group.objects.get()),
        ("authevent", AuthEvent.objects.first()),
        ("message", Message.objects.get()),
        ("auditentry", AuditEntry.objects.first()),
        ("signingkey", SigningKey.objects.first()),
        ("accesskey", key),
        ("operator", key.operator),
    ):
        assert browser.get(page(model, obj)).status_code == 200, model


def test_an_unknown_object_is_not_found(browser: Client) -> None:
    assert browser.get(reverse("admin:userpools_pooluser_change", args=["999"])).status_code == 404
    assert (
        browser.get(reverse("admin:userpools_pooluser_act", args=["999", "disable"])).status_code
        == 404
    )


def test_the_overview_of_a_new_server_lists_the_first_steps(browser: Client) -> None:
    html = browser.get(reverse("admin:index")).content.decode()
    assert "Create a user pool" in html
    assert "Nobody has signed in yet" in html


def test_the_overview_counts_passed_and_failed_sign_ins(
    browser: Client, idp: Any, user: str, client: AppClient, sign_in: Any
) -> None:
    sign_in(client)
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        sign_in(client, password="wrong-Password-1")
    html = browser.get(reverse("admin:index")).content.decode()
    assert "1 passed, 1 failed" in html


def test_a_users_page_shows_attributes_groups_sessions_and_events(
    browser: Client, idp: Any, ana: PoolUser, client: AppClient, sign_in: Any
) -> None:
    idp.create_group(UserPoolId=ana.pool_id, GroupName="editors")
    idp.admin_add_user_to_group(UserPoolId=ana.pool_id, GroupName="editors", Username="ana")
    sign_in(client)
    html = browser.get(page("pooluser", ana)).content.decode()
    assert SignInSession.objects.filter(user=ana).exists()
    for text in ("ana@example.com", "editors", "Alive", "USER_PASSWORD_AUTH", "Pass"):
        assert text in html


def test_a_page_asks_the_database_a_bounded_number_of_times(
    browser: Client, idp: Any, pool: UserPool, make_user: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        make_user(pool, f"user{number}")
        idp.create_group(UserPoolId=pool.id, GroupName=f"group{number}")
        idp.create_user_pool_client(UserPoolId=pool.id, ClientName=f"app{number}")
    for model in LISTS:
        with django_assert_max_num_queries(8):
            browser.get(page(model))


def test_a_user_s_page_costs_the_same_whatever_belongs_to_them(
    browser: Client,
    idp: Any,
    ana: PoolUser,
    client: AppClient,
    sign_in: Any,
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(12):
        idp.create_group(UserPoolId=ana.pool_id, GroupName=f"group{number}")
        idp.admin_add_user_to_group(
            UserPoolId=ana.pool_id, GroupName=f"group{number}", Username="ana"
        )
        sign_in(client)
    with django_assert_max_num_queries(12):
        browser.get(page("pooluser", ana))
    with django_assert_max_num_queries(14):
        browser.get(page("userpool", ana.pool))


def test_lists_are_not_counted_beyond_a_bound(
    browser: Client, pool: UserPool, make_user: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("userpools.admin.base.MOST_COUNTED", 2)
    for number in range(4):
        make_user(pool, f"user{number}")
    assert browser.get(page("pooluser")).context["cl"].paginator.count == 2


def test_the_package_s_own_pages_for_grants_and_tokens_are_gone(browser: Client) -> None:
    for name in ("grant", "accesstoken", "refreshtoken", "idtoken", "devicegrant"):
        assert browser.get(f"/admin/userpools/{name}/").status_code == 404


def test_the_console_wants_a_sign_in(db: None) -> None:
    for address in ("/admin/", page("userpool")):
        assert Client().get(address).status_code == 302
    assert "Console for operators" in Client().get("/admin/login/").content.decode()


def test_a_pool_user_cannot_sign_in_to_the_console(ana: PoolUser) -> None:
    browser = Client()
    answer = browser.post("/admin/login/", {"username": "ana", "password": "Correct-Horse-9"})
    assert answer.status_code == 200
    assert "_auth_user_id" not in browser.session


def test_events_are_found_by_their_kind(
    browser: Client, idp: Any, pool: UserPool, make_client: Any
) -> None:
    client = make_client(pool)
    idp.sign_up(ClientId=client.client_id, Username="eve", Password="Correct-Horse-9")
    user = PoolUser.objects.get(username="eve")
    assert "SignUp" in browser.get(page("pooluser", user)).content.decode()
    for kind, shown in (("SignUp", 1), ("PasswordChange", 0)):
        listed = browser.get(f"{page('authevent')}?event_type={kind}")
        assert listed.context["cl"].result_count == shown


def test_the_chart_counts_sign_ins_alone(
    browser: Client, idp: Any, pool: UserPool, make_client: Any
) -> None:
    client = make_client(pool)
    idp.sign_up(ClientId=client.client_id, Username="eve", Password="Correct-Horse-9")
    assert _count_sign_ins(timezone.now())["passed"] == 0
    AuthEvent.objects.update(event_type="SignIn")
    assert _count_sign_ins(timezone.now())["passed"] == 1
