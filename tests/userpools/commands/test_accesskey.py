import pytest
from django.core.management import CommandError

from tests import in_process
from userpools.models import AccessKey, AuditEntry, Operator


@pytest.fixture
def as_key(application):
    """A client that signs with a key as a command printed it."""

    def make(made):
        return in_process.client(
            "cognito-idp",
            application,
            access_key_id=made["AccessKeyId"],
            secret_access_key=made["SecretAccessKey"],
            region=in_process.REGION,
        )

    return make


def test_a_created_key_signs_calls_and_stands_in_the_audit(ask, operator, as_key):
    made = ask("accesskey", "create", "--operator", "root", "--description", "ci")

    assert as_key(made).list_user_pools(MaxResults=1)["UserPools"] == []
    entry = AuditEntry.objects.get(action="CreateAccessKey")
    assert entry.source == "command"
    assert made["SecretAccessKey"] not in str(entry.after)


def test_a_key_for_a_pool_reaches_that_pool_alone(ask, operator, as_key, idp, pool):
    other = idp.create_user_pool(PoolName="other")["UserPool"]["Id"]
    Operator.objects.create_user("tenant")
    tenant = as_key(ask("accesskey", "create", "--operator", "tenant", "--pool", pool.pk))

    assert tenant.describe_user_pool(UserPoolId=pool.pk)["UserPool"]["Id"] == pool.pk
    assert [found["Id"] for found in tenant.list_user_pools(MaxResults=9)["UserPools"]] == [pool.pk]
    with pytest.raises(tenant.exceptions.ClientError, match="AccessDenied"):
        tenant.describe_user_pool(UserPoolId=other)


@pytest.mark.parametrize("document", ["{}", "[]", "no json", '{"Statement":{"Effect":"Maybe"}}'])
def test_a_policy_that_is_none_is_refused(run, operator, document):
    with pytest.raises(CommandError):
        run("accesskey", "create", "--operator", "root", "--policy", document)
    assert not AccessKey.objects.exists()


@pytest.mark.parametrize("text", ["soon", "2001-01-01", "2026-13-01", "5x"])
def test_an_expiry_that_is_no_time_to_come_is_refused(run, operator, text):
    with pytest.raises(CommandError):
        run("accesskey", "create", "--operator", "root", "--expires", text)


def test_an_unknown_operator_is_refused(run):
    with pytest.raises(CommandError, match="Operator"):
        run("accesskey", "create", "--operator", "nobody")


def test_a_disabled_key_is_listed_and_enabled_again(ask, operator):
    key = ask("accesskey", "create", "--operator", "root", "--expires", "90d")["AccessKeyId"]

    ask("accesskey", "disable", key)
    assert [row["Status"] for row in ask("accesskey", "list")] == ["Inactive"]
    assert ask("accesskey", "enable", key)["Status"] == "Active"
    assert "SecretAccessKey" not in str(ask("accesskey", "list", "--operator", "root"))


def test_a_deleted_key_is_gone(run, ask, operator):
    key = ask("accesskey", "create", "--operator", "root")["AccessKeyId"]
    run("accesskey", "delete", key)
    assert ask("accesskey", "list") == []
    with pytest.raises(CommandError):
        run("accesskey", "delete", key)
