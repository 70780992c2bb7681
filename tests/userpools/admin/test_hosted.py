"""Resource servers and domains in the console."""

import uuid
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from tests.userpools.admin.conftest import form_data, last_act, page
from userpools.models import BrowserSession, PoolUser, ResourceServer, UserPoolDomain

ADD_SERVER = "admin:userpools_resourceserver_add"
ADD_DOMAIN = "admin:userpools_userpooldomain_add"


def add(browser, address, pool, **fields):
    data = form_data(browser.get(reverse(address)))
    return browser.post(reverse(address), {**data, "pool": pool.pk, **fields})


def test_a_resource_server_is_made_and_changed(browser, idp, pool):
    response = add(
        browser,
        ADD_SERVER,
        pool,
        identifier="https://api.example.com",
        server_name="Orders",
        server_scopes="read = Read orders\nwrite = Write a = b",
    )
    assert response.status_code == 302
    described = idp.describe_resource_server(
        UserPoolId=pool.id, Identifier="https://api.example.com"
    )["ResourceServer"]
    assert described["Scopes"][1] == {"ScopeName": "write", "ScopeDescription": "Write a = b"}
    server = ResourceServer.objects.get()
    data = form_data(browser.get(page("resourceserver", server)))
    assert data["server_scopes"] == "read = Read orders\nwrite = Write a = b"
    browser.post(page("resourceserver", server), {**data, "server_scopes": "read = Read"})
    server.refresh_from_db()
    assert server.scopes == [{"ScopeName": "read", "ScopeDescription": "Read"}]
    assert last_act().action == "UpdateResourceServer"


def test_a_refusal_stands_at_its_field(browser, pool):
    response = add(browser, ADD_SERVER, pool, identifier="aws.cognito", server_name="x")
    assert "reserved identifier" in str(response.context["adminform"].form.errors["identifier"])
    response = add(browser, ADD_DOMAIN, pool, domain_name="my-aws", version="1")
    assert "reserved word" in str(response.context["adminform"].form.errors["domain_name"])
    assert not ResourceServer.objects.exists()
    assert not UserPoolDomain.objects.exists()


def test_scopes_without_a_description_are_refused(browser, pool):
    response = add(
        browser, ADD_SERVER, pool, identifier="api", server_name="x", server_scopes="read"
    )
    assert "name" not in response.headers.get("Location", "")
    assert not ResourceServer.objects.exists()


def test_a_domain_is_made_shown_and_deleted(browser, pool):
    assert add(browser, ADD_DOMAIN, pool, domain_name="acme", version="2").status_code == 302
    domain = UserPoolDomain.objects.get()
    assert domain.managed_login_version == 2
    assert "acme" in browser.get(page("userpooldomain", domain)).content.decode()
    browser.post(page("userpooldomain", domain, act="delete"), {"confirmation": "other"})
    assert UserPoolDomain.objects.exists()
    browser.post(page("userpooldomain", domain, act="delete"), {"confirmation": "acme"})
    assert not UserPoolDomain.objects.exists()


def test_a_browsers_session_is_shown_and_ended(browser, pool, client, user):
    ana, now = PoolUser.objects.get(username=user), timezone.now()
    session = BrowserSession.objects.create(
        pool=pool,
        client=client,
        user=ana,
        user_epoch=ana.epoch,
        event_id=uuid.uuid4(),
        auth_time=now,
        expires_at=now + timedelta(hours=1),
    )
    assert "Browsers" in browser.get(page("pooluser", ana)).content.decode()
    act = page("pooluser", ana, act="end-session")
    assert browser.post(act, {"session": str(session.pk)}).status_code == 302
    session.refresh_from_db()
    assert session.ended_at is not None
    assert last_act().after == {"BrowserSession": str(session.pk)}
