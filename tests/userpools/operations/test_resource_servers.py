"""Resource servers, their scopes, and the clients that may ask for these."""

import pytest

from tests.calls import refused
from userpools.models import AuditEntry, ResourceServer
from userpools.services import resource_servers

API = "https://api.example.com"
READ = {"ScopeName": "read", "ScopeDescription": "Read orders"}
WRITE = {"ScopeName": "write", "ScopeDescription": "Write orders"}


@pytest.fixture
def server(idp, pool):
    idp.create_resource_server(UserPoolId=pool.id, Identifier=API, Name="Orders", Scopes=[READ])
    return API


def machine(scopes, **members):
    return {
        "GenerateSecret": True,
        "AllowedOAuthFlows": ["client_credentials"],
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthScopes": scopes,
        **members,
    }


# Refusals


@pytest.mark.parametrize("operation", ["describe", "delete"])
def test_an_unknown_resource_server_is_not_found(idp, pool, server, operation):
    call = getattr(idp, f"{operation}_resource_server")
    refused(idp, "ResourceNotFoundException", call, UserPoolId=pool.id, Identifier="none")


def test_an_unknown_resource_server_is_not_changed(idp, pool):
    refused(
        idp,
        "ResourceNotFoundException",
        idp.update_resource_server,
        UserPoolId=pool.id,
        Identifier="none",
        Name="x",
    )
    assert not ResourceServer.objects.exists()


def test_another_pools_resource_server_is_not_found(idp, make_pool, server):
    other = make_pool()
    refused(
        idp,
        "ResourceNotFoundException",
        idp.describe_resource_server,
        UserPoolId=other.id,
        Identifier=server,
    )


def test_a_taken_identifier_is_refused_in_its_pool_alone(idp, pool, make_pool, server):
    message = refused(
        idp,
        "InvalidParameterException",
        idp.create_resource_server,
        UserPoolId=pool.id,
        Identifier=server,
        Name="Again",
    )
    assert message == f"{server} already exists in user pool {pool.id}."
    idp.create_resource_server(UserPoolId=make_pool().id, Identifier=server, Name="Other")


@pytest.mark.parametrize(
    "identifier", ["aws.cognito.signin", "AWS.Cognito", "poolhouse", "Poolhouse/admin"]
)
def test_identifiers_that_stand_for_the_pool_itself_are_reserved(idp, pool, identifier):
    refused(
        idp,
        "InvalidParameterException",
        idp.create_resource_server,
        UserPoolId=pool.id,
        Identifier=identifier,
        Name="x",
    )


def test_two_scopes_of_one_name_are_refused(idp, pool, server):
    for call in (idp.create_resource_server, idp.update_resource_server):
        refused(
            idp,
            "InvalidParameterException",
            call,
            UserPoolId=pool.id,
            Identifier=server,
            Name="x",
            Scopes=[READ, READ],
        )


@pytest.mark.parametrize("scope", ["a/b", "a b", 'a"b', ""])
def test_a_scopes_name_is_held_to_the_model(idp, pool, scope):
    refused(
        idp,
        "InvalidParameterException",
        idp.create_resource_server,
        UserPoolId=pool.id,
        Identifier=API,
        Name="x",
        Scopes=[{"ScopeName": scope, "ScopeDescription": "x"}],
    )


def test_a_pool_has_so_many_resource_servers(idp, pool, monkeypatch, server):
    monkeypatch.setattr(resource_servers, "SERVERS_PER_POOL", 1)
    refused(
        idp,
        "LimitExceededException",
        idp.create_resource_server,
        UserPoolId=pool.id,
        Identifier="second",
        Name="x",
    )


# What clients may ask for


def test_a_client_may_only_name_scopes_that_exist(idp, pool, make_pool, make_client, server):
    with pytest.raises(idp.exceptions.ScopeDoesNotExistException):
        make_client(pool, **machine([f"{API}/write"]))
    with pytest.raises(idp.exceptions.ScopeDoesNotExistException):
        make_client(make_pool(), **machine([f"{API}/read"]))
    assert make_client(pool, **machine([f"{API}/read"])).setting("AllowedOAuthScopes")


def test_a_client_keeps_a_scope_that_is_gone(idp, pool, make_client, server):
    client = make_client(pool, **machine([f"{API}/read"]))
    idp.update_resource_server(UserPoolId=pool.id, Identifier=API, Name="Orders", Scopes=[WRITE])
    described = idp.describe_user_pool_client(UserPoolId=pool.id, ClientId=client.client_id)
    assert described["UserPoolClient"]["AllowedOAuthScopes"] == [f"{API}/read"]


# What is answered


def test_a_resource_server_is_described_as_it_was_made(idp, pool, server):
    described = idp.describe_resource_server(UserPoolId=pool.id, Identifier=server)
    assert described["ResourceServer"] == {
        "UserPoolId": pool.id,
        "Identifier": API,
        "Name": "Orders",
        "Scopes": [READ],
    }
    assert AuditEntry.objects.filter(action="CreateResourceServer", resource=API).count() == 1


def test_an_update_replaces_the_scopes(idp, pool, server):
    changed = idp.update_resource_server(UserPoolId=pool.id, Identifier=API, Name="Sales")
    assert changed["ResourceServer"]["Scopes"] == []
    assert ResourceServer.objects.get().name == "Sales"


def test_resource_servers_are_listed_in_pages(idp, pool, server):
    idp.create_resource_server(UserPoolId=pool.id, Identifier="a", Name="A")
    first = idp.list_resource_servers(UserPoolId=pool.id, MaxResults=1)
    assert [each["Identifier"] for each in first["ResourceServers"]] == ["a"]
    second = idp.list_resource_servers(
        UserPoolId=pool.id, MaxResults=1, NextToken=first["NextToken"]
    )
    assert [each["Identifier"] for each in second["ResourceServers"]] == [API]


def test_a_deleted_resource_server_is_gone(idp, pool, server):
    idp.delete_resource_server(UserPoolId=pool.id, Identifier=server)
    assert idp.list_resource_servers(UserPoolId=pool.id, MaxResults=5)["ResourceServers"] == []
