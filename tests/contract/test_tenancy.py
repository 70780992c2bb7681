"""Keys that are scoped to different pools cannot reach each other's pool by any operation."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.apps import apps
from django.forms.models import model_to_dict

from userpools.awsjson.service import Signature, cognito_idp
from userpools.models import AppClient, AuditEntry, AuthEvent, Operator, PoolUser, UserPool

ACCOUNT = "000000000000"
# They answer with what the caller may see.
FILTERED = {"ListUserPools"}
# Last, as they leave nothing to work on.
DESTRUCTIVE = ("DeleteUserPoolClient", "DeleteGroup", "AdminDeleteUser", "DeleteUserPool")


def signed_operations():
    names = sorted(
        name
        for name, operation in cognito_idp.operations.items()
        if operation.signature is Signature.REQUIRED
    )
    return [name for name in names if name not in DESTRUCTIVE] + list(DESTRUCTIVE)


def names_a_pool(name):
    return {"UserPoolId", "ResourceArn"} & cognito_idp.operations[name].members


def sample(shape: Any, known: dict[str, Any], name: str = "") -> Any:  # noqa: PLR0911
    """Make a value for a shape: what is known of the member's name, else the smallest that fits."""
    if name in known:
        return known[name]
    match shape.type_name:
        case "structure":
            return {
                each: sample(shape.members[each], known, each) for each in shape.required_members
            }
        case "list":
            return [sample(shape.member, known)] * max(1, shape.metadata.get("min", 1))
        case "map":
            return {"key": sample(shape.value, known)}
        case "boolean":
            return True
        case "integer" | "long":
            return shape.metadata.get("min", 1)
    return shape.metadata["enum"][0] if "enum" in shape.metadata else "x" * 24


def body_of(operation: str, known: dict[str, Any]) -> dict[str, Any]:
    """Make a body with the required members, and with every member that is known."""
    shape = cognito_idp.operations[operation].model.input_shape
    named = {name: known[name] for name in shape.members if name in known}
    return {**sample(shape, known), **named}


def code_of(client, operation, body):
    try:
        client._make_api_call(operation, body)
    except ClientError as exc:
        return exc.response["Error"]["Code"]
    return ""


def answer_of(client, operation, body):
    """Return all that an answer says, an error's text included."""
    try:
        return str(client._make_api_call(operation, body))
    except ClientError as exc:
        return str(exc.response["Error"])


class Tenant:
    """A pool with a client, a group and a user in it, and a key that is scoped to the pool."""

    def __init__(self, root: Any, signed_client: Any, name: str) -> None:
        self.pool = root.create_user_pool(PoolName=name)["UserPool"]["Id"]
        self.arn = f"arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/{self.pool}"
        self.client = root.create_user_pool_client(
            UserPoolId=self.pool,
            ClientName=name,
            GenerateSecret=True,
            ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        )["UserPoolClient"]["ClientId"]
        self.group, self.user = f"{name}-group", f"{name}-user"
        root.create_group(UserPoolId=self.pool, GroupName=self.group)
        root.admin_create_user(UserPoolId=self.pool, Username=self.user, MessageAction="SUPPRESS")
        self.server, self.domain = f"{name}-api", f"{name}-domain"
        root.create_resource_server(UserPoolId=self.pool, Identifier=self.server, Name=name)
        root.create_user_pool_domain(UserPoolId=self.pool, Domain=self.domain)
        self.sub = str(PoolUser.objects.get(pool_id=self.pool).sub)
        root.admin_add_user_to_group(UserPoolId=self.pool, Username=self.user, GroupName=self.group)
        secrets = root.list_user_pool_client_secrets(UserPoolId=self.pool, ClientId=self.client)
        self.secret = secrets["ClientSecrets"][0]["ClientSecretId"]
        operator = Operator.objects.create_user(name, f"{name}@example.com", "a-long-password-1")
        statement = {"Effect": "Allow", "Action": "*", "Resource": self.arn}
        self.idp = signed_client(operator=operator, policy={"Statement": [statement]})

    @property
    def names(self) -> dict[str, Any]:
        """The members that name something of this tenant's."""
        return {
            "UserPoolId": self.pool,
            "ResourceArn": self.arn,
            "ClientId": self.client,
            "GroupName": self.group,
            "Username": self.user,
            "ClientSecretId": self.secret,
            "Identifier": self.server,
            "Domain": self.domain,
        }


