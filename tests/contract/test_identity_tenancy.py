"""Keys that are scoped to different identity pools cannot reach each other's by any operation."""

from typing import Any

import pytest
from django.apps import apps
from django.forms.models import model_to_dict

from tests.contract.test_tenancy import code_of, sample
from userpools.awsjson.service import Signature, cognito_identity
from userpools.models import Operator

# They answer with what the caller may see, or may reach.
FILTERED = {"ListIdentityPools", "DeleteIdentities", "DescribeIdentity"}
LAST = "DeleteIdentityPool"


class Tenant:
    """An identity pool with a developer's identity in it, and a key that is scoped to the pool."""

    def __init__(self, root: Any, signed_client: Any, name: str) -> None:
        made = root.create_identity_pool(
            IdentityPoolName=name,
            AllowUnauthenticatedIdentities=True,
            DeveloperProviderName="login.example",
        )
        self.pool = made["IdentityPoolId"]
        self.arn = f"arn:aws:cognito-identity:us-east-1:000000000000:identitypool/{self.pool}"
        vouched = root.get_open_id_token_for_developer_identity(
            IdentityPoolId=self.pool, Logins={"login.example": name}
        )
        self.identity = vouched["IdentityId"]
        operator = Operator.objects.create_user(name, f"{name}@example.com", "a-long-password-1")
        statement = {"Effect": "Allow", "Action": "*", "Resource": self.arn}
        self.client = signed_client(
            "cognito-identity", operator=operator, policy={"Statement": [statement]}
        )
        self.names: dict[str, Any] = {
            "IdentityPoolId": self.pool,
            "ResourceArn": self.arn,
            "IdentityId": self.identity,
            "IdentityIdsToDelete": [self.identity],
            "DeveloperProviderName": "login.example",
            "DeveloperUserIdentifier": name,
            "SourceUserIdentifier": name,
            "DestinationUserIdentifier": name,
            "Logins": {"login.example": name},
            "IdentityPoolName": name,
            "Roles": {},
            "MaxResults": 60,
        }


@pytest.fixture
def tenants(signed_client, operator):
    root = signed_client("cognito-identity", operator=operator)
    return Tenant(root, signed_client, "ours"), Tenant(root, signed_client, "theirs")


def signed_operations():
    names = sorted(
        name
        for name, operation in cognito_identity.operations.items()
        if operation.signature is Signature.REQUIRED and name != LAST
    )
    return [*names, LAST]


def names_a_pool(name):
    return {"IdentityPoolId", "ResourceArn"} & cognito_identity.operations[name].members


def body_of(operation, known):
    shape = cognito_identity.operations[operation].model.input_shape
    named = {name: known[name] for name in shape.members if name in known}
    return {**sample(shape, known), **named}


def snapshot():
    models = apps.get_app_config("identitypools").get_models()
    return {
        model.__name__: sorted(str(model_to_dict(row)) for row in model.objects.all())
        for model in models
    }


def test_no_operation_reaches_a_pool_that_the_key_is_not_scoped_to(tenants):
    ours, theirs = tenants
    before = snapshot()
    codes = {
        name: code_of(ours.client, name, body_of(name, theirs.names))
        for name in filter(names_a_pool, signed_operations())
    }
    assert len(codes) > 14
    assert set(codes.values()) == {"AccessDeniedException"}
    assert code_of(ours.client, "DescribeIdentity", {"IdentityId": theirs.identity}) == (
        "ResourceNotFoundException"
    )
    answer = ours.client.delete_identities(IdentityIdsToDelete=[theirs.identity])
    assert answer["UnprocessedIdentityIds"][0]["ErrorCode"] == "AccessDenied"
    assert snapshot() == before


def test_no_operation_reaches_anothers_identity_by_way_of_the_own_pool(tenants):
    ours, theirs = tenants
    before = [row for row in snapshot()["Identity"] if theirs.identity in row]
    foreign = {**theirs.names, "IdentityPoolId": ours.pool, "ResourceArn": ours.arn}
    for name in filter(names_a_pool, signed_operations()):
        code_of(ours.client, name, body_of(name, foreign))
    assert [row for row in snapshot()["Identity"] if theirs.identity in row] == before
    rows = snapshot()["Login"]
    assert sum(theirs.identity in row for row in rows) == 1


def test_every_operation_reaches_the_pool_that_the_key_is_scoped_to(tenants):
    ours, _ = tenants
    codes = {
        name: code_of(ours.client, name, body_of(name, ours.names))
        for name in filter(names_a_pool, signed_operations())
    }
    assert {name for name, code in codes.items() if code == "AccessDeniedException"} == set()
    assert codes["DescribeIdentityPool"] == codes[LAST] == ""


def test_what_concerns_the_account_is_refused_or_filtered(tenants):
    ours, _ = tenants
    rest = [name for name in signed_operations() if not names_a_pool(name)]
    assert "CreateIdentityPool" in rest
    for name in rest:
        code = code_of(ours.client, name, body_of(name, ours.names))
        # What one's own call has deleted is not found by the next.
        expected = (
            {"", "ResourceNotFoundException"} if name in FILTERED else {"AccessDeniedException"}
        )
        assert code in expected, name
