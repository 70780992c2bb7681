"""Access keys as credentials: who may do what, and when a key is refused."""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from django.utils import timezone

from tests import in_process
from userpools import access_keys
from userpools.models import AccessKey, Operator

pytestmark = pytest.mark.django_db


def code_of(call, **members):
    try:
        call(**members)
    except ClientError as exc:
        return exc.response["Error"]["Code"]
    return ""


@pytest.fixture
def signed(application):
    def make(key, secret):
        return in_process.client(
            "cognito-idp",
            application,
            access_key_id=key.access_key_id,
            secret_access_key=secret,
        )

    return make


@pytest.fixture
def issued(operator, signed):
    key, secret = AccessKey.issue(operator)
    return key, signed(key, secret)


def forget(key):
    access_keys.credentials.forget(key.access_key_id)


def test_a_superusers_key_without_a_policy_may_do_everything(issued):
    assert issued[1].list_user_pools(MaxResults=1)["UserPools"] == []


def test_another_operators_key_without_a_policy_may_do_nothing(signed):
    person = Operator.objects.create_user("eva", "eva@example.com", "a-long-password-1")
    client = signed(*AccessKey.issue(person))
    assert code_of(client.list_user_pools, MaxResults=1) == "AccessDeniedException"
    with pytest.raises(ClientError, match="no identity-based policy allows the cognito-idp:Create"):
        client.create_user_pool(PoolName="p")


@pytest.mark.parametrize("change", ["disabled", "expired", "operator", "deleted"])
def test_a_key_that_is_no_longer_good_is_refused(issued, change):
    key, client = issued
    assert code_of(client.list_user_pools, MaxResults=1) == ""
    if change == "disabled":
        AccessKey.objects.update(is_active=False)
    elif change == "expired":
        AccessKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif change == "operator":
        Operator.objects.update(is_active=False)
    else:
        AccessKey.objects.all().delete()
    forget(key)
    assert code_of(client.list_user_pools, MaxResults=1) == "UnrecognizedClientException"


def test_a_key_expires_while_it_is_kept_in_memory(issued, time_machine_now):
    _, client = issued
    AccessKey.objects.update(expires_at=timezone.now() + timedelta(seconds=30))
    assert code_of(client.list_user_pools, MaxResults=1) == ""
    time_machine_now.shift(timedelta(seconds=31))
    assert code_of(client.list_user_pools, MaxResults=1) == "UnrecognizedClientException"


@pytest.fixture
def time_machine_now():
    import time_machine  # noqa: PLC0415

    with time_machine.travel(timezone.now(), tick=True) as traveller:
        yield traveller


def test_a_long_lived_key_comes_without_a_session_token(operator, application):
    key, secret = AccessKey.issue(operator)
    client = in_process.client(
        "cognito-idp", application, access_key_id=key.access_key_id, secret_access_key=secret
    )
    client._request_signer._credentials.token = "a-session-token"
    assert code_of(client.list_user_pools, MaxResults=1) == "UnrecognizedClientException"


def test_a_wrong_secret_is_told_from_an_unknown_key(operator, signed):
    key, _ = AccessKey.issue(operator)
    assert code_of(signed(key, "x" * 40).list_user_pools, MaxResults=1) == (
        "InvalidSignatureException"
    )
    key.access_key_id = "AKIAAAAAAAAAAAAAAAAA"
    assert code_of(signed(key, "x" * 40).list_user_pools, MaxResults=1) == (
        "UnrecognizedClientException"
    )


def test_use_is_noted_once_a_minute(issued):
    key, client = issued
    client.list_user_pools(MaxResults=1)
    key.refresh_from_db()
    first = key.last_used_at
    assert key.last_used_service == "cognito-idp"
    client.list_user_pools(MaxResults=1)
    key.refresh_from_db()
    assert key.last_used_at == first


def test_secrets_are_sealed_at_rest(operator):
    key, secret = AccessKey.issue(operator)
    assert secret.encode() not in bytes(key.secret_sealed)
    assert AccessKey.objects.get().secret() == secret


def test_a_role_in_a_call_needs_permission_to_be_passed(idp, pool, signed):
    person = Operator.objects.create_user("eva", "eva@example.com", "a-long-password-1")
    allowed = {"Effect": "Allow", "Action": "cognito-idp:*", "Resource": "*"}
    role = "arn:aws:iam::111122223333:role/staff"
    members = {"UserPoolId": pool.id, "GroupName": "staff", "RoleArn": role}
    client = signed(*AccessKey.issue(person, policy={"Statement": [allowed]}))
    assert code_of(client.create_group, **members) == "AccessDeniedException"
    passing = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": role}
    client = signed(*AccessKey.issue(person, policy={"Statement": [allowed, passing]}))
    assert client.create_group(**members)["Group"]["RoleArn"] == role