@pytest.fixture
def tenants(idp, signed_client):
    return Tenant(idp, signed_client, "ours"), Tenant(idp, signed_client, "theirs")


def snapshot(pool_id):
    """Everything that the database says of a pool, its records of events aside."""
    rows = {}
    for model in apps.get_app_config("userpools").get_models():
        if model in {AuditEntry, AuthEvent}:
            continue
        fields = {field.name for field in model._meta.get_fields()}
        if model is UserPool:
            found = model.objects.filter(pk=pool_id)
        elif "pool" in fields:
            found = model.objects.filter(pool_id=pool_id)
        elif "user" in fields and model.__name__ not in {"AccessToken", "IDToken", "RefreshToken"}:
            found = model.objects.filter(user__pool_id=pool_id)
        else:
            continue
        rows[model.__name__] = sorted(str(model_to_dict(row)) for row in found)
    return rows


@pytest.mark.parametrize("named", ["alone", "with all else"])
def test_no_operation_reaches_a_pool_that_the_key_is_not_scoped_to(tenants, named):
    ours, theirs = tenants
    before = snapshot(theirs.pool)
    codes = {}
    for name in filter(names_a_pool, signed_operations()):
        body = body_of(name, theirs.names)
        if named == "alone":
            body = {each: body[each] for each in names_a_pool(name)}
        codes[name] = code_of(ours.idp, name, body)
    assert len(codes) > 30
    assert set(codes.values()) == {"AccessDeniedException"}
    assert snapshot(theirs.pool) == before


def test_no_operation_reaches_anothers_things_by_way_of_the_own_pool(tenants):
    ours, theirs = tenants
    before = snapshot(theirs.pool)
    foreign = {**theirs.names, "UserPoolId": ours.pool, "ResourceArn": ours.arn}
    secret = AppClient.objects.get(client_id=theirs.client).secret_values[0]
    for name in filter(names_a_pool, signed_operations()):
        answer = answer_of(ours.idp, name, body_of(name, foreign))
        # Created here under the other's name, or refused: never what belongs to the other.
        assert secret not in answer, name
        assert theirs.pool not in answer, name
        assert theirs.sub not in answer, name
    assert snapshot(theirs.pool) == before


def test_every_operation_reaches_the_pool_that_the_key_is_scoped_to(tenants):
    ours, _ = tenants
    codes = {
        name: code_of(ours.idp, name, body_of(name, ours.names))
        for name in filter(names_a_pool, signed_operations())
    }
    assert {name for name, code in codes.items() if code == "AccessDeniedException"} == set()
    assert codes["DescribeUserPool"] == codes["DeleteUserPool"] == ""
    assert not UserPool.objects.filter(pk=ours.pool).exists()


def test_what_concerns_the_account_is_refused_or_filtered(tenants):
    ours, _ = tenants
    rest = [name for name in signed_operations() if not names_a_pool(name)]
    assert "CreateUserPool" in rest
    for name in rest:
        code = code_of(ours.idp, name, body_of(name, {**ours.names, "MaxResults": 60}))
        assert code == ("" if name in FILTERED else "AccessDeniedException"), name


def test_a_list_shows_the_own_pools_only(tenants):
    for tenant in tenants:
        listed = tenant.idp.list_user_pools(MaxResults=60)["UserPools"]
        assert [each["Id"] for each in listed] == [tenant.pool]


def test_the_arn_that_the_policy_judges_is_the_one_that_is_acted_on(tenants):
    ours, theirs = tenants
    disguised = ours.arn.replace(ours.pool, theirs.pool)
    assert code_of(ours.idp, "ListTagsForResource", {"ResourceArn": disguised}) == (
        "AccessDeniedException"
    )


def test_no_operation_finds_a_pool_from_another_region(tenants, operator, signed_client):
    _, theirs = tenants
    elsewhere = signed_client(operator=operator, region="eu-west-1")
    before = snapshot(theirs.pool)
    codes = {
        name: code_of(elsewhere, name, body_of(name, theirs.names))
        for name in filter(names_a_pool, signed_operations())
    }
    # What is sent may be refused before the pool is looked up, as AddCustomAttributes' sample is.
    assert set(codes.values()) <= {"ResourceNotFoundException", "InvalidParameterException"}
    assert list(codes.values()).count("ResourceNotFoundException") > 30
    assert snapshot(theirs.pool) == before
