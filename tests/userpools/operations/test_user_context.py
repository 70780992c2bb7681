"""Whose address a sign-in is recorded under."""

import pytest

from tests.calls import refused
from tests.conftest import PASSWORD
from userpools.auth.secret_hash import secret_hash
from userpools.models import AuthEvent

pytestmark = pytest.mark.django_db

PLUS = {"UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}}


def initiate(idp, client, address):
    parameters = {"USERNAME": "ana", "PASSWORD": PASSWORD}
    if client.has_secret:
        secret = client.secret_values[0]
        parameters["SECRET_HASH"] = secret_hash(secret, "ana", client.client_id)
    idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters=parameters,
        UserContextData={"IpAddress": address},
    )


@pytest.mark.parametrize(
    ("addons", "members"),
    [
        (PLUS, {}),
        (PLUS, {"GenerateSecret": True}),
        ({}, {"GenerateSecret": True, "EnablePropagateAdditionalUserContextData": True}),
    ],
    ids=["public client", "not switched on", "no threat protection"],
)
def test_an_address_that_anybody_may_have_made_up_is_ignored(
    idp, make_pool, make_client, make_user, addons, members
):
    pool = make_pool(**addons)
    make_user(pool)
    initiate(idp, make_client(pool, **members), "203.0.113.9")
    assert AuthEvent.objects.get(outcome="Pass").ip_address == "127.0.0.1"


@pytest.fixture
def passing(make_pool, make_client, make_user):
    pool = make_pool(**PLUS)
    make_user(pool)
    return make_client(pool, GenerateSecret=True, EnablePropagateAdditionalUserContextData=True)


def test_a_client_that_passes_its_users_on_says_where_they_are(idp, passing):
    initiate(idp, passing, "2001:DB8::1")
    assert AuthEvent.objects.get().ip_address == "2001:db8::1"


def test_a_malformed_address_is_refused(idp, passing):
    secret = passing.secret_values[0]
    refused(
        idp,
        "InvalidParameterException",
        idp.initiate_auth,
        ClientId=passing.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={
            "USERNAME": "ana",
            "PASSWORD": PASSWORD,
            "SECRET_HASH": secret_hash(secret, "ana", passing.client_id),
        },
        UserContextData={"IpAddress": "203.0.113.256"},
    )
    assert not AuthEvent.objects.exists()


def admin_initiate(idp, client, address, headers=()):
    return {
        "UserPoolId": client.pool_id,
        "ClientId": client.client_id,
        "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": "ana", "PASSWORD": PASSWORD},
        "ContextData": {
            "IpAddress": address,
            "ServerName": "app.example.com",
            "ServerPath": "/login",
            "HttpHeaders": [{"headerName": name, "headerValue": value} for name, value in headers],
        },
    }


def test_a_server_is_believed_where_its_users_are(idp, client, user):
    headers = [("Accept", "*/*"), ("user-agent", "Browser/1")]
    idp.admin_initiate_auth(**admin_initiate(idp, client, "203.0.113.9", headers))
    event = AuthEvent.objects.get()
    assert (event.ip_address, event.user_agent) == ("203.0.113.9", "Browser/1")


def test_a_servers_malformed_address_is_refused(idp, client, user):
    members = admin_initiate(idp, client, "localhost")
    refused(idp, "InvalidParameterException", idp.admin_initiate_auth, **members)
    assert not AuthEvent.objects.exists()
