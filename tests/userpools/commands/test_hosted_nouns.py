"""Resource servers and domains as commands."""

import pytest
from django.core.management import CommandError

from userpools.models import AuditEntry, ResourceServer, UserPoolDomain

API = "https://api.example.com"


@pytest.fixture
def made(ask):
    """A pool that a command made."""
    return ask("pool", "create", "made")["Id"]


def test_a_resource_server_is_made_changed_listed_and_deleted(ask, run, made):
    server = ask(
        "resourceserver", "create", made, API, "--name", "Orders", "--scope", "read=Read orders"
    )
    assert server["Scopes"] == [{"ScopeName": "read", "ScopeDescription": "Read orders"}]
    ask("resourceserver", "update", made, API, "--name", "Sales", "--scope", "write=Write")
    (row,) = ask("resourceserver", "list", made)
    assert (row["Name"], row["Scopes"][0]["ScopeName"]) == ("Sales", "write")
    assert AuditEntry.objects.get(action="CreateResourceServer").source == "command"
    run("resourceserver", "delete", made, API)
    assert not ResourceServer.objects.exists()


def test_a_scope_has_a_description(run, made):
    with pytest.raises(CommandError, match="NAME=VALUE"):
        run("resourceserver", "create", made, API, "--name", "x", "--scope", "read")
    with pytest.raises(CommandError, match="ResourceNotFoundException"):
        run("resourceserver", "delete", made, API)


def test_a_domain_is_made_listed_and_deleted(ask, run, made, settings):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "AUTH_DOMAIN_SUFFIX": "auth.example.net"}
    domain = ask("domain", "create", made, "acme")
    assert domain["Address"] == "http://acme.auth.example.net"
    assert ask("domain", "list") == [domain]
    with pytest.raises(CommandError, match="InvalidParameterException"):
        run("domain", "create", made, "my-aws")
    run("domain", "delete", made, "acme")
    assert not UserPoolDomain.objects.exists()


def test_a_name_of_ones_own_needs_a_certificate(ask, run, made):
    with pytest.raises(CommandError, match="CustomDomainConfig"):
        run("domain", "create", made, "login.example.com")
    arn = "arn:aws:acm:us-east-1:000000000000:certificate/one"
    domain = ask("domain", "create", made, "login.example.com", "--certificate", arn)
    assert domain["Address"] == "http://login.example.com"
