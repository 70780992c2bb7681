"""App clients: their form, and their secrets, which are shown once."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.userpools.admin.conftest import form_data, last_act, page
from userpools.models import AppClient, ClientSecret, UserPool

ADD = "admin:userpools_appclient_add"


def add(browser: Client, pool: UserPool, **changes: Any) -> Any:
    data = form_data(browser.get(reverse(ADD)))
    return browser.post(reverse(ADD), {**data, "pool": pool.pk, "client_name": "web", **changes})


def save(browser: Client, client: AppClient, **changes: Any) -> Any:
    data = {**form_data(browser.get(page("appclient", client))), **changes}
    data = {name: value for name, value in data.items() if value is not None}
    return browser.post(page("appclient", client), data)


def describe(idp: Any, client: AppClient) -> dict[str, Any]:
    answer = idp.describe_user_pool_client(UserPoolId=client.pool_id, ClientId=client.client_id)
    return dict(answer["UserPoolClient"])


def test_a_client_is_created_as_by_the_api(browser: Client, idp: Any, pool: UserPool) -> None:
    response = add(
        browser,
        pool,
        flows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        access_validity="30",
        access_unit="minutes",
        hosted="on",
        grants=["code"],
        scopes="openid\nemail",
        callback_urls="https://a.example/in\n\n http://localhost:3000/in \n",
    )
    assert response.status_code == 302
    described = describe(idp, AppClient.objects.get())
    assert described["ExplicitAuthFlows"] == [
        "ALLOW_USER_PASSWORD_AUTH",
        "ALLOW_REFRESH_TOKEN_AUTH",
    ]
    assert described["AccessTokenValidity"] == 30
    assert described["TokenValidityUnits"] == {"AccessToken": "minutes"}
    assert described["CallbackURLs"] == ["https://a.example/in", "http://localhost:3000/in"]
    assert described["PreventUserExistenceErrors"] == "ENABLED"
    assert "ClientSecret" not in described
    assert last_act().action == "CreateUserPoolClient"


def test_a_secret_is_shown_once_and_never_again(browser: Client, idp: Any, pool: UserPool) -> None:
    response = add(browser, pool, generate_secret="on")
    client = AppClient.objects.get()
    secret = describe(idp, client)["ClientSecret"]
    assert response.url == reverse("admin:userpools_appclient_secret")
    shown = browser.get(response.url)
    assert secret in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert browser.get(response.url).status_code == 302
    for address in (page("appclient"), page("appclient", client), page("auditentry")):
        assert secret not in browser.get(address).content.decode()
    entry = last_act()
    assert secret not in browser.get(page("auditentry", entry)).content.decode()
    assert secret not in str(browser.session.items())


def test_the_page_of_a_new_secret_needs_the_one_who_made_it(
    browser: Client, browser_of: Any, pool: UserPool
) -> None:
    address = add(browser, pool, generate_secret="on").url
    assert browser_of("view_appclient").get(address).status_code == 302


def test_a_second_secret_is_added_and_the_first_deleted(
    browser: Client, idp: Any, pool: UserPool
) -> None:
    add(browser, pool, generate_secret="on")
    client = AppClient.objects.get()
    first = ClientSecret.objects.get()
    response = browser.post(page("appclient", client, act="add-secret"))
    assert "Client secret" in browser.get(response.url).content.decode()
    removed = browser.post(page("appclient", client, act="delete-secret"), {"secret": first.pk})
    assert removed.status_code == 302
    assert ClientSecret.objects.get().pk != first.pk


def test_a_public_client_gets_no_secret_by_hand(browser: Client, client: AppClient) -> None:
    assert browser.post(page("appclient", client, act="add-secret")).status_code == 302
    assert not ClientSecret.objects.exists()


def test_saving_an_untouched_form_changes_nothing(
    browser: Client, idp: Any, pool: UserPool
) -> None:
    made = idp.create_user_pool_client(UserPoolId=pool.id, ClientName="plain")["UserPoolClient"]
    client = AppClient.objects.get(client_id=made["ClientId"])
    before = describe(idp, client)
    assert save(browser, client).status_code == 302
    after = describe(idp, client)
    for described in (before, after):
        described.pop("LastModifiedDate")
    assert before == after


def test_an_older_flow_name_is_kept_and_can_be_replaced(
    browser: Client, idp: Any, pool: UserPool
) -> None:
    made = idp.create_user_pool_client(
        UserPoolId=pool.id, ClientName="old", ExplicitAuthFlows=["ADMIN_NO_SRP_AUTH"]
    )
    client = AppClient.objects.get(client_id=made["UserPoolClient"]["ClientId"])
    save(browser, client, client_name="older")
    assert describe(idp, client)["ExplicitAuthFlows"] == ["ADMIN_NO_SRP_AUTH"]
    save(browser, client, flows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
    assert "ADMIN_NO_SRP_AUTH" not in describe(idp, client)["ExplicitAuthFlows"]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_name": ""},
        {"session_minutes": "2"},
        {"session_minutes": "16"},
        {"access_validity": "0"},
        {"access_validity": "2", "access_unit": "seconds"},
        {
            "callback_urls": "javascript:alert(1)",
            "hosted": "on",
            "grants": ["code"],
            "scopes": "openid",
        },
        {"rotation_grace": "61"},
        {"flows": ["ALLOW_EVERYTHING"]},
        {"propagate_context": "on"},
        {"read_attributes": "custom:nowhere"},
    ],
)
def test_wrong_settings_are_errors_of_the_form(
    browser: Client, pool: UserPool, changes: dict[str, Any]
) -> None:
    response = add(browser, pool, **changes)
    assert response.status_code == 200
    assert response.context["adminform"].form.errors
    assert not AppClient.objects.exists()


def test_a_client_is_deleted_by_its_name(browser: Client, client: AppClient) -> None:
    address = page("appclient", client, act="delete")
    assert browser.post(address, {"confirmation": "other"}).status_code == 200
    assert browser.post(address, {"confirmation": client.name}).status_code == 302
    assert not AppClient.objects.exists()
    assert last_act().action == "DeleteUserPoolClient"


def test_attributes_are_chosen_from_the_pool_s_schema(
    browser: Client, idp: Any, pool: UserPool, client: AppClient
) -> None:
    idp.add_custom_attributes(
        UserPoolId=pool.id, CustomAttributes=[{"Name": "plan", "AttributeDataType": "String"}]
    )
    form = browser.get(page("appclient", client)).context["adminform"].form
    readable, writable = (
        {value for value, _label in form.fields[name].choices}
        for name in ("read_attributes", "write_attributes")
    )
    assert "custom:plan" in readable & writable
    assert "email_verified" in readable - writable
    save(browser, client, read_attributes=["email", "custom:plan"], write_attributes=["email"])
    described = describe(idp, client)
    assert sorted(described["ReadAttributes"]) == ["custom:plan", "email"]
    assert described["WriteAttributes"] == ["email"]
    refused = save(browser, client, write_attributes=["email_verified"])
    assert "write_attributes" in refused.context["adminform"].form.errors


def test_a_pool_s_custom_attributes_are_offered_to_its_new_client(
    browser: Client, idp: Any, pool: UserPool
) -> None:
    idp.add_custom_attributes(
        UserPoolId=pool.id, CustomAttributes=[{"Name": "plan", "AttributeDataType": "String"}]
    )
    html = browser.get(reverse(ADD), {"pool": pool.pk}).content.decode()
    assert "custom:plan" in html
    assert add(browser, pool, read_attributes=["custom:plan"]).status_code == 302
    assert AppClient.objects.get().setting("ReadAttributes") == ["custom:plan"]


def test_a_client_s_role_is_chosen_by_superusers_alone(
    browser_of: Any, idp: Any, client: AppClient
) -> None:
    clerk = browser_of("view_appclient", "change_appclient")
    role = "arn:aws:iam::000000000000:role/analytics"
    assert save(clerk, client, analytics_role=role, analytics_id="abc123").status_code == 302
    assert describe(idp, client)["AnalyticsConfiguration"] == {"ApplicationId": "abc123"}


def test_a_client_s_page_says_whether_it_has_a_secret(
    browser: Client, idp: Any, pool: UserPool, make_client: Any
) -> None:
    private = make_client(pool, GenerateSecret=True)
    form = browser.get(page("appclient", private)).context["adminform"].form
    assert form["generate_secret"].value() is True
    assert form.fields["generate_secret"].disabled
    before = describe(idp, private)
    assert save(browser, private).status_code == 302
    assert describe(idp, private)["ClientSecret"] == before["ClientSecret"]
