"""`manage.py identitypool`."""

import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from identitypools.models import IdentityPool, IssuerKey, OidcProvider, Role
from tests.identitypools.conftest import ANYTHING, provider_of
from userpools.models import AuditEntry


@pytest.fixture
def run(db):
    def call(*arguments):
        out = io.StringIO()
        call_command("identitypool", *arguments, "--json", stdout=out, stderr=io.StringIO())
        return json.loads(out.getvalue()) if out.getvalue().startswith(("{", "[", '"')) else ""

    return call


def test_a_pool_with_roles_from_the_shell(run, pool, client, ci, token):
    made = run("create", "app", "--guests", "--client", f"{pool.id}={client.client_id}")
    pool_id = made["IdentityPoolId"]
    assert [each["IdentityPoolId"] for each in run("list")] == [pool_id]
    role = run("role", "member", "--pool", pool_id, "--policy", json.dumps(ANYTHING))
    assert run("roles")[0]["Arn"] == role["Arn"]
    run("set-roles", pool_id, "--authenticated", role["Arn"])
    assert run("show", pool_id)["Roles"] == {"authenticated": role["Arn"]}
    given = ("--provider", provider_of(pool), "--token", json.dumps(token))
    tried = run("test-token", pool_id, *given)
    assert (tried["Role"], tried["Trouble"]) == (role["Arn"], None)
    logins = {provider_of(pool): token}
    identity = ci.get_id(IdentityPoolId=pool_id, Logins=logins)["IdentityId"]
    assert ci.get_credentials_for_identity(IdentityId=identity, Logins=logins)["Credentials"]
    with pytest.raises(CommandError, match="--yes"):
        run("delete", pool_id)
    run("delete", pool_id, "--yes")
    assert not IdentityPool.objects.exists()
    assert set(AuditEntry.objects.exclude(source="api").values_list("source", flat=True)) == {
        "command"
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "app", "--provider", "api.twitter.com=1"),
        ("create", "app", "--client", "nothing"),
        ("show", "us-east-1:0"),
        ("delete", "us-east-1:0", "--yes"),
        ("role", "r", "--policy", "{}", "--pool", "p"),
        ("role", "r", "--policy", json.dumps(ANYTHING)),
        ("role", "r", "--policy", json.dumps(ANYTHING), "--trust", json.dumps(ANYTHING)),
        ("delete-role", "arn:aws:iam::000000000000:role/none", "--yes"),
        ("register-provider", "http://a.example", "client"),
        ("remove-provider", "arn:aws:iam::000000000000:oidc-provider/none"),
    ],
)
def test_what_is_wrong_is_an_exit_code(run, arguments):
    with pytest.raises(CommandError):
        run(*arguments)
    assert not IdentityPool.objects.exists()
    assert not Role.objects.exists()


def test_a_token_that_is_refused_fails(run, identity_pool, pool):
    with pytest.raises(CommandError, match="Not a Cognito token"):
        run("test-token", identity_pool.id, "--provider", provider_of(pool), "--token", '"x"')


def test_a_role_is_simulated_changed_and_deleted(run, make_role):
    role = make_role("reader")
    asked = ("simulate", role.arn, "s3:GetObject", "arn:aws:s3:::b/a")
    assert run(*asked) == {"Decision": "Allow", "Statement": 1, "Sid": None}
    allowed = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    trust = json.dumps(role.trust_policy)
    run("role", "reader", "--policy", json.dumps({"Statement": allowed}), "--trust", trust)
    assert run(*asked)["Decision"] == "Deny"
    run("delete-role", role.arn, "--yes")
    assert not Role.objects.exists()


def test_a_vendor_is_chosen(run, identity_pool):
    run("set-vendor", identity_pool.id, "sts", "--endpoint", "https://sts.example/")
    identity_pool.refresh_from_db()
    assert (identity_pool.vendor, identity_pool.sts_endpoint) == ("sts", "https://sts.example")
    with pytest.raises(CommandError):
        run("set-vendor", identity_pool.id, "sts", "--endpoint", "http://testserver/")
    run("set-vendor", identity_pool.id, "default")
    identity_pool.refresh_from_db()
    assert (identity_pool.vendor, identity_pool.sts_endpoint) == ("", "")


def test_a_provider_is_registered_and_removed(run):
    made = run("register-provider", "https://a.example", "one", "two")
    assert run("providers")[0]["ClientIds"] == ["one", "two"]
    run("remove-provider", made["Arn"])
    assert not OidcProvider.objects.exists()


def test_keys_are_rotated(run, identity_pool):
    assert run("rotate-keys") == {"KeyId": "us-east-12"}
    assert IssuerKey.objects.filter(is_active=True).count() == 1


def test_rules_that_users_decide_are_warned_of(identity_pool, pool, client, make_role):
    rule = {"Claim": "nickname", "MatchType": "Equals", "Value": "a", "RoleARN": make_role("x").arn}
    mapping = {
        f"{provider_of(pool)}:{client.client_id}": {
            "Type": "Rules",
            "AmbiguousRoleResolution": "Deny",
            "RulesConfiguration": {"Rules": [rule]},
        }
    }
    said = io.StringIO()
    call_command(
        "identitypool",
        "set-roles",
        identity_pool.id,
        "--mappings",
        json.dumps(mapping),
        stdout=io.StringIO(),
        stderr=said,
    )
    assert "Users may write nickname themselves" in said.getvalue()
